#include "config/selector.h"

#include <doctest/doctest.h>

#include <string>

using fedwave::config::are_disjoint;
using fedwave::config::is_covered;
using fedwave::config::Matcher;
using fedwave::config::parse_selector;
using fedwave::config::Selector;
using fedwave::config::selector_text;
using fedwave::config::subtract;

namespace {

Selector selector(const std::string& text) {
  const auto parsed = parse_selector(text);
  CAPTURE(text);
  REQUIRE(parsed.has_value());
  return *parsed;
}

// What is left, one after the other; empty when nothing is.
std::string rest(const std::string& from, const std::string& taken) {
  std::string text;
  for (const Selector& part : subtract(selector(from), selector(taken))) {
    text += (text.empty() ? "" : " ") + selector_text(part);
  }
  return text;
}

}  // namespace

TEST_CASE("a selector is read in every spelling and written in one") {
  struct Row {
    std::string text;
    std::string canonical;
  };
  const Row rows[] = {
      {"up", "{__name__=\"up\"}"},
      {" federate:x_1 { } ", "{__name__=\"federate:x_1\"}"},
      {"{}", "{}"},
      {"{job=\"x\"}", "{job=\"x\"}"},
      {"a{b!='c', d=~`e\\d`\t,\nf !~ \"g\" ,}", "{__name__=\"a\",b!=\"c\",d=~\"e\\\\d\",f!~\"g\"}"},
      {"{a='\"',b=\"'\",c='\\'',d=\"\\\"\"}", "{a=\"\\\"\",b=\"'\",c=\"'\",d=\"\\\"\"}"},
      {"{a=\"\\a\\b\\f\\n\\r\\t\\v\\\\\"}", "{a=\"\\x07\\x08\\x0c\\x0a\\x0d\\x09\\x0b\\\\\"}"},
      {"{a=\"\\101\\x42\\u0043\\U00000044\"}", "{a=\"ABCD\"}"},
      {"{a=\"\u00E9\\u00e9\\xc3\\xa9\"}", "{a=\"\\xc3\\xa9\\xc3\\xa9\\xc3\\xa9\"}"},
      {"{a=\"\\u20ac\\U0001F600\"}", "{a=\"\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80\"}"},
      {"{a=`line\nbreak`}", "{a=\"line\\x0abreak\"}"},
      {"{\"my.metric\",\"my.label\"=\"x\",\"job\"='y'}",
       "{__name__=\"my.metric\",\"my.label\"=\"x\",job=\"y\"}"},
      {"{sum=\"by\",on='',offset=``}", "{sum=\"by\",on=\"\",offset=\"\"}"},
      {"{__name__=~\"a.*\",__name__!=\"ab\"}", "{__name__=~\"a.*\",__name__!=\"ab\"}"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const std::string text = selector_text(selector(row.text));
    CHECK(text == row.canonical);
    CHECK(selector_text(selector(text)) == text);
  }
}

TEST_CASE("what is no selector is refused with the place and the reason") {
  struct Row {
    std::string text;
    std::string message;
  };
  const Row rows[] = {
      {"", "character 1: a metric name or '{' is missing"},
      {"  ", "character 3: a metric name or '{' is missing"},
      {"1a", "character 1: a name cannot begin with a digit"},
      {"a b", "character 3: nothing may follow the selector"},
      {"a[5m]", "character 2: nothing may follow the selector"},
      {"{a=\"b\"} offset 5m", "character 9: nothing may follow the selector"},
      {"{a=\"b\"", "character 7: ',' or '}' is missing"},
      {"{a=\"b\",", "character 8: a label's name is missing"},
      {"{a=\"b\" c=\"d\"}", "character 8: ',' or '}' is missing"},
      {"{,}", "character 2: a label's name is missing"},
      {"{a=\"b\",,}", "character 8: a label's name is missing"},
      {"{1a=\"b\"}", "character 2: a label's name is missing"},
      {"{a:b=\"b\"}", "character 3: one of = != =~ !~ is missing"},
      {"{a}", "character 3: one of = != =~ !~ is missing"},
      {"{a==\"b\"}", "character 4: a value in quotes is missing"},
      {"{a!\"b\"}", "character 3: one of = != =~ !~ is missing"},
      {"{a=}", "character 4: a value in quotes is missing"},
      {"{a=b}", "character 4: a value in quotes is missing"},
      {"{a=\"b}", "character 4: this quote is never closed"},
      {"{a=\"b\n\"}", "character 4: this quote is never closed"},
      {"{a=`b}", "character 4: this quote is never closed"},
      {"{a=\"\\d\"}", "character 5: unknown escape; write \\\\ for a backslash"},
      {"{a=\"\\'\"}", "character 5: unknown escape; write \\\\ for a backslash"},
      {"{a=\"\\", "character 5: unknown escape; write \\\\ for a backslash"},
      {"{a=\"\\x4\"}", "character 5: this escape is not complete"},
      {"{a=\"\\08\"}", "character 5: this escape is not complete"},
      {"{a=\"\\400\"}", "character 5: this escape is no character"},
      {"{a=\"\\ud800\"}", "character 5: this escape is no character"},
      {"{a=\"\\U00110000\"}", "character 5: this escape is no character"},
      {"{a=\"\u00E9\"} \u00E9", "character 9: nothing may follow the selector"},
      {std::string("a\0", 2), "character 2: nothing may follow the selector"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse_selector(row.text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().message == row.message);
  }
}

TEST_CASE("what is certain about two selectors is known, and nothing that is not") {
  struct Row {
    std::string a;
    std::string b;
    bool disjoint;
    bool covered;  // a by b
  };
  const Row rows[] = {
      {"a", "a", false, true},
      {"a", "b", true, false},
      {"a{x=\"1\"}", "a", false, true},
      {"a", "a{x=\"1\"}", false, false},
      {"a", "{}", false, true},
      {"{}", "a", false, false},
      {"{x=\"1\"}", "{x!=\"1\"}", true, false},
      {"{x!=\"1\"}", "{x=\"1\"}", true, false},
      {"{x=\"1\"}", "{x!=\"2\"}", false, true},
      {"{x=\"1\"}", "{y=\"2\"}", false, false},
      {"{x=\"1\"}", "{x=~\"1|2\"}", false, true},
      {"{x=\"3\"}", "{x=~\"1|2\"}", true, false},
      {"{x=\"1\"}", "{x!~\"1|2\"}", true, false},
      {"{x=~\"1|2\"}", "{x=~\"2|3\"}", false, false},
      {"{x=~\"1|2\"}", "{x=~\"4|3\"}", true, false},
      {"{x!~\"1|2\"}", "{x!=\"2\"}", false, true},
      {"{x!=\"2\"}", "{x!~\"1|2\"}", false, false},
      {"{x=\"\"}", "{x=~\"1|\"}", false, true},
      // A regex that is more than a list of texts is known only by its own text.
      {"{x=\"1\"}", "{x=~\"1+\"}", false, false},
      {"{x=\"a\"}", "{x=~\"b.*\"}", false, false},
      {"{x=~\"b.*\"}", "{x=~\"b.*\"}", false, true},
      {"{x=~\"b.*\"}", "{x!~\"b.*\"}", true, false},
      {"{x=~\"b.*\"}", "{x!=\"b.*\"}", false, false},
      {"{x=~\"a b\"}", "{x=\"a b\"}", false, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.a);
    CAPTURE(row.b);
    CHECK(are_disjoint(selector(row.a), selector(row.b)) == row.disjoint);
    CHECK(are_disjoint(selector(row.b), selector(row.a)) == row.disjoint);
    CHECK(is_covered(selector(row.a), selector(row.b)) == row.covered);
  }
}

TEST_CASE("a selector less another one is what fails one of the other's matchers") {
  struct Row {
    std::string from;
    std::string taken;
    std::string rest;
  };
  const Row rows[] = {
      {"{job=~\"federate|kubernetes-pods\"}", "{__name__=~\"federate:.*\"}",
       "{job=~\"federate|kubernetes-pods\",__name__!~\"federate:.*\"}"},
      {"a", "{x=\"1\",y=\"2\"}", "{__name__=\"a\",x!=\"1\"} {__name__=\"a\",y!=\"2\"}"},
      {"a{x=\"1\"}", "a{x=\"1\",y=\"2\"}", "{__name__=\"a\",x=\"1\",y!=\"2\"}"},
      {"a", "b", "{__name__=\"a\"}"},
      {"a{x=\"1\"}", "a", ""},
      {"a", "{}", ""},
      {"{x=~\"1|2\"}", "{x!=\"1\"}", "{x=\"1\"}"},
      {"{x=~\"1|2\"}", "{x=\"1\"}", "{x=~\"1|2\",x!=\"1\"}"},
      {"{x!~\"1\"}", "{x!=\"1\"}", ""},
      {"{}", "a{x=~\"b.*\"}", "{__name__!=\"a\"} {x!~\"b.*\"}"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.from);
    CAPTURE(row.taken);
    CHECK(rest(row.from, row.taken) == row.rest);
  }
}
