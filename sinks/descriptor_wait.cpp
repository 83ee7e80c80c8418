#include "sinks/descriptor_wait.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "relay/base/clock.h"

namespace fedwave::sinks {
namespace {

constexpr std::int64_t kPollSliceMs = 100;  // how quickly a cancellation is noticed

}  // namespace

Waited wait_for_descriptor(int descriptor, short events, std::int64_t timeout_ms,
                           const std::atomic<bool>* cancelled) {
  const base::Clock& clock = base::system_clock();
  const std::int64_t deadline = clock.steady_ms() + timeout_ms;
  for (;;) {
    if (cancelled != nullptr && cancelled->load()) return Waited::Cancelled;
    const std::int64_t left = deadline - clock.steady_ms();
    if (left <= 0) return Waited::TimedOut;
    pollfd waiting{.fd = descriptor, .events = events, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min(left, kPollSliceMs)));
    if (ready > 0) return Waited::Ready;
    // No memory for the call: as good as a time that has passed, and the caller tries again later.
    if (ready < 0 && errno != EINTR) return Waited::TimedOut;
  }
}

}  // namespace fedwave::sinks
