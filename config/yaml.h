// YAML text as a plain tree in which every value knows its place. Aliases are already followed
// (they share their node), merges are not: Fields does those. yaml.cpp is the only user of
// yaml-cpp, and none of its exceptions leave it. Pure functions, any thread; a Document owns its
// nodes.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/problems.h"
#include "config/quoted_text.h"

namespace fedwave::config {

inline constexpr std::size_t kYamlDepthMax = 64;
// What aliases may add to a document when they are written out, in bytes.
inline constexpr std::size_t kAliasBytesMax = std::size_t{4} << 20;

struct Node {
  enum class Kind { Null, Scalar, List, Map };
  struct Entry;

  Kind kind = Kind::Null;
  Position where;
  std::string text;    // Scalar: as written, without quotes and escapes
  bool plain = false;  // Scalar: not quoted, so that yes, 5 and << may have their meaning
  std::vector<const Node*> items;  // List
  std::vector<Entry> entries;      // Map
  std::size_t bytes = 0;           // with everything below written out
};

struct Node::Entry {
  const Node* key = nullptr;
  const Node* value = nullptr;
};

// Where a text stands within the file that it comes from.
struct Origin {
  int lines_before = 0;
  int columns_before = 0;
  const QuotedText* quoted = nullptr;  // instead of the two: the text stands between quotes
  Position everything_at;              // set (line > 0) when places within the text cannot be told
};

struct Document {
  std::deque<Node> nodes;
  const Node* root = nullptr;
};

// Reads the documents of the text, leaving out those that hold nothing, up to the first of which
// `goes_on` says no; if there are more, that is a warning. Anything wrong goes to `problems`.
std::deque<Document> parse_yaml(std::string_view text, const Origin& origin, Problems& problems,
                                const std::function<bool(const Node& root)>& goes_on);

// Nothing, or a list or map with nothing in it.
bool is_empty(const Node* node);

// "a list", "a map", …: what the node is, as messages say it.
std::string_view kind_name(const Node& node);

}  // namespace fedwave::config
