#include "relay/scrape_schedule.h"

#include <xxhash.h>

namespace fedwave::relay {

std::int64_t schedule_offset_ms(std::string_view name, std::int64_t interval_ms) {
  return static_cast<std::int64_t>(XXH3_64bits(name.data(), name.size()) %
                                   static_cast<std::uint64_t>(interval_ms));
}

std::int64_t next_scrape_ms(std::int64_t start_ms, std::int64_t offset_ms,
                            std::int64_t interval_ms) {
  const std::int64_t after_ms = start_ms + interval_ms / 2;
  return ((after_ms - offset_ms) / interval_ms + 1) * interval_ms + offset_ms;
}

}  // namespace fedwave::relay
