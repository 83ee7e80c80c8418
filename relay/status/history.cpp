#include "relay/status/history.h"

#include <algorithm>

#include "relay/status/all_sources.h"

namespace fedwave::relay {
namespace {

constexpr std::size_t kMinuteSlots = 60'000 / History::kIntervalMs;
constexpr std::size_t kSlotsMax = 900'000 / History::kIntervalMs;
// Beyond the hour, so that its first entries have something to compare with.
constexpr std::size_t kRingEntries = History::kEntriesMax + kSlotsMax;

// The fewest entries, within two minutes, that always hold the same number of scrapes. An interval
// that never meets the entries gets a minute, or itself if it is longer.
std::size_t slots_for(std::int64_t scrape_interval_ms) {
  for (std::size_t slots = 2; slots <= 2 * kMinuteSlots; ++slots) {
    const auto span_ms = static_cast<std::int64_t>(slots) * History::kIntervalMs;
    if (span_ms % scrape_interval_ms == 0) return slots;
  }
  const auto needed = (scrape_interval_ms + History::kIntervalMs - 1) / History::kIntervalMs;
  return std::clamp(static_cast<std::size_t>(needed), kMinuteSlots, kSlotsMax);
}

}  // namespace

History::History(const config::Config& config, const base::Clock& clock) : clock_(clock) {
  for (const config::Source* source : all_sources(config)) {
    source_slots_.push_back(slots_for(std::max<std::int64_t>(source->interval_ms, 1)));
    sink_slots_ = std::max(sink_slots_, source_slots_.back());
  }
  zero_.sources.resize(source_slots_.size());
  zero_.sinks.resize(config.sinks.size());
  ring_.assign(kRingEntries, zero_);
}

void History::fill(Entry& entry, const PipelineFigures& figures) {
  for (std::size_t i = 0; i < std::min(entry.sources.size(), figures.sources.size()); ++i) {
    const SourceFigures& source = figures.sources[i];
    const bool has_ended = source.last_start_ms > 0;
    entry.sources[i] = {.read = source.counts.read,
                        .missed = source.missed,
                        .malformed = source.counts.malformed_total(),
                        .scrape_ms = has_ended ? source.last_duration_ms : -1,
                        .is_up = has_ended && source.last_error.empty()};
  }
  for (std::size_t i = 0; i < std::min(entry.sinks.size(), figures.sinks.size()); ++i) {
    const sinks::SpoolFigures& spool = figures.sinks[i].spool;
    entry.sinks[i] = {.in = spool.points_spooled,
                      .out = spool.points_delivered,
                      .waiting = spool.points_waiting,
                      .expired = spool.points_expired(),
                      .quarantined = spool.points_quarantined};
  }
}

void History::add(const PipelineFigures& figures) {
  const std::lock_guard lock(mutex_);
  Entry& entry = ring_[next_];
  entry.at_ms = clock_.wall_ms();
  entry.steady_ms = clock_.steady_ms();
  fill(entry, figures);
  next_ = (next_ + 1) % ring_.size();
  count_ = std::min(count_ + 1, ring_.size());
}

// Counted from the oldest.
const History::Entry& History::entry_locked(std::size_t index) const {
  return ring_[(next_ + ring_.size() - count_ + index) % ring_.size()];
}

// What to compare with. A ring that is not full yet goes back to the start of the process.
const History::Entry& History::base_locked(std::size_t index, std::size_t slots) const {
  if (index >= slots) return entry_locked(index - slots);
  return count_ < ring_.size() ? zero_ : entry_locked(0);
}

template <class Count>
double History::rate_locked(std::size_t index, std::size_t slots, const Count& count) const {
  const Entry& entry = entry_locked(index);
  const Entry& base = base_locked(index, slots);
  // The time since the start is shorter, but the first scrape comes at once.
  std::int64_t span_ms = static_cast<std::int64_t>(slots) * kIntervalMs;
  if (&base != &zero_) span_ms = std::max(span_ms, entry.steady_ms - base.steady_ms);
  return static_cast<double>(count(entry) - count(base)) * 1000 / static_cast<double>(span_ms);
}

LastHour History::last_hour() const {
  LastHour hour;
  hour.sources.resize(zero_.sources.size());
  hour.sinks.resize(zero_.sinks.size());
  const std::lock_guard lock(mutex_);
  for (std::size_t i = count_ - std::min(count_, kEntriesMax); i < count_; ++i) {
    const Entry& entry = entry_locked(i);
    hour.at_ms.push_back(entry.at_ms);
    for (std::size_t s = 0; s < hour.sources.size(); ++s) {
      SourceHistory& source = hour.sources[s];
      source.read_per_s.push_back(
          rate_locked(i, source_slots_[s], [s](const Entry& e) { return e.sources[s].read; }));
      source.scrape_ms.push_back(entry.sources[s].scrape_ms);
      source.is_up.push_back(entry.sources[s].is_up);
    }
    for (std::size_t s = 0; s < hour.sinks.size(); ++s) {
      SinkHistory& sink = hour.sinks[s];
      sink.in_per_s.push_back(
          rate_locked(i, sink_slots_, [s](const Entry& e) { return e.sinks[s].in; }));
      sink.out_per_s.push_back(
          rate_locked(i, sink_slots_, [s](const Entry& e) { return e.sinks[s].out; }));
      sink.waiting.push_back(entry.sinks[s].waiting);
    }
  }
  return hour;
}

Rates History::rates() const {
  Rates rates;
  rates.read.resize(zero_.sources.size());
  rates.sinks.resize(zero_.sinks.size());
  rates.interval_ms = static_cast<std::int64_t>(sink_slots_) * kIntervalMs;
  const std::lock_guard lock(mutex_);
  if (count_ == 0) return rates;
  const std::size_t last = count_ - 1;
  for (std::size_t s = 0; s < rates.read.size(); ++s) {
    rates.read[s] =
        rate_locked(last, source_slots_[s], [s](const Entry& e) { return e.sources[s].read; });
  }
  for (std::size_t s = 0; s < rates.sinks.size(); ++s) {
    rates.sinks[s] = {
        .in = rate_locked(last, sink_slots_, [s](const Entry& e) { return e.sinks[s].in; }),
        .out = rate_locked(last, sink_slots_, [s](const Entry& e) { return e.sinks[s].out; })};
  }
  return rates;
}

RecentCounts History::recent(const PipelineFigures& now) const {
  Entry entry = zero_;
  fill(entry, now);
  const std::lock_guard lock(mutex_);
  const Entry& base = base_locked(count_, kRecentMs / kIntervalMs);
  RecentCounts recent;
  for (std::size_t s = 0; s < entry.sources.size(); ++s) {
    recent.sources.push_back({.missed = entry.sources[s].missed - base.sources[s].missed,
                              .malformed = entry.sources[s].malformed - base.sources[s].malformed});
  }
  for (std::size_t s = 0; s < entry.sinks.size(); ++s) {
    recent.sinks.push_back({.expired = entry.sinks[s].expired - base.sinks[s].expired,
                            .quarantined = entry.sinks[s].quarantined - base.sinks[s].quarantined});
  }
  return recent;
}

}  // namespace fedwave::relay
