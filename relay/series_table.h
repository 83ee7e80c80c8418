// Remembers what was decided about every series of one target: `name{labels}` is the same bytes in
// every scrape, so its hash finds an entry that leads to the verdicts and the rendered line per
// sink. A known series thus costs a hash, a look-up and a copy. Owned by one target, used by the
// worker that scrapes it; no locks. Entries unseen for a few scrapes are evicted and their memory
// given back.
//
// Keys are hashes with a secret of the process's own: two different series under one key is out of
// the question in practice, and nobody can prepare a page that makes it happen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "parsers/sample.h"
#include "relay/base/hash.h"
#include "relay/series_parts.h"
#include "relay/slot_table.h"

namespace fedwave::relay {

inline constexpr std::int64_t kNeverSent = INT64_MIN;

struct SeriesEntry {
  std::uint64_t key_low;
  std::uint32_t key_high;
  std::uint32_t last_seen;
  std::int64_t last_timestamp_ms;
  PartArena::Id name;
  PartArena::Id labels;

  [[nodiscard]] bool is_empty() const { return name == 0; }
};

class SeriesTable {
 public:
  using Key = base::Hash128;

  explicit SeriesTable(std::size_t sink_count) : sink_count_(sink_count) {}

  [[nodiscard]] static Key key_of(std::string_view series, parsers::SampleKind kind) {
    return base::seeded_hash128(series, static_cast<std::uint64_t>(kind));
  }

  void prefetch(const Key& key) const { series_.prefetch(key); }
  void prefetch_labels(const SeriesEntry& entry) const { parts_.prefetch(entry.labels); }

  // Null when the series is unknown. The pointer is good until the next insert or evict.
  SeriesEntry* find(const Key& key) { return series_.find(key); }
  SeriesEntry& insert(const Key& key, PartArena::Id name, PartArena::Id labels);

  [[nodiscard]] PartView part(PartArena::Id id) const { return parts_.at(id); }

  // The parts that series share, by keys of the caller's making; 0 for one that is not there.
  PartArena::Id find_part(const Key& key);
  PartArena::Id insert_part(const Key& key, const PartPlan& plan);
  // One that belongs to a single series.
  PartArena::Id insert_own_part(const PartPlan& plan, std::uint32_t group);

  // One series for each thing that becomes of those of a name, for surveys.
  struct Example {
    std::string series;  // empty where it is very long
    parsers::SampleKind kind = parsers::SampleKind::Untyped;
  };
  using Examples = std::map<Verdict, Example>;

  // Does nothing when there is one, or when there are very many.
  void note_example(PartArena::Id name, Verdict verdict, std::string_view series,
                    parsers::SampleKind kind);
  // Of a name's part; null when there is none.
  [[nodiscard]] const Examples* examples(const PartView& name) const;

  // Throws out what was last seen before `oldest`, once that is worth the copying of the rest; true
  // when it was.
  bool evict(std::uint32_t oldest);

  template <class Visit>
  void each(Visit visit) const {
    series_.each(visit);
  }

  void clear() { *this = SeriesTable(sink_count_); }

  [[nodiscard]] std::size_t size() const { return series_.size(); }
  [[nodiscard]] std::size_t bytes() const {
    return series_.bytes() + shared_.bytes() + parts_.bytes();
  }

 private:
  struct PartEntry {
    std::uint64_t key_low;
    std::uint32_t key_high;
    PartArena::Id part;

    [[nodiscard]] bool is_empty() const { return part == 0; }
  };

  std::size_t sink_count_;
  SlotTable<SeriesEntry> series_;
  SlotTable<PartEntry> shared_;  // which part has which key
  PartArena parts_;
  std::unordered_map<std::string, Examples> examples_;  // by the parts' origins
};

}  // namespace fedwave::relay
