#include "relay/commands/diff.h"

#include <deque>
#include <iostream>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "relay/base/hash.h"
#include "relay/commands/chosen_config.h"
#include "relay/commands/config_changes.h"
#include "relay/commands/diff_report.h"
#include "relay/commands/exit_code.h"
#include "relay/commands/page_reading.h"
#include "relay/commands/page_series.h"
#include "relay/commands/readable.h"
#include "relay/commands/series_changes.h"
#include "relay/commands/terminal.h"
#include "relay/explain/explainer.h"

namespace fedwave::relay {
namespace {

struct Found {
  const SourcePage* page;
  const PageSeries* series;
  const Explainer* explainer;

  [[nodiscard]] Explanation explain() const { return explainer->explain(series->sample()); }
};

// One side of a pair of sources: the series of its pages, and what explains them.
class Side {
 public:
  // `source` is null where this side has none, and then has no series. The pages outlive it.
  Side(const config::Config& config, const config::Source* source,
       const std::vector<SourcePage>& pages)
      : file_(config.file),
        absence_(source == nullptr ? "there is no such source"
                                   : "the page of its URL does not have them"),
        points_per_s_(source == nullptr ? 0 : 1000.0 / static_cast<double>(source->interval_ms)) {
    if (source == nullptr) return;
    for (const SourcePage& page : pages) {
      const Explainer& explainer = explainers_.emplace_back(config, *source, page.instance);
      for (const PageSeries& series : page.series) {
        places_.emplace(key_of(page, series), found_.size());
        found_.push_back({&page, &series, &explainer});
      }
    }
  }

  [[nodiscard]] const std::vector<Found>& all() const { return found_; }
  // Null where this side does not have it.
  [[nodiscard]] const Found* same_as(const Found& other) const {
    const auto place = places_.find(key_of(*other.page, *other.series));
    return place == places_.end() ? nullptr : &found_[place->second];
  }

  // What it says of one series, which may be null, to one sink, which may be none.
  [[nodiscard]] ChangeSide view(const Explanation* explanation,
                                std::optional<std::size_t> sink) const {
    return {.explanation = explanation,
            .sink = sink,
            .file = file_,
            .absence = sink ? absence_ : "there is no such sink",
            .points_per_s = points_per_s_};
  }

 private:
  struct KeyHash {
    std::size_t operator()(const base::Hash128& key) const { return key.low; }
  };
  static base::Hash128 key_of(const SourcePage& page, const PageSeries& series) {
    return base::seeded_hash128(page.instance + ' ' + series.series,
                                static_cast<std::uint64_t>(series.kind));
  }

  const std::string_view file_;
  const std::string_view absence_;
  const double points_per_s_;
  std::deque<Explainer> explainers_;
  std::vector<Found> found_;
  std::unordered_map<base::Hash128, std::size_t, KeyHash> places_;
};

class Diff {
 public:
  Diff(const DiffOptions& options, const config::Config& before, const config::Config& after)
      : options_(options),
        before_(before),
        after_(after),
        sinks_(pair_sinks(before, after)),
        reading_(std::cerr),
        changes_(options.all_series ? std::numeric_limits<std::size_t>::max() : options.examples) {}

  int run();

 private:
  void compare(const SourcePair& pair);
  void compare_pages(const std::string& source, const Side& before, const Side& after);
  void compare_series(const std::string& source, const Side& before, const Found* old_series,
                      const Side& after, const Found* new_series);

  const DiffOptions& options_;
  const config::Config& before_;
  const config::Config& after_;
  const std::vector<SinkPair> sinks_;
  PageReading reading_;
  SeriesChanges changes_;
  std::uint64_t series_ = 0;
};

// Where both read the same page, it is read once.
void Diff::compare(const SourcePair& pair) {
  const bool is_one_page = !options_.inputs.empty() || pair.before == nullptr ||
                           pair.after == nullptr || pair.before->url == pair.after->url;
  const config::Config& first = pair.before != nullptr ? before_ : after_;
  const config::Source& first_source = pair.before != nullptr ? *pair.before : *pair.after;
  const auto pages = read_series(first, first_source, options_.inputs, reading_);
  std::vector<SourcePage> other_pages;
  if (!is_one_page) other_pages = read_series(after_, *pair.after, {}, reading_);
  // Half a page would be told as a difference.
  if (reading_.has_failed()) return;
  compare_pages(pair.name, Side(before_, pair.before, pages),
                Side(after_, pair.after, is_one_page ? pages : other_pages));
}

void Diff::compare_pages(const std::string& source, const Side& before, const Side& after) {
  for (const Found& found : before.all()) {
    compare_series(source, before, &found, after, after.same_as(found));
  }
  for (const Found& found : after.all()) {
    if (before.same_as(found) == nullptr) compare_series(source, before, nullptr, after, &found);
  }
  reading_.clear_progress();
}

void Diff::compare_series(const std::string& source, const Side& before, const Found* old_series,
                          const Side& after, const Found* new_series) {
  reading_.show_progress([this] { return "compared " + grouped(series_) + " series"; });
  ++series_;
  std::optional<Explanation> old_explanation;
  std::optional<Explanation> new_explanation;
  if (old_series != nullptr) old_explanation = old_series->explain();
  if (new_series != nullptr) new_explanation = new_series->explain();
  for (const SinkPair& sink : sinks_) {
    changes_.compare(source, sink.name,
                     before.view(old_explanation ? &*old_explanation : nullptr, sink.before),
                     after.view(new_explanation ? &*new_explanation : nullptr, sink.after));
  }
}

int Diff::run() {
  for (const SourcePair& pair : pair_sources(before_, after_)) compare(pair);
  if (reading_.has_failed()) return kExitUnreadable;
  const DiffFindings findings{.old_file = options_.old_file,
                              .new_file = options_.new_file,
                              .settings = setting_changes(before_, after_),
                              .series = series_,
                              .changes = changes_};
  if (options_.format == ReportFormat::Json) {
    write_diff_json(std::cout, findings);
  } else {
    write_diff_text(std::cout, findings, has_colour_stdout());
  }
  if (!flush_stdout(std::cerr)) return kExitUnreadable;
  return findings.is_same() ? kExitOk : kExitDifferent;
}

}  // namespace

int diff_command(const DiffOptions& options) {
  const auto choose = [&](const std::string& file) {
    return choose_config(
        {.config_file = file, .url = "", .source = options.source, .sink = options.sink},
        std::cerr);
  };
  const auto before = choose(options.old_file);
  const auto after = choose(options.new_file);
  if (!before || !after) return kExitUsage;
  return Diff(options, *before, *after).run();
}

}  // namespace fedwave::relay
