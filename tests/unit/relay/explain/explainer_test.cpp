#include "relay/explain/explainer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "relay/explain/explanation_text.h"
#include "tests/support/sample_collector.h"
#include "tests/support/scrape_bench.h"

using namespace fedwave;
using relay::Explanation;
using relay::TagStep;
using relay::Verdict;
using Bench = support::ScrapeBench;

namespace {

parsers::SampleLineView sample_of(std::string_view series, std::string_view value = "1",
                                  parsers::SampleKind kind = parsers::SampleKind::Untyped) {
  return {.series = series, .value = value, .kind = kind};
}

Explanation explain(const config::Config& config, std::string_view series,
                    std::string_view value = "1") {
  return relay::Explainer(config, config.sources[0]).explain(sample_of(series, value));
}

// A source with every kind of list, and two sinks of which the second has lists of its own. Places
// are those of this text.
constexpr const char* kFile =
    "clusterName: c\n"                                        // 1
    "sinks:\n"                                                // 2
    "- {name: plain, proxyAddress: 'p:1'}\n"                  // 3
    "- name: picky\n"                                         // 4
    "  proxyAddress: p:2\n"                                   // 5
    "  prefix: pre\n"                                         // 6
    "  tags: {team: mesh, app: ''}\n"                         // 7
    "  filters:\n"                                            // 8
    "    metricAllowList: ['istio.*']\n"                      // 9
    "    metricTagDenyList: {app: [bad]}\n"                   // 10
    "    tagExclude: [secret]\n"                              // 11
    "sources:\n"                                              // 12
    "  prometheus_sources:\n"                                 // 13
    "  - url: http://x/federate?match[]=a\n"                  // 14
    "    source: s\n"                                         // 15
    "    tags: {zone: z}\n"                                   // 16
    "    filters:\n"                                          // 17
    "      metricAllowList:\n"                                // 18
    "      - 'istio.*'\n"                                     // 19
    "      - 'pilot.*.value'\n"                               // 20
    "      metricDenyList: ['*.debug.*']\n"                   // 21
    "      metricTagAllowList: {app: [a*, bad], job: [x]}\n"  // 22
    "      metricTagDenyList:\n"                              // 23
    "        principal: ['spiffe:*']\n"                       // 24
    "      tagExclude: ['*.version', pod]\n"                  // 25
    "      tagGuaranteeList: [keep.version]\n";               // 26

std::string where(const relay::Rule& rule) {
  return relay::rule_text(rule, "f");
}

std::string shown(const std::vector<TagStep>& steps) {
  std::string text;
  for (const TagStep& step : steps) {
    text += "+~-"[static_cast<int>(step.what)] + step.key + "=" + step.value + " (" +
            (step.rule.list.empty() ? step.why : where(step.rule)) + ") ";
  }
  return text;
}

}  // namespace

TEST_CASE("an explanation names the rule that decided and its place in the file") {
  struct Row {
    const char* series;
    Verdict verdict;  // at the first sink
    const char* rule;
  };
  const Row rows[] = {
      {"istio_a{app=\"ab\"}", Verdict::Kept, ""},
      {"other_a{app=\"ab\"}", Verdict::SourceNotInAllowList, "metricAllowList at f:19:9"},
      {"istio_debug_a{app=\"ab\"}", Verdict::SourceDenyList,
       "metricDenyList \"*.debug.*\" at f:21:24"},
      {"istio_a{app=\"no\"}", Verdict::SourceNotInTagAllowList, "metricTagAllowList at f:22:34"},
      {"istio_a{app=\"ab\",principal=\"spiffe://x\"}", Verdict::SourceTagDenyList,
       "metricTagDenyList of principal \"spiffe:*\" at f:24:21"},
  };
  const config::Config config = support::config_of(kFile);
  for (const Row& row : rows) {
    CAPTURE(row.series);
    const Explanation explanation = explain(config, row.series);
    CHECK(explanation.sinks[0].verdict == row.verdict);
    const bool is_about_tags = row.verdict == Verdict::SourceNotInTagAllowList ||
                               row.verdict == Verdict::SourceTagDenyList;
    const relay::Rule& rule = is_about_tags ? explanation.tags_rule : explanation.name_rule;
    if (row.verdict != Verdict::Kept) CHECK(where(rule) == row.rule);
  }
}

TEST_CASE("what keeps a series is named as well, and each sink has a say of its own") {
  const config::Config config = support::config_of(kFile);
  const Explanation pilot = explain(config, "pilot_a{app=\"ab\"}");
  CHECK(where(pilot.name_rule) == "metricAllowList \"pilot.*.value\" at f:20:9");
  CHECK(where(pilot.tags_rule) == "metricTagAllowList of app \"a*\" at f:22:34");
  CHECK(pilot.sinks[0].verdict == Verdict::Kept);
  CHECK(pilot.sinks[0].sent_as == "pilot.a.value");
  CHECK(pilot.sinks[1].verdict == Verdict::SinkNotInAllowList);
  CHECK(where(pilot.sinks[1].name_rule) == "metricAllowList at f:9:23");
  CHECK(pilot.sinks[1].tags.empty());

  const Explanation bad = explain(config, "istio_a{app=\"bad\"}");
  CHECK(bad.sinks[0].verdict == Verdict::Kept);
  // The sink's own tag takes the label away before its filters look.
  CHECK(bad.sinks[1].verdict == Verdict::Kept);
  CHECK(bad.sinks[1].sent_as == "pre.istio.a.value");
}

TEST_CASE("tags that are set, changed or removed are told with the reason") {
  const config::Config config = support::config_of(kFile);
  const Explanation explanation = explain(config, "istio_a{app=\"ab\",{pod=\"p\"}");
  CHECK(explanation.malformed != parsers::Malformed::None);

  const Explanation good =
      explain(config, "istio_a{app=\"ab\",pod=\"p\",secret=\"t\",zone=\"own\",empty=\"-\"}");
  CHECK(shown(good.tags) ==
        "+zone=z (tags of the source) ~zone=own (the series' own label) "
        "-pod=p (tagExclude \"pod\" at f:25:33) ");
  CHECK(shown(good.sinks[0].tags) ==
        "+cluster=c (clusterName) -empty=- (says nothing: empty, \"/\" or \"-\") ");
  CHECK(shown(good.sinks[1].tags) ==
        "+cluster=c (clusterName) ~app= (tags of the sink) +team=mesh (tags of the sink) "
        "-secret=t (tagExclude \"secret\" at f:11:18) "
        "-app= (says nothing: empty, \"/\" or \"-\") -empty=- (says nothing: empty, \"/\" or "
        "\"-\") ");
}

TEST_CASE("tags beyond the limit are told, and what is repaired") {
  const config::Config config = support::config_of(
      "clusterName: c\nsinks: [{proxyAddress: 'p:1', limits: {tags: 2, tagValue: 20}}]\n"
      "sources: {prometheus_sources: [{url: 'http://x/m', source: s}]}\n");
  const Explanation explanation =
      explain(config, "a{le=\"1\",b=\"2\",source=\"x\",long=\"0123456789012345678901234\"}");
  CHECK(shown(explanation.sinks[0].tags) ==
        "+cluster=c (clusterName) "
        "~long=0123456789012345678901234 (too long: cut, and ended with a hash) "
        "~source=x (would replace the point's source: sent as _source) "
        "-source=x (more than 2 tags, and lower in tagPriority) "
        "-b=2 (more than 2 tags, and lower in tagPriority) "
        "-long=0123456789012345678901234 (more than 2 tags, and lower in tagPriority) ");
}

TEST_CASE("a value that cannot be sent is told, and one that can is shown as it is sent") {
  const config::Config config = support::config_of(kFile);
  CHECK(explain(config, "istio_a{app=\"ab\"}", "NaN").value_verdict ==
        relay::ValueVerdict::NotANumber);
  CHECK(explain(config, "istio_a{app=\"ab\"}", "-Inf").value_verdict ==
        relay::ValueVerdict::Infinite);
  CHECK(explain(config, "istio_a{app=\"ab\"}", "1.5e3").wire_value == "1500");
  CHECK(explain(config, "istio_a{app=\"ab\"}", "x").malformed == parsers::Malformed::BadValue);
  CHECK(explain(config, "istio_a{app=\"ab\"}", "").wire_value.empty());
  CHECK_FALSE(relay::is_sent(explain(config, "istio_a{app=\"ab\"}", "NaN")));
  CHECK(relay::is_sent(explain(config, "istio_a{app=\"ab\"}", "2")));
}

// The data path is the judge: one series alone on a page, and what came out of it.
TEST_CASE("an explanation agrees with the data path about every series, at every sink") {
  const std::vector<std::string> names = {"istio_a", "istio_debug_a", "pilot_b", "other",
                                          "_",       "a:b",           "le"};
  const std::vector<std::string> labels = {
      "",
      "{app=\"ab\"}",
      "{app=\"bad\"}",
      "{app=\"no\",job=\"x\"}",
      "{app=\"ab\",principal=\"spiffe://x\"}",
      "{app=\"ab\",pod=\"p\",le=\"5\",empty=\"\",nodename=\"node\"}",
      "{app=\"ab\",source=\"q\",cluster=\"theirs\",quantile=\"0.5\"}",
      "{app=\"ab\",a1=\"1\",a2=\"2\",a3=\"3\",a4=\"4\",a5=\"5\",a6=\"6\",a7=\"7\",a8=\"8\"}",
      "{app=\"a\\\"q\\\\\",b=\"x\\ny\"}"};
  const std::vector<std::string> values = {"1", "2.50", "1e3", "NaN", "+Inf", "-0.0"};
  const char* kSinks =
      "[{name: one, proxyAddress: 'p:1', limits: {tags: 6}}, {name: two, proxyAddress: 'p:2', "
      "prefix: pre, tags: {team: mesh, app: ''}, filters: {metricAllowList: ['*a*'], "
      "metricTagDenyList: {job: [x]}, tagExclude: [pod]}}]";
  const char* kSource =
      "prefix: 'x.', tags: {zone: z}, filters: {metricAllowList: ['x.istio.*', 'x.pilot.*', "
      "'x.le.*', 'x..*', 'x.a*'], metricDenyList: ['*.debug.*'], metricTagAllowList: {app: [a*, "
      "bad], job: [x]}, metricTagDenyList: {principal: ['spiffe:*']}}";
  Bench bench(kSource, kSinks);
  const relay::Explainer explainer(bench.config, bench.config.sources[0]);
  int kept = 0;
  int dropped = 0;
  for (const std::string type : {"", "# TYPE istio_a gauge\n", "# TYPE istio_a counter\n"}) {
    for (const std::string& name : names) {
      for (const std::string& block : labels) {
        for (const std::string& value : values) {
          const std::string page = type + name + block + " " + value + "\n";
          CAPTURE(page);
          const relay::ScrapeCounts counts = bench.scrape_alone(page);
          support::SampleCollector collector;
          parsers::TextPage text(collector, 1 << 20);
          text.feed(page);
          text.finish(true);
          REQUIRE(collector.samples.size() == 1);
          const Explanation explanation =
              explainer.explain(sample_of(name + block, value, collector.samples[0].kind));
          for (std::size_t i = 0; i < 2; ++i) {
            CAPTURE(i);
            const relay::SinkExplanation& sink = explanation.sinks[i];
            if (sink.verdict != Verdict::Kept) {
              CHECK(counts.by_sink[i].by_verdict[static_cast<std::size_t>(sink.verdict)] == 1);
              ++dropped;
            } else if (explanation.value_verdict == relay::ValueVerdict::Sent) {
              CHECK(bench.lines(i) ==
                    sink.head + explanation.wire_value + " 1767225600" + sink.tail);
              ++kept;
            } else {
              CHECK(counts.by_sink[i].not_a_number + counts.by_sink[i].infinite == 1);
            }
          }
        }
      }
    }
  }
  CHECK(kept > 100);
  CHECK(dropped > 100);
}

TEST_CASE(
    "what a limit refuses is no filter's doing, and a tag list's hint tells what it has seen") {
  const config::Config config = support::config_of(
      "clusterName: c\nsinks: [{proxyAddress: 'p:1', limits: {name: 9}, filters: "
      "{metricTagAllowList: {cluster: [other], team: [x]}}}]\n"
      "sources: {prometheus_sources: [{url: 'http://x/m', filters: {metricAllowList: ['*']}}]}\n");
  const Explanation too_long = explain(config, "a_name_too_long");
  CHECK(too_long.sinks[0].verdict == Verdict::SinkNotInTagAllowList);
  CHECK(too_long.hint == "its cluster is \"c\"; the series has no tag team");
  config::Config no_lists = config;
  no_lists.sinks[0].filters = {};
  const Explanation refused = explain(no_lists, "a_name_too_long");
  CHECK(refused.sinks[0].verdict == Verdict::NameTooLong);
  CHECK(relay::explanation_text(refused, "f", false).find("  by metricAllowList") ==
        std::string::npos);
  CHECK(relay::explanation_json(refused, "f").find("\"decided_by\":{") == std::string::npos);
}
