#include "relay/commands/spool_drain.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/duration.h"
#include "relay/base/text.h"
#include "relay/commands/check.h"
#include "relay/commands/exit_code.h"
#include "relay/commands/progress_line.h"
#include "relay/commands/readable.h"
#include "relay/commands/spool.h"
#include "relay/commands/terminal.h"
#include "relay/curl_client.h"
#include "relay/sink_factory.h"
#include "relay/stop_signal.h"
#include "sinks/quarantine.h"
#include "sinks/sender.h"
#include "sinks/spool/format.h"
#include "sinks/spool/spool.h"

namespace fedwave::relay {
namespace {

using sinks::SpoolView;
using std::chrono::milliseconds;

constexpr std::int64_t kPollMs = 100;
constexpr std::int64_t kForeverMs = std::int64_t{1} << 50;
// After the last block: for the receiver to have read it all.
constexpr milliseconds kFinishPatience{10'000};
// After a signal or when the time is up: for the request in hand.
constexpr milliseconds kStopPatience{1'000};

// One spool on its way to one sink.
class Drain {
 public:
  Drain(const SpoolView& view, const config::Sink& sink)
      : folder_(view.folder),
        label_(
            base::printable(view.sink == sink.name ? sink.name : view.sink + " to " + sink.name)),
        quarantine_(quarantine_options_of(view, sink)),
        spool_(spool_options_of(view, sink), base::system_clock(),
               sinks::posix_folder(view.folder)),
        sink_(sink) {}

  // Error: the spool cannot be opened. Cancelled: a signal came first.
  base::Expected<void> start(StopSignals& signals) {
    if (const auto opened = await_opened(signals); !opened) return opened.error();
    sinks::SenderOptions options = sender_options(sink_);
    options.drain_rate = 0;
    sender_ = std::make_unique<sinks::Sender>(
        sink_.name, make_sink(sink_, make_curl_client, base::system_clock(), &cancelled_), spool_,
        quarantine_, cancelled_, base::system_clock(), options);
    return {};
  }

  [[nodiscard]] sinks::SpoolFigures figures() const { return spool_.figures(); }
  [[nodiscard]] bool is_done() const { return spool_.figures().blocks_waiting == 0; }

  void end(std::chrono::steady_clock::time_point deadline) {
    sender_->drain(deadline);
    spool_.close();
  }

  // What became of it, on one line.
  [[nodiscard]] std::string summary() const {
    const sinks::SpoolFigures figures = spool_.figures();
    std::string text = label_ + ": " + counted(figures.points_delivered, "point") + " delivered";
    if (figures.points_quarantined > 0) {
      text += ", " + std::to_string(figures.points_quarantined) + " quarantined in " +
              base::printable(quarantine_.path());
    }
    if (figures.points_expired() > 0) {
      text += ", " + std::to_string(figures.points_expired()) + " lost in damaged blocks";
    }
    text += ", " + std::to_string(figures.points_waiting) + " left";
    const std::string trouble = sender_->figures().trouble;
    if (figures.points_waiting > 0 && !trouble.empty()) text += "; " + base::printable(trouble);
    return text;
  }

 private:
  static sinks::SpoolOptions spool_options_of(const SpoolView& view, const config::Sink& sink) {
    sinks::SpoolOptions options = spool_options(sink);
    if (view.has_sink_name) options.name = view.sink;
    options.age_max_ms = kForeverMs;  // somebody wants it delivered, however old it is
    return options;
  }

  static sinks::QuarantineOptions quarantine_options_of(const SpoolView& view,
                                                        const config::Sink& sink) {
    sinks::QuarantineOptions options = quarantine_options(sink);
    options.path = view.folder + "/quarantine.txt";
    return options;
  }

  // A large spool takes longer to open than the spool's maker waits for.
  base::Expected<void> await_opened(StopSignals& signals) {
    for (;;) {
      const sinks::SpoolFigures figures = spool_.figures();
      if (!figures.disk_trouble.empty()) {
        return base::Error{base::ErrorCode::Io,
                           "cannot open " + folder_ + ": " + figures.disk_trouble};
      }
      if (figures.points_recovered > 0) return {};
      const auto seen = sinks::read_spool(folder_);
      if (!seen) return seen.error();
      if (seen->points_waiting == 0) return {};
      if (signals.wait_for(kPollMs)) {
        return base::Error{base::ErrorCode::Cancelled, folder_ + ": stopped by a signal"};
      }
    }
  }

  const std::string folder_;
  const std::string label_;
  std::atomic<bool> cancelled_ = false;
  sinks::Quarantine quarantine_;
  sinks::Spool spool_;
  const config::Sink& sink_;
  std::unique_ptr<sinks::Sender> sender_;
};

// Where what waits in a spool is to go.
struct Way {
  const SpoolView* spool;
  const config::Sink* sink;
};

std::string names_of(const config::Config& config) {
  std::string names;
  for (const config::Sink& sink : config.sinks) {
    names += (names.empty() ? "\"" : ", \"") + sink.name + "\"";
  }
  return names;
}

const config::Sink* sink_for(const SpoolView& spool, const config::Config& config) {
  const std::string folder = std::filesystem::path(spool.folder).filename().string();
  const auto found =
      std::find_if(config.sinks.begin(), config.sinks.end(), [&](const config::Sink& sink) {
        return spool.has_sink_name ? sink.name == spool.sink
                                   : sinks::folder_name(sink.name) == folder;
      });
  return found == config.sinks.end() ? nullptr : &*found;
}

// The command from its options to its exit code.
class DrainCommand {
 public:
  DrainCommand(const SpoolDrainOptions& options, const config::Config& config, std::ostream& out,
               std::ostream& err)
      : options_(options), config_(config), out_(out), err_(err) {}

  int run() {
    const ReadSpools read = read_spools(options_.directory, err_);
    if (!read.is_complete) is_left_ = true;
    const auto ways = choose(read.spools);
    if (!ways) return kExitUsage;
    {
      StopSignals signals;
      drain(*ways, signals);
    }
    if (!flush_output(out_, err_)) return kExitUnreadable;
    if (is_left_) return kExitUnreadable;
    return has_orphans_ ? kExitUsage : kExitOk;
  }

 private:
  void complain(const std::string& text) { err_ << "fedwave: " << base::printable(text) << '\n'; }

  // Nothing when the options are wrong.
  std::optional<std::vector<Way>> choose(const std::vector<SpoolView>& spools) {
    const config::Sink* wanted = nullptr;
    if (!options_.sink.empty()) {
      const auto found =
          std::find_if(config_.sinks.begin(), config_.sinks.end(),
                       [this](const config::Sink& sink) { return sink.name == options_.sink; });
      if (found == config_.sinks.end()) {
        complain("there is no sink \"" + options_.sink + "\"; there is: " + names_of(config_));
        return std::nullopt;
      }
      wanted = &*found;
    }
    if (wanted != nullptr && spools.size() > 1) {
      complain("--sink goes with one sink's folder, and there are several in " +
               options_.directory + ":");
      for (const SpoolView& spool : spools) err_ << "  " << base::printable(spool.folder) << '\n';
      return std::nullopt;
    }
    std::vector<Way> ways;
    for (const SpoolView& spool : spools) {
      const config::Sink* const sink = wanted != nullptr ? wanted : sink_for(spool, config_);
      if (is_drainable(spool, sink)) ways.push_back({&spool, sink});
    }
    return ways;
  }

  bool is_drainable(const SpoolView& spool, const config::Sink* sink) {
    if (spool.blocks_waiting == 0) {
      out_ << base::printable(spool.sink) << ": nothing waits\n";
      return false;
    }
    if (sink == nullptr) {
      has_orphans_ = true;
      complain(counted(spool.points_waiting, "point") + " in " + spool.folder +
               ": the configuration has no sink \"" + spool.sink +
               "\"; there is: " + names_of(config_) + "; to deliver there: fedwave spool drain " +
               spool.folder + " --config " + options_.config_file + " --sink NAME");
      return false;
    }
    if (spool.user.empty()) return true;
    is_left_ = true;
    complain(spool.folder + " is in use by " + spool.user +
             ", which delivers what waits by itself; to drain it from here, stop that first");
    return false;
  }

  void drain(const std::vector<Way>& ways, StopSignals& signals) {
    const base::Clock& clock = base::system_clock();
    const std::int64_t begin_ms = clock.steady_ms();
    std::vector<std::unique_ptr<Drain>> drains;
    for (const Way& way : ways) {
      auto drain = std::make_unique<Drain>(*way.spool, *way.sink);
      if (const auto started = drain->start(signals); !started) {
        is_left_ = true;
        complain(started.error().message);
        is_stopped_ = started.error().code == base::ErrorCode::Cancelled;
        if (is_stopped_) break;
        continue;
      }
      drains.push_back(std::move(drain));
    }
    if (!is_stopped_) wait(drains, signals, begin_ms);
    // What a sink of type stdout writes is not to be mixed with ours.
    const bool is_to_stdout = std::any_of(ways.begin(), ways.end(), [](const Way& way) {
      return way.sink->kind == config::SinkKind::Stdout;
    });
    std::ostream& told = is_to_stdout ? err_ : out_;
    const auto now = std::chrono::steady_clock::now();
    for (const auto& drain : drains) {
      drain->end(now + (drain->is_done() ? kFinishPatience : kStopPatience));
      is_left_ = is_left_ || drain->figures().points_waiting > 0;
      told << drain->summary() << '\n';
    }
    const std::int64_t took_ms = clock.steady_ms() - begin_ms;
    if (!drains.empty()) told << "took " << base::format_duration_ms(took_ms) << '\n';
  }

  // Until all is delivered, the time is up or a signal comes.
  void wait(const std::vector<std::unique_ptr<Drain>>& drains, StopSignals& signals,
            std::int64_t begin_ms) {
    const base::Clock& clock = base::system_clock();
    const std::int64_t end_ms = options_.for_ms > 0 ? begin_ms + options_.for_ms : kForeverMs;
    ProgressLine progress(err_, options_.shows_progress, clock);
    while (!std::all_of(drains.begin(), drains.end(),
                        [](const auto& drain) { return drain->is_done(); })) {
      progress.show([&] { return progress_text(drains, clock.steady_ms() - begin_ms); });
      const std::int64_t left_ms = end_ms - clock.steady_ms();
      if (left_ms <= 0 || signals.wait_for(std::min(left_ms, kPollMs))) return;
    }
  }

  static std::string progress_text(const std::vector<std::unique_ptr<Drain>>& drains,
                                   std::int64_t passed_ms) {
    std::uint64_t left = 0;
    std::uint64_t done = 0;
    for (const auto& drain : drains) {
      const sinks::SpoolFigures figures = drain->figures();
      left += figures.points_waiting;
      done += figures.points_delivered + figures.points_quarantined;
    }
    const std::uint64_t rate =
        done * 1000 / static_cast<std::uint64_t>(std::max<std::int64_t>(passed_ms, 1));
    return "draining: " + counted(left, "point") + " left, " + std::to_string(rate) + " points/s";
  }

  const SpoolDrainOptions& options_;
  const config::Config& config_;
  std::ostream& out_;
  std::ostream& err_;
  bool is_left_ = false;
  bool has_orphans_ = false;
  bool is_stopped_ = false;  // by a signal, before all was open
};

}  // namespace

int spool_drain_command(const SpoolDrainOptions& options, std::ostream& out, std::ostream& err) {
  const auto config = load_or_explain(options.config_file, err);
  if (!config) return kExitUsage;
  return DrainCommand(options, *config, out, err).run();
}

}  // namespace fedwave::relay
