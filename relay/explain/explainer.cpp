#include "relay/explain/explainer.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "relay/base/text.h"
#include "relay/explain/pattern_hint.h"
#include "relay/series_parts.h"
#include "sinks/number_format.h"

namespace fedwave::relay {
namespace {

using config::FilterRules;
using config::PatternList;

constexpr std::size_t kHintsMax = 10'000;

config::Position place_of(const PatternList& list) {
  return list.empty() ? config::Position{} : list.front().where;
}

config::Position place_of(const config::TagPatterns& rules) {
  config::Position first;
  for (const auto& [key, list] : rules) {
    const config::Position where = place_of(list);
    const bool is_before =
        std::pair(where.line, where.column) < std::pair(first.line, first.column);
    if (first.line == 0 || is_before) first = where;
  }
  return first;
}

// Nothing was asked where there is no list to ask.
Rule rule_of(const FilterDecision& decision, const FilterRules& rules) {
  Rule rule;
  const bool is_about_tags = !decision.tag_key.empty() ||
                             decision.verdict == FilterVerdict::NotInTagAllowList ||
                             decision.verdict == FilterVerdict::TagDenyList;
  const bool is_denied =
      decision.verdict == FilterVerdict::DenyList || decision.verdict == FilterVerdict::TagDenyList;
  if (decision.pattern != nullptr) {
    rule.pattern = decision.pattern->text;
    rule.where = decision.pattern->where;
    rule.tag_key = decision.tag_key;
  } else if (decision.verdict == FilterVerdict::NotInAllowList) {
    rule.where = place_of(rules.metric_allow);
  } else if (decision.verdict == FilterVerdict::NotInTagAllowList) {
    rule.where = place_of(rules.metric_tag_allow);
  } else {
    return rule;
  }
  rule.list =
      std::string(is_about_tags ? "metricTag" : "metric") + (is_denied ? "DenyList" : "AllowList");
  return rule;
}

Rule rule_of(const TagDecision& decision, const FilterRules& rules) {
  Rule rule;
  if (decision.why == TagDecision::Why::Excluded) {
    rule.list = "tagExclude";
  } else if (decision.why == TagDecision::Why::NotIncluded) {
    rule.list = "tagInclude";
    rule.where = place_of(rules.tag_include);
  }
  if (decision.pattern != nullptr) {
    rule.pattern = decision.pattern->text;
    rule.where = decision.pattern->where;
  }
  return rule;
}

std::string removal_text(sinks::TagRemoval rule) {
  switch (rule) {
    case sinks::TagRemoval::Empty:
      return "says nothing: empty, \"/\" or \"-\"";
    case sinks::TagRemoval::AlwaysExcluded:
      return "never sent: namespace_id, host_id, pod_id and hostname";
    case sinks::TagRemoval::DuplicateValue:
      return "too many label tags, and another one has the same value";
    case sinks::TagRemoval::AlphaBeta:
      return "too many label tags, and it is an alpha or beta one";
    case sinks::TagRemoval::Provider:
      return "too many label tags, and it is of a cloud provider";
    case sinks::TagRemoval::SpareLabel:
      return "too many label tags";
  }
  return {};
}

struct RepairShown {
  TagStep::What what;
  std::string why;
};

RepairShown repair_shown(sinks::Repair repair, const config::PointLimits& limits) {
  using What = TagStep::What;
  switch (repair) {
    case sinks::Repair::TagsOverLimit:
      return {What::Removed,
              "more than " + std::to_string(limits.tags) + " tags, and lower in tagPriority"};
    case sinks::Repair::TagKeyTooLong:
      return {What::Removed,
              "its key is longer than " + std::to_string(limits.tag_key_bytes) + " bytes"};
    case sinks::Repair::TagValueTruncated:
    case sinks::Repair::SourceTruncated:
      return {What::Changed, "too long: cut, and ended with a hash"};
    case sinks::Repair::TagValueBlank:
      return {What::Removed, "blank"};
    case sinks::Repair::TrailingBackslash:
      return {What::Changed, "a backslash at its end would swallow the quote: made a slash"};
    case sinks::Repair::SourceTagRenamed:
      return {What::Changed, "would replace the point's source: sent as _source"};
    case sinks::Repair::TagKeyCollision:
      return {What::Removed, "another key looks the same once it is fit for Wavefront"};
    case sinks::Repair::ControlCharacter:
      return {What::Changed, "control characters made spaces"};
    default:
      return {What::Changed, sinks::repair_name(repair)};
  }
}

const char* stage_text(TagStage stage) {
  switch (stage) {
    case TagStage::SourceTags:
      return "tags of the source";
    case TagStage::Labels:
      return "the series' own label";
    case TagStage::Bound:
      return "a typed family's bound, written as the collector writes it";
    case TagStage::Cluster:
      return "clusterName";
    case TagStage::SinkTags:
      return "tags of the sink";
    case TagStage::SourcePrune:
    case TagStage::SinkPrune:
      break;
  }
  return "";
}

// Why no list of tag values takes the series: what it has where they look.
std::string tag_hint(const config::TagPatterns& rules, const sinks::PointTags& tags) {
  std::string hint;
  for (const auto& [key, list] : rules) {
    const sinks::PointTag* tag = tags.find(key);
    hint += hint.empty() ? "" : "; ";
    hint += tag == nullptr ? "the series has no tag " + key
                           : "its " + key + " is \"" + base::printable(tag->value) + "\"";
  }
  return hint;
}

// Writes down what the stages do.
class Recorder final : public StageWatcher {
 public:
  Recorder(const SeriesStages& stages, const config::Config& config, Explanation& explanation)
      : stages_(stages),
        config_(config),
        explanation_(explanation),
        sink_tag_hints_(config.sinks.size()) {
    for (const config::Sink& sink : config.sinks) {
      explanation.sinks.emplace_back().sink = sink.name;
    }
  }

  void source_name(const FilterDecision& decision) override {
    explanation_.name_rule = rule_of(decision, stages_.source_filter().rules());
  }
  void source_tags(const FilterDecision& decision) override {
    const FilterRules& rules = stages_.source_filter().rules();
    explanation_.tags_rule = rule_of(decision, rules);
    source_tag_hint_ = tag_hint(rules.metric_tag_allow, before_);
  }
  void sink_name(std::size_t sink, const FilterDecision& decision) override {
    explanation_.sinks[sink].name_rule = rule_of(decision, stages_.sink_filter(sink).rules());
  }
  void sink_tags(std::size_t sink, const FilterDecision& decision) override {
    const FilterRules& rules = stages_.sink_filter(sink).rules();
    explanation_.sinks[sink].tags_rule = rule_of(decision, rules);
    sink_tag_hints_[sink] = tag_hint(rules.metric_tag_allow, before_);
  }

  // Of the tags as the lists have seen them.
  [[nodiscard]] const std::string& source_tag_hint() const { return source_tag_hint_; }
  [[nodiscard]] const std::string& sink_tag_hint(std::size_t sink) const {
    return sink_tag_hints_[sink];
  }

  void tags(TagStage stage, std::size_t sink, const sinks::PointTags& tags) override {
    const bool is_of_source = stage < TagStage::Cluster;
    if (stage == TagStage::Cluster) before_ = source_end_;
    note_changes(stage, sink, tags,
                 is_of_source ? explanation_.tags : explanation_.sinks[sink].tags);
    before_ = tags;
    if (is_of_source) source_end_ = before_;
  }

  void cleaned(std::size_t sink, const std::vector<sinks::RemovedTag>& removed) override {
    for (const auto& [key, rule] : removed) {
      explanation_.sinks[sink].tags.push_back(
          {TagStep::What::Removed, key, value_before(key), removal_text(rule), {}});
    }
  }

  void rendered(std::size_t sink, const std::vector<sinks::RepairedTag>& repaired) override {
    for (const auto& [key, repair] : repaired) {
      RepairShown shown = repair_shown(repair, config_.sinks[sink].limits);
      explanation_.sinks[sink].tags.push_back({shown.what,
                                               key.empty() ? "(source)" : key,
                                               value_before(key),
                                               std::move(shown.why),
                                               {}});
    }
  }

 private:
  [[nodiscard]] std::string value_before(const std::string& key) const {
    const sinks::PointTag* tag = before_.find(key);
    return tag == nullptr ? std::string() : std::string(tag->value);
  }

  void note_changes(TagStage stage, std::size_t sink, const sinks::PointTags& now,
                    std::vector<TagStep>& steps) const {
    for (const sinks::PointTag& tag : before_) {
      if (now.find(tag.key) == nullptr) steps.push_back(removal(stage, sink, tag));
    }
    for (const sinks::PointTag& tag : now) {
      const sinks::PointTag* known = before_.find(tag.key);
      // The labels themselves are shown as such.
      if (known == nullptr ? stage == TagStage::Labels : known->value == tag.value) continue;
      steps.push_back({known == nullptr ? TagStep::What::Set : TagStep::What::Changed,
                       std::string(tag.key),
                       std::string(tag.value),
                       stage_text(stage),
                       {}});
    }
  }

  [[nodiscard]] TagStep removal(TagStage stage, std::size_t sink,
                                const sinks::PointTag& tag) const {
    TagStep step{TagStep::What::Removed,
                 std::string(tag.key),
                 std::string(tag.value),
                 stage_text(stage),
                 {}};
    if (stage == TagStage::SourcePrune || stage == TagStage::SinkPrune) {
      const Filter& filter =
          stage == TagStage::SourcePrune ? stages_.source_filter() : stages_.sink_filter(sink);
      step.rule = rule_of(filter.decide_tag(tag.key), filter.rules());
      step.why = step.rule.list;
    }
    return step;
  }

  const SeriesStages& stages_;
  const config::Config& config_;
  Explanation& explanation_;
  sinks::PointTags before_;
  sinks::PointTags source_end_;
  std::string source_tag_hint_;
  std::vector<std::string> sink_tag_hints_;
};

// The value as the data path would send it, and whether it would.
void read_value(bool truncates, Explanation& explanation) {
  if (explanation.value.empty()) return;
  double value = 0;
  explanation.malformed = parsers::parse_value(explanation.value, value);
  if (explanation.malformed != parsers::Malformed::None) return;
  if (std::isnan(value)) {
    explanation.value_verdict = ValueVerdict::NotANumber;
  } else if (std::isinf(value)) {
    explanation.value_verdict = ValueVerdict::Infinite;
  } else {
    sinks::append_value(explanation.wire_value, truncates ? std::trunc(value) + 0.0 : value);
  }
}

// Nobody asks the filters about it here.
void leave_to_other_shard(Explanation& explanation) {
  explanation.name_rule = {};
  explanation.tags_rule = {};
  explanation.tags.clear();
  for (SinkExplanation& sink : explanation.sinks) {
    SinkExplanation left;
    left.sink = std::move(sink.sink);
    left.verdict = Verdict::OtherShard;
    sink = std::move(left);
  }
}

}  // namespace

struct Explainer::Impl {
  Impl(const config::Config& c, const config::Source& s, std::string instance, Shard shard)
      : config(c), source(s), stages(s, c, std::move(instance), shard) {
    hints.push_back(PatternHint::of_source(s));
    for (const config::Sink& sink : c.sinks) hints.push_back(PatternHint::of_sink(sink));
  }

  void plan(const parsers::SeriesBuffer& series, Explanation& explanation) const;
  void conclude(const NamePlan& name, const LabelsPlan& labels, Explanation& explanation) const;
  std::string hint(const Explanation& explanation, const Recorder& recorder) const;
  std::string name_hint(std::size_t list, const std::string& name) const;

  const config::Config& config;
  const config::Source& source;
  const SeriesStages stages;
  std::vector<PatternHint> hints;  // of the source's allow list, then of the sinks'
  mutable std::mutex mutex;
  mutable std::unordered_map<std::string, std::string> known_hints;  // with mutex
};

void Explainer::Impl::plan(const parsers::SeriesBuffer& series, Explanation& explanation) const {
  Recorder recorder(stages, config, explanation);
  NamePlan name;
  LabelsPlan labels;
  stages.plan_labels(series, explanation.kind, labels, &recorder);
  stages.plan_name(series.name, explanation.kind, labels.part.converts, name, &recorder);
  explanation.name = name.name;
  conclude(name, labels, explanation);
  if (stages.is_of_other_shard(series)) leave_to_other_shard(explanation);
  explanation.hint = hint(explanation, recorder);
  read_value(name.part.truncates, explanation);
}

// What comes after the stage that has dropped the series never happens on the data path.
void Explainer::Impl::conclude(const NamePlan& name, const LabelsPlan& labels,
                               Explanation& explanation) const {
  for (std::size_t i = 0; i < explanation.sinks.size(); ++i) {
    const SinkPart& head = name.part.sinks[i];
    const SinkPart& tail = labels.part.sinks[i];
    SinkExplanation& sink = explanation.sinks[i];
    sink.verdict = line_verdict(head.verdict, head.text.size(), tail.verdict, tail.text.size());
    sink.is_distribution = labels.part.converts;
    if (sink.verdict == Verdict::Kept) {
      sink.head = head.text;
      sink.tail = tail.text;
      sink.sent_as = name_in_head(sink.head);
      continue;
    }
    const bool is_sources = is_of_source(sink.verdict);
    const bool is_of_sinks_name =
        sink.verdict == Verdict::SinkNotInAllowList || sink.verdict == Verdict::SinkDenyList;
    if (is_sources) sink.name_rule = {};
    if (is_sources || is_of_sinks_name) {
      sink.tags_rule = {};
      sink.tags.clear();
    }
    if (is_sources_name_verdict(sink.verdict)) {
      explanation.tags_rule = {};
      explanation.tags.clear();
    }
  }
}

// The same names come over and over, and a nearest pattern takes a while to find.
std::string Explainer::Impl::name_hint(std::size_t list, const std::string& name) const {
  const std::string key = std::to_string(list) + ' ' + name;
  const std::lock_guard lock(mutex);
  const auto known = known_hints.find(key);
  if (known != known_hints.end()) return known->second;
  if (known_hints.size() >= kHintsMax) known_hints.clear();
  return known_hints[key] = hints[list].for_name(name);
}

std::string Explainer::Impl::hint(const Explanation& explanation, const Recorder& recorder) const {
  for (std::size_t i = 0; i < explanation.sinks.size(); ++i) {
    switch (explanation.sinks[i].verdict) {
      case Verdict::SourceNotInAllowList:
        return name_hint(0, explanation.name);
      case Verdict::SinkNotInAllowList:
        return name_hint(i + 1, explanation.name);
      case Verdict::SourceNotInTagAllowList:
        return recorder.source_tag_hint();
      case Verdict::SinkNotInTagAllowList:
        return recorder.sink_tag_hint(i);
      default:
        break;
    }
  }
  return {};
}

Explainer::Explainer(const config::Config& config, const config::Source& source,
                     std::string instance, Shard shard)
    : impl_(std::make_unique<const Impl>(config, source, std::move(instance), shard)) {}
Explainer::~Explainer() = default;
Explainer::Explainer(Explainer&&) noexcept = default;

Explanation Explainer::explain(const parsers::SampleLineView& sample) const {
  Explanation explanation;
  explanation.source = impl_->source.name;
  explanation.series = sample.series;
  explanation.value = sample.value;
  explanation.kind = sample.kind;
  parsers::SeriesBuffer series;
  explanation.malformed = parsers::parse_series(
      sample.series, series, static_cast<std::size_t>(impl_->source.limits.labels));
  if (explanation.malformed != parsers::Malformed::None) return explanation;
  explanation.parsed_name = series.name;
  for (const parsers::LabelView& label : series.labels) {
    explanation.labels.emplace_back(label.name, label.value);
  }
  impl_->plan(series, explanation);
  return explanation;
}

}  // namespace fedwave::relay
