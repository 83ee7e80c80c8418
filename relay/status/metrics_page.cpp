#include "relay/status/metrics_page.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "relay/status/all_sources.h"
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
    base::ErrorCode::Cancelled,
};

// What receivers usually answer. Anything else is shown once it has come up, too.
constexpr std::array kRetryCauses = {
    "unreachable", "timeout",  "truncated", "tls",      "token",    "http_401", "http_403",
    "http_404",    "http_406", "http_429",  "http_500", "http_502", "http_503", "http_504",
};
constexpr std::array kQuarantineCauses = {"http_400", "http_413", "unreadable_block"};

double seconds(std::int64_t ms) {
  return static_cast<double>(ms) / 1000;
}

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

// The known causes, and what else was counted.
template <class Known>
std::map<std::string, std::uint64_t> with_zeros(std::map<std::string, std::uint64_t> counts,
                                                const Known& known) {
  for (const char* cause : known) counts.try_emplace(cause, 0);
  return counts;
}

// ---- of the process ----------------------------------------------------------------------------

void add_process(MetricsText& page, const MetricsInput& input) {
  const ProcessFigures& process = input.process;
  const auto single = [&](const char* name, MetricType type, const char* help, auto value) {
    page.begin_family(name, type, help);
    page.add({}, value);
  };
  page.begin_family("fedwave_build_info", Gauge, "The version of fedwave; always 1.");
  page.add({{"version", input.version}}, 1);
  single("fedwave_config_last_reload_successful", Gauge,
         "1 while the configuration in force is what the file said when it was last read, 0 when "
         "that was refused, or is good and waits for a restart.",
         input.config_is_current ? 1 : 0);
  single("fedwave_config_last_reload_success_timestamp_seconds", Gauge,
         "When the configuration in force was read.", seconds(input.config_loaded_ms));
  single("fedwave_schedule_lag_seconds", Gauge,
         "How long the most overdue scrape has been waiting for a worker.",
         seconds(input.figures.schedule_lag_ms));
  single("process_cpu_seconds_total", Counter, "User and system time of all threads.",
         process.cpu_seconds);
  single("process_resident_memory_bytes", Gauge, "Memory that is resident.",
         process.resident_bytes);
  single("process_virtual_memory_bytes", Gauge, "Address space in use.", process.virtual_bytes);
  single("process_open_fds", Gauge, "Open file descriptors.", process.open_fds);
  single("process_max_fds", Gauge, "How many file descriptors may be open.", process.max_fds);
  single("process_threads", Gauge, "Threads.", process.threads);
  single("process_start_time_seconds", Gauge, "When the process started.",
         seconds(input.started_ms));
}

// ---- of each source ----------------------------------------------------------------------------

struct SourceFamily {
  const char* name;
  MetricType type;
  const char* help;
  double (*value)(const SourceFigures&);
};

double to_double(std::uint64_t count) {
  return static_cast<double>(count);
}

// Addresses that are gone again do not count.
bool is_up(const SourceFigures& source) {
  if (source.targets.empty()) return source.last_error.empty();
  return std::none_of(source.targets.begin(), source.targets.end(),
                      [](const TargetFigures& target) { return target.failing_since_ms != 0; });
}

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
     "rejected + converted + written.",
     [](const SourceFigures& source) { return to_double(source.counts.read); }},
    {"fedwave_series", Gauge, "Series that are known from the last scrapes.",
     [](const SourceFigures& source) { return to_double(source.series); }},
    {"fedwave_series_new_total", Counter, "Series that were not known when they came.",
     [](const SourceFigures& source) { return to_double(source.counts.new_series); }},
};

void add_up(MetricsText& page, const std::vector<SourceFigures>& sources) {
  page.begin_family("fedwave_source_up", Gauge,
                    "1 when the last scrape of every address of the source went well; absent "
                    "before the first has ended.");
  for (const SourceFigures& source : sources) {
    if (source.scrapes > 0) page.add({{"source", source.name}}, is_up(source) ? 1 : 0);
  }
  page.begin_family("fedwave_target_up", Gauge,
                    "1 when the last scrape of this address went well; absent before the first "
                    "has ended. The target is empty where the host name is used as it is.");
  for (const SourceFigures& source : sources) {
    for (const TargetFigures& target : source.targets) {
      if (target.scrapes == 0) continue;
      page.add({{"source", source.name}, {"target", target.address}},
               target.failing_since_ms == 0 ? 1 : 0);
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
  add_up(page, sources);
  add_intervals(page, input.config);
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

void add_oldest_waiting(MetricsText& page, const MetricsInput& input) {
  page.begin_family("fedwave_sink_waiting_oldest_seconds", Gauge,
                    "How long the oldest waiting point has been in the spool; 0 when none waits.");
  for (const SinkFigures& sink : input.figures.sinks) {
    const std::int64_t since_ms = sink.spool.oldest_waiting_ms;
    // A clock that was set back must not make an age negative.
    const std::int64_t age_ms =
        since_ms == 0 ? 0 : std::max<std::int64_t>(input.now_ms - since_ms, 0);
    page.add({{"sink", sink.name}}, seconds(age_ms));
  }
}

void add_sinks(MetricsText& page, const MetricsInput& input) {
  const std::vector<SinkFigures>& sinks = input.figures.sinks;
  add_sink_configuration(page, input.config);
  for (const SinkFamily& family : kSinkFamilies) {
    page.begin_family(family.name, family.type, family.help);
    for (const SinkFigures& sink : sinks) page.add({{"sink", sink.name}}, family.value(sink));
  }
  add_expired(page, sinks);
  add_causes(page, sinks);
  add_oldest_waiting(page, input);
}

}  // namespace

std::string metrics_page(const MetricsInput& input) {
  MetricsText page;
  add_process(page, input);
  add_sources(page, input);
  add_fates(page, input.figures);
  add_sinks(page, input);
  return page.take();
}

}  // namespace fedwave::relay
