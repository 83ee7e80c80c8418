// Counts by reason as text, for logs and messages: "72 not_a_number, 1 infinite". Nothing is said
// of what did not happen. Pure functions, any thread.
#pragma once

#include <string>

#include "relay/scrape_counts.h"

namespace fedwave::relay {

std::string filtered_text(const SinkCounts& counts);
std::string rejected_text(const SinkCounts& counts);
std::string malformed_text(const ScrapeCounts& counts);
std::string repaired_text(const ScrapeCounts& counts);

}  // namespace fedwave::relay
