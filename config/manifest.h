// A Kubernetes ConfigMap as people keep it in a file: the configuration is a text within it. Other
// objects may stand beside it, as documents of their own or as items of a List. Pure functions, one
// load, one thread.
#pragma once

#include <deque>
#include <optional>
#include <string_view>

#include "config/problems.h"
#include "config/yaml.h"

namespace fedwave::config {

// Does the document say that it is a Kubernetes object rather than a configuration?
bool is_manifest(const Node& root);

struct Embedded {
  std::string_view text;  // borrows the tree
  Origin origin;          // where it stands in the file
  Position object_where;  // of the ConfigMap
};

// The configuration within the one ConfigMap that holds one; anything wrong goes to `problems`,
// which also learns where places within the text are.
std::optional<Embedded> embedded_document(const std::deque<Document>& documents,
                                          std::string_view file_text, Problems& problems);

}  // namespace fedwave::config
