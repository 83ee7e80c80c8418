#include "relay/series_table.h"

#include <vector>

namespace fedwave::relay {
namespace {

constexpr std::size_t kExampledNamesMax = 10'000;
// Nobody wants to read a longer one.
constexpr std::size_t kExampleBytesMax = 2048;

}  // namespace

SeriesEntry& SeriesTable::insert(const Key& key, PartArena::Id name, PartArena::Id labels) {
  SeriesEntry& entry = series_.add(key);
  entry.last_timestamp_ms = kNeverSent;
  entry.name = name;
  entry.labels = labels;
  return entry;
}

PartArena::Id SeriesTable::find_part(const Key& key) {
  const PartEntry* entry = shared_.find(key);
  return entry == nullptr ? 0 : entry->part;
}

PartArena::Id SeriesTable::insert_part(const Key& key, const PartPlan& plan) {
  const PartArena::Id part = parts_.add(plan);
  shared_.add(key).part = part;
  return part;
}

PartArena::Id SeriesTable::insert_own_part(const PartPlan& plan, std::uint32_t group) {
  return parts_.add(plan, group);
}

void SeriesTable::note_example(PartArena::Id name, Verdict verdict, std::string_view series,
                               parsers::SampleKind kind) {
  const PartView part = parts_.at(name);
  if ((part.head().examples & example_bit(verdict)) != 0) return;
  if (examples_.size() >= kExampledNamesMax) return;
  if (series.size() > kExampleBytesMax) series = {};
  parts_.note_example(name, verdict);
  examples_[std::string(part.origin(sink_count_))].try_emplace(verdict,
                                                               Example{std::string(series), kind});
}

const SeriesTable::Examples* SeriesTable::examples(const PartView& name) const {
  const auto found = examples_.find(std::string(name.origin(sink_count_)));
  return found == examples_.end() ? nullptr : &found->second;
}

bool SeriesTable::evict(std::uint32_t oldest) {
  std::size_t kept = 0;
  series_.each([&](const SeriesEntry& entry) { kept += entry.last_seen >= oldest ? 1U : 0U; });
  if (kept * 4 > size() * 3) return false;  // less than a quarter is gone
  SlotTable<SeriesEntry> series(kept);
  PartArena parts;
  std::unordered_map<std::string, Examples> examples;
  std::unordered_map<PartArena::Id, PartArena::Id> moved;
  const auto move = [&](PartArena::Id& part) {
    const auto [known, is_new] = moved.try_emplace(part, 0);
    if (is_new) known->second = parts.copy(parts_, part, sink_count_);
    part = known->second;
    return is_new;
  };
  const auto keep_examples = [&](std::string_view name) {
    const auto found = examples_.find(std::string(name));
    if (found != examples_.end()) examples.insert(examples_.extract(found));
  };
  series_.each([&](SeriesEntry entry) {
    if (entry.last_seen < oldest) return;
    const std::string_view name = parts_.at(entry.name).origin(sink_count_);
    if (move(entry.name)) keep_examples(name);
    move(entry.labels);
    series.adopt(entry);
  });
  SlotTable<PartEntry> shared(moved.size());
  shared_.each([&](PartEntry entry) {
    const auto known = moved.find(entry.part);
    if (known == moved.end()) return;
    entry.part = known->second;
    shared.adopt(entry);
  });
  series_ = std::move(series);
  shared_ = std::move(shared);
  parts_ = std::move(parts);
  examples_ = std::move(examples);
  return true;
}

}  // namespace fedwave::relay
