#include "relay/series_stages.h"

#include <algorithm>
#include <cmath>

#include "sinks/number_format.h"

namespace fedwave::relay {
namespace {

using parsers::SampleKind;

// A proxy takes lines of up to 32768 bytes; value and timestamp want their share.
constexpr std::size_t kSeriesBytesMax = 32'000;

constexpr const char* kVerdictNames[kVerdictCount] = {
    "kept",
    "source_not_in_allow_list",
    "source_deny_list",
    "source_not_in_tag_allow_list",
    "source_tag_deny_list",
    "sink_not_in_allow_list",
    "sink_deny_list",
    "sink_not_in_tag_allow_list",
    "sink_tag_deny_list",
    "empty_name",
    "name_too_long",
    "empty_source",
    "line_too_long",
};

Verdict filtered(Verdict first, FilterVerdict verdict) {
  return static_cast<Verdict>(static_cast<int>(first) + static_cast<int>(verdict) - 1);
}

Verdict rejected(sinks::Rejection reason) {
  switch (reason) {
    case sinks::Rejection::NameTooLong:
      return Verdict::NameTooLong;
    case sinks::Rejection::EmptySource:
      return Verdict::EmptySource;
    default:
      return Verdict::EmptyName;
  }
}

bool is_histogram_part(SampleKind kind) {
  return kind == SampleKind::HistogramBucket || kind == SampleKind::HistogramCount ||
         kind == SampleKind::HistogramSum;
}

std::string_view without_suffix(std::string_view name, std::string_view suffix) {
  if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  return name;
}

// The dotted name: the family's suffixes are part of the sample's name already, so only the types
// that the name does not show are added.
std::string dotted_name(std::string_view name, SampleKind kind, bool omit_bucket_suffix,
                        bool as_distribution) {
  const char* type = "";
  switch (kind) {
    case SampleKind::Untyped:
      type = ".value";
      break;
    case SampleKind::Gauge:
      type = ".gauge";
      break;
    case SampleKind::Counter:
      type = ".counter";
      break;
    case SampleKind::HistogramBucket:
      if (omit_bucket_suffix || as_distribution) name = without_suffix(name, "_bucket");
      break;
    case SampleKind::HistogramCount:
      if (as_distribution) name = without_suffix(name, "_count");
      break;
    case SampleKind::HistogramSum:
      if (as_distribution) name = without_suffix(name, "_sum");
      break;
    default:
      break;
  }
  std::string dotted(name);
  std::replace(dotted.begin(), dotted.end(), '_', '.');
  return dotted + type;
}

std::string trimmed_dots(std::string_view prefix) {
  while (prefix.starts_with('.')) prefix.remove_prefix(1);
  while (prefix.ends_with('.')) prefix.remove_suffix(1);
  return prefix.empty() ? std::string() : std::string(prefix) + ".";
}

std::vector<std::string> keep_first(const config::Sink& sink) {
  std::vector<std::string> keys = sink.filters.tag_guarantee;
  keys.insert(keys.end(), sink.tag_priority.begin(), sink.tag_priority.end());
  return keys;
}

sinks::LineLimits line_limits(const config::PointLimits& limits) {
  return {.name_bytes = static_cast<std::size_t>(limits.name_bytes),
          .source_bytes = static_cast<std::size_t>(limits.source_bytes),
          .tags = static_cast<std::size_t>(limits.tags),
          .tag_key_bytes = static_cast<std::size_t>(limits.tag_key_bytes),
          .tag_value_bytes = static_cast<std::size_t>(limits.tag_value_bytes)};
}

// The parts of one distribution share everything but the bucket's bound.
base::Hash128 group_key(const std::string& name, const sinks::PointTags& tags) {
  std::string key = name;
  for (const auto& [tag, value] : tags)
    key.append(1, '\0').append(tag).append(1, '\0').append(value);
  return base::seeded_hash128(key);
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  return kVerdictNames[static_cast<std::size_t>(verdict)];
}

SeriesStages::SeriesStages(const config::Source& source, const config::Config& config,
                           std::string instance)
    : source_(source),
      cluster_name_(config.cluster_name),
      instance_(std::move(instance)),
      filter_(source.filters, config.glob_compat) {
  for (const config::Sink& sink : config.sinks) {
    sinks_.push_back({.filter = Filter(sink.filters, config.glob_compat),
                      .tags = sink.tags,
                      .prefix = trimmed_dots(sink.prefix),
                      .guaranteed = sink.filters.tag_guarantee,
                      .keep_first = keep_first(sink),
                      .limits = line_limits(sink.limits)});
  }
}

sinks::Point SeriesStages::source_point(const parsers::SeriesBuffer& series, SampleKind kind,
                                        SeriesPlan& plan) const {
  sinks::Point point;
  point.source = source_.source;
  for (const auto& [key, value] : source_.tags) {
    if (!value.empty()) point.tags.insert_or_assign(key, value);
  }
  if (!instance_.empty()) point.tags.insert_or_assign("instance", instance_);
  for (const parsers::LabelView& label : series.labels) {
    if (!label.value.empty())
      point.tags.insert_or_assign(std::string(label.name), std::string(label.value));
  }
  plan.truncate = kind == SampleKind::SummaryCount || kind == SampleKind::HistogramCount ||
                  kind == SampleKind::HistogramBucket;
  plan.convert = source_.convert_histograms && is_histogram_part(kind);
  plan.is_bucket = false;
  if (kind == SampleKind::HistogramBucket || kind == SampleKind::SummaryQuantile) {
    const auto bound_tag = point.tags.find(kind == SampleKind::HistogramBucket ? "le" : "quantile");
    double bound = 0;
    if (bound_tag == point.tags.end() ||
        parsers::parse_value(bound_tag->second, bound) != parsers::Malformed::None ||
        std::isnan(bound)) {
      plan.convert = false;
    } else if (plan.convert) {
      plan.is_bucket = true;
      plan.bucket_bound = bound;
      point.tags.erase(bound_tag);
    } else {
      bound_tag->second = sinks::format_go_g(bound);
    }
  }
  point.name =
      source_.prefix + dotted_name(series.name, kind, source_.omit_bucket_suffix, plan.convert);
  return point;
}

SinkPlan SeriesStages::sink_plan(const SinkStage& stage, sinks::Point point,
                                 bool is_distribution) const {
  SinkPlan plan;
  point.tags.insert_or_assign("cluster", cluster_name_);
  for (const auto& [key, value] : stage.tags) {
    if (is_distribution) {
      point.tags.emplace(key, value);
    } else {
      point.tags.insert_or_assign(key, value);
    }
  }
  const FilterDecision decision = stage.filter.decide(point.name, point.tags);
  if (decision.verdict != FilterVerdict::Kept) {
    plan.verdict = filtered(Verdict::SinkNotInAllowList, decision.verdict);
    return plan;
  }
  stage.filter.prune(point.tags);
  const auto node = point.tags.find("nodename");
  if (node != point.tags.end() && !node->second.empty()) point.source = node->second;
  point.name.insert(0, stage.prefix);
  sinks::clean_tags(point.tags, stage.guaranteed, nullptr);
  auto rendered = sinks::render_series(point, stage.limits, stage.keep_first);
  if (const auto* refusal = std::get_if<sinks::RenderRejected>(&rendered)) {
    plan.verdict = rejected(refusal->reason);
    return plan;
  }
  plan.rendered = std::get<sinks::RenderedSeries>(std::move(rendered));
  if (plan.rendered.head.size() + plan.rendered.tail.size() > kSeriesBytesMax) {
    plan = {.verdict = Verdict::LineTooLong, .rendered = {}};
  }
  return plan;
}

void SeriesStages::plan(const parsers::SeriesBuffer& series, SampleKind kind,
                        SeriesPlan& plan) const {
  sinks::Point point = source_point(series, kind, plan);
  plan.group = plan.convert ? group_key(point.name, point.tags) : base::Hash128();
  plan.sinks.assign(sinks_.size(), {});
  const FilterDecision decision = filter_.decide(point.name, point.tags);
  if (decision.verdict != FilterVerdict::Kept) {
    const Verdict verdict = filtered(Verdict::SourceNotInAllowList, decision.verdict);
    for (SinkPlan& sink : plan.sinks) sink.verdict = verdict;
    return;
  }
  filter_.prune(point.tags);
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    plan.sinks[i] = sink_plan(sinks_[i], point, plan.convert);
  }
}

}  // namespace fedwave::relay
