#include "relay/base/duration.h"

#include <cmath>
#include <cstddef>
#include <optional>

namespace fedwave::base {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t length_ns;
};

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDayNs = 24 * 3600 * kSecondNs;

// Longer names before the shorter ones they begin with.
constexpr Unit kUnits[] = {
    {"ns", 1},         {"us", 1000},      {"\u00B5s", 1000},     {"\u03BCs", 1000},
    {"ms", 1'000'000}, {"s", kSecondNs},  {"m", 60 * kSecondNs}, {"h", 3600 * kSecondNs},
    {"d", kDayNs},     {"w", 7 * kDayNs}, {"y", 365 * kDayNs},
};

constexpr double kNanosecondsMax = 9.2e18;  // 291 years, what Go's own durations hold

Error bad_duration(std::string_view text, const std::string& why) {
  return {ErrorCode::InvalidArgument, "\"" + std::string(text) + "\" is not a duration: " + why};
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Takes the digits at the start of `text` and gives their value; adds how many there were.
double take_digits(std::string_view& text, std::size_t& count) {
  double value = 0;
  while (!text.empty() && is_digit(text.front())) {
    value = value * 10 + (text.front() - '0');
    text.remove_prefix(1);
    ++count;
  }
  return value;
}

// Takes one number, such as 1, 1.5 or .5.
std::optional<double> take_number(std::string_view& text) {
  std::size_t digits = 0;
  double value = take_digits(text, digits);
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    std::size_t decimals = 0;
    value += take_digits(text, decimals) / std::pow(10.0, static_cast<double>(decimals));
    digits += decimals;
  }
  // Far more digits than any duration has: the arithmetic above would no longer be exact.
  if (digits == 0 || digits > 30) return std::nullopt;
  return value;
}

const Unit* take_unit(std::string_view& text) {
  for (const Unit& unit : kUnits) {
    if (text.substr(0, unit.name.size()) == unit.name) {
      text.remove_prefix(unit.name.size());
      return &unit;
    }
  }
  return nullptr;
}

}  // namespace

Expected<std::int64_t> parse_duration_ms(std::string_view text) {
  std::string_view rest = text;
  const bool negative = !rest.empty() && rest.front() == '-';
  if (negative || (!rest.empty() && rest.front() == '+')) rest.remove_prefix(1);
  if (rest == "0") return std::int64_t{0};
  if (rest.empty()) return bad_duration(text, "there is no number; write for example 60s");
  double total_ns = 0;
  while (!rest.empty()) {
    const std::optional<double> number = take_number(rest);
    if (!number) return bad_duration(text, "a number is missing; write for example 1m30s");
    if (rest.empty()) {
      return bad_duration(
          text, "the unit is missing; write for example " + std::string(text) + "s for seconds");
    }
    const Unit* unit = take_unit(rest);
    if (unit == nullptr) {
      return bad_duration(text, "unknown unit; the units are ms, s, m, h, d, w and y");
    }
    total_ns += *number * static_cast<double>(unit->length_ns);
    if (!(total_ns <= kNanosecondsMax)) {
      return bad_duration(text, "it is longer than 290 years");
    }
  }
  const auto duration_ms = static_cast<std::int64_t>(std::llround(total_ns / 1e6));
  if (duration_ms == 0 && total_ns > 0) {
    return bad_duration(text, "it is shorter than a millisecond; write at least 1ms");
  }
  return negative ? -duration_ms : duration_ms;
}

std::string format_duration_ms(std::int64_t duration_ms) {
  if (duration_ms == 0) return "0s";
  std::string text = duration_ms < 0 ? "-" : "";
  const auto signed_bits = static_cast<std::uint64_t>(duration_ms);
  std::uint64_t rest = duration_ms < 0 ? ~signed_bits + 1 : signed_bits;
  if (rest < 1000) return text + std::to_string(rest) + "ms";
  const auto take = [&](std::uint64_t unit_ms, char name) {
    if (rest >= unit_ms) text += std::to_string(rest / unit_ms) + name;
    rest %= unit_ms;
  };
  take(86'400'000, 'd');
  take(3'600'000, 'h');
  take(60'000, 'm');
  if (rest == 0) return text;
  text += std::to_string(rest / 1000);
  if (rest % 1000 != 0) {
    std::string decimals = std::to_string(1000 + rest % 1000).substr(1);
    decimals.erase(decimals.find_last_not_of('0') + 1);
    text += '.' + decimals;
  }
  return text + 's';
}

}  // namespace fedwave::base
