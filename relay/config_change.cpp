#include "relay/config_change.h"

#include <algorithm>

#include "relay/base/text.h"
#include "relay/commands/readable.h"

namespace fedwave::relay {
namespace {

// Of each kind of change; the rest is counted.
constexpr std::size_t kNamesShown = 10;

template <class Item>
const Item* find_named(const std::vector<Item>& items, const std::string& name) {
  const auto found = std::find_if(items.begin(), items.end(),
                                  [&name](const Item& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

template <class Item>
NamesChanged compare(const std::vector<Item>& before, const std::vector<Item>& after) {
  NamesChanged names;
  for (const Item& item : after) {
    const Item* known = find_named(before, item.name);
    if (known == nullptr) {
      names.added.push_back(item.name);
    } else if (*known == item) {
      ++names.unchanged;
    } else {
      names.changed.push_back(item.name);
    }
  }
  for (const Item& item : before) {
    if (find_named(after, item.name) == nullptr) names.removed.push_back(item.name);
  }
  return names;
}

void append_names(std::string& text, const char* what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  if (!text.empty()) text += ", ";
  text += what;
  const char* before = " ";
  for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i) {
    text.append(before).append("\"").append(base::printable(names[i])).append("\"");
    before = ", ";
  }
  if (names.size() > kNamesShown) text += " and " + grouped(names.size() - kNamesShown) + " more";
}

std::string to_text(const char* kind, const NamesChanged& names) {
  std::string text;
  append_names(text, "added", names.added);
  append_names(text, "changed", names.changed);
  append_names(text, "removed", names.removed);
  if (names.unchanged > 0 || text.empty()) {
    text += (text.empty() ? "" : ", ") + std::to_string(names.unchanged) + " as before";
  }
  return std::string(kind) + ": " + text;
}

}  // namespace

ConfigChange changes_between(const config::Config& before, const config::Config& after) {
  ConfigChange change;
  change.sources = compare(before.sources, after.sources);
  change.sinks = compare(before.sinks, after.sinks);
  const auto note = [&change](bool is_same, const char* name) {
    if (!is_same) change.settings.emplace_back(name);
  };
  note(before.cluster_name == after.cluster_name, "clusterName");
  note(before.glob_compat == after.glob_compat, "globCompat");
  note(before.shutdown_grace_ms == after.shutdown_grace_ms, "shutdownGrace");
  note(before.internal_stats == after.internal_stats, "internal_stats_source");
  note(before.status == after.status, "status");
  return change;
}

std::string to_text(const ConfigChange& change) {
  std::string text = to_text("sources", change.sources) + "; " + to_text("sinks", change.sinks);
  if (change.settings.empty()) return text;
  text += "; changed";
  const char* before = " ";
  for (const std::string& name : change.settings) {
    text.append(before).append(name);
    before = ", ";
  }
  return text;
}

}  // namespace fedwave::relay
