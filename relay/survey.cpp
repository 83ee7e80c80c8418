#include "relay/survey.h"

#include <algorithm>
#include <utility>

#include "relay/base/hash.h"

namespace fedwave::relay {
namespace {

// Cuts the next `"key"="value"` off a rendered tail; false at its end.
bool next_tag(std::string_view& tail, std::string_view& key, std::string_view& value) {
  const std::size_t begin = tail.find('"');
  if (begin == std::string_view::npos) return false;
  const std::size_t middle = tail.find("\"=\"", begin + 1);
  if (middle == std::string_view::npos) return false;
  key = tail.substr(begin + 1, middle - begin - 1);
  std::size_t end = middle + 3;
  while (end < tail.size() && (tail[end] != '"' || tail[end - 1] == '\\')) ++end;
  value = tail.substr(middle + 3, end - middle - 3);
  tail.remove_prefix(std::min(end + 1, tail.size()));
  return true;
}

// What stands before the tags: ` source="…"`.
std::string_view without_source(std::string_view tail) {
  const std::size_t quote = tail.find('"');
  std::size_t end = quote == std::string_view::npos ? tail.size() : quote + 1;
  while (end < tail.size() && (tail[end] != '"' || tail[end - 1] == '\\')) ++end;
  return tail.substr(std::min(end + 1, tail.size()));
}

std::uint64_t line_hash(std::string_view head, std::string_view tail) {
  return base::seeded_hash128(head).low * 3 + base::seeded_hash128(tail).low;
}

}  // namespace

SurveyedMetric& SurveyBuilder::metric(const SeriesTable& table, const PartView& name) {
  const std::string page_name(name.origin(sinks_));
  SurveyedMetric& metric = metrics_[page_name];
  if (metric.sinks.empty()) {
    metric.name = page_name;
    metric.sinks.resize(sinks_);
  }
  for (std::size_t i = 0; i < sinks_; ++i) {
    if (metric.sinks[i].sent_as.empty()) metric.sinks[i].sent_as = name_in_head(name.text(i));
  }
  if (const SeriesTable::Examples* examples = table.examples(name)) {
    for (const auto& [verdict, example] : *examples) {
      metric.examples[static_cast<std::size_t>(verdict)] = example;
    }
  }
  return metric;
}

void SurveyBuilder::add_tags(std::size_t sink, std::string_view tail, std::uint64_t series) {
  tail = without_source(tail);
  std::string_view key;
  std::string_view value;
  while (next_tag(tail, key, value)) {
    auto found = tags_[sink].find(key);
    if (found == tags_[sink].end()) found = tags_[sink].try_emplace(std::string(key)).first;
    found->second.series += series;
    found->second.values.add(base::seeded_hash128(value).low);
  }
}

void SurveyBuilder::visit(const SeriesEntry& entry, const SeriesTable& table, Walk& walk) {
  ++series_;
  const PartView name = table.part(entry.name);
  const PartView labels = table.part(entry.labels);
  SurveyedMetric*& found = walk.metrics[entry.name];
  if (found == nullptr) found = &metric(table, name);
  for (std::size_t i = 0; i < sinks_; ++i) {
    const Verdict verdict = line_verdict(name, labels, i);
    ++found->sinks[i].series[static_cast<std::size_t>(verdict)];
    if (verdict != Verdict::Kept) continue;
    walk.kept_labels[i].push_back(entry.labels);
    if (!labels.head().converts) {
      lines_[i].push_back({line_hash(name.text(i), labels.text(i)), found});
    }
  }
}

void SurveyBuilder::add(const SeriesTable& table, std::uint32_t oldest) {
  Walk walk;
  walk.kept_labels.resize(sinks_);
  table.each([&](const SeriesEntry& entry) {
    if (entry.last_seen >= oldest) visit(entry, table, walk);
  });
  add_all_tags(table, walk);
}

// A label block is read once, however many series have it.
void SurveyBuilder::add_all_tags(const SeriesTable& table, Walk& walk) {
  for (std::size_t i = 0; i < sinks_; ++i) {
    std::vector<PartArena::Id>& ids = walk.kept_labels[i];
    std::sort(ids.begin(), ids.end());
    for (auto at = ids.begin(); at != ids.end();) {
      const auto next = std::upper_bound(at, ids.end(), *at);
      add_tags(i, table.part(*at).text(i), static_cast<std::uint64_t>(next - at));
      at = next;
    }
  }
}

void SurveyBuilder::count_collisions() {
  for (std::size_t i = 0; i < sinks_; ++i) {
    std::vector<Line>& lines = lines_[i];
    std::sort(lines.begin(), lines.end(),
              [](const Line& a, const Line& b) { return a.hash < b.hash; });
    for (std::size_t k = 1; k < lines.size(); ++k) {
      if (lines[k].hash == lines[k - 1].hash) ++lines[k].metric->sinks[i].collided;
    }
  }
}

Survey SurveyBuilder::finish(std::int64_t now_ms) {
  count_collisions();
  Survey survey;
  survey.at_ms = now_ms;
  survey.series = series_;
  for (auto& [name, metric] : metrics_) survey.metrics.push_back(std::move(metric));
  for (const auto& tags : tags_) {
    std::vector<SurveyedTag>& list = survey.tags.emplace_back();
    for (const auto& [key, seen] : tags) list.push_back({key, seen.series, seen.values.count()});
  }
  return survey;
}

}  // namespace fedwave::relay
