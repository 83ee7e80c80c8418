// Values that the collector takes and people have: what they come to here.
#include "config/load.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/config/loading.h"

using fedwave::config::Config;
using fedwave::config::LoadResult;
using loading::in_file;
using loading::in_sink;
using loading::in_source;
using loading::lines;
using loading::load;
using loading::loaded;

TEST_CASE("a timeout above the interval is the interval") {
  const LoadResult result = load(in_source("    collection: {interval: 10s, timeout: 30s}\n"));
  REQUIRE(result.config.has_value());
  CHECK(result.config->sources.at(0).timeout_ms == 10'000);
}

TEST_CASE("a duration of none is the default where it is one in the collector") {
  for (const std::string none : {"0", "0s", "0m"}) {
    CAPTURE(none);
    const Config config = loaded(in_file("flushInterval: " + none +
                                         "\n"
                                         "defaultCollectionInterval: " +
                                         none +
                                         "\n"
                                         "sinkExportDataTimeout: " +
                                         none + "\n"));
    CHECK(config.sources.at(0).interval_ms == 60'000);
    CHECK(config.sinks.at(0).request_timeout_ms == 20'000);
  }
}

TEST_CASE("whole numbers are those of the collector's YAML") {
  struct Row {
    std::string text;
    std::int64_t value;
  };
  const Row rows[] = {{"1000", 1000},  {"1_000", 1000}, {"+5", 5},       {"0x10", 16},
                      {"0b11", 3},     {"0o17", 15},    {"017", 15},     {"09", 9},
                      {"1e4", 10'000}, {"2.5e1", 25},   {"1000.0", 1000}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(loaded(in_sink("  batchSize: " + row.text + "\n")).sinks.at(0).batch_points == row.value);
  }
  for (const std::string bad :
       {"1.5", "1e", "0x", "0xg", "0x-5", "--1", "+-1", "1e400", "inf", "_"}) {
    CAPTURE(bad);
    CHECK(lines(load(in_sink("  batchSize: '" + bad + "'\n"))) ==
          std::vector<std::string>{"f:4:14: error: \"batchSize\" needs a whole number, not \"" +
                                   bad + "\"; write a number from 0 to 1000000000"});
  }
}

TEST_CASE("what the collector is told not to do is not left aside") {
  CHECK(lines(load(in_file("enableDiscovery: false\n"
                           "enableEvents: no\n"
                           "events: {}\n"
                           "discovery:\n"
                           "discovery_configs: []\n")))
            .empty());
  CHECK(lines(load("sinks: [{proxyAddress: 'p:1', enableEvents: false}]\n"
                   "sources:\n"
                   "  prometheus_sources: [{url: 'http://h/m'}]\n"
                   "  kubernetes_cadvisor_source:\n"
                   "  telegraf_sources: []\n"))
            .empty());
}
