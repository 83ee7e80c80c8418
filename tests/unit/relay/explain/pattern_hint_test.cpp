#include "relay/explain/pattern_hint.h"

#include <doctest/doctest.h>

#include <string>

using namespace fedwave;

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
    CHECK(relay::PatternHint(list, "").for_name(row.name) == row.hint);
  }
}

TEST_CASE("a source's prefix that a pattern leaves out is part of the hint") {
  const config::PatternList list = {{"istio.*", {1, 1}}};
  CHECK(relay::PatternHint(list, "mesh.").for_name("mesh.istio.a.value") ==
        "\"mesh.istio.*\" would match mesh.istio.a.value; you wrote \"istio.*\": the source's "
        "prefix is part of the name");
}

TEST_CASE("a list that is not there has nothing to hint at") {
  CHECK(relay::PatternHint({}, "").for_name("a.value").empty());
}
