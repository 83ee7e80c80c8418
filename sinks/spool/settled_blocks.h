// Which sequence numbers are settled: everything below a floor and some ranges above it. There are
// few ranges, because blocks are settled in order but for the fresh ones that go before a backlog.
// A plain value; belongs to its store.
#pragma once

#include <cstdint>
#include <vector>

#include "sinks/spool/format.h"

namespace fedwave::sinks {

class SettledBlocks {
 public:
  void restore(const Position& position);
  void add(std::uint64_t sequence) { add({sequence, sequence + 1}); }
  void add(SequenceRange range);
  [[nodiscard]] bool contains(std::uint64_t sequence) const;
  // The first number that is not settled, from `sequence` on.
  [[nodiscard]] std::uint64_t first_unsettled(std::uint64_t sequence) const;
  // One after the highest number that is known.
  [[nodiscard]] std::uint64_t end() const;
  // For the file: at most kPositionRangesMax ranges, the newest left out.
  [[nodiscard]] Position position(std::uint64_t generation) const;

 private:
  std::uint64_t below_ = 1;
  std::vector<SequenceRange> ranges_;  // ascending, apart from one another and from the floor
};

}  // namespace fedwave::sinks
