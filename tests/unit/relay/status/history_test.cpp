#include "relay/status/history.h"

#include "tests/support/configs.h"
#include "tests/support/fakes.h"
#include "tests/unit/relay/status/fake_relay.h"

namespace fedwave::relay {
namespace {

using support::FakeClock;

// One source and one sink of which only the history's counters are told.
struct Simulation {
  explicit Simulation(const std::string& interval, std::int64_t first_scrape_ms = 1'000)
      : config(tests::shared_config("sinks: [{type: stdout}]\n"
                                    "sources: {prometheus_sources: [{url: 'http://h/m', "
                                    "collection: {interval: " +
                                    interval + "}}]}\n")),
        next_scrape_ms(clock.now_ms + first_scrape_ms),
        history(clock),
        figures(tests::calm_figures(config)) {
    SourceFigures& source = figures.sources[0];
    source.counts.read = source.scrapes = 0;
    source.last_start_ms = 0;
    figures.sinks[0].spool = {};
  }

  // Time goes on, with a scrape of 1000 samples each interval.
  void run(std::int64_t duration_ms) {
    const std::int64_t end_ms = clock.now_ms + duration_ms;
    while (clock.now_ms < end_ms) {
      for (; next_scrape_ms <= clock.now_ms; next_scrape_ms += config->sources[0].interval_ms) {
        ++figures.sources[0].scrapes;
        figures.sources[0].counts.read += 1'000;
        figures.sources[0].last_start_ms = next_scrape_ms;
        figures.sinks[0].spool.points_spooled += 900;
        figures.sinks[0].spool.points_delivered += 900;
      }
      history.add(figures);
      clock.now_ms += History::kIntervalMs;
    }
  }

  [[nodiscard]] LastHour last_hour() const { return history.last_hour(*config); }
  [[nodiscard]] Rates rates() const { return history.rates(*config); }

  FakeClock clock;
  std::shared_ptr<const config::Config> config;
  std::int64_t next_scrape_ms;
  History history;
  PipelineFigures figures;
};

TEST_CASE("A rate holds whole scrapes, however interval and entries fall together") {
  for (const std::string interval :
       {"250ms", "1s", "2s", "5s", "7s", "13s", "15s", "60s", "90s", "10m"}) {
    CAPTURE(interval);
    Simulation simulation(interval);
    const double per_s =
        1'000'000.0 / static_cast<double>(simulation.config->sources[0].interval_ms);
    simulation.run(1'800'000);
    const LastHour hour = simulation.last_hour();
    for (std::size_t i = hour.at_ms.size() / 2; i < hour.at_ms.size(); ++i) {
      CHECK(hour.sources[0].read_per_s[i] == doctest::Approx(per_s).epsilon(0.0001));
    }
    const Rates rates = simulation.rates();
    CHECK(rates.read[0] == doctest::Approx(per_s).epsilon(0.0001));
    CHECK(rates.sinks[0].in == doctest::Approx(per_s * 0.9).epsilon(0.0001));
    CHECK(rates.sinks[0].out == doctest::Approx(per_s * 0.9).epsilon(0.0001));
  }
}

TEST_CASE("An interval that never meets the entries is averaged over a minute") {
  Simulation simulation("13100ms");
  simulation.run(1'800'000);
  CHECK(simulation.rates().interval_ms == 60'000);
  CHECK(simulation.rates().read[0] == doctest::Approx(76.3).epsilon(0.15));
}

TEST_CASE("The first scrape of a slow source is no peak") {
  Simulation simulation("60s");
  simulation.run(20'000);
  const LastHour hour = simulation.last_hour();
  CHECK(hour.sources[0].read_per_s[0] == 0);
  CHECK(hour.sources[0].read_per_s[1] == doctest::Approx(1'000.0 / 60));
  CHECK(hour.sources[0].read_per_s[3] == doctest::Approx(1'000.0 / 60));
}

TEST_CASE("There is nothing at first, an entry every five seconds, and never more than an hour") {
  Simulation simulation("60s");
  CHECK(simulation.last_hour().at_ms.empty());
  CHECK(simulation.rates().read[0] == 0);
  const std::int64_t start_ms = simulation.clock.now_ms;
  simulation.run(15'000);
  CHECK(simulation.last_hour().at_ms ==
        std::vector<std::int64_t>{start_ms, start_ms + 5'000, start_ms + 10'000});
  simulation.run(3 * 3'600'000);
  const LastHour hour = simulation.last_hour();
  REQUIRE(hour.at_ms.size() == History::kEntriesMax);
  CHECK(hour.at_ms.back() == simulation.clock.now_ms - History::kIntervalMs);
  CHECK(hour.at_ms.front() == hour.at_ms.back() - 719 * History::kIntervalMs);
  // The oldest too have something to be compared with.
  CHECK(hour.sources[0].read_per_s.front() == doctest::Approx(1'000.0 / 60));
}

TEST_CASE("What is counted long ago is not recent") {
  Simulation simulation("60s");
  SourceFigures& source = simulation.figures.sources[0];
  simulation.run(60'000);
  source.counts.malformed[1] += 3;
  source.missed += 2;
  simulation.figures.sinks[0].spool.points_expired_full += 7;
  simulation.figures.sinks[0].spool.points_quarantined += 1;
  const auto recent = [&] { return simulation.history.recent(simulation.figures); };
  CHECK(recent().sources[0].malformed == 3);
  CHECK(recent().sources[0].missed == 2);
  CHECK(recent().sinks[0].expired == 7);
  CHECK(recent().sinks[0].quarantined == 1);
  simulation.run(History::kRecentMs - 10'000);
  CHECK(recent().sources[0].malformed == 3);
  simulation.run(20'000);
  CHECK(recent().sources[0].malformed == 0);
  CHECK(recent().sources[0].missed == 0);
  CHECK(recent().sinks[0].expired == 0);
  CHECK(recent().sinks[0].quarantined == 0);
}

// With sources of these names.
std::shared_ptr<config::Config> config_with(const std::vector<std::string>& sources,
                                            const std::string& sinks) {
  std::string yaml = "sinks: [" + sinks + "]\nsources: {prometheus_sources: [";
  for (const std::string& name : sources) {
    yaml += "{name: " + name + ", url: 'http://h/" + name + "', collection: {interval: 10s}},";
  }
  return tests::shared_config(yaml + "]}\n");
}

TEST_CASE("What an edit keeps keeps its plots by its name; what it brings begins with nothing") {
  const std::string sinks = "{name: p, proxyAddress: 'p:1'}";
  FakeClock clock;
  History history(clock);
  const auto before = config_with({"gone", "kept"}, sinks);
  PipelineFigures figures = tests::calm_figures(before);
  const auto run = [&](std::size_t kept) {
    for (int i = 0; i < 6; ++i) {
      history.add(figures);
      clock.now_ms += History::kIntervalMs;
      figures.sources[kept].counts.read += 500;
      figures.sinks.back().spool.points_delivered += 500;
    }
  };
  figures.sources[0].counts.read = 90'000;
  run(1);
  const SourceFigures kept = figures.sources[1];
  const SinkFigures sink = figures.sinks[0];
  const auto after = config_with({"kept", "new"}, "{name: other, proxyAddress: 'o:1'}, " + sinks);
  figures = tests::calm_figures(after);
  figures.sources[0] = kept;
  figures.sources[1].counts.read = 30;
  figures.sinks[1] = sink;
  run(0);
  const LastHour hour = history.last_hour(*after);
  REQUIRE(hour.at_ms.size() == 12);
  REQUIRE(hour.sources.size() == 2);
  for (std::size_t i = 2; i < 12; ++i) {
    CHECK(hour.sources[0].read_per_s[i] == doctest::Approx(100));
    CHECK(hour.sinks[1].out_per_s[i] == doctest::Approx(100));
  }
  CHECK(hour.sources[1].read_per_s[5] == 0);
  CHECK(hour.sources[1].scrape_ms[5] == -1);
  CHECK(hour.sources[1].read_per_s[6] == doctest::Approx(3));
  CHECK(hour.sources[1].scrape_ms[6] == 20);
  CHECK(hour.sinks[0].out_per_s[5] == 0);
  // Who still has the configuration of before gets the figures of that.
  CHECK(history.last_hour(*before).sources[1].read_per_s[5] == doctest::Approx(100));
  CHECK(history.rates(*after).read[0] == doctest::Approx(100));
}

TEST_CASE("Counters that begin anew under the same name are no fall") {
  Simulation simulation("10s");
  simulation.figures.sinks[0].spool.points_expired_full = 1'000;
  simulation.run(60'000);
  simulation.figures.sources[0].counts.read = 0;
  simulation.figures.sinks[0].spool = {};
  simulation.figures.sinks[0].spool.points_expired_full = 2;
  simulation.run(20'000);
  CHECK(simulation.rates().read[0] == doctest::Approx(100));
  const LastHour hour = simulation.last_hour();
  for (const double rate : hour.sources[0].read_per_s) CHECK(rate <= 200);
  CHECK(simulation.history.recent(simulation.figures).sinks[0].expired == 2);
}

TEST_CASE("A source is neither up nor down before its first scrape has ended") {
  Simulation simulation("60s", 7'000);
  simulation.run(15'000);
  simulation.figures.sources[0].targets[0].last_error = "connection refused";
  simulation.run(5'000);
  const SourceHistory source = simulation.last_hour().sources[0];
  CHECK(source.scrape_ms == std::vector<std::int64_t>{-1, -1, 20, 20});
  CHECK(source.is_up == std::vector<bool>{false, false, true, false});
}

}  // namespace
}  // namespace fedwave::relay
