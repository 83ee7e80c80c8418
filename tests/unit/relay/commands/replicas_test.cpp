#include "relay/commands/replicas.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/environment.h"
#include "tests/support/fakes.h"

using namespace fedwave;
using relay::ReplicaOptions;
using relay::Replicas;
using support::environment_of;

namespace {

// Of a pipeline with as many sources as there are rows, and a request for each word in them.
relay::PipelineFigures figures_of(const std::vector<std::vector<bool>>& is_ours) {
  auto config = std::make_shared<config::Config>();
  config->sources.resize(is_ours.size());
  relay::PipelineFigures figures;
  figures.config = config;
  for (const std::vector<bool>& source : is_ours) {
    figures.sources.emplace_back();
    for (const bool ours : source) figures.sources.back().jobs.push_back({.is_ours = ours});
  }
  figures.sources.emplace_back();  // the relay's own figures
  figures.sources.back().jobs.push_back({.is_ours = true});
  return figures;
}

}  // namespace

TEST_CASE("Times and names of an election that cannot work are refused outside a cluster as well") {
  struct Row {
    relay::ElectionOptions election;
    std::string reason;
  };
  const std::vector<Row> rows = {
      {{.lease = "Foo_Bar"}, "\"Foo_Bar\" cannot be the name of a lease; write --lease with"},
      {{.lease = "fedwave", .lease_namespace = "Mesh"},
       "\"Mesh\" cannot be the name of a namespace; write --lease-namespace or POD_NAMESPACE with"},
      {{.lease = "fedwave", .lease_duration_ms = 10'000}, "--lease-duration is 10s"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.reason);
    const auto replicas =
        Replicas::from({.election = row.election}, environment_of({}), base::system_clock());
    REQUIRE_FALSE(replicas);
    CHECK(replicas.error().message.starts_with(row.reason));
  }
}

TEST_CASE("Outside a cluster a relay with a lease works alone") {
  const support::CollectedLog log;
  const auto replicas =
      Replicas::from({.election = {.lease = "fedwave"}}, environment_of({}), base::system_clock());
  REQUIRE(replicas);
  CHECK_FALSE((*replicas)->has_election());
  REQUIRE(log.lines().size() == 1);
  CHECK(log.lines()[0].starts_with("this is no pod of a cluster"));
}

TEST_CASE("A shard says at the start which it is and how much of the work is its own") {
  struct Row {
    ReplicaOptions options;
    std::vector<std::vector<bool>> is_ours;
    std::vector<std::string> log;
  };
  const std::string none =
      "no request is this shard's own, so it scrapes nothing: write splitMatches: true or "
      "shardBy: series in a source, or a smaller --shards shard=1 shards=3 requests=3";
  const std::vector<Row> rows = {
      {{.shards = 3, .shard = 1},
       {{true, false}, {false}, {true}},
       {"working as a shard shard=1 shards=3 own_requests=2 requests=4"}},
      {{.shards = 3, .shard = 1},
       {{false, false}, {false}},
       {"working as a shard shard=1 shards=3 own_requests=0 requests=3", none}},
      {{.shards = 1}, {{true}}, {}},
      {{}, {{true}}, {}},
  };
  for (const Row& row : rows) {
    const support::CollectedLog log;
    const auto replicas = Replicas::from(row.options, environment_of({}), base::system_clock());
    REQUIRE(replicas);
    (*replicas)->start(figures_of(row.is_ours));
    CHECK(log.lines() == row.log);
  }
}
