#include "relay/survey.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "parsers/scan.h"
#include "relay/base/hash.h"

namespace fedwave::relay {
namespace {

std::string_view labels_text(std::string_view series) {
  return series.substr(parsers::metric_name_length(series));
}

// The rendered head is `"name" `.
std::string_view name_in_head(std::string_view head) {
  return head.size() < 3 ? std::string_view() : head.substr(1, head.size() - 3);
}

std::string page_name(const PartView& name, std::size_t sinks) {
  const std::string_view series = name.origin(sinks);
  if (const std::size_t bytes = parsers::metric_name_length(series); bytes > 0) {
    return std::string(series.substr(0, bytes));
  }
  parsers::SeriesBuffer parsed;
  if (parsers::parse_series(series, parsed) == parsers::Malformed::None) {
    return std::string(parsed.name);
  }
  // A quoted name before so many labels that they were not kept.
  for (std::size_t i = 0; i < sinks; ++i) {
    if (!name.text(i).empty()) return std::string(name_in_head(name.text(i)));
  }
  return "(a name in quotes)";
}

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

bool is_of_name(Verdict verdict) {
  return verdict == Verdict::SourceNotInAllowList || verdict == Verdict::SourceDenyList ||
         verdict == Verdict::SinkNotInAllowList || verdict == Verdict::SinkDenyList ||
         verdict == Verdict::EmptyName || verdict == Verdict::NameTooLong;
}

}  // namespace

SurveyedMetric& SurveyBuilder::metric(const PartView& name) {
  std::string page = page_name(name, sinks_);
  SurveyedMetric& metric = metrics_[page];
  if (metric.sinks.empty()) {
    metric.name = std::move(page);
    metric.sinks.resize(sinks_);
  }
  for (std::size_t i = 0; i < sinks_; ++i) {
    if (metric.sinks[i].sent_as.empty()) metric.sinks[i].sent_as = name_in_head(name.text(i));
  }
  return metric;
}

// A labels part remembers where it came from only when somebody drops it.
void SurveyBuilder::note_example(SurveyedMetric& metric, Verdict verdict, const PartView& name,
                                 const PartView& labels) const {
  std::string& example = metric.examples[static_cast<std::size_t>(verdict)];
  if (!example.empty()) return;
  const std::string_view first = name.origin(sinks_);
  const std::string_view own = labels.origin(sinks_);
  if (is_of_name(verdict)) {
    example = first;
  } else if (!own.empty()) {
    example = metric.name + std::string(labels_text(own));
  }
}

void SurveyBuilder::add_tags(std::size_t sink, std::string_view tail, std::uint64_t series) {
  tail = without_source(tail);
  std::string_view key;
  std::string_view value;
  while (next_tag(tail, key, value)) {
    auto found = tags_[sink].find(key);
    if (found == tags_[sink].end()) found = tags_[sink].try_emplace(std::string(key)).first;
    found->second.series += series;
    found->second.values.insert(base::seeded_hash128(value).low);
  }
}

// What is collected in one walk over a table.
struct SurveyBuilder::Walk {
  std::unordered_map<PartArena::Id, SurveyedMetric*> metrics;
  // Of each labels part, how many series that are kept have it at each sink.
  std::unordered_map<PartArena::Id, std::vector<std::uint64_t>> kept;
};

void SurveyBuilder::visit(const SeriesEntry& entry, const SeriesTable& table, Walk& walk) {
  ++series_;
  const PartView name = table.part(entry.name);
  const PartView labels = table.part(entry.labels);
  SurveyedMetric*& found = walk.metrics[entry.name];
  if (found == nullptr) found = &metric(name);
  for (std::size_t i = 0; i < sinks_; ++i) {
    const Verdict verdict = line_verdict(name, labels, i);
    ++found->sinks[i].series[static_cast<std::size_t>(verdict)];
    if (verdict == Verdict::Kept) {
      std::vector<std::uint64_t>& counts = walk.kept[entry.labels];
      counts.resize(sinks_);
      ++counts[i];
      const bool is_new = lines_[i].insert(line_hash(name.text(i), labels.text(i))).second;
      found->sinks[i].collided += is_new || labels.head().converts ? 0 : 1;
    } else {
      note_example(*found, verdict, name, labels);
    }
  }
}

void SurveyBuilder::add(const SeriesTable& table, std::uint32_t oldest) {
  Walk walk;
  table.each([&](const SeriesEntry& entry) {
    if (entry.last_seen >= oldest) visit(entry, table, walk);
  });
  for (const auto& [id, counts] : walk.kept) {
    for (std::size_t i = 0; i < sinks_; ++i) {
      if (counts[i] > 0) add_tags(i, table.part(id).text(i), counts[i]);
    }
  }
  for (const auto& [id, metric] : walk.metrics) {
    const PartView name = table.part(id);
    std::string& example = metric->examples[static_cast<std::size_t>(Verdict::Kept)];
    if (!example.empty() || name.head().kept_example == KeptExample::None) continue;
    example = name.head().kept_example == KeptExample::Origin ? std::string(name.origin(sinks_))
                                                              : table.kept_example(metric->name);
  }
}

Survey SurveyBuilder::finish(std::int64_t now_ms) {
  Survey survey;
  survey.at_ms = now_ms;
  survey.series = series_;
  for (auto& [name, metric] : metrics_) survey.metrics.push_back(std::move(metric));
  for (const auto& tags : tags_) {
    std::vector<SurveyedTag>& list = survey.tags.emplace_back();
    for (const auto& [key, seen] : tags) list.push_back({key, seen.series, seen.values.size()});
  }
  return survey;
}

}  // namespace fedwave::relay
