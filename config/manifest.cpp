#include "config/manifest.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace fedwave::config {
namespace {

constexpr const char* kNameTheFile = "name the file of the ConfigMap, or the configuration itself";

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

// Only a block and a quoted text have their characters where the file has them.
Origin origin_of(const Node::Entry& entry, std::string_view file_text, Problems& problems) {
  const Node& value = *entry.value;
  Origin origin;
  if (auto quoted = QuotedText::find(file_text, value.where, value.text)) {
    origin.quoted = &problems.enter(*std::move(quoted), entry.key->text);
    return origin;
  }
  const std::string_view header = from_line(file_text, value.where.line);
  const auto column = static_cast<std::size_t>(value.where.column - 1);
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

bool is_config_map(const Node& object) {
  const Node* kind = value_of(object, "kind");
  return kind != nullptr && kind->text == "ConfigMap";
}

// As rules for the collector's discovery have it.
bool has_discovery_annotation(const Node& config_map) {
  const Node* metadata = value_of(config_map, "metadata");
  const Node* annotations = metadata == nullptr ? nullptr : value_of(*metadata, "annotations");
  return annotations != nullptr &&
         value_of(*annotations, "wavefront.com/discovery-config") != nullptr;
}

// The entry by one of the names that the collector's own manifests have.
const Node::Entry* named_entry(const Node& data) {
  for (const std::string_view name : {"config.yaml", "collector.yaml"}) {
    for (const Node::Entry& entry : data.entries) {
      if (entry.key->text == name) return &entry;
    }
  }
  return nullptr;
}

const Node::Entry* choose_entry(const Node& data, Problems& problems) {
  if (data.entries.size() == 1) return &data.entries.front();
  if (const Node::Entry* entry = named_entry(data)) return entry;
  std::vector<std::string_view> names;
  for (const Node::Entry& entry : data.entries) names.emplace_back(entry.key->text);
  problems.error(
      data.where, "none of the ConfigMap's entries is config.yaml or collector.yaml",
      names.empty() ? "add one" : "rename the one that is meant: " + one_line(joined(names)));
  return nullptr;
}

std::optional<Embedded> embedded_in(const Node& object, std::string_view file_text,
                                    Problems& problems) {
  if (!is_config_map(object)) {
    const Node& kind = *value_of(object, "kind");
    problems.error(kind.where, "this is a Kubernetes " + in_quotes(kind.text) + ", not a ConfigMap",
                   kNameTheFile);
    return std::nullopt;
  }
  const Node* data = value_of(object, "data");
  if (data == nullptr || data->kind != Node::Kind::Map) {
    problems.error(data == nullptr ? object.where : data->where, "the ConfigMap has no data",
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
  return Embedded{entry->value->text, origin_of(*entry, file_text, problems), object.where};
}

using Objects = std::vector<const Node*>;

// The object, or those of a List.
void add_objects(const Node& root, Objects& objects) {
  const Node* kind = value_of(root, "kind");
  if (kind == nullptr || kind->kind != Node::Kind::Scalar) return;
  const Node* items = value_of(root, "items");
  if (!kind->text.ends_with("List") || items == nullptr) {
    objects.push_back(&root);
    return;
  }
  for (const Node* item : items->items) add_objects(*item, objects);
}

template <class Predicate>
Objects those(const Objects& objects, Predicate is_wanted) {
  Objects wanted;
  std::copy_if(objects.begin(), objects.end(), std::back_inserter(wanted),
               [&](const Node* object) { return is_wanted(*object); });
  return wanted;
}

// The ConfigMaps that may hold the configuration: those with an entry of the right name, else those
// with one entry.
Objects candidates(const Objects& config_maps) {
  const auto has_named_entry = [](const Node& object) {
    const Node* data = value_of(object, "data");
    return data != nullptr && named_entry(*data) != nullptr;
  };
  const auto has_one_entry = [](const Node& object) {
    const Node* data = value_of(object, "data");
    return data != nullptr && data->entries.size() == 1;
  };
  const Objects configurations =
      those(config_maps, [](const Node& object) { return !has_discovery_annotation(object); });
  Objects named = those(configurations, has_named_entry);
  return named.empty() ? those(configurations, has_one_entry) : named;
}

// "Wavefront (line 2), ConfigMap collector-config (line 14)".
std::string described(const Objects& objects) {
  constexpr std::size_t kShownMax = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(objects.size(), kShownMax); ++i) {
    const Node& object = *objects[i];
    const Node* metadata = value_of(object, "metadata");
    const Node* name = metadata == nullptr ? nullptr : value_of(*metadata, "name");
    text += (text.empty() ? "" : ", ") + one_line(value_of(object, "kind")->text);
    if (name != nullptr && !name->text.empty()) text += " " + one_line(name->text);
    text += " (line " + std::to_string(object.where.line) + ")";
  }
  return objects.size() > kShownMax ? text + ", …" : text;
}

// The one object that is meant among several.
const Node* choose_object(const Objects& objects, Problems& problems) {
  const Objects config_maps = those(objects, is_config_map);
  const Objects chosen = config_maps.size() == 1 ? config_maps : candidates(config_maps);
  if (chosen.size() == 1) return chosen.front();
  if (config_maps.empty()) {
    problems.error(objects.front()->where,
                   "none of these Kubernetes objects is a ConfigMap: " + described(objects),
                   kNameTheFile);
  } else if (chosen.empty()) {
    problems.error(
        config_maps.front()->where,
        "none of these has an entry config.yaml or collector.yaml: " + described(config_maps),
        "rename the entry that is meant");
  } else {
    problems.error(chosen.front()->where,
                   "more than one of these may hold the configuration: " + described(chosen),
                   "put the one that is meant into a file of its own");
  }
  return nullptr;
}

}  // namespace

bool is_manifest(const Node& root) {
  if (root.kind != Node::Kind::Map) return false;
  const Node* kind = value_of(root, "kind");
  return kind != nullptr && kind->kind == Node::Kind::Scalar &&
         (value_of(root, "apiVersion") != nullptr || value_of(root, "data") != nullptr);
}

std::optional<Embedded> embedded_document(const std::deque<Document>& documents,
                                          std::string_view file_text, Problems& problems) {
  Objects objects;
  for (const Document& document : documents) add_objects(*document.root, objects);
  if (objects.empty()) {
    problems.error(documents.front().root->where, "the list of Kubernetes objects is empty",
                   kNameTheFile);
    return std::nullopt;
  }
  const Node* object = objects.size() == 1 ? objects.front() : choose_object(objects, problems);
  if (object == nullptr) return std::nullopt;
  return embedded_in(*object, file_text, problems);
}

}  // namespace fedwave::config
