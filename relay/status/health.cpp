#include "relay/status/health.h"

#include <algorithm>
#include <map>
#include <source_location>
#include <utility>

#include "relay/base/clock.h"
#include "relay/base/text.h"
#include "relay/commands/readable.h"
#include "relay/count_text.h"
#include "relay/explain/explanation_text.h"
#include "relay/status/all_sources.h"
#include "relay/status/query.h"
#include "relay/status/sink_trouble.h"

namespace fedwave::relay {
namespace {

constexpr std::int64_t kFirstScrapePatienceMs = 10'000;  // beyond the timeout
constexpr std::int64_t kTroublePatienceMs = 5'000;
constexpr std::int64_t kTroubleIsErrorMs = 60'000;
constexpr std::int64_t kBacklogOldMs = 300'000;
constexpr std::int64_t kLagMs = 30'000;
// Of problems that are alike, and of notes, so many are told one by one.
constexpr std::size_t kAlikeShown = 10;
// What the error of a scrape begins with that has not even been tried.
constexpr std::string_view kWaitsForCertificates = "waiting for certificates";

std::string quoted(const std::string& name) {
  return '"' + name + '"';
}

// As a word of a shell's command line.
std::string shell_word(const std::string& text) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/' || c == ':';
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

// " (collector.yaml:12:7)"
std::string place_behind(const config::Config& config, config::Position where) {
  const std::string place = place_text(where, config.file);
  return place.empty() ? "" : " (" + place + ")";
}

// What the address in a URL asks for, plain or percent-encoded.
bool has_selector(const std::string& url) {
  const std::string lower = base::lower(url);
  return lower.find("match[]=") != std::string::npos ||
         lower.find("match%5b%5d=") != std::string::npos;
}

bool is_federation(const config::Source& source) {
  return source.url.find("/federate") != std::string::npos;
}

// What a stage of filters did with a source's samples at a sink, other than sending them.
struct Reason {
  std::uint64_t samples = 0;
  std::string text;
};

void note(Reason& most, std::uint64_t samples, const std::string& text) {
  if (samples > most.samples) most = {samples, text};
}

// What another shard sends is not lost.
std::uint64_t of_other_shards(const SinkCounts& counts) {
  return counts.by_verdict[static_cast<std::size_t>(Verdict::OtherShard)];
}

Reason main_reason(const SinkCounts& counts) {
  Reason most;
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    if (verdict == Verdict::Kept || verdict == Verdict::OtherShard) continue;
    note(most, counts.by_verdict[i], verdict_text(verdict));
  }
  note(most, counts.not_a_number, "their value is NaN");
  note(most, counts.infinite, "their value is infinite");
  return most;
}

// Where several relays share the work, some of it is theirs.
bool is_ours(const SourceFigures& source) {
  return source.jobs.empty() || std::any_of(source.jobs.begin(), source.jobs.end(),
                                            [](const JobFigures& job) { return job.is_ours; });
}

// " at 10.0.0.1 for up{a="b"}": which of several it is.
std::string target_text(const SourceFigures& source, const TargetFigures& target) {
  std::string text;
  if (!target.address.empty() && source.targets.size() > 1) text += " at " + target.address;
  if (source.jobs.size() > 1) text += " for " + source.jobs.at(target.job).match;
  return text;
}

// Of the problems of a file the first that makes it one that cannot be used.
const std::string& main_problem(const std::vector<std::string>& problems) {
  const auto error = std::find_if(problems.begin(), problems.end(), [](const std::string& text) {
    return text.find(": error: ") != std::string::npos;
  });
  return error == problems.end() ? problems.front() : *error;
}

// "what is wrong; what to do" as its two halves.
std::pair<std::string, std::string> parted(const std::string& error) {
  const std::size_t end = error.find("; ");
  if (end == std::string::npos) return {error, ""};
  return {error.substr(0, end), error.substr(end + 2)};
}

// "14:05 UTC", with the date unless that is today's.
std::string moment_text(std::int64_t wall_ms, std::int64_t now_ms) {
  const auto date_of = [](const std::string& text) { return text.substr(0, text.find('T')); };
  const std::string text = base::utc_text(wall_ms);
  const std::string date = date_of(text);
  const std::string time = text.substr(date.size() + 1, 5) + " UTC";
  return date == date_of(base::utc_text(now_ms)) ? time : date + " " + time;
}

// Why the file could not even be read; empty when it was. It is told without a place in the file.
std::string unreadable_text(const ConfigFigures& config) {
  const std::string front = config.file + ": error: ";
  if (config.problems.size() != 1 || !config.problems[0].starts_with(front)) return "";
  const std::string why = config.problems[0].substr(front.size());
  const bool is_about_file = why.starts_with("the file is ") ||
                             why.starts_with("cannot open the file") ||
                             why.starts_with("cannot read the file");
  return is_about_file ? why : "";
}

// Who leads calls itself POD_UID.
std::string pod_of(const std::string& identity) {
  return identity.substr(0, identity.find('_'));
}

bool sends_nothing(const SinkCounts& counts) {
  const std::uint64_t dropped = counts.filtered() + counts.rejected() - of_other_shards(counts);
  return counts.written + counts.converted == 0 && dropped > 0;
}

class Assessment {
 public:
  explicit Assessment(const HealthInput& input)
      : input_(input), config_(*input.figures.config), sources_(all_sources(config_)) {}

  Health run() {
    check_config();
    check_election();
    check_schedule();
    const PipelineFigures& figures = input_.figures;
    for (std::size_t i = 0; i < std::min(figures.sources.size(), sources_.size()); ++i) {
      if (is_scraped(*sources_[i], figures.sources[i])) {
        check_scrapes(*sources_[i], figures.sources[i]);
      }
      check_recent(*sources_[i], figures.sources[i], input_.recent.sources.at(i));
      if (is_scraping(input_.cluster.election)) check_filters(figures.sources[i]);
    }
    for (std::size_t i = 0; i < figures.sinks.size(); ++i) {
      check_sink(config_.sinks.at(i), figures.sinks[i]);
      check_losses(config_.sinks[i], figures.sinks[i], input_.recent.sinks.at(i));
      check_sink_filters(i);
    }
    take_notes();
    for (const SinkFigures& sink : figures.leaving) check_leaving(sink);
    count_the_rest();
    return finish();
  }

 private:
  [[nodiscard]] std::string age(std::int64_t since_ms) const {
    return age_text(std::max<std::int64_t>(input_.now_ms - since_ms, 0));
  }
  [[nodiscard]] bool is_stuck(const SinkFigures& sink) const {
    return !sink.sender.trouble.empty() &&
           input_.now_ms - sink.sender.trouble_since_ms >= kTroublePatienceMs;
  }
  // A command that shows more of a source.
  [[nodiscard]] std::string command(const char* name, const std::string& source) const {
    return std::string("fedwave ") + name + " --config " + shell_word(config_.file) + " --source " +
           shell_word(source);
  }
  [[nodiscard]] bool is_scraped(const config::Source& config, const SourceFigures& source) const {
    return !config.url.empty() && is_scraping(input_.cluster.election) && is_ours(source);
  }
  // What the same line of this file finds, at the same level, is alike.
  void add_alike(Problem found, const std::source_location& by) {
    Alike& alike = alike_[{found.level, by.line()}];
    if (++alike.count <= kAlikeShown) {
      alike.last = problems_.size();
      problems_.push_back(std::move(found));
    }
  }
  void source_problem(HealthLevel level, const SourceFigures& source, std::string what,
                      std::string advice,
                      std::source_location by = std::source_location::current()) {
    add_alike({level, std::move(what), std::move(advice), source.name, ""}, by);
  }
  void sink_problem(HealthLevel level, const std::string& sink, std::string what,
                    std::string advice, std::source_location by = std::source_location::current()) {
    add_alike({level, std::move(what), std::move(advice), "", sink}, by);
  }

  void check_config();
  void check_election();
  void check_schedule();
  void check_scrapes(const config::Source& config, const SourceFigures& source);
  void check_certificates(const config::Source& config, const SourceFigures& source);
  void check_targets(const SourceFigures& source);
  void check_recent(const config::Source& config, const SourceFigures& source,
                    const RecentCounts::Source& recent);
  void check_filters(const SourceFigures& source);
  void check_sink(const config::Sink& config, const SinkFigures& sink);
  void check_trouble(const config::Sink& config, const SinkFigures& sink);
  [[nodiscard]] std::string trouble_advice(const config::Sink& config,
                                           const SinkFigures& sink) const;
  void check_losses(const config::Sink& config, const SinkFigures& sink,
                    const RecentCounts::Sink& recent);
  void check_leaving(const SinkFigures& sink);
  void check_sink_filters(std::size_t sink);
  void take_notes();
  void count_the_rest();
  Health finish();

  struct Alike {
    std::size_t count = 0;
    std::size_t last = 0;  // of those that are shown
  };

  const HealthInput& input_;
  const config::Config& config_;
  const std::vector<const config::Source*> sources_;
  std::vector<Problem> problems_;
  std::map<std::pair<HealthLevel, std::uint_least32_t>, Alike> alike_;
  std::vector<std::string> notes_;
};

void Assessment::check_config() {
  const ConfigFigures& config = input_.config;
  if (config.is_current) return;
  const std::string from =
      "the configuration from " + moment_text(config.loaded_ms, input_.now_ms) + " goes on until ";
  if (const std::string why = unreadable_text(config); !why.empty()) {
    problems_.push_back({HealthLevel::Warning,
                         "the configuration " + config.file + " is gone or cannot be read: " + why,
                         from + "it can be read again; fedwave would not start without it", "",
                         ""});
    return;
  }
  std::string what = config.problems.empty()
                         ? "the last edit of " + config.file + " is refused"
                         : "the last edit is refused: " + main_problem(config.problems);
  if (config.problems.size() > 1) {
    what += " (and " + many(config.problems.size() - 1, "more problem") + ")";
  }
  problems_.push_back({HealthLevel::Warning, std::move(what),
                       from + "that is put right. See all of it with: fedwave check --config " +
                           shell_word(config.file),
                       "", ""});
}

// A request that is tried again in time is nothing to tell of.
void Assessment::check_election() {
  const ElectionFigures& election = input_.cluster.election;
  const bool is_leading = election.state == ElectionState::Leading;
  const std::int64_t well_ms = is_leading ? election.renewed_ms : election.since_ms;
  const bool takes_part = is_leading || election.state == ElectionState::Standby;
  const bool is_moment = input_.now_ms - well_ms < kTroublePatienceMs;
  if (!takes_part || election.last_error.empty() || is_moment) return;
  const auto [what, advice] = parted(election.last_error);
  problems_.push_back(
      {is_leading ? HealthLevel::Warning : HealthLevel::Error,
       (is_leading ? "this relay leads but cannot renew its lease " + election.lease
                   : "this relay cannot stand for leader with the lease " + election.lease) +
           ": " + what,
       advice.empty() ? "can the API server be reached from here, and may the service account get, "
                        "create and update leases in its namespace?"
                      : advice,
       "", ""});
}

void Assessment::check_schedule() {
  const std::int64_t lag_ms = input_.figures.schedule_lag_ms;
  if (lag_ms < kLagMs) return;
  problems_.push_back(
      {HealthLevel::Error, "a scrape that is due has been waiting for " + age_text(lag_ms),
       "is the machine out of processor time? Give fedwave more, or fewer sources", "", ""});
}

void Assessment::check_scrapes(const config::Source& config, const SourceFigures& source) {
  if (source.last_start_ms == 0) {
    // Of a source that an edit has brought, or of a relay that was a standby, since then.
    const std::int64_t since_ms =
        std::max({input_.started_ms, input_.config.loaded_ms, input_.cluster.election.since_ms});
    if (input_.now_ms - since_ms < config.timeout_ms + kFirstScrapePatienceMs) return;
    source_problem(HealthLevel::Error, source,
                   "no scrape of source " + quoted(source.name) + " has ended for " +
                       age(since_ms) + ", since it could begin",
                   "try it by hand with: " + command("dump", source.name));
    return;
  }
  if (source.last_error.starts_with(kWaitsForCertificates)) {
    check_certificates(config, source);
  } else if (!source.last_error.empty()) {
    check_targets(source);
  } else if (source.last_samples == 0) {
    source_problem(
        HealthLevel::Warning, source,
        "the page of source " + quoted(source.name) + " has no samples",
        has_selector(config.url) ? "no series of that Prometheus is what the URL selects: "
                                   "try the selector in its own expression browser"
        : is_federation(config)  ? "a federation page is empty without a selector: write match[]" +
                                      place_behind(config_, config.where)
                                : "is it the right path? Look at " + config.url);
  }
}

// Of all addresses alike. Normal for as long as a sidecar takes to start.
void Assessment::check_certificates(const config::Source& config, const SourceFigures& source) {
  std::int64_t since_ms = input_.now_ms;
  for (const TargetFigures& target : source.targets) {
    if (target.failing_since_ms > 0) since_ms = std::min(since_ms, target.failing_since_ms);
  }
  const bool is_long = input_.now_ms - since_ms >= kTroubleIsErrorMs;
  source_problem(
      is_long ? HealthLevel::Error : HealthLevel::Warning, source,
      "source " + quoted(source.name) + " has been waiting for certificates for " + age(since_ms) +
          source.last_error.substr(kWaitsForCertificates.size()),
      "they are looked for again and again. Is what writes them running (with Istio, the sidecar), "
      "and is its folder the one in tls_config" +
          place_behind(config_, config.where) + "?");
}

// A source fails when any of its addresses does.
void Assessment::check_targets(const SourceFigures& source) {
  const std::string advice = "try it by hand with: " + command("dump", source.name);
  const auto failing =
      std::count_if(source.targets.begin(), source.targets.end(),
                    [](const TargetFigures& target) { return !target.last_error.empty(); });
  if (failing == 0) {
    source_problem(HealthLevel::Error, source,
                   "source " + quoted(source.name) + " cannot be scraped: " + source.last_error,
                   advice);
    return;
  }
  const bool all_fail = static_cast<std::size_t>(failing) == source.targets.size();
  for (const TargetFigures& target : source.targets) {
    if (target.last_error.empty()) continue;
    std::string what = "source " + quoted(source.name);
    what += target_text(source, target);
    what += target.failing_since_ms > 0
                ? " has not been scraped for " + age(target.failing_since_ms)
                : " cannot be scraped";
    source_problem(all_fail ? HealthLevel::Error : HealthLevel::Warning, source,
                   what + ": " + target.last_error, advice);
  }
}

void Assessment::check_recent(const config::Source& config, const SourceFigures& source,
                              const RecentCounts::Source& recent) {
  if (recent.missed > 0) {
    source_problem(HealthLevel::Warning, source,
                   "source " + quoted(source.name) + " missed " + many(recent.missed, "scrape") +
                       " in the last ten minutes, because the "
                       "one before took longer than the interval of " +
                       age_text(config.interval_ms),
                   "write a longer interval or a shorter timeout" +
                       std::string(!is_federation(config)     ? ""
                                   : has_selector(config.url) ? ", or select fewer series"
                                                              : ", or select series with match[]"));
  }
  if (recent.malformed > 0) {
    source_problem(HealthLevel::Warning, source,
                   many(recent.malformed, "line") + " of source " + quoted(source.name) +
                       " could not be read in the last ten minutes (since the start: " +
                       malformed_text(source.counts) + ")",
                   "see which ones and why with: " + command("dump", source.name));
  }
}

// A sink that gets nothing may be meant to; a source that nobody gets anything of hardly is.
void Assessment::check_filters(const SourceFigures& source) {
  const auto& sinks = source.counts.by_sink;
  if (sinks.empty() || !std::all_of(sinks.begin(), sinks.end(), sends_nothing)) return;
  const Reason reason = main_reason(sinks.front());
  const std::uint64_t samples = source.counts.read - of_other_shards(sinks.front());
  const bool is_all = reason.samples >= samples;
  source_problem(
      HealthLevel::Error, source,
      "nothing of source " + quoted(source.name) + " is sent: all its " + many(samples, "sample") +
          " are dropped, " + (is_all ? "" : grouped(reason.samples) + " of them ") + "because " +
          reason.text,
      "see the rule for each series with: " + command("explain --live --dropped", source.name));
}

void Assessment::check_sink_filters(std::size_t sink) {
  if (input_.figures.sinks.size() < 2) return;
  Reason most;
  for (const SourceFigures& source : input_.figures.sources) {
    const SinkCounts& counts = source.counts.by_sink.at(sink);
    if (counts.written + counts.converted > 0) return;
    const Reason reason = main_reason(counts);
    note(most, reason.samples, reason.text);
  }
  // Of a source that no sink gets anything of, enough has been said.
  const bool any_is_sent = std::any_of(
      input_.figures.sources.begin(), input_.figures.sources.end(), [](const SourceFigures& s) {
        return std::any_of(s.counts.by_sink.begin(), s.counts.by_sink.end(),
                           [](const SinkCounts& c) { return c.written + c.converted > 0; });
      });
  if (most.samples == 0 || !any_is_sent) return;
  const std::string& name = input_.figures.sinks[sink].name;
  sink_problem(HealthLevel::Warning, name,
               "sink " + quoted(name) +
                   " gets nothing: everything is dropped, most of it because " + most.text,
               "look at its filters; the command explain names the rule for each series");
}

void Assessment::check_sink(const config::Sink& config, const SinkFigures& sink) {
  const sinks::SpoolFigures& spool = sink.spool;
  check_trouble(config, sink);
  if (!spool.disk_trouble.empty()) {
    sink_problem(HealthLevel::Error, sink.name,
                 "the spool of sink " + quoted(sink.name) +
                     " cannot use its directory: " + spool.disk_trouble,
                 "look at the room and the permissions of " + config.spool.directory +
                     "; until then points wait in memory (" +
                     many(spool.points_in_memory, "point") +
                     " now) and would be lost with the process");
  }
  const bool is_old =
      spool.oldest_waiting_ms > 0 && input_.now_ms - spool.oldest_waiting_ms > kBacklogOldMs;
  if (is_old && sink.sender.trouble.empty()) {
    sink_problem(HealthLevel::Warning, sink.name,
                 "sink " + quoted(sink.name) + " is " + age(spool.oldest_waiting_ms) +
                     " behind: " + waiting_text(spool.points_waiting),
                 "nothing is lost: they go out beside the fresh ones; a higher spool.drainRate is "
                 "faster");
  }
}

// One request that is tried again is nothing to tell of. What no time heals is an error at once.
void Assessment::check_trouble(const config::Sink& config, const SinkFigures& sink) {
  if (!is_stuck(sink)) return;
  const std::int64_t lasts_ms = input_.now_ms - sink.sender.trouble_since_ms;
  const bool passes = trouble_of(sink.sender.cause) == Trouble::Passing;
  sink_problem(passes && lasts_ms < kTroubleIsErrorMs ? HealthLevel::Warning : HealthLevel::Error,
               sink.name,
               "sink " + quoted(sink.name) + " has not been able to deliver for " +
                   age_text(lasts_ms) + ": " + sink.sender.trouble,
               trouble_advice(config, sink));
}

std::string Assessment::trouble_advice(const config::Sink& config, const SinkFigures& sink) const {
  const Trouble trouble = trouble_of(sink.sender.cause);
  const std::string where = place_behind(config_, config.where) + ". ";
  const bool is_on_disk = !config.spool.directory.empty();
  std::string advice = first_step(sink.sender.cause);
  if (trouble == Trouble::Denied) advice = "look at the sink's " + credentials_text(config) + where;
  if (trouble == Trouble::Misplaced) {
    const char* key = config.kind == config::SinkKind::Direct ? "server" : "proxyAddress";
    advice = std::string("look at the sink's address, ") + key + where;
  }
  const auto room = bytes_text(
      static_cast<std::uint64_t>(is_on_disk ? config.spool.bytes : config.spool.memory_bytes));
  advice += waiting_text(sink.spool.points_waiting);
  if (is_on_disk) {
    return advice + " on disk and take " + bytes_text(sink.spool.bytes_waiting) + " of " + room +
           "; the oldest go when that is full";
  }
  advice += " in memory, where there is room for " + room;
  // For a receiver that is away; a wrong setting is put right sooner.
  return trouble == Trouble::Passing
             ? advice + "; a spool.directory would keep them through a restart"
             : advice;
}

void Assessment::check_losses(const config::Sink& config, const SinkFigures& sink,
                              const RecentCounts::Sink& recent) {
  const bool is_damage = sink.spool.points_expired_damaged == sink.spool.points_expired();
  if (recent.expired > 0) {
    sink_problem(HealthLevel::Error, sink.name,
                 many(recent.expired, "point") + " for sink " + quoted(sink.name) +
                     " were lost in the last ten minutes (since the start: " +
                     expired_text(sink.spool) + ")",
                 is_damage ? "files of the spool have been damaged: look at the disk that " +
                                 config.spool.directory + " is on"
                 : config.spool.directory.empty()
                     ? "once the receiver takes points again no more are lost; with a "
                       "spool.directory much more could wait"
                     : "what waits is bounded by spool.bytes and spool.maxAge: make them larger, "
                       "or the receiver faster");
  }
  if (recent.quarantined > 0) {
    sink_problem(HealthLevel::Warning, sink.name,
                 "the receiver of sink " + quoted(sink.name) + " refused " +
                     many(recent.quarantined, "point") +
                     " in the last ten minutes (since the start: " +
                     causes_text(sink.sender.quarantined_by_cause) + ")",
                 config.spool.directory.empty()
                     ? "the log has the reason; with a spool.directory they would be kept in "
                       "quarantine.txt"
                     : "they are in quarantine.txt of the sink's folder in " +
                           config.spool.directory + ", each with its reason");
  }
}

std::string standby_text(const ElectionFigures& election) {
  if (election.holder.empty()) return "there is no leader so far; this relay stands for it";
  if (election.holder == election.identity) {
    return "this relay could not renew its lease in time; the next one may take it";
  }
  return "the leader is " + pod_of(election.holder) +
         "; this relay takes over when that one stops or is lost";
}

void Assessment::take_notes() {
  const ElectionFigures& election = input_.cluster.election;
  if (election.state == ElectionState::Standby) {
    notes_.push_back("standing by: " + standby_text(election));
  }
  const auto& sources = input_.figures.sources;
  const auto scraped_end = sources.begin() + static_cast<std::ptrdiff_t>(config_.sources.size());
  if (!config_.sources.empty() && std::none_of(sources.begin(), scraped_end, is_ours)) {
    notes_.push_back("nothing to scrape here: everything belongs to other shards");
  }
}

// That an edit has taken a sink out while its points wait is meant; that they cannot go is not.
void Assessment::check_leaving(const SinkFigures& sink) {
  const std::uint64_t waiting = sink.spool.points_waiting;
  if (waiting > 0 && is_stuck(sink)) {
    sink_problem(
        HealthLevel::Warning, sink.name,
        "sink " + quoted(sink.name) +
            ", which is no longer in the configuration, has not been able to deliver for " +
            age(sink.sender.trouble_since_ms) + ": " + sink.sender.trouble,
        leaving_advice(sink));
    return;
  }
  notes_.push_back("sink " + quoted(sink.name) + " is no longer in the configuration: " +
                   waiting_text(waiting) + " to be delivered before it goes" +
                   (sink.sender.trouble.empty() ? "" : ", but: " + sink.sender.trouble));
}

// Thousands of sources may fail for one reason.
void Assessment::count_the_rest() {
  for (const auto& [kind, alike] : alike_) {
    if (alike.count <= kAlikeShown) continue;
    problems_.push_back({kind.first,
                         "and " + grouped(alike.count - kAlikeShown) +
                             " more like this: " + problems_[alike.last].what,
                         "/api/v1/sources and /api/v1/sinks tell of each", "", ""});
  }
  if (notes_.size() <= kAlikeShown) return;
  const std::string more = "and " + grouped(notes_.size() - kAlikeShown) + " more";
  notes_.resize(kAlikeShown);
  notes_.push_back(more);
}

Health Assessment::finish() {
  std::stable_sort(problems_.begin(), problems_.end(),
                   [](const Problem& a, const Problem& b) { return a.level > b.level; });
  Health health;
  health.level = problems_.empty() ? HealthLevel::Ok : problems_.front().level;
  health.problems = std::move(problems_);
  health.notes = std::move(notes_);
  return health;
}

}  // namespace

const char* health_level_name(HealthLevel level) {
  switch (level) {
    case HealthLevel::Ok:
      return "ok";
    case HealthLevel::Warning:
      return "warning";
    case HealthLevel::Error:
      return "error";
  }
  return "error";
}

bool is_scraping(const ElectionFigures& election) {
  return election.state == ElectionState::Off || election.state == ElectionState::Leading;
}

Health assess_health(const HealthInput& input) {
  return Assessment(input).run();
}

}  // namespace fedwave::relay
