#include "relay/config_change.h"

#include <doctest/doctest.h>

#include "tests/support/configs.h"

using namespace fedwave;

namespace {

config::Config config_with(const std::string& sinks, const std::string& sources,
                           const std::string& top = "") {
  return support::config_of(top + "sinks: [" + sinks + "]\nsources: {prometheus_sources: [" +
                            sources + "]}\n");
}

constexpr const char* kSink = "{name: out, proxyAddress: 'x:1'}";

}  // namespace

TEST_CASE("an edit is told by the names of what it changes") {
  const auto before =
      config_with(kSink, "{name: a, url: 'http://a/'}, {name: b, url: 'http://b/'}");
  const auto after = config_with("{name: new, proxyAddress: 'x:1'}",
                                 "{name: b, url: 'http://b/', tags: {x: '1'}}, {name: c, url: "
                                 "'http://c/'}",
                                 "clusterName: other\n");
  const relay::ConfigChange change = relay::changes_between(before, after);
  CHECK(
      relay::to_text(change) ==
      "sources: added \"c\", changed \"b\", removed \"a\"; sinks: added \"new\", removed \"out\"; "
      "changed clusterName");
  CHECK_FALSE(change.empty());
}

TEST_CASE("of a large edit ten names of each kind are told, the rest is counted") {
  const auto sources = [](int from, int to) {
    std::string text;
    for (int i = from; i < to; ++i) {
      const std::string name = "s" + std::to_string(i);
      text.append("{name: ").append(name).append(", url: 'http://").append(name).append("/'}, ");
    }
    return text;
  };
  const auto before = config_with(kSink, sources(0, 10));
  const auto after = config_with(kSink, sources(10, 1'021));
  CHECK(relay::to_text(relay::changes_between(before, after)) ==
        "sources: added \"s10\", \"s11\", \"s12\", \"s13\", \"s14\", \"s15\", \"s16\", \"s17\", "
        "\"s18\", \"s19\" and 1,001 more, removed \"s0\", \"s1\", \"s2\", \"s3\", \"s4\", \"s5\", "
        "\"s6\", \"s7\", \"s8\", \"s9\"; sinks: 1 as before");
}

TEST_CASE("lines that move and comments are no change") {
  const auto before = config_with(kSink,
                                  "{name: a, url: 'http://a/', filters: {metricAllowList: "
                                  "['x.*']}}");
  const auto after = config_with(kSink,
                                 "\n\n  {name: a, url: 'http://a/', filters: {metricAllowList: "
                                 "['x.*']}}",
                                 "# a comment\n");
  const relay::ConfigChange change = relay::changes_between(before, after);
  CHECK(change.empty());
  CHECK(relay::to_text(change) == "sources: 1 as before; sinks: 1 as before");
}

TEST_CASE("every setting of a source and of a sink counts") {
  const auto base = config_with(kSink, "{name: a, url: 'http://a/'}");
  for (const char* more :
       {"prefix: p", "source: s", "tags: {x: '1'}", "collection: {interval: 7s}",
        "filters: {metricDenyList: [x]}", "convertHistograms: true", "repeats: send",
        "httpConfig: {bearer_token: t}", "limits: {samples: 7}"}) {
    CAPTURE(more);
    const auto edited =
        config_with(kSink, "{name: a, url: 'http://a/', " + std::string(more) + "}");
    CHECK(relay::changes_between(base, edited).sources.changed.size() == 1);
  }
  for (const char* more : {"prefix: p", "tags: {x: '1'}", "batchSize: 7", "protocol: tcp"}) {
    CAPTURE(more);
    const auto edited = config_with("{name: out, proxyAddress: 'x:1', " + std::string(more) + "}",
                                    "{name: a, url: 'http://a/'}");
    CHECK(relay::changes_between(base, edited).sinks.changed.size() == 1);
  }
}
