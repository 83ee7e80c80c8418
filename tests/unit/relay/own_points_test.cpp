#include "relay/own_points.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "relay/version.h"
#include "sinks/number_format.h"
#include "tests/support/configs.h"
#include "tests/support/fakes.h"

using namespace fedwave;
using relay::OwnPoints;
using relay::PipelineFigures;
using relay::ScrapeResult;
using relay::SinkFigures;
using relay::SourceFigures;
using relay::TargetFigures;
using relay::Verdict;

namespace {

std::string value_text(double value) {
  std::string text;
  sinks::append_value(text, value);
  return text;
}

const std::string kOneSource = "[{url: 'http://x/federate', name: mesh}]";
const std::string kOneSink = "[{proxyAddress: 'proxy:2878', name: production}]";
const std::string kVersionValue = value_text(relay::version_number(kVersion));
const std::string kHeartbeat = "\"~wavefront.kubernetes.collector.version\"";

// A relay that has just started, and its own points: what a test wants different it sets in
// `figures`.
struct Bench {
  explicit Bench(const std::string& internal = "{source: me}",
                 const std::string& sources = kOneSource, const std::string& sinks = kOneSink)
      : config(support::config_of("clusterName: c\nsinks: " + sinks +
                                  "\nsources:\n  prometheus_sources: " + sources +
                                  "\n  internal_stats_source: " + internal + "\n")),
        own(config, clock),
        outputs(config.sinks.size()) {
    for (auto& output : outputs) {
      writers.push_back(std::make_unique<sinks::BlockWriter>(output, false, 10'000, clock));
      pointers.push_back(writers.back().get());
    }
    for (const auto& source : config.sources) add_source(source.name);
    add_source(config.internal_stats->name);
    for (const auto& sink : config.sinks) {
      SinkFigures& added = figures.sinks.emplace_back();
      added.name = sink.name;
    }
  }

  void add_source(const std::string& name) {
    SourceFigures& source = figures.sources.emplace_back();
    source.jobs.emplace_back();
    source.name = name;
    source.counts = relay::ScrapeCounts(config.sinks.size());
  }

  SourceFigures& source(std::size_t index = 0) { return figures.sources[index]; }
  std::uint64_t& count(Verdict verdict, std::size_t source_index = 0, std::size_t sink = 0) {
    return source(source_index).counts.by_sink[sink].by_verdict[static_cast<std::size_t>(verdict)];
  }

  // Every sum of the result agrees, whatever was sent.
  ScrapeResult send() {
    for (auto& output : outputs) output.blocks.clear();
    ScrapeResult result = own.send(figures, pointers);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const relay::SinkCounts& sink = result.counts.by_sink[i];
      CHECK(result.counts.read ==
            sink.filtered() + sink.repeated + sink.rejected() + sink.converted + sink.written);
      CHECK(sink.written == lines(i).size());
    }
    return result;
  }

  [[nodiscard]] std::vector<std::string> lines(std::size_t sink = 0) const {
    std::vector<std::string> found;
    const std::string text = outputs[sink].lines();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      found.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return found;
  }

  // `name value` and the tags behind the source of each point of that name, sorted.
  [[nodiscard]] std::vector<std::string> points(const std::string& name,
                                                std::size_t sink = 0) const {
    const std::string quoted = "\"" + name + "\" ";
    std::vector<std::string> found;
    for (const std::string& line : lines(sink)) {
      if (!line.starts_with(quoted)) continue;
      const std::string value = line.substr(quoted.size(), line.find(' ', quoted.size()) + 1);
      const std::string kSource = " source=\"me\" \"cluster\"=\"c\"";
      const std::size_t tags = line.find(kSource);
      REQUIRE(tags != std::string::npos);
      found.push_back(value.substr(0, value.find(' ')) + line.substr(tags + kSource.size()));
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  support::FakeClock clock;
  config::Config config;
  OwnPoints own;
  PipelineFigures figures;
  std::vector<support::CollectingOutput> outputs;
  std::vector<std::unique_ptr<sinks::BlockWriter>> writers;
  std::vector<sinks::BlockWriter*> pointers;
};

using Points = std::vector<std::string>;

TargetFigures target(const std::string& address, std::uint64_t scrapes, const std::string& error,
                     std::int64_t duration_ms = 0) {
  TargetFigures made;
  made.address = address;
  made.scrapes = scrapes;
  made.last_error = error;
  made.last_duration_ms = duration_ms;
  return made;
}

}  // namespace

TEST_CASE("own points are of the moment when sending begins, in one block, and count like any") {
  Bench bench;
  bench.source().targets = {target("", 1, "")};
  const ScrapeResult first = bench.send();
  CHECK(first.start_ms == bench.clock.now_ms);
  CHECK(!first.error);
  CHECK(first.counts.read == bench.lines().size());
  CHECK(first.counts.new_series == first.counts.read);
  CHECK(bench.outputs[0].blocks.size() == 1);
  for (const std::string& line : bench.lines()) {
    CAPTURE(line);
    CHECK(line.find(" 1767225600 source=\"me\" \"cluster\"=\"c\"") != std::string::npos);
  }
  bench.clock.now_ms += 60'000;
  const ScrapeResult second = bench.send();
  CHECK(second.counts.new_series == 0);
  CHECK(second.counts.by_sink[0].written == first.counts.read);
  CHECK(bench.own.transform().series() + 1 == first.counts.read);
}

TEST_CASE("whether a source is up is told by the replica that scrapes it") {
  for (const bool is_standby : {true, false}) {
    CAPTURE(is_standby);
    Bench bench;
    bench.figures.is_standby = is_standby;
    bench.source().jobs[0].is_ours = is_standby;
    bench.send();
    CHECK(bench.points("kubernetes.collector.fedwave.source.up").empty());
    CHECK_FALSE(bench.points("kubernetes.collector.fedwave.source.series").empty());
  }
}

TEST_CASE("a source is up when a scrape has ended and no target's last one failed") {
  struct Row {
    const char* what;
    std::vector<TargetFigures> targets;
    const char* up;
    Points instances;
  };
  const Row rows[] = {
      {"no target yet", {}, "0", {}},
      {"the first scrape is under way", {target("", 0, "")}, "0", {}},
      {"all is well", {target("", 1, "")}, "1", {}},
      {"the last scrape failed", {target("", 7, "no")}, "0", {}},
      {"one of two failed",
       {target("10.0.0.1", 3, ""), target("10.0.0.2", 3, "no")},
       "0",
       {"0 \"instance\"=\"10.0.0.2\" \"source_name\"=\"mesh\"",
        "1 \"instance\"=\"10.0.0.1\" \"source_name\"=\"mesh\""}},
      {"a new one beside a good one",
       {target("10.0.0.1", 3, ""), target("fe80::2", 0, "")},
       "1",
       {"0 \"instance\"=\"fe80::2\" \"source_name\"=\"mesh\"",
        "1 \"instance\"=\"10.0.0.1\" \"source_name\"=\"mesh\""}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Bench bench;
    bench.source().targets = row.targets;
    bench.source().scrapes = 0;
    for (const TargetFigures& target : row.targets) bench.source().scrapes += target.scrapes;
    bench.send();
    CHECK(bench.points("kubernetes.collector.fedwave.source.up") ==
          Points{std::string(row.up) + " \"source_name\"=\"mesh\""});
    CHECK(bench.points("kubernetes.collector.fedwave.target.up") == row.instances);
  }
}

TEST_CASE("the collector's names carry what the collector means by them") {
  Bench bench("{source: me}", "[{url: 'http://x/a', name: one}, {url: 'http://x/b', name: two}]",
              "[{proxyAddress: 'proxy:2878', name: p}, {type: stdout, name: s}]");
  for (const std::size_t i : {0U, 1U}) {
    SourceFigures& source = bench.source(i);
    source.counts.read = 100;
    source.failures = 3;
    source.failures_by_code = {{"timeout", 2}, {"http_status", 1}};
    source.missed = 4;
    for (const std::size_t sink : {0U, 1U}) bench.count(Verdict::SourceDenyList, i, sink) = 7;
  }
  // Neither collected nor filtered here.
  for (const std::size_t sink : {0U, 1U}) bench.count(Verdict::OtherShard, 0, sink) = 10;
  bench.count(Verdict::SourceNotInAllowList, 1, 0) = 20;
  bench.count(Verdict::SourceNotInAllowList, 1, 1) = 20;
  bench.count(Verdict::SinkDenyList, 0, 0) = 2;
  bench.count(Verdict::SinkDenyList, 0, 1) = 5;
  bench.count(Verdict::SinkTagDenyList, 1, 1) = 6;
  bench.source(2).counts.read = 50;
  for (SinkFigures& sink : bench.figures.sinks) {
    sink.spool.points_spooled = 1000;
    sink.spool.points_delivered = 900;
    sink.spool.points_quarantined = 10;
    sink.spool.points_expired_old = 1;
  }
  bench.send();

  const std::string target_one =
      " \"discovered\"=\"static\" \"source_name\"=\"one\" \"type\"=\"prometheus\" "
      "\"url\"=\"http://x/a\"";
  const std::string target_two =
      " \"discovered\"=\"static\" \"source_name\"=\"two\" \"type\"=\"prometheus\" "
      "\"url\"=\"http://x/b\"";
  struct Row {
    const char* name;
    Points points;
  };
  const Row rows[] = {
      {"source.points.collected", {"156 \"type\"=\"prometheus\"", "50 \"type\"=\"internal\""}},
      {"source.points.filtered", {"34 \"type\"=\"prometheus\""}},
      {"source.collect.errors", {"6 \"type\"=\"prometheus\""}},
      {"target.points.collected", {"73" + target_two, "83" + target_one}},
      {"target.collect.errors", {"3" + target_one, "3" + target_two}},
      {"source.manager.providers", {"3"}},
      {"source.manager.scrape.errors", {"6"}},
      {"source.manager.scrape.timeouts", {"4"}},
      {"source.manager.scrape.missed", {"8"}},
      {"wavefront.points.sent.count", {"1800"}},
      {"wavefront.points.errors.count", {"22"}},
      {"wavefront.points.filtered.count", {"13"}},
      {"wavefront.sender.type", {"1 \"sink_name\"=\"p\"", "3 \"sink_name\"=\"s\""}},
      {"version", {kVersionValue}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(bench.points(std::string("kubernetes.collector.") + row.name) == row.points);
  }
}

TEST_CASE("latencies are those of the last scrape of every target, and none before there is one") {
  const std::string name = "kubernetes.collector.source.manager.scrape.latency.duration.";
  Bench bench("{source: me}", "[{url: 'http://x/a', name: a}, {url: 'http://x/b', name: b}]");
  bench.source(0).targets = {target("", 0, "")};
  bench.send();
  CHECK(bench.points(name + "max") == Points{});
  bench.source(0).targets = {target("1.1.1.1", 1, "", 40), target("1.1.1.2", 1, "no", 10),
                             target("1.1.1.3", 0, "", 9999)};
  bench.source(1).targets = {target("", 2, "", 30), target("", 2, "", 20)};
  bench.clock.now_ms += 60'000;
  bench.send();
  const std::pair<const char*, const char*> rows[] = {
      {"min", "10"},   {"max", "40"}, {"mean", "25"}, {"median", "25"},
      {"p75", "37.5"}, {"p95", "40"}, {"p99", "40"},  {"p999", "40"}};
  for (const auto& [figure, value] : rows) {
    CAPTURE(figure);
    CHECK(bench.points(name + figure) == Points{value});
  }
}

TEST_CASE("what fedwave adds tells a source's samples by their fate and a sink's by their state") {
  Bench bench;
  SourceFigures& source = bench.source();
  source.scrapes = 2;
  source.last_duration_ms = 250;
  source.series = 12;
  source.counts.read = 110;
  source.counts.malformed[1] = 3;
  source.counts.by_sink[0].repeated = 20;
  source.counts.by_sink[0].not_a_number = 30;
  source.counts.by_sink[0].converted = 40;
  source.counts.by_sink[0].written = 15;
  bench.count(Verdict::SinkDenyList) = 5;
  sinks::SpoolFigures& spool = bench.figures.sinks[0].spool;
  spool.points_delivered = 7;
  spool.points_waiting = 8;
  spool.bytes_waiting = 900;
  spool.points_quarantined = 1;
  spool.points_expired_full = 2;
  spool.oldest_waiting_ms = bench.clock.now_ms - 1'500;
  bench.send();
  const std::string of_source = " \"source_name\"=\"mesh\"";
  const std::string of_sink = " \"sink_name\"=\"production\"";
  struct Row {
    const char* name;
    Points points;
  };
  const Row rows[] = {
      {"source.series", {"12" + of_source}},
      {"source.scrape.duration.ms", {"250" + of_source}},
      {"source.samples.read", {"110" + of_source}},
      {"source.lines.malformed", {"3" + of_source}},
      {"source.samples",
       {"15 \"fate\"=\"written\"" + of_sink + of_source,
        "20 \"fate\"=\"repeated\"" + of_sink + of_source,
        "30 \"fate\"=\"rejected\"" + of_sink + of_source,
        "40 \"fate\"=\"converted\"" + of_sink + of_source,
        "5 \"fate\"=\"filtered\"" + of_sink + of_source}},
      {"sink.points.waiting", {"8" + of_sink}},
      {"sink.bytes.waiting", {"900" + of_sink}},
      {"sink.oldest.seconds", {"1.5" + of_sink}},
      {"sink.points.delivered", {"7" + of_sink}},
      {"sink.points.quarantined", {"1" + of_sink}},
      {"sink.points.expired", {"2" + of_sink}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(bench.points(std::string("kubernetes.collector.fedwave.") + row.name) == row.points);
  }
}

TEST_CASE("the age of what waits is never negative, and zero where nothing waits") {
  const std::string name = "kubernetes.collector.fedwave.sink.oldest.seconds";
  const Points none = {"0 \"sink_name\"=\"production\""};
  Bench bench;
  bench.send();
  CHECK(bench.points(name) == none);
  bench.figures.sinks[0].spool.oldest_waiting_ms = bench.clock.now_ms + 5'000;
  bench.clock.now_ms += 1'000;
  bench.send();
  CHECK(bench.points(name) == none);
}

TEST_CASE("counters of nothing are not sent, those of all that is well are") {
  Bench bench;
  bench.send();
  Points names;
  for (const std::string& line : bench.lines()) {
    const std::string name = line.substr(1, line.find('"', 1) - 1);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  CHECK(names == Points{"kubernetes.collector.fedwave.sink.bytes.waiting",
                        "kubernetes.collector.fedwave.sink.oldest.seconds",
                        "kubernetes.collector.fedwave.sink.points.delivered",
                        "kubernetes.collector.fedwave.sink.points.waiting",
                        "kubernetes.collector.fedwave.source.series",
                        "kubernetes.collector.fedwave.source.up",
                        "kubernetes.collector.source.manager.providers",
                        "kubernetes.collector.source.manager.scrape.errors",
                        "kubernetes.collector.source.manager.scrape.missed",
                        "kubernetes.collector.source.manager.scrape.timeouts",
                        "kubernetes.collector.version",
                        "kubernetes.collector.wavefront.points.sent.count",
                        "kubernetes.collector.wavefront.sender.type",
                        "~wavefront.kubernetes.collector.version"});
}

TEST_CASE("the heartbeat goes to every sink without anybody's prefix, tags and filters") {
  Bench bench(
      "{source: me, prefix: mine., tags: {team: a}, filters: {metricAllowList: ['nothing.*']}}",
      kOneSource,
      "[{type: stdout, name: one, prefix: .p., tags: {t: v}, "
      "filters: {metricDenyList: ['*'], tagExclude: ['*']}}, {type: stdout, name: two}]");
  const ScrapeResult result = bench.send();
  const std::string kTags =
      " 1767225600 source=\"me\" \"cluster\"=\"c\" \"installation_method\"=\"fedwave\" "
      "\"stats_prefix\"=";
  CHECK(bench.lines(0) == Points{kHeartbeat + " " + kVersionValue + kTags + "\".p.\""});
  CHECK(bench.lines(1) == Points{kHeartbeat + " " + kVersionValue + kTags + "\"kubernetes.\""});
  CHECK(result.counts.by_sink[0].filtered() == result.counts.read - 1);
}

TEST_CASE("prefix, tags and filters of the configuration apply to all but the heartbeat") {
  Bench bench(
      "{source: me, prefix: mine., tags: {team: a}, filters: {metricAllowList: "
      "['mine.collector.fedwave.source.*']}}",
      kOneSource,
      "[{type: stdout, name: one, prefix: p, filters: {metricDenyList: ['*.series']}}]");
  bench.send();
  const Points lines = bench.lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] ==
        "\"p.mine.collector.fedwave.source.up\" 0 1767225600 source=\"me\" \"cluster\"=\"c\" "
        "\"source_name\"=\"mesh\" \"team\"=\"a\"");
  CHECK(lines[1].starts_with(kHeartbeat));
}

TEST_CASE("names of sources and sinks are free text") {
  struct Row {
    std::string name;
    std::string sent;
  };
  const Row rows[] = {
      {"a\"b", "a\\\"b"},
      {"back\\slash", "back\\slash"},
      {"ends with \\", "ends with /"},
      {"\"", "\\\""},
      {"x\",type=\"y", "x\\\",type=\\\"y"},
      {"}{,= 5\n# TYPE a gauge\na 1", "}{,= 5 # TYPE a gauge a 1"},
      {"tab\there\x01", "tab here"},
      {"bytes \xff\xfe", "bytes ??"},
      {"Größe ✓", "Größe ✓"},
      {"{{ .Values.x }}", "{{ .Values.x }}"},
      {" blanks ", "blanks"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Bench bench;
    bench.config.sources[0].url = "http://x/" + row.name;
    bench.source().name = row.name;
    bench.source().failures = 1;
    bench.source().counts.read = 5;
    bench.source().counts.by_sink[0].written = 5;
    bench.figures.sinks[0].name = row.name;
    bench.send();
    const std::string tag = "\"" + row.sent + "\"";
    CHECK(bench.points("kubernetes.collector.fedwave.source.up") ==
          Points{"0 \"source_name\"=" + tag});
    CHECK(bench.points("kubernetes.collector.fedwave.source.samples") ==
          Points{"5 \"fate\"=\"written\" \"sink_name\"=" + tag + " \"source_name\"=" + tag});
    CHECK(bench.points("kubernetes.collector.target.collect.errors").size() == 1);
  }
}

TEST_CASE("a URL that is too long for a tag is cut, and different ones stay different") {
  const std::string url = "http://x/federate?match[]=" + std::string(400, 'a');
  Bench bench("{source: me}",
              "[{url: '" + url + "b', name: one}, {url: '" + url + "c', name: two}]");
  bench.source(0).counts.read = 5;
  bench.source(1).counts.read = 5;
  const ScrapeResult result = bench.send();
  const Points points = bench.points("kubernetes.collector.target.points.collected");
  REQUIRE(points.size() == 2);
  const auto url_of = [](const std::string& point) { return point.substr(point.find("\"url\"=")); };
  CHECK(url_of(points[0]) != url_of(points[1]));
  CHECK(url_of(points[0]).size() < 270);
  CHECK(result.counts.repaired[static_cast<std::size_t>(sinks::Repair::TagValueTruncated)] == 2);
}

TEST_CASE("a version is a number as the collector has it") {
  const std::pair<const char*, double> rows[] = {
      {"0.1.0", 0.1}, {"1.30.2", 1.302}, {"2.0.10", 2.01}, {"10.0.0", 10}, {"3", 3}, {"1.2", 1.2}};
  for (const auto& [version, number] : rows) {
    CAPTURE(version);
    CHECK(relay::version_number(version) == number);
  }
}
