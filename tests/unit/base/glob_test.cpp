#include "relay/base/glob.h"

#include <doctest/doctest.h>
#include <re2/re2.h>

#include <random>
#include <string>
#include <vector>

#include "tests/support/slow_glob.h"

using fedwave::base::Glob;
using fedwave::base::parse_glob;
using fedwave::test::slow_glob_match;

namespace {

RE2::Options quiet() {
  RE2::Options options;
  options.set_log_errors(false);
  return options;
}

bool matches(const std::string& pattern, const std::string& name) {
  const auto glob = parse_glob(pattern);
  REQUIRE_MESSAGE(glob.has_value(), pattern);
  const RE2 regex(glob->regex, quiet());
  REQUIRE_MESSAGE(regex.ok(), pattern << " -> " << glob->regex << ": " << regex.error());
  return RE2::FullMatch(name, regex);
}

std::string error_of(const std::string& pattern) {
  const auto glob = parse_glob(pattern);
  return glob ? "accepted as " + glob->regex : glob.error().message;
}

std::string random_text(std::mt19937& random, const std::vector<std::string>& alphabet,
                        std::size_t length_max) {
  std::string text;
  for (std::size_t i = random() % (length_max + 1); i > 0; --i) {
    text += alphabet[random() % alphabet.size()];
  }
  return text;
}

}  // namespace

TEST_CASE("a glob matches whole names by its documented meaning") {
  struct Row {
    std::string pattern;
    std::string name;
    bool expected;
  };
  const std::vector<Row> rows = {
      {"istio.requests.total.value", "istio.requests.total.value", true},
      {"istio.requests.total.value", "istio.requests.total.values", false},
      {"istio.requests.total.value", "istio_requests.total.value", false},
      {"istio.*", "istio.requests.total.value", true},
      {"istio.*", "istio.", true},
      {"istio.*", "pistio.x", false},
      {"*.bucket.value", "a.b.bucket.value", true},
      {"**", "", true},
      {"*", "two\nlines", true},
      {"a?c", "a\nc", true},
      {"go.?c.*", "go.gc.x", true},
      {"go.?c.*", "go.c.x", false},
      {"5??", "503", true},
      {"5??", "50", false},
      {"caf?", "caf\xC3\xA9", true},
      {"caf??", "caf\xC3\xA9", false},
      {"caf[\xC3\xA9]", "caf\xC3\xA9", true},
      {"[!a]", "\xE2\x82\xAC", true},
      {"[!a]", "a", false},
      {"[!a]", "\n", true},
      {"[\xCE\xB1-\xCF\x89]", "\xCE\xB2", true},
      {"istio-[a-m]*", "istio-gw", true},
      {"istio-[a-m]*", "istio-system", false},
      {"team-[!x]*", "team-x", false},
      {"[abc-e]", "-", true},
      {"[abc-e]", "d", false},
      {"[-a]", "-", true},
      {"[a\\-z]", "m", false},
      {"[a\\-z]", "-", true},
      {"[\\a-z]", "m", false},
      {"[Z-\\]]", "^", false},
      {"[Z-\\]]", "[", true},
      {"[^a]", "^", true},
      {"[^a]", "b", false},
      {"[\\]]", "]", true},
      {"[\\\\]", "\\", true},
      {"[[]", "[", true},
      {"[.]", "x", false},
      {"[{,}]", ",", true},
      {"{productpage,reviews}", "reviews", true},
      {"{productpage,reviews}", "productpage,reviews", false},
      {"{a,b{c,d}}", "bd", true},
      {"{a,b{c,d}}", "b", false},
      {"{a.*,*.b}x", "q.bx", true},
      {"x{a,}y", "xy", true},
      {"x{}y", "xy", true},
      {"{[,],\\},\\,}", "}", true},
      {"{[,],\\},\\,}", ",", true},
      {"a,b", "a,b", true},
      {"a]b", "a]b", true},
      {"a\\*b", "a*b", true},
      {"a\\*b", "axb", false},
      {"\\{a\\}", "{a}", true},
      {"a+(b)|$^#", "a+(b)|$^#", true},
      {"", "", true},
      {"", "a", false},
      {"A", "a", false},
      {"a.*.b", "a.b", false},
      {std::string("a\0b", 3), std::string("a\0b", 3), true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    CAPTURE(row.name);
    CHECK(matches(row.pattern, row.name) == row.expected);
    CHECK(slow_glob_match(row.pattern, row.name) == row.expected);
  }
}

TEST_CASE("a glob whose only specials are stars at its ends, or one within, needs no expression") {
  using Kind = Glob::Kind;
  struct Row {
    std::string pattern;
    Kind kind;
    std::string literal;
    std::string suffix;
  };
  const std::vector<Row> rows = {
      {"abc", Kind::Exact, "abc", ""},
      {"", Kind::Exact, "", ""},
      {"a\\*b", Kind::Exact, "a*b", ""},
      {"a,b]", Kind::Exact, "a,b]", ""},
      {"abc*", Kind::Prefix, "abc", ""},
      {"abc\\**", Kind::Prefix, "abc*", ""},
      {"*abc", Kind::Suffix, "abc", ""},
      {"**abc", Kind::Suffix, "abc", ""},
      {"*abc**", Kind::Contains, "abc", ""},
      {"*", Kind::Any, "", ""},
      {"***", Kind::Any, "", ""},
      {"a.*.b", Kind::PrefixSuffix, "a.", ".b"},
      {"a.**.b", Kind::PrefixSuffix, "a.", ".b"},
      {"a*b*c", Kind::Regex, "", ""},
      {"*a*b", Kind::Regex, "", ""},
      {"a*b*", Kind::Regex, "", ""},
      {"*a*b*", Kind::Regex, "", ""},
      {"a?", Kind::Regex, "", ""},
      {"[a]", Kind::Regex, "", ""},
      {"{a.*,b.*}", Kind::Regex, "", ""},
      {"{}*", Kind::Regex, "", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    const auto glob = parse_glob(row.pattern);
    REQUIRE(glob.has_value());
    CHECK(glob->kind == row.kind);
    if (row.kind == Kind::Regex) continue;
    CHECK(glob->literal == row.literal);
    CHECK(glob->suffix == row.suffix);
  }
}

TEST_CASE("a bad glob is refused with its column and what to write instead") {
  struct Row {
    std::string pattern;
    std::string message;
  };
  const std::vector<Row> rows = {
      {"ab[a-zA-Z]",
       "column 3: a set holds either one range or characters, not both; write {[a-z],[A-Z]}"},
      {"[0-9a-f_.]",
       "column 1: a set holds either one range or characters, not both; write {[0-9],[a-f],[_.]}"},
      {"[a-z\\]]",
       "column 1: a set holds either one range or characters, not both; write {[a-z],[\\]]}"},
      {"[!a-zA-Z]",
       "column 1: a set holds either one range or characters, not both; a negated one has to name "
       "each character, as [!abc] does"},
      {"x[]",
       "column 2: the set is empty; write a character between the brackets, or \\[ for the bracket "
       "itself"},
      {"[!]",
       "column 1: the set is empty; write a character between the brackets, or \\[ for the "
       "bracket itself"},
      {"[z-a]", "column 1: the range runs backwards; write [a-z]"},
      {"[!9-0]", "column 1: the range runs backwards; write [!0-9]"},
      {"[a-]", "column 3: the range has no end; write [a\\-]"},
      {"a.{b,c", "column 3: '{' is not closed; add the '}', or write \\{ for the character itself"},
      {"{{a}", "column 1: '{' is not closed; add the '}', or write \\{ for the character itself"},
      {"a}", "column 2: '}' without a '{' before it; write \\} for the character itself"},
      {"\xC3\xA9[ab",
       "column 2: '[' is not closed; add the ']', or write \\[ for the character itself"},
      {"[a\\]", "column 1: '[' is not closed; add the ']', or write \\[ for the character itself"},
      {"abc\\",
       "column 4: '\\' at the end escapes nothing; remove it, or write \\\\ for the character "
       "itself"},
      {"a\xFF", "column 2: not valid UTF-8; write the pattern in UTF-8"},
      {"\xED\xA0\x80", "column 1: not valid UTF-8; write the pattern in UTF-8"},
      {"\xC0\x80", "column 1: not valid UTF-8; write the pattern in UTF-8"},
      {"\xF4\x90\x80\x80", "column 1: not valid UTF-8; write the pattern in UTF-8"},
      {"\xE2\x82", "column 1: not valid UTF-8; write the pattern in UTF-8"},
      {std::string(51, '{') + std::string(51, '}'),
       "column 51: braces nest deeper than 50; write the alternatives as patterns of their own"},
      {std::string(4097, 'a'),
       "column 4097: the pattern is longer than 4096 bytes; write it as several patterns"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    CHECK(error_of(row.pattern) == row.message);
  }
}

TEST_CASE("what the message tells to write for a mixed set is accepted and means the same") {
  const std::vector<std::string> alphabet = {"a", "c", "A", "C", "0", "9", "-", "_", "\\]"};
  std::mt19937 random(7);
  int advised = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string body = "a-c" + random_text(random, alphabet, 6);
    const std::string message = error_of("[" + body + "]");
    const auto at = message.find("not both; write ");
    if (at == std::string::npos) continue;
    const std::string advice = message.substr(at + 16);
    CAPTURE(body);
    CAPTURE(advice);
    REQUIRE(parse_glob(advice).has_value());
    CHECK(matches(advice, "b"));
    CHECK_FALSE(matches(advice, "z"));
    ++advised;
  }
  CHECK(advised > 1000);
}

TEST_CASE("the longest and deepest patterns accepted compile") {
  const std::string deep = std::string(50, '{') + "a,b" + std::string(50, '}');
  CHECK(matches(deep, "b"));
  CHECK(matches(std::string(4096, '?'), std::string(4096, 'x')));
  std::string sets;
  while (sets.size() + 4 <= 4096) sets += "[!a]";
  CHECK(matches(sets, std::string(sets.size() / 4, 'b')));
}

TEST_CASE("the expression agrees with a slow matcher on random patterns and names") {
  const std::vector<std::string> pattern_alphabet = {"a", "b", ".", "*", "*", "?",  "[",       "]",
                                                     "!", "-", "{", "}", ",", "\\", "\xC3\xA9"};
  const std::vector<std::string> name_alphabet = {"a", "b", ".", "-", ",", "]", "\xC3\xA9"};
  std::mt19937 random(20240607);
  int accepted = 0;
  int matched = 0;
  for (int i = 0; i < 40000; ++i) {
    const std::string pattern = random_text(random, pattern_alphabet, 9);
    const auto glob = parse_glob(pattern);
    if (!glob) continue;
    ++accepted;
    const RE2 regex(glob->regex, quiet());
    CAPTURE(pattern);
    REQUIRE(regex.ok());
    for (int n = 0; n < 12; ++n) {
      const std::string name = random_text(random, name_alphabet, 5);
      CAPTURE(name);
      const bool fast = RE2::FullMatch(name, regex);
      REQUIRE(slow_glob_match(pattern, name) == fast);
      matched += fast ? 1 : 0;
    }
  }
  CHECK(accepted > 5000);
  CHECK(matched > 2000);
}
