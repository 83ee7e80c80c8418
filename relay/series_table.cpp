#include "relay/series_table.h"

#include <cstring>

#include "relay/base/check.h"

namespace fedwave::relay {
namespace {

constexpr std::size_t kUnit = 8;
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
constexpr std::size_t kUnitsPerChunk = kChunkBytes / kUnit;
constexpr std::size_t kSlotsMin = 1024;

// A record's bytes: FixedBytes, then per sink LineBytes and the two texts.
struct FixedBytes {
  double bound;
  std::uint32_t group;
  std::uint8_t flags;
  std::uint8_t padding[3];
};
struct LineBytes {
  std::uint32_t tail_bytes;
  std::uint16_t head_bytes;
  Verdict verdict;
  std::uint8_t padding;
};
enum Flag : std::uint8_t { kTruncate = 1, kConvert = 2, kIsBucket = 4, kKeptAnywhere = 8 };

std::uint8_t flags_of(const SeriesPlan& plan) {
  bool kept = false;
  for (const SinkPlan& sink : plan.sinks) kept = kept || sink.verdict == Verdict::Kept;
  return static_cast<std::uint8_t>((plan.truncate ? kTruncate : 0) | (plan.convert ? kConvert : 0) |
                                   (plan.is_bucket ? kIsBucket : 0) | (kept ? kKeptAnywhere : 0));
}

char* put(char* at, const void* bytes, std::size_t count) {
  if (count > 0) std::memcpy(at, bytes, count);
  return at + count;
}

}  // namespace

RecordView::Fixed RecordView::fixed() {
  FixedBytes bytes;
  std::memcpy(&bytes, at_, sizeof bytes);
  at_ += sizeof bytes;
  return {.truncate = (bytes.flags & kTruncate) != 0,
          .convert = (bytes.flags & kConvert) != 0,
          .is_bucket = (bytes.flags & kIsBucket) != 0,
          .kept_anywhere = (bytes.flags & kKeptAnywhere) != 0,
          .group = bytes.group,
          .bound = bytes.bound};
}

RecordLine RecordView::next() {
  LineBytes bytes;
  std::memcpy(&bytes, at_, sizeof bytes);
  at_ += sizeof bytes;
  const RecordLine line{
      bytes.verdict, {at_, bytes.head_bytes}, {at_ + bytes.head_bytes, bytes.tail_bytes}};
  at_ += bytes.head_bytes + bytes.tail_bytes;
  return line;
}

SeriesTable::SeriesTable(std::size_t sink_count) : sink_count_(sink_count), slots_(kSlotsMin) {}

SeriesTable::Key SeriesTable::key_of(std::string_view series, parsers::SampleKind kind) {
  return base::seeded_hash128(series, static_cast<std::uint64_t>(kind));
}

SeriesEntry* SeriesTable::find(const Key& key) {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = key.low & mask;; i = (i + 1) & mask) {
    SeriesEntry& entry = slots_[i];
    if (entry.record == 0) return nullptr;
    if (entry.key_low == key.low && entry.key_high == key.high) return &entry;
  }
}

SeriesEntry& SeriesTable::empty_slot(const Key& key) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t i = key.low & mask;
  while (slots_[i].record != 0) i = (i + 1) & mask;
  return slots_[i];
}

SeriesEntry& SeriesTable::insert(const Key& key, const SeriesPlan& plan, std::uint32_t group) {
  if ((size_ + 1) * 4 > slots_.size() * 3) rehash(slots_.size() * 2);
  std::size_t bytes = sizeof(FixedBytes);
  for (const SinkPlan& sink : plan.sinks) {
    bytes += sizeof(LineBytes) + sink.rendered.head.size() + sink.rendered.tail.size();
  }
  SeriesEntry& entry = empty_slot(key);
  char* at = allocate(bytes, entry.record);
  const FixedBytes fixed{
      .bound = plan.bucket_bound, .group = group, .flags = flags_of(plan), .padding = {}};
  at = put(at, &fixed, sizeof fixed);
  for (const SinkPlan& sink : plan.sinks) {
    const auto& [head, tail, repairs] = sink.rendered;
    const LineBytes line{.tail_bytes = static_cast<std::uint32_t>(tail.size()),
                         .head_bytes = static_cast<std::uint16_t>(head.size()),
                         .verdict = sink.verdict,
                         .padding = 0};
    FEDWAVE_CHECK(line.head_bytes == head.size());
    at = put(at, &line, sizeof line);
    at = put(at, head.data(), head.size());
    at = put(at, tail.data(), tail.size());
  }
  entry.key_low = key.low;
  entry.key_high = key.high;
  entry.last_timestamp_ms = kNeverSent;
  ++size_;
  return entry;
}

RecordView SeriesTable::record(const SeriesEntry& entry) const {
  return RecordView(chunks_[entry.record / kUnitsPerChunk].get() +
                    (entry.record % kUnitsPerChunk) * kUnit);
}

std::size_t SeriesTable::record_bytes(const SeriesEntry& entry) const {
  RecordView view = record(entry);
  view.fixed();
  std::size_t bytes = sizeof(FixedBytes);
  for (std::size_t i = 0; i < sink_count_; ++i) {
    const RecordLine line = view.next();
    bytes += sizeof(LineBytes) + line.head.size() + line.tail.size();
  }
  return bytes;
}

char* SeriesTable::allocate(std::size_t bytes, std::uint32_t& record) {
  FEDWAVE_CHECK(bytes <= kChunkBytes - kUnit);
  if (chunks_.empty() || chunk_used_ + bytes > kChunkBytes) {
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(kChunkBytes));
    chunk_used_ = chunks_.size() == 1 ? kUnit : 0;  // record 0 marks an empty slot
  }
  const std::size_t unit = (chunks_.size() - 1) * kUnitsPerChunk + chunk_used_ / kUnit;
  FEDWAVE_CHECK(unit <= UINT32_MAX);
  record = static_cast<std::uint32_t>(unit);
  char* at = chunks_.back().get() + chunk_used_;
  chunk_used_ += (bytes + kUnit - 1) / kUnit * kUnit;
  return at;
}

void SeriesTable::rehash(std::size_t slots) {
  std::vector<SeriesEntry> old(slots);
  old.swap(slots_);
  for (const SeriesEntry& entry : old) {
    if (entry.record != 0) empty_slot({entry.key_low, entry.key_high}) = entry;
  }
}

bool SeriesTable::evict(std::uint32_t oldest) {
  std::vector<SeriesEntry> kept;
  for (const SeriesEntry& entry : slots_) {
    if (entry.record != 0 && entry.last_seen >= oldest) kept.push_back(entry);
  }
  if (kept.size() * 4 > size_ * 3) return false;  // less than a quarter is gone
  SeriesTable fresh(sink_count_);
  std::size_t slots = kSlotsMin;
  while (kept.size() * 4 > slots * 3) slots *= 2;
  fresh.slots_.resize(slots);
  for (const SeriesEntry& entry : kept) {
    SeriesEntry& moved = fresh.empty_slot({entry.key_low, entry.key_high});
    moved = entry;
    const std::size_t bytes = record_bytes(entry);
    const char* from =
        chunks_[entry.record / kUnitsPerChunk].get() + (entry.record % kUnitsPerChunk) * kUnit;
    put(fresh.allocate(bytes, moved.record), from, bytes);
    ++fresh.size_;
  }
  slots_.swap(fresh.slots_);
  chunks_.swap(fresh.chunks_);
  size_ = fresh.size_;
  chunk_used_ = fresh.chunk_used_;
  return true;
}

void SeriesTable::clear() {
  std::vector<SeriesEntry>(kSlotsMin).swap(slots_);
  chunks_.clear();
  chunk_used_ = 0;
  size_ = 0;
}

std::size_t SeriesTable::bytes() const {
  return slots_.capacity() * sizeof(SeriesEntry) + chunks_.size() * kChunkBytes;
}

}  // namespace fedwave::relay
