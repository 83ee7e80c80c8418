#include "relay/commands/readable.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "relay/base/clock.h"
#include "relay/base/duration.h"

namespace fedwave::relay {

std::string age_text(std::int64_t duration_ms) {
  constexpr std::int64_t kSecondMs = 1000;
  constexpr std::int64_t kMinuteMs = 60 * kSecondMs;
  constexpr std::int64_t kHourMs = 60 * kMinuteMs;
  std::int64_t unit_ms = kSecondMs;
  if (duration_ms >= kHourMs) unit_ms = kMinuteMs;
  if (duration_ms >= 24 * kHourMs) unit_ms = kHourMs;
  return base::format_duration_ms(duration_ms - duration_ms % unit_ms);
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 4> kUnits{"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // What would be shown as 1024.0 is one of the next unit.
  for (; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", value, kUnits.at(unit));
  return text;
}

std::string counted(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string grouped(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t end = text.size(); end > 3;) text.insert(end -= 3, ",");
  return text;
}

std::string rate_text(double per_second) {
  // What would be shown as 100.0 needs no decimals.
  if (per_second >= 99.95) return grouped(static_cast<std::uint64_t>(std::llround(per_second)));
  char text[32];
  std::snprintf(text, sizeof text, per_second >= 0.995 ? "%.1f" : "%.2f", per_second);
  return text;
}

}  // namespace fedwave::relay
