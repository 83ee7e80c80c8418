#include "sinks/retry_after.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

namespace fedwave::sinks {
namespace {

// IMF-fixdate, the only form of a date that a sender may write; 9 stands for a digit, a for a
// letter.
constexpr std::string_view kDateShape = "aaa, 99 aaa 9999 99:99:99 GMT";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool has_date_shape(std::string_view text) {
  return std::equal(text.begin(), text.end(), kDateShape.begin(), kDateShape.end(),
                    [](char c, char shape) {
                      if (shape == '9') return is_digit(c);
                      return shape == 'a' ? is_letter(c) : c == shape;
                    });
}

int number(std::string_view digits) {
  int value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::optional<std::int64_t> date_ms(std::string_view text) {
  if (!has_date_shape(text)) return std::nullopt;
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::size_t month_at = kMonths.find(text.substr(8, 3));
  if (month_at == std::string_view::npos || month_at % 3 != 0) return std::nullopt;
  namespace chrono = std::chrono;
  const chrono::year_month_day day(chrono::year(number(text.substr(12, 4))),
                                   chrono::month(static_cast<unsigned>(month_at / 3 + 1)),
                                   chrono::day(static_cast<unsigned>(number(text.substr(5, 2)))));
  const int hour = number(text.substr(17, 2));
  const int minute = number(text.substr(20, 2));
  const int second = number(text.substr(23, 2));
  if (!day.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const auto time = chrono::sys_days(day) + chrono::hours(hour) + chrono::minutes(minute) +
                    chrono::seconds(second);
  return chrono::duration_cast<chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

std::int64_t retry_after_ms(std::string_view header, std::int64_t now_ms) {
  if (!header.empty() && std::all_of(header.begin(), header.end(), is_digit)) {
    std::int64_t seconds = 0;
    const auto parsed = std::from_chars(header.data(), header.data() + header.size(), seconds);
    if (parsed.ec != std::errc() || seconds > kRetryAfterMaxMs / 1'000) return kRetryAfterMaxMs;
    return seconds * 1'000;
  }
  const std::optional<std::int64_t> at_ms = date_ms(header);
  if (!at_ms) return 0;
  return std::clamp<std::int64_t>(*at_ms - now_ms, 0, kRetryAfterMaxMs);
}

}  // namespace fedwave::sinks
