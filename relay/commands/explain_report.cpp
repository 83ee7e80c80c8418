#include "relay/commands/explain_report.h"

#include <algorithm>
#include <map>
#include <utility>

#include "relay/base/text.h"
#include "relay/commands/fates.h"
#include "relay/commands/readable.h"
#include "relay/commands/text_table.h"
#include "relay/explain/explanation_text.h"
#include "relay/json.h"

namespace fedwave::relay {
namespace {

constexpr std::size_t kNamesShown = 10;
constexpr std::size_t kHintsShown = 5;

std::string series_text(std::uint64_t count) {
  return grouped(count) + " series";
}

std::string in_quotes(const std::string& text) {
  return "\"" + base::printable(text) + "\"";
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i) {
    text += "    " + base::printable(names[i]) + "\n";
  }
  if (names.size() > kNamesShown) {
    text += "    and " + grouped(names.size() - kNamesShown) + " more\n";
  }
  return text;
}

std::string reason_text(const Decision& decision) {
  if (decision.is_kept) return decision.rule.empty() ? "no list says otherwise" : decision.rule;
  return decision.why + (decision.rule.empty() ? "" : ", " + decision.rule);
}

// What is only spelt like it would be said of nearly everything.
bool is_worth_showing(const std::string& hint) {
  return hint.find("would match") != std::string::npos ||
         hint.find("did you mean") != std::string::npos;
}

// For people. The first thing has no empty line before it.
class TextReport final : public ExplainReport {
 public:
  TextReport(std::ostream& out, std::string file, bool has_colour)
      : out_(out), file_(std::move(file)), has_colour_(has_colour) {}

  void series(const Explanation& explanation, std::optional<std::uint64_t> count) override {
    separate();
    out_ << explanation_text(explanation, file_, has_colour_);
    if (count && *count > 1) out_ << "  and " << grouped(*count - 1) << " more like it\n";
  }

  void assumed(const std::string& name, parsers::SampleKind kind) override {
    out_ << "  assumed   a series " << base::printable(name) << " of type " << kind_text(kind)
         << ", without labels\n            lists that look at tags may decide otherwise: give a "
            "page "
            "(--input FILE, --live)\n            or the series as name{labels}\n";
  }

  void as_written(bool has_page, bool looks_at_tags) override {
    const char* on_page = "no such series is on the page: this is what was written";
    const char* left_out = "labels that are left out may decide otherwise";
    if (!has_page && !looks_at_tags) return;
    out_ << "  note      " << (has_page ? on_page : left_out) << '\n';
    if (has_page && looks_at_tags) out_ << "            " << left_out << '\n';
  }

  void not_found(const std::string& source, const std::string& name,
                 const std::vector<std::string>& nearest) override {
    separate();
    out_ << painted("\x1b[1m", base::printable(name)) << "\n  source \"" << source_title(source)
         << "\": no series of the page has this name, on either side";
    if (nearest.empty()) {
      out_ << ", nor one like it\n";
      return;
    }
    out_ << "; the nearest " << (nearest.size() == 1 ? "is" : "are") << '\n' << list_of(nearest);
  }

  void pattern(const PatternAnswer& answer) override;

  void begin_page(const std::string& source) override {
    source_ = source;
    counts_ = DecisionCounts(file_);
  }
  void page_series(const Explanation& explanation, bool) override { counts_.add(explanation); }
  void end_page(bool only_dropped) override {
    separate();
    const std::uint64_t kept = counts_.series() - counts_.unsent();
    out_ << painted("\x1b[1m", "source \"" + source_title(source_) + "\"") << ": "
         << series_text(counts_.series()) << ", " << grouped(kept) << " kept, "
         << grouped(counts_.unsent()) << " dropped\n";
    only_dropped ? write_dropped() : write_summary();
  }

 private:
  void separate() {
    if (!is_first_) out_ << '\n';
    is_first_ = false;
  }
  std::string painted(const char* colour, const std::string& text) const {
    return has_colour_ ? colour + text + "\x1b[0m" : text;
  }
  void write_summary();
  void write_dropped();
  void write_metrics(const DecisionCounts::Group& group);

  std::ostream& out_;
  const std::string file_;
  const bool has_colour_;
  bool is_first_ = true;
  std::string source_;
  DecisionCounts counts_{""};
};

void TextReport::pattern(const PatternAnswer& answer) {
  separate();
  out_ << painted("\x1b[1m", base::printable(answer.pattern)) << "\n  a pattern";
  if (!answer.has_page) {
    out_ << ": what it matches is told of a page (--input FILE or --live)\n";
    if (answer.dotted != answer.pattern) {
      out_ << "  hint      patterns see the dotted name: " << in_quotes(answer.dotted)
           << ", unless the names in Wavefront have underscores\n";
    }
    return;
  }
  const bool matches = !answer.matches.empty();
  out_ << (matches ? " that matches " + counted(answer.matches.size(), "name")
                   : ": it matches no name")
       << " of source \"" << source_title(answer.source) << "\"\n"
       << list_of(answer.matches);
  if (answer.dotted_matches.empty()) return;
  out_ << "  hint      " << in_quotes(answer.dotted) << " would match "
       << counted(answer.dotted_matches.size(), "name") << ": patterns see the dotted name\n"
       << list_of(answer.dotted_matches);
}

void TextReport::write_summary() {
  TextTable table({{"  SERIES", TextTable::Align::Right},
                   {"METRICS", TextTable::Align::Right},
                   {"WHAT"},
                   {"WHY"}});
  for (const DecisionCounts::Group* group : counts_.by_count()) {
    const Decision& decision = group->decision;
    table.add({grouped(group->series), grouped(group->metrics.size()),
               decision.is_kept ? "kept" : "dropped", decision.who + reason_text(decision)});
  }
  if (counts_.series() > 0) table.print(out_);
  if (counts_.unsent() > 0) out_ << "\n--dropped lists the metrics that are not sent.\n";
}

void TextReport::write_dropped() {
  for (const DecisionCounts::Group* group : counts_.by_count()) {
    if (group->decision.is_kept) continue;
    out_ << '\n'
         << series_text(group->series) << " of " << counted(group->metrics.size(), "metric") << ": "
         << painted("\x1b[31m", group->decision.who + group->decision.why) << '\n';
    if (!group->decision.rule.empty()) out_ << "by " << group->decision.rule << '\n';
    write_metrics(*group);
  }
}

void TextReport::write_metrics(const DecisionCounts::Group& group) {
  std::vector<std::pair<std::string, const DecisionCounts::Metric*>> metrics;
  std::map<std::string, std::string> hints;  // by what they say of all names
  for (const auto& [name, metric] : group.metrics) {
    metrics.emplace_back(name, &metric);
    if (is_worth_showing(metric.hint)) hints.try_emplace(metric.hint_for_all, metric.hint);
  }
  std::stable_sort(metrics.begin(), metrics.end(), [](const auto& a, const auto& b) {
    return a.second->series > b.second->series;
  });
  TextTable table({{"  SERIES", TextTable::Align::Right}, {"METRIC"}, {"FOR EXAMPLE"}});
  for (const auto& [name, metric] : metrics) {
    table.add({grouped(metric->series), base::printable(name), base::printable(metric->example)});
  }
  table.print(out_);
  std::size_t shown = 0;
  for (const auto& [for_all, hint] : hints) {
    if (++shown > kHintsShown) break;
    out_ << "  hint: " << hint << '\n';
  }
}

// One object a line.
class JsonReport final : public ExplainReport {
 public:
  JsonReport(std::ostream& out, std::string file) : out_(out), file_(std::move(file)) {}

  void series(const Explanation& explanation, std::optional<std::uint64_t> count) override {
    JsonWriter writer(buffer_);
    write_explanation(writer, explanation, file_, count);
    write_line();
  }
  // Programs see it: there is no series_count.
  void assumed(const std::string&, parsers::SampleKind) override {}
  void as_written(bool, bool) override {}

  void not_found(const std::string& source, const std::string& name,
                 const std::vector<std::string>& nearest) override {
    JsonWriter writer(buffer_);
    writer.StartObject();
    add(writer, "source", source);
    add(writer, "not_found", name);
    add(writer, "nearest", nearest);
    writer.EndObject();
    write_line();
  }

  void pattern(const PatternAnswer& answer) override {
    JsonWriter writer(buffer_);
    writer.StartObject();
    add(writer, "source", answer.source);
    add(writer, "pattern", answer.pattern);
    add(writer, "matches", answer.matches);
    add(writer, "dotted", answer.dotted);
    add(writer, "dotted_matches", answer.dotted_matches);
    writer.EndObject();
    write_line();
  }

  void begin_page(const std::string&) override {}
  void page_series(const Explanation& explanation, bool only_dropped) override {
    if (!only_dropped || is_missed(explanation)) series(explanation, {});
  }
  void end_page(bool) override {}

 private:
  void write_line() {
    buffer_.Put('\n');
    out_.write(buffer_.GetString(), static_cast<std::streamsize>(buffer_.GetSize()));
    buffer_.Clear();
  }

  std::ostream& out_;
  const std::string file_;
  rapidjson::StringBuffer buffer_;
};

}  // namespace

std::unique_ptr<ExplainReport> make_explain_report(ReportFormat format, std::ostream& out,
                                                   std::string file, bool has_colour) {
  if (format == ReportFormat::Json) return std::make_unique<JsonReport>(out, std::move(file));
  return std::make_unique<TextReport>(out, std::move(file), has_colour);
}

}  // namespace fedwave::relay
