#include "relay/commands/diff.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "relay/commands/config_changes.h"
#include "relay/commands/series_changes.h"
#include "relay/explain/explainer.h"
#include "tests/support/configs.h"

using namespace fedwave;
using namespace fedwave::relay;

namespace {

using Lines = std::vector<std::string>;

std::string config_with(const std::string& sinks, const std::string& sources) {
  return "sinks: [" + sinks + "]\nsources: {prometheus_sources: [" + sources + "]}\n";
}

const std::string kSink = "{name: s, proxyAddress: 'p:1'}";
const std::string kSource = "{name: a, url: 'http://a/metrics'}";

Lines changes_of(const std::string& before, const std::string& after) {
  return setting_changes(support::config_of(before), support::config_of(after));
}

// "a>b": what each pair is called on both sides; - for none.
Lines source_pairs(const std::string& before, const std::string& after) {
  const config::Config old_config = support::config_of(config_with(kSink, before));
  const config::Config new_config = support::config_of(config_with(kSink, after));
  Lines pairs;
  for (const SourcePair& pair : pair_sources(old_config, new_config)) {
    pairs.push_back((pair.before != nullptr ? pair.before->name : "-") + ">" +
                    (pair.after != nullptr ? pair.after->name : "-"));
  }
  return pairs;
}

// Two configurations of one source and one sink, and what they make of series.
class Comparison {
 public:
  Comparison(const std::string& before, const std::string& after, std::size_t examples = 9)
      : changes(examples),
        before_(support::config_of(before)),
        after_(support::config_of(after)),
        old_explainer_(before_, before_.sources[0]),
        new_explainer_(after_, after_.sources[0]) {}

  void compare(const std::string& series, const std::string& value = "1") {
    const parsers::SampleLineView sample{.series = series, .value = value};
    const Explanation old_explanation = old_explainer_.explain(sample);
    const Explanation new_explanation = new_explainer_.explain(sample);
    changes.compare("a", "s", side(&old_explanation, "old.yaml"),
                    side(&new_explanation, "new.yaml"));
  }
  static ChangeSide side(const Explanation* explanation, std::string_view file) {
    return {.explanation = explanation,
            .sink = 0,
            .file = file,
            .absence = "gone",
            .points_per_s = 0.5};
  }

  SeriesChanges changes;

 private:
  config::Config before_;
  config::Config after_;
  Explainer old_explainer_;
  Explainer new_explainer_;
};

std::string filtered(const std::string& rules) {
  return config_with(kSink, "{name: a, url: 'http://a/metrics', filters: " + rules + "}");
}

}  // namespace

TEST_CASE("Sources are the same by name, then by URL, then when each has only one") {
  const std::string b = "{name: b, url: 'http://b/metrics'}";
  const std::string a_at_b = "{name: a, url: 'http://b/metrics'}";
  const std::string c_at_a = "{name: c, url: 'http://a/metrics'}";
  CHECK(source_pairs(kSource + "," + b, b + "," + kSource) == Lines{"a>a", "b>b"});
  CHECK(source_pairs(kSource + "," + b, a_at_b + "," + c_at_a) == Lines{"a>a", "b>-", "->c"});
  CHECK(source_pairs(kSource + "," + b, c_at_a) == Lines{"a>c", "b>-"});
  CHECK(source_pairs(kSource, b) == Lines{"a>b"});
  CHECK(source_pairs(kSource, b + ",{name: d, url: 'http://d/'}") == Lines{"a>-", "->b", "->d"});
}

TEST_CASE("What no series shows is told, and secrets are not") {
  struct Row {
    std::string before;
    std::string after;
    Lines told;
  };
  const auto sink = [](const std::string& text) { return config_with(text, kSource); };
  const auto source = [](const std::string& text) { return config_with(kSink, text); };
  const std::string direct = "{name: s, server: 'https://x.wavefront.com', token: ";
  const std::vector<Row> rows = {
      {sink(kSink), sink(kSink), {}},
      {sink(kSink), sink(kSink + ",{name: t, proxyAddress: 'q:1'}"), {"sink \"t\" is new"}},
      {sink(direct + "one}"), sink(direct + "two}"), {"sink \"s\": another token"}},
      {source(kSource),
       source("{name: a, url: 'http://b/metrics'}"),
       {"source \"a\": URL http://a/metrics -> http://b/metrics"}},
      {source("{name: a, url: 'http://a/f?match[]=x&match[]={y=\"1\"}'}"),
       source("{name: a, url: 'http://a/f?match[]={z=\"1\"}&match[]=x'}"),
       {"source \"a\": match[] {y=\"1\"} is gone", "source \"a\": match[] {z=\"1\"} is new"}},
      {source(kSource),
       source("{name: a, url: 'http://u:hidden@a/metrics'}"),
       {"source \"a\": other credentials or headers"}},
      {source(kSource),
       source("{name: a, url: 'http://a/metrics', repeats: send}"),
       {"source \"a\": repeats suppress -> send"}}};
  for (const Row& row : rows) {
    CAPTURE(row.after);
    CHECK(changes_of(row.before, row.after) == row.told);
  }
}

TEST_CASE("A series that only one configuration keeps is added or dropped, with both rules") {
  Comparison comparison(filtered("{metricAllowList: ['x.*', 'y.*']}"),
                        filtered("{metricAllowList: ['x.*', 'z.*']}"));
  for (const char* series : {"x_1", "y_1", "y_2", "z_1", "other"}) comparison.compare(series);
  CHECK(comparison.changes.count(ChangeKind::Added) == 1);
  CHECK(comparison.changes.count(ChangeKind::Dropped) == 2);
  const auto groups = comparison.changes.groups();
  REQUIRE(groups.size() == 2);
  CHECK(groups[0]->why.find("no pattern of the source's metricAllowList") == 0);
  CHECK(groups[0]->kept_by.find("metricAllowList \"z.*\" at new.yaml:2:") == 0);
  CHECK(groups[1]->kept_by.find("metricAllowList \"y.*\" at old.yaml:2:") == 0);
  CHECK(groups[1]->metrics.at("y_1").old_name == "y.1.value");
  CHECK(groups[1]->points_per_s == doctest::Approx(-1.0));
  CHECK(groups[1]->metrics.at("y_1").examples[0].new_line.empty());
  CHECK(comparison.changes.old_points_per_s() == doctest::Approx(1.5));
  CHECK(comparison.changes.new_points_per_s() == doctest::Approx(1.0));
}

TEST_CASE("Another name is a renaming, other tags are a retagging, and it is told which") {
  const std::string plain = config_with(kSink, kSource);
  Comparison renamed(plain, config_with("{name: s, proxyAddress: 'p:1', prefix: m}", kSource));
  renamed.compare("up");
  REQUIRE(renamed.changes.count(ChangeKind::Renamed) == 1);
  CHECK(renamed.changes.groups()[0]->metrics.at("up").new_name == "m.up.value");

  Comparison retagged(plain, "clusterName: other\n" +
                                 config_with("{name: s, proxyAddress: 'p:1', tags: {team: t}}",
                                             "{name: a, url: 'http://a/metrics', source: else, "
                                             "filters: {tagExclude: [pod]}}"));
  retagged.compare("up{pod=\"say \\\"hi\\\" = \"}");
  REQUIRE(retagged.changes.count(ChangeKind::Retagged) == 1);
  CHECK(retagged.changes.groups()[0]->why ==
        "tags gone: \"pod\"; tags added: \"team\"; other values of \"cluster\", source");
  const SeriesChange& change = retagged.changes.groups()[0]->metrics.at("up").examples[0];
  CHECK(change.new_line == "\"up.value\" source=\"else\" \"cluster\"=\"other\" \"team\"=\"t\"");
}

TEST_CASE("A series whose value cannot be sent differs in nothing that is sent") {
  Comparison comparison(filtered("{metricAllowList: ['x.*']}"),
                        filtered("{metricDenyList: ['x.*']}"));
  comparison.compare("x", "NaN");
  CHECK(comparison.changes.without_value() == 1);
  CHECK(comparison.changes.groups().empty());
  CHECK_FALSE(comparison.changes.empty());
  CHECK(comparison.changes.old_points_per_s() == 0);
}

TEST_CASE("As many examples are kept as are wanted") {
  Comparison comparison(config_with(kSink, kSource), filtered("{metricDenyList: ['x.*']}"), 2);
  for (const char* series : {"x{n=\"1\"}", "x{n=\"2\"}", "x{n=\"3\"}"}) comparison.compare(series);
  const MetricChange& metric = comparison.changes.groups()[0]->metrics.at("x");
  CHECK(metric.series == 3);
  REQUIRE(metric.examples.size() == 2);
  CHECK(metric.examples[0].series == "x{n=\"1\"}");
}

TEST_CASE("A series that one side has never seen is told by the reason of its absence") {
  const config::Config config = support::config_of(config_with(kSink, kSource));
  const Explainer explainer(config, config.sources[0]);
  const Explanation explanation = explainer.explain({.series = "up", .value = "1"});
  SeriesChanges changes(1);
  changes.compare("a", "s", Comparison::side(nullptr, "old.yaml"),
                  Comparison::side(&explanation, "new.yaml"));
  REQUIRE(changes.count(ChangeKind::Added) == 1);
  CHECK(changes.groups()[0]->why == "gone");
}
