// When each source is scraped. The first time at once; from then on at fixed points of the wall
// clock, an interval apart and shifted by an offset that comes from the source's name, so that
// sources are spread over the interval and a restart keeps their places. Pure functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace fedwave::relay {

// The place of a source within its interval, 0 … interval-1.
std::int64_t schedule_offset_ms(std::string_view name, std::int64_t interval_ms);

// The next point at least half an interval after `start_ms`, the start of the scrape before. Points
// that are past when a scrape ends are left out, not made up for.
std::int64_t next_scrape_ms(std::int64_t start_ms, std::int64_t offset_ms,
                            std::int64_t interval_ms);

}  // namespace fedwave::relay
