// Turns a classic histogram of Prometheus into a Wavefront distribution with the collector's own
// figures: counts per minute, scaled up until the smallest bucket counts one, each bucket spread
// over its two bounds and their midpoint. Charts depend on these figures, so they are kept as they
// are, rounding included. Who remembers the previous scrape of a series is the caller's affair.
// Pure functions on plain data, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "sinks/wavefront_line.h"

namespace fedwave::sinks {

struct Bucket {
  double upper_bound = 0;       // the number of the tag le; +Inf for the last
  double cumulative_count = 0;  // a whole number, finite
};

// Why a scrape of a histogram yields no distribution.
enum class DistributionDrop : std::uint8_t {
  FirstSeen,      // nothing to compare with
  LayoutChanged,  // other bounds than the last time
  CountFell,      // a counter was reset: a gap is truer than a guess
  Empty,          // no observation above zero since the last time, or no time has passed
};
inline constexpr std::size_t kDistributionDropCount = 4;
const char* distribution_drop_name(DistributionDrop drop);  // snake_case, for counters

// `previous` is what the same series said `elapsed_ms` ago, nullopt when it was not seen. Both
// lists ascend by bound, each bound once. The centroids ascend by mean, have different means and
// positive counts; limiting their number and their counts is append_distribution's.
std::variant<std::vector<Centroid>, DistributionDrop> convert_histogram(
    std::optional<std::span<const Bucket>> previous, std::span<const Bucket> current,
    std::int64_t elapsed_ms);

}  // namespace fedwave::sinks
