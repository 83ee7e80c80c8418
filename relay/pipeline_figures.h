// What a running relay has counted, as one copy that belongs to whoever asked for it: what the log,
// the status page, /metrics and the relay's own points are made of. Plain values.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "relay/duration_histogram.h"
#include "relay/scrape_counts.h"
#include "sinks/sender.h"
#include "sinks/spool/spool.h"

namespace fedwave::relay {

// One request of a source: all its match[] groups, or with splitMatches one of them. The unit that
// is shared out among shards.
struct JobFigures {
  std::string match;  // the group as the URL has it, decoded; empty where the source is not split
  std::uint32_t shard = 0;  // whose it is
  bool is_ours = true;
};

// One address that is scraped for a job.
struct TargetFigures {
  std::size_t job = 0;  // index into SourceFigures::jobs
  std::string address;  // empty: as the host name resolves
  std::uint64_t scrapes = 0;
  std::int64_t last_start_ms = 0;  // wall time; 0 before the first scrape has ended
  std::int64_t last_duration_ms = 0;
  std::uint64_t last_samples = 0;
  std::uint64_t series = 0;
  std::string last_error;             // empty while all is well
  std::int64_t failing_since_ms = 0;  // wall time; 0 while all is well

  [[nodiscard]] bool is_up() const { return scrapes > 0 && last_error.empty(); }
};

struct SourceFigures {
  std::string name;
  std::uint64_t scrapes = 0;
  std::uint64_t failures = 0;
  std::map<std::string, std::uint64_t> failures_by_code;  // by base::error_code_name
  std::uint64_t missed = 0;  // points of the schedule that a scrape overran
  std::uint64_t series = 0;
  std::int64_t last_start_ms = 0;  // wall time of the last scrape that has ended; 0 for none
  std::int64_t last_duration_ms = 0;
  std::uint64_t last_samples = 0;
  std::string last_error;  // empty while all is well
  DurationHistogram durations;
  ScrapeCounts counts{0};
  std::vector<JobFigures> jobs;
  std::vector<TargetFigures> targets;  // by job and address

  // Whether every address that is scraped answers. The relay's own figures have none.
  [[nodiscard]] bool is_up() const {
    if (scrapes == 0) return false;
    if (targets.empty()) return last_error.empty();
    return std::all_of(targets.begin(), targets.end(), [](const TargetFigures& target) {
      return target.scrapes == 0 || target.is_up();
    });
  }
};

struct SinkFigures {
  std::string name;
  sinks::SpoolFigures spool;
  sinks::SenderFigures sender;
};

// Sources and sinks are in the order of the configuration; internal_stats, where there is one, is
// the last source.
struct PipelineFigures {
  std::shared_ptr<const config::Config> config;  // that these figures are of
  std::vector<SourceFigures> sources;
  std::vector<SinkFigures> sinks;
  std::vector<SinkFigures> leaving;  // sinks that an edit has taken out and that still deliver
  bool is_standby = false;           // another replica leads: nothing is scraped here
  std::int64_t schedule_lag_ms = 0;  // how long the most overdue work has been waiting for a worker
};

}  // namespace fedwave::relay
