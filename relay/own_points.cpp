#include "relay/own_points.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "relay/base/check.h"
#include "relay/base/text.h"
#include "relay/version.h"
#include "sinks/number_format.h"

namespace fedwave::relay {
namespace {

constexpr std::string_view kHeartbeatName = "~wavefront.kubernetes.collector.version";
constexpr const char* kDefaultStatsPrefix = "kubernetes.";  // the collector's

using Labels = std::initializer_list<parsers::LabelView>;

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

// Samples as a page would have them: {"dotted.name",label="value"} 5.
class OwnSamples {
 public:
  void add(std::string_view name, Labels labels, double value) {
    Sample sample;
    sample.series = "{";
    append_quoted(sample.series, name);
    for (const parsers::LabelView& label : labels) {
      sample.series.append(",").append(label.name).append("=");
      // Names and URLs are free text, and a series that is not UTF-8 is malformed.
      append_quoted(sample.series, base::printable(label.value));
    }
    sample.series += '}';
    sinks::append_value(sample.value, value);
    samples_.push_back(std::move(sample));
  }

  void add(std::string_view name, Labels labels, std::uint64_t value) {
    add(name, labels, static_cast<double>(value));
  }

  // The collector leaves such counters out too.
  void add_unless_zero(std::string_view name, Labels labels, std::uint64_t value) {
    if (value > 0) add(name, labels, value);
  }

  void take_by(Transform& transform) const {
    std::vector<parsers::SampleLineView> views;
    views.reserve(samples_.size());
    for (const Sample& sample : samples_) {
      views.push_back(
          {.series = sample.series, .value = sample.value, .kind = parsers::SampleKind::Own});
    }
    transform.take_own(views);
  }

 private:
  struct Sample {
    std::string series;
    std::string value;
  };
  std::vector<Sample> samples_;
};

std::uint64_t count_of(const SinkCounts& counts, Verdict first, Verdict last) {
  const auto* const begin = counts.by_verdict.begin();
  return std::accumulate(begin + static_cast<int>(first), begin + static_cast<int>(last) + 1,
                         std::uint64_t{0});
}

// The source's filter comes before the sinks, so that each of them counts the same of it.
std::uint64_t filtered_by_source(const ScrapeCounts& counts) {
  return count_of(counts.by_sink.front(), Verdict::SourceNotInAllowList,
                  Verdict::SourceTagDenyList);
}

// Those of other shards are theirs to tell of.
std::uint64_t collected(const ScrapeCounts& counts) {
  return counts.read - filtered_by_source(counts) -
         count_of(counts.by_sink.front(), Verdict::OtherShard, Verdict::OtherShard);
}

std::uint64_t filtered_by_sink(const SinkCounts& counts) {
  return count_of(counts, Verdict::SinkNotInAllowList, Verdict::SinkTagDenyList);
}

template <class Items, class Figure>
std::uint64_t sum_of(const Items& items, Figure figure) {
  std::uint64_t sum = 0;
  for (const auto& item : items) sum += figure(item);
  return sum;
}

// The collector's figures of a type of source.
void add_type(std::string_view type, std::span<const SourceFigures> sources, OwnSamples& samples) {
  const std::uint64_t all_collected =
      sum_of(sources, [](const auto& s) { return collected(s.counts); });
  const std::uint64_t filtered =
      sum_of(sources, [](const auto& s) { return filtered_by_source(s.counts); });
  samples.add_unless_zero("collector.source.points.collected", {{"type", type}}, all_collected);
  samples.add_unless_zero("collector.source.points.filtered", {{"type", type}}, filtered);
}

void add_target(const config::Source& source, const SourceFigures& figures, OwnSamples& samples) {
  const Labels labels = {{"discovered", "static"},
                         {"source_name", source.name},
                         {"type", "prometheus"},
                         {"url", source.url}};
  samples.add_unless_zero("collector.target.points.collected", labels, collected(figures.counts));
  samples.add_unless_zero("collector.target.collect.errors", labels, figures.failures);
}

// As the collector's library has it: between the two neighbours of where p would be.
double percentile(const std::vector<double>& sorted, double p) {
  const double place = p * static_cast<double>(sorted.size() + 1);
  if (place < 1) return sorted.front();
  if (place >= static_cast<double>(sorted.size())) return sorted.back();
  const auto below = static_cast<std::size_t>(place);
  return std::lerp(sorted[below - 1], sorted[below], place - std::floor(place));
}

// Of the last scrape of every target.
void add_latency(std::span<const SourceFigures> sources, OwnSamples& samples) {
  std::vector<double> durations_ms;
  for (const SourceFigures& source : sources) {
    for (const TargetFigures& target : source.targets) {
      if (target.scrapes > 0) durations_ms.push_back(static_cast<double>(target.last_duration_ms));
    }
  }
  if (durations_ms.empty()) return;
  std::sort(durations_ms.begin(), durations_ms.end());
  const auto add = [&samples](std::string_view figure, double value) {
    samples.add("collector.source.manager.scrape.latency.duration." + std::string(figure), {},
                value);
  };
  add("min", durations_ms.front());
  add("max", durations_ms.back());
  add("mean", std::accumulate(durations_ms.begin(), durations_ms.end(), 0.0) /
                  static_cast<double>(durations_ms.size()));
  constexpr std::pair<std::string_view, double> kPercentiles[] = {
      {"median", 0.5}, {"p75", 0.75}, {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}};
  for (const auto& [name, p] : kPercentiles) add(name, percentile(durations_ms, p));
}

void add_manager(std::span<const SourceFigures> sources, OwnSamples& samples) {
  const auto timeouts = [](const SourceFigures& source) {
    const auto found =
        source.failures_by_code.find(base::error_code_name(base::ErrorCode::Timeout));
    return found == source.failures_by_code.end() ? std::uint64_t{0} : found->second;
  };
  const std::uint64_t errors = sum_of(sources, [](const auto& s) { return s.failures; });
  samples.add_unless_zero("collector.source.collect.errors", {{"type", "prometheus"}}, errors);
  samples.add("collector.source.manager.scrape.errors", {}, errors);
  samples.add("collector.source.manager.scrape.timeouts", {}, sum_of(sources, timeouts));
  samples.add("collector.source.manager.scrape.missed", {},
              sum_of(sources, [](const auto& s) { return s.missed; }));
}

double sender_type(config::SinkKind kind) {
  switch (kind) {
    case config::SinkKind::ProxyHttp:
    case config::SinkKind::ProxyTcp:
      return 1;
    case config::SinkKind::Direct:
      return 2;
    case config::SinkKind::Stdout:
      break;
  }
  return 3;
}

// What the collector says of its one sink, summed over ours.
void add_sinks(const PipelineFigures& figures, OwnSamples& samples) {
  const auto sum_of_spools = [&figures](auto figure) {
    return sum_of(figures.sinks, [&](const SinkFigures& sink) { return figure(sink.spool); });
  };
  const std::uint64_t filtered = sum_of(figures.sources, [](const SourceFigures& source) {
    return sum_of(source.counts.by_sink, filtered_by_sink);
  });
  samples.add("collector.wavefront.points.sent.count", {},
              sum_of_spools([](const auto& spool) { return spool.points_delivered; }));
  samples.add_unless_zero("collector.wavefront.points.errors.count", {},
                          sum_of_spools([](const auto& spool) {
                            return spool.points_quarantined + spool.points_expired();
                          }));
  samples.add_unless_zero("collector.wavefront.points.filtered.count", {}, filtered);
}

// Where each of several addresses is scraped.
void add_instances(const SourceFigures& source, OwnSamples& samples) {
  for (const TargetFigures& target : source.targets) {
    if (target.address.empty()) continue;
    samples.add("collector.fedwave.target.up",
                {{"instance", target.address}, {"source_name", source.name}},
                target.is_up() ? 1.0 : 0.0);
  }
}

void add_fates(const SourceFigures& source, const std::vector<SinkFigures>& sinks,
               OwnSamples& samples) {
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    const SinkCounts& counts = source.counts.by_sink[i];
    const std::pair<std::string_view, std::uint64_t> fates[] = {{"filtered", counts.filtered()},
                                                                {"repeated", counts.repeated},
                                                                {"rejected", counts.rejected()},
                                                                {"converted", counts.converted},
                                                                {"written", counts.written}};
    for (const auto& [fate, count] : fates) {
      samples.add_unless_zero(
          "collector.fedwave.source.samples",
          {{"fate", fate}, {"sink_name", sinks[i].name}, {"source_name", source.name}}, count);
    }
  }
}

// Of whom another replica scrapes, or another shard, that one tells whether it is up.
bool is_scraped_here(const SourceFigures& source, bool is_standby) {
  return !is_standby && std::any_of(source.jobs.begin(), source.jobs.end(),
                                    [](const JobFigures& job) { return job.is_ours; });
}

void add_source(const SourceFigures& source, const std::vector<SinkFigures>& sinks, bool is_standby,
                OwnSamples& samples) {
  const Labels labels = {{"source_name", source.name}};
  if (is_scraped_here(source, is_standby)) {
    samples.add("collector.fedwave.source.up", labels, source.is_up() ? 1.0 : 0.0);
  }
  samples.add("collector.fedwave.source.series", labels, source.series);
  if (source.scrapes > 0) {
    samples.add("collector.fedwave.source.scrape.duration.ms", labels,
                static_cast<double>(source.last_duration_ms));
  }
  samples.add_unless_zero("collector.fedwave.source.samples.read", labels, source.counts.read);
  samples.add_unless_zero("collector.fedwave.source.lines.malformed", labels,
                          source.counts.malformed_total());
  if (is_scraped_here(source, is_standby)) add_instances(source, samples);
  add_fates(source, sinks, samples);
}

void add_sink(config::SinkKind kind, const SinkFigures& sink, std::int64_t now_ms,
              OwnSamples& samples) {
  const Labels labels = {{"sink_name", sink.name}};
  const sinks::SpoolFigures& spool = sink.spool;
  const std::int64_t age_ms = spool.oldest_waiting_ms == 0
                                  ? 0
                                  : std::max<std::int64_t>(now_ms - spool.oldest_waiting_ms, 0);
  samples.add("collector.wavefront.sender.type", labels, sender_type(kind));
  samples.add("collector.fedwave.sink.points.waiting", labels, spool.points_waiting);
  samples.add("collector.fedwave.sink.bytes.waiting", labels, spool.bytes_waiting);
  samples.add("collector.fedwave.sink.oldest.seconds", labels, static_cast<double>(age_ms) / 1000);
  samples.add("collector.fedwave.sink.points.delivered", labels, spool.points_delivered);
  samples.add_unless_zero("collector.fedwave.sink.points.quarantined", labels,
                          spool.points_quarantined);
  samples.add_unless_zero("collector.fedwave.sink.points.expired", labels, spool.points_expired());
}

OwnSamples samples_of(const PipelineFigures& figures, const config::Config& config,
                      std::int64_t now_ms) {
  OwnSamples samples;
  const std::span all(figures.sources);
  const auto scraped = all.first(config.sources.size());
  add_type("prometheus", scraped, samples);
  add_type("internal", all.subspan(scraped.size()), samples);
  for (std::size_t i = 0; i < scraped.size(); ++i) {
    add_target(config.sources[i], scraped[i], samples);
    add_source(scraped[i], figures.sinks, figures.is_standby, samples);
  }
  samples.add("collector.source.manager.providers", {}, figures.sources.size());
  add_manager(scraped, samples);
  add_latency(scraped, samples);
  add_sinks(figures, samples);
  for (std::size_t i = 0; i < figures.sinks.size(); ++i) {
    add_sink(config.sinks[i].kind, figures.sinks[i], now_ms, samples);
  }
  samples.add("collector.version", {}, version_number(kVersion));
  return samples;
}

// Tells whose heartbeat it is: the collector's has the same name.
OwnSamples heartbeat() {
  OwnSamples samples;
  samples.add(kHeartbeatName, {{"installation_method", "fedwave"}}, version_number(kVersion));
  return samples;
}

config::Source heartbeat_source(const config::Source& internal_stats) {
  config::Source source;
  source.name = internal_stats.name;
  source.source = internal_stats.source;
  return source;
}

// The same sinks without prefix, tags and filters. `stats_prefix` tells what the sink would have
// put before the name.
config::Config heartbeat_config(const config::Config& config) {
  config::Config bare;
  bare.cluster_name = config.cluster_name;
  for (const config::Sink& sink : config.sinks) {
    config::Sink& bare_sink = bare.sinks.emplace_back();
    bare_sink.limits = sink.limits;
    bare_sink.tags["stats_prefix"] = sink.prefix.empty() ? kDefaultStatsPrefix : sink.prefix;
  }
  return bare;
}

}  // namespace

double version_number(std::string version) {
  const auto behind_first = version.begin() + static_cast<std::ptrdiff_t>(version.find('.')) + 1;
  version.erase(std::remove(behind_first, version.end(), '.'), version.end());
  return std::stod(version);
}

OwnPoints::OwnPoints(const config::Config& config, const base::Clock& clock)
    : config_(config),
      clock_(clock),
      stages_(*config.internal_stats, config, ""),
      transform_(*config.internal_stats, stages_),
      heartbeat_source_(heartbeat_source(*config.internal_stats)),
      heartbeat_stages_(heartbeat_source_, heartbeat_config(config), ""),
      heartbeat_(heartbeat_source_, heartbeat_stages_) {}

ScrapeResult OwnPoints::send(const PipelineFigures& figures,
                             const std::vector<sinks::BlockWriter*>& writers) {
  FEDWAVE_CHECK(figures.sources.size() == config_.sources.size() + 1);
  FEDWAVE_CHECK(figures.sinks.size() == config_.sinks.size());
  ScrapeResult result{.error = {}, .counts = ScrapeCounts(0)};
  result.start_ms = clock_.wall_ms();
  const std::int64_t steady_start_ms = clock_.steady_ms();
  // Both write before either ends, so that they share a block.
  transform_.begin(result.start_ms, writers);
  heartbeat_.begin(result.start_ms, writers);
  samples_of(figures, config_, result.start_ms).take_by(transform_);
  heartbeat().take_by(heartbeat_);
  result.counts = transform_.finish(true);
  result.counts += heartbeat_.finish(true);
  result.duration_ms = clock_.steady_ms() - steady_start_ms;
  return result;
}

}  // namespace fedwave::relay
