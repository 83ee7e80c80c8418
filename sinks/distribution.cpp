#include "sinks/distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace fedwave::sinks {
namespace {

std::optional<DistributionDrop> incomparable(std::span<const Bucket> previous,
                                             std::span<const Bucket> current) {
  if (!std::equal(
          previous.begin(), previous.end(), current.begin(), current.end(),
          [](const Bucket& a, const Bucket& b) { return a.upper_bound == b.upper_bound; })) {
    return DistributionDrop::LayoutChanged;
  }
  for (std::size_t i = 0; i < current.size(); ++i) {
    if (current[i].cumulative_count < previous[i].cumulative_count) {
      return DistributionDrop::CountFell;
    }
  }
  return std::nullopt;
}

// What each bucket alone gained per minute. Negative where the cumulative counts contradict each
// other, as they do when a page was written while the histogram was observed.
std::vector<double> rates_per_minute(std::span<const Bucket> previous,
                                     std::span<const Bucket> current, double minutes) {
  std::vector<double> rates;
  double below = 0;
  for (std::size_t i = 0; i < current.size(); ++i) {
    const double up_to_here =
        (current[i].cumulative_count - previous[i].cumulative_count) / minutes;
    rates.push_back(up_to_here - below);
    below = up_to_here;
  }
  return rates;
}

double amplification_of(const std::vector<double>& rates) {
  double smallest = std::numeric_limits<double>::max();
  for (const double rate : rates) {
    if (rate > 0) smallest = std::min(smallest, rate);
  }
  return std::max(1.0, 1.0 / smallest);
}

// A quarter at the lower bound, half at the midpoint, the rest at the upper bound, all truncated.
// What lies beyond the last finite bound is put on that bound.
std::map<double, double> spread(std::span<const Bucket> buckets, const std::vector<double>& rates) {
  const double amplification = amplification_of(rates);
  std::map<double, double> counts;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    double upper = buckets[i].upper_bound;
    if (upper <= 0 || rates[i] == 0) continue;
    const double lower = i > 0 ? buckets[i - 1].upper_bound : 0;
    if (std::isinf(upper)) upper = lower;
    const double count = std::max(1.0, rates[i] * amplification);
    const double at_lower = std::trunc(count / 4);
    const double at_middle = std::trunc(count / 2);
    counts[lower] += at_lower;
    counts[std::midpoint(lower, upper)] += at_middle;
    counts[upper] += std::trunc(count - at_lower - at_middle);
  }
  return counts;
}

// Whole minutes and the rest apart, as Go's Duration.Minutes rounds it.
double minutes_of(std::int64_t elapsed_ms) {
  constexpr std::int64_t kMinuteMs = 60'000;
  const std::int64_t whole_minutes = elapsed_ms / kMinuteMs;
  return static_cast<double>(whole_minutes) +
         static_cast<double>(elapsed_ms % kMinuteMs) / static_cast<double>(kMinuteMs);
}

std::int64_t whole_count(double count) {
  constexpr double kMax = 9007199254740992.0;  // 2^53: what a double counts to exactly
  return static_cast<std::int64_t>(std::min(count, kMax));
}

}  // namespace

const char* distribution_drop_name(DistributionDrop drop) {
  switch (drop) {
    case DistributionDrop::FirstSeen:
      return "first_seen";
    case DistributionDrop::LayoutChanged:
      return "layout_changed";
    case DistributionDrop::CountFell:
      return "count_fell";
    case DistributionDrop::Empty:
      return "empty";
  }
  return "";
}

std::variant<std::vector<Centroid>, DistributionDrop> convert_histogram(
    std::optional<std::span<const Bucket>> previous, std::span<const Bucket> current,
    std::int64_t elapsed_ms) {
  if (!previous) return DistributionDrop::FirstSeen;
  if (const auto drop = incomparable(*previous, current)) return *drop;
  // With +Inf alone there is no bound to put anything on.
  const bool only_infinity = current.size() == 1 && std::isinf(current[0].upper_bound);
  if (elapsed_ms <= 0 || only_infinity) return DistributionDrop::Empty;
  const double minutes = minutes_of(elapsed_ms);
  std::vector<Centroid> centroids;
  for (const auto& [mean, count] : spread(current, rates_per_minute(*previous, current, minutes))) {
    if (count >= 1) centroids.push_back({mean, whole_count(count)});
  }
  if (centroids.empty()) return DistributionDrop::Empty;
  return centroids;
}

}  // namespace fedwave::sinks
