#include "relay/pipeline.h"

#include <algorithm>
#include <bitset>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <queue>
#include <system_error>
#include <thread>

#include "relay/base/log.h"
#include "relay/count_text.h"
#include "relay/own_points.h"
#include "relay/scrape_schedule.h"
#include "relay/scraper.h"
#include "relay/sink_factory.h"
#include "sinks/block_writer.h"

namespace fedwave::relay {
namespace {

using base::LogLevel;
using std::chrono::milliseconds;

// A source may have any number of addresses; so many of them are scraped at the same time.
constexpr std::size_t kTargetsAtOnce = 8;

// The first own points say whether the sources are up.
constexpr std::int64_t kFirstOwnPointsMs = 5'000;

// A survey is made again at most so often, and takes at most this share of the time.
constexpr std::int64_t kSurveyPauseMs = 2'000;
constexpr std::int64_t kSurveyPausePerMs = 20;
// So long the one who asks waits for it; most are made in this time.
constexpr std::int64_t kSurveyWaitMs = 300;

// One set of block writers, one for each sink; lent to a scrape.
using WriterSet = std::vector<std::unique_ptr<sinks::BlockWriter>>;

struct SinkLine {
  std::string name;
  std::atomic<bool> cancelled = false;
  std::unique_ptr<sinks::Spool> spool;
  std::unique_ptr<sinks::Quarantine> quarantine;
  std::unique_ptr<sinks::Sender> sender;
};

// One address of a source; `busy` from the moment it is to be scraped until that is done.
struct TargetSlot {
  std::mutex in_use;  // held by the scrape, or by the survey
  std::unique_ptr<Target> target;
  bool busy = false;
  bool was_empty = false;
  std::optional<base::ErrorCode> failure;  // of the last scrape
  std::vector<bool> passes_nothing;        // by sink; told of
  TargetFigures figures;
};
using Slot = std::shared_ptr<TargetSlot>;

// The last survey of a source.
struct SurveyKept {
  std::shared_ptr<const Survey> survey;
  bool is_under_way = false;
  std::int64_t not_before_ms = 0;  // steady time
};

struct SourceLine {
  const config::Source* source = nullptr;
  std::unique_ptr<OwnPoints> own;  // instead of targets: the relay's own figures
  std::mutex own_in_use;           // as a target's
  std::int64_t offset_ms = 0;
  std::map<std::string, Slot> targets;  // by address; "" as the name resolves
  std::deque<Slot> waiting;             // for one of the places among kTargetsAtOnce
  std::size_t running = 0;
  bool had_several_addresses = false;
  SourceFigures figures;
  SurveyKept survey;
};

// What a worker does next: the schedule's tick of a source (target null), the scrape of one of its
// targets, or a survey of them. Due by the steady clock: a wall clock that is set back must not
// stop the scraping.
struct Job {
  std::int64_t due_ms = 0;
  SourceLine* source = nullptr;
  Slot target;
  bool surveys = false;
  bool operator<(const Job& other) const { return due_ms > other.due_ms; }  // earliest on top
};

// Says once for each reason which line of a target is malformed.
void log_malformed_lines(Target& target) {
  target.transform().on_malformed_line(
      [label = target.label(), told = std::bitset<parsers::kMalformedCount>()](
          std::uint64_t line, parsers::Malformed reason, std::string_view text) mutable {
        const auto index = static_cast<std::size_t>(reason);
        if (told.test(index)) return;
        told.set(index);
        base::log(LogLevel::Warn, "a malformed line is skipped; more of its kind are only counted",
                  {{"source", label},
                   {"line", line},
                   {"reason", parsers::malformed_text(reason)},
                   {"text", text}});
      });
}

}  // namespace

struct Pipeline::Impl {
  Impl(const config::Config& c, const base::Clock& k, base::HttpClientFactory f)
      : config(c), clock(k), make_client(f) {}

  void make_sinks();
  void make_sources();
  void add_source(const config::Source& source);
  void start();
  void work() noexcept;
  void add_worker_locked();
  void tick(SourceLine& line);
  std::vector<std::string> addresses_now(SourceLine& line) const;
  void add_new_targets(SourceLine& line, const std::vector<std::string>& addresses);
  void start_waiting_locked(SourceLine& line);
  void schedule_next_locked(SourceLine& line, std::int64_t start_ms);
  void scrape(SourceLine& line, TargetSlot& slot);
  void send_own(SourceLine& line);
  void note(SourceLine& line, TargetSlot& slot, const ScrapeResult& result);
  static void count_locked(SourceFigures& figures, const ScrapeResult& result);
  void log_if_nothing_passes(TargetSlot& slot, const ScrapeResult& result) const;
  static void log_scrape(const TargetSlot& slot, const ScrapeResult& result, bool is_news,
                         bool is_first_empty);
  WriterSet borrow_writers();
  template <class Use>
  void with_writers(Use use);
  void stop(std::int64_t grace_ms);
  [[nodiscard]] PipelineFigures figures() const;
  void make_survey(SourceLine& line);
  std::shared_ptr<const Survey> survey(SourceLine& line);

  const config::Config& config;
  const base::Clock& clock;
  const base::HttpClientFactory make_client;
  std::vector<std::unique_ptr<SinkLine>> sinks;
  std::vector<std::unique_ptr<SourceLine>> sources;
  std::atomic<bool> cancelled = false;

  mutable std::mutex mutex;  // guards everything below, and the lines' figures and targets
  std::condition_variable wake;
  std::condition_variable idle;
  std::condition_variable surveyed;
  std::priority_queue<Job> jobs;
  std::vector<WriterSet> writers;
  std::size_t workers_max = 0;
  std::size_t at_work = 0;
  bool stopping = false;
  bool stopped = false;
  std::vector<std::thread> workers;
};

void Pipeline::Impl::make_sinks() {
  for (const config::Sink& sink : config.sinks) {
    auto line = std::make_unique<SinkLine>();
    line->name = sink.name;
    line->spool = make_spool(sink, clock);
    line->quarantine = std::make_unique<sinks::Quarantine>(quarantine_options(sink));
    line->sender = std::make_unique<sinks::Sender>(
        sink.name, make_sink(sink, make_client, clock, &line->cancelled), *line->spool,
        *line->quarantine, line->cancelled, clock, sender_options(sink));
    sinks.push_back(std::move(line));
  }
}

void Pipeline::Impl::make_sources() {
  for (const config::Source& source : config.sources) add_source(source);
  if (config.internal_stats) {
    add_source(*config.internal_stats);
    sources.back()->own = std::make_unique<OwnPoints>(config, clock);
  }
  // Enough for every source to use all its places, its tick and a survey: nobody waits for another
  // source.
  workers_max = sources.size() * (kTargetsAtOnce + 2) + 1;
}

void Pipeline::Impl::add_source(const config::Source& source) {
  auto line = std::make_unique<SourceLine>();
  line->source = &source;
  line->offset_ms = schedule_offset_ms(source.name, source.interval_ms);
  line->figures.name = source.name;
  line->figures.counts = ScrapeCounts(sinks.size());
  sources.push_back(std::move(line));
}

void Pipeline::Impl::start() {
  const std::lock_guard lock(mutex);
  for (const auto& line : sources) {
    const std::int64_t first_in_ms =
        line->own ? std::min(line->source->interval_ms, kFirstOwnPointsMs) : 0;
    jobs.push({.due_ms = clock.steady_ms() + first_in_ms,
               .source = line.get(),
               .target = nullptr,
               .surveys = false});
  }
  add_worker_locked();
}

// There is always one worker more than there is work, up to the maximum.
void Pipeline::Impl::add_worker_locked() {
  if (stopping || workers.size() > at_work || workers.size() >= workers_max) return;
  try {
    workers.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    base::log(LogLevel::Error, "cannot start another thread; scrapes may be late",
              {{"error", error.what()}});
  }
}

void Pipeline::Impl::work() noexcept {
  std::unique_lock lock(mutex);
  while (!stopping) {
    if (jobs.empty()) {
      wake.wait(lock);
      continue;
    }
    const std::int64_t wait_ms = jobs.top().due_ms - clock.steady_ms();
    if (wait_ms > 0) {
      wake.wait_for(lock, milliseconds(wait_ms));
      continue;
    }
    const Job job = jobs.top();
    jobs.pop();
    ++at_work;
    add_worker_locked();
    lock.unlock();
    if (job.surveys) {
      make_survey(*job.source);
    } else if (job.target) {
      scrape(*job.source, *job.target);
    } else if (job.source->own) {
      send_own(*job.source);
    } else {
      tick(*job.source);
    }
    lock.lock();
    if (--at_work == 0) idle.notify_all();
  }
}

// Where to connect. A failed look-up changes nothing; and a source that has had several addresses
// keeps telling them apart when only one is left, so that its series keep their names.
std::vector<std::string> Pipeline::Impl::addresses_now(SourceLine& line) const {
  std::vector<std::string> found = resolve_targets(*line.source);
  if (found.size() > 1) line.had_several_addresses = true;
  if (line.had_several_addresses && !found.empty()) return found;
  std::vector<std::string> known;
  for (const auto& [address, slot] : line.targets) known.push_back(address);
  const bool keeps = line.had_several_addresses && !known.empty();
  return keeps ? known : std::vector<std::string>{""};
}

// Targets are made outside the lock: compiling their filters takes a while. Only the source's own
// tick changes its map, and there is one tick of a source at a time.
void Pipeline::Impl::add_new_targets(SourceLine& line, const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    if (line.targets.contains(address)) continue;
    auto slot = std::make_shared<TargetSlot>();
    slot->target = std::make_unique<Target>(config, *line.source, address, make_client(), clock);
    slot->figures.address = address;
    log_malformed_lines(*slot->target);
    const std::lock_guard lock(mutex);
    line.targets.emplace(address, std::move(slot));
  }
}

void Pipeline::Impl::start_waiting_locked(SourceLine& line) {
  while (!line.waiting.empty() && line.running < kTargetsAtOnce) {
    ++line.running;
    jobs.push({.due_ms = clock.steady_ms(),
               .source = &line,
               .target = std::move(line.waiting.front()),
               .surveys = false});
    line.waiting.pop_front();
  }
  wake.notify_all();
}

void Pipeline::Impl::tick(SourceLine& line) {
  const std::int64_t start_ms = clock.wall_ms();
  const std::vector<std::string> addresses = addresses_now(line);
  add_new_targets(line, addresses);
  const std::lock_guard lock(mutex);
  std::erase_if(line.targets, [&](const auto& entry) {
    return !entry.second->busy &&
           std::find(addresses.begin(), addresses.end(), entry.first) == addresses.end();
  });
  for (const std::string& address : addresses) {
    const Slot& slot = line.targets[address];
    if (slot->busy) {
      ++line.figures.missed;
      continue;
    }
    slot->busy = true;
    line.waiting.push_back(slot);
  }
  start_waiting_locked(line);
  schedule_next_locked(line, start_ms);
}

void Pipeline::Impl::schedule_next_locked(SourceLine& line, std::int64_t start_ms) {
  const std::int64_t next_ms = next_scrape_ms(start_ms, line.offset_ms, line.source->interval_ms);
  jobs.push({.due_ms = clock.steady_ms() + std::max<std::int64_t>(next_ms - clock.wall_ms(), 0),
             .source = &line,
             .target = nullptr,
             .surveys = false});
}

WriterSet Pipeline::Impl::borrow_writers() {
  {
    const std::lock_guard lock(mutex);
    if (!writers.empty()) {
      WriterSet set = std::move(writers.back());
      writers.pop_back();
      return set;
    }
  }
  WriterSet set;
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    set.push_back(std::make_unique<sinks::BlockWriter>(
        *sinks[i]->spool, wants_gzip(config.sinks[i]),
        static_cast<std::uint32_t>(config.sinks[i].batch_points), clock));
  }
  return set;
}

template <class Use>
void Pipeline::Impl::with_writers(Use use) {
  WriterSet set = borrow_writers();
  std::vector<sinks::BlockWriter*> pointers;
  for (const auto& writer : set) pointers.push_back(writer.get());
  use(pointers);
  const std::lock_guard lock(mutex);
  writers.push_back(std::move(set));
}

void Pipeline::Impl::scrape(SourceLine& line, TargetSlot& slot) {
  with_writers([&](const std::vector<sinks::BlockWriter*>& pointers) {
    const std::lock_guard in_use(slot.in_use);
    note(line, slot, slot.target->scrape(pointers, &cancelled));
  });
  const std::lock_guard lock(mutex);
  slot.busy = false;
  --line.running;
  start_waiting_locked(line);
}

void Pipeline::Impl::send_own(SourceLine& line) {
  const std::int64_t start_ms = clock.wall_ms();
  const PipelineFigures now = figures();
  with_writers([&](const std::vector<sinks::BlockWriter*>& pointers) {
    const std::lock_guard in_use(line.own_in_use);
    const ScrapeResult result = line.own->send(now, pointers);
    const std::lock_guard lock(mutex);
    count_locked(line.figures, result);
    line.figures.series = line.own->transform().series();
  });
  const std::lock_guard lock(mutex);
  schedule_next_locked(line, start_ms);
}

void Pipeline::Impl::count_locked(SourceFigures& figures, const ScrapeResult& result) {
  ++figures.scrapes;
  if (result.error) {
    ++figures.failures;
    ++figures.failures_by_code[base::error_code_name(result.error->code)];
  }
  figures.last_start_ms = result.start_ms;
  figures.last_duration_ms = result.duration_ms;
  figures.last_samples = result.counts.read;
  figures.last_error = result.error ? result.error->message : "";
  figures.durations.add(result.duration_ms);
  figures.counts += result.counts;
}

void Pipeline::Impl::note(SourceLine& line, TargetSlot& slot, const ScrapeResult& result) {
  bool is_news = false;
  bool is_first_empty = false;
  {
    const std::lock_guard lock(mutex);
    is_first_empty = result.empty && !slot.was_empty;
    slot.was_empty = result.empty;
    const auto failure = result.error ? std::optional(result.error->code) : std::nullopt;
    is_news = slot.failure != failure;
    slot.failure = failure;
    TargetFigures& target = slot.figures;
    ++target.scrapes;
    target.last_start_ms = result.start_ms;
    target.last_duration_ms = result.duration_ms;
    target.last_samples = result.counts.read;
    target.series = slot.target->transform().series();
    target.last_error = result.error ? result.error->message : "";
    if (!result.error) {
      target.failing_since_ms = 0;
    } else if (target.failing_since_ms == 0) {
      target.failing_since_ms = result.start_ms;
    }
    count_locked(line.figures, result);
    line.figures.series = 0;
    for (const auto& [address, each] : line.targets) {
      line.figures.series += each->figures.series;
      // That of any: a good answer of another address does not make up for it.
      if (line.figures.last_error.empty()) line.figures.last_error = each->figures.last_error;
    }
  }
  log_scrape(slot, result, is_news && !cancelled, is_first_empty);
  log_if_nothing_passes(slot, result);
}

// A filter that matches nothing makes no error anywhere, only silence.
void Pipeline::Impl::log_if_nothing_passes(TargetSlot& slot, const ScrapeResult& result) const {
  if (result.counts.read == 0) return;
  slot.passes_nothing.resize(sinks.size());
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    const SinkCounts& counts = result.counts.by_sink[i];
    const bool passes_nothing = counts.filtered() + counts.rejected() == result.counts.read;
    if (passes_nothing == slot.passes_nothing[i]) continue;
    slot.passes_nothing[i] = passes_nothing;
    if (passes_nothing) {
      base::log(
          LogLevel::Warn,
          "none of the samples gets to the sink; `fedwave explain --live --dropped` tells why",
          {{"source", slot.target->label()},
           {"sink", sinks[i]->name},
           {"samples", result.counts.read},
           {"filtered_by", filtered_text(counts)},
           {"rejected_by", rejected_text(counts)}});
    } else {
      base::log(LogLevel::Info, "samples get to the sink again",
                {{"source", slot.target->label()}, {"sink", sinks[i]->name}});
    }
  }
}

void Pipeline::Impl::log_scrape(const TargetSlot& slot, const ScrapeResult& result, bool is_news,
                                bool is_first_empty) {
  const std::string& label = slot.target->label();
  if (result.error && is_news) {
    base::log(LogLevel::Warn, "scrape failed",
              {{"source", label},
               {"error", result.error->message},
               {"kept_samples", result.counts.read}});
  } else if (is_news) {
    base::log(LogLevel::Info, "scraping again",
              {{"source", label}, {"samples", result.counts.read}});
  }
  if (is_first_empty) {
    base::log(LogLevel::Warn, "the page is empty: no match[] in the URL, or nothing matches it",
              {{"source", label}});
  }
  base::log(LogLevel::Debug, "scraped",
            {{"source", label},
             {"samples", result.counts.read},
             {"new_series", result.counts.new_series},
             {"malformed", result.counts.malformed_total()},
             {"duration_ms", result.duration_ms}});
}

void Pipeline::Impl::stop(std::int64_t grace_ms) {
  using std::chrono::steady_clock;
  const auto begun = steady_clock::now();
  {
    std::unique_lock lock(mutex);
    if (stopped) return;
    stopped = true;
    stopping = true;
    wake.notify_all();
    idle.wait_until(lock, begun + milliseconds(grace_ms / 2), [this] { return at_work == 0; });
    cancelled = true;
  }
  for (std::thread& worker : workers) worker.join();
  // Every sink gets the same time, side by side.
  std::vector<std::thread> drains;
  for (const auto& line : sinks) {
    drains.emplace_back([&line, deadline = begun + milliseconds(grace_ms)] {
      line->sender->drain(deadline);
      line->spool->close();
    });
  }
  for (std::thread& drain : drains) drain.join();
}

Pipeline::Pipeline(const config::Config& config, const base::Clock& clock,
                   base::HttpClientFactory client)
    : impl_(std::make_unique<Impl>(config, clock, client)) {
  impl_->make_sinks();
  impl_->make_sources();
}

void Pipeline::start() {
  impl_->start();
}

Pipeline::~Pipeline() {
  impl_->stop(0);
}

void Pipeline::stop(std::int64_t grace_ms) {
  impl_->stop(grace_ms);
}

PipelineFigures Pipeline::Impl::figures() const {
  PipelineFigures figures;
  {
    const std::lock_guard lock(mutex);
    for (const auto& line : sources) {
      figures.sources.push_back(line->figures);
      for (const auto& [address, slot] : line->targets) {
        figures.sources.back().targets.push_back(slot->figures);
      }
    }
    if (!jobs.empty() && !stopping) {
      figures.schedule_lag_ms = std::max<std::int64_t>(clock.steady_ms() - jobs.top().due_ms, 0);
    }
  }
  // These have locks of their own, which a slow disk may hold for a while.
  for (const auto& line : sinks) {
    figures.sinks.push_back({line->name, line->spool->figures(), line->sender->figures()});
  }
  return figures;
}

// One target at a time, each between two of its scrapes. One that has never answered has nothing to
// show, and may be in use for long.
void Pipeline::Impl::make_survey(SourceLine& line) {
  const std::int64_t begun_ms = clock.steady_ms();
  std::vector<Slot> slots;
  {
    const std::lock_guard lock(mutex);
    for (const auto& [address, slot] : line.targets) {
      if (slot->figures.series > 0) slots.push_back(slot);
    }
  }
  SurveyBuilder builder(sinks.size());
  std::int64_t waited_ms = 0;
  for (const Slot& slot : slots) {
    const std::int64_t asked_ms = clock.steady_ms();
    const std::lock_guard in_use(slot->in_use);
    waited_ms += clock.steady_ms() - asked_ms;
    slot->target->transform().survey(builder);
  }
  if (line.own) {
    const std::lock_guard in_use(line.own_in_use);
    line.own->transform().survey(builder);
  }
  auto survey = std::make_shared<const Survey>(builder.finish(clock.wall_ms()));
  const std::int64_t end_ms = clock.steady_ms();
  const std::lock_guard lock(mutex);
  line.survey.survey = std::move(survey);
  line.survey.is_under_way = false;
  line.survey.not_before_ms =
      end_ms + std::max(kSurveyPauseMs, kSurveyPausePerMs * (end_ms - begun_ms - waited_ms));
  surveyed.notify_all();
}

std::shared_ptr<const Survey> Pipeline::Impl::survey(SourceLine& line) {
  std::unique_lock lock(mutex);
  SurveyKept& kept = line.survey;
  if (stopping || line.figures.scrapes == 0) return kept.survey;
  if (!kept.is_under_way && clock.steady_ms() >= kept.not_before_ms) {
    kept.is_under_way = true;
    jobs.push({.due_ms = clock.steady_ms(), .source = &line, .target = nullptr, .surveys = true});
    wake.notify_all();
  }
  surveyed.wait_for(lock, milliseconds(kSurveyWaitMs), [&] { return !kept.is_under_way; });
  return kept.survey;
}

PipelineFigures Pipeline::figures() const {
  return impl_->figures();
}

std::shared_ptr<const Survey> Pipeline::survey(std::size_t source) const {
  return source < impl_->sources.size() ? impl_->survey(*impl_->sources[source]) : nullptr;
}

}  // namespace fedwave::relay
