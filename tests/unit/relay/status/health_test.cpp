#include "relay/status/health.h"

#include <functional>

#include "tests/unit/relay/status/fake_relay.h"

namespace fedwave::relay {
namespace {

using tests::kNowMs;

constexpr const char* kYaml =
    "sinks: [{name: proxy, proxyAddress: 'p:1'}, "
    "{name: kept, proxyAddress: 'q:1', spool: {directory: /var/spool/fedwave}}]\n"
    "sources:\n"
    "  internal_stats_source: {}\n"
    "  prometheus_sources:\n"
    "  - {name: istio, url: 'http://h/federate?match[]={a=\"b\"}', collection: {interval: 30s}}\n"
    "  - {name: \"it's two\", url: 'http://i/metrics'}\n";

struct World {
  World() : config(tests::shared_config(kYaml)), figures(tests::calm_figures(config)) {
    config_state.file = "test.yaml";
    config_state.loaded_ms = started_ms;
    recent.sources.resize(figures.sources.size());
    recent.sinks.resize(figures.sinks.size());
  }
  [[nodiscard]] Health assess() const {
    return assess_health({.figures = figures,
                          .recent = recent,
                          .config = config_state,
                          .cluster = cluster,
                          .started_ms = started_ms,
                          .now_ms = kNowMs});
  }

  std::shared_ptr<config::Config> config;
  PipelineFigures figures;
  RecentCounts recent;
  ConfigFigures config_state;
  ClusterFigures cluster;
  std::int64_t started_ms = kNowMs - 3'600'000;
};

void drop_all(SourceFigures& source, Verdict verdict) {
  for (SinkCounts& sink : source.counts.by_sink) {
    sink = {};
    sink.by_verdict[static_cast<std::size_t>(verdict)] = 99;
    sink.not_a_number = 1;
  }
}

void fail(SourceFigures& source, const std::string& error, std::int64_t since_ms) {
  source.last_error = error;
  source.targets[0].last_error = error;
  source.targets[0].failing_since_ms = since_ms;
}

struct Row {
  std::function<void(World&)> change;
  HealthLevel level;
  std::string what;    // the beginning
  std::string advice;  // a part
  std::string source;
  std::string sink;
};

void check_row(const Row& row) {
  World world;
  row.change(world);
  const Health health = world.assess();
  CAPTURE(row.what);
  REQUIRE(health.problems.size() == 1);
  const Problem& problem = health.problems[0];
  CHECK(health.level == row.level);
  CHECK(problem.level == row.level);
  CHECK(problem.what.substr(0, row.what.size()) == row.what);
  CAPTURE(problem.advice);
  CHECK(problem.advice.find(row.advice) != std::string::npos);
  CHECK(problem.source == row.source);
  CHECK(problem.sink == row.sink);
}

TEST_CASE("Where all is well there is nothing to tell") {
  CHECK(World().assess().problems.empty());
  CHECK(World().assess().level == HealthLevel::Ok);
}

TEST_CASE("What is normal at a start, or for a moment, is no problem") {
  World world;
  world.started_ms = kNowMs - 20'000;
  for (SourceFigures& source : world.figures.sources) {
    source.last_start_ms = 0;
    source.last_samples = 0;
    source.counts = ScrapeCounts(2);
    source.targets.clear();
  }
  for (SinkFigures& sink : world.figures.sinks) {
    sink.spool = {};
    sink.sender = {};
  }
  CHECK(world.assess().problems.empty());

  World busy;
  busy.figures.schedule_lag_ms = 2'000;
  busy.figures.sinks[0].sender.trouble = "HTTP 503";
  busy.figures.sinks[0].sender.trouble_since_ms = kNowMs - 2'000;
  busy.figures.sinks[0].spool.points_waiting = 100;
  busy.figures.sinks[0].spool.oldest_waiting_ms = kNowMs - 60'000;
  // One of two sinks takes everything, and some of a source is dropped.
  busy.figures.sources[0].counts.by_sink[1] = {};
  busy.figures.sources[0].counts.by_sink[1].by_verdict[5] = 100;
  // The relay's own figures have no page.
  busy.figures.sources[2].last_samples = 0;
  busy.figures.sources[2].last_start_ms = 0;
  CHECK(busy.assess().problems.empty());
}

TEST_CASE("Trouble with a source is told with since when, why, and what to do") {
  const std::vector<Row> rows = {
      {[](World& w) { fail(w.figures.sources[0], "connection refused", kNowMs - 130'000); },
       HealthLevel::Error, "source \"istio\" has not been scraped for 2m10s: connection refused",
       "fedwave dump --config test.yaml --source istio", "istio", ""},
      {[](World& w) { fail(w.figures.sources[1], "HTTP 500", kNowMs - 1'000); }, HealthLevel::Error,
       "source \"it's two\" has not been scraped for 1s: HTTP 500", "--source 'it'\\''s two'",
       "it's two", ""},
      {[](World& w) {
         w.figures.sources[0].targets.clear();
         w.figures.sources[0].last_error = "could not resolve host";
       },
       HealthLevel::Error, "source \"istio\" cannot be scraped: could not resolve host", "by hand",
       "istio", ""},
      {[](World& w) {
         SourceFigures& source = w.figures.sources[0];
         source.targets.push_back(source.targets[0]);
         source.targets[0].address = "10.0.0.1";
         fail(source, "timeout", kNowMs - 90'000);
       },
       HealthLevel::Warning, "source \"istio\" at 10.0.0.1 has not been scraped for 1m30s: timeout",
       "by hand", "istio", ""},
      {[](World& w) { w.figures.sources[0].last_start_ms = 0; }, HealthLevel::Error,
       "no scrape of source \"istio\" has ended for 1h, since it could begin", "by hand", "istio",
       ""},
      {[](World& w) { w.figures.sources[0].last_samples = 0; }, HealthLevel::Warning,
       "the page of source \"istio\" has no samples", "try the selector in its own", "istio", ""},
      {[](World& w) {
         w.config->sources[0].url = "http://h/federate";
         w.figures.sources[0].last_samples = 0;
       },
       HealthLevel::Warning, "the page of source \"istio\" has no samples",
       "write match[] (test.yaml:5:5)", "istio", ""},
      {[](World& w) { w.figures.sources[1].last_samples = 0; }, HealthLevel::Warning,
       "the page of source \"it's two\" has no samples", "http://i/metrics", "it's two", ""},
      {[](World& w) { w.recent.sources[0].missed = 1; }, HealthLevel::Warning,
       "source \"istio\" missed 1 scrape in the last ten minutes, because the one before took "
       "longer than the interval of 30s",
       "select fewer series", "istio", ""},
      {[](World& w) { w.recent.sources[1].missed = 1'234; }, HealthLevel::Warning,
       "source \"it's two\" missed 1,234 scrapes", "shorter timeout", "it's two", ""},
      {[](World& w) {
         w.recent.sources[0].malformed = 2;
         w.figures.sources[0]
             .counts.malformed[static_cast<std::size_t>(parsers::Malformed::BadValue)] = 5;
       },
       HealthLevel::Warning,
       "2 lines of source \"istio\" could not be read in the last ten minutes (since the start: 5 "
       "bad_value)",
       "fedwave dump", "istio", ""},
      {[](World& w) { w.figures.schedule_lag_ms = 31'000; }, HealthLevel::Error,
       "a scrape that is due has been waiting for 31s", "processor", "", ""},
  };
  for (const Row& row : rows) check_row(row);
}

TEST_CASE("A refused edit is told with the place of its first error, and what goes on meanwhile") {
  const auto refuse = [](World& w, std::vector<std::string> problems) {
    w.config_state.is_current = false;
    w.config_state.problems = std::move(problems);
  };
  const std::string error = "test.yaml:12:7: error: there is no key \"fliters\"; write filters";
  const std::vector<Row> rows = {
      {[&](World& w) { refuse(w, {error}); }, HealthLevel::Warning,
       "the last edit is refused: " + error,
       "the configuration from 2025-12-31 23:00 UTC goes on until that is put right. See all of it "
       "with: "
       "fedwave check --config test.yaml",
       "", ""},
      {[&](World& w) {
         refuse(w, {"test.yaml:1:1: warning: odd", error, "test.yaml:20:1: error: more"});
         w.config_state.loaded_ms = kNowMs;
       },
       HealthLevel::Warning, "the last edit is refused: " + error + " (and 2 more problems)",
       "the configuration from 00:00 UTC goes on", "", ""},
      {[&](World& w) { refuse(w, {}); }, HealthLevel::Warning,
       "the last edit of test.yaml is refused", "goes on", "", ""},
  };
  for (const Row& row : rows) check_row(row);
}

TEST_CASE("A file of the configuration that cannot be read is told as that, not as an edit") {
  struct Reading {
    std::string problem;
    bool is_unreadable;
  };
  const std::vector<Reading> readings = {
      {"test.yaml: error: cannot open the file: No such file or directory", true},
      {"test.yaml: error: cannot read the file: Is a directory", true},
      {"test.yaml: error: the file is not a regular file", true},
      {"test.yaml: error: there are no sinks", false},
      {"test.yaml:3:1: error: cannot open test.yaml.key", false},
  };
  for (const Reading& reading : readings) {
    CAPTURE(reading.problem);
    World world;
    world.config_state.is_current = false;
    world.config_state.problems = {reading.problem};
    const std::vector<Problem> problems = world.assess().problems;
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].what.starts_with("the configuration test.yaml is gone or cannot be read: " +
                                       reading.problem.substr(18)) == reading.is_unreadable);
    CHECK(problems[0].what.starts_with("the last edit is refused") != reading.is_unreadable);
    CHECK((problems[0].advice.find("goes on until it can be read again") != std::string::npos) ==
          reading.is_unreadable);
  }
}

TEST_CASE("A source that an edit has brought has as long for its first scrape as any") {
  World world;
  world.figures.sources[0].last_start_ms = 0;
  CHECK(world.assess().problems.size() == 1);
  world.config_state.loaded_ms = kNowMs - 5'000;
  CHECK(world.assess().problems.empty());
}

TEST_CASE("A source that waits for certificates is told of once, in words of its own") {
  const auto wait = [](World& w, std::int64_t since_ms) {
    SourceFigures& source = w.figures.sources[0];
    source.targets.push_back(source.targets[0]);
    fail(source, "waiting for certificates: /etc/istio-certs/key.pem is not there", since_ms);
    source.targets[1] = source.targets[0];
  };
  const std::vector<Row> rows = {
      {[&](World& w) { wait(w, kNowMs - 20'000); }, HealthLevel::Warning,
       "source \"istio\" has been waiting for certificates for 20s: /etc/istio-certs/key.pem is "
       "not there",
       "the one in tls_config (test.yaml:5:5)?", "istio", ""},
      {[&](World& w) { wait(w, kNowMs - 60'000); }, HealthLevel::Error,
       "source \"istio\" has been waiting for certificates for 1m: ", "the sidecar", "istio", ""},
  };
  for (const Row& row : rows) check_row(row);
}

TEST_CASE("Of several requests of a source the one that fails is named") {
  check_row({[](World& w) {
               SourceFigures& source = w.figures.sources[0];
               source.jobs = {{.match = "{a=\"b\"}"}, {.match = "up"}};
               source.targets.push_back(source.targets[0]);
               source.targets[1].job = 1;
               source.targets[1].last_error = source.last_error = "HTTP 500";
               source.targets[1].failing_since_ms = kNowMs - 90'000;
             },
             HealthLevel::Warning,
             "source \"istio\" for up has not been scraped for 1m30s: HTTP 500", "by hand", "istio",
             ""});
}

TEST_CASE("What other shards scrape is no trouble here") {
  World world;
  SourceFigures& source = world.figures.sources[0];
  source.last_start_ms = 0;
  source.targets.clear();
  source.jobs = {{.match = "up", .shard = 1, .is_ours = false}};
  CHECK(world.assess().problems.empty());
  CHECK(world.assess().notes.empty());
  source.jobs.push_back({.match = "down", .shard = 0});
  CHECK(world.assess().problems.size() == 1);
  World idle;
  for (SourceFigures& one : idle.figures.sources) {
    one.jobs = {{.match = "", .shard = 1, .is_ours = false}};
  }
  REQUIRE(idle.assess().notes.size() == 1);
  CHECK(idle.assess().notes[0].find("everything belongs to other shards") != std::string::npos);
}

TEST_CASE("Series that another shard sends are not dropped, whatever becomes of the others") {
  World world;
  const auto leave_to_others = [](SourceFigures& source) {
    drop_all(source, Verdict::OtherShard);
    for (SinkCounts& sink : source.counts.by_sink) {
      sink.not_a_number = 0;
      sink.by_verdict[static_cast<std::size_t>(Verdict::OtherShard)] = 98;
    }
  };
  leave_to_others(world.figures.sources[0]);
  CHECK(world.assess().problems.empty());
  for (SinkCounts& sink : world.figures.sources[0].counts.by_sink) sink.not_a_number = 2;
  REQUIRE(world.assess().problems.size() == 1);
  CHECK(world.assess().problems[0].what.find(
            "all its 2 samples are dropped, because their value") != std::string::npos);
}

TEST_CASE("A standby is healthy whatever it knows of the sources, and says who leads") {
  World world;
  ElectionFigures& election = world.cluster.election;
  election.state = ElectionState::Standby;
  election.holder = "fedwave-1_0b5c";
  fail(world.figures.sources[0], "HTTP 500", kNowMs - 600'000);
  drop_all(world.figures.sources[0], Verdict::SourceDenyList);
  world.figures.sources[1].last_start_ms = 0;
  const Health health = world.assess();
  CHECK(health.problems.empty());
  CHECK(health.level == HealthLevel::Ok);
  REQUIRE(health.notes.size() == 1);
  CHECK(health.notes[0].find("standing by: the leader is fedwave-1; ") == 0);
  election.holder.clear();
  CHECK(world.assess().notes[0].find("standing by: there is no leader so far; ") == 0);
  election.state = ElectionState::Leading;
  CHECK(world.assess().problems.size() == 3);
  CHECK(world.assess().notes.empty());
  // Its first scrapes as leader have not ended yet.
  election.since_ms = kNowMs - 1'000;
  CHECK(world.assess().problems.size() == 2);
}

TEST_CASE("An election that fails is told with what to do, but not each failure") {
  const auto fail_election = [](World& w, ElectionState state, const std::string& error,
                                std::int64_t since_ms) {
    ElectionFigures& election = w.cluster.election;
    election.state = state;
    election.lease = "mesh/fedwave";
    election.last_error = error;
    election.since_ms = kNowMs - 3'600'000;
    (state == ElectionState::Leading ? election.renewed_ms : election.since_ms) = since_ms;
  };
  const std::vector<Row> rows = {
      {[&](World& w) {
         fail_election(w, ElectionState::Standby, "HTTP 403; give the account a role",
                       kNowMs - 10'000);
       },
       HealthLevel::Error,
       "this relay cannot stand for leader with the lease mesh/fedwave: HTTP 403",
       "give the account a role", "", ""},
      {[&](World& w) {
         fail_election(w, ElectionState::Leading, "connection refused", kNowMs - 6'000);
       },
       HealthLevel::Warning,
       "this relay leads but cannot renew its lease mesh/fedwave: connection refused",
       "can the API server be reached from here", "", ""},
  };
  for (const Row& row : rows) check_row(row);
  for (const ElectionState state :
       {ElectionState::Standby, ElectionState::Leading, ElectionState::Ended}) {
    World world;
    const bool is_ended = state == ElectionState::Ended;
    fail_election(world, state, "timeout", kNowMs - (is_ended ? 60'000 : 2'000));
    CHECK(world.assess().problems.empty());
  }
}

TEST_CASE("A sink that leaves is a note, with what waits") {
  World world;
  world.figures.leaving.push_back({.name = "old", .spool = {}, .sender = {}});
  world.figures.leaving[0].spool.points_waiting = 1'500;
  const Health health = world.assess();
  CHECK(health.level == HealthLevel::Ok);
  REQUIRE(health.notes.size() == 1);
  CHECK(health.notes[0] ==
        "sink \"old\" is no longer in the configuration: 1,500 points wait to be delivered before "
        "it goes");
  world.figures.leaving[0].sender.trouble = "HTTP 503";
  world.figures.leaving[0].sender.trouble_since_ms = kNowMs - 2'000;
  REQUIRE(world.assess().notes.size() == 1);
  CHECK(world.assess().notes[0].ends_with("before it goes, but: HTTP 503"));
  CHECK(world.assess().level == HealthLevel::Ok);
}

TEST_CASE(
    "A sink that leaves and cannot deliver is a warning that says what a restart would lose") {
  const auto leave = [](World& w, std::uint64_t in_memory, bool has_directory) {
    SinkFigures sink{.name = "old (leaving)", .spool = {}, .sender = {}};
    sink.spool.points_waiting = 1'500;
    sink.spool.points_in_memory = in_memory;
    sink.spool.has_directory = has_directory;
    sink.sender.trouble = "HTTP 503";
    sink.sender.cause = "http_503";
    sink.sender.trouble_since_ms = kNowMs - 600'000;
    w.figures.leaving.push_back(std::move(sink));
  };
  const std::string what =
      "sink \"old (leaving)\", which is no longer in the configuration, has not been able to "
      "deliver for 10m: HTTP 503";
  const std::vector<Row> rows = {
      {[&](World& w) { leave(w, 0, false); }, HealthLevel::Warning, what,
       "look at its log. 1,500 points wait in memory and would be lost at the next restart. Put "
       "the sink back",
       "", "old (leaving)"},
      {[&](World& w) { leave(w, 0, true); }, HealthLevel::Warning, what,
       "look at its log. 1,500 points wait on disk and would stay there through a restart. Put", "",
       "old (leaving)"},
      {[&](World& w) {
         leave(w, 400, true);
         w.figures.leaving[0].spool.disk_trouble = "no space left";
       },
       HealthLevel::Warning, what,
       "400 points wait in memory and would be lost at the next restart (the spool cannot use its "
       "directory: no space left); 1,100 points wait on disk",
       "", "old (leaving)"},
  };
  for (const Row& row : rows) check_row(row);

  World world;
  leave(world, 0, false);
  CHECK(world.assess().notes.empty());
}

TEST_CASE("A source of which everything is dropped is an error that names the reason") {
  const std::vector<Row> rows = {
      {[](World& w) { drop_all(w.figures.sources[0], Verdict::SourceNotInAllowList); },
       HealthLevel::Error,
       "nothing of source \"istio\" is sent: all its 100 samples are dropped, 99 of them because "
       "no pattern of the source's metricAllowList matches the name",
       "fedwave explain", "istio", ""},
      {[](World& w) {
         drop_all(w.figures.sources[0], Verdict::SourceDenyList);
         w.figures.sources[0].counts.read = 6'492;
         for (SinkCounts& sink : w.figures.sources[0].counts.by_sink) {
           sink.by_verdict[static_cast<std::size_t>(Verdict::SourceDenyList)] = 6'492;
           sink.not_a_number = 0;
         }
       },
       HealthLevel::Error,
       "nothing of source \"istio\" is sent: all its 6,492 samples are dropped, because the "
       "source's metricDenyList matches the name",
       "fedwave explain", "istio", ""},
      {[](World& w) {
         for (SourceFigures& source : w.figures.sources) {
           source.counts.by_sink[1] = {};
           source.counts.by_sink[1].by_verdict[static_cast<std::size_t>(Verdict::SinkDenyList)] = 9;
         }
       },
       HealthLevel::Warning,
       "sink \"kept\" gets nothing: everything is dropped, most of it because the sink's "
       "metricDenyList matches the name",
       "filters", "", "kept"},
  };
  for (const Row& row : rows) check_row(row);
}

TEST_CASE("Trouble with a sink is told with what waits and where") {
  const auto trouble = [](SinkFigures& sink, std::int64_t since_ms) {
    sink.sender.trouble = "HTTP 503";
    sink.sender.cause = "http_503";
    sink.sender.trouble_since_ms = since_ms;
    sink.spool.points_waiting = 1'234;
    sink.spool.bytes_waiting = 3 << 20;
    sink.spool.oldest_waiting_ms = since_ms;
  };
  const std::vector<Row> rows = {
      {[&](World& w) { trouble(w.figures.sinks[0], kNowMs - 30'000); }, HealthLevel::Warning,
       "sink \"proxy\" has not been able to deliver for 30s: HTTP 503",
       "look at its log. 1,234 points wait in memory, where there is room for 64.0 MiB; a "
       "spool.directory would keep them",
       "", "proxy"},
      {[&](World& w) { trouble(w.figures.sinks[1], kNowMs - 600'000); }, HealthLevel::Error,
       "sink \"kept\" has not been able to deliver for 10m: HTTP 503",
       "1,234 points wait on disk and take 3.0 MiB of 1.0 GiB", "", "kept"},
      {[&](World& w) {
         w.figures.sinks[1].spool.points_waiting = 5;
         w.figures.sinks[1].spool.oldest_waiting_ms = kNowMs - 301'000;
       },
       HealthLevel::Warning, "sink \"kept\" is 5m1s behind: 5 points wait", "drainRate", "",
       "kept"},
      {[&](World& w) {
         w.figures.sinks[1].spool.disk_trouble = "no space left";
         w.figures.sinks[1].spool.points_in_memory = 1;
       },
       HealthLevel::Error, "the spool of sink \"kept\" cannot use its directory: no space left",
       "1 point now", "", "kept"},
      {[&](World& w) {
         w.recent.sinks[0].expired = 3;
         w.figures.sinks[0].spool.points_expired_full = 8;
       },
       HealthLevel::Error,
       "3 points for sink \"proxy\" were lost in the last ten minutes (since the start: 8 full)",
       "spool.directory", "", "proxy"},
      {[&](World& w) {
         w.recent.sinks[1].expired = 3;
         w.figures.sinks[1].spool.points_expired_damaged = 3;
       },
       HealthLevel::Error, "3 points for sink \"kept\" were lost",
       "damaged: look at the disk that /var/spool/fedwave is on", "", "kept"},
      {[&](World& w) {
         w.recent.sinks[1].quarantined = 1;
         w.figures.sinks[1].sender.quarantined_by_cause["http_400"] = 4;
       },
       HealthLevel::Warning,
       "the receiver of sink \"kept\" refused 1 point in the last ten minutes (since the start: 4 "
       "http_400)",
       "quarantine.txt of the sink's folder in /var/spool/fedwave", "", "kept"},
  };
  for (const Row& row : rows) check_row(row);
}

TEST_CASE("What no time heals at a sink is an error at once, with what to put right") {
  const auto refuse = [](SinkFigures& sink, const std::string& cause) {
    sink.sender.trouble = "no";
    sink.sender.cause = cause;
    sink.sender.trouble_since_ms = kNowMs - 6'000;
  };
  struct Cause {
    std::string cause;
    HealthLevel level;
    std::string advice;
  };
  const std::vector<Cause> causes = {
      {"http_401", HealthLevel::Error,
       "token or tokenFile: it has neither (test.yaml:1:9). 0 points"},
      {"http_403", HealthLevel::Error, "token or tokenFile"},
      {"http_404", HealthLevel::Error, "look at the sink's address, proxyAddress (test.yaml:1:9)."},
      {"http_302", HealthLevel::Error, "proxyAddress"},
      {"http_502", HealthLevel::Warning, "its log"},
      {"unreachable", HealthLevel::Warning, "can it be reached from here? 0 points"},
      {"something", HealthLevel::Warning, "0 points wait in memory"},
  };
  for (const Cause& one : causes) {
    CAPTURE(one.cause);
    check_row({[&](World& w) { refuse(w.figures.sinks[0], one.cause); }, one.level,
               "sink \"proxy\" has not been able to deliver for 6s: no", one.advice, "", "proxy"});
    World world;
    refuse(world.figures.sinks[0], one.cause);
    const bool tells_of_spool =
        world.assess().problems[0].advice.find("spool.directory") != std::string::npos;
    CHECK(tells_of_spool == (one.level == HealthLevel::Warning));
  }
  World world;
  refuse(world.figures.sinks[0], "http_401");
  world.config->sinks[0].token_file = "/etc/token";
  CHECK(world.assess().problems[0].advice.find("tokenFile, /etc/token, which is read again") !=
        std::string::npos);
}

TEST_CASE("Errors come before warnings, and the level is the worst one") {
  World world;
  world.recent.sources[0].missed = 1;
  fail(world.figures.sources[1], "timeout", kNowMs - 60'000);
  const Health health = world.assess();
  REQUIRE(health.problems.size() == 2);
  CHECK(health.level == HealthLevel::Error);
  CHECK(health.problems[0].source == "it's two");
  CHECK(health.problems[1].source == "istio");
}

TEST_CASE("Of many problems that are alike ten are told, then how many more; others are not lost") {
  World world;
  SourceFigures& source = world.figures.sources[0];
  source.targets.resize(3'001, source.targets[0]);
  for (std::size_t i = 0; i < 3'000; ++i) {
    source.targets[i].address = "a" + std::to_string(i);
    source.targets[i].last_error = source.last_error = "timeout";
  }
  world.recent.sources[1].missed = 1;
  const std::vector<Problem> problems = world.assess().problems;
  REQUIRE(problems.size() == 12);
  CHECK(problems[9].what == "source \"istio\" at a9 cannot be scraped: timeout");
  CHECK(problems[10].source == "it's two");
  CHECK(problems[11].level == HealthLevel::Warning);
  CHECK(problems[11].what == "and 2,990 more like this: " + problems[9].what);
  source.targets.erase(source.targets.begin(), source.targets.begin() + 2'990);
  CHECK(world.assess().problems.size() == 11);
}

TEST_CASE("Of many sinks that leave ten are told of, then how many more") {
  World world;
  world.figures.leaving.resize(10);
  CHECK(world.assess().notes.size() == 10);
  world.figures.leaving.resize(1'011);
  REQUIRE(world.assess().notes.size() == 11);
  CHECK(world.assess().notes[10] == "and 1,001 more");
}

}  // namespace
}  // namespace fedwave::relay
