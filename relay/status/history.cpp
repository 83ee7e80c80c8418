#include "relay/status/history.h"

#include <algorithm>
#include <utility>

#include "relay/status/all_sources.h"

namespace fedwave::relay {
namespace {

constexpr std::size_t kMinuteSlots = 60'000 / History::kIntervalMs;
constexpr std::size_t kSlotsMax = 900'000 / History::kIntervalMs;
// Beyond the hour, so that its first entries have something to compare with.
constexpr std::size_t kRingEntries = History::kEntriesMax + kSlotsMax;

// The fewest entries, within two minutes, that always hold the same number of scrapes. An interval
// that never meets the entries gets a minute, or itself if it is longer.
std::size_t slots_for(const config::Source& source) {
  const std::int64_t interval_ms = std::max<std::int64_t>(source.interval_ms, 1);
  for (std::size_t slots = 2; slots <= 2 * kMinuteSlots; ++slots) {
    const auto span_ms = static_cast<std::int64_t>(slots) * History::kIntervalMs;
    if (span_ms % interval_ms == 0) return slots;
  }
  const auto needed = (interval_ms + History::kIntervalMs - 1) / History::kIntervalMs;
  return std::clamp(static_cast<std::size_t>(needed), kMinuteSlots, kSlotsMax);
}

std::size_t sink_slots(const config::Config& config) {
  std::size_t most = 1;
  for (const config::Source* source : all_sources(config))
    most = std::max(most, slots_for(*source));
  return most;
}

// What is smaller than before has begun anew: an edit has made another one of the same name.
std::uint64_t growth(std::uint64_t now, std::uint64_t before) {
  return now >= before ? now - before : now;
}

}  // namespace

// Looks an item up by its name, which is at the same place in all entries of one configuration.
template <class Item>
class History::Column {
 public:
  Column(std::string name, std::vector<std::string> Names::*names, std::vector<Item> Entry::*items)
      : name_(std::move(name)), names_(names), items_(items) {}

  // An item of zeros where the entry has none of that name.
  const Item& in(const Entry& entry) const {
    if (entry.names.get() != seen_) find(entry);
    const auto& items = entry.*items_;
    return place_ < items.size() ? items[place_] : none_;
  }

 private:
  void find(const Entry& entry) const {
    seen_ = entry.names.get();
    place_ = static_cast<std::size_t>(-1);
    if (seen_ == nullptr) return;
    const auto& names = seen_->*names_;
    const auto found = std::find(names.begin(), names.end(), name_);
    if (found != names.end()) place_ = static_cast<std::size_t>(found - names.begin());
  }

  const std::string name_;
  std::vector<std::string> Names::*const names_;
  std::vector<Item> Entry::*const items_;
  const Item none_{};
  mutable const Names* seen_ = nullptr;
  mutable std::size_t place_ = static_cast<std::size_t>(-1);
};

History::History(const base::Clock& clock) : clock_(clock), ring_(kRingEntries) {}

History::Entry History::entry_of(const PipelineFigures& figures) {
  Entry entry;
  Names names;
  for (const SourceFigures& source : figures.sources) {
    names.sources.push_back(source.name);
    entry.sources.push_back({.read = source.counts.read,
                             .missed = source.missed,
                             .malformed = source.counts.malformed_total(),
                             .scrape_ms = source.last_start_ms > 0 ? source.last_duration_ms : -1,
                             .is_up = source.is_up()});
  }
  for (const SinkFigures& sink : figures.sinks) {
    names.sinks.push_back(sink.name);
    const sinks::SpoolFigures& spool = sink.spool;
    entry.sinks.push_back({.in = spool.points_spooled,
                           .out = spool.points_delivered,
                           .waiting = spool.points_waiting,
                           .expired = spool.points_expired(),
                           .quarantined = spool.points_quarantined});
  }
  entry.names = std::make_shared<const Names>(std::move(names));
  return entry;
}

void History::add(const PipelineFigures& figures) {
  Entry entry = entry_of(figures);
  entry.at_ms = clock_.wall_ms();
  entry.steady_ms = clock_.steady_ms();
  const std::lock_guard lock(mutex_);
  if (count_ > 0) {
    const auto& before = entry_locked(count_ - 1).names;
    if (*before == *entry.names) entry.names = before;
  }
  ring_[next_] = std::move(entry);
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

template <class Item>
double History::rate_locked(std::size_t index, std::size_t slots, const Column<Item>& column,
                            std::uint64_t Item::*count) const {
  const Entry& entry = entry_locked(index);
  const Entry& base = base_locked(index, slots);
  // The time since the start is shorter, but the first scrape comes at once.
  std::int64_t span_ms = static_cast<std::int64_t>(slots) * kIntervalMs;
  if (&base != &zero_) span_ms = std::max(span_ms, entry.steady_ms - base.steady_ms);
  const std::uint64_t before = column.in(base).*count;
  return static_cast<double>(growth(column.in(entry).*count, before)) * 1000 /
         static_cast<double>(span_ms);
}

void History::add_source_locked(LastHour& hour, const config::Source& config) const {
  const std::size_t slots = slots_for(config);
  const Column<SourceEntry> column(config.name, &Names::sources, &Entry::sources);
  SourceHistory source;
  for (std::size_t i = count_ - hour.at_ms.size(); i < count_; ++i) {
    source.read_per_s.push_back(rate_locked(i, slots, column, &SourceEntry::read));
    const SourceEntry& entry = column.in(entry_locked(i));
    source.scrape_ms.push_back(entry.scrape_ms);
    source.is_up.push_back(entry.is_up);
  }
  hour.sources.push_back(std::move(source));
}

void History::add_sink_locked(LastHour& hour, const std::string& name, std::size_t slots) const {
  const Column<SinkEntry> column(name, &Names::sinks, &Entry::sinks);
  SinkHistory sink;
  for (std::size_t i = count_ - hour.at_ms.size(); i < count_; ++i) {
    sink.in_per_s.push_back(rate_locked(i, slots, column, &SinkEntry::in));
    sink.out_per_s.push_back(rate_locked(i, slots, column, &SinkEntry::out));
    sink.waiting.push_back(column.in(entry_locked(i)).waiting);
  }
  hour.sinks.push_back(std::move(sink));
}

LastHour History::last_hour(const config::Config& config) const {
  LastHour hour;
  const std::size_t slots = sink_slots(config);
  const std::lock_guard lock(mutex_);
  for (std::size_t i = count_ - std::min(count_, kEntriesMax); i < count_; ++i) {
    hour.at_ms.push_back(entry_locked(i).at_ms);
  }
  for (const config::Source* source : all_sources(config)) add_source_locked(hour, *source);
  for (const config::Sink& sink : config.sinks) add_sink_locked(hour, sink.name, slots);
  return hour;
}

Rates History::rates(const config::Config& config) const {
  const auto sources = all_sources(config);
  const std::size_t slots = sink_slots(config);
  Rates rates;
  rates.read.resize(sources.size());
  rates.sinks.resize(config.sinks.size());
  rates.interval_ms = static_cast<std::int64_t>(slots) * kIntervalMs;
  const std::lock_guard lock(mutex_);
  if (count_ == 0) return rates;
  const std::size_t last = count_ - 1;
  for (std::size_t s = 0; s < sources.size(); ++s) {
    const Column<SourceEntry> column(sources[s]->name, &Names::sources, &Entry::sources);
    rates.read[s] = rate_locked(last, slots_for(*sources[s]), column, &SourceEntry::read);
  }
  for (std::size_t s = 0; s < config.sinks.size(); ++s) {
    const Column<SinkEntry> column(config.sinks[s].name, &Names::sinks, &Entry::sinks);
    rates.sinks[s] = {.in = rate_locked(last, slots, column, &SinkEntry::in),
                      .out = rate_locked(last, slots, column, &SinkEntry::out)};
  }
  return rates;
}

RecentCounts History::recent(const PipelineFigures& now) const {
  const Entry entry = entry_of(now);
  const std::lock_guard lock(mutex_);
  const Entry& base = base_locked(count_, kRecentMs / kIntervalMs);
  RecentCounts recent;
  for (std::size_t s = 0; s < entry.sources.size(); ++s) {
    const Column<SourceEntry> column(now.sources[s].name, &Names::sources, &Entry::sources);
    const SourceEntry& before = column.in(base);
    recent.sources.push_back({.missed = growth(entry.sources[s].missed, before.missed),
                              .malformed = growth(entry.sources[s].malformed, before.malformed)});
  }
  for (std::size_t s = 0; s < entry.sinks.size(); ++s) {
    const Column<SinkEntry> column(now.sinks[s].name, &Names::sinks, &Entry::sinks);
    const SinkEntry& before = column.in(base);
    recent.sinks.push_back({.expired = growth(entry.sinks[s].expired, before.expired),
                            .quarantined = growth(entry.sinks[s].quarantined, before.quarantined)});
  }
  return recent;
}

}  // namespace fedwave::relay
