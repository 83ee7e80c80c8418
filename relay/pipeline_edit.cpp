// What an edit of the configuration changes in a running pipeline.
#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include "relay/base/log.h"
#include "relay/figures_log.h"
#include "relay/pipeline_impl.h"
#include "relay/sink_factory.h"

namespace fedwave::relay {
namespace {

using std::chrono::steady_clock;
using Job = PipelineJob;

// How often to look whether those that leave have nothing left to do.
constexpr std::int64_t kReapMs = 500;

}  // namespace

// Sinks that are there already stay: what waits in their spools need not move.
std::shared_ptr<Outputs> Pipeline::Impl::make_outputs(const config::Config& next) {
  std::vector<std::shared_ptr<SinkLine>> known;
  {
    const std::lock_guard lock(mutex);
    known = leaving_sinks;
    if (outputs) known.insert(known.end(), outputs->sinks.begin(), outputs->sinks.end());
  }
  auto to = std::make_shared<Outputs>();
  for (const config::Sink& sink : next.sinks) {
    const auto same = std::find_if(known.begin(), known.end(),
                                   [&](const auto& line) { return line->can_become(sink); });
    to->sinks.push_back(same != known.end() ? *same
                                            : std::make_shared<SinkLine>(sink, clock, make_client));
    to->gzip.push_back(wants_gzip(sink));
    to->batch_points.push_back(static_cast<std::uint32_t>(sink.batch_points));
  }
  return outputs && outputs->are_like(*to) ? outputs : to;
}

Line Pipeline::Impl::line_before(const config::Source& source, bool is_own) const {
  const auto found = std::find_if(sources.begin(), sources.end(), [&](const Line& line) {
    return line->source.name == source.name && (line->own != nullptr) == is_own;
  });
  return found == sources.end() ? nullptr : *found;
}

Line Pipeline::Impl::make_line(const std::shared_ptr<const config::Config>& next,
                               const config::Source& source, const std::shared_ptr<Outputs>& to) {
  const bool is_own = next->internal_stats && &source == &*next->internal_stats;
  const Line before = line_before(source, is_own);
  // The own points tell of all sources and sinks.
  const auto is_same = [&](const SourceLine& line) {
    return is_own ? *line.config == *next
                  : forms_the_same(*line.config, line.source, *next, source);
  };
  if (before && is_same(*before)) return before;
  auto line = std::make_shared<SourceLine>(next, source, to, replica.shard);
  if (is_own) line->own = std::make_unique<OwnPoints>(*next, clock);
  return line;
}

// In the order of the configuration; a line that is there already is one that stays as it is.
std::vector<Line> Pipeline::Impl::make_lines(const std::shared_ptr<const config::Config>& next,
                                             const std::shared_ptr<Outputs>& to) {
  std::vector<Line> lines;
  for (const config::Source& source : next->sources) lines.push_back(make_line(next, source, to));
  if (next->internal_stats) lines.push_back(make_line(next, *next->internal_stats, to));
  return lines;
}

void Pipeline::Impl::put_in_force(std::shared_ptr<const config::Config> next,
                                  std::shared_ptr<Outputs> to, std::vector<Line> lines) {
  const std::lock_guard lock(mutex);
  const auto is_among = [](const std::vector<Line>& some, const Line& line) {
    return std::find(some.begin(), some.end(), line) != some.end();
  };
  std::vector<Line> followed;
  for (const Line& line : lines) {
    line->outputs = to;
    if (is_among(sources, line)) continue;
    if (const Line before = line_before(line->source, line->own != nullptr)) {
      line->follow(before);
      followed.push_back(before);
    }
    if (started) start_line_locked(line);
  }
  const std::vector<Line> before = std::exchange(sources, std::move(lines));
  for (const Line& old : before) {
    if (is_among(sources, old)) continue;
    retire_locked(*old);
    if (!is_among(followed, old)) leaving_sources.push_back(old);
  }
  if (outputs) {
    leaving_sinks.insert(leaving_sinks.end(), outputs->sinks.begin(), outputs->sinks.end());
  }
  outputs = std::move(to);
  std::erase_if(leaving_sinks, [this](const auto& sink) {
    return std::find(outputs->sinks.begin(), outputs->sinks.end(), sink) != outputs->sinks.end();
  });
  config = std::move(next);
  reap_later_locked();
  // Enough for every source to use all its places, its tick and a survey: nobody waits for another
  // source.
  workers_max = sources.size() * (kTargetsAtOnce + 2) + 2 + scraping.size();
  wake.notify_all();
}

// Its scrapes in hand go on to their end, and know where to write. Nothing else may keep it, nor
// the sinks that it has.
void Pipeline::Impl::retire_locked(SourceLine& line) {
  line.retired = true;
  line.forget_waiting();
  line.outputs.reset();
  jobs.forget(line);
}

ConfigChange Pipeline::Impl::apply(std::shared_ptr<const config::Config> next) {
  const std::shared_ptr<const config::Config> before = config;  // changed by this thread only
  const ConfigChange change = changes_between(*before, *next);
  std::shared_ptr<Outputs> to;
  {
    const std::lock_guard no_other(taking_out);
    to = make_outputs(*next);
    std::vector<Line> lines = make_lines(next, to);
    put_in_force(next, to, std::move(lines));
  }
  change_sinks(*to, *next);
  return change;
}

// Side by side: each may have to wait for a receiver that does not answer.
void Pipeline::Impl::change_sinks(const Outputs& to, const config::Config& next) {
  std::vector<std::jthread> beside;
  for (std::size_t i = 0; i < next.sinks.size(); ++i) {
    const auto change = [&to, &next, i] { to.sinks[i]->change(next.sinks[i]); };
    try {
      beside.emplace_back(change);
    } catch (const std::system_error&) {
      change();  // no thread is left
    }
  }
}

void Pipeline::Impl::reap_later_locked() {
  if (is_reaping || (leaving_sinks.empty() && leaving_sources.empty())) return;
  is_reaping = true;
  jobs.push({.due_ms = clock.steady_ms() + kReapMs, .kind = Job::Kind::Reap});
}

// One of those that leave has only the list and the caller left who know it: nothing more is
// written to it.
bool Pipeline::Impl::is_out_of_use(const std::shared_ptr<SinkLine>& sink) {
  return sink.use_count() == 2;
}

void Pipeline::Impl::reap() {
  reap_sources();
  reap_sinks();
  const std::lock_guard lock(mutex);
  is_reaping = false;
  reap_later_locked();
}

bool Pipeline::Impl::is_at_work_locked(const SourceLine& line) const {
  return line.is_ticking ||
         std::any_of(line.targets.begin(), line.targets.end(), [this](const auto& target) {
           return std::find(scraping.begin(), scraping.end(), target.second) != scraping.end();
         });
}

// What they have counted is told, since no later figures have it.
void Pipeline::Impl::reap_sources() {
  std::vector<Line> done;
  {
    const std::lock_guard lock(mutex);
    std::erase_if(leaving_sources, [&](const Line& line) {
      if (!stopping && is_at_work_locked(*line)) return false;
      done.push_back(line);
      return true;
    });
  }
  for (const Line& line : done) log_source_figures(line->copy_figures(), *line->config);
}

void Pipeline::Impl::reap_sinks() {
  std::vector<std::shared_ptr<SinkLine>> empty;
  {
    const std::lock_guard lock(mutex);
    empty = leaving_sinks;
  }
  std::erase_if(empty, [](const std::shared_ptr<SinkLine>& sink) {
    return !is_out_of_use(sink) || sink->figures().spool.points_waiting > 0;
  });
  const std::lock_guard no_other(taking_out);
  {
    const std::lock_guard lock(mutex);
    std::erase_if(empty, [](const auto& sink) { return !is_out_of_use(sink); });
    std::erase_if(leaving_sinks, [&](const auto& sink) {
      return std::find(empty.begin(), empty.end(), sink) != empty.end();
    });
  }
  for (const auto& sink : empty) {
    sink->stop(steady_clock::now() + std::chrono::seconds(1));
    base::log(base::LogLevel::Info,
              "what waited for a sink before an edit took it out, or moved its spool, is delivered",
              {{"sink", sink->name()}});
    log_sink_figures(sink->figures());
  }
}

}  // namespace fedwave::relay
