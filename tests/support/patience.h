// How tests wait. Any thread may stand still for seconds on a busy machine, so nothing here, and
// nothing that a test says of time, is less patient than kPatienceMs; only a test that fails waits
// for so long.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <type_traits>

namespace fedwave::support {

inline constexpr std::int64_t kPatienceMs = 60'000;

inline void wait_until(const std::function<bool()>& is_so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!is_so()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

// For what has to be done within a short time of the product's own: a pause of the machine spoils
// one attempt, a defect all of them. What the first attempt gave that gave what is wanted, else the
// last one.
template <class Attempt>
std::invoke_result_t<Attempt> in_some_attempt(const Attempt& attempt,
                                              const std::invoke_result_t<Attempt>& wanted) {
  constexpr int kAttempts = 20;
  auto result = attempt();
  for (int i = 1; i < kAttempts && result != wanted; ++i) result = attempt();
  return result;
}

}  // namespace fedwave::support
