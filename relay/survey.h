// What the known series of a source amount to, by metric and by tag: what each costs, what is
// dropped and by which verdict. Made on demand from the series table (Transform::survey), so that
// the path of a sample pays nothing for it. Plain values.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "relay/distinct_counter.h"
#include "relay/series_stages.h"
#include "relay/series_table.h"

namespace fedwave::relay {

using SeriesByVerdict = std::array<std::uint64_t, kVerdictCount>;

struct SurveyedMetric {
  std::string name;  // as the page has it
  struct AtSink {
    std::string sent_as;  // the name in Wavefront; empty when the name alone is reason to drop it
    SeriesByVerdict series{};
    // Of the kept ones those that another series has become, too: same name, source and tags, once
    // tags have been left out. One overwrites the other.
    std::uint64_t collided = 0;
  };
  std::vector<AtSink> sinks;
  // One series for each verdict at any sink; empty where the series is very long.
  std::array<SeriesTable::Example, kVerdictCount> examples;
};

// A tag of the points that go to a sink.
struct SurveyedTag {
  std::string key;
  std::uint64_t series = 0;  // that have it
  std::uint64_t values = 0;  // different ones; of many thousands about
};

struct Survey {
  std::int64_t at_ms = 0;                      // wall time
  std::uint64_t series = 0;                    // of the last scrapes
  std::vector<SurveyedMetric> metrics;         // by name
  std::vector<std::vector<SurveyedTag>> tags;  // of each sink, by key
};

// Puts a survey together from the tables of a source's targets. One thread.
class SurveyBuilder {
 public:
  explicit SurveyBuilder(std::size_t sinks) : sinks_(sinks), tags_(sinks), lines_(sinks) {}

  // The series that were last seen at `oldest` or later.
  void add(const SeriesTable& table, std::uint32_t oldest);
  [[nodiscard]] Survey finish(std::int64_t now_ms);

 private:
  struct TagValues {
    std::uint64_t series = 0;
    DistinctCounter values;
  };
  // What was kept of a series at one sink, to be found again at another series.
  struct Line {
    std::uint64_t hash;
    SurveyedMetric* metric;
  };
  // In one table.
  struct Walk {
    std::unordered_map<PartArena::Id, SurveyedMetric*> metrics;
    std::vector<std::vector<PartArena::Id>> kept_labels;  // by sink, once for each series
  };

  void visit(const SeriesEntry& entry, const SeriesTable& table, Walk& walk);
  SurveyedMetric& metric(const SeriesTable& table, const PartView& name);
  void add_all_tags(const SeriesTable& table, Walk& walk);
  void add_tags(std::size_t sink, std::string_view tail, std::uint64_t series);
  void count_collisions();

  std::size_t sinks_;
  std::uint64_t series_ = 0;
  std::map<std::string, SurveyedMetric> metrics_;
  std::vector<std::map<std::string, TagValues, std::less<>>> tags_;
  std::vector<std::vector<Line>> lines_;  // by sink
};

}  // namespace fedwave::relay
