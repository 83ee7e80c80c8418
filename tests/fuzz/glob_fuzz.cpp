// A glob and a name, parted by the first newline. Whatever parse_glob accepts compiles, and the
// filter made of it agrees with the slow matcher.
#include <re2/re2.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "relay/base/check.h"
#include "relay/base/glob.h"
#include "relay/filter.h"
#include "tests/support/slow_glob.h"

namespace {

// RE2 sees characters in both texts; a name that is not UTF-8 never gets past the parser.
bool is_utf8(const std::string& text) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_literal(true);
  return RE2(text, options).ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(data, data + size);
  const std::size_t newline = std::min(input.find('\n'), input.size());
  const std::string pattern = input.substr(0, newline);
  const std::string name = input.substr(std::min(newline + 1, input.size()));
  const auto glob = fedwave::base::parse_glob(pattern);
  if (!glob) return 0;
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 regex(glob->regex, options);
  FEDWAVE_CHECK(regex.ok());
  if (!is_utf8(name)) return 0;
  const auto expected = fedwave::test::slow_glob_match(pattern, name);
  if (!expected) return 0;
  FEDWAVE_CHECK(RE2::FullMatch(name, regex) == *expected);
  fedwave::config::FilterRules rules;
  rules.metric_allow.push_back({pattern, {}});
  const fedwave::relay::Filter filter(rules);
  const bool kept = filter.decide_name(name).verdict == fedwave::relay::FilterVerdict::Kept;
  FEDWAVE_CHECK(kept == *expected);
  return 0;
}
