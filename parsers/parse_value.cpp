// The number of a sample. Prometheus hands it to Go's ParseFloat and refuses hexadecimal and
// underscores; std::from_chars does the same work without a locale but differs at the edges, and
// those are what this file is about.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <system_error>

#include "parsers/scan.h"
#include "parsers/text_parser.h"

namespace fedwave::parsers {
namespace {

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    // Setting bit 0x20 lowers a letter; nothing but the letter itself can become one of `lower`
    // that is not refused by is_letter.
    if (!is_letter(text[i]) || (text[i] | 0x20) != lower[i]) return false;
  }
  return true;
}

// from_chars says out of range for numbers too large and too small alike; the power of ten of the
// first digit that counts tells them apart.
bool is_too_large(std::string_view digits) {
  const std::size_t exponent_mark = digits.find_first_of("eE");
  const std::string_view mantissa = digits.substr(0, exponent_mark);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t first = mantissa.find_first_of("123456789");
  auto power = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first);
  if (exponent_mark != std::string_view::npos) {
    std::string_view exponent = digits.substr(exponent_mark + 1);
    const bool is_negative = exponent.front() == '-';
    if (is_negative || exponent.front() == '+') exponent.remove_prefix(1);
    std::int64_t number = 0;
    const auto read = std::from_chars(exponent.data(), exponent.data() + exponent.size(), number);
    // More than any mantissa that fits in memory could make up for.
    constexpr std::int64_t kBeyondMantissas = 1'000'000'000'000;
    if (read.ec != std::errc{} || number > kBeyondMantissas) return !is_negative;
    power += is_negative ? -number : number;
  }
  return power > 0;
}

}  // namespace

Malformed parse_value(std::string_view text, double& value) {
  if (text.empty()) return Malformed::MissingValue;
  const bool is_negative = text[0] == '-';
  const bool has_sign = is_negative || text[0] == '+';
  const std::string_view digits = text.substr(has_sign ? 1 : 0);
  if (digits.empty()) return Malformed::BadValue;
  double number = 0;
  if (is_letter(digits[0])) {
    if (equals_ignoring_case(digits, "nan")) {
      if (has_sign) return Malformed::BadValue;
      number = std::numeric_limits<double>::quiet_NaN();
    } else if (equals_ignoring_case(digits, "inf") || equals_ignoring_case(digits, "infinity")) {
      number = std::numeric_limits<double>::infinity();
    } else {
      return Malformed::BadValue;
    }
  } else {
    if (!is_digit(digits[0]) && digits[0] != '.') return Malformed::BadValue;
    const char* end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, number);
    if (read.ec == std::errc::invalid_argument || read.ptr != end) return Malformed::BadValue;
    if (read.ec == std::errc::result_out_of_range) {
      if (is_too_large(digits)) return Malformed::ValueOverflow;
      number = 0;
    }
  }
  value = is_negative ? -number : number;
  return Malformed::None;
}

}  // namespace fedwave::parsers
