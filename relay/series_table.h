// Remembers what was decided about every series of one target: `name{labels}` is the same bytes in
// every scrape, so its hash finds an entry with the verdict and the rendered line per sink. A known
// series thus costs a hash, a look-up and a copy. Owned by one target, used by the worker that
// scrapes it; no locks. Entries unseen for a few scrapes are evicted and their memory given back.
//
// Keys are 128-bit hashes with a seed of the process's own: two different series under one key is
// out of the question in practice, and nobody can prepare a page that makes it happen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "parsers/sample.h"
#include "relay/base/hash.h"
#include "relay/series_stages.h"

namespace fedwave::relay {

inline constexpr std::int64_t kNeverSent = INT64_MIN;

// One sink's part of a record: the verdict and the text before the value and after the timestamp.
struct RecordLine {
  Verdict verdict;
  std::string_view head;
  std::string_view tail;
};

// Reads a record: fixed part, then one RecordLine per sink. Good until the table changes.
class RecordView {
 public:
  explicit RecordView(const char* bytes) : at_(bytes) {}
  struct Fixed {
    bool truncate;
    bool convert;
    bool is_bucket;
    bool kept_anywhere;
    std::uint32_t group;
    double bound;
  };
  Fixed fixed();
  RecordLine next();  // as many times as there are sinks

 private:
  const char* at_;
};

struct SeriesEntry {
  std::uint64_t key_low = 0;
  std::uint64_t key_high = 0;
  std::int64_t last_timestamp_ms = kNeverSent;
  std::uint32_t last_seen = 0;
  std::uint32_t record = 0;  // in units of 8 bytes in the arena; 0 marks an empty slot
};

class SeriesTable {
 public:
  using Key = base::Hash128;

  explicit SeriesTable(std::size_t sink_count);

  [[nodiscard]] static Key key_of(std::string_view series, parsers::SampleKind kind);

  // Null when the series is unknown. The pointer is good until the next insert or evict.
  SeriesEntry* find(const Key& key);
  SeriesEntry& insert(const Key& key, const SeriesPlan& plan, std::uint32_t group);
  [[nodiscard]] RecordView record(const SeriesEntry& entry) const;

  // Throws out what was last seen before `oldest`, once that is worth the copying of the
  // rest; true when it was.
  bool evict(std::uint32_t oldest);

  void clear();

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const;

 private:
  char* allocate(std::size_t bytes, std::uint32_t& record);
  [[nodiscard]] std::size_t record_bytes(const SeriesEntry& entry) const;
  SeriesEntry& empty_slot(const Key& key);
  void rehash(std::size_t slots);

  const std::size_t sink_count_;
  std::vector<SeriesEntry> slots_;  // a power of two, at most three quarters full
  std::size_t size_ = 0;
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t chunk_used_ = 0;
};

}  // namespace fedwave::relay
