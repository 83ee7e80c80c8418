// What becomes of one new series, stage by stage: naming, the source's filter and tags, then sink
// by sink the sink's tags, filter, cleaning and rendering. This is the cold path: the series table
// asks it once per series and remembers the answer. One per target, immutable after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"
#include "parsers/sample.h"
#include "parsers/text_parser.h"
#include "relay/base/hash.h"
#include "relay/filter.h"
#include "sinks/clean_tags.h"
#include "sinks/point.h"
#include "sinks/wavefront_line.h"

namespace fedwave::relay {

// What was decided about a series for one sink. The filters' verdicts follow FilterVerdict's order,
// the rejections Rejection's.
enum class Verdict : std::uint8_t {
  Kept,
  SourceNotInAllowList,
  SourceDenyList,
  SourceNotInTagAllowList,
  SourceTagDenyList,
  SinkNotInAllowList,
  SinkDenyList,
  SinkNotInTagAllowList,
  SinkTagDenyList,
  EmptyName,
  NameTooLong,
  EmptySource,
  LineTooLong,
};
inline constexpr std::size_t kVerdictCount = 13;
const char* verdict_name(Verdict verdict);  // snake_case, for counters
inline bool is_filtered(Verdict v) {
  return v >= Verdict::SourceNotInAllowList && v <= Verdict::SinkTagDenyList;
}

struct SinkPlan {
  Verdict verdict = Verdict::Kept;
  sinks::RenderedSeries rendered;  // when kept
};

struct SeriesPlan {
  bool truncate = false;    // a count of a typed family: the collector cuts it to a whole number
  bool convert = false;     // part of a distribution instead of a point
  bool is_bucket = false;   // with convert: a bucket, not the count or the sum
  double bucket_bound = 0;  // with is_bucket
  base::Hash128 group;      // with convert: the same for all parts of one distribution
  std::vector<SinkPlan> sinks;
};

class SeriesStages {
 public:
  // `instance`: the address that is scraped where a host name has several; empty otherwise.
  SeriesStages(const config::Source& source, const config::Config& config, std::string instance);

  void plan(const parsers::SeriesBuffer& series, parsers::SampleKind kind, SeriesPlan& plan) const;

  [[nodiscard]] std::size_t sink_count() const { return sinks_.size(); }

 private:
  struct SinkStage {
    Filter filter;
    config::Tags tags;
    std::string prefix;  // with its dot; empty for none
    std::vector<std::string> guaranteed;
    std::vector<std::string> keep_first;
    sinks::LineLimits limits;
  };

  sinks::Point source_point(const parsers::SeriesBuffer& series, parsers::SampleKind kind,
                            SeriesPlan& plan) const;
  SinkPlan sink_plan(const SinkStage& stage, sinks::Point point, bool is_distribution) const;

  config::Source source_;
  std::string cluster_name_;
  std::string instance_;
  Filter filter_;
  std::vector<SinkStage> sinks_;
};

}  // namespace fedwave::relay
