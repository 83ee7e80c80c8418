#include "relay/explain/explanation_text.h"

#include <algorithm>

#include "relay/base/text.h"

namespace fedwave::relay {
namespace {

constexpr const char* kBold = "\x1b[1m";
constexpr const char* kGreen = "\x1b[32m";
constexpr const char* kRed = "\x1b[31m";
constexpr const char* kDim = "\x1b[2m";
constexpr const char* kPlain = "\x1b[0m";

std::string in_quotes(std::string_view text) {
  return "\"" + base::printable(text) + "\"";
}

// The verdict of the source's own stage: what all sinks have in common.
Verdict source_verdict(const Explanation& explanation) {
  if (explanation.sinks.empty()) return Verdict::Kept;
  const Verdict first = explanation.sinks.front().verdict;
  return is_of_source(first) ? first : Verdict::Kept;
}

bool is_about_tags(Verdict verdict) {
  return verdict == Verdict::SourceNotInTagAllowList || verdict == Verdict::SourceTagDenyList ||
         verdict == Verdict::SinkNotInTagAllowList || verdict == Verdict::SinkTagDenyList;
}

// Which of a stage's two rules dropped the series; that of nothing when no filter did.
const Rule& deciding_rule(Verdict verdict, const Rule& name_rule, const Rule& tags_rule) {
  static const Rule kNone;
  if (!is_filtered(verdict)) return kNone;
  return is_about_tags(verdict) ? tags_rule : name_rule;
}

std::string line_of(const SinkExplanation& sink, const Explanation& explanation) {
  if (sink.is_distribution) {
    return "!M TIME #COUNT MEAN… " + sink.head.substr(0, sink.head.size() - 1) + sink.tail;
  }
  const std::string value = explanation.wire_value.empty() ? "VALUE" : explanation.wire_value;
  return sink.head + value + " TIME" + sink.tail;
}

std::string without_newline(std::string line) {
  if (line.ends_with('\n')) line.pop_back();
  return line;
}

// One explanation as lines under headings.
class Text {
 public:
  Text(const Explanation& explanation, std::string_view file, bool has_colour)
      : explanation_(explanation), file_(file), has_colour_(has_colour) {}

  std::string write() {
    out_ = painted(kBold, base::printable(explanation_.series));
    out_ += '\n';
    if (explanation_.malformed != parsers::Malformed::None) {
      row("refused", painted(kRed, parsers::malformed_text(explanation_.malformed)));
      return std::move(out_);
    }
    row("parsed", std::to_string(explanation_.labels.size()) +
                      (explanation_.labels.size() == 1 ? " label, " : " labels, ") +
                      kind_text(explanation_.kind));
    row("named", explanation_.name);
    write_source();
    if (source_verdict(explanation_) == Verdict::Kept) {
      for (const SinkExplanation& sink : explanation_.sinks) write_sink(sink);
    }
    if (!explanation_.hint.empty()) row("hint", painted(kBold, explanation_.hint));
    return std::move(out_);
  }

 private:
  std::string painted(const char* colour, std::string_view text) const {
    return has_colour_ ? colour + std::string(text) + kPlain : std::string(text);
  }

  void row(std::string_view heading, const std::string& text) {
    constexpr std::size_t kWidth = 10;
    out_ += "  ";
    out_ += painted(kDim, heading);
    out_.append(kWidth - std::min(heading.size(), kWidth - 1), ' ');
    out_ += text + '\n';
  }

  // What a stage's filters have said, in the order in which they are asked.
  void verdict_rows(std::string_view heading, const std::string& who, Verdict verdict,
                    const Rule& name_rule, const Rule& tags_rule) {
    if (verdict != Verdict::Kept) {
      const Rule& rule = deciding_rule(verdict, name_rule, tags_rule);
      row(heading, who + painted(kRed, "dropped") + ": " + verdict_text(verdict));
      if (!rule.list.empty()) row("", "by " + painted(kBold, rule_text(rule, file_)));
      return;
    }
    std::string kept = who + painted(kGreen, "kept");
    if (!name_rule.list.empty()) kept += " by " + rule_text(name_rule, file_);
    row(heading, kept);
    if (!tags_rule.list.empty()) row("", "and by " + rule_text(tags_rule, file_));
  }

  void tag_rows(const std::vector<TagStep>& steps) {
    for (const TagStep& step : steps) {
      const bool is_removed = step.what == TagStep::What::Removed;
      const char* sign = is_removed ? "- " : step.what == TagStep::What::Set ? "+ " : "~ ";
      const std::string why = step.rule.list.empty() ? step.why : rule_text(step.rule, file_);
      row("", sign + base::printable(step.key) + "=" + in_quotes(step.value) + "  " +
                  painted(kDim, why));
    }
  }

  void write_source() {
    verdict_rows("source", source_title(explanation_.source) + ": ", source_verdict(explanation_),
                 explanation_.name_rule, explanation_.tags_rule);
    tag_rows(explanation_.tags);
  }

  void write_sink(const SinkExplanation& sink) {
    verdict_rows("sink", sink.sink + ": ", sink.verdict, sink.name_rule, sink.tags_rule);
    tag_rows(sink.tags);
    if (sink.verdict != Verdict::Kept) return;
    if (explanation_.value_verdict != ValueVerdict::Sent) {
      row("", painted(kRed, "not sent") + ": " + value_verdict_text(explanation_.value_verdict));
      return;
    }
    row("line", base::printable(without_newline(line_of(sink, explanation_))));
  }

  const Explanation& explanation_;
  const std::string_view file_;
  const bool has_colour_;
  std::string out_;
};

void write_rule(JsonWriter& writer, const char* key, const Rule& rule, std::string_view file) {
  writer.Key(key);
  if (rule.list.empty()) {
    writer.Null();
    return;
  }
  writer.StartObject();
  add(writer, "list", rule.list);
  add(writer, "pattern", rule.pattern);
  add(writer, "tag_key", rule.tag_key);
  add(writer, "where", place_text(rule.where, file));
  writer.EndObject();
}

void write_tags(JsonWriter& writer, const std::vector<TagStep>& steps, std::string_view file) {
  static constexpr const char* kWhat[] = {"set", "changed", "removed"};
  writer.Key("tags");
  writer.StartArray();
  for (const TagStep& step : steps) {
    writer.StartObject();
    add(writer, "what", kWhat[static_cast<std::size_t>(step.what)]);
    add(writer, "key", step.key);
    add(writer, "value", step.value);
    add(writer, "why", step.why);
    write_rule(writer, "rule", step.rule, file);
    writer.EndObject();
  }
  writer.EndArray();
}

void write_source_stage(JsonWriter& writer, const Explanation& explanation, std::string_view file) {
  const Verdict verdict = source_verdict(explanation);
  writer.Key("source_stage");
  writer.StartObject();
  add(writer, "verdict", verdict_name(verdict));
  add(writer, "text", verdict_text(verdict));
  write_rule(writer, "rule", explanation.name_rule, file);
  write_rule(writer, "tags_rule", explanation.tags_rule, file);
  write_rule(writer, "decided_by",
             deciding_rule(verdict, explanation.name_rule, explanation.tags_rule), file);
  write_tags(writer, explanation.tags, file);
  writer.EndObject();
}

void write_sink(JsonWriter& writer, const SinkExplanation& sink, const Explanation& explanation,
                std::string_view file) {
  writer.StartObject();
  add(writer, "sink", sink.sink);
  add(writer, "verdict", verdict_name(sink.verdict));
  add(writer, "verdict_text", verdict_text(sink.verdict));
  write_rule(writer, "rule", sink.name_rule, file);
  write_rule(writer, "tags_rule", sink.tags_rule, file);
  write_rule(writer, "decided_by", deciding_rule(sink.verdict, sink.name_rule, sink.tags_rule),
             file);
  write_tags(writer, sink.tags, file);
  add(writer, "sent_as", sink.sent_as);
  writer.Key("line");
  const bool is_kept =
      sink.verdict == Verdict::Kept && explanation.value_verdict == ValueVerdict::Sent;
  if (is_kept) {
    put(writer, std::string_view(without_newline(line_of(sink, explanation))));
  } else {
    writer.Null();
  }
  writer.Key("distribution");
  writer.Bool(sink.is_distribution);
  writer.EndObject();
}

void write_series(JsonWriter& writer, const Explanation& explanation) {
  add(writer, "source", explanation.source);
  add(writer, "series", explanation.series);
  add(writer, "value", explanation.value);
  add(writer, "type", kind_text(explanation.kind));
  writer.Key("malformed");
  if (explanation.malformed == parsers::Malformed::None) {
    writer.Null();
  } else {
    put(writer, std::string_view(parsers::malformed_text(explanation.malformed)));
  }
  add(writer, "name", explanation.parsed_name);
  writer.Key("labels");
  writer.StartObject();
  for (const auto& [key, value] : explanation.labels) {
    add(writer, base::printable(key).c_str(), value);
  }
  writer.EndObject();
  add(writer, "named", explanation.name);
  add(writer, "value_text", value_verdict_text(explanation.value_verdict));
}

}  // namespace

std::string place_text(config::Position where, std::string_view file) {
  if (where.line == 0) return {};
  return std::string(file) + ":" + std::to_string(where.line) + ":" + std::to_string(where.column);
}

std::string rule_text(const Rule& rule, std::string_view file) {
  if (rule.list.empty()) return {};
  std::string text = rule.list;
  if (!rule.tag_key.empty()) text += " of " + base::printable(rule.tag_key);
  if (!rule.pattern.empty()) text += " " + in_quotes(rule.pattern);
  if (rule.where.line > 0) text += " at " + place_text(rule.where, file);
  return text;
}

std::string verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::Kept:
      return "kept";
    case Verdict::OtherShard:
      return "another shard sends it (shardBy: series)";
    case Verdict::SourceNotInAllowList:
      return "no pattern of the source's metricAllowList matches the name";
    case Verdict::SourceDenyList:
      return "the source's metricDenyList matches the name";
    case Verdict::SourceNotInTagAllowList:
      return "no pattern of the source's metricTagAllowList matches a tag";
    case Verdict::SourceTagDenyList:
      return "the source's metricTagDenyList matches a tag";
    case Verdict::SinkNotInAllowList:
      return "no pattern of the sink's metricAllowList matches the name";
    case Verdict::SinkDenyList:
      return "the sink's metricDenyList matches the name";
    case Verdict::SinkNotInTagAllowList:
      return "no pattern of the sink's metricTagAllowList matches a tag";
    case Verdict::SinkTagDenyList:
      return "the sink's metricTagDenyList matches a tag";
    case Verdict::EmptyName:
      return "the name is empty";
    case Verdict::NameTooLong:
      return "the name is longer than Wavefront takes (limits.name)";
    case Verdict::EmptySource:
      return "the point's source is empty";
    case Verdict::LineTooLong:
      return "the line would be longer than a proxy takes";
  }
  return {};
}

std::string source_title(std::string_view name) {
  const std::size_t query = name.find('?');
  const bool is_url = name.starts_with("http://") || name.starts_with("https://");
  if (!is_url || query == std::string_view::npos) return std::string(name);
  return std::string(name.substr(0, query)) + "?…";
}

const char* value_verdict_text(ValueVerdict verdict) {
  switch (verdict) {
    case ValueVerdict::NotANumber:
      return "the value is not a number, which Wavefront cannot store";
    case ValueVerdict::Infinite:
      return "the value is infinite, which Wavefront refuses";
    case ValueVerdict::Sent:
      break;
  }
  return "";
}

const Rule& deciding_rule(const Explanation& explanation, const SinkExplanation& sink) {
  const bool is_sources = is_of_source(sink.verdict);
  return deciding_rule(sink.verdict, is_sources ? explanation.name_rule : sink.name_rule,
                       is_sources ? explanation.tags_rule : sink.tags_rule);
}

std::string kind_text(parsers::SampleKind kind) {
  using parsers::SampleKind;
  switch (kind) {
    case SampleKind::Untyped:
      return "untyped";
    case SampleKind::Gauge:
      return "gauge";
    case SampleKind::Counter:
      return "counter";
    case SampleKind::SummaryQuantile:
      return "quantile of a summary";
    case SampleKind::SummaryCount:
      return "count of a summary";
    case SampleKind::SummarySum:
      return "sum of a summary";
    case SampleKind::HistogramBucket:
      return "bucket of a histogram";
    case SampleKind::HistogramCount:
      return "count of a histogram";
    case SampleKind::HistogramSum:
      return "sum of a histogram";
    case SampleKind::Own:
      return "the relay's own";
  }
  return {};
}

bool is_sent(const Explanation& explanation) {
  return explanation.malformed == parsers::Malformed::None &&
         explanation.value_verdict == ValueVerdict::Sent &&
         std::any_of(explanation.sinks.begin(), explanation.sinks.end(),
                     [](const SinkExplanation& sink) { return sink.verdict == Verdict::Kept; });
}

std::string explanation_text(const Explanation& explanation, std::string_view file,
                             bool has_colour) {
  return Text(explanation, file, has_colour).write();
}

void write_explanation(JsonWriter& writer, const Explanation& explanation, std::string_view file,
                       std::optional<std::uint64_t> series_count,
                       std::optional<bool> is_hypothetical) {
  writer.StartObject();
  write_series(writer, explanation);
  if (explanation.malformed == parsers::Malformed::None) {
    write_source_stage(writer, explanation, file);
    writer.Key("sinks");
    writer.StartArray();
    for (const SinkExplanation& sink : explanation.sinks) {
      write_sink(writer, sink, explanation, file);
    }
    writer.EndArray();
  }
  add(writer, "verdict", is_sent(explanation) ? "kept" : "dropped");
  add(writer, "hint", explanation.hint);
  writer.Key("series_count");
  if (series_count) {
    writer.Uint64(*series_count);
  } else {
    writer.Null();
  }
  if (is_hypothetical) {
    writer.Key("hypothetical");
    writer.Bool(*is_hypothetical);
  }
  writer.EndObject();
}

std::string explanation_json(const Explanation& explanation, std::string_view file) {
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  write_explanation(writer, explanation, file);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace fedwave::relay
