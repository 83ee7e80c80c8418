#include "sinks/spool/settled_blocks.h"

#include <algorithm>

namespace fedwave::sinks {

void SettledBlocks::restore(const Position& position) {
  below_ = position.settled_below;
  ranges_ = position.settled;
}

void SettledBlocks::add(SequenceRange range) {
  if (range.first >= range.end) return;
  // All ranges that touch the new one become part of it.
  const auto first = std::lower_bound(
      ranges_.begin(), ranges_.end(), range.first,
      [](const SequenceRange& each, std::uint64_t sequence) { return each.end < sequence; });
  auto last = first;
  for (; last != ranges_.end() && last->first <= range.end; ++last) {
    range.first = std::min(range.first, last->first);
    range.end = std::max(range.end, last->end);
  }
  if (range.first > below_) {
    const auto at = ranges_.erase(first, last);
    ranges_.insert(at, range);
    return;
  }
  ranges_.erase(first, last);
  below_ = std::max(below_, range.end);
  // The floor may have risen past whole ranges, or up to the next one.
  while (!ranges_.empty() && ranges_.front().first <= below_) {
    below_ = std::max(below_, ranges_.front().end);
    ranges_.erase(ranges_.begin());
  }
}

std::uint64_t SettledBlocks::first_unsettled(std::uint64_t sequence) const {
  sequence = std::max(sequence, below_);
  const auto range = std::upper_bound(
      ranges_.begin(), ranges_.end(), sequence,
      [](std::uint64_t wanted, const SequenceRange& each) { return wanted < each.end; });
  if (range != ranges_.end() && range->first <= sequence) return range->end;
  return sequence;
}

bool SettledBlocks::contains(std::uint64_t sequence) const {
  return first_unsettled(sequence) != sequence;
}

std::uint64_t SettledBlocks::end() const {
  return ranges_.empty() ? below_ : ranges_.back().end;
}

Position SettledBlocks::position(std::uint64_t generation) const {
  const auto kept = static_cast<std::ptrdiff_t>(std::min(ranges_.size(), kPositionRangesMax));
  return {.generation = generation,
          .settled_below = below_,
          .settled = {ranges_.begin(), ranges_.begin() + kept}};
}

}  // namespace fedwave::sinks
