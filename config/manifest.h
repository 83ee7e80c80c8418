// A Kubernetes ConfigMap as people keep it in a file: the configuration is a text within it. Pure
// functions, one load, one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/problems.h"
#include "config/yaml.h"

namespace fedwave::config {

// Does the file say that it is a Kubernetes object rather than a configuration?
bool is_manifest(const Node& root);

struct Embedded {
  std::string_view text;  // borrows the tree
  Origin origin;          // where it stands in `file_text`
};

// The configuration within a ConfigMap; anything wrong goes to `problems`.
std::optional<Embedded> embedded_document(const Node& root, std::string_view file_text,
                                          Problems& problems);

}  // namespace fedwave::config
