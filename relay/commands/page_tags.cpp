#include "relay/commands/page_tags.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "parsers/text_parser.h"
#include "relay/base/edit_distance.h"
#include "relay/base/text.h"
#include "relay/explain/explanation_text.h"

namespace fedwave::relay {
namespace {

using Keys = std::set<std::string, std::less<>>;

bool has_tag_lists(const config::FilterRules& rules) {
  return !rules.metric_tag_allow.empty() || !rules.metric_tag_deny.empty();
}

bool parse(const PageSeries& series, const config::Source& source, parsers::SeriesBuffer& parsed) {
  return parsers::parse_series(series.series, parsed,
                               static_cast<std::size_t>(source.limits.labels)) ==
         parsers::Malformed::None;
}

Keys source_keys(const config::Source& source, const std::vector<SourcePage>& pages) {
  Keys keys;
  for (const auto& [key, value] : source.tags) keys.insert(key);
  parsers::SeriesBuffer parsed;
  for (const SourcePage& page : pages) {
    if (!page.instance.empty()) keys.insert("instance");
    for (const PageSeries& series : page.series) {
      if (!parse(series, source, parsed)) continue;
      for (const parsers::LabelView& label : parsed.labels) {
        if (keys.find(label.name) == keys.end()) keys.emplace(label.name);
      }
    }
  }
  return keys;
}

std::string nearest_of(const Keys& keys, const std::string& wanted) {
  const std::string* nearest = nullptr;
  std::size_t least = wanted.size() / 4 + 2;
  for (const std::string& key : keys) {
    const std::size_t distance = base::edit_distance(base::lower(wanted), base::lower(key), least);
    if (distance >= least) continue;
    least = distance;
    nearest = &key;
  }
  return nearest == nullptr ? std::string() : *nearest;
}

void add_misspelt(const config::TagPatterns& rules, const char* list, const Keys& keys,
                  const std::string& file, std::vector<std::string>& misspelt) {
  for (const auto& [key, patterns] : rules) {
    const std::string nearest = keys.contains(key) ? "" : nearest_of(keys, key);
    if (nearest.empty()) continue;
    const Rule rule{.list = list,
                    .pattern = "",
                    .tag_key = "",
                    .where = patterns.empty() ? config::Position{} : patterns.front().where};
    misspelt.push_back(rule_text(rule, file) + ": no series has the tag \"" + base::printable(key) +
                       "\"; the nearest is " + base::printable(nearest));
  }
}

void add_misspelt(const config::FilterRules& rules, const Keys& keys, const std::string& file,
                  std::vector<std::string>& misspelt) {
  add_misspelt(rules.metric_tag_allow, "metricTagAllowList", keys, file, misspelt);
  add_misspelt(rules.metric_tag_deny, "metricTagDenyList", keys, file, misspelt);
}

}  // namespace

bool looks_at_tags(const config::Config& config, const config::Source& source) {
  return has_tag_lists(source.filters) ||
         std::any_of(config.sinks.begin(), config.sinks.end(),
                     [](const config::Sink& sink) { return has_tag_lists(sink.filters); });
}

bool has_labels(const PageSeries& series, const AskedSeries& asked, const config::Source& source) {
  if (asked.labels.empty()) return true;
  parsers::SeriesBuffer parsed;
  if (!parse(series, source, parsed)) return false;
  return std::all_of(asked.labels.begin(), asked.labels.end(), [&](const auto& label) {
    const auto own = std::find_if(parsed.labels.begin(), parsed.labels.end(),
                                  [&](const auto& each) { return each.name == label.first; });
    return label.second == (own == parsed.labels.end() ? std::string_view() : own->value);
  });
}

std::vector<std::string> misspelt_tags(const config::Config& config, const config::Source& source,
                                       const std::vector<SourcePage>& pages,
                                       const std::string& file) {
  std::vector<std::string> misspelt;
  const bool has_series = std::any_of(pages.begin(), pages.end(),
                                      [](const SourcePage& page) { return !page.series.empty(); });
  if (!has_series || !looks_at_tags(config, source)) return misspelt;
  const Keys keys = source_keys(source, pages);
  add_misspelt(source.filters, keys, file, misspelt);
  for (const config::Sink& sink : config.sinks) {
    Keys sink_keys = keys;
    sink_keys.insert("cluster");
    for (const auto& [key, value] : sink.tags) sink_keys.insert(key);
    add_misspelt(sink.filters, sink_keys, file, misspelt);
  }
  return misspelt;
}

}  // namespace fedwave::relay
