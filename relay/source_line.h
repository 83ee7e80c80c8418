// One source of a running relay under one configuration of it: its jobs (requests), the targets
// that are scraped for them, and what was counted. An edit of the configuration makes a new line
// that goes on where the old one has ended: with its connections, its figures and what it knows of
// the series. Owned by the pipeline, whose lock guards all but `own`, a slot's target (held through
// `in_use`) and what is constant.
#pragma once

#include <atomic>
#include <chrono>
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/jobs.h"
#include "relay/base/clock.h"
#include "relay/cluster/cluster_figures.h"
#include "relay/own_points.h"
#include "relay/pipeline_figures.h"
#include "relay/scraper.h"
#include "relay/sink_line.h"
#include "relay/survey.h"
#include "sinks/block_writer.h"

namespace fedwave::relay {

// One set of block writers, one for each sink; lent to a scrape.
using WriterSet = std::vector<std::unique_ptr<sinks::BlockWriter>>;

// Where the points of a line go, and the writers for it that nobody uses just now.
struct Outputs {
  std::vector<std::shared_ptr<SinkLine>> sinks;
  std::vector<bool> gzip;
  std::vector<std::uint32_t> batch_points;
  std::vector<WriterSet> spare;  // guarded by the pipeline's lock

  [[nodiscard]] bool are_like(const Outputs& other) const {
    return sinks == other.sinks && gzip == other.gzip && batch_points == other.batch_points;
  }
};

struct TargetKey {
  std::size_t job = 0;
  std::string address;  // empty: as the name resolves
  auto operator<=>(const TargetKey&) const = default;
};

// `busy` from the moment it is to be scraped until that is done.
struct TargetSlot {
  std::timed_mutex in_use;  // held by the scrape, or by the survey
  std::unique_ptr<Target> target;
  bool busy = false;
  bool was_empty = false;  // told of; belongs to the scrape in hand
  // Ends the scrape in hand; what it has read is kept.
  std::atomic<bool> is_void = false;
  std::optional<base::Error> failure;  // of the last scrape
  std::int64_t retry_ms = 0;           // the last pause before a quick retry; 0: none
  bool has_retry = false;              // one is on the schedule
  std::vector<bool> passes_nothing;    // by sink; told of; belongs to the scrape in hand
  TargetFigures figures;
};
using Slot = std::shared_ptr<TargetSlot>;

// The last survey of a source.
struct SurveyKept {
  std::shared_ptr<const Survey> survey;
  bool is_under_way = false;
  std::int64_t not_before_ms = 0;  // steady time
};

class SourceLine : public std::enable_shared_from_this<SourceLine> {
 public:
  // `source` is one of `config`.
  SourceLine(std::shared_ptr<const config::Config> config, const config::Source& source,
             const std::shared_ptr<Outputs>& outputs, Shard shard);

  // Continues the figures of a line of an earlier configuration, and later its targets.
  void follow(const std::shared_ptr<SourceLine>& before);

  // Makes the targets that are not there yet; those that a line before had go on with what they
  // know, once their last scrape has ended. For the line's tick, without the pipeline's lock.
  void add_targets(const std::vector<TargetKey>& keys, base::HttpClientFactory client,
                   const base::Clock& clock, std::mutex& pipelines_lock);

  // Those that it is scraped at, or the last line before it that was. For the line's tick, without
  // the pipeline's lock.
  [[nodiscard]] std::set<std::string> known_addresses(std::mutex& pipelines_lock);

  // What a scrape has read that ended early at our own wish: in the place of this line already,
  // when an edit has put another one there.
  void count(const ScrapeCounts& counts);
  // Counts a scrape that has ended.
  void count(const ScrapeResult& result);
  // And one of a target; true when its failure, or the end of it, is news.
  bool count(TargetSlot& slot, const ScrapeResult& result);

  // What people are told of a scrape. Without the pipeline's lock.
  void tell(TargetSlot& slot, const ScrapeResult& result, bool is_news) const;

  // Those that wait for a place are not scraped after all.
  void forget_waiting();

  [[nodiscard]] SourceFigures copy_figures() const;

  const std::shared_ptr<const config::Config> config;
  const config::Source& source;
  const Shard shard;
  const std::vector<config::Job> jobs;
  std::shared_ptr<Outputs> outputs;  // null once the line is retired
  std::unique_ptr<OwnPoints> own;    // instead of targets: the relay's own figures
  std::timed_mutex own_in_use;       // as a target's
  std::int64_t offset_ms = 0;
  std::uint64_t epoch = 0;  // ticks of another one are void
  bool is_ticking = false;
  bool retired = false;  // another line is in its place, or none
  std::map<TargetKey, Slot> targets;
  std::deque<Slot> waiting;  // for a place among those that are scraped at the same time
  std::size_t running = 0;
  bool had_several_addresses = false;
  SourceFigures figures;
  SurveyKept survey;

 private:
  [[nodiscard]] std::shared_ptr<SourceLine> line_now() const;
  Slot make_slot(const TargetKey& key, std::unique_ptr<base::HttpClient> client,
                 const base::Clock& clock) const;
  // A slot of a line before, and whether it has been asked the same page.
  struct Found {
    Slot slot;
    bool is_same_page = false;
  };
  Found take_slot(const SourceLine& for_whom, const TargetKey& key, std::mutex& pipelines_lock);
  void take_over(TargetSlot& slot, const Found& found, std::chrono::steady_clock::time_point until,
                 std::mutex& pipelines_lock) const;
  void tell_if_nothing_passes(TargetSlot& slot, const ScrapeResult& result) const;

  std::mutex making_;  // held while targets are made: the next line waits for them
  std::shared_ptr<SourceLine> before_;
  // Which line has the source now: shared by all that follow one another.
  struct Place {
    std::weak_ptr<SourceLine> line;
  };
  std::shared_ptr<Place> place_;
};

// Whether a line of the one source can go on as it is when the configuration becomes the other: the
// source is the same, and so is all that forms the points of it.
bool forms_the_same(const config::Config& a, const config::Source& source_a,
                    const config::Config& b, const config::Source& source_b);

}  // namespace fedwave::relay
