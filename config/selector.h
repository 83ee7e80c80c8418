// A Prometheus series selector, `name{label="value",…}`, as match[] takes it: read, written back
// and, for splitMatches, taken out of another one. What a regex matches is nobody's business here:
// Prometheus says whether it is a good one, and two of them are the same only when their texts are.
// Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/expected.h"

namespace fedwave::config {

// One condition. A label that a series does not have is an empty one.
struct Matcher {
  enum class Op : std::uint8_t { Equal, NotEqual, Matches, MatchesNot };

  std::string label;  // "__name__" for the metric's name
  Op op = Op::Equal;
  std::string value;
  bool operator==(const Matcher&) const = default;
};

// All of its matchers hold.
struct Selector {
  std::vector<Matcher> matchers;
  bool operator==(const Selector&) const = default;
};

// The message says what is wrong and at which character, counted from 1.
base::Expected<Selector> parse_selector(std::string_view text);

// The canonical text, which has everything between braces and every value in double quotes, good
// for any Prometheus that knows the names in it.
std::string selector_text(const Selector& selector);

Matcher negated(Matcher matcher);

// Whether every series of `part` is certainly one of `whole` too.
bool is_covered(const Selector& part, const Selector& whole);

// Whether certainly no series is of both.
bool are_disjoint(const Selector& a, const Selector& b);

// What is of `from` and not of `taken`: every such series is of at least one of these, and no other
// series is. `from` itself where the two are certainly disjoint, none where it is covered.
std::vector<Selector> subtract(const Selector& from, const Selector& taken);

}  // namespace fedwave::config
