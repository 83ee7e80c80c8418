// Whether all is well, and if not, what is wrong in words and what to do about it: the first thing
// that the status page shows. Calm: what is normal at a start, or within one request's retries, is
// no problem. A pure function, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"
#include "relay/pipeline_figures.h"
#include "relay/status/history.h"

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
};

struct HealthInput {
  const config::Config& config;
  const PipelineFigures& figures;
  const RecentCounts& recent;
  std::int64_t started_ms = 0;  // wall times
  std::int64_t now_ms = 0;
  bool config_is_current = true;  // as RelayView has it
};

Health assess_health(const HealthInput& input);

}  // namespace fedwave::relay
