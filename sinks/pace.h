// How fast points may go out: Pace follows what the receiver asks for, BacklogPace keeps old points
// from taking the place of new ones. Both only reckon, the sender waits. They belong to its thread;
// the clock outlives them.
#pragma once

#include <cstdint>

#include "relay/base/clock.h"
#include "sinks/sink.h"

namespace fedwave::sinks {

struct PaceLimits {
  std::uint32_t points_min = 100;  // smaller batches are not tried
  std::int64_t first_pause_ms = 500;
  std::int64_t pause_max_ms = 30'000;
};

// Every SlowDown halves the batches and doubles the pause between them; every accepted request lets
// the batches grow by a quarter and halves the pause, until neither is limited any more.
class Pace {
 public:
  explicit Pace(const base::Clock& clock, PaceLimits limits = {})
      : clock_(clock), limits_(limits) {}

  // A request of so many points has been answered.
  void note(std::uint32_t points, const SendResult& result);

  [[nodiscard]] std::uint32_t points_max() const { return points_max_; }  // 0: no limit
  [[nodiscard]] std::int64_t pause_ms() const { return pause_ms_; }       // between requests
  [[nodiscard]] std::int64_t wait_ms() const;                             // until the next request
  [[nodiscard]] bool is_free() const { return points_max_ == 0 && pause_ms_ == 0; }

 private:
  void shrink(std::uint32_t points, std::int64_t retry_after_ms);
  void grow();

  const base::Clock& clock_;
  const PaceLimits limits_;
  std::uint32_t points_max_ = 0;
  std::uint32_t points_free_ = 0;  // the batch that was too much first: the limit ends there
  std::int64_t pause_ms_ = 0;
  std::int64_t not_before_ms_ = 0;  // steady time
};

// Holds the backlog to so many points a second: after each of its blocks comes the time that the
// block is worth.
class BacklogPace {
 public:
  BacklogPace(const base::Clock& clock, std::int64_t points_per_second)
      : clock_(clock), points_per_second_(points_per_second) {}  // 0: as fast as it goes

  void took(std::uint32_t points);
  [[nodiscard]] std::int64_t wait_ms() const;  // until the backlog may go on

 private:
  [[nodiscard]] std::int64_t debt_now() const;

  const base::Clock& clock_;
  const std::int64_t points_per_second_;
  std::int64_t debt_ = 0;  // thousandths of points at since_ms_
  std::int64_t since_ms_ = 0;
};

}  // namespace fedwave::sinks
