#include "relay/commands/top.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "relay/commands/cost_table.h"

using namespace fedwave::relay;
using Sort = TopOptions::Sort;

namespace {

SurveyedMetric metric_of(const std::string& name, std::uint64_t kept, std::uint64_t dropped) {
  SurveyedMetric metric;
  metric.name = name;
  SurveyedMetric::AtSink& sink = metric.sinks.emplace_back();
  sink.sent_as = kept > 0 ? "w." + name : "";
  sink.series[static_cast<std::size_t>(Verdict::Kept)] = kept;
  sink.series[static_cast<std::size_t>(Verdict::SourceDenyList)] = dropped;
  return metric;
}

std::size_t characters_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

constexpr PointRate measured(double points_per_s) {
  return {PointRate::Known::Measured, points_per_s};
}

Survey survey_of(std::vector<SurveyedMetric> metrics, std::vector<SurveyedTag> tags) {
  Survey survey;
  survey.metrics = std::move(metrics);
  survey.tags.push_back(std::move(tags));
  return survey;
}

std::string text_of(const CostTable& table, Sort sort = Sort::Points, std::size_t rows = 0) {
  std::ostringstream out;
  table.write_text(out, sort, rows, false);
  return out.str();
}

rapidjson::Document json_of(const CostTable& table, Sort sort = Sort::Points,
                            std::size_t rows = 0) {
  std::ostringstream out;
  table.write_json(out, sort, rows);
  rapidjson::Document document;
  document.Parse(out.str().c_str());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

std::vector<std::string> names_of(const rapidjson::Document& document, const char* list,
                                  const char* key) {
  std::vector<std::string> names;
  for (const auto& row : document[list].GetArray()) names.emplace_back(row[key].GetString());
  return names;
}

}  // namespace

TEST_CASE("What costs most comes first, and what is dropped costs nothing") {
  CostTable table;
  table.add(survey_of({metric_of("a", 1, 9), metric_of("b", 2, 0), metric_of("c", 0, 30)}, {}),
            measured(0.5));
  using Names = std::vector<std::string>;
  CHECK(names_of(json_of(table), "metrics", "metric") == Names{"b", "a", "c"});
  CHECK(names_of(json_of(table, Sort::Series), "metrics", "metric") == Names{"c", "a", "b"});
  CHECK(names_of(json_of(table, Sort::Name), "metrics", "metric") == Names{"a", "b", "c"});
  CHECK(names_of(json_of(table, Sort::Points, 1), "metrics", "metric") == Names{"b"});
  CHECK(json_of(table)["points_per_s"].GetDouble() == doctest::Approx(1.5));
  CHECK(names_of(json_of(table), "metrics", "sent_as") == Names{"w.b", "w.a", ""});
}

TEST_CASE("Series that overwrite one another are told of") {
  SurveyedMetric metric = metric_of("a", 3, 0);
  CostTable calm;
  calm.add(survey_of({metric}, {}), measured(1));
  CHECK(text_of(calm).find("overwrites") == std::string::npos);
  metric.sinks[0].collided = 2;
  CostTable table;
  table.add(survey_of({metric}, {}), measured(1));
  CHECK(text_of(table).find("\n2 series become the same as another one") != std::string::npos);
  CHECK(json_of(table)["collided"].GetUint64() == 2);
  CHECK(json_of(table)["metrics"][0]["collided"].GetUint64() == 2);
}

TEST_CASE("Sources are added up, each at its own rate") {
  CostTable table;
  table.add(survey_of({metric_of("a", 10, 0)}, {{"pod", 10, 4}}), measured(1));
  table.add(survey_of({metric_of("a", 20, 5)}, {{"pod", 20, 3}, {"job", 20, 1}}), measured(0.1));
  const rapidjson::Document told = json_of(table);
  CHECK(told["kept"].GetUint64() == 30);
  CHECK(told["dropped"].GetUint64() == 5);
  CHECK(told["points_per_s"].GetDouble() == doctest::Approx(12));
  CHECK(names_of(told, "tags", "key") == std::vector<std::string>{"pod", "job"});
  CHECK(told["tags"][0]["series"].GetUint64() == 30);
  CHECK(told["tags"][0]["values"].GetUint64() == 4);
  CHECK(told["tags"][0]["points_per_s"].GetDouble() == doctest::Approx(12));
}

TEST_CASE("The sum is told for a second, a day and a month") {
  CostTable table;
  table.add(survey_of({metric_of("a", 120'000, 30'000)}, {}), measured(1.0 / 60));
  CHECK(text_of(table).find("120,000 of 150,000 series kept (80%): 2,000 points/s, 172.8 million a "
                            "day, 5.2 billion a month\n") != std::string::npos);
  CHECK(text_of(table).find("came again") == std::string::npos);
  table.add_repeats(25, 75);
  CHECK(text_of(table).find("75% of the kept samples came again") != std::string::npos);
}

TEST_CASE("What one scrape shows is the most that it can cost, and that is said") {
  CostTable table;
  table.add(survey_of({metric_of("a", 6, 0)}, {}), {PointRate::Known::AtMost, 0.1});
  CHECK(text_of(table).find("): at most 0.60 points/s, 51,840 a day") != std::string::npos);
  CHECK(json_of(table)["points_per_s_is"].GetString() == std::string("at most"));
  table.add(survey_of({metric_of("a", 4, 0)}, {}), measured(0.1));
  CHECK(text_of(table).find("at most 1.0 points/s") != std::string::npos);
}

TEST_CASE("A rate that nobody knows is no number") {
  CostTable table;
  table.add(survey_of({metric_of("a", 6, 0)}, {{"pod", 6, 2}}), {PointRate::Known::Unknown, 0.1});
  table.add_repeats(0, 6);
  CHECK(text_of(table).find("(100%): points/s unknown: no sample is newer") != std::string::npos);
  CHECK(text_of(table).find("0.60") == std::string::npos);
  const rapidjson::Document told = json_of(table);
  CHECK(told["points_per_s_is"].GetString() == std::string("unknown"));
  CHECK(told["points_per_s"].IsNull());
  CHECK(told["metrics"][0]["points_per_s"].IsNull());
  CHECK(told["tags"][0]["points_per_s"].IsNull());
}

TEST_CASE("Names lose their middle where a line has to fit") {
  CostTable table;
  table.add(
      survey_of({metric_of("istio_request_duration_milliseconds_bucket", 1, 0),
                 metric_of("täglich_übertragene_größe_der_anfragen", 1, 0), metric_of("up", 1, 0)},
                {}),
      measured(1));
  for (const std::size_t columns : {70U, 80U, 100U}) {
    CAPTURE(columns);
    std::ostringstream out;
    table.write_text(out, Sort::Points, 0, false, columns);
    std::istringstream lines(out.str());
    std::string line;
    std::size_t longest = 0;
    while (std::getline(lines, line) && !line.empty()) {
      longest = std::max(longest, characters_of(line));
    }
    CHECK(longest <= columns);
    CHECK(longest + 2 > columns);
    CHECK(out.str().find("…") != std::string::npos);
    CHECK(out.str().find("\nistio_") != std::string::npos);
    CHECK(out.str().find("bucket") != std::string::npos);
    CHECK(out.str().find("\nup ") != std::string::npos);
  }
  std::ostringstream wide;
  table.write_text(wide, Sort::Points, 0, false, 132);
  CHECK(wide.str() == text_of(table));
}

TEST_CASE("What is left out of a table is told") {
  CostTable table;
  table.add(survey_of({metric_of("a", 1, 0), metric_of("b", 1, 0), metric_of("c", 1, 0)},
                      {{"x", 1, 1}, {"y", 1, 1}}),
            measured(1));
  const std::string text = text_of(table, Sort::Points, 1);
  CHECK(text.find("and 2 more metrics (--rows 0 shows all)") != std::string::npos);
  CHECK(text.find("and 1 more tag (--rows") != std::string::npos);
  CHECK(text_of(table).find("more") == std::string::npos);
}

TEST_CASE("Nothing at all is a sum of nothing") {
  CHECK(text_of(CostTable()) == "0 of 0 series kept (0%): 0.00 points/s, 0 a day, 0 a month\n");
}
