// Whether all is well, and if not, what is wrong in words and what to do about it: the first thing
// that the status page shows. Calm: what is normal at a start, or within one request's retries, is
// no problem. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "relay/pipeline_figures.h"
#include "relay/status/history.h"
#include "relay/status/relay_view.h"

namespace fedwave::relay {

enum class HealthLevel : std::uint8_t { Ok, Warning, Error };
const char* health_level_name(HealthLevel level);

struct Problem {
  HealthLevel level = HealthLevel::Warning;
  std::string what;
  std::string advice;
  std::string source;  // which one it is about; may be empty
  std::string sink;
};

struct Health {
  HealthLevel level = HealthLevel::Ok;  // of the worst problem
  std::vector<Problem> problems;        // errors first, else in the order of the data's path
  std::vector<std::string> notes;       // what is as it should be, and still good to know
};

struct HealthInput {
  const PipelineFigures& figures;  // and the configuration that they are of
  const RecentCounts& recent;
  const ConfigFigures& config;
  const ClusterFigures& cluster;
  std::int64_t started_ms = 0;  // wall times
  std::int64_t now_ms = 0;
};

Health assess_health(const HealthInput& input);

// Whether this relay is one that scrapes: a standby's figures of sources are from before, if any.
bool is_scraping(const ElectionFigures& election);

}  // namespace fedwave::relay
