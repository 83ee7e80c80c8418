// Reads one map of the file key by key. Every key that is asked for is thereby legal; done()
// reports the others. A key that is absent or null leaves the default alone; a value of the wrong
// shape is a problem with its place and what to write instead. Lives for one map within one load;
// the nodes and the Problems must outlive it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "config/load.h"
#include "config/problems.h"
#include "config/yaml.h"

namespace fedwave::config {

// A map's entries with duplicates reported and merges (`<<`) done: its own keys win, then the
// earlier merge.
std::vector<Node::Entry> merged_entries(const Node& map, Problems& problems);

class Fields {
 public:
  // A null node counts as an empty map. `name` is what messages call the map.
  Fields(const Node* node, std::string_view name, Problems& problems);

  // The value, or nullptr when the key is absent or has none.
  const Node* get(std::string_view key);

  // Each of these returns whether the key was there with a good value, and only then writes it.
  bool text(std::string_view key, std::string& value);
  bool boolean(std::string_view key, bool& value);
  bool integer(std::string_view key, std::int64_t& value, std::int64_t least, std::int64_t most);
  bool number(std::string_view key, double& value);
  bool bytes(std::string_view key, std::int64_t& value, std::int64_t least, std::int64_t most);
  bool duration(std::string_view key, std::int64_t& duration_ms);
  bool words(std::string_view key, std::vector<std::string>& value);
  bool word_map(std::string_view key, std::map<std::string, std::string>& value);

  // One of a few words; the offered ones are listed when it is none of them.
  template <class T>
  bool choice(std::string_view key, T& value,
              std::initializer_list<std::pair<std::string_view, T>> offered) {
    std::string written;
    if (!text(key, written)) return false;
    std::vector<std::string_view> names;
    for (const auto& [name, meaning] : offered) {
      if (name == written) {
        value = meaning;
        return true;
      }
      names.push_back(name);
    }
    report_choice(key, written, names);
    return false;
  }

  // Accepts a key without looking at its value; says whether it is there.
  bool present(std::string_view key);

  // Reports the keys nobody asked for.
  void done();

  // Of the map itself, and of a key's value (the map's place when the key is absent).
  [[nodiscard]] Position where() const { return where_; }
  [[nodiscard]] Position where(std::string_view key) const;
  [[nodiscard]] Position key_where(std::string_view key) const;

  // False when something else stood there, which has been reported.
  [[nodiscard]] bool is_map() const { return is_map_; }

 private:
  const Node::Entry* find(std::string_view key) const;
  void know(std::string_view key);
  const Node* scalar(std::string_view key, std::string_view needed, std::string_view advice);
  void report_choice(std::string_view key, std::string_view written,
                     const std::vector<std::string_view>& names);
  [[nodiscard]] std::string unknown_advice(std::string_view key) const;

  std::string name_;
  Problems& problems_;
  Position where_;
  bool is_map_ = true;
  std::vector<Node::Entry> entries_;
  std::vector<std::string_view> known_;
};

// Reports that `key` has a value of the wrong shape.
void wrong_kind(const Node& node, std::string_view key, std::string_view needed,
                std::string_view advice, Problems& problems);

// The elements of a list of plain texts; a null element is an empty text. Reports anything else.
std::vector<const Node*> text_items(const Node& node, std::string_view key, Problems& problems);

// Without the blanks and line breaks at both ends.
std::string_view trimmed(std::string_view text);

// Replaces ${NAME} by the variable and $$ by a dollar. Reports a name that is not set.
bool expand_environment(std::string& text, Position where, const Environment& environment,
                        Problems& problems);

}  // namespace fedwave::config
