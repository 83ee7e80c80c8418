#include "sinks/number_format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "relay/base/check.h"

namespace fedwave::sinks {
namespace {

constexpr std::size_t kDigitsMax = 17;  // what it takes to tell any two doubles apart

// The shortest digits that read back: 0.d1d2d3… × 10^(exponent + 1).
struct ShortestDecimal {
  std::array<char, kDigitsMax> digits{};
  std::size_t count = 0;
  int exponent = 0;  // of the first digit

  explicit ShortestDecimal(double positive) {
    std::array<char, 32> text{};
    const auto written = std::to_chars(text.data(), text.data() + text.size(), positive,
                                       std::chars_format::scientific);
    const char* at = text.data();
    for (; *at != 'e'; ++at) {
      if (*at != '.') digits[count++] = *at;
    }
    ++at;
    if (*at == '+') ++at;  // from_chars takes no plus
    std::from_chars(at, written.ptr, exponent);
  }
};

void append_plain(std::string& out, const ShortestDecimal& decimal) {
  const char* digits = decimal.digits.data();
  if (decimal.exponent < 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-decimal.exponent - 1), '0');
    out.append(digits, decimal.count);
    return;
  }
  const std::size_t whole = static_cast<std::size_t>(decimal.exponent) + 1;
  out.append(digits, std::min(whole, decimal.count));
  if (whole >= decimal.count) {
    out.append(whole - decimal.count, '0');
  } else {
    out += '.';
    out.append(digits + whole, decimal.count - whole);
  }
}

void append_scientific(std::string& out, const ShortestDecimal& decimal) {
  out += decimal.digits[0];
  if (decimal.count > 1) {
    out += '.';
    out.append(decimal.digits.data() + 1, decimal.count - 1);
  }
  const int magnitude = std::abs(decimal.exponent);
  out += decimal.exponent < 0 ? "e-" : "e+";
  if (magnitude < 10) out += '0';
  out += std::to_string(magnitude);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

void append_value(std::string& out, double value) {
  FEDWAVE_CHECK(std::isfinite(value));
  // Most samples are counts. Below 2^53 an integer's own digits are its shortest ones.
  constexpr double kExactIntegers = 9007199254740992.0;
  if (std::abs(value) < kExactIntegers && value == std::trunc(value)) {
    std::array<char, 24> text{};
    const auto written =
        std::to_chars(text.data(), text.data() + text.size(), static_cast<std::int64_t>(value));
    out.append(text.data(), written.ptr);
    return;
  }
  if (value < 0) out += '-';
  append_plain(out, ShortestDecimal(std::abs(value)));
}

bool is_wire_number(std::string_view text) {
  // Longer than any number of 17 digits that is written without an exponent for good reason.
  constexpr std::size_t kLengthMax = 24;
  if (text.empty() || text.size() > kLengthMax) return false;
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = *at == '-';
  if (negative && ++at == end) return false;
  const char* const whole = at;
  while (at != end && is_digit(*at)) ++at;
  const auto whole_digits = static_cast<std::size_t>(at - whole);
  if (whole_digits == 0 || (*whole == '0' && whole_digits > 1)) return false;
  const bool zero_whole = *whole == '0';
  if (at == end) return whole_digits <= kDigitsMax && !(negative && zero_whole);
  if (*at != '.' || end[-1] == '0') return false;
  const char* const fraction = ++at;
  if (fraction == end) return false;
  if (zero_whole) {
    while (at != end && *at == '0') ++at;  // zeros that are not significant
  }
  const char* const significant = at;
  while (at != end && is_digit(*at)) ++at;
  const std::size_t digits =
      (zero_whole ? 0 : whole_digits) + static_cast<std::size_t>(at - significant);
  return at == end && digits <= kDigitsMax;
}

std::string format_go_g(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::string out = std::signbit(value) ? "-" : "";
  if (value == 0) return out + "0";
  const ShortestDecimal decimal(std::abs(value));
  // strconv decides on the exponent form as if the precision were 6 when it writes shortest digits.
  if (decimal.exponent < -4 || decimal.exponent >= 6) {
    append_scientific(out, decimal);
  } else {
    append_plain(out, decimal);
  }
  return out;
}

}  // namespace fedwave::sinks
