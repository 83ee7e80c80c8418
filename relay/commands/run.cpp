#include "relay/commands/run.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <future>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "config/load.h"
#include "relay/base/log.h"
#include "relay/commands/exit_code.h"
#include "relay/commands/pipeline_view.h"
#include "relay/commands/status_page.h"
#include "relay/curl_client.h"
#include "relay/figures_log.h"
#include "relay/file_watch.h"
#include "relay/reloader.h"
#include "relay/spool_directories.h"
#include "relay/stop_signal.h"
#include "relay/version.h"

namespace fedwave::relay {
namespace {

constexpr std::int64_t kPatienceMs = 2'000;  // beyond the grace time
constexpr std::int64_t kForeverMs = std::int64_t{1} << 40;
constexpr std::int64_t kLastScrapeMs = 500;  // while another replica waits for the lease

// Beside everything else: a folder may be large, and its disk slow.
void look_over_directories(const config::Config& config) {
  for (const TightDirectory& tight : tight_directories(config)) {
    base::log(base::LogLevel::Warn,
              "the disk has less room than the spools in the directory may take: write a smaller "
              "spool.bytes, or give it a larger disk",
              {{"directory", tight.directory},
               {"spool_bytes", tight.bytes_wanted},
               {"bytes_there", tight.bytes_there}});
  }
  for (const OrphanedSpool& spool : orphaned_spools(config)) {
    base::log(
        base::LogLevel::Warn,
        "points wait in the spool of a sink that the configuration does not have; deliver them "
        "with: fedwave spool drain FOLDER --config FILE --sink NAME",
        {{"folder", spool.folder}, {"sink", spool.sink}, {"points", spool.points_waiting}});
  }
}

// Ends the process when the orderly end takes longer than it may: a look-up of a name, for one,
// cannot be interrupted.
class LastResort {
 public:
  LastResort(const Pipeline& pipeline, std::int64_t after_ms)
      : watch_([this, &pipeline, after_ms](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          done_.wait_for(lock, stop, std::chrono::milliseconds(after_ms), [] { return false; });
          if (stop.stop_requested()) return;
          // What does not end may hold a lock that the figures need, or be the log itself.
          std::thread([] {
            std::this_thread::sleep_for(std::chrono::milliseconds(kPatienceMs));
            _exit(kExitOk);
          }).detach();
          base::log(
              base::LogLevel::Warn,
              "something does not end in time, a look-up of a name or a write perhaps; ending "
              "without it");
          base::log_held_back();
          log_figures(pipeline.figures());
          _exit(kExitOk);
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any done_;
  std::jthread watch_;
};

// Null where nobody is to look.
std::unique_ptr<FileWatch> watch_config(const RunOptions& options, Reloader& reloader) {
  if (options.config_reload_ms == 0 || options.config_file == "-") return nullptr;
  auto watch = std::make_unique<FileWatch>(
      options.config_file, std::chrono::milliseconds(options.config_reload_ms),
      [&reloader] { (void)reloader.reload(Reloader::Why::Noticed); });
  // It may have changed between the first reading and now.
  (void)reloader.reload(Reloader::Why::Noticed);
  return watch;
}

// Reloads that were asked for by a signal, beside main's thread: that one has to hear the word to
// stop while a reload waits for a receiver or a look-up.
class ReloadsAsked {
 public:
  explicit ReloadsAsked(Reloader& reloader) : reloader_(reloader) {}

  void one_more(Reloader::Why why) {
    std::erase_if(under_way_, [](const std::future<void>& each) {
      return each.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    });
    // One that waits for its turn sees whatever the file holds by then.
    if (under_way_.size() > 1) return;
    try {
      under_way_.push_back(std::async(std::launch::async, [this, why] {
        (void)reloader_.reload(why);  // tells the log
      }));
    } catch (const std::system_error& error) {
      base::log(base::LogLevel::Error, "no thread is left to reload the configuration with",
                {{"error", error.what()}});
    }
  }

 private:
  Reloader& reloader_;
  std::vector<std::future<void>> under_way_;
};

// Until the signal to stop. An edit that was refused is tried again now and then: what was wrong
// may have been another file, which is there by now. And the file is compared with what is in
// force: the watch knows only what it has told, not what others have asked to be read meanwhile.
void serve(StopSignals& signals, const Reloader& reloader, ReloadsAsked& reloads, StatusPage& page,
           const Pipeline& pipeline, std::int64_t config_reload_ms) {
  for (;;) {
    const auto signal = signals.wait_for(config_reload_ms > 0 ? config_reload_ms : kForeverMs);
    if (!signal) {
      reloads.one_more(reloader.figures().is_current ? Reloader::Why::Noticed
                                                     : Reloader::Why::TryAgain);
    } else if (*signal == SIGHUP) {
      reloads.one_more(Reloader::Why::Signalled);
    } else if (*signal == StopSignals::kPoke) {
      page.follow(pipeline.config()->status);
    } else {
      return;
    }
  }
}

// Where a replica waits for its turn, the scrape in hand is cut short: what it has read is
// delivered, and the other one reads the rest.
// An edit in hand may wait for a receiver, which the lease need not.
void stop_in_order(Pipeline& pipeline, Replicas& replicas, std::unique_ptr<FileWatch> watch,
                   Reloader& reloader, std::int64_t grace_ms) {
  const std::int64_t begun_ms = base::system_clock().steady_ms();
  const bool has_ended = pipeline.stop_scraping(
      replicas.has_election() ? std::min(kLastScrapeMs, grace_ms) : grace_ms / 2);
  // A lease that is not given back runs out; nobody else reads before that.
  if (has_ended) replicas.release();
  watch.reset();
  reloader.close();
  const std::int64_t spent_ms = base::system_clock().steady_ms() - begun_ms;
  pipeline.stop(std::max<std::int64_t>(grace_ms - spent_ms, 0));
}

int refuse_to_start(const char* what, const base::Error& error) {
  base::log(base::LogLevel::Error, what, {{"error", error.message}});
  return kExitUsage;
}

}  // namespace

int run_command(const RunOptions& options) {
  const base::Clock& clock = base::system_clock();
  StopSignals signals;  // first of all: who is told to stop while it starts stops in order, too
  ConfigReading reading = read_config(options.config_file);
  log_problems(options.config_file, reading.result.problems);
  if (!reading.result.config) return kExitUsage;
  StatusPage page(options);
  const auto in_force = [&page](config::Config written) {
    written.status = page.in_force(std::move(written.status));
    return std::make_shared<const config::Config>(std::move(written));
  };
  const auto config = in_force(*reading.result.config);
  const auto replicas = Replicas::from(options.replicas, config::process_environment(), clock);
  if (!replicas) return refuse_to_start("cannot work as a replica", replicas.error());

  Pipeline pipeline(config, clock, make_curl_client, (*replicas)->place());
  const auto apply = [&](config::Config written) -> base::Expected<ConfigChange> {
    const auto next = in_force(std::move(written));
    if (const auto possible = page.prepare(next->status); !possible) return possible.error();
    try {
      ConfigChange change = pipeline.apply(next);
      StopSignals::poke();  // the status page may have to move
      return change;
    } catch (...) {
      page.forget_prepared();
      throw;
    }
  };
  Reloader reloader(std::move(reading), apply, clock);
  PipelineView view(pipeline, reloader, replicas->get(), clock);
  if (const auto started = page.start(config->status, view); !started) {
    return refuse_to_start("cannot serve the status page; nothing was scraped", started.error());
  }
  base::log(base::LogLevel::Info, "fedwave is running",
            {{"version", kVersion},
             {"pid", ::getpid()},
             {"config", options.config_file},
             {"sources", config->sources.size()},
             {"sinks", config->sinks.size()}});
  pipeline.start();
  (*replicas)->start(pipeline.figures());
  auto watch = watch_config(options, reloader);
  std::thread look_over([config] { look_over_directories(*config); });
  ReloadsAsked reloads(reloader);
  serve(signals, reloader, reloads, page, pipeline, options.config_reload_ms);

  view.note_stopping();
  const std::int64_t grace_ms = pipeline.config()->shutdown_grace_ms;
  base::log(base::LogLevel::Info, "stopping: finishing what is in hand",
            {{"at_most_ms", grace_ms}});
  const LastResort last_resort(pipeline, grace_ms + kPatienceMs);
  stop_in_order(pipeline, **replicas, std::move(watch), reloader, grace_ms);
  look_over.join();
  page.stop();
  base::log_held_back();
  log_figures(pipeline.figures());
  return kExitOk;
}

}  // namespace fedwave::relay
