// The figures of the last hour, one entry every five seconds: what the page's plots show, the rates
// over the last minute, and what has lately been lost. Sources and sinks go by their names, since a
// new configuration may bring, move and remove them. An hour is kept, so that the memory is bounded
// by how many there are. add() from one thread (the status server's sampler), the rest from any.
// The clock outlives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/config.h"
#include "relay/base/clock.h"
#include "relay/pipeline_figures.h"

namespace fedwave::relay {

struct SourceHistory {
  std::vector<double> read_per_s;
  std::vector<std::int64_t> scrape_ms;  // -1 before the first scrape has ended
  std::vector<bool> is_up;
};

struct SinkHistory {
  std::vector<double> in_per_s;
  std::vector<double> out_per_s;
  std::vector<std::uint64_t> waiting;
};

// In the order of the configuration that was asked for, as all below.
struct LastHour {
  std::vector<std::int64_t> at_ms;  // wall time
  std::vector<SourceHistory> sources;
  std::vector<SinkHistory> sinks;
};

// Per second, averaged over a minute or so: a whole number of scrapes each, see History.
struct Rates {
  struct Sink {
    double in = 0;
    double out = 0;
  };
  std::vector<double> read;  // by source
  std::vector<Sink> sinks;
  std::int64_t interval_ms = 0;  // the longest time over which any of them is averaged
};

// What has been counted within the last ten minutes.
struct RecentCounts {
  struct Source {
    std::uint64_t missed = 0;
    std::uint64_t malformed = 0;
  };
  struct Sink {
    std::uint64_t expired = 0;
    std::uint64_t quarantined = 0;
  };
  std::vector<Source> sources;
  std::vector<Sink> sinks;
};

// A scrape brings its samples all at once, so a rate is taken over so many entries that they hold
// the same number of scrapes each time: by the interval of the source, for a sink by the longest of
// any source.
class History {
 public:
  static constexpr std::int64_t kIntervalMs = 5'000;
  static constexpr std::size_t kEntriesMax = 720;
  static constexpr std::int64_t kRecentMs = 600'000;

  explicit History(const base::Clock& clock);

  void add(const PipelineFigures& figures);

  [[nodiscard]] LastHour last_hour(const config::Config& config) const;
  [[nodiscard]] Rates rates(const config::Config& config) const;
  [[nodiscard]] RecentCounts recent(const PipelineFigures& now) const;

 private:
  struct SourceEntry {
    std::uint64_t read = 0;
    std::uint64_t missed = 0;
    std::uint64_t malformed = 0;
    std::int64_t scrape_ms = -1;
    bool is_up = false;
  };
  struct SinkEntry {
    std::uint64_t in = 0;
    std::uint64_t out = 0;
    std::uint64_t waiting = 0;
    std::uint64_t expired = 0;
    std::uint64_t quarantined = 0;
  };
  // Shared by all entries between two configurations.
  struct Names {
    std::vector<std::string> sources;
    std::vector<std::string> sinks;
    bool operator==(const Names&) const = default;
  };
  // All counts are since the source or the sink began.
  struct Entry {
    std::int64_t at_ms = 0;      // wall time
    std::int64_t steady_ms = 0;  // what rates are taken by
    std::shared_ptr<const Names> names;
    std::vector<SourceEntry> sources;
    std::vector<SinkEntry> sinks;
  };
  // What the entries have of one source or sink.
  template <class Item>
  class Column;

  static Entry entry_of(const PipelineFigures& figures);
  [[nodiscard]] const Entry& entry_locked(std::size_t index) const;
  [[nodiscard]] const Entry& base_locked(std::size_t index, std::size_t slots) const;
  // How much `count` of the item grew in a second, over `slots` entries up to that of `index`.
  template <class Item>
  [[nodiscard]] double rate_locked(std::size_t index, std::size_t slots, const Column<Item>& column,
                                   std::uint64_t Item::*count) const;
  void add_source_locked(LastHour& hour, const config::Source& source) const;
  void add_sink_locked(LastHour& hour, const std::string& sink, std::size_t slots) const;

  const base::Clock& clock_;
  const Entry zero_;  // what the process began with
  mutable std::mutex mutex_;
  std::vector<Entry> ring_;
  std::size_t next_ = 0;   // the place in the ring of the next entry
  std::size_t count_ = 0;  // entries that there are
};

}  // namespace fedwave::relay
