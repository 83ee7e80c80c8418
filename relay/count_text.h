// Counts by reason as text, for logs and messages: "72 not_a_number, 1 infinite". Nothing is said
// of what did not happen. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "relay/scrape_counts.h"
#include "sinks/spool/spool.h"

namespace fedwave::relay {

std::string filtered_text(const SinkCounts& counts);
std::string rejected_text(const SinkCounts& counts);
std::string malformed_text(const ScrapeCounts& counts);
std::string repaired_text(const ScrapeCounts& counts);
std::string expired_text(const sinks::SpoolFigures& figures);
std::string causes_text(const std::map<std::string, std::uint64_t>& counts);

}  // namespace fedwave::relay
