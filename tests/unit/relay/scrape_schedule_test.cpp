#include "relay/scrape_schedule.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace fedwave::relay;

TEST_CASE("an offset is stable, within the interval, and spreads sources") {
  std::set<std::int64_t> buckets;
  for (int i = 0; i < 100; ++i) {
    const std::string name = "source-" + std::to_string(i);
    const std::int64_t offset_ms = schedule_offset_ms(name, 60'000);
    CHECK(offset_ms == schedule_offset_ms(name, 60'000));
    CHECK(offset_ms >= 0);
    CHECK(offset_ms < 60'000);
    buckets.insert(offset_ms / 6'000);
  }
  CHECK(buckets.size() == 10);
}

TEST_CASE("the next scrape is on the source's grid, and not too soon after the last one") {
  struct Row {
    std::int64_t start, expected;
  };
  // interval 60 s, offset 7 s
  const Row rows[] = {
      {600'000, 667'000},                      // the grid's point at 607 s would be too soon
      {607'000, 667'000},                      // from point to point
      {607'100, 667'000}, {636'900, 667'000},  // just over half an interval before the point
      {637'000, 727'000},                      // half an interval before it: the one after
      {650'000, 727'000},
  };
  for (const Row& row : rows) {
    CAPTURE(row.start);
    CHECK(next_scrape_ms(row.start, 7'000, 60'000) == row.expected);
  }
}
