// What a receiver asks for in its header Retry-After (RFC 9110, 10.2.3). A pure function, any
// thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace fedwave::sinks {

// A receiver whose clock or arithmetic is wrong must not silence us for days.
inline constexpr std::int64_t kRetryAfterMaxMs = 300'000;

// The header is a number of seconds or a date; `now_ms` is wall time. 0 for a time that has passed
// and for what is neither.
std::int64_t retry_after_ms(std::string_view header, std::int64_t now_ms);

}  // namespace fedwave::sinks
