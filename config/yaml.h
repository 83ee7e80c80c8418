// YAML text as a plain tree in which every value knows its place. Aliases are already followed
// (they share their node), merges are not: Fields does those. yaml.cpp is the only user of
// yaml-cpp, and none of its exceptions leave it. Pure functions, any thread; a Document owns its
// nodes.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/problems.h"

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
  Position everything_at;  // set (line > 0) when places within the text cannot be told
};

struct Document {
  std::deque<Node> nodes;
  const Node* root = nullptr;  // null when the text holds no document or is not valid
};

// Reads the first document of the text; anything wrong goes to `problems`.
Document parse_yaml(std::string_view text, const Origin& origin, Problems& problems);

// "a list", "a map", …: what the node is, as messages say it.
std::string_view kind_name(const Node& node);

}  // namespace fedwave::config
