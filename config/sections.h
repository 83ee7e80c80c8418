// The parts of a file: what load.cpp hands each list and map to. Every function reports what is
// wrong and returns what it could read; nothing of it is used once there was an error. One load,
// one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/fields.h"
#include "config/load.h"
#include "config/problems.h"
#include "config/url.h"
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

// `internal_stats_source`; null for one without content. It gets a name that no source has.
Source read_internal_stats(const Node* node, const std::vector<Source>& sources,
                           const SourceDefaults& defaults, Reading& reading);

Status read_status(const Node* node, Reading& reading);

// What every sink inherits from the top level.
struct SinkDefaults {
  std::int64_t request_timeout_ms = 20'000;
  Spool spool;
  // Names with '_' may be meant, so no pattern with one is a mistake.
  bool names_have_underscores = false;
};

std::vector<Sink> read_sinks(const Node& list, const SinkDefaults& defaults, Reading& reading);

// Where a sink sends to, the token that it shows there and the HTTP proxy on the way; also its
// name, unless it has one.
void read_target(Fields& fields, bool is_stdout, Sink& sink, Reading& reading);

CloudServices read_cloud_services(const Node& node, Reading& reading);

// A map `spool`, of a sink or of the file: what it leaves out is as in `defaults`. The node must
// outlive it.
class SpoolReader {
 public:
  SpoolReader(const Node* node, const Spool& defaults, Reading& reading);

  [[nodiscard]] const Spool& spool() const { return spool_; }

  // Warns of the keys that are written here and only say something about a spool on disk.
  void warn_without_directory();

 private:
  void read_directory(const Environment& environment);
  void read_max_age();
  void read_sync();

  Fields fields_;
  Problems& problems_;
  Spool spool_;
};

// What is known of the points that a filter sees, so that it can be told what never matches.
struct FilteredPoints {
  // Names have every '_' made a '.', so a pattern with one is a mistake, unless they may be meant.
  bool have_underscores = false;
  // From /federate: all untyped, so every name ends in ".value", and no label's name has a '.'.
  bool are_federated = false;
  Tags tags{};  // what the configuration adds
};
FilterRules read_filters(const Node* node, const FilteredPoints& points, Problems& problems);

// `tls_config` of the map, whose HTTP proxy stands under `proxy_key`.
Tls read_tls(Fields& fields, std::string_view proxy_key, const std::string& proxy_url,
             Problems& problems);
HttpOptions read_http_options(const Node* node, Reading& reading);

// `bearer_token`, `bearer_token_file` and `basic_auth`, which exclude one another.
struct Credentials {
  Secret bearer_token{};
  std::string bearer_token_file{};
  std::string basic_username{};
  Secret basic_password{};
  std::string basic_password_file{};
  bool could_be_read = true;  // else a problem has been reported
};
Credentials read_credentials(Fields& fields, Reading& reading);

// `Target` is whatever shows them, or asks for them.
template <class Target>
void set_credentials(Target& target, Credentials credentials) {
  target.bearer_token = std::move(credentials.bearer_token);
  target.bearer_token_file = std::move(credentials.bearer_token_file);
  target.basic_username = std::move(credentials.basic_username);
  target.basic_password = std::move(credentials.basic_password);
  target.basic_password_file = std::move(credentials.basic_password_file);
}

// `cert_file` and `key_file`: both or neither.
void read_certificate(Fields& fields, std::string& cert_file, std::string& key_file,
                      Problems& problems);

// A text in which ${NAME} works and which must not hold line breaks; shown nowhere.
bool read_secret(Fields& fields, std::string_view key, Secret& secret, Reading& reading);

// A secret as text, or in a file that is left to be read later; a file that stands beside the text
// is dropped with a warning. False when there is a text that could not be read.
bool read_secret_or_file(Fields& fields, std::string_view key, Secret& secret,
                         std::string_view file_key, std::string& path, Severity severity,
                         Reading& reading);

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

// The HTTP proxy that the environment has for all of the addresses; one that is no URL never takes
// any. Where it has one for some of them only, or a bad one, it is not used, which is a warning.
HttpProxy environment_proxy(const std::vector<std::optional<Url>>& addresses, Position where,
                            Reading& reading);

// `Target` is whatever is reached through an HTTP proxy.
template <class Target>
void set_http_proxy(Target& target, HttpProxy proxy) {
  target.proxy_url = std::move(proxy.url);
  target.proxy_username = std::move(proxy.username);
  target.proxy_password = std::move(proxy.password);
}

// A URL with scheme, host, port and path and nothing else. `what` is what messages call it.
std::optional<Url> read_plain_url(const std::string& what, std::string_view text, Position where,
                                  Problems& problems);

// The name with the first number, from 2 on, that makes it a new one; taken then.
std::string numbered_name(const std::string& name, std::set<std::string>& taken);

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
    item.name = numbered_name(name, taken);
    problems.warning(item.where, "there is already a " + noun + " " + in_quotes(name),
                     "this one is called " + in_quotes(item.name) + "; give it a name of its own");
  }
}

}  // namespace fedwave::config
