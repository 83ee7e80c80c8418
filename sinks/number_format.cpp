#include "sinks/number_format.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

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

// Longer than any number of 17 digits that Prometheus writes.
constexpr std::size_t kTextBytesMax = 24;

template <class Word>
std::uint64_t load(const char* bytes) {
  Word word = 0;
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// A bit for each of eight bytes that is no digit.
std::uint32_t other_than_digits(std::uint64_t bytes) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  const std::uint64_t values = bytes ^ 0x3030303030303030;  // 0…9 for a digit
  const std::uint64_t above_nine = ((values & ~kHighBits) + 0x7676767676767676) | values;
  // The multiplication gathers the eight bits in the highest byte.
  return static_cast<std::uint32_t>((((above_nine & kHighBits) >> 7) * 0x0102040810204080) >> 56);
}

// A bit for each byte of a text of 1…kTextBytesMax that is no digit. Without a branch for each
// byte, which the processor would guess wrong once per number, and without a look outside the
// text: the words that cover it overlap.
std::uint32_t other_than_digits(std::string_view text) {
  const char* const first = text.data();
  const std::size_t size = text.size();
  if (size >= 8) {
    const std::size_t last = size - 8;
    const std::size_t middle = std::min<std::size_t>(8, last);
    return other_than_digits(load<std::uint64_t>(first)) |
           other_than_digits(load<std::uint64_t>(first + middle)) << middle |
           other_than_digits(load<std::uint64_t>(first + last)) << last;
  }
  if (size >= 4) {
    const std::size_t last = size - 4;
    const std::uint32_t bits =
        other_than_digits(load<std::uint32_t>(first) | load<std::uint32_t>(first + last) << 32);
    return (bits & 0xF) | bits >> 4 << last;
  }
  const std::size_t middle = size / 2;
  const std::size_t last = size - 1;
  const std::uint32_t bits =
      other_than_digits(load<std::uint8_t>(first) | load<std::uint8_t>(first + middle) << 8 |
                        load<std::uint8_t>(first + last) << 16);
  return (bits & 1) | (bits >> 1 & 1) << middle | (bits >> 2 & 1) << last;
}

// Plain: digits, or digits with a point among them. `others` are the bits of the bytes in `digits`
// that are no digits.
bool is_plain_decimal(std::string_view digits, std::uint32_t others, bool negative) {
  const std::size_t size = digits.size();
  if (others == 0) {
    return size <= kDigitsMax && (digits[0] != '0' || (size == 1 && !negative));
  }
  const auto point = static_cast<std::size_t>(std::countr_zero(others));
  if ((others & (others - 1)) != 0 || digits[point] != '.') return false;
  if (point == 0 || point + 1 == size || digits[size - 1] == '0') return false;
  if (digits[0] != '0') return size - 1 <= kDigitsMax;
  // "0." and then zeros do not count as digits.
  return point == 1 &&
         (size - 2 <= kDigitsMax || digits.find_first_not_of('0', 2) >= size - kDigitsMax);
}

// d.ddde±dd, as Go prints a double with the shortest digits.
struct Scientific {
  std::string_view fraction;  // the digits after the point; may be empty
  int exponent = 0;
};

std::optional<Scientific> read_scientific(std::string_view digits, std::uint32_t others) {
  constexpr std::size_t kExponentBytes = 4;
  // Far beyond what is counted or timed; what is written for it fits the buffer.
  constexpr int kExponentMax = 21;
  static_assert(sizeof("-0.") - 1 + (kExponentMax - 1) + kDigitsMax <= sizeof(WireBuffer));
  const std::size_t size = digits.size();
  if (size <= kExponentBytes || size == 2 + kExponentBytes) return std::nullopt;
  const std::size_t mark = size - kExponentBytes;
  const bool has_point = mark > 1;
  if (others != (3U << mark | (has_point ? 2U : 0U))) return std::nullopt;
  const char sign = digits[mark + 1];
  if (digits[mark] != 'e' || (sign != '+' && sign != '-')) return std::nullopt;
  if (has_point && digits[1] != '.') return std::nullopt;
  if (digits[0] == '0' || digits[mark - 1] == '0' || mark > kDigitsMax + 1) return std::nullopt;
  const int magnitude = (digits[size - 2] - '0') * 10 + (digits[size - 1] - '0');
  if (magnitude > kExponentMax) return std::nullopt;
  return Scientific{has_point ? digits.substr(2, mark - 2) : std::string_view(),
                    sign == '-' ? -magnitude : magnitude};
}

// Copies the digits to where the point leaves them and returns the end.
char* write_without_exponent(char first, const Scientific& number, char* out) {
  const std::size_t fraction = number.fraction.size();
  const char* const digits = number.fraction.data();
  if (number.exponent < 0) {
    const auto zeros = static_cast<std::size_t>(-number.exponent - 1);
    out = std::fill_n(std::copy_n("0.", 2, out), zeros, '0');
    *out++ = first;
    return std::copy_n(digits, fraction, out);
  }
  const auto whole = static_cast<std::size_t>(number.exponent);  // beside the first
  *out++ = first;
  if (whole >= fraction)
    return std::fill_n(std::copy_n(digits, fraction, out), whole - fraction, '0');
  out = std::copy_n(digits, whole, out);
  *out++ = '.';
  return std::copy_n(digits + whole, fraction - whole, out);
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

std::string_view wire_text(std::string_view text, WireBuffer& buffer) {
  if (text.empty() || text.size() > kTextBytesMax) return {};
  const bool negative = text[0] == '-';
  const std::string_view digits = text.substr(negative ? 1 : 0);
  if (digits.empty()) return {};
  const std::uint32_t others = other_than_digits(text) >> (negative ? 1 : 0);
  if (is_plain_decimal(digits, others, negative)) return text;
  const auto number = read_scientific(digits, others);
  if (!number) return {};
  buffer[0] = '-';
  const char* const end =
      write_without_exponent(digits[0], *number, buffer.data() + (negative ? 1 : 0));
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
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
