#include "relay/commands/top.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

#include "relay/base/clock.h"
#include "relay/commands/chosen_config.h"
#include "relay/commands/cost_table.h"
#include "relay/commands/exit_code.h"
#include "relay/commands/page_reading.h"
#include "relay/commands/page_scrapes.h"
#include "relay/commands/terminal.h"
#include "sinks/block_writer.h"

namespace fedwave::relay {
namespace {

constexpr const char* kClearScreen = "\x1b[H\x1b[J";

// What the scrapes of a source have shown of how many points it makes.
class PointCount {
 public:
  // One scrape. Only the new samples of those after the first say anything.
  void add(std::int64_t at_ms, bool is_whole, const SinkCounts& counts) {
    if (!first_ms_) {
      if (is_whole) first_ms_ = last_ms_ = at_ms;
      return;
    }
    if (is_whole) last_ms_ = at_ms;
    written_ += counts.written + counts.converted;
    repeated_ += counts.repeated;
  }

  // The relay scrapes every `interval_ms`, however often this was.
  [[nodiscard]] PointRate rate(std::uint64_t series, std::int64_t interval_ms) const {
    using Known = PointRate::Known;
    const double most = 1000.0 / static_cast<double>(interval_ms);
    if (written_ + repeated_ == 0 || last_ms_ == first_ms_) return {Known::AtMost, most};
    if (written_ == 0) return {Known::Unknown, most};
    const double points = static_cast<double>(written_) / static_cast<double>(series);
    const double seconds = static_cast<double>(last_ms_ - *first_ms_) / 1000;
    return {Known::Measured, std::min(points / seconds, most)};
  }

  [[nodiscard]] std::uint64_t written() const { return written_; }
  [[nodiscard]] std::uint64_t repeated() const { return repeated_; }

 private:
  std::optional<std::int64_t> first_ms_;
  std::int64_t last_ms_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t repeated_ = 0;
};

struct WatchedSource {
  std::unique_ptr<PageScrapes> scrapes;
  PointCount points = {};
};

std::uint64_t kept_series(const Survey& survey) {
  std::uint64_t kept = 0;
  for (const SurveyedMetric& metric : survey.metrics) {
    kept += metric.sinks.front().series[static_cast<std::size_t>(Verdict::Kept)];
  }
  return kept;
}

class Top {
 public:
  Top(const TopOptions& options, const config::Config& config)
      : options_(options),
        reading_(options.watch ? messages_ : std::cerr),
        writer_(output_, false, UINT32_MAX, base::system_clock()) {
    for (const config::Source& source : config.sources) {
      sources_.push_back({.scrapes = std::make_unique<PageScrapes>(config, source, options.inputs,
                                                                   options.interval_ms, reading_)});
    }
  }

  int run_once() {
    for (WatchedSource& source : sources_) scrape(source);
    show();
    if (!flush_stdout(std::cerr)) return kExitUnreadable;
    return reading_.has_failed() ? kExitUnreadable : kExitOk;
  }

  // Until Ctrl-C, which needs no help: there is nothing to put in order.
  int watch(std::int64_t interval_ms) {
    for (;;) {
      for (WatchedSource& source : sources_) scrape(source);
      std::cout << kClearScreen << base::utc_text(base::system_clock().wall_ms())
                << "  (Ctrl-C ends it)\n\n";
      show();
      std::cout << messages_.str();
      messages_.str("");
      if (!flush_stdout(std::cerr)) return kExitUnreadable;
      std::this_thread::sleep_for(std::chrono::milliseconds(interval_ms));
    }
  }

 private:
  // Inputs are one scrape after the other; of several addresses all together are one.
  void scrape(WatchedSource& source) {
    if (!options_.inputs.empty()) return scrape_inputs(source);
    const std::int64_t at_ms = base::system_clock().steady_ms();
    bool is_any_whole = false;
    SinkCounts counts;
    source.scrapes->take({&writer_},
                         [&](const std::string&, bool is_whole, const ScrapeCounts& found) {
                           is_any_whole = is_any_whole || is_whole;
                           counts += found.by_sink.front();
                         });
    source.points.add(at_ms, is_any_whole, counts);
  }

  void scrape_inputs(WatchedSource& source) {
    std::int64_t at_ms = 0;
    source.scrapes->take({&writer_},
                         [&](const std::string&, bool is_whole, const ScrapeCounts& counts) {
                           source.points.add(at_ms, is_whole, counts.by_sink.front());
                           at_ms += options_.interval_ms > 0 ? options_.interval_ms
                                                             : source.scrapes->source().interval_ms;
                         });
  }

  void show() {
    CostTable table;
    for (const WatchedSource& source : sources_) {
      SurveyBuilder builder(1);
      source.scrapes->survey(builder);
      const Survey survey = builder.finish(base::system_clock().wall_ms());
      table.add(survey,
                source.points.rate(kept_series(survey), source.scrapes->source().interval_ms));
      table.add_repeats(source.points.written(), source.points.repeated());
    }
    if (options_.format == ReportFormat::Json) {
      table.write_json(std::cout, options_.sort, options_.rows);
    } else {
      table.write_text(std::cout, options_.sort, options_.rows, has_colour_stdout(),
                       terminal_columns_stdout());
    }
  }

  const TopOptions& options_;
  std::ostringstream messages_;  // of a scrape, to be shown with its figures
  PageReading reading_;
  DiscardingOutput output_;
  sinks::BlockWriter writer_;
  std::vector<WatchedSource> sources_;
};

const char* usage_problem(const TopOptions& options) {
  if (options.config_file.empty() && options.url.empty() && options.inputs.empty()) {
    return "top needs --config FILE, --url URL or --input FILE";
  }
  if (!options.watch) return nullptr;
  if (!options.inputs.empty()) return "--watch scrapes again and again: leave out --input";
  if (options.format == ReportFormat::Json) return "--watch is for people: leave out --format json";
  if (!is_terminal_stdout()) return "--watch draws on a terminal, and standard output is none";
  return nullptr;
}

// Between two scrapes all sources wait as long as the one that is scraped most often.
std::int64_t watch_interval_ms(const TopOptions& options, const config::Config& config) {
  if (options.interval_ms > 0) return options.interval_ms;
  std::int64_t least_ms = config.sources.front().interval_ms;
  for (const config::Source& source : config.sources) {
    least_ms = std::min(least_ms, source.interval_ms);
  }
  return least_ms;
}

}  // namespace

int top_command(const TopOptions& options) {
  if (const char* problem = usage_problem(options); problem != nullptr) {
    std::cerr << "fedwave: " << problem << '\n';
    return kExitUsage;
  }
  auto config = choose_config({.config_file = options.config_file,
                               .url = options.url,
                               .source = options.source,
                               .sink = options.sink},
                              std::cerr);
  if (!config) return kExitUsage;
  keep_first_sink(*config, std::cerr);
  Top top(options, *config);
  return options.watch ? top.watch(watch_interval_ms(options, *config)) : top.run_once();
}

}  // namespace fedwave::relay
