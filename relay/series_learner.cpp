#include "relay/series_learner.h"

#include <algorithm>
#include <utility>

#include "parsers/scan.h"
#include "relay/base/check.h"

namespace fedwave::relay {
namespace {

using parsers::Malformed;
using parsers::SampleKind;
using parsers::SampleLineView;

// What the keys of parts are for. A label block looks different as a bucket's, as a quantile's and
// as any other sample's, and it is none behind a bare name when it holds a quoted one; a name looks
// different by its family's type and as a distribution's.
constexpr std::uint64_t kNoLabelsVariant = 0;
constexpr std::uint64_t kOtherShardVariant = 128;
std::uint64_t labels_variant(SampleKind kind, bool is_bare_name) {
  const bool has_bound = kind == SampleKind::HistogramBucket || kind == SampleKind::SummaryQuantile;
  return (is_bare_name ? 1U : 16U) + (has_bound ? static_cast<std::uint64_t>(kind) : 0U);
}
std::uint64_t name_variant(SampleKind kind, bool converts) {
  return (converts ? 64U : 32U) + static_cast<std::uint64_t>(kind);
}

// A name that is longer is not sent.
constexpr std::size_t kOriginBytesMax = 4096;

}  // namespace

SeriesLearner::SeriesLearner(const SeriesStages& stages, std::size_t labels_max, SeriesTable& table,
                             Distributions& distributions)
    : stages_(stages), labels_max_(labels_max), table_(table), distributions_(distributions) {
  FEDWAVE_CHECK(stages.sink_count() > 0);  // the first one's verdict tells the source's
}

Malformed SeriesLearner::learn(const SampleLineView& sample, const SeriesTable::Key& key,
                               std::span<std::uint64_t> repairs, SeriesEntry*& entry) {
  Parts parts;
  const Malformed bad = parts_of(sample, parts);
  if (bad != Malformed::None) return bad;
  count_repairs(parts, repairs);
  note_examples(sample, parts);
  entry = &table_.insert(key, parts.name, parts.labels);
  return Malformed::None;
}

Malformed SeriesLearner::parts_of(const SampleLineView& sample, Parts& parts) {
  const bool may_convert = stages_.may_convert(sample.kind);
  if (stages_.is_sharded()) {
    // Whose it is depends on name and labels together. The same part for all that are not ours
    // makes them cheap.
    if (const Malformed bad = parse(sample.series); bad != Malformed::None) return bad;
    if (stages_.is_of_other_shard(series_)) {
      parts.name = name_part(sample, series_.name, may_convert);
      parts.labels = constant_labels(kOtherShardVariant, Verdict::OtherShard);
      return Malformed::None;
    }
  }
  return may_convert ? own_parts(sample, parts) : shared_parts(sample, parts);
}

Malformed SeriesLearner::shared_parts(const SampleLineView& sample, Parts& parts) {
  const std::string_view bare_name =
      sample.series.substr(0, parsers::metric_name_length(sample.series));
  const SeriesTable::Key labels_key = base::seeded_hash128(
      sample.series.substr(bare_name.size()), labels_variant(sample.kind, !bare_name.empty()));
  parts.labels = table_.find_part(labels_key);
  // Labels that were good behind another name are good behind this one.
  const bool is_parsed = parts.labels == 0 || bare_name.empty();
  if (is_parsed) {
    if (const Malformed bad = parse(sample.series); bad != Malformed::None) return bad;
  }
  parts.name = name_part(sample, is_parsed ? series_.name : bare_name, false);
  if (is_sources_name_verdict(table_.part(parts.name).verdict(0))) {
    // Its name decides alone.
    parts.labels = constant_labels(kNoLabelsVariant, Verdict::Kept);
  } else if (parts.labels == 0) {
    stages_.plan_labels(series_, sample.kind, labels_plan_);
    parts.labels = table_.insert_part(labels_key, labels_plan_.part);
  }
  return Malformed::None;
}

Malformed SeriesLearner::parse(std::string_view series) {
  return parsers::parse_series(series, series_, labels_max_);
}

template <class Plan>
PartArena::Id SeriesLearner::shared_part(const SeriesTable::Key& key, Plan plan) {
  const PartArena::Id known = table_.find_part(key);
  return known != 0 ? known : table_.insert_part(key, plan());
}

PartArena::Id SeriesLearner::name_part(const SampleLineView& sample, std::string_view name,
                                       bool converts) {
  const auto plan = [&]() -> const PartPlan& {
    stages_.plan_name(name, sample.kind, converts, name_plan_);
    name_plan_.part.origin = name.substr(0, kOriginBytesMax);
    return name_plan_.part;
  };
  return shared_part(base::seeded_hash128(name, name_variant(sample.kind, converts)), plan);
}

// For series of which it does not matter what their labels say.
PartArena::Id SeriesLearner::constant_labels(std::uint64_t variant, Verdict verdict) {
  const auto plan = [&] {
    PartPlan constant;
    constant.sinks.assign(stages_.sink_count(), {.verdict = verdict, .text = {}});
    return constant;
  };
  return shared_part(base::seeded_hash128({}, variant), plan);
}

// The labels' part is the series' own here: it says which distribution, and with which bound.
Malformed SeriesLearner::own_parts(const SampleLineView& sample, Parts& parts) {
  if (const Malformed bad = parse(sample.series); bad != Malformed::None) return bad;
  stages_.plan_labels(series_, sample.kind, labels_plan_);
  const bool converts = labels_plan_.part.converts;
  stages_.plan_name(series_.name, sample.kind, converts, name_plan_);
  name_plan_.part.origin = series_.name.substr(0, kOriginBytesMax);
  parts.name = shared_part(base::seeded_hash128(series_.name, name_variant(sample.kind, converts)),
                           [this]() -> const PartPlan& { return name_plan_.part; });
  const std::uint32_t group = converts ? distribution_group() : 0;
  parts.labels = table_.insert_own_part(labels_plan_.part, group);
  return Malformed::None;
}

// Of the series that has just been planned. The group gets the texts; what is left to the series is
// the verdict.
std::uint32_t SeriesLearner::distribution_group() {
  std::vector<DistributionLine> lines(stages_.sink_count());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const SinkPart& name = name_plan_.part.sinks[i];
    SinkPart& labels = labels_plan_.part.sinks[i];
    lines[i] = {
        .verdict = line_verdict(name.verdict, name.text.size(), labels.verdict, labels.text.size()),
        .series = {.head = name.text, .tail = std::move(labels.text)}};
    labels.verdict = lines[i].verdict;
    labels.text.clear();
  }
  base::Hash128 key = base::seeded_hash128(name_plan_.name);
  key.low += labels_plan_.distribution.low * 3;  // which is the name and which the labels counts
  key.high += labels_plan_.distribution.high * 3;
  return distributions_.group_of(key, std::move(lines));
}

void SeriesLearner::note_examples(const SampleLineView& sample, const Parts& parts) {
  const PartView name = table_.part(parts.name);
  const PartView labels = table_.part(parts.labels);
  for (std::size_t i = 0; i < stages_.sink_count(); ++i) {
    table_.note_example(parts.name, line_verdict(name, labels, i), sample.series, sample.kind);
  }
}

void SeriesLearner::count_repairs(const Parts& parts, std::span<std::uint64_t> repairs) const {
  const PartView name = table_.part(parts.name);
  const PartView labels = table_.part(parts.labels);
  for (std::size_t i = 0; i < stages_.sink_count(); ++i) {
    if (line_verdict(name, labels, i) == Verdict::Kept) labels.add_repairs(i, repairs);
  }
}

}  // namespace fedwave::relay
