#include "relay/survey.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/support/scrape_bench.h"

using namespace fedwave;
using relay::Survey;
using relay::SurveyedMetric;
using relay::Verdict;
using Bench = support::ScrapeBench;

namespace {

Survey survey_of(const Bench& bench) {
  relay::SurveyBuilder builder(bench.config.sinks.size());
  bench.transform.survey(builder);
  return builder.finish(7);
}

const SurveyedMetric& metric(const Survey& survey, const std::string& name) {
  const auto found = std::find_if(survey.metrics.begin(), survey.metrics.end(),
                                  [&](const SurveyedMetric& m) { return m.name == name; });
  REQUIRE(found != survey.metrics.end());
  return *found;
}

std::uint64_t series(const SurveyedMetric& metric, std::size_t sink, Verdict verdict) {
  return metric.sinks[sink].series[static_cast<std::size_t>(verdict)];
}

std::string example(const SurveyedMetric& metric, Verdict verdict) {
  return metric.examples[static_cast<std::size_t>(verdict)].series;
}

}  // namespace

TEST_CASE("a survey counts each metric's series by what becomes of them at each sink") {
  Bench bench(
      "filters: {metricAllowList: ['a.*', 'b.*'], metricTagDenyList: {secret: ['*']}}",
      "[{name: one, proxyAddress: 'p:1'}, {name: two, proxyAddress: 'p:2', prefix: pre, filters: "
      "{metricDenyList: ['b.*']}}]");
  bench.scrape(
      "a_x{i=\"1\"} 1\na_x{i=\"2\"} 1\na_x{i=\"3\",secret=\"s\"} 1\nb_x{i=\"1\"} 1\ngone 1\n"
      "gone{i=\"1\"} 1\n");
  const Survey survey = survey_of(bench);
  CHECK(survey.at_ms == 7);
  CHECK(survey.series == 6);
  REQUIRE(survey.metrics.size() == 3);
  const SurveyedMetric& a = metric(survey, "a_x");
  CHECK(series(a, 0, Verdict::Kept) == 2);
  CHECK(series(a, 0, Verdict::SourceTagDenyList) == 1);
  CHECK(series(a, 1, Verdict::Kept) == 2);
  CHECK(a.sinks[0].sent_as == "a.x.value");
  CHECK(a.sinks[1].sent_as == "pre.a.x.value");
  const SurveyedMetric& b = metric(survey, "b_x");
  CHECK(series(b, 0, Verdict::Kept) == 1);
  CHECK(series(b, 1, Verdict::SinkDenyList) == 1);
  CHECK(b.sinks[1].sent_as.empty());
  const SurveyedMetric& gone = metric(survey, "gone");
  CHECK(series(gone, 0, Verdict::SourceNotInAllowList) == 2);
  CHECK(gone.sinks[0].sent_as.empty());
}

TEST_CASE("a survey has an example for what becomes of a metric, and it is a true one") {
  for (const bool kept_first : {true, false}) {
    CAPTURE(kept_first);
    Bench bench("filters: {metricTagDenyList: {secret: ['*']}}");
    const std::string kept = "a{i=\"1\"}";
    const std::string dropped = "a{secret=\"s\"}";
    bench.scrape((kept_first ? kept : dropped) + " 1\n" + (kept_first ? dropped : kept) + " 1\n");
    const SurveyedMetric a = metric(survey_of(bench), "a");
    CHECK(example(a, Verdict::SourceTagDenyList) == dropped);
    CHECK(example(a, Verdict::Kept) == kept);
  }
}

TEST_CASE("a survey counts the tags of what is sent: the series that have them, and their values") {
  Bench bench("filters: {metricDenyList: ['gone.*'], tagExclude: [pod]}, tags: {zone: 'z \"q\"'}");
  bench.scrape(
      "a{i=\"1\",pod=\"x\"} 1\na{i=\"2\",pod=\"y\"} 1\nb{i=\"2\"} 1\ngone{i=\"3\",other=\"o\"} "
      "1\n");
  const Survey survey = survey_of(bench);
  std::string text;
  for (const auto& tag : survey.tags[0]) {
    text += tag.key + " " + std::to_string(tag.series) + " " + std::to_string(tag.values) + "\n";
  }
  CHECK(text == "cluster 3 1\ni 3 2\nzone 3 1\n");
}

TEST_CASE("a survey is of the last scrapes: what has gone from the page is not in it") {
  Bench bench("");
  bench.scrape("a 1\nb 1\n");
  bench.scrape("a 1\nc 1\n", support::kScrapeStartMs + 60'000);
  const Survey survey = survey_of(bench);
  CHECK(survey.series == 2);
  CHECK(survey.metrics.size() == 2);
  CHECK(survey.metrics[0].name == "a");
  CHECK(survey.metrics[1].name == "c");
}

TEST_CASE("what eviction moves keeps its examples") {
  Bench bench("filters: {metricTagDenyList: {secret: ['*']}}");
  std::string crowd;
  for (int i = 0; i < 3000; ++i) crowd += "crowd{i=\"" + std::to_string(i) + "\"} 1\n";
  const std::string page =
      "c{secret=\"s\"} 1\nc 1\na{i=\"1\"} 1\nb{secret=\"s\"} 1\n{\"quo.ted\",i=\"1\"} 1\n";
  bench.scrape(page + crowd);
  for (int i = 1; i < 12; ++i) bench.scrape(page, support::kScrapeStartMs + i * 60'000);
  CHECK(bench.transform.series() == 5);
  const Survey survey = survey_of(bench);
  REQUIRE(survey.metrics.size() == 4);
  CHECK(example(metric(survey, "c"), Verdict::Kept) == "c");
  CHECK(example(metric(survey, "a"), Verdict::Kept) == "a{i=\"1\"}");
  CHECK(example(metric(survey, "b"), Verdict::SourceTagDenyList) == "b{secret=\"s\"}");
  CHECK(example(metric(survey, "quo.ted"), Verdict::Kept) == "{\"quo.ted\",i=\"1\"}");
}

TEST_CASE("surveys of several tables add up, and a value that both have counts once") {
  Bench first("");
  Bench second("");
  first.scrape("a{i=\"1\"} 1\na{i=\"2\"} 1\n");
  second.scrape("a{i=\"2\"} 1\nb{i=\"3\"} 1\n");
  relay::SurveyBuilder builder(1);
  first.transform.survey(builder);
  second.transform.survey(builder);
  const Survey survey = builder.finish(1);
  CHECK(survey.series == 4);
  CHECK(series(metric(survey, "a"), 0, Verdict::Kept) == 3);
  REQUIRE(survey.tags[0].size() == 2);
  CHECK(survey.tags[0][1].key == "i");
  CHECK(survey.tags[0][1].series == 4);
  CHECK(survey.tags[0][1].values == 3);
}

TEST_CASE("series that end as one and the same in Wavefront are counted as colliding") {
  Bench bench("",
              "[{name: one, proxyAddress: 'p:1', limits: {tags: 2}, tagPriority: [a]}, "
              "{name: two, proxyAddress: 'p:2'}]");
  bench.scrape(
      "m{a=\"1\",z=\"1\",b=\"1\"} 1\nm{a=\"1\",z=\"2\",b=\"1\"} 1\nm{a=\"1\",z=\"3\",b=\"1\"} 1\n"
      "m{a=\"2\",z=\"1\",b=\"1\"} 1\nn{a=\"1\",z=\"1\",b=\"1\"} 1\n");
  const Survey survey = survey_of(bench);
  CHECK(metric(survey, "m").sinks[0].collided == 2);
  CHECK(metric(survey, "m").sinks[1].collided == 0);
  CHECK(metric(survey, "n").sinks[0].collided == 0);
}

TEST_CASE("a name of any length is surveyed, and a long series is no example") {
  Bench bench("");
  bench.scrape(std::string(40'000, 'a') + "{x=\"1\"} 1\nb{x=\"" + std::string(5'000, 'v') +
               "\"} 1\n");
  const Survey survey = survey_of(bench);
  CHECK(survey.series == 2);
  CHECK(series(metric(survey, std::string(4'096, 'a')), 0, Verdict::NameTooLong) == 1);
  CHECK(example(metric(survey, "b"), Verdict::Kept).empty());
}
