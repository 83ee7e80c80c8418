// A source with its stages, its transform and a writer per sink, scraped from text. Every scrape's
// counts are held against the identity that scrape_counts.h states. One thread.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "relay/transform.h"
#include "tests/support/configs.h"
#include "tests/support/fakes.h"

namespace fedwave::support {

// 2026-01-01T00:00:00Z; no clock is asked.
inline constexpr std::int64_t kScrapeStartMs = 1'767'225'600'000;

struct ScrapeBench {
  explicit ScrapeBench(const std::string& source_yaml,
                       const std::string& sinks_yaml = "[{type: stdout}]")
      : ScrapeBench(config_of(
            "clusterName: c\nsinks: " + sinks_yaml +
            "\nsources: {prometheus_sources: [{url: 'http://x/federate?match[]=a', source: s" +
            (source_yaml.empty() ? "" : ", ") + source_yaml + "}]}\n")) {}

  // Of the first source.
  explicit ScrapeBench(config::Config whole, relay::Shard shard = {})
      : config(std::move(whole)),
        stages(config.sources[0], config, "", shard),
        transform(config.sources[0], stages),
        spools(config.sinks.size()) {
    for (auto& spool : spools) {
      writers.push_back(std::make_unique<sinks::BlockWriter>(spool, false, 10'000, clock));
      pointers.push_back(writers.back().get());
    }
  }

  relay::ScrapeCounts scrape(std::string_view page, std::int64_t start_ms = kScrapeStartMs,
                             bool complete = true, std::size_t piece = 1 << 20) {
    return scrape_by(transform, page, start_ms, complete, piece);
  }

  // By a transform of its own, which knows nothing from before and is forgotten after.
  relay::ScrapeCounts scrape_alone(std::string_view page, std::int64_t start_ms = kScrapeStartMs) {
    relay::Transform alone(config.sources[0], stages);
    return scrape_by(alone, page, start_ms, true, page.size());
  }

  // Of the last scrape.
  [[nodiscard]] std::string lines(std::size_t sink = 0) const { return spools[sink].lines(); }

  FakeClock clock;
  config::Config config;
  relay::SeriesStages stages;
  relay::Transform transform;
  std::vector<CollectingOutput> spools;
  std::vector<std::unique_ptr<sinks::BlockWriter>> writers;
  std::vector<sinks::BlockWriter*> pointers;

 private:
  relay::ScrapeCounts scrape_by(relay::Transform& by, std::string_view page, std::int64_t start_ms,
                                bool complete, std::size_t piece) {
    for (auto& spool : spools) spool.blocks.clear();
    by.begin(start_ms, pointers);
    for (; !page.empty(); page.remove_prefix(std::min(piece, page.size()))) {
      if (!by.feed(page.substr(0, piece))) break;
    }
    const relay::ScrapeCounts counts = by.finish(complete);
    for (const relay::SinkCounts& sink : counts.by_sink) {
      CHECK(counts.read ==
            sink.filtered() + sink.repeated + sink.rejected() + sink.converted + sink.written);
    }
    return counts;
  }
};

}  // namespace fedwave::support
