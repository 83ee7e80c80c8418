#include "relay/receive/point_history.h"

#include <xxhash.h>

#include <bit>

namespace fedwave::receive {
namespace {

constexpr std::size_t kSlotsAtFirst = 1024;

// Texts are ended by a byte that a valid text cannot hold, so that no two points share a key.
constexpr char kEndOfText = '\xff';

void append_text(std::string& key, const std::string& text) {
  key += text;
  key += kEndOfText;
}

void append_bytes(std::string& key, std::uint64_t number) {
  for (unsigned shift = 0; shift < 64; shift += 8) key += static_cast<char>(number >> shift);
}

void append_identity(std::string& key, const CheckedPoint& point) {
  append_bytes(key, static_cast<std::uint64_t>(point.timestamp_ms));
  key += point.granularity;
  append_text(key, point.name);
  append_text(key, point.source);
  for (const auto& [name, value] : point.tags) {
    append_text(key, name);
    append_text(key, value);
  }
}

std::uint64_t value_of(const CheckedPoint& point, std::string& scratch) {
  if (!point.is_distribution()) return std::bit_cast<std::uint64_t>(point.value);
  scratch.clear();
  for (const ReceivedCentroid& centroid : point.centroids) {
    append_bytes(scratch, std::bit_cast<std::uint64_t>(centroid.mean));
    append_bytes(scratch, static_cast<std::uint64_t>(centroid.count));
  }
  return XXH3_64bits(scratch.data(), scratch.size());
}

}  // namespace

PointHistory::Seen PointHistory::record(const CheckedPoint& point) {
  if (point.timestamp_ms == 0) return Seen::Untracked;
  key_.clear();
  append_identity(key_, point);
  const XXH128_hash_t hash = XXH3_128bits(key_.data(), key_.size());
  const std::uint64_t value = value_of(point, key_);
  if (4 * (size_ + 1) > 3 * slots_.size()) grow();
  Slot& slot = find(hash.high64, hash.low64);
  if (!slot.is_free()) return slot.value == value ? Seen::Duplicate : Seen::Conflict;
  if (size_ == points_max_) return Seen::Untracked;
  slot = {hash.high64, hash.low64, value};
  ++size_;
  return Seen::First;
}

// The slot of that hash, or the free one where it belongs. A hash of 0 would look free for ever;
// nobody will meet it.
PointHistory::Slot& PointHistory::find(std::uint64_t high, std::uint64_t low) {
  std::size_t at = static_cast<std::size_t>(low) & (slots_.size() - 1);
  while (!slots_[at].is_free() && (slots_[at].high != high || slots_[at].low != low)) {
    at = (at + 1) & (slots_.size() - 1);
  }
  return slots_[at];
}

void PointHistory::grow() {
  std::vector<Slot> old(slots_.empty() ? kSlotsAtFirst : 2 * slots_.size());
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (!slot.is_free()) find(slot.high, slot.low) = slot;
  }
}

}  // namespace fedwave::receive
