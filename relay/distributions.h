// Gathers the converted buckets of typed histograms over one scrape and makes distributions of what
// has changed since the scrape before (convertHistograms). One per target, same owner and thread as
// its series table, whose entries refer to the groups here by their number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "relay/base/hash.h"
#include "relay/scrape_counts.h"
#include "relay/series_stages.h"
#include "sinks/block_writer.h"
#include "sinks/distribution.h"

namespace fedwave::relay {

// What a group's lines look like for one sink, or why it gets none.
struct DistributionLine {
  Verdict verdict = Verdict::Kept;
  sinks::RenderedSeries series;
};

class Distributions {
 public:
  // The number of the group with this key; made when it is new, with a line per sink.
  std::uint32_t group_of(const base::Hash128& key, std::vector<DistributionLine> lines);

  // The groups of another configuration go on where they have been: those that are made from here
  // on begin with their last buckets.
  void take_over(Distributions& before);
  void forget_before() { before_.clear(); }

  // A part of the group was on the page of this scrape: it stays, even when it had no usable count.
  void touch(std::uint32_t group, std::uint32_t scrape, std::uint32_t age);
  void add_bucket(std::uint32_t group, double bound, double cumulative_count);

  // The end of a scrape: writes a line per sink and changed group.
  void finish(std::uint32_t scrape, std::int64_t now_ms,
              const std::vector<sinks::BlockWriter*>& writers, ScrapeCounts& counts);

  // Forgets what was last touched before the age `oldest`.
  void evict(std::uint32_t oldest);
  void clear();

 private:
  struct KeyHash {
    std::size_t operator()(const base::Hash128& key) const { return key.low; }
  };
  struct Group {
    base::Hash128 key;
    std::vector<DistributionLine> sinks;
    std::vector<sinks::Bucket> previous;
    std::vector<sinks::Bucket> current;
    std::int64_t previous_ms = 0;  // 0: never seen
    std::uint32_t last_scrape = 0;
    std::uint32_t last_seen = 0;  // by age, as the series table's entries
  };

  // What a group of the time before was left with.
  struct Baseline {
    std::vector<sinks::Bucket> buckets;
    std::int64_t time_ms = 0;
  };

  void finish_group(Group& group, std::int64_t now_ms,
                    const std::vector<sinks::BlockWriter*>& writers, ScrapeCounts& counts);

  std::vector<std::unique_ptr<Group>> groups_;  // null where one was evicted
  std::vector<std::uint32_t> free_;
  std::unordered_map<base::Hash128, std::uint32_t, KeyHash> by_key_;
  std::unordered_map<base::Hash128, Baseline, KeyHash> before_;
};

}  // namespace fedwave::relay
