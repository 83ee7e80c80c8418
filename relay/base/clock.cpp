#include "relay/base/clock.h"

#include <chrono>
#include <ctime>

namespace fedwave::base {
namespace {

template <class SomeClock>
std::int64_t now_ms() {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  return duration_cast<milliseconds>(SomeClock::now().time_since_epoch()).count();
}

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override {
    return now_ms<std::chrono::system_clock>();
  }
  [[nodiscard]] std::int64_t steady_ms() const override {
    return now_ms<std::chrono::steady_clock>();
  }
  [[nodiscard]] std::int64_t boot_ms() const override {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
  }
};

}  // namespace

std::string utc_text(std::int64_t wall_ms) {
  const std::time_t seconds = wall_ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace fedwave::base
