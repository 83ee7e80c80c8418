#include "relay/commands/run.h"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "config/load.h"
#include "relay/base/log.h"
#include "relay/commands/exit_code.h"
#include "relay/commands/pipeline_view.h"
#include "relay/commands/port_file.h"
#include "relay/count_text.h"
#include "relay/curl_client.h"
#include "relay/spool_directories.h"
#include "relay/status/status_server.h"
#include "relay/stop_signal.h"
#include "relay/version.h"

namespace fedwave::relay {
namespace {

constexpr std::int64_t kPatienceMs = 2'000;  // beyond the grace time
constexpr std::int64_t kForeverMs = std::int64_t{1} << 40;

void log_source(const SourceFigures& source, const std::vector<SinkFigures>& sinks) {
  using base::LogLevel;
  base::log(LogLevel::Info, "source figures",
            {{"source", source.name},
             {"scrapes", source.scrapes},
             {"failures", source.failures},
             {"missed", source.missed},
             {"lines", source.counts.lines},
             {"malformed", source.counts.malformed_total()},
             {"malformed_by", malformed_text(source.counts)},
             {"read", source.counts.read},
             {"repaired", repaired_text(source.counts)}});
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    const SinkCounts& counts = source.counts.by_sink[i];
    base::log(LogLevel::Info, "what became of the samples",
              {{"source", source.name},
               {"sink", sinks[i].name},
               {"read", source.counts.read},
               {"filtered", counts.filtered()},
               {"filtered_by", filtered_text(counts)},
               {"repeated", counts.repeated},
               {"rejected", counts.rejected()},
               {"rejected_by", rejected_text(counts)},
               {"converted", counts.converted},
               {"written", counts.written},
               {"distributions", counts.distributions}});
  }
}

void log_sink(const SinkFigures& sink) {
  const sinks::SpoolFigures& spool = sink.spool;
  const bool has_losses = spool.points_expired() + spool.points_quarantined > 0;
  base::log(has_losses ? base::LogLevel::Warn : base::LogLevel::Info, "sink figures",
            {{"sink", sink.name},
             {"recovered", spool.points_recovered},
             {"spooled", spool.points_spooled},
             {"delivered", spool.points_delivered},
             {"quarantined", spool.points_quarantined},
             {"quarantined_by", causes_text(sink.sender.quarantined_by_cause)},
             {"expired", spool.points_expired()},
             {"expired_by", expired_text(spool)},
             {"waiting", spool.points_waiting},
             {"oldest_waiting",
              spool.oldest_waiting_ms == 0 ? "" : base::utc_text(spool.oldest_waiting_ms)},
             {"requests", sink.sender.requests},
             {"retries", sink.sender.retries},
             {"retries_by", causes_text(sink.sender.retries_by_cause)}});
}

std::optional<config::Config> load_and_log(const std::string& file) {
  config::LoadResult loaded = config::load_file(file, config::process_environment());
  log_problems(file, loaded.problems);
  return std::move(loaded.config);
}

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
          base::log(base::LogLevel::Warn, "something does not end in time; ending without it");
          base::log_held_back();
          log_figures(pipeline.figures());
          _exit(kExitOk);
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any done_;
  std::jthread watch_;
};

// Where the status server listens: the command line's word beats the file's.
config::Status status_settings(const config::Config& config, const RunOptions& options) {
  config::Status settings = config.status;
  if (options.listen.empty()) return settings;
  settings.listen = options.listen == "off" ? "" : options.listen;
  settings.is_listen_written = true;
  return settings;
}

// Null where none is wanted, or where the default address is taken: the points come first. An
// address that somebody wrote is an error to see to.
base::Expected<std::unique_ptr<StatusServer>> start_status(const config::Status& settings,
                                                           const RunOptions& options,
                                                           RelayView& view) {
  if (settings.listen.empty()) return std::unique_ptr<StatusServer>();
  auto server = StatusServer::start(settings, view, base::system_clock());
  const bool may_do_without =
      !settings.is_listen_written && !server && server.error().code == base::ErrorCode::Io;
  if (may_do_without) {
    base::log(base::LogLevel::Warn,
              "running without the status page; write status: {listen: ADDRESS} for another place",
              {{"error", server.error().message}});
    return std::unique_ptr<StatusServer>();
  }
  if (!server) return server.error();
  const auto written = write_port_file(options.port_file, (*server)->port());
  if (!written) return written.error();
  base::log(
      base::LogLevel::Info, "the status page is served",
      {{"address", (settings.cert_file.empty() ? "http://" : "https://") + (*server)->address()}});
  return server;
}

}  // namespace

void log_figures(const PipelineFigures& figures) {
  for (const SourceFigures& source : figures.sources) log_source(source, figures.sinks);
  for (const SinkFigures& sink : figures.sinks) log_sink(sink);
}

int run_command(const RunOptions& options) {
  const auto config = load_and_log(options.config_file);
  if (!config) return kExitUsage;
  StopSignals signals;
  Pipeline pipeline(*config, base::system_clock(), make_curl_client);
  PipelineView view(*config, options.config_file, pipeline, base::system_clock());
  const auto status = start_status(status_settings(*config, options), options, view);
  if (!status) {
    base::log(base::LogLevel::Error, "cannot serve the status page; nothing was scraped",
              {{"error", status.error().message}});
    return kExitUsage;
  }
  base::log(base::LogLevel::Info, "fedwave is running",
            {{"version", kVersion},
             {"config", options.config_file},
             {"sources", config->sources.size()},
             {"sinks", config->sinks.size()}});
  pipeline.start();
  std::thread look_over(look_over_directories, std::cref(*config));
  for (;;) {
    const auto signal = signals.wait_for(kForeverMs);
    if (!signal) continue;
    if (*signal != SIGHUP) break;
    (void)view.reload();  // tells the log
  }
  view.note_stopping();
  base::log(base::LogLevel::Info, "stopping: finishing what is in hand",
            {{"at_most_ms", config->shutdown_grace_ms}});
  const LastResort last_resort(pipeline, config->shutdown_grace_ms + kPatienceMs);
  pipeline.stop(config->shutdown_grace_ms);
  look_over.join();
  if (*status) (*status)->stop();
  base::log_held_back();
  log_figures(pipeline.figures());
  return kExitOk;
}

}  // namespace fedwave::relay
