#include "sinks/pace.h"

#include <algorithm>

namespace fedwave::sinks {

void Pace::note(std::uint32_t points, const SendResult& result) {
  if (result.outcome == SendOutcome::SlowDown) shrink(points, result.retry_after_ms);
  if (result.outcome == SendOutcome::Accepted) grow();
  const bool is_told_when = result.outcome == SendOutcome::SlowDown;
  not_before_ms_ =
      clock_.steady_ms() + std::max(pause_ms_, is_told_when ? result.retry_after_ms : 0);
}

std::int64_t Pace::wait_ms() const {
  return std::max<std::int64_t>(not_before_ms_ - clock_.steady_ms(), 0);
}

void Pace::shrink(std::uint32_t points, std::int64_t retry_after_ms) {
  if (points_max_ == 0) points_free_ = points;
  const std::uint32_t points_before = points_max_ == 0 ? points : points_max_;
  points_max_ = std::max(points_before / 2, limits_.points_min);
  const std::int64_t first_ms = retry_after_ms > 0 ? retry_after_ms : limits_.first_pause_ms;
  pause_ms_ = std::min(pause_ms_ == 0 ? first_ms : pause_ms_ * 2, limits_.pause_max_ms);
}

void Pace::grow() {
  if (points_max_ > 0) points_max_ += std::max(points_max_ / 4, std::uint32_t{1});
  if (points_max_ >= points_free_) points_max_ = 0;
  pause_ms_ /= 2;
  if (pause_ms_ < limits_.first_pause_ms / 4) pause_ms_ = 0;
}

void BacklogPace::took(std::uint32_t points) {
  if (points_per_second_ <= 0) return;
  debt_ = debt_now() + std::int64_t{points} * 1'000;
  since_ms_ = clock_.steady_ms();
}

std::int64_t BacklogPace::wait_ms() const {
  if (points_per_second_ <= 0) return 0;
  const std::int64_t debt = debt_now();
  return debt / points_per_second_ + (debt % points_per_second_ == 0 ? 0 : 1);
}

// So many points a second are so many thousandths of a point a millisecond.
std::int64_t BacklogPace::debt_now() const {
  const std::int64_t elapsed_ms = clock_.steady_ms() - since_ms_;
  if (elapsed_ms > debt_ / points_per_second_) return 0;
  return debt_ - elapsed_ms * points_per_second_;
}

}  // namespace fedwave::sinks
