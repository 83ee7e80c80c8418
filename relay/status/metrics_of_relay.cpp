#include "relay/status/metrics_of_relay.h"

#include <array>

#include "relay/status/health.h"

namespace fedwave::relay {
namespace {

using enum MetricType;

// What an API server usually answers, or not. Anything else is shown once it has come up.
constexpr std::array kElectionFailures = {"unreachable", "timeout",  "tls",      "http_401",
                                          "http_403",    "http_429", "http_500", "http_503"};

template <class Number>
void add_single(MetricsText& page, const char* name, MetricType type, const char* help,
                Number value) {
  page.begin_family(name, type, help);
  page.add({}, value);
}

void add_config(MetricsText& page, const ConfigFigures& config) {
  add_single(page, "fedwave_config_last_reload_successful", Gauge,
             "1 while the configuration in force is what the file said when it was last read, 0 "
             "while that is refused.",
             config.is_current ? 1 : 0);
  add_single(page, "fedwave_config_last_reload_success_timestamp_seconds", Gauge,
             "Since when the configuration in force is.", seconds(config.loaded_ms));
  page.begin_family("fedwave_config_reloads_total", Counter,
                    "Times that the file was read again, by what came of it.");
  page.add({{"result", "applied"}}, config.applied);
  page.add({{"result", "unchanged"}}, config.unchanged);
  page.add({{"result", "refused"}}, config.refused);
  page.begin_family("fedwave_config_info", Gauge,
                    "The hash of the configuration in force: the same for replicas that have the "
                    "same; always 1.");
  page.add({{"hash", config.hash}}, 1);
}

// Of an election that there is; alone there is nothing to count.
void add_election_counts(MetricsText& page, const ElectionFigures& election) {
  const bool is_on = election.state != ElectionState::Off;
  const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
    page.begin_family(name, Counter, help);
    if (is_on) page.add({{"lease", election.lease}}, value);
  };
  counter("fedwave_election_terms_total", "Times that this relay has become leader.",
          election.terms);
  counter("fedwave_election_lost_total", "Times that it had to stop leading against its will.",
          election.lost);
  counter("fedwave_election_requests_total", "Requests to the API server.", election.requests);
  page.begin_family("fedwave_election_failures_total", Counter,
                    "Requests to the API server that have failed.");
  if (!is_on) return;
  for (const auto& [cause, count] : with_zeros(election.failures_by_cause, kElectionFailures)) {
    page.add({{"lease", election.lease}, {"cause", cause}}, count);
  }
}

void add_cluster(MetricsText& page, const ClusterFigures& cluster) {
  const ElectionFigures& election = cluster.election;
  const bool is_on = election.state != ElectionState::Off;
  page.begin_family("fedwave_leader", Gauge,
                    "1 while this relay scrapes, as leader or because it is alone; 0 for a "
                    "standby.");
  if (is_on) {
    page.add({{"lease", election.lease}}, is_scraping(election) ? 1 : 0);
  } else {
    page.add({}, 1);
  }
  page.begin_family("fedwave_election_info", Gauge,
                    "Who this relay is in the election, and who holds the lease as it has seen it "
                    "last; always 1, absent without an election.");
  if (is_on) {
    page.add(
        {{"lease", election.lease}, {"identity", election.identity}, {"holder", election.holder}},
        1);
  }
  add_election_counts(page, election);
  add_single(page, "fedwave_shard_ordinal", Gauge,
             "Which one of the relays that share the work this is, from 0 on.",
             cluster.shard.ordinal);
  add_single(page, "fedwave_shards", Gauge, "How many relays share the work.", cluster.shard.count);
}

void add_process(MetricsText& page, const MetricsInput& input) {
  const ProcessFigures& process = input.process;
  add_single(page, "process_cpu_seconds_total", Counter, "User and system time of all threads.",
             process.cpu_seconds);
  add_single(page, "process_resident_memory_bytes", Gauge, "Memory that is resident.",
             process.resident_bytes);
  add_single(page, "process_virtual_memory_bytes", Gauge, "Address space in use.",
             process.virtual_bytes);
  add_single(page, "process_open_fds", Gauge, "Open file descriptors.", process.open_fds);
  add_single(page, "process_max_fds", Gauge, "How many file descriptors may be open.",
             process.max_fds);
  add_single(page, "process_threads", Gauge, "Threads.", process.threads);
  add_single(page, "process_start_time_seconds", Gauge, "When the process started.",
             seconds(input.started_ms));
}

}  // namespace

void add_metrics_of_relay(MetricsText& page, const MetricsInput& input) {
  page.begin_family("fedwave_build_info", Gauge, "The version of fedwave; always 1.");
  page.add({{"version", input.version}}, 1);
  add_config(page, input.config);
  add_cluster(page, input.cluster);
  add_single(page, "fedwave_schedule_lag_seconds", Gauge,
             "How long the most overdue scrape has been waiting for a worker.",
             seconds(input.figures.schedule_lag_ms));
  add_process(page, input);
}

}  // namespace fedwave::relay
