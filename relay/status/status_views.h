// What /api/v1/status, history, sources and sinks, and /targets answer, as JSON: the figures as
// programs and the page want them. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>

#include "relay/status/history.h"
#include "relay/status/relay_view.h"

namespace fedwave::relay {

std::string status_json(const RelayView& relay, const History& history, std::int64_t now_ms);
std::string history_json(const config::Config& config, const History& history);
std::string sources_json(const PipelineFigures& figures, std::int64_t now_ms);
std::string sinks_json(const PipelineFigures& figures, const Rates& rates, std::int64_t now_ms);

// In the shape of Prometheus' own /api/v1/targets.
std::string targets_json(const PipelineFigures& figures);

}  // namespace fedwave::relay
