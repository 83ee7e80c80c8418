#include "relay/explain/pattern_hint.h"

#include <doctest/doctest.h>

#include <string>

using namespace fedwave;
using relay::PatternHint;

namespace {

std::string hint_of_source(config::PatternList list, const std::string& name,
                           const std::string& prefix = "") {
  config::Source source;
  source.prefix = prefix;
  source.filters.metric_allow = std::move(list);
  return PatternHint::of_source(source).for_name(name);
}

std::string hint_of_sink(const std::string& prefix, const std::string& pattern) {
  config::Sink sink;
  sink.prefix = prefix;
  sink.filters.metric_allow = {{pattern, {1, 1}}};
  return PatternHint::of_sink(sink).for_name("istio.requests.total.value");
}

}  // namespace

TEST_CASE("a pattern that has nearly matched is named with what is wrong about it") {
  struct Row {
    const char* pattern;
    const char* name;
    const char* hint;
  };
  const Row rows[] = {
      {"istio_tcp.*", "istio.tcp.sent.bytes.total.value",
       "\"istio.tcp.*\" would match istio.tcp.sent.bytes.total.value; you wrote \"istio_tcp.*\": "
       "patterns see the dotted name"},
      {"istio.requests.total", "istio.requests.total.value",
       "\"istio.requests.total.value\" would match istio.requests.total.value; you wrote "
       "\"istio.requests.total\": names end in their type, .value on /federate"},
      {"istio_requests_total", "istio.requests.total.value",
       "\"istio.requests.total.value\" would match istio.requests.total.value; you wrote "
       "\"istio_requests_total\": patterns see the dotted name, which ends in .value on /federate"},
      {"istio.req", "istio.requests.total.value",
       "\"istio.req*\" would match istio.requests.total.value; you wrote \"istio.req\": a pattern "
       "has to match the whole name"},
      {"Istio.Requests.*", "istio.requests.total.value",
       "\"Istio.Requests.*\" would match but for its case"},
      {"istio.requets.total.value", "istio.requests.total.value",
       "the nearest pattern is \"istio.requets.total.value\""},
      {"pilot.*", "something.else.value", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    const config::PatternList list = {{"go.*", {1, 1}}, {row.pattern, {2, 1}}};
    CHECK(hint_of_source(list, row.name) == row.hint);
  }
}

TEST_CASE("a source's prefix that a pattern leaves out is part of the hint") {
  CHECK(hint_of_source({{"istio.*", {1, 1}}}, "mesh.istio.a.value", "mesh.") ==
        "\"mesh.istio.*\" would match mesh.istio.a.value; you wrote \"istio.*\": the source's "
        "prefix is part of the name");
}

TEST_CASE("a sink's own prefix in front of a pattern of its list is too much") {
  const std::string hint =
      "\"istio.*\" would match istio.requests.total.value; you wrote \"mesh.istio.*\": the sink's "
      "filters see the name without the sink's prefix";
  for (const char* prefix : {"mesh", "mesh.", ".mesh."}) {
    CAPTURE(prefix);
    CHECK(hint_of_sink(prefix, "mesh.istio.*") == hint);
  }
  CHECK(hint_of_sink("", "mesh.istio.*").empty());
  CHECK(hint_of_sink("mesh", "mesh.envoy.*").empty());
}

TEST_CASE("a wildcard pattern whose beginning is misspelt is shown as it was meant") {
  struct Row {
    const char* pattern;
    const char* meant;  // empty: too far away
  };
  const Row rows[] = {
      {"istoi.*", "istio.*"},
      {"istio.tpc.*", "istio.tcp.*"},
      {"istio.tp.*", "istio.tcp.*"},
      {"isttio.tcp.*", "istio.tcp.*"},
      {"istoi.*.total.value", "istio.*.total.value"},
      {"istoi.*.bucket.value", ""},  // would not match all the same
      {"istiooo.tpc.*", ""},
      {"ist*.tpc.*", ""},
      {"go.*", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pattern);
    const std::string said = std::string("the nearest pattern is \"") + row.pattern +
                             "\"; did you mean \"" + row.meant + "\"?";
    const std::string hint = hint_of_source({{"envoy.*", {1, 1}}, {row.pattern, {2, 1}}},
                                            "istio.tcp.sent.bytes.total.value");
    CHECK(hint == (*row.meant == '\0' ? "" : said));
  }
}

TEST_CASE("a list that is not there has nothing to hint at") {
  CHECK(hint_of_source({}, "a.value").empty());
  CHECK(hint_of_source({}, "mesh.a.value", "mesh.").empty());
}
