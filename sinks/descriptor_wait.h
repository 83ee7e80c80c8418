// Waiting on a file descriptor: for an event, a time, or the end. For sinks that write to one;
// called by the sender's thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace fedwave::sinks {

enum class Waited : std::uint8_t { Ready, TimedOut, Cancelled };

// `events` as in poll(2), which reports errors and hang-ups even when asked for none. A change of
// `cancelled` (null: never) is noticed within a tenth of a second.
Waited wait_for_descriptor(int descriptor, short events, std::int64_t timeout_ms,
                           const std::atomic<bool>* cancelled);

}  // namespace fedwave::sinks
