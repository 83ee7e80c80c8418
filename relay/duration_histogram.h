// How long scrapes took, in the buckets that /metrics shows. A plain value.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fedwave::relay {

struct DurationHistogram {
  static constexpr std::array<std::int64_t, 11> kBoundsMs = {5,   10,    25,    50,     100,   250,
                                                             500, 1'000, 2'500, 10'000, 30'000};

  std::array<std::uint64_t, kBoundsMs.size() + 1> counts{};  // not cumulative; the last: above all
  std::int64_t sum_ms = 0;

  void add(std::int64_t duration_ms) {
    std::size_t bucket = 0;
    while (bucket < kBoundsMs.size() && duration_ms > kBoundsMs[bucket]) ++bucket;
    ++counts[bucket];
    sum_ms += duration_ms;
  }
};

}  // namespace fedwave::relay
