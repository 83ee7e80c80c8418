#include "sinks/distribution.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

using namespace fedwave::sinks;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
using Buckets = std::vector<Bucket>;

Buckets zero(Buckets buckets) {
  for (Bucket& bucket : buckets) bucket.cumulative_count = 0;
  return buckets;
}

// "count@mean" of each centroid, or why there is none.
std::string converted(const std::optional<Buckets>& previous, const Buckets& current,
                      std::int64_t elapsed_ms = 60'000) {
  std::optional<std::span<const Bucket>> before;
  if (previous) before = *previous;
  const auto result = convert_histogram(before, current, elapsed_ms);
  if (const auto* drop = std::get_if<DistributionDrop>(&result))
    return distribution_drop_name(*drop);
  std::string text;
  for (const Centroid& centroid : std::get<std::vector<Centroid>>(result)) {
    if (!text.empty()) text += ' ';
    text += std::to_string(centroid.count) + '@';
    append_value(text, centroid.value);
  }
  return text;
}

}  // namespace

TEST_CASE("a histogram is converted with the collector's own figures") {
  const Buckets previous = {{0.1, 10}, {0.5, 20}, {1, 20}, {kInfinity, 24}};
  const Buckets current = {{0.1, 14}, {0.5, 32}, {1, 33}, {kInfinity, 41}};
  CHECK(converted(previous, current) == "1@0 2@0.05 3@0.1 4@0.3 2@0.5 5@1");
}

TEST_CASE("buckets are spread over their bounds and the middle") {
  struct Row {
    std::string what;
    Buckets gained;
    std::int64_t elapsed_ms;
    std::string expected;
  };
  const std::vector<Row> rows = {
      {"one bucket", {{1, 4}}, 60'000, "1@0 2@0.5 1@1"},
      {"two buckets share a bound", {{1, 4}, {2, 8}}, 60'000, "1@0 2@0.5 2@1 2@1.5 1@2"},
      {"only the largest bound below zero serves, as the lower one",
       {{-1, 4}, {-0.5, 8}, {0.5, 12}, {1, 16}},
       60'000,
       "1@-0.5 2@0 2@0.5 2@0.75 1@1"},
      {"what is beyond the last bound lands on it",
       {{1, 4}, {kInfinity, 8}},
       60'000,
       "1@0 2@0.5 5@1"},
      {"quarters and halves are truncated", {{1, 7}}, 60'000, "1@0 3@0.5 3@1"},
      {"one observation goes to the upper bound", {{1, 1}}, 60'000, "1@1"},
      {"counts are per minute", {{1, 8}}, 120'000, "1@0 2@0.5 1@1"},
      {"half a minute doubles", {{1, 4}}, 30'000, "2@0 4@0.5 2@1"},
      {"the smallest gain below one a minute is scaled to one",
       {{0, 1}, {1, 3}},
       120'000,
       "1@0.5 1@1"},
      {"a smallest gain at a bound that is skipped scales too; 1.6 a minute is cut short by "
       "rounding",
       {{0, 1}, {1, 17}},
       600'000,
       "3@0 7@0.5 5@1"},
      {"a gain that the division represents exactly is not cut short",
       {{0, 1}, {1, 17}},
       240'000,
       "4@0 8@0.5 4@1"},
      {"a bucket that gained nothing yields nothing", {{1, 4}, {2, 4}}, 60'000, "1@0 2@0.5 1@1"},
      {"counts that contradict each other count one",
       {{1, 8}, {2, 4}},
       60'000,
       "2@0 4@0.5 2@1 1@2"},
      {"nothing at all", {{1, 0}, {kInfinity, 0}}, 60'000, "empty"},
      {"gains only below zero", {{-1, 5}, {0, 9}}, 60'000, "empty"},
      {"infinity alone", {{kInfinity, 9}}, 60'000, "empty"},
      {"no bucket", {}, 60'000, "empty"},
      {"no time has passed", {{1, 4}}, 0, "empty"},
      {"time went backwards", {{1, 4}}, -5, "empty"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(converted(zero(row.gained), row.gained, row.elapsed_ms) == row.expected);
  }
}

TEST_CASE("without a comparable scrape before there is no distribution") {
  const Buckets buckets = {{1, 4}, {kInfinity, 8}};
  CHECK(converted(std::nullopt, buckets) == "first_seen");
  CHECK(converted(Buckets{{1, 4}}, buckets) == "layout_changed");
  CHECK(converted(Buckets{{2, 4}, {kInfinity, 8}}, buckets) == "layout_changed");
  CHECK(converted(Buckets{{1, 9}, {2, 9}, {kInfinity, 9}}, buckets) == "layout_changed");
  CHECK(converted(Buckets{{1, 5}, {kInfinity, 5}}, buckets) == "count_fell");
  CHECK(converted(Buckets{{1, 4}, {kInfinity, 9}}, buckets) == "count_fell");
}

TEST_CASE("a huge scale does not overflow the counts") {
  const Buckets previous = {{1, 0}, {2, 0}};
  const Buckets current = {{1, 1}, {2, 9e18}};
  CHECK(converted(previous, current, std::int64_t{1} << 50) ==
        "9007199254740992@1 9007199254740992@1.5 9007199254740992@2");
}
