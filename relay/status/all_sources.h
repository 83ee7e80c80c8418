// The sources in the order of PipelineFigures: those of the configuration, then internal_stats
// where there is one. The configuration outlives what is returned.
#pragma once

#include <vector>

#include "config/config.h"

namespace fedwave::relay {

inline std::vector<const config::Source*> all_sources(const config::Config& config) {
  std::vector<const config::Source*> sources;
  for (const config::Source& source : config.sources) sources.push_back(&source);
  if (config.internal_stats) sources.push_back(&*config.internal_stats);
  return sources;
}

}  // namespace fedwave::relay
