#include "relay/status/metrics_page.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "relay/base/descriptor.h"
#include "tests/support/sample_collector.h"

namespace fedwave {
namespace {

using relay::MetricsInput;
using Labels = std::map<std::string, std::string>;

constexpr std::int64_t kNowMs = 1'767'225'600'000;
const std::string kNasty = "mesh \"a\"\nline two\\n, {x=\"y\"} é";

// A page as a scraper reads it.
class Page {
 public:
  explicit Page(const std::string& text) : text_(text), page_(samples_, 1 << 16) {
    page_.feed(text_);
    page_.finish(true);
  }

  const std::string& text() const { return text_; }
  const support::SampleCollector& read() const { return samples_; }

  // The sum of the samples that have these labels, whatever others they have.
  double sum(const std::string& name, const Labels& labels = {}) const {
    double total = 0;
    for (const auto& sample : samples_.samples) {
      total += sample.name == name && has(sample.labels, labels) ? sample.value : 0;
    }
    return total;
  }

  std::set<std::string> values(const std::string& name, const std::string& label) const {
    std::set<std::string> found;
    for (const auto& sample : samples_.samples) {
      if (sample.name == name) found.insert(sample.labels.at(label));
    }
    return found;
  }

 private:
  static bool has(const Labels& labels, const Labels& wanted) {
    return std::includes(labels.begin(), labels.end(), wanted.begin(), wanted.end());
  }

  std::string text_;
  support::SampleCollector samples_;
  parsers::TextPage page_;
};

// Counts up, so that no two figures are alike.
template <class Array>
void fill(Array& counts, std::uint64_t& next) {
  for (auto& count : counts) count = next++;
}

relay::SourceFigures source_named(const std::string& name, std::size_t sinks) {
  relay::SourceFigures source;
  source.name = name;
  source.counts = relay::ScrapeCounts(sinks);
  return source;
}

// Sources and sinks about which there is something to say in every family, with sums that agree.
struct Everything {
  std::shared_ptr<config::Config> config = std::make_shared<config::Config>();
  relay::PipelineFigures figures;
  relay::ConfigFigures config_state;
  relay::ClusterFigures cluster;
  relay::ProcessFigures process;

  explicit Everything(std::size_t sources = 2, std::size_t sinks = 2) {
    std::uint64_t next = 1;
    for (std::size_t i = 0; i < sinks; ++i) add_sink("edge" + std::to_string(i), next);
    add_figures(figures.leaving, "old", next);
    add_figures(figures.leaving, "edge0", next);
    for (std::size_t i = 0; i < sources; ++i) {
      add_source(i == 0 ? kNasty : "source" + std::to_string(i), sinks, next);
    }
    figures.config = config;
    config_state = {.file = "c.yaml",
                    .hash = "0123456789abcdef",
                    .loaded_ms = kNowMs - 5'000,
                    .applied = next++,
                    .unchanged = next++,
                    .refused = next++,
                    .problems = {},
                    .last_change = {}};
    cluster.election = {.state = relay::ElectionState::Leading,
                        .lease = "mesh/fedwave",
                        .identity = "fedwave-0_a",
                        .holder = "fedwave-0_a",
                        .terms = next++,
                        .lost = next++,
                        .requests = next++,
                        .failures_by_cause = {{"http_418", next++}},
                        .last_error = {}};
    cluster.shard = {.ordinal = 1, .count = 3};
  }

  std::string text() const {
    return metrics_page(MetricsInput{.figures = figures,
                                     .config = config_state,
                                     .cluster = cluster,
                                     .process = process,
                                     .version = "1.2.3",
                                     .now_ms = kNowMs,
                                     .started_ms = kNowMs - 5'500});
  }

 private:
  void add_sink(const std::string& name, std::uint64_t& next) {
    config->sinks.emplace_back().name = name;
    add_figures(figures.sinks, name, next);
  }

  static void add_figures(std::vector<relay::SinkFigures>& all, const std::string& name,
                          std::uint64_t& next) {
    relay::SinkFigures& sink = all.emplace_back();
    sink.name = name;
    sinks::SpoolFigures& spool = sink.spool;
    spool.points_recovered = next++;
    spool.points_delivered = next++;
    spool.points_quarantined = next++;
    spool.points_expired_full = next++;
    spool.points_expired_old = next++;
    spool.points_expired_damaged = next++;
    spool.points_expired_at_end = next++;
    spool.points_waiting = next++;
    spool.points_spooled = spool.points_delivered + spool.points_quarantined +
                           spool.points_expired() + spool.points_waiting - spool.points_recovered;
    spool.oldest_waiting_ms = kNowMs - 90'000;
    sink.sender.cause = "http_401";
    sink.sender.retries_by_cause["http_599"] = next++;
    sink.sender.quarantined_by_cause["http_400"] = spool.points_quarantined;
  }

  void add_source(const std::string& name, std::size_t sinks, std::uint64_t& next) {
    config->sources.emplace_back().name = name;
    relay::SourceFigures source = source_named(name, sinks);
    source.scrapes = next++;
    source.failures_by_code["in_use"] = next++;
    source.jobs = {{.match = "up"}, {.match = kNasty, .shard = 1, .is_ours = false}};
    source.targets.push_back({.address = "10.0.0.1", .scrapes = 1, .last_error = {}});
    source.durations.add(7);
    source.durations.add(40'000);
    fill(source.counts.malformed, next);
    fill(source.counts.repaired, next);
    fill(source.counts.distribution_drops, next);
    source.counts.read = 1'000'000;
    for (relay::SinkCounts& counts : source.counts.by_sink) {
      fill(counts.by_verdict, next);
      counts.by_verdict[static_cast<std::size_t>(relay::Verdict::Kept)] = 0;
      counts.repeated = next++;
      counts.not_a_number = next++;
      counts.infinite = next++;
      counts.converted = next++;
      counts.before = next++;
      counts.distributions = next++;
      counts.written = source.counts.read - counts.filtered() - counts.repeated -
                       counts.rejected() - counts.converted - counts.before;
    }
    figures.sources.push_back(std::move(source));
  }
};

// {name: type} as the page declares them, in its order.
std::vector<std::pair<std::string, std::string>> families_of(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> families;
  std::istringstream lines(text);
  const std::regex type_line(R"(# TYPE (\S+) (\S+))");
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, match, type_line)) families.emplace_back(match[1], match[2]);
  }
  return families;
}

std::string family_of(std::string sample, const std::map<std::string, std::string>& types) {
  for (const std::string suffix : {"_bucket", "_sum", "_count"}) {
    if (types.contains(sample) || !sample.ends_with(suffix)) continue;
    sample.resize(sample.size() - suffix.size());
  }
  return sample;
}

// "name type label label" of every family.
std::set<std::string> described(const Page& page) {
  const auto families = families_of(page.text());
  const std::map<std::string, std::string> types(families.begin(), families.end());
  std::map<std::string, std::set<std::string>> labels;
  for (const auto& sample : page.read().samples) {
    for (const auto& [label, value] : sample.labels) {
      if (label != "le") labels[family_of(sample.name, types)].insert(label);
    }
  }
  std::set<std::string> all;
  for (const auto& [name, type] : families) {
    std::string row = name + ' ' + type;
    for (const std::string& label : labels[name]) row += ' ' + label;
    all.insert(row);
  }
  return all;
}

// The same of the tables in the documentation.
std::set<std::string> documented() {
  std::ifstream file(FEDWAVE_TEST_DATA "/../../docs/own-metrics.md");
  const std::regex row(R"(\| `(\w+)` \| (\w+) \| ((?:`\w+`(?:, )?)*) ?\| .+ \|)");
  const std::regex word(R"(\w+)");
  std::set<std::string> all;
  std::smatch match;
  for (std::string line; std::getline(file, line);) {
    if (!std::regex_match(line, match, row)) continue;
    const std::string labels = match[3];
    std::set<std::string> sorted;
    for (std::sregex_iterator it(labels.begin(), labels.end(), word), end; it != end; ++it) {
      sorted.insert(it->str());
    }
    std::string text = match[1].str() + ' ' + match[2].str();
    for (const std::string& label : sorted) text += ' ' + label;
    all.insert(text);
  }
  return all;
}

}  // namespace

TEST_CASE("our own parser reads the page without a malformed line, whatever the names") {
  const Page page(Everything().text());
  for (const auto& line : page.read().malformed) FAIL_CHECK(line.line);
  CHECK(page.read().samples.size() > 100);
  CHECK(page.values("fedwave_scrapes_total", "source") == std::set<std::string>{kNasty, "source1"});
  CHECK(page.sum("fedwave_scrapes_total", {{"source", kNasty}}) > 0);
  for (const auto& sample : page.read().samples) CHECK_FALSE(sample.timestamp_ms);
}

TEST_CASE("every family stands together, is declared once and has what its type promises") {
  const Page page(Everything().text());
  const auto families = families_of(page.text());
  const std::map<std::string, std::string> types(families.begin(), families.end());
  CHECK(types.size() == families.size());
  std::vector<std::string> seen;
  std::set<std::string> series;
  for (const auto& sample : page.read().samples) {
    CAPTURE(sample.name);
    const std::string family = family_of(sample.name, types);
    REQUIRE(types.contains(family));
    if (seen.empty() || seen.back() != family) seen.push_back(family);
    CHECK((types.at(family) == "counter") == family.ends_with("_total"));
    std::string key = sample.name;
    for (const auto& [label, value] : sample.labels) key += '\0' + label + '\0' + value;
    CHECK(series.insert(key).second);
  }
  CHECK(seen.size() == families.size());
  CHECK(page.text().ends_with('\n'));
}

TEST_CASE("the sums can be checked from the page alone") {
  const Page page(Everything().text());
  for (const std::string& source : page.values("fedwave_samples_read_total", "source")) {
    for (const std::string& sink : page.values("fedwave_sink_info", "sink")) {
      const Labels both{{"source", source}, {"sink", sink}};
      double sum = 0;
      for (const char* fate :
           {"filtered", "repeated", "rejected", "converted", "written", "before"}) {
        sum += page.sum(std::string("fedwave_samples_") + fate + "_total", both);
      }
      CHECK(sum == page.sum("fedwave_samples_read_total", {{"source", source}}));
    }
  }
  // Those that leave too, of which one has the name of another.
  CHECK(page.values("fedwave_sink_points_spooled_total", "sink") ==
        std::set<std::string>{"edge0", "edge1", "old"});
  for (const std::string& sink : page.values("fedwave_sink_points_spooled_total", "sink")) {
    const Labels labels{{"sink", sink}};
    CHECK(page.sum("fedwave_sink_points_recovered_total", labels) +
              page.sum("fedwave_sink_points_spooled_total", labels) ==
          page.sum("fedwave_sink_points_delivered_total", labels) +
              page.sum("fedwave_sink_points_quarantined_total", labels) +
              page.sum("fedwave_sink_points_expired_total", labels) +
              page.sum("fedwave_sink_waiting_points", labels));
  }
}

TEST_CASE("every reason stands for its own counter") {
  const Everything all;
  const Page page(all.text());
  const relay::ScrapeCounts& counts = all.figures.sources[1].counts;
  const auto value = [&](const char* name, const char* label, const char* reason) {
    return page.sum(name, {{"source", "source1"}, {label, reason}});
  };
  for (std::size_t i = 1; i < parsers::kMalformedCount; ++i) {
    CHECK(value("fedwave_lines_malformed_total", "reason",
                parsers::malformed_name(static_cast<parsers::Malformed>(i))) ==
          counts.malformed[i]);
  }
  for (std::size_t i = 0; i < sinks::kRepairCount; ++i) {
    CHECK(value("fedwave_repairs_total", "repair",
                sinks::repair_name(static_cast<sinks::Repair>(i))) == counts.repaired[i]);
  }
  for (std::size_t i = 0; i < sinks::kDistributionDropCount; ++i) {
    CHECK(value("fedwave_distributions_dropped_total", "reason",
                sinks::distribution_drop_name(static_cast<sinks::DistributionDrop>(i))) ==
          counts.distribution_drops[i]);
  }
  CHECK(value("fedwave_scrape_failures_total", "code", "in_use") > 0);
  CHECK(page.sum("fedwave_sink_retries_total", {{"cause", "http_599"}}) > 0);
  CHECK(page.sum("fedwave_sink_points_expired_total", {{"sink", "edge0"}, {"cause", "old"}}) ==
        all.figures.sinks[0].spool.points_expired_old +
            all.figures.leaving[1].spool.points_expired_old);
  CHECK(page.sum("fedwave_sink_leaving_points", {{"sink", "old"}}) ==
        all.figures.leaving[0].spool.points_waiting);
}

TEST_CASE("the configuration is told by its hash, its age and what became of its edits") {
  Everything all;
  const Page page(all.text());
  CHECK(page.values("fedwave_config_info", "hash") == std::set<std::string>{"0123456789abcdef"});
  CHECK(page.sum("fedwave_config_last_reload_successful") == 1);
  CHECK(page.sum("fedwave_config_last_reload_success_timestamp_seconds") ==
        (kNowMs - 5'000) / 1000.0);
  const auto reloads = [&](const char* result) {
    return page.sum("fedwave_config_reloads_total", {{"result", result}});
  };
  CHECK(reloads("applied") == all.config_state.applied);
  CHECK(reloads("unchanged") == all.config_state.unchanged);
  CHECK(reloads("refused") == all.config_state.refused);
  all.config_state.is_current = false;
  CHECK(Page(all.text()).sum("fedwave_config_last_reload_successful") == 0);
}

TEST_CASE("a leader, a standby and a relay that is alone can be told apart") {
  using relay::ElectionState;
  struct Row {
    ElectionState state;
    double leader;
    std::size_t election_series;  // of each family
    double sources_up;
  };
  const Labels lease{{"lease", "mesh/fedwave"}};
  for (const Row& row :
       {Row{ElectionState::Off, 1, 0, 2}, Row{ElectionState::Standby, 0, 1, 0},
        Row{ElectionState::Leading, 1, 1, 2}, Row{ElectionState::Ended, 0, 1, 0}}) {
    Everything all;
    all.cluster.election.state = row.state;
    const Page page(all.text());
    CHECK(page.sum("fedwave_leader") == row.leader);
    CHECK(page.sum("fedwave_source_up") == row.sources_up);
    CHECK(page.sum("fedwave_target_up") == row.sources_up);
    for (const char* name : {"fedwave_election_terms_total", "fedwave_election_info"}) {
      CHECK(page.values(name, "lease").size() == row.election_series);
    }
    if (row.state != ElectionState::Off) CHECK(page.sum("fedwave_leader", lease) == row.leader);
  }
  const Everything all;
  const Page page(all.text());
  CHECK(page.sum("fedwave_election_terms_total", lease) == all.cluster.election.terms);
  CHECK(page.sum("fedwave_election_lost_total", lease) == all.cluster.election.lost);
  CHECK(page.sum("fedwave_election_requests_total", lease) == all.cluster.election.requests);
  CHECK(page.sum("fedwave_election_failures_total", {{"cause", "http_418"}}) > 0);
  CHECK(page.values("fedwave_election_failures_total", "cause").contains("http_403"));
  CHECK(page.sum("fedwave_shard_ordinal") == 1);
  CHECK(page.sum("fedwave_shards") == 3);
}

TEST_CASE("the requests of a source tell whose they are, and their targets which one they are of") {
  Everything all(2, 1);
  all.figures.sources[1].jobs.resize(1);
  const Page page(all.text());
  CHECK(page.sum("fedwave_job_info", {{"source", kNasty}, {"match", "up"}, {"ours", "true"}}) == 1);
  CHECK(page.sum("fedwave_job_info", {{"match", kNasty}, {"shard", "1"}, {"ours", "false"}}) == 1);
  CHECK(page.sum("fedwave_job_info", {{"source", "source1"}}) == 1);
  CHECK(page.sum("fedwave_target_up", {{"source", kNasty}, {"match", "up"}}) == 1);
  CHECK(page.sum("fedwave_target_up", {{"source", "source1"}}) == 1);
  CHECK(page.sum("fedwave_target_up", {{"source", "source1"}, {"match", "up"}}) == 0);
}

TEST_CASE("the verdicts of every sink stand where they belong") {
  const Everything all;
  const Page page(all.text());
  const relay::SinkCounts& counts = all.figures.sources[1].counts.by_sink[1];
  for (std::size_t i = 1; i < relay::kVerdictCount; ++i) {
    const auto verdict = static_cast<relay::Verdict>(i);
    const bool filters = relay::is_filtered(verdict);
    CAPTURE(relay::verdict_name(verdict));
    CHECK(page.sum(filters ? "fedwave_samples_filtered_total" : "fedwave_samples_rejected_total",
                   {{"source", "source1"},
                    {"sink", "edge1"},
                    {filters ? "verdict" : "reason", relay::verdict_name(verdict)}}) ==
          counts.by_verdict[i]);
  }
  CHECK(page.sum("fedwave_samples_rejected_total",
                 {{"source", "source1"}, {"sink", "edge1"}, {"reason", "infinite"}}) ==
        counts.infinite);
}

TEST_CASE("before anything has happened every known reason is there with a zero") {
  relay::PipelineFigures figures;
  figures.sources.push_back(source_named("mesh", 1));
  figures.sinks.emplace_back().name = "edge";
  figures.config = std::make_shared<config::Config>();
  const relay::ConfigFigures config;
  const relay::ClusterFigures cluster;
  const relay::ProcessFigures process;
  const Page page(relay::metrics_page({.figures = figures,
                                       .config = config,
                                       .cluster = cluster,
                                       .process = process,
                                       .version = "1.2.3",
                                       .now_ms = kNowMs}));
  CHECK(page.values("fedwave_lines_malformed_total", "reason").size() ==
        parsers::kMalformedCount - 1);
  CHECK(page.values("fedwave_repairs_total", "repair").size() == sinks::kRepairCount);
  CHECK(page.values("fedwave_samples_filtered_total", "verdict").size() +
            page.values("fedwave_samples_rejected_total", "reason").size() ==
        relay::kVerdictCount - 1 + 2);
  CHECK(page.values("fedwave_scrape_failures_total", "code").contains("timeout"));
  CHECK(page.values("fedwave_sink_retries_total", "cause").contains("http_429"));
  CHECK(page.values("fedwave_sink_points_expired_total", "cause") ==
        std::set<std::string>{"full", "old", "damaged", "at_end"});
  CHECK(page.values("fedwave_source_up", "source").empty());
  for (const auto& sample : page.read().samples) {
    if (sample.name.ends_with("_total")) CHECK_MESSAGE(sample.value == 0, sample.name);
  }
}

TEST_CASE("durations are in seconds, and their buckets hold all that is below") {
  const Page page(Everything().text());
  const std::string name = "fedwave_scrape_duration_seconds";
  const auto bucket = [&](const char* le) {
    return page.sum(name + "_bucket", {{"source", "source1"}, {"le", le}});
  };
  CHECK(bucket("0.005") == 0);
  CHECK(bucket("0.01") == 1);
  CHECK(bucket("30") == 1);
  CHECK(bucket("+Inf") == 2);
  CHECK(page.sum(name + "_count", {{"source", "source1"}}) == 2);
  CHECK(page.sum(name + "_sum", {{"source", "source1"}}) == doctest::Approx(40.007));
  CHECK(page.sum("fedwave_sink_waiting_oldest_seconds", {{"sink", "edge0"}}) == 90);
  CHECK(page.sum("process_start_time_seconds") == (kNowMs - 5'500) / 1000.0);
}

TEST_CASE("a clock that was set back makes no age negative") {
  Everything all;
  all.figures.sinks[0].spool.oldest_waiting_ms = kNowMs + 1;
  all.figures.sinks[1].spool.oldest_waiting_ms = 0;
  all.figures.leaving.clear();
  CHECK(Page(all.text()).sum("fedwave_sink_waiting_oldest_seconds") == 0);
}

TEST_CASE("a source is up while every one of its addresses is") {
  const relay::TargetFigures well{.address = "a", .scrapes = 1, .last_error = {}};
  const relay::TargetFigures failing{
      .address = "b", .scrapes = 1, .last_error = "refused", .failing_since_ms = kNowMs};
  const relay::TargetFigures unknown{.address = "c", .last_error = {}};
  struct Row {
    std::vector<relay::TargetFigures> targets;
    std::string last_error;
    double source_up;
    double targets_up;
  };
  for (const Row& row : {Row{{}, "", 1, 0}, Row{{}, "refused", 0, 0}, Row{{well}, "", 1, 1},
                         Row{{well, failing}, "", 0, 1}, Row{{failing}, "refused", 0, 0},
                         Row{{well, unknown}, "of an address that is gone", 1, 1}}) {
    Everything all(1, 1);
    all.figures.sources[0].targets = row.targets;
    all.figures.sources[0].last_error = row.last_error;
    const Page page(all.text());
    CHECK(page.sum("fedwave_source_up") == row.source_up);
    CHECK(page.sum("fedwave_target_up") == row.targets_up);
    CHECK_FALSE(page.values("fedwave_target_up", "target").contains("c"));
  }
}

TEST_CASE("the documentation and the page name the same families, types and labels") {
  const std::set<std::string> on_page = described(Page(Everything().text()));
  const std::set<std::string> in_text = documented();
  for (const std::string& row : on_page) CHECK_MESSAGE(in_text.contains(row), "page: ", row);
  for (const std::string& row : in_text) CHECK_MESSAGE(on_page.contains(row), "docs: ", row);
}

TEST_CASE("the process's figures are those of this process") {
  const relay::ProcessFigures before = relay::process_figures();
  CHECK(before.cpu_seconds > 0);
  CHECK(before.resident_bytes > 100'000);
  CHECK(before.virtual_bytes > before.resident_bytes);
  CHECK(before.max_fds >= before.open_fds);
  CHECK(before.threads >= 1);
  const base::Descriptor one(open("/dev/null", O_RDONLY));
  CHECK(relay::process_figures().open_fds == before.open_fds + 1);
}

}  // namespace fedwave
