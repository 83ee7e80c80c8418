#include "relay/commands/top.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
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

// A source, and what is known of how many of its samples come again.
struct WatchedSource {
  std::unique_ptr<PageScrapes> scrapes;
  bool has_history = false;    // it was scraped before, so that repeats can be told
  std::uint64_t written = 0;   // in the latest scrape
  std::uint64_t repeated = 0;  // likewise

  [[nodiscard]] double sent_share() const {
    const std::uint64_t all = written + repeated;
    return all == 0 ? 1 : static_cast<double>(written) / static_cast<double>(all);
  }
};

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
    if (!std::cout.flush()) {
      std::cerr << "fedwave: cannot write to standard output\n";
      return kExitUsage;
    }
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
      if (!std::cout.flush()) return kExitUsage;
      std::this_thread::sleep_for(std::chrono::milliseconds(interval_ms));
    }
  }

 private:
  void scrape(WatchedSource& source) {
    // Of several inputs the last says it, of several addresses all together.
    const bool is_of_files = !options_.inputs.empty();
    bool is_first = true;
    source.written = source.repeated = 0;
    source.scrapes->take({&writer_}, [&](const std::string&, bool, const ScrapeCounts& counts) {
      if (is_of_files) {
        source.written = source.repeated = 0;
        source.has_history = !is_first;
      }
      is_first = false;
      source.written += counts.by_sink.front().written;
      source.repeated += counts.by_sink.front().repeated;
    });
  }

  void show() {
    CostTable table;
    for (WatchedSource& source : sources_) {
      const config::Source& configured = source.scrapes->source();
      const std::int64_t interval_ms =
          options_.interval_ms > 0 ? options_.interval_ms : configured.interval_ms;
      double points_per_s = 1000.0 / static_cast<double>(interval_ms);
      if (source.has_history) {
        points_per_s *= source.sent_share();
        table.add_repeats(source.written, source.repeated);
      }
      SurveyBuilder survey(1);
      source.scrapes->survey(survey);
      table.add(survey.finish(base::system_clock().wall_ms()), points_per_s);
      if (options_.inputs.empty()) source.has_history = true;
    }
    if (options_.format == ReportFormat::Json) {
      table.write_json(std::cout, options_.sort, options_.rows);
    } else {
      table.write_text(std::cout, options_.sort, options_.rows, has_colour_stdout());
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
