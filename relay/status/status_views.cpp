#include "relay/status/status_views.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "config/jobs.h"
#include "config/url.h"
#include "relay/base/duration.h"
#include "relay/json.h"
#include "relay/status/all_sources.h"
#include "relay/status/health.h"
#include "relay/version.h"

namespace fedwave::relay {
namespace {

// {"reason": count} of the reasons that there were, from counters in the order of an enum.
template <class Enum, class Counts>
void add_reasons(JsonWriter& json, const char* key, const Counts& counts,
                 const char* (*name)(Enum)) {
  add_object(json, key, [&] {
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] > 0) add(json, name(static_cast<Enum>(i)), counts[i]);
    }
  });
}

void add_verdicts(JsonWriter& json, const SinkCounts& counts, bool of_filters) {
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    if (verdict == Verdict::Kept || is_filtered(verdict) != of_filters) continue;
    if (counts.by_verdict[i] > 0) add(json, verdict_name(verdict), counts.by_verdict[i]);
  }
}

void add_sink_counts(JsonWriter& json, const std::string& sink, const SinkCounts& counts) {
  json.StartObject();
  add(json, "name", sink);
  add(json, "filtered", counts.filtered());
  add_object(json, "filtered_by", [&] { add_verdicts(json, counts, true); });
  add(json, "repeated", counts.repeated);
  add(json, "rejected", counts.rejected());
  add_object(json, "rejected_by", [&] {
    if (counts.not_a_number > 0) add(json, "not_a_number", counts.not_a_number);
    if (counts.infinite > 0) add(json, "infinite", counts.infinite);
    add_verdicts(json, counts, false);
  });
  add(json, "converted", counts.converted);
  add(json, "written", counts.written);
  add(json, "before", counts.before);
  add(json, "distributions", counts.distributions);
  json.EndObject();
}

// One request of the source.
void add_job(JsonWriter& json, const JobFigures& job) {
  json.StartObject();
  add(json, "match", job.match);
  add(json, "shard", job.shard);
  add(json, "ours", job.is_ours);
  json.EndObject();
}

void add_target(JsonWriter& json, const TargetFigures& target) {
  json.StartObject();
  add(json, "job", target.job);
  add(json, "address", target.address);
  add(json, "up", target.is_up());
  add(json, "scrapes", target.scrapes);
  add(json, "last_start_ms", target.last_start_ms);
  add(json, "last_duration_ms", target.last_duration_ms);
  add(json, "last_samples", target.last_samples);
  add(json, "series", target.series);
  add(json, "last_error", target.last_error);
  add(json, "failing_since_ms", target.failing_since_ms);
  json.EndObject();
}

void add_source(JsonWriter& json, const config::Source& config, const SourceFigures& source,
                const std::vector<SinkFigures>& sinks) {
  const ScrapeCounts& counts = source.counts;
  json.StartObject();
  add(json, "name", source.name);
  add(json, "url", config.url);
  add(json, "interval_ms", config.interval_ms);
  add(json, "timeout_ms", config.timeout_ms);
  add(json, "up", source.is_up());
  add(json, "scrapes", source.scrapes);
  add(json, "failures", source.failures);
  add(json, "failures_by", source.failures_by_code);
  add(json, "missed", source.missed);
  add(json, "series", source.series);
  add(json, "last_start_ms", source.last_start_ms);
  add(json, "last_duration_ms", source.last_duration_ms);
  add(json, "last_samples", source.last_samples);
  add(json, "last_error", source.last_error);
  add(json, "read", counts.read);
  add(json, "malformed", counts.malformed_total());
  add_reasons(json, "malformed_by", counts.malformed, parsers::malformed_name);
  add_reasons(json, "repaired_by", counts.repaired, sinks::repair_name);
  add(json, "new_series", counts.new_series);
  add(json, "body_bytes", counts.body_bytes);
  json.Key("sinks");
  json.StartArray();
  for (std::size_t i = 0; i < std::min(sinks.size(), counts.by_sink.size()); ++i) {
    add_sink_counts(json, sinks[i].name, counts.by_sink[i]);
  }
  json.EndArray();
  add_array(json, "jobs", source.jobs, [&](const JobFigures& job) { add_job(json, job); });
  add_array(json, "targets", source.targets, [&](const auto& target) { add_target(json, target); });
  json.EndObject();
}

const char* kind_name(config::SinkKind kind) {
  switch (kind) {
    case config::SinkKind::ProxyHttp:
      return "proxy http";
    case config::SinkKind::ProxyTcp:
      return "proxy tcp";
    case config::SinkKind::Direct:
      return "direct";
    case config::SinkKind::Stdout:
      return "stdout";
  }
  return "";
}

std::string endpoint_text(const config::Endpoint& endpoint) {
  return endpoint.url.empty() ? config::host_port_text(endpoint.host, endpoint.port) : endpoint.url;
}

void add_spool(JsonWriter& json, const sinks::SpoolFigures& spool) {
  add(json, "recovered", spool.points_recovered);
  add(json, "spooled", spool.points_spooled);
  add(json, "delivered", spool.points_delivered);
  add(json, "waiting", spool.points_waiting);
  add(json, "quarantined", spool.points_quarantined);
  add(json, "expired", spool.points_expired());
  add_object(json, "expired_by", [&] {
    add(json, "full", spool.points_expired_full);
    add(json, "old", spool.points_expired_old);
    add(json, "damaged", spool.points_expired_damaged);
    add(json, "at_end", spool.points_expired_at_end);
  });
  add(json, "waiting_blocks", spool.blocks_waiting);
  add(json, "waiting_bytes", spool.bytes_waiting);
  add(json, "in_memory", spool.points_in_memory);
  add(json, "oldest_waiting_ms", spool.oldest_waiting_ms);
  add(json, "disk_trouble", spool.disk_trouble);
}

void add_sender(JsonWriter& json, const sinks::SenderFigures& sender) {
  add(json, "quarantined_by", sender.quarantined_by_cause);
  add(json, "requests", sender.requests);
  add(json, "retries", sender.retries);
  add(json, "retries_by", sender.retries_by_cause);
  add(json, "accepted_at_ms", sender.accepted_at_ms);
  add(json, "trouble", sender.trouble);
  add(json, "trouble_since_ms", sender.trouble_since_ms);
  add(json, "batch_points_limit", sender.batch_points_limit);
  add(json, "pause_ms", sender.pause_ms);
}

void add_sink(JsonWriter& json, const config::Sink& config, const SinkFigures& sink,
              const Rates::Sink& rates) {
  json.StartObject();
  add(json, "name", sink.name);
  add(json, "kind", kind_name(config.kind));
  add_array(json, "endpoints", config.endpoints,
            [&](const config::Endpoint& endpoint) { put(json, endpoint_text(endpoint)); });
  add(json, "in_per_s", rates.in);
  add(json, "out_per_s", rates.out);
  add_spool(json, sink.spool);
  add_sender(json, sink.sender);
  const bool is_on_disk = !config.spool.directory.empty();
  add(json, "spool_directory", config.spool.directory);
  add(json, "spool_bytes_max", is_on_disk ? config.spool.bytes : config.spool.memory_bytes);
  json.EndObject();
}

// Its settings went with the configuration.
void add_leaving_sink(JsonWriter& json, const SinkFigures& sink) {
  json.StartObject();
  add(json, "name", sink.name);
  add_spool(json, sink.spool);
  add_sender(json, sink.sender);
  json.EndObject();
}

void add_config(JsonWriter& json, const ConfigFigures& config) {
  add_object(json, "config", [&] {
    add(json, "file", config.file);
    add(json, "hash", config.hash);
    add(json, "loaded_ms", config.loaded_ms);
    add(json, "current", config.is_current);
    add(json, "last_change", config.last_change);
    add_object(json, "reloads", [&] {
      add(json, "applied", config.applied);
      add(json, "unchanged", config.unchanged);
      add(json, "refused", config.refused);
    });
    add(json, "refused_ms", config.refused_ms);
    add(json, "problems", config.problems);
  });
}

const char* state_name(ElectionState state) {
  switch (state) {
    case ElectionState::Off:
      return "off";
    case ElectionState::Standby:
      return "standby";
    case ElectionState::Leading:
      return "leading";
    case ElectionState::Ended:
      return "ended";
  }
  return "";
}

void add_cluster(JsonWriter& json, const ClusterFigures& cluster) {
  const ElectionFigures& election = cluster.election;
  add_object(json, "election", [&] {
    add(json, "state", state_name(election.state));
    add(json, "lease", election.lease);
    add(json, "identity", election.identity);
    add(json, "holder", election.holder);
    add(json, "since_ms", election.since_ms);
    add(json, "renewed_ms", election.renewed_ms);
    add(json, "terms", election.terms);
    add(json, "lost", election.lost);
    add(json, "transitions", election.transitions);
    add(json, "requests", election.requests);
    add(json, "failures_by", election.failures_by_cause);
    add(json, "last_error", election.last_error);
  });
  add_object(json, "shard", [&] {
    add(json, "ordinal", cluster.shard.ordinal);
    add(json, "count", cluster.shard.count);
  });
}

void add_rates(JsonWriter& json, const Rates& rates) {
  add_object(json, "rates", [&] {
    double delivered = 0;
    for (const Rates::Sink& sink : rates.sinks) delivered += sink.out;
    add(json, "read", std::accumulate(rates.read.begin(), rates.read.end(), 0.0));
    add(json, "delivered", delivered);
    add(json, "interval_s", rates.interval_ms / 1000);
  });
}

void add_health(JsonWriter& json, const Health& health) {
  const auto add_name = [&](const char* key, const std::string& name) {
    json.Key(key);
    name.empty() ? json.Null() : json.String(name.c_str());
  };
  add_object(json, "health", [&] {
    add(json, "level", health_level_name(health.level));
    add_array(json, "problems", health.problems, [&](const Problem& problem) {
      json.StartObject();
      add(json, "level", health_level_name(problem.level));
      add(json, "what", problem.what);
      add(json, "advice", problem.advice);
      add_name("source", problem.source);
      add_name("sink", problem.sink);
      json.EndObject();
    });
    add(json, "notes", health.notes);
  });
}

template <class Items>
void add_numbers(JsonWriter& json, const char* key, const Items& items) {
  add_array(json, key, items, [&](const auto& item) { put(json, item); });
}

// What there was none of yet is null.
void add_source_history(JsonWriter& json, const std::string& name, const SourceHistory& source) {
  json.StartObject();
  add(json, "name", name);
  add_numbers(json, "read_per_s", source.read_per_s);
  add_array(json, "scrape_ms", source.scrape_ms, [&](std::int64_t duration_ms) {
    duration_ms < 0 ? json.Null() : json.Int64(duration_ms);
  });
  json.Key("up");
  json.StartArray();
  for (std::size_t i = 0; i < source.is_up.size(); ++i) {
    source.scrape_ms[i] < 0 ? json.Null() : json.Int(source.is_up[i] ? 1 : 0);
  }
  json.EndArray();
  json.EndObject();
}

// As Prometheus writes it; a time long before the common era means never.
std::string rfc3339(std::int64_t wall_ms) {
  if (wall_ms == 0) return "0001-01-01T00:00:00Z";
  char milliseconds[8];
  std::snprintf(milliseconds, sizeof milliseconds, ".%03dZ", static_cast<int>(wall_ms % 1000));
  std::string text = base::utc_text(wall_ms);
  text.pop_back();
  return text + milliseconds;
}

std::string instance_of(const config::Source& source, const TargetFigures& target) {
  const auto url = config::parse_url(source.url);
  if (!url) return target.address;
  const std::uint16_t port = url->port != 0 ? url->port : url->scheme == "https" ? 443 : 80;
  return config::host_port_text(target.address.empty() ? url->host : target.address, port);
}

void add_active_target(JsonWriter& json, const config::Source& source, const config::Job& job,
                       const TargetFigures& target) {
  const char* health = target.last_error.empty() ? "up" : "down";
  json.StartObject();
  add_object(json, "discoveredLabels", [] {});
  add_object(json, "labels", [&] {
    add(json, "job", source.name);
    add(json, "instance", instance_of(source, target));
    if (!job.match.empty()) add(json, "match", job.match);
  });
  add(json, "scrapePool", source.name);
  add(json, "scrapeUrl", job.url);
  add(json, "globalUrl", job.url);
  add(json, "lastError", target.last_error);
  add(json, "lastScrape", rfc3339(target.last_start_ms));
  add(json, "lastScrapeDuration", static_cast<double>(target.last_duration_ms) / 1000);
  add(json, "health", target.last_start_ms == 0 ? "unknown" : health);
  add(json, "scrapeInterval", base::format_duration_ms(source.interval_ms));
  add(json, "scrapeTimeout", base::format_duration_ms(source.timeout_ms));
  json.EndObject();
}

}  // namespace

std::string status_json(const RelayView& relay, const History& history, std::int64_t now_ms) {
  const PipelineFigures figures = relay.figures();
  const ConfigFigures config = relay.config_figures();
  const ClusterFigures cluster = relay.cluster();
  const RecentCounts recent = history.recent(figures);
  const Health health = assess_health({.figures = figures,
                                       .recent = recent,
                                       .config = config,
                                       .cluster = cluster,
                                       .started_ms = relay.started_ms(),
                                       .now_ms = now_ms});
  std::uint64_t series = 0;
  for (const SourceFigures& source : figures.sources) series += source.series;
  std::uint64_t waiting = 0;
  for (const SinkFigures& sink : figures.sinks) waiting += sink.spool.points_waiting;
  for (const SinkFigures& sink : figures.leaving) waiting += sink.spool.points_waiting;
  return json_object([&](JsonWriter& json) {
    add(json, "version", kVersion);
    add_config(json, config);
    add(json, "cluster", figures.config->cluster_name);
    add_cluster(json, cluster);
    add(json, "pid", ::getpid());
    add(json, "started_ms", relay.started_ms());
    add(json, "now_ms", now_ms);
    add(json, "stopping", relay.is_stopping());
    add_health(json, health);
    add_rates(json, history.rates(*figures.config));
    add(json, "series", series);
    add(json, "waiting", waiting);
  });
}

std::string history_json(const config::Config& config, const History& history) {
  const LastHour hour = history.last_hour(config);
  const auto sources = all_sources(config);
  return json_object([&](JsonWriter& json) {
    add(json, "interval_ms", History::kIntervalMs);
    add_numbers(json, "at_ms", hour.at_ms);
    json.Key("sources");
    json.StartArray();
    for (std::size_t i = 0; i < sources.size(); ++i) {
      add_source_history(json, sources[i]->name, hour.sources[i]);
    }
    json.EndArray();
    json.Key("sinks");
    json.StartArray();
    for (std::size_t i = 0; i < config.sinks.size(); ++i) {
      json.StartObject();
      add(json, "name", config.sinks[i].name);
      add_numbers(json, "in_per_s", hour.sinks[i].in_per_s);
      add_numbers(json, "out_per_s", hour.sinks[i].out_per_s);
      add_numbers(json, "waiting", hour.sinks[i].waiting);
      json.EndObject();
    }
    json.EndArray();
  });
}

std::string sources_json(const PipelineFigures& figures, std::int64_t now_ms) {
  const auto sources = all_sources(*figures.config);
  return json_object([&](JsonWriter& json) {
    add(json, "now_ms", now_ms);
    json.Key("sources");
    json.StartArray();
    for (std::size_t i = 0; i < std::min(sources.size(), figures.sources.size()); ++i) {
      add_source(json, *sources[i], figures.sources[i], figures.sinks);
    }
    json.EndArray();
  });
}

std::string sinks_json(const PipelineFigures& figures, const Rates& rates, std::int64_t now_ms) {
  const config::Config& config = *figures.config;
  return json_object([&](JsonWriter& json) {
    add(json, "now_ms", now_ms);
    json.Key("sinks");
    json.StartArray();
    for (std::size_t i = 0; i < std::min(config.sinks.size(), figures.sinks.size()); ++i) {
      add_sink(json, config.sinks[i], figures.sinks[i], rates.sinks[i]);
    }
    json.EndArray();
    add_array(json, "leaving", figures.leaving,
              [&](const SinkFigures& sink) { add_leaving_sink(json, sink); });
  });
}

std::string targets_json(const PipelineFigures& figures) {
  const config::Config& config = *figures.config;
  return json_object([&](JsonWriter& json) {
    add(json, "status", "success");
    add_object(json, "data", [&] {
      json.Key("activeTargets");
      json.StartArray();
      for (std::size_t i = 0; i < std::min(config.sources.size(), figures.sources.size()); ++i) {
        const std::vector<config::Job> jobs = config::jobs_of(config.sources[i]);
        for (const TargetFigures& target : figures.sources[i].targets) {
          add_active_target(json, config.sources[i], jobs.at(target.job), target);
        }
      }
      json.EndArray();
      add_array(json, "droppedTargets", std::vector<int>(), [](int) {});
    });
  });
}

}  // namespace fedwave::relay
