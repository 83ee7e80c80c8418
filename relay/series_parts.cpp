#include "relay/series_parts.h"

#include <algorithm>
#include <cstring>

#include "relay/base/check.h"

namespace fedwave::relay {
namespace {

using Head = PartView::Head;
using SinkText = PartView::SinkText;

// A kind of repair and how many times, as they lie before a sink's text.
constexpr unsigned kRepairShift = 24;
constexpr std::uint32_t kTimesMax = (std::uint32_t{1} << kRepairShift) - 1;

std::uint8_t count_kinds(const sinks::RepairCounts& repairs) {
  return static_cast<std::uint8_t>(
      std::count_if(repairs.begin(), repairs.end(), [](std::uint32_t times) { return times > 0; }));
}

// Sinks that say the same share it.
const SinkPart* twin_before(const std::vector<SinkPart>& sinks, std::size_t sink) {
  const auto is_twin = [&part = sinks[sink]](const SinkPart& other) {
    return other.text == part.text && other.repairs == part.repairs;
  };
  const auto end = sinks.begin() + static_cast<std::ptrdiff_t>(sink);
  const auto twin = std::find_if(sinks.begin(), end, is_twin);
  return twin == end ? nullptr : &*twin;
}

char* put(char* at, const void* bytes, std::size_t count) {
  if (count > 0) std::memcpy(at, bytes, count);
  return at + count;
}

char* put_repairs(char* at, const sinks::RepairCounts& repairs) {
  for (std::size_t kind = 0; kind < repairs.size(); ++kind) {
    if (repairs[kind] == 0) continue;
    const std::uint32_t entry =
        static_cast<std::uint32_t>(kind) << kRepairShift | std::min(repairs[kind], kTimesMax);
    at = put(at, &entry, sizeof entry);
  }
  return at;
}

// Where each sink's text lies, and behind them the origin; returns the bytes of the whole part.
std::size_t lay_out(const PartPlan& plan, std::vector<SinkText>& texts) {
  const std::vector<SinkPart>& sinks = plan.sinks;
  std::size_t bytes = sizeof(Head) + (sinks.size() + 1) * sizeof(SinkText);
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    FEDWAVE_CHECK(sinks[i].text.size() <= kSeriesBytesMax);
    SinkText text{.at = 0,
                  .bytes = static_cast<std::uint16_t>(sinks[i].text.size()),
                  .verdict = sinks[i].verdict,
                  .repairs = count_kinds(sinks[i].repairs)};
    if (const SinkPart* twin = twin_before(sinks, i)) {
      text.at = texts[static_cast<std::size_t>(twin - sinks.data())].at;
    } else {
      text.at = static_cast<std::uint32_t>(bytes + text.repairs * sizeof(std::uint32_t));
      bytes = (std::size_t{text.at} + text.bytes + 3) / 4 * 4;
    }
    texts.push_back(text);
  }
  FEDWAVE_CHECK(plan.origin.size() <= kSeriesBytesMax);
  texts.push_back({.at = static_cast<std::uint32_t>(bytes),
                   .bytes = static_cast<std::uint16_t>(plan.origin.size()),
                   .verdict = Verdict::Kept,
                   .repairs = 0});
  return (bytes + plan.origin.size() + 3) / 4 * 4;
}

std::size_t part_bytes(const PartView& part, std::size_t sinks) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i <= sinks; ++i) {
    bytes = std::max(
        bytes, static_cast<std::size_t>(part.text(i).data() - part.bytes()) + part.text(i).size());
  }
  return bytes;
}

}  // namespace

void PartView::add_repairs(std::size_t sink, std::span<std::uint64_t> counts) const {
  const SinkText& text = sink_text(sink);
  for (std::size_t i = 1; i <= text.repairs; ++i) {
    std::uint32_t entry = 0;
    std::memcpy(&entry, bytes_ + text.at - i * sizeof entry, sizeof entry);
    counts[entry >> kRepairShift] += entry & kTimesMax;
  }
}

PartArena::Id PartArena::add(const PartPlan& plan, std::uint32_t group) {
  std::vector<SinkText> texts;
  texts.reserve(plan.sinks.size() + 1);
  Id id = 0;
  char* const part = allocate(lay_out(plan, texts), id);
  const Head head{.bound = plan.bound,
                  .group = group,
                  .truncates = plan.truncates,
                  .converts = plan.converts,
                  .is_bucket = plan.is_bucket,
                  .examples = 0};
  put(put(part, &head, sizeof head), texts.data(), texts.size() * sizeof(SinkText));
  for (std::size_t i = 0; i < plan.sinks.size(); ++i) {
    char* const text = part + texts[i].at;
    put_repairs(text - texts[i].repairs * sizeof(std::uint32_t), plan.sinks[i].repairs);
    put(text, plan.sinks[i].text.data(), plan.sinks[i].text.size());
  }
  put(part + texts.back().at, plan.origin.data(), plan.origin.size());
  return id;
}

PartArena::Id PartArena::copy(const PartArena& from, Id id, std::size_t sinks) {
  const PartView part = from.at(id);
  const std::size_t bytes = part_bytes(part, sinks);
  Id copied = 0;
  put(allocate(bytes, copied), part.bytes(), bytes);
  return copied;
}

char* PartArena::allocate(std::size_t bytes, Id& id) {
  const std::size_t units = (bytes + kUnit - 1) / kUnit;
  if (next_unit_ + units > end_unit_) add_chunks((units + kUnitsPerChunk) / kUnitsPerChunk);
  FEDWAVE_CHECK(next_unit_ + units <= UINT32_MAX);
  id = static_cast<Id>(next_unit_);
  next_unit_ += units;
  return chunks_[id / kUnitsPerChunk] + (id % kUnitsPerChunk) * kUnit;
}

void PartArena::add_chunks(std::size_t count) {
  memory_.push_back(std::make_unique_for_overwrite<char[]>(count * kChunkBytes + kPartSlackBytes));
  next_unit_ = chunks_.size() * kUnitsPerChunk + 1;  // so that no Id is 0
  for (std::size_t i = 0; i < count; ++i) chunks_.push_back(memory_.back().get() + i * kChunkBytes);
  end_unit_ = chunks_.size() * kUnitsPerChunk;
}

}  // namespace fedwave::relay
