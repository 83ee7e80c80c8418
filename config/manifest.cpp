#include "config/manifest.h"

#include <algorithm>
#include <vector>

namespace fedwave::config {
namespace {

const Node* value_of(const Node& map, std::string_view key) {
  for (const Node::Entry& entry : map.entries) {
    if (entry.key->text == key) return entry.value;
  }
  return nullptr;
}

// The text from the start of a line (from 1) on.
std::string_view from_line(std::string_view text, int line) {
  for (; line > 1; --line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text;
}

// Blanks before the first line that is not empty.
int indentation(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \r\n");
  if (first == std::string_view::npos) return 0;
  const std::size_t line = text.rfind('\n', first);
  return static_cast<int>(first - (line == std::string_view::npos ? 0 : line + 1));
}

// Only a literal block has its lines where the file has them.
Origin origin_of(const Node& value, std::string_view file_text, Problems& problems) {
  const std::string_view header = from_line(file_text, value.where.line);
  const auto column = static_cast<std::size_t>(value.where.column - 1);
  Origin origin;
  if (column >= header.size() || header[column] != '|') {
    origin.everything_at = value.where;
    problems.warning(value.where,
                     "the embedded file is not a \"|\" block, so that its problems have no line",
                     "write it after \"|\", indented");
    return origin;
  }
  origin.lines_before = value.where.line;
  origin.columns_before =
      indentation(from_line(file_text, value.where.line + 1)) - indentation(value.text);
  return origin;
}

const Node::Entry* choose_entry(const Node& data, Problems& problems) {
  if (data.entries.size() == 1) return &data.entries.front();
  std::vector<std::string_view> names;
  for (const Node::Entry& entry : data.entries) names.emplace_back(entry.key->text);
  for (const std::string_view name : {"config.yaml", "collector.yaml"}) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end()) return &data.entries[static_cast<std::size_t>(found - names.begin())];
  }
  problems.error(
      data.where, "none of the ConfigMap's entries is config.yaml or collector.yaml",
      names.empty() ? "add one" : "rename the one that is meant: " + one_line(joined(names)));
  return nullptr;
}

}  // namespace

bool is_manifest(const Node& root) {
  if (root.kind != Node::Kind::Map) return false;
  const Node* kind = value_of(root, "kind");
  return kind != nullptr && kind->kind == Node::Kind::Scalar &&
         (value_of(root, "apiVersion") != nullptr || value_of(root, "data") != nullptr);
}

std::optional<Embedded> embedded_document(const Node& root, std::string_view file_text,
                                          Problems& problems) {
  const Node& kind = *value_of(root, "kind");
  const Node* data = value_of(root, "data");
  if (kind.text != "ConfigMap") {
    problems.error(kind.where, "this is a Kubernetes " + in_quotes(kind.text) + ", not a ConfigMap",
                   "name the file of the ConfigMap, or the configuration itself");
    return std::nullopt;
  }
  if (data == nullptr || data->kind != Node::Kind::Map) {
    problems.error(data == nullptr ? root.where : data->where, "the ConfigMap has no data",
                   "write \"data:\" with an entry config.yaml below it");
    return std::nullopt;
  }
  const Node::Entry* entry = choose_entry(*data, problems);
  if (entry == nullptr) return std::nullopt;
  if (entry->value->kind != Node::Kind::Scalar) {
    problems.error(entry->value->where, in_quotes(entry->key->text) + " is not text",
                   "write \"" + one_line(entry->key->text) + ": |\" before the configuration");
    return std::nullopt;
  }
  return Embedded{entry->value->text, origin_of(*entry->value, file_text, problems)};
}

}  // namespace fedwave::config
