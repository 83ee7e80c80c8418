#include "relay/commands/series_changes.h"

#include <algorithm>
#include <tuple>

#include "relay/commands/fates.h"
#include "relay/explain/explanation_text.h"

namespace fedwave::relay {
namespace {

// Null when the sink gets nothing of it, whatever the value.
const SinkExplanation* point_of(const ChangeSide& side) {
  if (side.explanation == nullptr || !side.sink) return nullptr;
  const SinkExplanation& sink = side.explanation->sinks[*side.sink];
  return sink.verdict == Verdict::Kept ? &sink : nullptr;
}

bool has_value(const ChangeSide& before, const ChangeSide& after) {
  const Explanation* either =
      before.explanation != nullptr ? before.explanation : after.explanation;
  return either->value_verdict == ValueVerdict::Sent;
}

std::string line_of(const SinkExplanation* point) {
  if (point == nullptr) return {};
  // The head ends in a blank, the tail begins with one and ends in a newline.
  std::string line = point->is_distribution ? "!M " : "";
  line.append(point->head, 0, point->head.size() - 1).append(point->tail);
  if (line.ends_with('\n')) line.pop_back();
  return line;
}

// Cuts the next `"…"` off; empty at the end.
std::string_view next_quoted(std::string_view& text) {
  const std::size_t begin = text.find('"');
  if (begin == std::string_view::npos) return {};
  std::size_t end = begin + 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  end = std::min(end + 1, text.size());
  const std::string_view quoted = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return quoted;
}

// ` source="…" "key"="value"…`
std::map<std::string_view, std::string_view> tags_in(std::string_view tail) {
  std::map<std::string_view, std::string_view> tags{{"source", next_quoted(tail)}};
  for (;;) {
    const std::string_view key = next_quoted(tail);
    if (key.empty()) return tags;
    tags[key] = next_quoted(tail);
  }
}

// "tags gone: "pod", "job"; other values: "cluster""
std::string tags_text(const SinkExplanation& before, const SinkExplanation& after) {
  const auto old_tags = tags_in(before.tail);
  const auto new_tags = tags_in(after.tail);
  std::array<std::string, 3> lists;
  const auto add = [](std::string& list, std::string_view key) {
    list.append(list.empty() ? "" : ", ").append(key);
  };
  for (const auto& [key, value] : old_tags) {
    const auto found = new_tags.find(key);
    if (found == new_tags.end()) {
      add(lists[0], key);
    } else if (found->second != value) {
      add(lists[2], key);
    }
  }
  for (const auto& [key, value] : new_tags) {
    if (!old_tags.contains(key)) add(lists[1], key);
  }
  static constexpr std::array<const char*, 3> kTitles{
      "tags gone: ", "tags added: ", "other values of "};
  std::string text;
  for (std::size_t i = 0; i < lists.size(); ++i) {
    if (!lists[i].empty()) text += (text.empty() ? "" : "; ") + (kTitles[i] + lists[i]);
  }
  return text.empty() ? "sent as another kind of point" : text;
}

// What keeps a series away on one side.
std::string why_missing(const ChangeSide& side) {
  if (side.explanation == nullptr || !side.sink) return std::string(side.absence);
  const SinkExplanation& sink = side.explanation->sinks[*side.sink];
  const std::string rule = rule_text(deciding_rule(*side.explanation, sink), side.file);
  return verdict_text(sink.verdict) + (rule.empty() ? "" : " (" + rule + ")");
}

std::string rules_of(const ChangeSide& side) {
  return kept_by(*side.explanation, side.explanation->sinks[*side.sink], side.file);
}

void give_reasons(ChangeGroup& group, const ChangeSide& before, const ChangeSide& after,
                  const SinkExplanation* old_point, const SinkExplanation* new_point) {
  switch (group.kind) {
    case ChangeKind::Added:
      group.why = why_missing(before);
      group.kept_by = rules_of(after);
      break;
    case ChangeKind::Dropped:
      group.why = why_missing(after);
      group.kept_by = rules_of(before);
      break;
    case ChangeKind::Renamed:
      if (old_point->tail != new_point->tail) group.why = tags_text(*old_point, *new_point);
      break;
    case ChangeKind::Retagged:
      group.why = tags_text(*old_point, *new_point);
      break;
  }
}

}  // namespace

const char* change_text(ChangeKind kind) {
  static constexpr std::array<const char*, kChangeKindCount> kTexts{"added", "dropped", "renamed",
                                                                    "retagged"};
  return kTexts[static_cast<std::size_t>(kind)];
}

void SeriesChanges::compare(const std::string& source, const std::string& sink,
                            const ChangeSide& before, const ChangeSide& after) {
  const SinkExplanation* old_point = point_of(before);
  const SinkExplanation* new_point = point_of(after);
  const bool is_sent = has_value(before, after);
  if (is_sent && old_point != nullptr) old_points_per_s_ += before.points_per_s;
  if (is_sent && new_point != nullptr) new_points_per_s_ += after.points_per_s;
  ChangeKind kind = ChangeKind::Retagged;
  if (old_point == nullptr || new_point == nullptr) {
    if (old_point == new_point) return;
    kind = old_point == nullptr ? ChangeKind::Added : ChangeKind::Dropped;
  } else if (old_point->head != new_point->head) {
    kind = ChangeKind::Renamed;
  } else if (old_point->tail == new_point->tail &&
             old_point->is_distribution == new_point->is_distribution) {
    return;
  }
  if (!is_sent) {
    ++without_value_;
    return;
  }
  ChangeGroup what;
  what.source = source;
  what.sink = sink;
  what.kind = kind;
  give_reasons(what, before, after, old_point, new_point);
  note(what, before, after, old_point, new_point);
}

void SeriesChanges::note(const ChangeGroup& what, const ChangeSide& before, const ChangeSide& after,
                         const SinkExplanation* old_point, const SinkExplanation* new_point) {
  ++counts_[static_cast<std::size_t>(what.kind)];
  const std::string key = what.source + '|' + what.sink + '|' +
                          std::to_string(static_cast<int>(what.kind)) + '|' + what.why + '|' +
                          what.kept_by;
  ChangeGroup& group = groups_.try_emplace(key, what).first->second;
  const Explanation& either =
      after.explanation != nullptr ? *after.explanation : *before.explanation;
  MetricChange& metric = group.metrics[either.parsed_name];
  const double points_per_s = (new_point != nullptr ? after.points_per_s : 0) -
                              (old_point != nullptr ? before.points_per_s : 0);
  group.points_per_s += points_per_s;
  metric.points_per_s += points_per_s;
  ++group.series;
  if (metric.series++ == 0) {
    if (old_point != nullptr) metric.old_name = old_point->sent_as;
    if (new_point != nullptr) metric.new_name = new_point->sent_as;
  }
  if (metric.examples.size() < examples_) {
    metric.examples.push_back({either.series, line_of(old_point), line_of(new_point)});
  }
}

std::vector<const ChangeGroup*> SeriesChanges::groups() const {
  std::vector<const ChangeGroup*> sorted;
  for (const auto& [key, group] : groups_) sorted.push_back(&group);
  std::stable_sort(sorted.begin(), sorted.end(), [](const ChangeGroup* a, const ChangeGroup* b) {
    return std::tie(a->source, a->sink, a->kind, b->series) <
           std::tie(b->source, b->sink, b->kind, a->series);
  });
  return sorted;
}

bool SeriesChanges::empty() const {
  return groups_.empty() && without_value_ == 0;
}

}  // namespace fedwave::relay
