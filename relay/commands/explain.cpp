#include "relay/commands/explain.h"

#include <algorithm>
#include <deque>
#include <iostream>
#include <memory>

#include "relay/base/glob.h"
#include "relay/base/text.h"
#include "relay/commands/asked_series.h"
#include "relay/commands/chosen_config.h"
#include "relay/commands/exit_code.h"
#include "relay/commands/explain_report.h"
#include "relay/commands/fates.h"
#include "relay/commands/page_names.h"
#include "relay/commands/page_reading.h"
#include "relay/commands/page_series.h"
#include "relay/commands/page_tags.h"
#include "relay/commands/readable.h"
#include "relay/commands/terminal.h"
#include "relay/explain/explainer.h"
#include "relay/explain/explanation_text.h"

namespace fedwave::relay {
namespace {

constexpr std::size_t kNearestShown = 3;

// One source, its pages, and the questions about it.
class SourceAnswers {
 public:
  SourceAnswers(const config::Config& config, const config::Source& source,
                std::vector<SourcePage> pages, PageReading& reading, ExplainReport& report)
      : config_(config),
        source_(source),
        pages_(std::move(pages)),
        names_(config, source),
        reading_(reading),
        report_(report) {
    for (const SourcePage& page : pages_) {
      explainers_.emplace_back(config, source, page.instance);
      names_.add(page, explainers_.back());
    }
    if (pages_.empty()) explainers_.emplace_back(config, source);
  }

  void answer(const AskedSeries& asked);
  // All series of the pages, or those that some sink does not get.
  void tell_all(bool only_dropped);

 private:
  void explain_series(const AskedSeries& asked);
  void explain_as_written(const AskedSeries& asked);
  void explain_name(const AskedSeries& asked);
  void assume_name(const std::string& name);
  void explain_pattern(const std::string& pattern);
  Fates fates_of(const std::string& name, const AskedSeries& asked);
  void report_fates(const Fates& fates);

  const config::Config& config_;
  const config::Source& source_;
  const std::vector<SourcePage> pages_;
  std::deque<Explainer> explainers_;  // of each page; without any, one
  PageNames names_;
  PageReading& reading_;
  ExplainReport& report_;
};

void SourceAnswers::answer(const AskedSeries& asked) {
  switch (asked.what) {
    case AskedSeries::What::Series:
      return explain_series(asked);
    case AskedSeries::What::Name:
      return pages_.empty() ? assume_name(asked.text) : explain_name(asked);
    case AskedSeries::What::Pattern:
      return explain_pattern(asked.text);
    case AskedSeries::What::Malformed:
      break;  // refused before
  }
}

// Of the page's series with the name and at least the labels.
Fates SourceAnswers::fates_of(const std::string& name, const AskedSeries& asked) {
  Fates fates;
  for (const PageMetric* metric : names_.find(name)) {
    for (const PageSeries* series : metric->series) {
      if (!has_labels(*series, asked, source_)) continue;
      reading_.show_progress([&] { return "explaining " + name; });
      parsers::SampleLineView sample = series->sample();
      if (!asked.value.empty()) sample.value = asked.value;
      fates.add(metric->explainer->explain(sample));
    }
  }
  reading_.clear_progress();
  return fates;
}

void SourceAnswers::report_fates(const Fates& fates) {
  for (const Fate* fate : fates.by_count()) report_.series(fate->example, fate->series);
}

// Somebody who types a series leaves out labels that a list may look at: the page's have them all.
void SourceAnswers::explain_series(const AskedSeries& asked) {
  const Fates fates = fates_of(asked.name, asked);
  fates.empty() ? explain_as_written(asked) : report_fates(fates);
}

// The page, where there is one, knows the type.
void SourceAnswers::explain_as_written(const AskedSeries& asked) {
  const auto& metrics = names_.metrics();
  const auto known = std::find_if(metrics.begin(), metrics.end(), [&](const PageMetric& metric) {
    return metric.name == asked.name;
  });
  parsers::SampleLineView sample{.series = asked.text, .value = asked.value};
  if (known != metrics.end()) sample.kind = known->series.front()->kind;
  report_.series(explainers_.front().explain(sample), {});
  report_.as_written(!pages_.empty(), looks_at_tags(config_, source_));
}

void SourceAnswers::explain_name(const AskedSeries& asked) {
  const Fates fates = fates_of(asked.text, asked);
  if (!fates.empty()) return report_fates(fates);
  report_.not_found(source_.name, asked.text, names_.nearest(asked.text, kNearestShown));
}

void SourceAnswers::assume_name(const std::string& name) {
  const GuessedMetric guess = guess_metric(config_, source_, name);
  report_.series(
      explainers_.front().explain({.series = guess.name, .value = "", .kind = guess.kind}), {});
  report_.assumed(guess.name, guess.kind);
}

void SourceAnswers::explain_pattern(const std::string& pattern) {
  std::string dotted = pattern;
  std::replace(dotted.begin(), dotted.end(), '_', '.');
  PatternAnswer answer{.source = source_.name, .pattern = pattern, .dotted = dotted};
  answer.has_page = !pages_.empty();
  answer.matches = names_.matching(pattern);
  // A range may be none any more: [A-_] has no other way to be written with dots.
  if (dotted != pattern && base::parse_glob(dotted))
    answer.dotted_matches = names_.matching(dotted);
  report_.pattern(answer);
}

void SourceAnswers::tell_all(bool only_dropped) {
  std::uint64_t done = 0;
  report_.begin_page(source_.name);
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    for (const PageSeries& series : pages_[i].series) {
      reading_.show_progress([&] { return "explained " + grouped(done) + " series"; });
      ++done;
      report_.page_series(explainers_[i].explain(series.sample()), only_dropped);
    }
  }
  reading_.clear_progress();
  report_.end_page(only_dropped);
}

// False when nothing is left to answer.
bool read_questions(const ExplainOptions& options, std::vector<AskedSeries>& questions) {
  for (const std::string& text : options.series) {
    AskedSeries asked = read_asked(text);
    if (asked.what != AskedSeries::What::Malformed) {
      questions.push_back(std::move(asked));
      continue;
    }
    std::cerr << "fedwave: \"" << base::printable(text)
              << "\" is no series: " << parsers::malformed_text(asked.malformed) << '\n';
  }
  return !questions.empty() || options.series.empty();
}

bool has_enough(const ExplainOptions& options) {
  const bool has_page = options.live || !options.inputs.empty();
  if (options.live && !options.inputs.empty()) {
    std::cerr << "fedwave: explain takes pages from --input or from --live, not from both\n";
    return false;
  }
  if (options.dropped && !options.series.empty()) {
    std::cerr << "fedwave: --dropped is about a whole page: leave out SERIES\n";
    return false;
  }
  if (!has_page && options.dropped) {
    std::cerr << "fedwave: --dropped needs a page: --input FILE, or --live to scrape the sources\n";
    return false;
  }
  if (!has_page && options.series.empty()) {
    std::cerr << "fedwave: explain needs SERIES, or a page: --input FILE, or --live\n";
    return false;
  }
  return true;
}

}  // namespace

int explain_command(const ExplainOptions& options) {
  std::vector<AskedSeries> questions;
  if (!has_enough(options) || !read_questions(options, questions)) return kExitUsage;
  const auto config = choose_config({.config_file = options.config_file,
                                     .url = "",
                                     .source = options.source,
                                     .sink = options.sink},
                                    std::cerr);
  if (!config) return kExitUsage;
  PageReading reading(std::cerr);
  const auto report =
      make_explain_report(options.format, std::cout, options.config_file, has_colour_stdout());
  for (const config::Source& source : config->sources) {
    std::vector<SourcePage> pages;
    if (options.live || !options.inputs.empty()) {
      pages = read_series(*config, source, options.inputs, reading);
    }
    for (const std::string& misspelt : misspelt_tags(*config, source, pages, options.config_file)) {
      std::cerr << "fedwave: source \"" << source_title(source.name) << "\": " << misspelt << '\n';
    }
    SourceAnswers answers(*config, source, std::move(pages), reading, *report);
    for (const AskedSeries& asked : questions) answers.answer(asked);
    if (questions.empty()) answers.tell_all(options.dropped);
  }
  if (!flush_stdout(std::cerr)) return kExitUnreadable;
  return reading.has_failed() ? kExitUnreadable : kExitOk;
}

}  // namespace fedwave::relay
