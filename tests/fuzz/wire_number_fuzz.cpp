// Whatever goes on the wire without being read is the same number as the text, without an exponent;
// and where the text has so few digits that there is only one way to write it, append_value's way.
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "relay/base/check.h"
#include "sinks/number_format.h"

namespace {

double read(std::string_view text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  FEDWAVE_CHECK(result.ec == std::errc{} && result.ptr == text.data() + text.size());
  return value;
}

std::size_t significant_digits(std::string_view plain) {
  const std::size_t first = plain.find_first_of("123456789");
  if (first == std::string_view::npos) return 0;
  const std::size_t last = plain.find_last_of("123456789");
  const std::string_view digits = plain.substr(first, last + 1 - first);
  return digits.size() - static_cast<std::size_t>(std::count(digits.begin(), digits.end(), '.'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of its own size, so that a look outside it is found by the sanitizer.
  const std::vector<char> bytes(data, data + size);
  const std::string_view text(bytes.data(), bytes.size());
  fedwave::sinks::WireBuffer buffer;
  const std::string_view wire = fedwave::sinks::wire_text(text, buffer);
  const bool is_copy = !wire.empty() && wire.data() == text.data();
  if (wire.empty()) return 0;
  FEDWAVE_CHECK(!is_copy || wire.size() == text.size());
  FEDWAVE_CHECK(wire.find_first_not_of("-.0123456789") == std::string_view::npos);
  const double value = read(text);
  FEDWAVE_CHECK(read(wire) == value);
  constexpr std::size_t kDigitsAlwaysKept = 15;
  if (significant_digits(wire) <= kDigitsAlwaysKept) {
    std::string shortest;
    fedwave::sinks::append_value(shortest, value);
    FEDWAVE_CHECK(wire == shortest);
  }
  return 0;
}
