// Time, injectable. Wall time is what points carry; steady time is what waits and deadlines use;
// boot time is for what others hold against us while this machine sleeps.
// The system's clock is safe from any thread; a test brings its own.
#pragma once

#include <cstdint>
#include <string>

namespace fedwave::base {

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual std::int64_t wall_ms() const = 0;    // since 1970
  [[nodiscard]] virtual std::int64_t steady_ms() const = 0;  // never jumps
  // Never jumps either, and goes on while the machine is suspended.
  [[nodiscard]] virtual std::int64_t boot_ms() const { return steady_ms(); }
};

// In UTC, to the second: 2026-01-01T00:00:00Z.
std::string utc_text(std::int64_t wall_ms);

// The one real clock; lives as long as the process.
const Clock& system_clock();

}  // namespace fedwave::base
