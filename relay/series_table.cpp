#include "relay/series_table.h"

#include <vector>

namespace fedwave::relay {
namespace {

constexpr std::size_t kKeptExamplesMax = 10'000;

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

void SeriesTable::note_kept_example(PartArena::Id name_part, std::string_view name,
                                    std::string_view series) {
  if (part(name_part).origin(sink_count_) == series) {
    parts_.set_kept_example(name_part, KeptExample::Origin);
    return;
  }
  if (kept_examples_.size() >= kKeptExamplesMax) return;
  parts_.set_kept_example(name_part, KeptExample::Elsewhere);
  kept_examples_[std::string(name)] = series;
}

std::string SeriesTable::kept_example(const std::string& name) const {
  const auto found = kept_examples_.find(name);
  return found == kept_examples_.end() ? std::string() : found->second;
}

bool SeriesTable::evict(std::uint32_t oldest) {
  std::size_t kept = 0;
  series_.each([&](const SeriesEntry& entry) { kept += entry.last_seen >= oldest ? 1U : 0U; });
  if (kept * 4 > size() * 3) return false;  // less than a quarter is gone
  SlotTable<SeriesEntry> series(kept);
  PartArena parts;
  std::unordered_map<PartArena::Id, PartArena::Id> moved;
  const auto move = [&](PartArena::Id& part) {
    const auto [known, is_new] = moved.try_emplace(part, 0);
    if (is_new) known->second = parts.copy(parts_, part, sink_count_);
    part = known->second;
  };
  series_.each([&](SeriesEntry entry) {
    if (entry.last_seen < oldest) return;
    move(entry.name);
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
  return true;
}

}  // namespace fedwave::relay
