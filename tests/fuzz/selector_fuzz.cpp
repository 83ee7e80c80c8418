// Two texts, parted by the first newline. What is a selector keeps its meaning when it is written
// back; what is left of one without the other is of the one and not of the other.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "config/selector.h"
#include "relay/base/check.h"

using fedwave::config::are_disjoint;
using fedwave::config::is_covered;
using fedwave::config::parse_selector;
using fedwave::config::Selector;
using fedwave::config::selector_text;

namespace {

void check_round_trip(const Selector& selector) {
  const std::string text = selector_text(selector);
  const auto again = parse_selector(text);
  FEDWAVE_CHECK(again.has_value());
  FEDWAVE_CHECK(*again == selector);
  FEDWAVE_CHECK(selector_text(*again) == text);
}

void check_difference(const Selector& from, const Selector& taken) {
  const auto rest = subtract(from, taken);
  FEDWAVE_CHECK(rest.size() <= std::max<std::size_t>(taken.matchers.size(), 1));
  for (const Selector& part : rest) {
    FEDWAVE_CHECK(is_covered(part, from));
    FEDWAVE_CHECK(are_disjoint(part, taken));
    check_round_trip(part);
  }
  FEDWAVE_CHECK(!is_covered(from, taken) || rest.empty() || are_disjoint(from, taken));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(data, data + size);
  const std::size_t newline = std::min(input.find('\n'), input.size());
  const auto first = parse_selector(input.substr(0, newline));
  const auto second = parse_selector(input.substr(std::min(newline + 1, input.size())));
  for (const auto* selector : {&first, &second}) {
    if (*selector) {
      check_round_trip(**selector);
    } else {
      FEDWAVE_CHECK(selector->error().message.starts_with("character "));
      FEDWAVE_CHECK(selector->error().message.find('\n') == std::string::npos);
    }
  }
  if (first && second) {
    check_difference(*first, *second);
    check_difference(*second, *first);
  }
  return 0;
}
