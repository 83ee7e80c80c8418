// The parts of a file: what load.cpp hands each list and map to. Every function reports what is
// wrong and returns what it could read; nothing of it is used once there was an error. One load,
// one thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/fields.h"
#include "config/load.h"
#include "config/problems.h"
#include "config/yaml.h"

namespace fedwave::config {

// What the collector has and we leave aside: told in one warning for the whole file.
class LeftAside {
 public:
  void add(Position where, std::string name);
  void report(Problems& problems) const;
  [[nodiscard]] bool empty() const { return names_.empty(); }

 private:
  std::vector<std::pair<Position, std::string>> names_;
};

struct Reading {
  Problems& problems;
  const Environment& environment;
  LeftAside& left_aside;
};

// Top-level keys that every source inherits.
struct SourceDefaults {
  std::int64_t interval_ms = 60'000;
  bool convert_histograms = false;
  bool omit_bucket_suffix = false;
};

std::vector<Source> read_sources(const Node& list, const SourceDefaults& defaults,
                                 Reading& reading);

// `names_have_underscores`: names with '_' may be meant, so no pattern with one is a mistake.
std::vector<Sink> read_sinks(const Node& list, std::int64_t request_timeout_ms,
                             bool names_have_underscores, Reading& reading);

// Names have every '_' made a '.', so a pattern with one is a mistake worth a warning, unless
// `names_have_underscores`.
FilterRules read_filters(const Node* node, bool names_have_underscores, Problems& problems);

Tls read_tls(const Node* node, Problems& problems);
HttpOptions read_http_options(const Node* node, Reading& reading);

// A text in which ${NAME} works and which must not hold line breaks; shown nowhere.
bool read_secret(Fields& fields, std::string_view key, Secret& secret, Reading& reading);

// Reads a path and reports a file that cannot be read.
bool read_path(Fields& fields, std::string_view key, std::string& path, Severity severity,
               Problems& problems);

// Reports a file that cannot be read.
void check_file(std::string_view key, const std::string& path, Position where, Severity severity,
                Problems& problems);

// An HTTP proxy, from a URL in which ${NAME} works. The URL is kept without its credentials,
// because libcurl shows a URL that it does not understand.
struct HttpProxy {
  std::string url;       // scheme, host and port; empty for none
  std::string username;  // decoded
  Secret password;       // decoded
};
HttpProxy read_http_proxy(Fields& fields, std::string_view key, Reading& reading);

// Gives the second and later bearers of a name a number, with a warning that calls them `noun`s.
template <class Item>
void make_names_unique(std::vector<Item>& items, const std::string& noun, Problems& problems) {
  std::set<std::string> taken;
  for (Item& item : items) taken.insert(item.name);
  std::set<std::string> used;
  for (Item& item : items) {
    // Without a name there was an error already.
    if (item.name.empty() || used.insert(item.name).second) continue;
    const std::string name = item.name;
    for (int number = 2; !taken.insert(item.name).second; ++number) {
      item.name = name + " #" + std::to_string(number);
    }
    problems.warning(item.where, "there is already a " + noun + " " + in_quotes(name),
                     "this one is called " + in_quotes(item.name) + "; give it a name of its own");
  }
}

}  // namespace fedwave::config
