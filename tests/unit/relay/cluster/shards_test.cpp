#include "relay/cluster/shards.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using fedwave::relay::job_key;
using fedwave::relay::owner_of;
using fedwave::relay::series_key;
using fedwave::relay::Shard;
using fedwave::relay::shard_of;

namespace {

constexpr int kKeys = 30'000;

std::string key(int number) {
  return job_key("source " + std::to_string(number), "{job=\"x\"}");
}

std::string key_of(const std::string& series) {
  fedwave::parsers::SeriesBuffer buffer;
  REQUIRE(parse_series(series, buffer, 100) == fedwave::parsers::Malformed::None);
  return series_key(buffer);
}

}  // namespace

TEST_CASE("who owns what is the same on every machine and in every version") {
  struct Row {
    std::string source;
    std::string match;
    std::string owners;  // among 1, 2, 3, 4 and 10
  };
  const Row rows[] = {
      {"istio", "", "0 0 0 0 0 "},
      {"istio", "{job=\"federate\"}", "0 1 1 3 3 "},
      {"istio", "{job=\"kubernetes-pods\"}", "0 0 0 3 8 "},
      {"http://prometheus:9090/federate?match[]=up", "up", "0 0 0 3 3 "},
      {"", "", "0 0 2 2 2 "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.source);
    CAPTURE(row.match);
    std::string owners;
    for (const std::uint32_t shards : {1U, 2U, 3U, 4U, 10U}) {
      owners += std::to_string(owner_of(job_key(row.source, row.match), shards)) + ' ';
    }
    CHECK(owners == row.owners);
  }
}

TEST_CASE("every shard gets about the same") {
  for (const std::uint32_t shards : {2U, 3U, 7U, 16U}) {
    CAPTURE(shards);
    std::vector<int> owned(shards);
    for (int i = 0; i < kKeys; ++i) ++owned.at(owner_of(key(i), shards));
    const double fair = static_cast<double>(kKeys) / shards;
    for (const int count : owned) CHECK(count == doctest::Approx(fair).epsilon(0.08));
  }
}

TEST_CASE("one more shard takes its share from all others, and nothing else moves") {
  for (const std::uint32_t shards : {1U, 2U, 3U, 9U}) {
    CAPTURE(shards);
    std::vector<int> lost(shards);
    for (int i = 0; i < kKeys; ++i) {
      const std::uint32_t before = owner_of(key(i), shards);
      const std::uint32_t after = owner_of(key(i), shards + 1);
      if (before == after) continue;
      CHECK(after == shards);
      ++lost[before];
    }
    const double fair = static_cast<double>(kKeys) / shards / (shards + 1);
    for (const int count : lost) CHECK(count == doctest::Approx(fair).epsilon(0.15));
  }
}

TEST_CASE("keys of different jobs differ") {
  CHECK(job_key("a", "b") != job_key("ab", ""));
  CHECK(job_key("a", "b") != job_key("b", "a"));
}

TEST_CASE("all series of a histogram or summary have one key, whatever else has its own") {
  const std::string latency = key_of("latency_bucket{app=\"a\",le=\"5\",zone=\"z\"}");
  for (const std::string same :
       {"latency_bucket{app=\"a\",zone=\"z\",le=\"+Inf\"}", "latency_sum{zone=\"z\",app=\"a\"}",
        "latency_count{app=\"a\",zone=\"z\"}", "latency{app=\"a\",quantile=\"0.5\",zone=\"z\"}",
        "{\"latency_count\",app=\"a\",zone=\"z\",empty=\"\"}"}) {
    CAPTURE(same);
    CHECK(key_of(same) == latency);
  }
  for (const std::string other :
       {"latency{app=\"b\",zone=\"z\"}", "latency{app=\"a\"}",
        "latency_total{app=\"a\",zone=\"z\"}", "latency{app=\"az\",one=\"z\"}",
        "latency{app=\"a\",zone=\"z\",leg=\"1\"}"}) {
    CAPTURE(other);
    CHECK(key_of(other) != latency);
  }
}

TEST_CASE("which shard this is comes from the command line or from the pod's name") {
  struct Row {
    std::int64_t shards;
    std::optional<std::int64_t> ordinal;
    std::string pod;
    std::uint32_t expected;
  };
  const Row rows[] = {
      {3, 0, "", 0},
      {3, 2, "fedwave-1", 2},
      {3, {}, "fedwave-1", 1},
      {3, {}, "a-b-0", 0},
      {12, {}, "fedwave-11", 11},
      {1, {}, "", 0},
      {1, {}, "fedwave-7b9f-24567", 0},
      {1000, 999, "", 999},
  };
  for (const Row& row : rows) {
    CAPTURE(row.pod);
    const auto shard = shard_of(row.shards, row.ordinal, row.pod);
    REQUIRE(shard.has_value());
    CHECK(*shard == Shard{row.expected, static_cast<std::uint32_t>(row.shards)});
  }
}

TEST_CASE("a shard that there cannot be is refused with what to write") {
  struct Row {
    std::int64_t shards;
    std::optional<std::int64_t> ordinal;
    std::string pod;
    std::string message;
  };
  const Row rows[] = {
      {3, 3, "fedwave-1",
       "there is no shard 3 of 3: they are 0 to 2; write --shard 0 to 2, or how many there are "
       "with "
       "--shards"},
      {3, -1, "",
       "there is no shard -1 of 3: they are 0 to 2; write --shard 0 to 2, or how many there are "
       "with --shards"},
      {1, 1, "",
       "there is no shard 1 of 1: the only one is 0; write --shard 0, or how many there are with "
       "--shards"},
      {3,
       {},
       "fedwave-3",
       "there is no shard 3 of 3 (POD_NAME is \"fedwave-3\"): they are 0 to 2; write as many with "
       "--shards as the StatefulSet has replicas"},
      {0, {}, "fedwave-0", "--shards 0: write how many relays share the work, from 1 to 1000"},
      {1001, 0, "", "--shards 1001: write how many relays share the work, from 1 to 1000"},
      {3,
       {},
       "",
       "which of the 3 shards is this? Write --shard, or set POD_NAME to the name of a "
       "StatefulSet's pod"},
      {3,
       {},
       "fedwave-7b9f-x2",
       "which of the 3 shards is this? Write --shard, or run a StatefulSet: no number ends "
       "POD_NAME \"fedwave-7b9f-x2\""},
      {3,
       {},
       "2",
       "which of the 3 shards is this? Write --shard, or run a StatefulSet: no number ends "
       "POD_NAME \"2\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.message);
    const auto shard = shard_of(row.shards, row.ordinal, row.pod);
    REQUIRE_FALSE(shard.has_value());
    CHECK(shard.error().message == row.message);
  }
}
