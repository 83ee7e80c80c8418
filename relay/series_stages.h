// What becomes of one new series, stage by stage: naming, the source's filter and tags, then sink
// by sink the sink's tags, filter, cleaning and rendering. This is the cold path: the series table
// asks it once and remembers the answer. What the name decides and what the labels decide are
// planned apart, because neither depends on the other and each comes back with other partners. One
// per target, immutable after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "parsers/sample.h"
#include "parsers/text_parser.h"
#include "relay/base/hash.h"
#include "relay/cluster/cluster_figures.h"
#include "relay/filter.h"
#include "sinks/clean_tags.h"
#include "sinks/point_tags.h"
#include "sinks/wavefront_line.h"

namespace fedwave::relay {

// What was decided about a series for one sink, in the order of evaluation. The filters' verdicts
// follow FilterVerdict's order.
enum class Verdict : std::uint8_t {
  Kept,
  OtherShard,
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
inline constexpr std::size_t kVerdictCount = 14;
const char* verdict_name(Verdict verdict);  // snake_case, for counters
inline bool is_filtered(Verdict v) {
  return v >= Verdict::OtherShard && v <= Verdict::SinkTagDenyList;
}
// Decided before any sink has a say, so that all of them have it.
inline bool is_of_source(Verdict v) {
  return v >= Verdict::OtherShard && v <= Verdict::SourceTagDenyList;
}

// What a sink puts before its names: without the dots around it, and with one behind; empty for
// none.
std::string sink_prefix(const config::Sink& sink);

// Of what the name and the labels say, the verdict that comes first in the order of evaluation.
inline Verdict first_verdict(Verdict name, Verdict labels) {
  if (name == Verdict::Kept) return labels;
  if (labels == Verdict::Kept) return name;
  return name < labels ? name : labels;
}

// What is decided about a name or a label block, and its part of the rendered line, for each sink.
struct SinkPart {
  Verdict verdict = Verdict::Kept;
  std::string text;  // when kept: the line before the value, or after the timestamp
  sinks::RepairCounts repairs{};
};
struct PartPlan {
  bool truncates = false;  // a count of a typed family: the collector cuts it to a whole number
  bool converts = false;   // part of a distribution instead of a point
  bool is_bucket = false;  // with converts: a bucket, not the count or the sum
  double bound = 0;        // with is_bucket
  std::vector<SinkPart> sinks;
  std::string origin;  // of a name: as the page has it, for surveys; set by the learner
};

struct NamePlan {
  PartPlan part;
  std::string name;  // dotted, with the source's prefix
};

struct LabelsPlan {
  PartPlan part;
  sinks::PointTags tags;  // after the source's stage
  // With part.converts: the same for all parts of one distribution, if their names are; of the tags
  // before any was pruned.
  base::Hash128 distribution;
  // Scratch space, which keeps its memory from series to series.
  std::string bound_text;
  sinks::PointTags sink_tags;
};

// What a step of the stages has done to the tags.
enum class TagStage : std::uint8_t {
  SourceTags,  // those that the configuration gives every point of the source
  Labels,      // and the series' own
  Bound,       // le or quantile rewritten, or gone into a distribution
  SourcePrune,
  Cluster,  // from here on of one sink
  SinkTags,
  SinkPrune,
};

// Watches a series on its way, for explain; the data path has no watcher. What it is told is good
// until the call returns, except for the patterns, which live as long as the stages.
class StageWatcher {
 public:
  virtual ~StageWatcher() = default;
  virtual void source_name(const FilterDecision& decision) = 0;
  virtual void source_tags(const FilterDecision& decision) = 0;
  virtual void sink_name(std::size_t sink, const FilterDecision& decision) = 0;
  virtual void sink_tags(std::size_t sink, const FilterDecision& decision) = 0;
  // The tags as a step has left them; `sink` counts from TagStage::Cluster on.
  virtual void tags(TagStage stage, std::size_t sink, const sinks::PointTags& tags) = 0;
  virtual void cleaned(std::size_t sink, const std::vector<sinks::RemovedTag>& removed) = 0;
  virtual void rendered(std::size_t sink, const std::vector<sinks::RepairedTag>& repaired) = 0;
};

// A line of more than a proxy takes, less the share of value and timestamp.
inline constexpr std::size_t kSeriesBytesMax = 32'000;

class SeriesStages {
 public:
  // `instance`: the address that is scraped where a host name has several; empty otherwise. `shard`
  // counts where the source is sharded by series.
  SeriesStages(const config::Source& source, const config::Config& config, std::string instance,
               Shard shard = {});

  // Some series are other shards' to send; nothing else is to be asked about those.
  [[nodiscard]] bool is_sharded() const { return shard_.count > 1; }
  [[nodiscard]] bool is_of_other_shard(const parsers::SeriesBuffer& series) const;

  // `converts`: the labels say that the series becomes part of a distribution.
  void plan_name(std::string_view name, parsers::SampleKind kind, bool converts, NamePlan& plan,
                 StageWatcher* watcher = nullptr) const;
  // The views in plan.tags are good as long as `series`.
  void plan_labels(const parsers::SeriesBuffer& series, parsers::SampleKind kind, LabelsPlan& plan,
                   StageWatcher* watcher = nullptr) const;

  // Whether series of this kind may become parts of distributions.
  [[nodiscard]] bool may_convert(parsers::SampleKind kind) const;

  [[nodiscard]] std::size_t sink_count() const { return sinks_.size(); }
  [[nodiscard]] std::vector<std::string> sink_names() const;
  [[nodiscard]] const Filter& source_filter() const { return filter_; }
  [[nodiscard]] const Filter& sink_filter(std::size_t sink) const { return sinks_[sink].filter; }

 private:
  struct SinkStage {
    std::string name;  // as the configuration has it
    Filter filter;
    config::Tags tags;
    std::string prefix;  // with its dot; empty for none
    std::vector<std::string> guaranteed;
    sinks::TagPriority priority;
    sinks::LineLimits limits;
  };

  void read_bound(parsers::SampleKind kind, LabelsPlan& plan) const;
  SinkPart sink_name(std::size_t sink, const std::string& name, StageWatcher* watcher) const;
  SinkPart sink_labels(std::size_t sink, bool is_distribution, sinks::PointTags& tags,
                       StageWatcher* watcher) const;
  SinkPart render_labels(std::size_t sink, sinks::PointTags& tags, StageWatcher* watcher) const;

  config::Source source_;
  std::string cluster_name_;
  std::string instance_;
  Shard shard_;
  Filter filter_;
  std::vector<SinkStage> sinks_;
};

}  // namespace fedwave::relay
