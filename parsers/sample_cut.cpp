#include "parsers/sample_cut.h"

#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <system_error>

#include "parsers/scan.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace fedwave::parsers {
namespace {

#ifdef __SSE2__
constexpr std::size_t kTailBytes = 48;            // room for any usual value and timestamp
constexpr std::size_t kUsualTimestampBytes = 13;  // milliseconds, from 2001 to 2286

// A bit for each of the 48 bytes that is a space.
std::uint64_t spaces_of(const char* tail) {
  const __m128i space = _mm_set1_epi8(' ');
  std::uint64_t spaces = 0;
  for (unsigned i = 0; i < kTailBytes / sizeof(__m128i); ++i) {
    __m128i bytes;
    std::memcpy(&bytes, tail + i * sizeof bytes, sizeof bytes);
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, space)));
    spaces |= std::uint64_t{mask} << (i * sizeof bytes);
  }
  return spaces;
}

std::size_t highest_bit(std::uint64_t bits) {
  return static_cast<std::size_t>(63 - std::countl_zero(bits));
}

// Eight digits at once. False when one of them is not a digit.
bool parse_eight(const char* digits, std::uint32_t& number) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, digits, sizeof bytes);
  const std::uint64_t above = bytes + 0x4646464646464646U;  // sets a high bit above '9'
  bytes -= 0x3030303030303030U;                             // and this one below '0'
  if (((above | bytes) & 0x8080808080808080U) != 0) return false;
  bytes = bytes * 10 + (bytes >> 8U);  // pairs, then fours, then all eight
  constexpr std::uint64_t kMask = 0x000000FF000000FFU;
  constexpr std::uint64_t kHundreds = 0x000F424000000064U;
  constexpr std::uint64_t kOnes = 0x0000271000000001U;
  number = static_cast<std::uint32_t>(
      ((bytes & kMask) * kHundreds + ((bytes >> 16U) & kMask) * kOnes) >> 32U);
  return true;
}

bool parse_usual_timestamp(const char* digits, std::int64_t& timestamp_ms) {
  std::uint32_t first = 0;
  std::uint32_t last = 0;  // three of the first ones are among them
  constexpr std::size_t kOverlap = kUsualTimestampBytes - 8;
  if (!parse_eight(digits, first) || !parse_eight(digits + kOverlap, last)) return false;
  timestamp_ms = std::int64_t{first} * 100'000 + last % 100'000;
  return true;
}

// `…} value timestamp` with one space before each: what nearly every line of a page ends with.
// Says false of anything else, however well formed.
bool cut_usual(std::string_view text, SampleLineView& sample) {
  if (text.size() <= kTailBytes) return false;
  const char* const tail = text.data() + text.size() - kTailBytes;
  const std::uint64_t spaces = spaces_of(tail);
  constexpr std::size_t kLast = kTailBytes - kUsualTimestampBytes - 1;
  if (spaces >> kLast != 1) return false;
  const std::uint64_t before = spaces ^ (std::uint64_t{1} << kLast);
  if (before == 0) return false;
  const std::size_t first = highest_bit(before);
  if (tail[static_cast<std::ptrdiff_t>(first) - 1] != '}' || first + 1 == kLast) return false;
  sample.series = {text.data(), text.size() - kTailBytes + first};
  sample.value = {tail + first + 1, kLast - first - 1};
  sample.has_timestamp = true;
  return parse_usual_timestamp(tail + kLast + 1, sample.timestamp_ms);
}
#else
bool cut_usual(std::string_view, SampleLineView&) {
  return false;
}
#endif

// A token is walked over backwards up to what can stand before a value: a blank or the end of the
// labels.
std::size_t token_start(std::string_view text) {
  std::size_t at = text.size();
  while (at > 0 && !is_blank(text[at - 1]) && text[at - 1] != '}') --at;
  return at;
}

bool cut_any(std::string_view text, SampleLineView& sample) {
  const std::size_t last_start = token_start(text);
  const std::string_view last = text.substr(last_start);
  if (last.empty()) return false;  // nothing after the labels
  const std::string_view before = without_trailing_blanks(text.substr(0, last_start));
  if (before.empty()) return false;
  sample.has_timestamp = false;
  if (before.back() == '}') {
    sample.series = before;
    sample.value = last;
    return true;
  }
  const std::size_t value_start = token_start(before);
  if (value_start == 0) {  // name value
    sample.series = before;
    sample.value = last;
    return true;
  }
  sample.value = before.substr(value_start);
  sample.series = without_trailing_blanks(before.substr(0, value_start));
  sample.has_timestamp = true;
  return parse_timestamp(last, sample.timestamp_ms);
}

}  // namespace

bool parse_timestamp(std::string_view digits, std::int64_t& timestamp_ms) {
  if (digits.empty() || !is_digit(digits[0])) return false;  // from_chars would take a minus
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, timestamp_ms);
  return read.ec == std::errc{} && read.ptr == end;
}

bool cut_sample(std::string_view text, SampleLineView& sample) {
  return cut_usual(text, sample) || cut_any(text, sample);
}

}  // namespace fedwave::parsers
