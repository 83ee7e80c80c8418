#include "relay/status/status_views.h"
#include "relay/status/survey_views.h"
#include "tests/support/fakes.h"
#include "tests/unit/relay/status/fake_relay.h"

namespace fedwave::relay {
namespace {

using tests::FakeRelay;
using tests::kNowMs;
using tests::number;
using tests::parse_json;
using tests::text;

constexpr const char* kYaml =
    "clusterName: mesh-1\n"
    "sinks:\n"
    "- {name: proxy, proxyAddress: ['p:1', 'q:2'], protocol: tcp}\n"
    "- {name: direct, server: 'https://w.example', token: s3cret, "
    "spool: {directory: /var/spool/fedwave, bytes: 64MiB}}\n"
    "sources:\n"
    "  internal_stats_source: {collection: {interval: 1m}}\n"
    "  prometheus_sources:\n"
    "  - {name: istio, url: 'http://jo:pass@h:9090/federate?match[]=up', "
    "collection: {interval: 10s, timeout: 5s}}\n"
    "  - {name: secure, url: 'https://[fd00::1]/m'}\n";

TEST_CASE("The status sums up what there is and what is wrong") {
  FakeRelay relay(kYaml);
  support::FakeClock clock;
  History history(clock);
  history.add(relay.figures());
  relay.change_figures([](PipelineFigures& figures) {
    figures.sinks[1].spool.points_waiting = 7;
    figures.sources[0].last_error = figures.sources[0].targets[0].last_error = "timeout";
    figures.sources[0].targets[0].failing_since_ms = kNowMs - 60'000;
  });
  const auto status = parse_json(status_json(relay, history, kNowMs));
  CHECK(text(status["config"], "file") == "test.yaml");
  CHECK(text(status, "cluster") == "mesh-1");
  CHECK(number(status, "pid") > 1);
  CHECK(number(status, "started_ms") == static_cast<double>(kNowMs - 60'000));
  CHECK(number(status, "now_ms") == static_cast<double>(kNowMs));
  CHECK(status["stopping"].IsFalse());
  CHECK(number(status, "series") == 300);
  CHECK(number(status, "waiting") == 7);
  CHECK(number(status["rates"], "interval_s") == 60);
  // 100 samples of each in their first minute, of the quick one in ten seconds.
  CHECK(number(status["rates"], "read") == doctest::Approx(10 + 2 * 100.0 / 60).epsilon(0.001));
  CHECK(number(status["rates"], "delivered") == doctest::Approx(200.0 / 60).epsilon(0.001));
  CHECK(text(status["health"], "level") == "error");
  const auto& problem = status["health"]["problems"][0];
  CHECK(text(problem, "source") == "istio");
  CHECK(problem["sink"].IsNull());
  CHECK(text(problem, "what").find("1m: timeout") != std::string::npos);
}

TEST_CASE("The status tells of the configuration, and what became of its edits") {
  FakeRelay relay(kYaml);
  support::FakeClock clock;
  const History history(clock);
  relay.config_state.is_current = false;
  relay.config_state.problems = {"test.yaml:3:1: error: no; yes"};
  relay.config_state.refused = 2;
  relay.config_state.refused_ms = kNowMs - 5;
  relay.config_state.last_change = "1 source added";
  const auto status = parse_json(status_json(relay, history, kNowMs));
  CHECK(text(status["health"], "level") == "warning");
  const auto& config = status["config"];
  CHECK(text(config, "hash") == "0123456789abcdef");
  CHECK(number(config, "loaded_ms") == static_cast<double>(kNowMs - 60'000));
  CHECK(config["current"].IsFalse());
  CHECK(text(config, "last_change") == "1 source added");
  CHECK(number(config["reloads"], "refused") == 2);
  CHECK(number(config["reloads"], "applied") == 0);
  CHECK(number(config, "refused_ms") == static_cast<double>(kNowMs - 5));
  REQUIRE(config["problems"].Size() == 1);
  CHECK(config["problems"][0].GetString() == std::string("test.yaml:3:1: error: no; yes"));
}

TEST_CASE("The status tells where the relay stands among its replicas") {
  FakeRelay relay(kYaml);
  support::FakeClock clock;
  const History history(clock);
  CHECK(text(parse_json(status_json(relay, history, kNowMs))["election"], "state") == "off");
  ElectionFigures& election = relay.cluster_state.election;
  election.state = ElectionState::Standby;
  election.lease = "mesh/fedwave";
  election.identity = "fedwave-1_uid";
  election.holder = "fedwave-0_uid";
  election.failures_by_cause["timeout"] = 3;
  relay.cluster_state.shard = {.ordinal = 2, .count = 3};
  const auto status = parse_json(status_json(relay, history, kNowMs));
  CHECK(text(status["election"], "state") == "standby");
  CHECK(text(status["election"], "lease") == "mesh/fedwave");
  CHECK(text(status["election"], "identity") == "fedwave-1_uid");
  CHECK(text(status["election"], "holder") == "fedwave-0_uid");
  CHECK(number(status["election"]["failures_by"], "timeout") == 3);
  CHECK(number(status["shard"], "ordinal") == 2);
  CHECK(number(status["shard"], "count") == 3);
  REQUIRE(status["health"]["notes"].Size() == 1);
  CHECK(std::string(status["health"]["notes"][0].GetString()).find("the leader is fedwave-0") !=
        std::string::npos);
}

TEST_CASE("The history has a row for every source and sink, and null for what was not yet") {
  FakeRelay relay(kYaml);
  support::FakeClock clock;
  History history(clock);
  relay.change_figures([](PipelineFigures& figures) { figures.sources[1].last_start_ms = 0; });
  history.add(relay.figures());
  clock.now_ms += 5'000;
  history.add(relay.figures());
  const auto json = parse_json(history_json(*relay.config(), history));
  CHECK(number(json, "interval_ms") == 5'000);
  CHECK(json["at_ms"].Size() == 2);
  REQUIRE(json["sources"].Size() == 3);
  REQUIRE(json["sinks"].Size() == 2);
  CHECK(text(json["sources"][2], "name") == "internal_stats");
  CHECK(json["sources"][0]["up"][0].GetInt() == 1);
  CHECK(json["sources"][0]["scrape_ms"][1].GetInt() == 20);
  CHECK(json["sources"][1]["up"][0].IsNull());
  CHECK(json["sources"][1]["scrape_ms"][0].IsNull());
  CHECK(json["sources"][0]["read_per_s"].Size() == 2);
  for (const char* key : {"in_per_s", "out_per_s", "waiting"}) {
    CHECK(json["sinks"][1][key].Size() == 2);
  }
}

TEST_CASE("A source is shown with its counts by reason, its sinks and its targets") {
  FakeRelay relay(kYaml);
  relay.change_figures([](PipelineFigures& figures) {
    SourceFigures& source = figures.sources[0];
    source.failures_by_code["timeout"] = 3;
    source.counts.malformed[static_cast<std::size_t>(parsers::Malformed::BadValue)] = 2;
    source.counts.repaired[0] = 10;
    source.counts.by_sink[1].by_verdict[static_cast<std::size_t>(Verdict::SinkDenyList)] = 4;
    source.counts.by_sink[1].by_verdict[static_cast<std::size_t>(Verdict::EmptyName)] = 5;
    source.counts.by_sink[1].not_a_number = 6;
    source.targets[0].address = "10.0.0.1";
  });
  const auto json = parse_json(sources_json(relay.figures(), kNowMs));
  REQUIRE(json["sources"].Size() == 3);
  const auto& source = json["sources"][0];
  CHECK(text(source, "url") == "http://h:9090/federate?match[]=up");
  CHECK(number(source, "interval_ms") == 10'000);
  CHECK(number(source, "timeout_ms") == 5'000);
  CHECK(source["up"].IsTrue());
  CHECK(number(source["failures_by"], "timeout") == 3);
  CHECK(number(source["malformed_by"], "bad_value") == 2);
  CHECK(number(source["repaired_by"], "tags_over_limit") == 10);
  const auto& sink = source["sinks"][1];
  CHECK(text(sink, "name") == "direct");
  CHECK(number(sink, "filtered") == 4);
  CHECK(number(sink["filtered_by"], "sink_deny_list") == 4);
  CHECK(sink["filtered_by"].MemberCount() == 1);
  CHECK(number(sink, "rejected") == 11);
  CHECK(number(sink["rejected_by"], "empty_name") == 5);
  CHECK(number(sink["rejected_by"], "not_a_number") == 6);
  CHECK(text(source["targets"][0], "address") == "10.0.0.1");
  CHECK(source["targets"][0]["up"].IsTrue());
  CHECK(text(json["sources"][2], "name") == "internal_stats");
  CHECK(text(json["sources"][2], "url").empty());
}

TEST_CASE("A sink is shown with its kind, where it sends, and what waits") {
  FakeRelay relay(kYaml);
  relay.change_figures([](PipelineFigures& figures) {
    figures.sinks[1].spool.points_expired_old = 9;
    figures.sinks[1].sender.retries_by_cause["http_503"] = 2;
  });
  Rates rates;
  rates.sinks = {{.in = 1.5, .out = 1.25}, {}};
  const std::string all = sinks_json(relay.figures(), rates, kNowMs);
  CHECK(all.find("s3cret") == std::string::npos);
  const auto json = parse_json(all);
  const auto& proxy = json["sinks"][0];
  CHECK(text(proxy, "kind") == "proxy tcp");
  REQUIRE(proxy["endpoints"].Size() == 2);
  CHECK(proxy["endpoints"][1].GetString() == std::string("q:2"));
  CHECK(number(proxy, "in_per_s") == 1.5);
  CHECK(number(proxy, "out_per_s") == 1.25);
  CHECK(text(proxy, "spool_directory").empty());
  CHECK(number(proxy, "spool_bytes_max") == 64 << 20);
  const auto& direct = json["sinks"][1];
  CHECK(text(direct, "kind") == "direct");
  CHECK(direct["endpoints"][0].GetString() == std::string("https://w.example/report"));
  CHECK(text(direct, "spool_directory") == "/var/spool/fedwave");
  CHECK(number(direct, "spool_bytes_max") == 64 << 20);
  CHECK(number(direct, "expired") == 9);
  CHECK(number(direct["expired_by"], "old") == 9);
  CHECK(number(direct["expired_by"], "at_end") == 0);
  CHECK(number(direct["retries_by"], "http_503") == 2);
}

TEST_CASE("A source of several requests is shown with whose each is, and its targets with theirs") {
  FakeRelay relay(kYaml);
  relay.change_figures([](PipelineFigures& figures) {
    SourceFigures& source = figures.sources[0];
    source.jobs = {{.match = "{job=\"a\"}"}, {.match = "up", .shard = 1, .is_ours = false}};
    source.targets[0].job = 1;
    source.targets[0].address = "10.0.0.1";
  });
  const auto json = parse_json(sources_json(relay.figures(), kNowMs));
  const auto& source = json["sources"][0];
  REQUIRE(source["jobs"].Size() == 2);
  CHECK(text(source["jobs"][0], "match") == "{job=\"a\"}");
  CHECK(source["jobs"][0]["ours"].IsTrue());
  CHECK(number(source["jobs"][1], "shard") == 1);
  CHECK(source["jobs"][1]["ours"].IsFalse());
  CHECK(number(source["targets"][0], "job") == 1);
}

TEST_CASE("Each request of a source is a target of its own, with its own URL") {
  FakeRelay relay(
      "sinks: [{type: stdout}]\n"
      "sources: {prometheus_sources: [{name: a, splitMatches: true, "
      "url: 'http://h/federate?match[]=up&match[]=down'}, {name: b, url: 'http://h/m'}]}\n");
  relay.change_figures([](PipelineFigures& figures) {
    SourceFigures& source = figures.sources[0];
    source.jobs = {{.match = "up"}, {.match = "down"}};
    source.targets.push_back(source.targets[0]);
    source.targets[1].job = 1;
  });
  const auto json = parse_json(targets_json(relay.figures()));
  const auto& targets = json["data"]["activeTargets"];
  REQUIRE(targets.Size() == 3);
  CHECK(text(targets[1]["labels"], "match") == "down");
  CHECK(text(targets[1], "scrapeUrl").find("down") != std::string::npos);
  CHECK(text(targets[1], "scrapeUrl").find("match[]=up&") == std::string::npos);
  CHECK(!targets[2]["labels"].HasMember("match"));
}

TEST_CASE("A sink that leaves is shown until it has delivered what waits") {
  FakeRelay relay(kYaml);
  relay.change_figures([](PipelineFigures& figures) {
    figures.leaving.push_back({.name = "old", .spool = {}, .sender = {}});
    figures.leaving[0].spool.points_waiting = 40;
    figures.leaving[0].sender.trouble = "HTTP 503";
  });
  Rates rates;
  rates.sinks.resize(2);
  const auto json = parse_json(sinks_json(relay.figures(), rates, kNowMs));
  CHECK(json["sinks"].Size() == 2);
  REQUIRE(json["leaving"].Size() == 1);
  CHECK(text(json["leaving"][0], "name") == "old");
  CHECK(number(json["leaving"][0], "waiting") == 40);
  CHECK(text(json["leaving"][0], "trouble") == "HTTP 503");
  support::FakeClock clock;
  const History history(clock);
  CHECK(number(parse_json(status_json(relay, history, kNowMs)), "waiting") == 40);
}

TEST_CASE("What was surveyed for the sinks of before is not taken for that of the new ones") {
  FakeRelay relay(kYaml);
  const auto survey = std::make_shared<Survey>();
  survey->at_ms = kNowMs;
  survey->metrics.resize(1);
  survey->metrics[0].sinks.resize(3);
  survey->tags.resize(3);
  relay.surveys["istio"] = survey;
  for (const auto& answer : {series_json(relay, "sink=direct"), tags_json(relay, "sink=direct")}) {
    REQUIRE(answer.has_value());
    CHECK(number(parse_json(*answer), "surveyed_ms") == 0);
  }
}

TEST_CASE("Targets look as those of Prometheus do") {
  FakeRelay relay(kYaml);
  relay.change_figures([](PipelineFigures& figures) {
    TargetFigures& target = figures.sources[0].targets[0];
    target.address = "10.0.0.1";
    target.last_start_ms = kNowMs + 7;
    target.last_duration_ms = 1'500;
    target.last_error = "timeout";
    figures.sources[1].targets[0] = {};
  });
  const auto json = parse_json(targets_json(relay.figures()));
  CHECK(text(json, "status") == "success");
  const auto& targets = json["data"]["activeTargets"];
  REQUIRE(targets.Size() == 2);
  CHECK(text(targets[0], "scrapePool") == "istio");
  CHECK(text(targets[0]["labels"], "job") == "istio");
  CHECK(text(targets[0]["labels"], "instance") == "10.0.0.1:9090");
  CHECK(text(targets[0], "scrapeUrl") == "http://h:9090/federate?match[]=up");
  CHECK(text(targets[0], "health") == "down");
  CHECK(text(targets[0], "lastError") == "timeout");
  CHECK(text(targets[0], "lastScrape") == "2026-01-01T00:00:00.007Z");
  CHECK(number(targets[0], "lastScrapeDuration") == 1.5);
  CHECK(text(targets[0], "scrapeInterval") == "10s");
  CHECK(text(targets[0], "scrapeTimeout") == "5s");
  CHECK(text(targets[1]["labels"], "instance") == "[fd00::1]:443");
  CHECK(text(targets[1], "health") == "unknown");
  CHECK(text(targets[1], "lastScrape") == "0001-01-01T00:00:00Z");
  CHECK(json["data"]["droppedTargets"].Empty());
}

// ---- the survey

SurveyedMetric metric(const std::string& name, std::uint64_t kept, std::uint64_t denied) {
  SurveyedMetric metric;
  metric.name = name;
  metric.sinks.resize(2);
  metric.sinks[0].sent_as = kept > 0 ? name + ".value" : "";
  metric.sinks[0].series[static_cast<std::size_t>(Verdict::Kept)] = kept;
  metric.sinks[0].series[static_cast<std::size_t>(Verdict::SourceTagDenyList)] = denied;
  metric.sinks[1].series[static_cast<std::size_t>(Verdict::SinkDenyList)] = kept + denied;
  metric.examples[static_cast<std::size_t>(Verdict::Kept)].series = name + "{kept=\"1\"}";
  metric.examples[static_cast<std::size_t>(Verdict::SourceTagDenyList)].series =
      name + "{kept=\"0\"}";
  return metric;
}

struct SurveyedRelay : FakeRelay {
  SurveyedRelay() : FakeRelay(kYaml) {
    const auto survey = std::make_shared<Survey>();
    survey->at_ms = kNowMs - 1'000;
    survey->series = 116;
    survey->metrics = {metric("a_small", 1, 0), metric("b_large", 50, 10), metric("c_gone", 0, 50),
                       metric("d_five", 5, 0)};
    survey->tags = {{{"app", 40, 3}, {"pod", 30, 30}, {"zone", 56, 2}}, {}};
    surveys["istio"] = survey;
  }
};

std::string names_of(const rapidjson::Value& rows, const char* key) {
  std::string names;
  for (const auto& row : rows.GetArray()) names += text(row, key) + " ";
  return names;
}

TEST_CASE("Metrics are sorted, filtered and paged as asked") {
  const SurveyedRelay relay;
  struct Row {
    std::string query;
    std::string names;
    int total;
  };
  const std::vector<Row> rows = {
      {"", "b_large d_five a_small c_gone ", 4},
      {"source=istio&sink=proxy&sort=points", "b_large d_five a_small c_gone ", 4},
      {"sort=series", "b_large c_gone d_five a_small ", 4},
      {"sort=name", "a_small b_large c_gone d_five ", 4},
      {"show=kept", "b_large d_five a_small ", 3},
      {"show=dropped", "b_large c_gone ", 2},
      {"q=LARGE", "b_large ", 1},
      {"q=five.val", "d_five ", 1},
      {"q=nothing", "", 0},
      {"limit=2", "b_large d_five ", 4},
      {"limit=2&offset=3", "c_gone ", 4},
      {"offset=100", "", 4},
      {"sink=direct", "b_large c_gone d_five a_small ", 4},
      {"source=secure", "", 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.query);
    const auto answer = series_json(relay, row.query);
    REQUIRE(answer.has_value());
    const auto json = parse_json(*answer);
    CHECK(names_of(json["metrics"], "name") == row.names);
    CHECK(number(json, "total") == row.total);
  }
}

TEST_CASE("A metric is shown with what it costs, what is dropped and why") {
  const SurveyedRelay relay;
  const auto json = parse_json(*series_json(relay, "limit=1"));
  CHECK(text(json, "source") == "istio");
  CHECK(text(json, "sink") == "proxy");
  CHECK(number(json, "surveyed_ms") == static_cast<double>(kNowMs - 1'000));
  CHECK(number(json, "interval_ms") == 10'000);
  CHECK(number(json, "series") == 116);
  CHECK(number(json, "kept") == 56);
  CHECK(number(json, "dropped") == 60);
  CHECK(number(json, "points_per_s") == doctest::Approx(5.6));
  const auto& row = json["metrics"][0];
  CHECK(text(row, "sent_as") == "b_large.value");
  CHECK(number(row, "series") == 60);
  CHECK(number(row, "kept") == 50);
  CHECK(number(row, "dropped") == 10);
  CHECK(number(row, "points_per_s") == doctest::Approx(5));
  CHECK(number(row["dropped_by"], "source_tag_deny_list") == 10);
  CHECK(row["dropped_by"].MemberCount() == 1);
  CHECK(text(row, "example") == "b_large{kept=\"1\"}");
  CHECK(text(row, "dropped_example") == "b_large{kept=\"0\"}");
  const auto none = parse_json(*series_json(relay, "source=secure"));
  CHECK(number(none, "surveyed_ms") == 0);
  CHECK(number(none, "series") == 0);
}

TEST_CASE("What other shards send is no cost of this one, and nothing that it drops") {
  SurveyedRelay relay;
  const auto survey = std::make_shared<Survey>(*relay.surveys["istio"]);
  const auto elsewhere = static_cast<std::size_t>(relay::Verdict::OtherShard);
  survey->metrics[0].sinks[0].series[elsewhere] = 7;
  survey->metrics.push_back(metric("f_elsewhere", 0, 0));
  survey->metrics.back().sinks[0].series[elsewhere] = 30;
  relay.surveys["istio"] = survey;
  const auto json = parse_json(*series_json(relay, "q=a_small"));
  CHECK(number(json, "series") == 116);
  CHECK(number(json, "dropped") == 60);
  CHECK(number(json, "of_other_shards") == 37);
  CHECK(number(json["metrics"][0], "dropped") == 0);
  CHECK(json["metrics"][0]["dropped_by"].MemberCount() == 0);
  CHECK(number(parse_json(*series_json(relay, "q=f_elsewhere")), "total") == 0);
}

TEST_CASE("What a metric costs leaves out the samples that only repeat") {
  SurveyedRelay relay;
  relay.change_figures([](relay::PipelineFigures& figures) {
    figures.sources[0].counts.by_sink[0].written = 300;
    figures.sources[0].counts.by_sink[0].repeated = 900;
  });
  const auto json = parse_json(*series_json(relay, "limit=1"));
  CHECK(number(json, "new_share") == doctest::Approx(0.25));
  CHECK(number(json, "points_per_s") == doctest::Approx(1.4));
  CHECK(number(json["metrics"][0], "points_per_s") == doctest::Approx(1.25));
  CHECK(number(parse_json(*tags_json(relay, "q=zone"))["tags"][0], "points_per_s") ==
        doctest::Approx(1.4));
}

TEST_CASE("Tags are sorted by what they cost") {
  const SurveyedRelay relay;
  CHECK(names_of(parse_json(*tags_json(relay, ""))["tags"], "key") == "zone app pod ");
  CHECK(names_of(parse_json(*tags_json(relay, "sort=values"))["tags"], "key") == "pod app zone ");
  CHECK(names_of(parse_json(*tags_json(relay, "sort=name&q=o"))["tags"], "key") == "pod zone ");
  const auto json = parse_json(*tags_json(relay, "q=zone"));
  CHECK(number(json, "total") == 1);
  CHECK(number(json["tags"][0], "series") == 56);
  CHECK(number(json["tags"][0], "values") == 2);
  CHECK(number(json["tags"][0], "points_per_s") == doctest::Approx(5.6));
}

TEST_CASE("A parameter that is no good is refused with what would be good") {
  const SurveyedRelay relay;
  struct Row {
    std::string query;
    std::string message;
  };
  const std::vector<Row> rows = {
      {"limit=abc", "limit=\"abc\" is not a whole number from 1 to 200"},
      {"limit=0", "limit=\"0\" is not"},
      {"limit=1001", "limit=\"1001\" is not"},
      {"limit=-1", "limit=\"-1\" is not"},
      {"limit=5x", "limit=\"5x\" is not"},
      {"limit=", "limit=\"\" is not"},
      {"offset=99999999999999999999", "offset=\"99999999999999999999\" is not"},
      {"limt=3",
       "there is no parameter \"limt\"; there is source, sink, q, sort, offset, limit, show"},
      {"&limit=3&%6Cimt", "there is no parameter \"limt\""},
      {"source=no", "source=\"no\" is not known; there is istio, secure, internal_stats"},
      {"sink=no", "sink=\"no\" is not known; there is proxy, direct"},
      {"sort=size", "sort=\"size\" is not known; there is points, series, name"},
      {"show=some", "show=\"some\" is not known; there is all, kept, dropped"},
  };
  for (const Row& row : rows) {
    const auto answer = series_json(relay, row.query);
    REQUIRE(!answer.has_value());
    CHECK(answer.error().code == base::ErrorCode::InvalidArgument);
    CHECK(answer.error().message.substr(0, row.message.size()) == row.message);
  }
  CHECK(!tags_json(relay, "sort=points").has_value());
  CHECK(!tags_json(relay, "show=all").has_value());
  CHECK(series_json(relay, "&%6Cimit=3&").has_value());
}

}  // namespace
}  // namespace fedwave::relay
