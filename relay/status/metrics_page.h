// The page /metrics: all that the relay counts of itself, in the Prometheus text format 0.0.4.
// docs/own-metrics.md lists the families. Every reason that can be known beforehand is there from
// the start with a zero, so that rate() misses nothing. The names of sources and sinks are those of
// the configuration; no secret is among the figures. A pure function, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "relay/pipeline_figures.h"
#include "relay/status/process_figures.h"
#include "relay/status/relay_view.h"

namespace fedwave::relay {

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

struct MetricsInput {
  const PipelineFigures& figures;  // and the configuration that they are of
  const ConfigFigures& config;
  const ClusterFigures& cluster;
  const ProcessFigures& process;
  std::string_view version;
  std::int64_t now_ms = 0;      // wall time, like all below
  std::int64_t started_ms = 0;  // the process
};

std::string metrics_page(const MetricsInput& input);

}  // namespace fedwave::relay
