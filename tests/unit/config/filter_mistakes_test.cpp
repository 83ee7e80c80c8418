// Every mistake about filters with the exact lines that it gives, as in mistakes_test.cpp.
#include "config/load.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/config/loading.h"
#include "tests/unit/config/mistakes.h"

using loading::in_source;
using mistakes::Mistake;

namespace {

std::string in_federated(const std::string& filters) {
  return "sinks: [{proxyAddress: 'p:1'}]\n"
         "sources:\n"
         "  prometheus_sources:\n"
         "  - url: http://h/federate?match[]=up\n"
         "    filters:\n" +
         filters;
}

// clang-format off
const std::vector<Mistake>& mistakes_of_filters() {
  static const std::vector<Mistake> kMistakes = {
      {"a misspelt filter",
       in_source("    filters:\n"
       "      metricAllowlist: ['*']\n"),
       {"f:6:7: error: unknown key \"metricAllowlist\"; did you mean \"metricAllowList\"?"}},
      {"a filter key beside filters",
       in_source("    metricAllowList: ['*']\n"),
       {"f:5:5: error: unknown key \"metricAllowList\"; it belongs under \"filters\""}},
      {"one text where a list belongs",
       in_source("    filters:\n"
       "      metricAllowList: 'it''s.*'\n"),
       {"f:6:24: error: \"metricAllowList\" needs a list, not a single value; write it below the key as - 'it''s.*'"}},
      {"a list whose patterns are gone",
       in_source("    filters:\n"
       "      metricAllowList:\n"
       "      metricDenyList: []\n"),
       {"f:6:7: warning: \"metricAllowList\" is empty and filters nothing; write its patterns below it, or remove it"}},
      {"a map in a list",
       in_source("    filters:\n"
       "      metricAllowList:\n"
       "      - istio: requests\n"),
       {"f:7:9: error: an element of \"metricAllowList\" is a map, not text; put it in quotes: '{', '[' and ': ' are special in YAML"}},
      {"an unquoted alternative",
       in_source("    filters:\n"
       "      metricAllowList:\n"
       "      - {a,b}.*\n"),
       {"f:7:14: error: not valid YAML: end of sequence not found; look at the indentation and for a missing bracket, quote or colon here or above"}},
      {"an unquoted star",
       in_source("    filters:\n"
       "      metricAllowList:\n"
       "      - *.total.value\n"),
       {"f:7:9: error: not valid YAML: the referenced anchor is not defined; '*' and '&' are special in YAML: put a pattern that begins with one in quotes, '*.total.value'"}},
      {"a star on its own",
       in_source("    filters:\n"
       "      metricTagDenyList:\n"
       "        a:\n"
       "        - *\n"),
       {"f:8:12: error: not valid YAML: alias not found after *; '*' and '&' are special in YAML: put a pattern that begins with one in quotes, '*.total.value'"}},
      {"a set of two ranges",
       in_source("    filters:\n"
       "      metricDenyList: ['a.[a-zA-Z]*']\n"),
       {"f:6:24: error: bad pattern \"a.[a-zA-Z]*\": column 3: a set holds either one range or characters, not both; write {[a-z],[A-Z]}"}},
      {"an unclosed brace",
       in_source("    filters:\n"
       "      metricDenyList: [b, 'a.{b,c']\n"),
       {"f:6:27: error: bad pattern \"a.{b,c\": column 3: '{' is not closed; add the '}', or write \\{ for the character itself"}},
      {"a comma that splits a brace",
       in_source("    filters:\n"
       "      tagInclude: ['{a', 'b}']\n"),
       {"f:6:20: error: bad pattern \"{a\": column 1: '{' is not closed; add the '}', or write \\{ for the character itself",
       "f:6:26: error: bad pattern \"b}\": column 2: '}' without a '{' before it; write \\} for the character itself"}},
      {"an empty pattern",
       in_source("    filters:\n"
       "      metricDenyList: ['a.*', '']\n"),
       {"f:6:31: warning: an empty pattern in \"metricDenyList\" matches only empty text; remove it; '*' matches everything"}},
      {"a bad guarantee",
       in_source("    filters:\n"
       "      tagGuaranteeList: ['a_[', le]\n"),
       {"f:6:26: error: bad pattern \"a_[\": column 3: '[' is not closed; add the ']', or write \\[ for the character itself"}},
      {"a pattern with underscores",
       in_source("    filters:\n"
       "      metricAllowList: ['istio_requests_*']\n"),
       {"f:6:25: warning: pattern \"istio_requests_*\" never matches: patterns see the dotted name, without '_'; did you mean \"istio.requests.*\"?"}},
      {"patterns for names that no federated series has",
       in_federated("      metricAllowList: ['istio.requests.total', '*.bucket', 'a.{b,c}.total', 'x\\*']\n"
       "      metricDenyList: ['istio_requests_total', 'istio_*.count']\n"),
       {"f:6:25: warning: pattern \"istio.requests.total\" never matches: every name from /federate ends in \".value\"; did you mean \"istio.requests.total.value\"?",
       "f:6:49: warning: pattern \"*.bucket\" never matches: every name from /federate ends in \".value\"; did you mean \"*.bucket.value\"?",
       "f:6:61: warning: pattern \"a.{b,c}.total\" never matches: every name from /federate ends in \".value\"; did you mean \"a.{b,c}.total.value\"?",
       "f:6:78: warning: pattern \"x\\*\" never matches: every name from /federate ends in \".value\"; did you mean \"x\\*.value\"?",
       "f:7:24: warning: pattern \"istio_requests_total\" never matches: patterns see the dotted name, without '_'; did you mean \"istio.requests.total.value\"?",
       "f:7:48: warning: pattern \"istio_*.count\" never matches: patterns see the dotted name, without '_'; did you mean \"istio.*.count.value\"?"}},
      {"a comma in the only pattern of a federated source",
       in_federated("      metricAllowList: ['a.*,b.total']\n"),
       {"f:6:25: warning: in a list of one element a comma is an ordinary character, and no name has one; write each pattern as an element of its own"}},
      {"tags that no federated series has",
       in_federated("      metricTagAllowList: {app.kubernetes.io/name: ['*']}\n"
       "      metricTagDenyList: {a.b: ['x'], team.name: ['y']}\n"
       "    tags: {team.name: mesh}\n"),
       {"f:6:28: warning: no point has a tag \"app.kubernetes.io/name\": labels from /federate have no '.' in their names; did you mean \"app_kubernetes_io_name\"?",
       "f:7:27: warning: no point has a tag \"a.b\": labels from /federate have no '.' in their names; did you mean \"a_b\"?"}},
      {"a comma in the only pattern",
       in_source("    filters:\n"
       "      metricAllowList: ['a.*,b.*']\n"),
       {"f:6:25: warning: in a list of one element a comma is an ordinary character, and no name has one; write each pattern as an element of its own"}},
      {"no patterns for an allowed tag",
       in_source("    filters:\n"
       "      metricTagAllowList:\n"
       "        app: []\n"),
       {"f:7:9: error: no patterns for tag \"app\": every metric would be dropped; write '*' for any value, or remove the key"}},
      {"no patterns for a denied tag",
       in_source("    filters:\n"
       "      metricTagDenyList:\n"
       "        app:\n"),
       {"f:7:9: warning: no patterns for tag \"app\": it denies nothing; write '*' for any value, or remove the key"}},
      {"a list of tags",
       in_source("    filters:\n"
       "      metricTagDenyList: [app]\n"),
       {"f:6:26: error: \"metricTagDenyList\" needs a map of tag keys, not a list; write \"key: ['pattern']\" below it"}},
      {"a deprecated name",
       in_source("    filters:\n"
       "      metricWhitelist: ['a.*']\n"),
       {"f:6:24: warning: \"metricWhitelist\" is deprecated; write \"metricAllowList\""}},
      {"a deprecated name beside the modern one",
       in_source("    filters:\n"
       "      metricWhitelist: ['a.[']\n"
       "      metricAllowList: ['a.*']\n"),
       {"f:6:24: warning: \"metricWhitelist\" is not read where \"metricAllowList\" stands beside it; move its patterns to \"metricAllowList\""}},
      {"a regular expression",
       in_federated("      metricAllowList: ['(istio|envoy).*']\n"),
       {"f:6:25: warning: pattern \"(istio|envoy).*\" looks like a regular expression, but it is a glob; write '*' for any text, {a,b} for alternatives and [!a] for another character"}},
  };
  return kMistakes;
}
// clang-format on

}  // namespace

TEST_CASE("every mistake about filters is told with its place and what to write instead") {
  mistakes::check(mistakes_of_filters());
}

TEST_CASE("a pattern that means something as a regular expression only is told to be a glob") {
  struct Row {
    std::string pattern;
    bool as_name;
    bool as_value;
  };
  const Row rows[] = {
      {"^up$", true, true},        {"^up", true, true},
      {"up.value$", true, false},  {"istio.*|envoy.*", true, false},
      {"x.(a|b)", true, true},     {"x.(a).*", true, false},
      {"a.+", true, true},         {"a+b.*", true, false},
      {"a.[^b]*", true, true},     {"a.\\d*", true, true},
      {"istio.*", false, false},   {"*", false, false},
      {"a.[!b]*", false, false},   {"a.\\*.\\[b", false, false},
      {"a.[$^|(]b", false, false}, {"a.{b,c}.value", false, false},
      {"\\^a.*", false, false},    {"outbound|80||*.*", true, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    const auto is_told = [&row](const std::string& before, const std::string& after) {
      const auto told = loading::lines(
          loading::load(in_source("    filters: {" + before + row.pattern + after + "}\n")));
      return told.size() == 1 &&
             told[0].find("looks like a regular expression") != std::string::npos;
    };
    CHECK(is_told("metricAllowList: ['", "']") == row.as_name);
    CHECK(is_told("tagExclude: ['", "']") == row.as_name);
    CHECK(is_told("metricTagDenyList: {a: ['", "']}") == row.as_value);
  }
}
