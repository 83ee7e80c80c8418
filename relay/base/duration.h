// Durations as people write them in the collector's configuration: Go's syntax (90s, 1m30s, 1.5h,
// 250ms) and, beyond it, d, w and y (365 days). Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "relay/base/expected.h"

namespace fedwave::base {

// A bare nonzero integer is refused: the collector takes it for nanoseconds, nobody means that.
Expected<std::int64_t> parse_duration_ms(std::string_view text);

// The shortest form that parse_duration_ms reads back: 90000 is "1m30s".
std::string format_duration_ms(std::int64_t duration_ms);

}  // namespace fedwave::base
