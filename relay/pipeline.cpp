#include "relay/pipeline.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "relay/base/log.h"
#include "relay/pipeline_impl.h"
#include "relay/scrape_schedule.h"

namespace fedwave::relay {
namespace {

using base::LogLevel;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The first own points say whether the sources are up.
constexpr std::int64_t kFirstOwnPointsMs = 5'000;

// What only has to be waited for (a certificate that is not there yet) is tried again soon.
constexpr std::int64_t kRetryMinMs = 1'000;
constexpr std::int64_t kRetryMaxMs = 30'000;

constexpr std::int64_t kTickAgainMs = 100;

// So long a scrape that is told to end may take to write out what it has.
constexpr std::int64_t kLastWordsMs = 2'000;

// A survey is made again at most so often, and takes at most this share of the time.
constexpr std::int64_t kSurveyPauseMs = 2'000;
constexpr std::int64_t kSurveyPausePerMs = 20;
// So long the one who asks waits for it; most are made in this time.
constexpr std::int64_t kSurveyWaitMs = 300;

using Job = PipelineJob;

bool is_waited_for(base::ErrorCode code) {
  return code == base::ErrorCode::NotReady || code == base::ErrorCode::Tls;
}

}  // namespace

Pipeline::Impl::Impl(std::shared_ptr<const config::Config> c, const base::Clock& k,
                     base::HttpClientFactory f, Replica r)
    : clock(k),
      make_client(f),
      replica(r),
      leadership(r.leadership != nullptr ? *r.leadership : always_leading) {
  std::shared_ptr<Outputs> to = make_outputs(*c);
  std::vector<Line> lines = make_lines(c, to);
  put_in_force(std::move(c), std::move(to), std::move(lines));
}

// ---- the schedule ------------------------------------------------------------------------------

void Pipeline::Impl::start() {
  leadership.on_change([this](bool is_leading) { set_leading(is_leading); });
  const std::lock_guard lock(mutex);
  started = true;
  is_paused = !leadership.is_leading();
  for (const Line& line : sources) start_line_locked(line);
  add_worker_locked();
}

// At once; ticks from before are void.
void Pipeline::Impl::start_line_locked(const Line& line) {
  const std::int64_t first_in_ms = line->own && line->figures.scrapes == 0
                                       ? std::min(line->source.interval_ms, kFirstOwnPointsMs)
                                       : 0;
  jobs.push({.due_ms = clock.steady_ms() + first_in_ms, .line = line, .epoch = ++line->epoch});
  wake.notify_all();
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
    Job job = jobs.top();
    jobs.pop();
    ++at_work;
    add_worker_locked();
    lock.unlock();
    run(job);
    job = {};
    lock.lock();
    if (--at_work == 0) idle.notify_all();
  }
}

void Pipeline::Impl::run(const Job& job) {
  switch (job.kind) {
    case Job::Kind::Tick:
      return tick(job);
    case Job::Kind::Scrape:
      return scrape(job.line, job.slot);
    case Job::Kind::Retry:
      return retry(job.line, job.slot);
    case Job::Kind::Survey:
      return make_survey(*job.line);
    case Job::Kind::Reap:
      return reap();
  }
}

// Where to connect. A failed look-up changes nothing; and a source that has had several addresses
// keeps telling them apart when only one is left, so that its series keep their names.
std::vector<TargetKey> Pipeline::Impl::targets_now(SourceLine& line) {
  std::vector<std::string> addresses = resolve_targets(line.source);
  if (addresses.empty()) {
    const std::set<std::string> known = line.known_addresses(mutex);
    addresses.assign(known.begin(), known.end());
  }
  const std::lock_guard lock(mutex);
  if (addresses.size() > 1) line.had_several_addresses = true;
  if (!line.had_several_addresses || addresses.empty()) addresses = {""};
  std::vector<TargetKey> keys;
  for (std::size_t job = 0; job < line.jobs.size(); ++job) {
    if (!line.figures.jobs[job].is_ours) continue;
    for (const std::string& address : addresses) keys.push_back({job, address});
  }
  return keys;
}

// There is one tick of a line at a time: a new term's has to wait for one that hangs in a look-up.
bool Pipeline::Impl::begin_tick(const Job& job) {
  const std::lock_guard lock(mutex);
  if (job.line->retired || job.epoch != job.line->epoch) return false;
  if (!job.line->own && is_paused) return false;  // the next term begins with a tick
  if (job.line->is_ticking) {
    jobs.push({.due_ms = clock.steady_ms() + kTickAgainMs, .line = job.line, .epoch = job.epoch});
    return false;
  }
  job.line->is_ticking = true;
  return true;
}

// Targets are made outside the lock: compiling their filters takes a while, as does a look-up.
void Pipeline::Impl::tick(const Job& job) {
  const Line& line = job.line;
  const std::int64_t start_ms = clock.wall_ms();
  if (!begin_tick(job)) return;
  std::vector<TargetKey> keys;
  if (line->own) {
    send_own(line);
  } else {
    keys = targets_now(*line);
    line->add_targets(keys, make_client, clock, mutex);
  }
  const std::lock_guard lock(mutex);
  line->is_ticking = false;
  if (line->retired || job.epoch != line->epoch) return;
  if (!line->own) scrape_locked(line, keys);
  schedule_next_locked(line, start_ms);
}

void Pipeline::Impl::scrape_locked(const Line& line, const std::vector<TargetKey>& keys) {
  std::erase_if(line->targets, [&](const auto& entry) {
    return !entry.second->busy && std::find(keys.begin(), keys.end(), entry.first) == keys.end();
  });
  for (const TargetKey& key : keys) {
    const Slot& slot = line->targets[key];
    if (slot->busy) {
      ++line->figures.missed;
      continue;
    }
    slot->busy = true;
    line->waiting.push_back(slot);
  }
  start_waiting_locked(line);
}

void Pipeline::Impl::start_waiting_locked(const Line& line) {
  while (!line->waiting.empty() && line->running < kTargetsAtOnce) {
    ++line->running;
    jobs.push({.due_ms = clock.steady_ms(),
               .kind = Job::Kind::Scrape,
               .line = line,
               .slot = std::move(line->waiting.front())});
    line->waiting.pop_front();
  }
  wake.notify_all();
}

void Pipeline::Impl::schedule_next_locked(const Line& line, std::int64_t start_ms) {
  const std::int64_t interval_ms = line->source.interval_ms;
  const std::int64_t next_ms = next_scrape_ms(start_ms, line->offset_ms, interval_ms);
  // The clock may have been set meanwhile.
  const std::int64_t wait_ms =
      std::clamp<std::int64_t>(next_ms - clock.wall_ms(), 0, interval_ms + interval_ms / 2);
  jobs.push({.due_ms = clock.steady_ms() + wait_ms, .line = line, .epoch = line->epoch});
}

// Told by the election. Once it returns from false nothing is scraped any more.
void Pipeline::Impl::set_leading(bool is_leading) {
  std::unique_lock lock(mutex);
  if (stopping) return;
  is_paused = !is_leading;
  if (is_leading) {
    for (const Line& line : sources) {
      if (!line->own) start_line_locked(line);
    }
    return;
  }
  end_scrapes_locked();
  idle.wait(lock, [this] { return scraping.empty(); });
}

void Pipeline::Impl::end_scrapes_locked() {
  for (const Line& line : sources) line->forget_waiting();
  for (const Slot& slot : scraping) slot->is_void = true;
}

// A look-up of a name that hangs writes nothing, and is not waited for.
bool Pipeline::Impl::stop_scraping(std::int64_t grace_ms) {
  std::unique_lock lock(mutex);
  stopping = true;
  wake.notify_all();
  idle.wait_for(lock, milliseconds(grace_ms), [this] { return at_work == 0; });
  end_scrapes_locked();
  return idle.wait_for(lock, milliseconds(kLastWordsMs),
                       [this] { return scraping.empty() && writing == 0; });
}

void Pipeline::Impl::join_workers() {
  for (std::thread& worker : workers) worker.join();
  workers.clear();
}

void Pipeline::Impl::stop(std::int64_t grace_ms) {
  const auto begun = steady_clock::now();
  if (std::exchange(stopped, true)) return;
  // One that still writes has to be waited for: what comes after the spools are closed is lost.
  if (!stop_scraping(grace_ms / 2)) join_workers();
  reap_sources();
  std::vector<std::shared_ptr<SinkLine>> sinks;
  {
    const std::lock_guard lock(mutex);
    sinks = outputs->sinks;
    sinks.insert(sinks.end(), leaving_sinks.begin(), leaving_sinks.end());
  }
  // Every one gets the same time, side by side.
  std::vector<std::thread> drains;
  for (const auto& sink : sinks) {
    drains.emplace_back(
        [&sink, deadline = begun + milliseconds(grace_ms)] { sink->stop(deadline); });
  }
  for (std::thread& drain : drains) drain.join();
  join_workers();
}

// ---- a scrape ----------------------------------------------------------------------------------

WriterSet Pipeline::Impl::borrow_writers(Outputs& from) {
  {
    const std::lock_guard lock(mutex);
    ++writing;
    if (!from.spare.empty()) {
      WriterSet set = std::move(from.spare.back());
      from.spare.pop_back();
      return set;
    }
  }
  WriterSet set;
  for (std::size_t i = 0; i < from.sinks.size(); ++i) {
    set.push_back(std::make_unique<sinks::BlockWriter>(from.sinks[i]->spool(), from.gzip[i],
                                                       from.batch_points[i], clock));
  }
  return set;
}

template <class Use>
void Pipeline::Impl::with_writers(const std::shared_ptr<Outputs>& to, Use use) {
  WriterSet set = borrow_writers(*to);
  std::vector<sinks::BlockWriter*> pointers;
  for (const auto& writer : set) pointers.push_back(writer.get());
  use(pointers);
  const std::lock_guard lock(mutex);
  to->spare.push_back(std::move(set));
  if (--writing == 0) idle.notify_all();
}

// Under the lock that also says when scraping has to end, so that none begins afterwards. Where its
// points go; null when it may not begin.
std::shared_ptr<Outputs> Pipeline::Impl::begin_scrape(SourceLine& line, const Slot& slot) {
  const std::lock_guard lock(mutex);
  if (line.retired || stopping || is_paused || !leadership.is_leading()) return nullptr;
  slot->is_void = false;
  scraping.push_back(slot);
  return line.outputs;
}

void Pipeline::Impl::end_scrape(const Line& line, const Slot& slot, bool has_begun) {
  const std::lock_guard lock(mutex);
  if (has_begun) scraping.erase(std::find(scraping.begin(), scraping.end(), slot));
  if (scraping.empty()) idle.notify_all();
  slot->busy = false;
  --line->running;
  start_waiting_locked(line);
}

void Pipeline::Impl::scrape(const Line& line, const Slot& slot) {
  std::shared_ptr<Outputs> to = begin_scrape(*line, slot);
  const bool has_begun = to != nullptr;
  if (has_begun) {
    with_writers(to, [&](const std::vector<sinks::BlockWriter*>& writers) {
      const std::lock_guard in_use(slot->in_use);
      // A line that came later may have taken it over a moment ago.
      if (slot->target) note(line, slot, slot->target->scrape(writers, &slot->is_void));
    });
    to.reset();
  }
  end_scrape(line, slot, has_begun);
}

void Pipeline::Impl::note(const Line& line, const Slot& slot, ScrapeResult result) {
  bool is_news = false;
  {
    const std::lock_guard lock(mutex);
    // It is we who have cut it short: that says nothing about the source.
    if (slot->is_void && result.error) return line->count(result.counts);
    is_news = line->count(*slot, result);
    retry_soon_locked(line, slot, result);
  }
  line->tell(*slot, result, is_news);
}

void Pipeline::Impl::retry_soon_locked(const Line& line, const Slot& slot,
                                       const ScrapeResult& result) {
  if (!result.error || !is_waited_for(result.error->code)) {
    slot->retry_ms = 0;
    return;
  }
  slot->retry_ms = std::clamp(slot->retry_ms * 2, kRetryMinMs, kRetryMaxMs);
  if (slot->retry_ms >= line->source.interval_ms || slot->has_retry) return;
  slot->has_retry = true;
  jobs.push({.due_ms = clock.steady_ms() + slot->retry_ms,
             .kind = Job::Kind::Retry,
             .line = line,
             .slot = slot});
  wake.notify_all();
}

void Pipeline::Impl::retry(const Line& line, const Slot& slot) {
  const std::lock_guard lock(mutex);
  slot->has_retry = false;
  if (line->retired || is_paused || slot->busy || slot->retry_ms == 0) return;
  slot->busy = true;
  line->waiting.push_back(slot);
  start_waiting_locked(line);
}

void Pipeline::Impl::send_own(const Line& line) {
  const PipelineFigures now = figures();
  std::shared_ptr<Outputs> to;
  {
    const std::lock_guard lock(mutex);
    to = line->outputs;
  }
  // After an edit the next line's own points tell.
  if (!to || *now.config != *line->config) return;
  with_writers(to, [&](const std::vector<sinks::BlockWriter*>& writers) {
    const std::lock_guard in_use(line->own_in_use);
    const ScrapeResult result = line->own->send(now, writers);
    const std::lock_guard lock(mutex);
    line->count(result);
    line->figures.series = line->own->transform().series();
  });
}

// ---- what others ask ---------------------------------------------------------------------------

PipelineFigures Pipeline::Impl::figures() const {
  PipelineFigures figures;
  std::shared_ptr<Outputs> to;
  std::vector<std::shared_ptr<SinkLine>> leaving;
  {
    const std::lock_guard lock(mutex);
    figures.config = config;
    figures.is_standby = is_paused;
    for (const Line& line : sources) figures.sources.push_back(line->copy_figures());
    if (!jobs.empty() && !stopping) {
      figures.schedule_lag_ms = std::max<std::int64_t>(clock.steady_ms() - jobs.top().due_ms, 0);
    }
    to = outputs;
    leaving = leaving_sinks;
  }
  // These have locks of their own, which a slow disk may hold for a while.
  for (const auto& sink : to->sinks) figures.sinks.push_back(sink->figures());
  std::map<std::string, std::size_t> counts;  // edits may have taken out several of one name
  for (const auto& sink : leaving) {
    figures.leaving.push_back(sink->figures());
    const std::size_t count = ++counts[sink->name()];
    figures.leaving.back().name +=
        count == 1 ? " (leaving)" : " (leaving, " + std::to_string(count) + ")";
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
    for (const auto& [key, slot] : line.targets) {
      if (slot->figures.series > 0) slots.push_back(slot);
    }
  }
  SurveyBuilder builder(line.config->sinks.size());
  std::int64_t waited_ms = 0;
  for (const Slot& slot : slots) {
    const std::int64_t asked_ms = clock.steady_ms();
    const std::lock_guard in_use(slot->in_use);
    waited_ms += clock.steady_ms() - asked_ms;
    if (slot->target) slot->target->transform().survey(builder);
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

std::shared_ptr<const Survey> Pipeline::Impl::survey(const std::string& source) {
  std::unique_lock lock(mutex);
  const auto found = std::find_if(sources.begin(), sources.end(),
                                  [&](const Line& each) { return each->source.name == source; });
  if (found == sources.end()) return nullptr;
  const Line line = *found;
  SurveyKept& kept = line->survey;
  const SourceFigures& figures = line->figures;
  const bool has_answered = figures.series > 0 || figures.scrapes > figures.failures;
  if (stopping || !has_answered) return kept.survey;
  if (!kept.is_under_way && clock.steady_ms() >= kept.not_before_ms) {
    kept.is_under_way = true;
    jobs.push({.due_ms = clock.steady_ms(), .kind = Job::Kind::Survey, .line = line});
    wake.notify_all();
  }
  surveyed.wait_for(lock, milliseconds(kSurveyWaitMs), [&] { return !kept.is_under_way; });
  return kept.survey;
}

Pipeline::Pipeline(std::shared_ptr<const config::Config> config, const base::Clock& clock,
                   base::HttpClientFactory client, Replica replica)
    : impl_(std::make_unique<Impl>(std::move(config), clock, client, replica)) {}

void Pipeline::start() {
  impl_->start();
}

ConfigChange Pipeline::apply(std::shared_ptr<const config::Config> config) {
  return impl_->apply(std::move(config));
}

Pipeline::~Pipeline() {
  impl_->stop(0);
}

bool Pipeline::stop_scraping(std::int64_t grace_ms) {
  return impl_->stop_scraping(grace_ms);
}

void Pipeline::stop(std::int64_t grace_ms) {
  impl_->stop(grace_ms);
}

std::shared_ptr<const config::Config> Pipeline::config() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->config;
}

PipelineFigures Pipeline::figures() const {
  return impl_->figures();
}

std::shared_ptr<const Survey> Pipeline::survey(const std::string& source) const {
  return impl_->survey(source);
}

}  // namespace fedwave::relay
