// What was counted of samples, lines and points. One scrape counts into its own ScrapeCounts
// without locks; they are added to the source's totals when it ends. For every sink and at any
// time:
//     read == filtered + repeated + rejected + converted + written + before
// where `converted` samples went into distributions, `written` ones to the sink's spool, and those
// `before` had been read when an edit of the configuration brought the sink.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "parsers/text_parser.h"
#include "relay/series_stages.h"
#include "sinks/distribution.h"
#include "sinks/wavefront_line.h"

namespace fedwave::relay {

struct SinkCounts {
  std::array<std::uint64_t, kVerdictCount>
      by_verdict{};  // samples not sent, by their series' verdict
  std::uint64_t repeated = 0;
  std::uint64_t not_a_number = 0;
  std::uint64_t infinite = 0;
  std::uint64_t converted = 0;
  std::uint64_t written = 0;
  std::uint64_t before = 0;
  std::uint64_t distributions = 0;  // lines made of the converted samples; spooled beside `written`

  [[nodiscard]] std::uint64_t filtered() const;
  [[nodiscard]] std::uint64_t rejected() const;
  SinkCounts& operator+=(const SinkCounts& other);
};

struct ScrapeCounts {
  explicit ScrapeCounts(std::size_t sinks) : by_sink(sinks) {}

  std::uint64_t lines = 0;
  std::uint64_t read = 0;  // well-formed samples
  std::uint64_t new_series = 0;
  std::uint64_t body_bytes = 0;
  std::array<std::uint64_t, parsers::kMalformedCount> malformed{};
  std::array<std::uint64_t, sinks::kRepairCount>
      repaired{};  // of new series; timestamps of samples
  std::array<std::uint64_t, sinks::kDistributionDropCount> distribution_drops{};
  std::vector<SinkCounts> by_sink;

  [[nodiscard]] std::uint64_t malformed_total() const;
  ScrapeCounts& operator+=(const ScrapeCounts& other);
};

}  // namespace fedwave::relay
