#include "relay/commands/fates.h"

#include <algorithm>
#include <set>
#include <utility>

#include "relay/explain/explanation_text.h"

namespace fedwave::relay {
namespace {

template <class Values>
auto sorted_by_series(const Values& by_key) {
  std::vector<const typename Values::mapped_type*> sorted;
  sorted.reserve(by_key.size());
  for (const auto& [key, value] : by_key) sorted.push_back(&value);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto* a, const auto* b) { return a->series > b->series; });
  return sorted;
}

void append_rule(std::string& key, const Rule& rule) {
  key += '|' + rule_text(rule, "");
}

// Which tags it was differs from series to series; why they had to go is the fate.
void append_removals(std::string& key, const std::vector<TagStep>& steps) {
  std::set<std::string_view> reasons;
  for (const TagStep& step : steps) {
    if (step.what != TagStep::What::Set) reasons.insert(step.why);
  }
  for (const std::string_view reason : reasons) key.append(1, '|').append(reason);
}

std::string fate_key(const Explanation& explanation) {
  std::string key = explanation.parsed_name + "|" +
                    std::to_string(static_cast<int>(explanation.value_verdict)) + '|' +
                    std::to_string(static_cast<int>(explanation.kind));
  append_rule(key, explanation.name_rule);
  append_rule(key, explanation.tags_rule);
  append_removals(key, explanation.tags);
  for (const SinkExplanation& sink : explanation.sinks) {
    key += '|' + std::to_string(static_cast<int>(sink.verdict));
    append_rule(key, sink.name_rule);
    append_rule(key, sink.tags_rule);
    append_removals(key, sink.tags);
  }
  return key;
}

std::string without(std::string text, const std::string& name) {
  const std::size_t place = text.find(name);
  if (place != std::string::npos) text.erase(place, name.size());
  return text;
}

}  // namespace

void Fates::add(Explanation explanation) {
  Fate& fate = fates_[fate_key(explanation)];
  if (fate.series++ == 0) fate.example = std::move(explanation);
}

std::vector<const Fate*> Fates::by_count() const {
  return sorted_by_series(fates_);
}

std::string kept_by(const Explanation& explanation, const SinkExplanation& sink,
                    std::string_view file) {
  std::string rules;
  for (const Rule* rule :
       {&explanation.name_rule, &explanation.tags_rule, &sink.name_rule, &sink.tags_rule}) {
    const std::string text = rule_text(*rule, file);
    if (!text.empty()) rules += (rules.empty() ? "" : " and ") + text;
  }
  return rules;
}

std::vector<Decision> decisions_of(const Explanation& explanation, std::string_view file) {
  std::vector<Decision> decisions;
  for (const SinkExplanation& sink : explanation.sinks) {
    const bool is_value_sent = explanation.value_verdict == ValueVerdict::Sent;
    const std::string who = explanation.sinks.size() > 1 && !is_of_source(sink.verdict)
                                ? "sink \"" + sink.sink + "\": "
                                : "";
    if (sink.verdict != Verdict::Kept) {
      decisions.push_back({false, who, verdict_text(sink.verdict),
                           rule_text(deciding_rule(explanation, sink), file)});
    } else if (!is_value_sent) {
      decisions.push_back({false, who, value_verdict_text(explanation.value_verdict), ""});
    } else {
      decisions.push_back({true, who, "", kept_by(explanation, sink, file)});
    }
    if (is_of_source(sink.verdict)) break;  // the same for all
  }
  return decisions;
}

bool is_missed(const Explanation& explanation) {
  return explanation.value_verdict != ValueVerdict::Sent ||
         std::any_of(explanation.sinks.begin(), explanation.sinks.end(),
                     [](const SinkExplanation& sink) { return sink.verdict != Verdict::Kept; });
}

void DecisionCounts::add(const Explanation& explanation) {
  ++series_;
  if (is_missed(explanation)) ++unsent_;
  for (Decision& decision : decisions_of(explanation, file_)) {
    Group& group = groups_[decision.who + '|' + decision.why + '|' + decision.rule];
    if (group.series++ == 0) group.decision = std::move(decision);
    Metric& metric = group.metrics[explanation.parsed_name];
    if (metric.series++ > 0) continue;
    metric.example = explanation.series;
    metric.hint = explanation.hint;
    metric.hint_for_all = without(explanation.hint, explanation.name);
  }
}

std::vector<const DecisionCounts::Group*> DecisionCounts::by_count() const {
  std::vector<const Group*> groups = sorted_by_series(groups_);
  std::stable_partition(groups.begin(), groups.end(),
                        [](const Group* group) { return group->decision.is_kept; });
  return groups;
}

}  // namespace fedwave::relay
