// What a source had sent of its series when an edit of the configuration came: the time of each
// one's last sample, and which sinks have had it. So that a sample that Prometheus repeats is not
// sent again after the edit, except to a sink that has not had it. Owned by the transform that
// takes over, until it has read a whole page; its worker's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "relay/series_table.h"
#include "relay/slot_table.h"

namespace fedwave::relay {

class SentBefore {
 public:
  // `sinks`: the names of those that there are now; at most 31, and a configuration has fewer.
  explicit SentBefore(std::vector<std::string> sinks);

  // All series of a table, which was for these sinks.
  void add(const SeriesTable& table, const std::vector<std::string>& sinks);
  // What another one knows beyond that.
  void add(const SentBefore& earlier);

  struct Sent {
    std::int64_t timestamp_ms = kNeverSent;
    std::uint32_t sinks = 0;  // a bit for each that has had it
    [[nodiscard]] bool has_had_it(std::size_t sink) const { return (sinks >> sink & 1) != 0; }
  };
  [[nodiscard]] Sent find(const SeriesTable::Key& key);

 private:
  static constexpr std::size_t kSinksMax = 31;
  static constexpr std::uint32_t kUsed = std::uint32_t{1} << kSinksMax;

  struct Slot {
    std::uint64_t key_low;
    std::uint32_t key_high;
    std::uint32_t sinks;  // with kUsed
    std::int64_t timestamp_ms;
    [[nodiscard]] bool is_empty() const { return sinks == 0; }
  };

  // For each sink that there is now which one of those it was; kNone for a new one.
  static constexpr std::size_t kNone = SIZE_MAX;
  [[nodiscard]] std::vector<std::size_t> places_in(const std::vector<std::string>& sinks) const;
  template <class HasHadIt>
  void add(const Slot& slot, const std::vector<std::size_t>& places, HasHadIt has_had_it);

  std::vector<std::string> sinks_;
  SlotTable<Slot> series_;
};

}  // namespace fedwave::relay
