#include "relay/series_stages.h"

#include <algorithm>
#include <cmath>

#include "relay/cluster/shards.h"
#include "sinks/number_format.h"

namespace fedwave::relay {
namespace {

using parsers::SampleKind;

constexpr const char* kVerdictNames[kVerdictCount] = {
    "kept",
    "other_shard",
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

// `first`: the first verdict of the stage whose filter said so.
Verdict filtered(Verdict first, FilterVerdict verdict) {
  if (verdict == FilterVerdict::Kept) return Verdict::Kept;
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

base::Hash128 hash_of(const sinks::PointTags& tags) {
  std::string text;
  for (const auto& [key, value] : tags)
    text.append(key).append(1, '\0').append(value).append(1, '\0');
  return base::seeded_hash128(text);
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  return kVerdictNames[static_cast<std::size_t>(verdict)];
}

std::string sink_prefix(const config::Sink& sink) {
  std::string_view prefix = sink.prefix;
  while (prefix.starts_with('.')) prefix.remove_prefix(1);
  while (prefix.ends_with('.')) prefix.remove_suffix(1);
  return prefix.empty() ? std::string() : std::string(prefix) + ".";
}

SeriesStages::SeriesStages(const config::Source& source, const config::Config& config,
                           std::string instance, Shard shard)
    : source_(source),
      cluster_name_(config.cluster_name),
      instance_(std::move(instance)),
      shard_(source.shard_by == config::ShardBy::Series ? shard : Shard{}),
      filter_(source.filters, config.glob_compat) {
  for (const config::Sink& sink : config.sinks) {
    sinks_.push_back({.name = sink.name,
                      .filter = Filter(sink.filters, config.glob_compat),
                      .tags = sink.tags,
                      .prefix = sink_prefix(sink),
                      .guaranteed = sink.filters.tag_guarantee,
                      .priority = sinks::TagPriority(keep_first(sink)),
                      .limits = line_limits(sink.limits)});
  }
}

std::vector<std::string> SeriesStages::sink_names() const {
  std::vector<std::string> names;
  for (const SinkStage& sink : sinks_) names.push_back(sink.name);
  return names;
}

bool SeriesStages::is_of_other_shard(const parsers::SeriesBuffer& series) const {
  return is_sharded() && owner_of(series_key(series), shard_.count) != shard_.ordinal;
}

bool SeriesStages::may_convert(SampleKind kind) const {
  return source_.convert_histograms && is_histogram_part(kind);
}

void SeriesStages::plan_name(std::string_view name, SampleKind kind, bool converts, NamePlan& plan,
                             StageWatcher* watcher) const {
  plan.name = source_.prefix + dotted_name(name, kind, source_.omit_bucket_suffix, converts);
  plan.part.truncates = kind == SampleKind::SummaryCount || kind == SampleKind::HistogramCount ||
                        kind == SampleKind::HistogramBucket;
  plan.part.sinks.assign(sinks_.size(), {});
  const FilterDecision decision = filter_.decide_name(plan.name);
  if (watcher != nullptr) watcher->source_name(decision);
  const Verdict source = filtered(Verdict::SourceNotInAllowList, decision.verdict);
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    if (source == Verdict::Kept) {
      plan.part.sinks[i] = sink_name(i, plan.name, watcher);
    } else {
      plan.part.sinks[i].verdict = source;
    }
  }
}

SinkPart SeriesStages::sink_name(std::size_t sink, const std::string& name,
                                 StageWatcher* watcher) const {
  const SinkStage& stage = sinks_[sink];
  SinkPart part;
  const FilterDecision decision = stage.filter.decide_name(name);
  if (watcher != nullptr) watcher->sink_name(sink, decision);
  part.verdict = filtered(Verdict::SinkNotInAllowList, decision.verdict);
  if (part.verdict != Verdict::Kept) return part;
  auto head = sinks::render_head(stage.prefix + name, stage.limits);
  if (const auto* rejection = std::get_if<sinks::Rejection>(&head)) {
    part.verdict = rejected(*rejection);
  } else {
    part.text = std::get<std::string>(std::move(head));
    if (part.text.size() > kSeriesBytesMax) part = {.verdict = Verdict::LineTooLong, .text = {}};
  }
  return part;
}

// A bucket's bound or a quantile is written the way Go prints it; a bucket that becomes part of a
// distribution gives its bound away.
void SeriesStages::read_bound(SampleKind kind, LabelsPlan& plan) const {
  plan.part.converts = may_convert(kind);
  plan.part.is_bucket = false;
  if (kind != SampleKind::HistogramBucket && kind != SampleKind::SummaryQuantile) return;
  const std::string_view key = kind == SampleKind::HistogramBucket ? "le" : "quantile";
  const sinks::PointTag* tag = plan.tags.find(key);
  double bound = 0;
  if (tag == nullptr || parsers::parse_value(tag->value, bound) != parsers::Malformed::None ||
      std::isnan(bound)) {
    plan.part.converts = false;
  } else if (plan.part.converts) {
    plan.part.is_bucket = true;
    plan.part.bound = bound;
    plan.tags.erase(key);
  } else {
    plan.bound_text = sinks::format_go_g(bound);
    plan.tags.set(key, plan.bound_text);
  }
}

void SeriesStages::plan_labels(const parsers::SeriesBuffer& series, SampleKind kind,
                               LabelsPlan& plan, StageWatcher* watcher) const {
  const auto watch = [&](TagStage stage) {
    if (watcher != nullptr) watcher->tags(stage, 0, plan.tags);
  };
  plan.tags.clear();
  for (const auto& [key, value] : source_.tags) {
    if (!value.empty()) plan.tags.set(key, value);
  }
  if (!instance_.empty()) plan.tags.set("instance", instance_);
  watch(TagStage::SourceTags);
  for (const parsers::LabelView& label : series.labels) {
    if (!label.value.empty()) plan.tags.set(label.name, label.value);
  }
  watch(TagStage::Labels);
  read_bound(kind, plan);
  watch(TagStage::Bound);
  if (plan.part.converts) plan.distribution = hash_of(plan.tags);
  plan.part.sinks.assign(sinks_.size(), {});
  const FilterDecision decision = filter_.decide_tags(plan.tags);
  if (watcher != nullptr) watcher->source_tags(decision);
  const Verdict verdict = filtered(Verdict::SourceNotInAllowList, decision.verdict);
  if (verdict != Verdict::Kept) {
    for (SinkPart& sink : plan.part.sinks) sink.verdict = verdict;
    return;
  }
  filter_.prune(plan.tags);
  watch(TagStage::SourcePrune);
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    plan.sink_tags = plan.tags;
    plan.part.sinks[i] = sink_labels(i, plan.part.converts, plan.sink_tags, watcher);
  }
}

SinkPart SeriesStages::sink_labels(std::size_t sink, bool is_distribution, sinks::PointTags& tags,
                                   StageWatcher* watcher) const {
  const SinkStage& stage = sinks_[sink];
  const auto watch = [&](TagStage after) {
    if (watcher != nullptr) watcher->tags(after, sink, tags);
  };
  tags.set("cluster", cluster_name_);
  watch(TagStage::Cluster);
  for (const auto& [key, value] : stage.tags) {
    if (is_distribution) {
      tags.add(key, value);
    } else {
      tags.set(key, value);
    }
  }
  watch(TagStage::SinkTags);
  const FilterDecision decision = stage.filter.decide_tags(tags);
  if (watcher != nullptr) watcher->sink_tags(sink, decision);
  const Verdict verdict = filtered(Verdict::SinkNotInAllowList, decision.verdict);
  if (verdict != Verdict::Kept) return {.verdict = verdict, .text = {}};
  stage.filter.prune(tags);
  watch(TagStage::SinkPrune);
  return render_labels(sink, tags, watcher);
}

SinkPart SeriesStages::render_labels(std::size_t sink, sinks::PointTags& tags,
                                     StageWatcher* watcher) const {
  const SinkStage& stage = sinks_[sink];
  const sinks::PointTag* node = tags.find("nodename");
  const std::string_view source =
      node != nullptr && !node->value.empty() ? node->value : std::string_view(source_.source);
  std::vector<sinks::RemovedTag> removed;
  std::vector<sinks::RepairedTag> repaired;
  sinks::clean_tags(tags, stage.guaranteed, watcher != nullptr ? &removed : nullptr);
  auto rendered = sinks::render_tail(source, tags, stage.limits, stage.priority,
                                     watcher != nullptr ? &repaired : nullptr);
  if (watcher != nullptr) watcher->cleaned(sink, removed);
  if (watcher != nullptr) watcher->rendered(sink, repaired);
  SinkPart part;
  if (const auto* rejection = std::get_if<sinks::Rejection>(&rendered)) {
    part.verdict = rejected(*rejection);
    return part;
  }
  auto& tail = std::get<sinks::RenderedTail>(rendered);
  if (tail.text.size() > kSeriesBytesMax) return {.verdict = Verdict::LineTooLong, .text = {}};
  part.text = std::move(tail.text);
  part.repairs = tail.repairs;
  return part;
}

}  // namespace fedwave::relay
