#include "relay/status/metrics_page.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "relay/status/all_sources.h"
#include "relay/status/health.h"
#include "relay/status/metrics_of_relay.h"
#include "relay/status/metrics_text.h"

namespace fedwave::relay {
namespace {

using enum MetricType;

// How a scrape can fail; a code that is not here is shown once it has come up.
constexpr std::array kScrapeFailures = {
    base::ErrorCode::InvalidArgument, base::ErrorCode::NotFound,    base::ErrorCode::Io,
    base::ErrorCode::Unreachable,     base::ErrorCode::Timeout,     base::ErrorCode::Tls,
    base::ErrorCode::HttpStatus,      base::ErrorCode::ContentType, base::ErrorCode::Truncated,
    base::ErrorCode::BadEncoding,     base::ErrorCode::BodyLimit,   base::ErrorCode::SampleLimit,
    base::ErrorCode::LineLimit,       base::ErrorCode::LabelLimit,  base::ErrorCode::NotMetrics,
    base::ErrorCode::Cancelled,       base::ErrorCode::NotReady,
};

// What receivers usually answer. Anything else is shown once it has come up, too.
constexpr std::array kRetryCauses = {
    "unreachable", "timeout",  "truncated", "tls",      "token",    "http_401", "http_403",
    "http_404",    "http_406", "http_429",  "http_500", "http_502", "http_503", "http_504",
};
constexpr std::array kQuarantineCauses = {"http_400", "http_413", "unreadable_block"};

const char* kind_name(config::SinkKind kind) {
  switch (kind) {
    case config::SinkKind::ProxyHttp:
      return "proxy_http";
    case config::SinkKind::ProxyTcp:
      return "proxy_tcp";
    case config::SinkKind::Direct:
      return "direct";
    case config::SinkKind::Stdout:
      return "stdout";
  }
  return "";
}

double to_double(std::uint64_t count) {
  return static_cast<double>(count);
}

// ---- of each source ----------------------------------------------------------------------------

struct SourceFamily {
  const char* name;
  MetricType type;
  const char* help;
  double (*value)(const SourceFigures&);
};

constexpr SourceFamily kSourceFamilies[] = {
    {"fedwave_scrapes_total", Counter, "Scrapes that have ended, well or not.",
     [](const SourceFigures& source) { return to_double(source.scrapes); }},
    {"fedwave_scrapes_missed_total", Counter,
     "Scrapes that were due while the one before was still under way.",
     [](const SourceFigures& source) { return to_double(source.missed); }},
    {"fedwave_scrape_last_timestamp_seconds", Gauge,
     "When the last scrape that has ended began; 0 before that.",
     [](const SourceFigures& source) { return seconds(source.last_start_ms); }},
    {"fedwave_scrape_last_samples", Gauge, "Samples that the last scrape has read.",
     [](const SourceFigures& source) { return to_double(source.last_samples); }},
    {"fedwave_scrape_body_bytes_total", Counter, "Bytes of pages, after decompression.",
     [](const SourceFigures& source) { return to_double(source.counts.body_bytes); }},
    {"fedwave_lines_read_total", Counter, "Lines of pages, comments included.",
     [](const SourceFigures& source) { return to_double(source.counts.lines); }},
    {"fedwave_samples_read_total", Counter,
     "Well-formed samples. For each source and sink, at any time: read == filtered + repeated + "
     "rejected + converted + written + before.",
     [](const SourceFigures& source) { return to_double(source.counts.read); }},
    {"fedwave_series", Gauge, "Series that are known from the last scrapes.",
     [](const SourceFigures& source) { return to_double(source.series); }},
    {"fedwave_series_new_total", Counter, "Series that were not known when they came.",
     [](const SourceFigures& source) { return to_double(source.counts.new_series); }},
};

// What a standby knows of its sources is from before, if anything.
void add_up(MetricsText& page, const std::vector<SourceFigures>& sources, bool is_scraped) {
  page.begin_family("fedwave_source_up", Gauge,
                    "1 when the last scrape of every address of the source went well; absent "
                    "before the first has ended, and while this relay is a standby.");
  for (const SourceFigures& source : sources) {
    if (is_scraped && source.scrapes > 0)
      page.add({{"source", source.name}}, source.is_up() ? 1 : 0);
  }
  page.begin_family("fedwave_target_up", Gauge,
                    "1 when the last scrape of this address went well; absent as "
                    "fedwave_source_up is. The target is empty where the host name is used as it "
                    "is; the match is there where each match[] is a request of its own.");
  for (const SourceFigures& source : sources) {
    for (const TargetFigures& target : source.targets) {
      if (!is_scraped || target.scrapes == 0) continue;
      const int up = target.is_up() ? 1 : 0;
      if (source.jobs.size() > 1) {
        page.add({{"source", source.name},
                  {"target", target.address},
                  {"match", source.jobs.at(target.job).match}},
                 up);
      } else {
        page.add({{"source", source.name}, {"target", target.address}}, up);
      }
    }
  }
}

void add_jobs(MetricsText& page, const std::vector<SourceFigures>& sources) {
  page.begin_family("fedwave_job_info", Gauge,
                    "A request of the source, by its match[] where each is one of its own; the "
                    "shard that it belongs to, and whether that is this relay; always 1.");
  for (const SourceFigures& source : sources) {
    for (const JobFigures& job : source.jobs) {
      page.add({{"source", source.name},
                {"match", job.match},
                {"shard", std::to_string(job.shard)},
                {"ours", job.is_ours ? "true" : "false"}},
               1);
    }
  }
}

void add_intervals(MetricsText& page, const config::Config& config) {
  page.begin_family("fedwave_source_interval_seconds", Gauge, "How often the source is scraped.");
  for (const config::Source* source : all_sources(config)) {
    page.add({{"source", source->name}}, seconds(source->interval_ms));
  }
}

void add_failures(MetricsText& page, const std::vector<SourceFigures>& sources) {
  std::array<const char*, kScrapeFailures.size()> known{};
  std::transform(kScrapeFailures.begin(), kScrapeFailures.end(), known.begin(),
                 base::error_code_name);
  page.begin_family("fedwave_scrape_failures_total", Counter,
                    "Scrapes that have failed. What was complete of their pages is kept.");
  for (const SourceFigures& source : sources) {
    for (const auto& [code, count] : with_zeros(source.failures_by_code, known)) {
      page.add({{"source", source.name}, {"code", code}}, count);
    }
  }
}

void add_durations(MetricsText& page, const std::vector<SourceFigures>& sources) {
  page.begin_family("fedwave_scrape_duration_seconds", Histogram,
                    "How long scrapes took, from the request to the spools.");
  for (const SourceFigures& source : sources) {
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < DurationHistogram::kBoundsMs.size(); ++i) {
      cumulative += source.durations.counts[i];
      page.add({{"source", source.name},
                {"le", metric_number(seconds(DurationHistogram::kBoundsMs[i]))}},
               cumulative, "_bucket");
    }
    cumulative += source.durations.counts.back();
    page.add({{"source", source.name}, {"le", "+Inf"}}, cumulative, "_bucket");
    page.add({{"source", source.name}}, seconds(source.durations.sum_ms), "_sum");
    page.add({{"source", source.name}}, cumulative, "_count");
  }
}

// One sample for each source and reason.
template <class Counts, class Name>
void add_reasons(MetricsText& page, const std::vector<SourceFigures>& sources,
                 std::string_view label, Counts counts_of, Name name_of, std::size_t first = 0) {
  for (const SourceFigures& source : sources) {
    const auto& counts = counts_of(source);
    for (std::size_t i = first; i < counts.size(); ++i) {
      page.add({{"source", source.name}, {label, name_of(i)}}, counts[i]);
    }
  }
}

void add_reasons_of_sources(MetricsText& page, const std::vector<SourceFigures>& sources) {
  page.begin_family("fedwave_lines_malformed_total", Counter,
                    "Lines that are no samples; they are skipped.");
  add_reasons(
      page, sources, "reason", [](const SourceFigures& s) { return s.counts.malformed; },
      [](std::size_t i) { return parsers::malformed_name(static_cast<parsers::Malformed>(i)); },
      static_cast<std::size_t>(parsers::Malformed::None) + 1);
  page.begin_family("fedwave_repairs_total", Counter,
                    "What was changed so that the receiver takes the points: of every new series "
                    "and sink once, of timestamps and distributions each time.");
  add_reasons(
      page, sources, "repair", [](const SourceFigures& s) { return s.counts.repaired; },
      [](std::size_t i) { return sinks::repair_name(static_cast<sinks::Repair>(i)); });
  page.begin_family("fedwave_distributions_dropped_total", Counter,
                    "Scrapes of a histogram that have made no distribution.");
  add_reasons(
      page, sources, "reason", [](const SourceFigures& s) { return s.counts.distribution_drops; },
      [](std::size_t i) {
        return sinks::distribution_drop_name(static_cast<sinks::DistributionDrop>(i));
      });
}

void add_sources(MetricsText& page, const MetricsInput& input) {
  const std::vector<SourceFigures>& sources = input.figures.sources;
  add_up(page, sources, is_scraping(input.cluster.election));
  add_jobs(page, sources);
  add_intervals(page, *input.figures.config);
  for (const SourceFamily& family : kSourceFamilies) {
    page.begin_family(family.name, family.type, family.help);
    for (const SourceFigures& source : sources) {
      page.add({{"source", source.name}}, family.value(source));
    }
  }
  add_failures(page, sources);
  add_durations(page, sources);
  add_reasons_of_sources(page, sources);
}

// ---- of each source and sink -------------------------------------------------------------------

// Calls `add(source name, sink name, counts)`.
template <class Add>
void for_each_fate(const PipelineFigures& figures, Add add) {
  for (const SourceFigures& source : figures.sources) {
    const std::size_t sinks = std::min(figures.sinks.size(), source.counts.by_sink.size());
    for (std::size_t i = 0; i < sinks; ++i) {
      add(source.name, figures.sinks[i].name, source.counts.by_sink[i]);
    }
  }
}

struct FateFamily {
  const char* name;
  const char* help;
  std::uint64_t SinkCounts::*count;
};

constexpr FateFamily kFateFamilies[] = {
    {"fedwave_samples_repeated_total",
     "Samples that had been sent before, with the same timestamp.", &SinkCounts::repeated},
    {"fedwave_samples_converted_total", "Samples that became parts of distributions.",
     &SinkCounts::converted},
    {"fedwave_samples_written_total", "Samples that became points in the sink's spool.",
     &SinkCounts::written},
    {"fedwave_samples_before_total",
     "Samples that had been read when an edit of the configuration brought the sink.",
     &SinkCounts::before},
    {"fedwave_distributions_written_total",
     "Distributions in the sink's spool, beside the samples that were written.",
     &SinkCounts::distributions},
};

// The verdicts that are filters', or the others, which reject.
void add_verdicts(MetricsText& page, const std::string& source, const std::string& sink,
                  const SinkCounts& counts, const char* label, bool filters) {
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    const auto verdict = static_cast<Verdict>(i);
    if (verdict == Verdict::Kept || is_filtered(verdict) != filters) continue;
    page.add({{"source", source}, {"sink", sink}, {label, verdict_name(verdict)}},
             counts.by_verdict[i]);
  }
}

void add_fates(MetricsText& page, const PipelineFigures& figures) {
  page.begin_family("fedwave_samples_filtered_total", Counter,
                    "Samples that a filter has dropped, by the list that decided.");
  for_each_fate(figures, [&](const auto& source, const auto& sink, const SinkCounts& counts) {
    add_verdicts(page, source, sink, counts, "verdict", true);
  });
  page.begin_family("fedwave_samples_rejected_total", Counter,
                    "Samples that the receiver would be sure to refuse and no repair can help.");
  for_each_fate(figures, [&](const auto& source, const auto& sink, const SinkCounts& counts) {
    const auto add = [&](const char* reason, std::uint64_t count) {
      page.add({{"source", source}, {"sink", sink}, {"reason", reason}}, count);
    };
    add("not_a_number", counts.not_a_number);
    add("infinite", counts.infinite);
    add_verdicts(page, source, sink, counts, "reason", false);
  });
  for (const FateFamily& family : kFateFamilies) {
    page.begin_family(family.name, Counter, family.help);
    for_each_fate(figures, [&](const auto& source, const auto& sink, const SinkCounts& counts) {
      page.add({{"source", source}, {"sink", sink}}, counts.*family.count);
    });
  }
}

// ---- of each sink ------------------------------------------------------------------------------

struct SinkFamily {
  const char* name;
  MetricType type;
  const char* help;
  double (*value)(const SinkFigures&);
};

constexpr SinkFamily kSinkFamilies[] = {
    {"fedwave_sink_points_recovered_total", Counter,
     "Points found in the spool at the start, from an earlier process. For each sink, at any time: "
     "recovered + spooled == delivered + quarantined + expired + waiting.",
     [](const SinkFigures& sink) { return to_double(sink.spool.points_recovered); }},
    {"fedwave_sink_points_spooled_total", Counter, "Points put into the spool by scrapes.",
     [](const SinkFigures& sink) { return to_double(sink.spool.points_spooled); }},
    {"fedwave_sink_points_delivered_total", Counter, "Points that the receiver has acknowledged.",
     [](const SinkFigures& sink) { return to_double(sink.spool.points_delivered); }},
    {"fedwave_sink_points_quarantined_total", Counter,
     "Points that the receiver will never take; they are put aside.",
     [](const SinkFigures& sink) { return to_double(sink.spool.points_quarantined); }},
    {"fedwave_sink_waiting_points", Gauge, "Points in the spool.",
     [](const SinkFigures& sink) { return to_double(sink.spool.points_waiting); }},
    {"fedwave_sink_waiting_blocks", Gauge, "Blocks in the spool.",
     [](const SinkFigures& sink) { return to_double(sink.spool.blocks_waiting); }},
    {"fedwave_sink_waiting_bytes", Gauge, "What the waiting blocks take, on disk or in memory.",
     [](const SinkFigures& sink) { return to_double(sink.spool.bytes_waiting); }},
    {"fedwave_sink_waiting_in_memory_points", Gauge,
     "Of the waiting points those in memory although the spool has a directory; a crash would lose "
     "them.",
     [](const SinkFigures& sink) { return to_double(sink.spool.points_in_memory); }},
    {"fedwave_sink_spool_disk_ok", Gauge,
     "0 while the spool's directory cannot be used; always 1 for a spool that has none.",
     [](const SinkFigures& sink) { return sink.spool.disk_trouble.empty() ? 1.0 : 0.0; }},
    {"fedwave_sink_requests_total", Counter, "Attempts to deliver that have got an answer or none.",
     [](const SinkFigures& sink) { return to_double(sink.sender.requests); }},
    {"fedwave_sink_last_accepted_timestamp_seconds", Gauge,
     "When the receiver has taken points last; 0 before that.",
     [](const SinkFigures& sink) { return seconds(sink.sender.accepted_at_ms); }},
    {"fedwave_sink_trouble", Gauge, "1 while the receiver does not take points as they come.",
     [](const SinkFigures& sink) { return sink.sender.cause.empty() ? 0.0 : 1.0; }},
    {"fedwave_sink_batch_limit_points", Gauge,
     "The largest batch that the receiver's answers allow; 0 for no limit.",
     [](const SinkFigures& sink) { return static_cast<double>(sink.sender.batch_points_limit); }},
    {"fedwave_sink_pause_seconds", Gauge,
     "The pause between requests that the receiver's answers have led to.",
     [](const SinkFigures& sink) { return seconds(sink.sender.pause_ms); }},
};

void add_counts(std::map<std::string, std::uint64_t>& sum,
                const std::map<std::string, std::uint64_t>& more) {
  for (const auto& [cause, count] : more) sum[cause] += count;
}

// Two sinks of one name, of which one leaves.
void add_figures(SinkFigures& sum, const SinkFigures& more) {
  sinks::SpoolFigures& spool = sum.spool;
  spool.points_recovered += more.spool.points_recovered;
  spool.points_spooled += more.spool.points_spooled;
  spool.points_delivered += more.spool.points_delivered;
  spool.points_quarantined += more.spool.points_quarantined;
  spool.points_expired_full += more.spool.points_expired_full;
  spool.points_expired_old += more.spool.points_expired_old;
  spool.points_expired_damaged += more.spool.points_expired_damaged;
  spool.points_expired_at_end += more.spool.points_expired_at_end;
  spool.points_waiting += more.spool.points_waiting;
  spool.points_in_memory += more.spool.points_in_memory;
  spool.blocks_waiting += more.spool.blocks_waiting;
  spool.bytes_waiting += more.spool.bytes_waiting;
  if (spool.oldest_waiting_ms == 0) spool.oldest_waiting_ms = more.spool.oldest_waiting_ms;
  sum.sender.requests += more.sender.requests;
  sum.sender.retries += more.sender.retries;
  add_counts(sum.sender.retries_by_cause, more.sender.retries_by_cause);
  add_counts(sum.sender.quarantined_by_cause, more.sender.quarantined_by_cause);
}

// Those of the configuration, then those that leave; each name once.
std::vector<SinkFigures> all_sinks(const PipelineFigures& figures) {
  std::vector<SinkFigures> sinks = figures.sinks;
  for (const SinkFigures& leaving : figures.leaving) {
    const auto same = std::find_if(sinks.begin(), sinks.end(), [&](const SinkFigures& sink) {
      return sink.name == leaving.name;
    });
    if (same == sinks.end()) {
      sinks.push_back(leaving);
    } else {
      add_figures(*same, leaving);
    }
  }
  return sinks;
}

void add_leaving(MetricsText& page, const PipelineFigures& figures) {
  page.begin_family("fedwave_sink_leaving_points", Gauge,
                    "Of the waiting points those of a sink that an edit has taken out of the "
                    "configuration; absent once they are delivered.");
  std::map<std::string, std::uint64_t> points;
  for (const SinkFigures& sink : figures.leaving) points[sink.name] += sink.spool.points_waiting;
  for (const auto& [sink, waiting] : points) page.add({{"sink", sink}}, waiting);
}

void add_sink_configuration(MetricsText& page, const config::Config& config) {
  page.begin_family("fedwave_sink_info", Gauge, "The kind of the sink; always 1.");
  for (const config::Sink& sink : config.sinks) {
    page.add({{"sink", sink.name}, {"kind", kind_name(sink.kind)}}, 1);
  }
  page.begin_family("fedwave_sink_spool_limit_bytes", Gauge,
                    "What the spool may take where it is configured to be, on disk or in memory.");
  for (const config::Sink& sink : config.sinks) {
    page.add({{"sink", sink.name}},
             sink.spool.directory.empty() ? sink.spool.memory_bytes : sink.spool.bytes);
  }
}

void add_expired(MetricsText& page, const std::vector<SinkFigures>& sinks) {
  page.begin_family("fedwave_sink_points_expired_total", Counter,
                    "Points that are lost: to make room, after too long a wait, damaged on disk, "
                    "or in memory at the end.");
  for (const SinkFigures& sink : sinks) {
    const sinks::SpoolFigures& spool = sink.spool;
    page.add({{"sink", sink.name}, {"cause", "full"}}, spool.points_expired_full);
    page.add({{"sink", sink.name}, {"cause", "old"}}, spool.points_expired_old);
    page.add({{"sink", sink.name}, {"cause", "damaged"}}, spool.points_expired_damaged);
    page.add({{"sink", sink.name}, {"cause", "at_end"}}, spool.points_expired_at_end);
  }
}

void add_causes(MetricsText& page, const std::vector<SinkFigures>& sinks) {
  page.begin_family("fedwave_sink_points_quarantined_by_cause_total", Counter,
                    "Quarantined points by what the receiver said; counted as they are written, "
                    "a little before fedwave_sink_points_quarantined_total.");
  for (const SinkFigures& sink : sinks) {
    for (const auto& [cause, points] :
         with_zeros(sink.sender.quarantined_by_cause, kQuarantineCauses)) {
      page.add({{"sink", sink.name}, {"cause", cause}}, points);
    }
  }
  page.begin_family("fedwave_sink_retries_total", Counter,
                    "Attempts after which the same points are tried again.");
  for (const SinkFigures& sink : sinks) {
    for (const auto& [cause, count] : with_zeros(sink.sender.retries_by_cause, kRetryCauses)) {
      page.add({{"sink", sink.name}, {"cause", cause}}, count);
    }
  }
  page.begin_family("fedwave_sink_trouble_cause", Gauge,
                    "1 for what the trouble is, for as long as it lasts; absent otherwise.");
  for (const SinkFigures& sink : sinks) {
    if (sink.sender.cause.empty()) continue;
    page.add({{"sink", sink.name}, {"cause", sink.sender.cause}}, 1);
  }
}

void add_oldest_waiting(MetricsText& page, const std::vector<SinkFigures>& sinks,
                        std::int64_t now_ms) {
  page.begin_family("fedwave_sink_waiting_oldest_seconds", Gauge,
                    "How long the oldest waiting point has been in the spool; 0 when none waits.");
  for (const SinkFigures& sink : sinks) {
    const std::int64_t since_ms = sink.spool.oldest_waiting_ms;
    // A clock that was set back must not make an age negative.
    const std::int64_t age_ms = since_ms == 0 ? 0 : std::max<std::int64_t>(now_ms - since_ms, 0);
    page.add({{"sink", sink.name}}, seconds(age_ms));
  }
}

void add_sinks(MetricsText& page, const MetricsInput& input) {
  const std::vector<SinkFigures> sinks = all_sinks(input.figures);
  add_sink_configuration(page, *input.figures.config);
  for (const SinkFamily& family : kSinkFamilies) {
    page.begin_family(family.name, family.type, family.help);
    for (const SinkFigures& sink : sinks) page.add({{"sink", sink.name}}, family.value(sink));
  }
  add_expired(page, sinks);
  add_causes(page, sinks);
  add_oldest_waiting(page, sinks, input.now_ms);
  add_leaving(page, input.figures);
}

}  // namespace

std::string metrics_page(const MetricsInput& input) {
  MetricsText page;
  add_metrics_of_relay(page, input);
  add_sources(page, input);
  add_fates(page, input.figures);
  add_sinks(page, input);
  return page.take();
}

}  // namespace fedwave::relay
