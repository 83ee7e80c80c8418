// What a target does with a series that it sees for the first time: parse it, have the stages plan
// its name and its labels, and put both into the series table. A name or a label block that another
// series brought along is not planned again, and known labels are not even parsed: a new series of
// a known workload costs two hashes.
//
// Part of a Transform, same owner and thread; stages, table and distributions outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "parsers/text_parser.h"
#include "relay/distributions.h"
#include "relay/series_stages.h"
#include "relay/series_table.h"

namespace fedwave::relay {

class SeriesLearner {
 public:
  SeriesLearner(const SeriesStages& stages, std::size_t labels_max, SeriesTable& table,
                Distributions& distributions);

  // None and the new entry, or why the series is malformed; nothing is kept of it then. Adds what
  // had to be repaired for the sinks that take it.
  parsers::Malformed learn(const parsers::SampleLineView& sample, const SeriesTable::Key& key,
                           std::span<std::uint64_t> repairs, SeriesEntry*& entry);

 private:
  struct Parts {
    PartArena::Id name = 0;
    PartArena::Id labels = 0;
  };

  parsers::Malformed parts_of(const parsers::SampleLineView& sample, Parts& parts);
  parsers::Malformed shared_parts(const parsers::SampleLineView& sample, Parts& parts);
  parsers::Malformed own_parts(const parsers::SampleLineView& sample, Parts& parts);
  parsers::Malformed parse(std::string_view series);
  PartArena::Id name_part(const parsers::SampleLineView& sample, std::string_view name,
                          bool converts);
  // `plan` is asked only when the part is new.
  template <class Plan>
  PartArena::Id shared_part(const SeriesTable::Key& key, Plan plan);
  PartArena::Id constant_labels(std::uint64_t variant, Verdict verdict);
  std::uint32_t distribution_group();
  void note_examples(const parsers::SampleLineView& sample, const Parts& parts);
  void count_repairs(const Parts& parts, std::span<std::uint64_t> repairs) const;

  const SeriesStages& stages_;
  const std::size_t labels_max_;
  SeriesTable& table_;
  Distributions& distributions_;
  parsers::SeriesBuffer series_;
  NamePlan name_plan_;
  LabelsPlan labels_plan_;
};

}  // namespace fedwave::relay
