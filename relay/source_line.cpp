#include "relay/source_line.h"

#include <algorithm>
#include <bitset>
#include <utility>

#include "config/url.h"
#include "relay/base/log.h"
#include "relay/cluster/shards.h"
#include "relay/count_text.h"
#include "relay/scrape_schedule.h"

namespace fedwave::relay {
namespace {

using base::LogLevel;

// So long a scrape under the old configuration may go on before it is cut short.
constexpr std::chrono::seconds kLastScrapePatience{5};

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

JobFigures job_figures(const config::Source& source, const config::Job& job, Shard shard,
                       bool is_shared) {
  if (!is_shared || source.shard_by == config::ShardBy::Series) {
    return {.match = job.match, .shard = shard.ordinal, .is_ours = true};
  }
  const std::uint32_t owner = owner_of(job_key(source.name, job.match), shard.count);
  return {.match = job.match, .shard = owner, .is_ours = owner == shard.ordinal};
}

// The page that a source asks for, whatever it picks of it.
std::string page_of(const config::Source& source) {
  const auto url = config::parse_url(source.url);
  if (!url) return source.url;
  std::string page = url->scheme + "://" + url->authority + url->path;
  for (const config::Parameter& each : config::query_parameters(url->query)) {
    if (each.name != "match[]") page += "&" + each.text;
  }
  return page;
}

// What an edit of a sink may change without another point coming out.
bool forms_the_same(const config::Sink& a, const config::Sink& b) {
  return a.name == b.name && a.prefix == b.prefix && a.tags == b.tags && a.filters == b.filters &&
         a.tag_priority == b.tag_priority && a.limits == b.limits;
}

// The counts of one configuration's sinks, as another one has them.
ScrapeCounts for_sinks_of(const config::Config& to, const config::Config& from,
                          const ScrapeCounts& counts) {
  ScrapeCounts moved = counts;
  moved.by_sink.assign(to.sinks.size(), SinkCounts{});
  for (std::size_t i = 0; i < to.sinks.size(); ++i) {
    const auto found =
        std::find_if(from.sinks.begin(), from.sinks.end(),
                     [&](const config::Sink& sink) { return sink.name == to.sinks[i].name; });
    if (found == from.sinks.end()) {
      moved.by_sink[i].before = counts.read;
    } else {
      moved.by_sink[i] = counts.by_sink[static_cast<std::size_t>(found - from.sinks.begin())];
    }
  }
  return moved;
}

// Whether a scrape's failure, or that there is none, is news after the last one's. What has to be
// put right by hand step by step (certificates) is told at each step; other messages may carry
// figures that are new each time.
bool is_another(const std::optional<base::Error>& before, const std::optional<base::Error>& now) {
  if (!before || !now) return before.has_value() != now.has_value();
  if (before->code != now->code) return true;
  const bool is_told_by_step =
      now->code == base::ErrorCode::Tls || now->code == base::ErrorCode::NotReady;
  return is_told_by_step && before->message != now->message;
}

}  // namespace

bool forms_the_same(const config::Config& a, const config::Source& source_a,
                    const config::Config& b, const config::Source& source_b) {
  return source_a == source_b && a.cluster_name == b.cluster_name &&
         a.glob_compat == b.glob_compat &&
         std::equal(
             a.sinks.begin(), a.sinks.end(), b.sinks.begin(), b.sinks.end(),
             [](const config::Sink& x, const config::Sink& y) { return forms_the_same(x, y); });
}

SourceLine::SourceLine(std::shared_ptr<const config::Config> all, const config::Source& one,
                       const std::shared_ptr<Outputs>& to, Shard shard_here)
    : config(std::move(all)),
      source(one),
      shard(shard_here),
      jobs(config::jobs_of(one)),
      outputs(to),
      offset_ms(schedule_offset_ms(one.name, one.interval_ms)) {
  figures.name = source.name;
  figures.counts = ScrapeCounts(outputs->sinks.size());
  // The relay's own figures are each one's own.
  const bool is_shared = !config->internal_stats || &source != &*config->internal_stats;
  for (const config::Job& job : jobs) {
    figures.jobs.push_back(job_figures(source, job, shard, is_shared));
  }
}

void SourceLine::follow(const std::shared_ptr<SourceLine>& before) {
  std::vector<JobFigures> own_jobs = std::move(figures.jobs);
  figures = before->figures;
  figures.jobs = std::move(own_jobs);
  figures.counts = for_sinks_of(*config, *before->config, figures.counts);
  const auto has_same_name = [](const config::Sink& a, const config::Sink& b) {
    return a.name == b.name;
  };
  if (std::equal(config->sinks.begin(), config->sinks.end(), before->config->sinks.begin(),
                 before->config->sinks.end(), has_same_name)) {
    survey.survey = before->survey.survey;
  }
  had_several_addresses = before->had_several_addresses;
  if (!before->place_) before->place_ = std::make_shared<Place>();
  place_ = before->place_;
  place_->line = weak_from_this();
  if (own || before->own) return;  // nothing to take over
  // One that has not begun yet has nothing but what was before it.
  const bool has_begun = before->is_ticking || !before->targets.empty();
  before_ = has_begun ? before : before->before_;
}

void SourceLine::add_targets(const std::vector<TargetKey>& keys, base::HttpClientFactory client,
                             const base::Clock& clock, std::mutex& pipelines_lock) {
  const auto until = std::chrono::steady_clock::now() + kLastScrapePatience;
  const std::lock_guard making(making_);
  for (const TargetKey& key : keys) {
    {
      const std::lock_guard lock(pipelines_lock);
      if (targets.contains(key)) continue;
    }
    Slot slot = make_slot(key, client(), clock);
    if (before_) {
      const Found found = before_->take_slot(*this, key, pipelines_lock);
      if (found.slot) take_over(*slot, found, until, pipelines_lock);
    }
    const std::lock_guard lock(pipelines_lock);
    targets.emplace(key, std::move(slot));
  }
  before_.reset();
}

std::set<std::string> SourceLine::known_addresses(std::mutex& pipelines_lock) {
  const std::lock_guard making(making_);
  std::set<std::string> known;
  {
    const std::lock_guard lock(pipelines_lock);
    for (const auto& [key, slot] : targets) known.insert(key.address);
  }
  return known.empty() && before_ ? before_->known_addresses(pipelines_lock) : known;
}

Slot SourceLine::make_slot(const TargetKey& key, std::unique_ptr<base::HttpClient> client,
                           const base::Clock& clock) const {
  auto slot = std::make_shared<TargetSlot>();
  const bool splits_series = source.shard_by == config::ShardBy::Series;
  TargetPlace place{
      .url = jobs[key.job].url, .address = key.address, .shard = splits_series ? shard : Shard{}};
  if (jobs.size() > 1) {
    place.job = std::to_string(key.job + 1) + "/" + std::to_string(jobs.size());
  }
  slot->target =
      std::make_unique<Target>(*config, source, std::move(place), std::move(client), clock);
  slot->figures.job = key.job;
  slot->figures.address = key.address;
  log_malformed_lines(*slot->target);
  return slot;
}

// From this line, or from one before it when an edit came before this one's first tick.
SourceLine::Found SourceLine::take_slot(const SourceLine& for_whom, const TargetKey& key,
                                        std::mutex& pipelines_lock) {
  const std::lock_guard making(making_);
  const std::string& match = for_whom.jobs[key.job].match;
  {
    const std::lock_guard lock(pipelines_lock);
    const auto found = std::find_if(targets.begin(), targets.end(), [&](const auto& entry) {
      return jobs[entry.first.job].match == match && entry.first.address == key.address;
    });
    if (found != targets.end()) {
      Found taken{.slot = found->second,
                  .is_same_page = page_of(source) == page_of(for_whom.source)};
      targets.erase(found);
      return taken;
    }
  }
  return before_ ? before_->take_slot(for_whom, key, pipelines_lock) : Found{};
}

// What is known of the series of another page is of no use: a name there is another series.
void SourceLine::take_over(TargetSlot& slot, const Found& found,
                           std::chrono::steady_clock::time_point until,
                           std::mutex& pipelines_lock) const {
  TargetSlot& before = *found.slot;
  std::unique_lock in_use(before.in_use, until);
  if (!in_use) {
    before.is_void = true;
    in_use.lock();
  }
  if (!before.target) return;
  if (found.is_same_page) slot.target->take_over(*before.target);
  before.target.reset();
  const std::lock_guard lock(pipelines_lock);
  const std::size_t job = slot.figures.job;
  slot.figures = before.figures;
  slot.figures.job = job;
  slot.was_empty = before.was_empty;
  slot.failure = before.failure;
}

// The line in whose place this one was; null while it is its own.
std::shared_ptr<SourceLine> SourceLine::line_now() const {
  const auto now = place_ ? place_->line.lock() : nullptr;
  return now.get() == this ? nullptr : now;
}

void SourceLine::count(const ScrapeCounts& counts) {
  if (const auto now = line_now()) return now->count(for_sinks_of(*now->config, *config, counts));
  figures.counts += counts;
}

void SourceLine::count(const ScrapeResult& result) {
  if (const auto now = line_now()) {
    ScrapeResult moved = result;
    moved.counts = for_sinks_of(*now->config, *config, result.counts);
    return now->count(moved);
  }
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

bool SourceLine::count(TargetSlot& slot, const ScrapeResult& result) {
  const bool is_news = is_another(slot.failure, result.error);
  slot.failure = result.error;
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
  count(result);
  figures.series = 0;
  for (const auto& [key, each] : targets) {
    figures.series += each->figures.series;
    // That of any: a good answer of another address does not make up for it.
    if (figures.last_error.empty()) figures.last_error = each->figures.last_error;
  }
  return is_news;
}

void SourceLine::forget_waiting() {
  for (const Slot& slot : waiting) slot->busy = false;
  waiting.clear();
}

SourceFigures SourceLine::copy_figures() const {
  SourceFigures copy = figures;
  for (const auto& [key, slot] : targets) copy.targets.push_back(slot->figures);
  return copy;
}

void SourceLine::tell(TargetSlot& slot, const ScrapeResult& result, bool is_news) const {
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
  // Of a source that is split, one match[] may well find nothing.
  if (result.empty && !slot.was_empty && jobs.size() == 1) {
    base::log(LogLevel::Warn, "the page is empty: no match[] in the URL, or nothing matches it",
              {{"source", label}});
  }
  slot.was_empty = result.empty;
  base::log(LogLevel::Debug, "scraped",
            {{"source", label},
             {"samples", result.counts.read},
             {"new_series", result.counts.new_series},
             {"malformed", result.counts.malformed_total()},
             {"duration_ms", result.duration_ms}});
  tell_if_nothing_passes(slot, result);
}

// A filter that matches nothing makes no error anywhere, only silence.
void SourceLine::tell_if_nothing_passes(TargetSlot& slot, const ScrapeResult& result) const {
  if (result.counts.read == 0) return;
  const std::vector<SinkCounts>& by_sink = result.counts.by_sink;
  slot.passes_nothing.resize(by_sink.size());
  for (std::size_t i = 0; i < by_sink.size(); ++i) {
    const SinkCounts& counts = by_sink[i];
    const std::uint64_t others = counts.by_verdict[static_cast<std::size_t>(Verdict::OtherShard)];
    const bool passes_nothing =
        others < result.counts.read && counts.filtered() + counts.rejected() == result.counts.read;
    if (passes_nothing == slot.passes_nothing[i]) continue;
    slot.passes_nothing[i] = passes_nothing;
    const std::string& sink = config->sinks[i].name;
    if (passes_nothing) {
      base::log(
          LogLevel::Warn,
          "none of the samples gets to the sink; `fedwave explain --live --dropped` tells why",
          {{"source", slot.target->label()},
           {"sink", sink},
           {"samples", result.counts.read},
           {"filtered_by", filtered_text(counts)},
           {"rejected_by", rejected_text(counts)}});
    } else {
      base::log(LogLevel::Info, "samples get to the sink again",
                {{"source", slot.target->label()}, {"sink", sink}});
    }
  }
}

}  // namespace fedwave::relay
