#include "sinks/spool/memory_store.h"

#include <algorithm>
#include <utility>

namespace fedwave::sinks {

base::Expected<std::uint64_t> MemoryStore::append(std::shared_ptr<const Block> block) {
  points_ += block->points;
  bytes_ += block->bytes.size();
  blocks_.push_back({next_, std::move(block)});
  // The newest block always stays, however large: a queue too small for one block still delivers.
  while (bytes_ > bytes_max_ && first_free() + 1 < blocks_.size()) {
    drop(first_free(), dropped_.for_room);
  }
  return next_++;
}

// The place of the oldest block that is not in hand.
std::size_t MemoryStore::first_free() const {
  return held_ && !blocks_.empty() && blocks_.front().sequence == *held_ ? 1 : 0;
}

void MemoryStore::drop(std::size_t index, std::uint64_t& counter) {
  counter += blocks_[index].block->points;
  erase(index);
}

void MemoryStore::erase(std::size_t index) {
  points_ -= blocks_[index].block->points;
  bytes_ -= blocks_[index].block->bytes.size();
  blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(index));
}

std::deque<Numbered>::const_iterator MemoryStore::at_or_after(std::uint64_t sequence) const {
  return std::lower_bound(
      blocks_.begin(), blocks_.end(), sequence,
      [](const Numbered& each, std::uint64_t wanted) { return each.sequence < wanted; });
}

std::optional<std::size_t> MemoryStore::index_of(std::uint64_t sequence) const {
  const auto at = at_or_after(sequence);
  if (at == blocks_.end() || at->sequence != sequence) return std::nullopt;
  return static_cast<std::size_t>(at - blocks_.begin());
}

std::optional<Numbered> MemoryStore::oldest(std::uint64_t from) {
  for (auto at = at_or_after(from); at != blocks_.end(); ++at) {
    if (at->sequence != held_) return *at;
  }
  return std::nullopt;
}

bool MemoryStore::waits(std::uint64_t sequence) const {
  return index_of(sequence).has_value();
}

std::shared_ptr<const Block> MemoryStore::read(std::uint64_t sequence) {
  const auto index = index_of(sequence);
  return index ? blocks_[*index].block : nullptr;
}

void MemoryStore::settle(std::uint64_t sequence) {
  if (const auto index = index_of(sequence)) erase(*index);
}

void MemoryStore::hold(std::optional<std::uint64_t> sequence) {
  held_ = sequence;
}

void MemoryStore::drop_older_than(std::int64_t created_ms) {
  for (;;) {
    const std::size_t index = first_free();
    if (index >= blocks_.size() || blocks_[index].block->created_ms >= created_ms) return;
    drop(index, dropped_.for_age);
  }
}

Dropped MemoryStore::take_dropped() {
  return std::exchange(dropped_, {});
}

Waiting MemoryStore::waiting() const {
  return {.points = points_,
          .blocks = blocks_.size(),
          .bytes = bytes_,
          .oldest_created_ms = blocks_.empty() ? 0 : blocks_.front().block->created_ms};
}

}  // namespace fedwave::sinks
