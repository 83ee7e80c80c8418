#include "relay/base/duration.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>

using fedwave::base::format_duration_ms;
using fedwave::base::parse_duration_ms;

TEST_CASE("durations are read as the collector writes them, and with days, weeks and years") {
  struct Row {
    std::string text;
    std::int64_t duration_ms;
  };
  const Row rows[] = {
      {"90s", 90'000},
      {"1m30s", 90'000},
      {"1.5h", 5'400'000},
      {"250ms", 250},
      {"0", 0},
      {"0s", 0},
      {".5s", 500},
      {"1.s", 1000},
      {"+5s", 5000},
      {"-5s", -5000},
      {"1h1m1s1ms", 3'661'001},
      {"2s2s", 4000},
      {"1500us", 2},
      {"1000\u00B5s", 1},
      {"1000\u03BCs", 1},
      {"3000000ns", 3},
      {"1.2345s", 1235},
      {"1d", 86'400'000},
      {"2w", 1'209'600'000},
      {"1y", 31'536'000'000},
      {"1y1w1d", 32'227'200'000},
      {"290y", 9'145'440'000'000},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse_duration_ms(row.text);
    REQUIRE(parsed.has_value());
    CHECK(*parsed == row.duration_ms);
  }
}

TEST_CASE("what is no duration is refused with what to write instead") {
  struct Row {
    std::string text;
    std::string message;
  };
  const Row rows[] = {
      {"", "\"\" is not a duration: there is no number; write for example 60s"},
      {"-", "\"-\" is not a duration: there is no number; write for example 60s"},
      {"60", "\"60\" is not a duration: the unit is missing; write for example 60s for seconds"},
      {"1m30",
       "\"1m30\" is not a duration: the unit is missing; write for example 1m30s for seconds"},
      {"60x", "\"60x\" is not a duration: unknown unit; the units are ms, s, m, h, d, w and y"},
      {"60S", "\"60S\" is not a duration: unknown unit; the units are ms, s, m, h, d, w and y"},
      {"60 s", "\"60 s\" is not a duration: unknown unit; the units are ms, s, m, h, d, w and y"},
      {"s", "\"s\" is not a duration: a number is missing; write for example 1m30s"},
      {".s", "\".s\" is not a duration: a number is missing; write for example 1m30s"},
      {"1m-30s", "\"1m-30s\" is not a duration: a number is missing; write for example 1m30s"},
      {"300y", "\"300y\" is not a duration: it is longer than 290 years"},
      {"10us", "\"10us\" is not a duration: it is shorter than a millisecond; write at least 1ms"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse_duration_ms(row.text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().message == row.message);
  }
  CHECK_FALSE(parse_duration_ms(std::string(400, '9') + "s").has_value());
}

TEST_CASE("durations are shown in their short form and read back the same") {
  struct Row {
    std::int64_t duration_ms;
    std::string text;
  };
  const Row rows[] = {
      {0, "0s"},
      {1, "1ms"},
      {250, "250ms"},
      {1000, "1s"},
      {1500, "1.5s"},
      {1050, "1.05s"},
      {1001, "1.001s"},
      {60'000, "1m"},
      {90'000, "1m30s"},
      {90'500, "1m30.5s"},
      {60'001, "1m0.001s"},
      {3'600'000, "1h"},
      {5'400'000, "1h30m"},
      {86'400'000, "1d"},
      {90'061'000, "1d1h1m1s"},
      {-90'000, "-1m30s"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.duration_ms);
    CHECK(format_duration_ms(row.duration_ms) == row.text);
    const auto parsed = parse_duration_ms(row.text);
    REQUIRE(parsed.has_value());
    CHECK(*parsed == row.duration_ms);
  }
  CHECK(format_duration_ms(std::numeric_limits<std::int64_t>::min()) ==
        "-106751991167d7h12m55.808s");
}
