#include "relay/sent_before.h"

#include <algorithm>
#include <utility>

#include "relay/base/check.h"

namespace fedwave::relay {

SentBefore::SentBefore(std::vector<std::string> sinks) : sinks_(std::move(sinks)) {
  FEDWAVE_CHECK(sinks_.size() <= kSinksMax);
}

std::vector<std::size_t> SentBefore::places_in(const std::vector<std::string>& sinks) const {
  std::vector<std::size_t> places;
  for (const std::string& name : sinks_) {
    const auto found = std::find(sinks.begin(), sinks.end(), name);
    places.push_back(found == sinks.end() ? kNone
                                          : static_cast<std::size_t>(found - sinks.begin()));
  }
  return places;
}

template <class HasHadIt>
void SentBefore::add(const Slot& slot, const std::vector<std::size_t>& places,
                     HasHadIt has_had_it) {
  if (series_.find({slot.key_low, slot.key_high}) != nullptr) return;
  Slot added = slot;
  added.sinks = kUsed;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] != kNone && has_had_it(places[i])) added.sinks |= std::uint32_t{1} << i;
  }
  series_.adopt(added);
}

void SentBefore::add(const SeriesTable& table, const std::vector<std::string>& sinks) {
  const std::vector<std::size_t> places = places_in(sinks);
  table.each([&](const SeriesEntry& entry) {
    if (entry.last_timestamp_ms == kNeverSent) return;
    const PartView name = table.part(entry.name);
    const PartView labels = table.part(entry.labels);
    add(Slot{entry.key_low, entry.key_high, 0, entry.last_timestamp_ms}, places,
        [&](std::size_t sink) { return line_verdict(name, labels, sink) == Verdict::Kept; });
  });
}

void SentBefore::add(const SentBefore& earlier) {
  const std::vector<std::size_t> places = places_in(earlier.sinks_);
  earlier.series_.each([&](const Slot& slot) {
    const Sent sent{slot.timestamp_ms, slot.sinks};
    add(slot, places, [&](std::size_t sink) { return sent.has_had_it(sink); });
  });
}

SentBefore::Sent SentBefore::find(const SeriesTable::Key& key) {
  const Slot* const slot = series_.find(key);
  return slot == nullptr ? Sent{} : Sent{slot->timestamp_ms, slot->sinks};
}

}  // namespace fedwave::relay
