#include "relay/base/log.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fakes.h"

namespace fedwave {
namespace {

using base::LogField;
using base::LogLevel;
using base::LogLimiter;

constexpr std::size_t kMany = LogLimiter::kEventsInWindow;

struct Event {
  std::string message;
  std::vector<LogField> fields;
};

// How many of so many go through.
std::size_t passed(LogLimiter& limiter, const Event& event, std::size_t times,
                   LogLevel level = LogLevel::Info) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < times; ++i) {
    count += limiter.pass(level, event.message, event.fields) ? 1 : 0;
  }
  return count;
}

std::vector<std::string> g_written;

void write_with_count(LogLevel, std::string_view message, std::span<const LogField> fields) {
  std::string line(message);
  for (const LogField& field : fields) {
    line.append(" ").append(field.key).append(field.is_number ? "=" : ":").append(field.value);
  }
  g_written.push_back(std::move(line));
}

}  // namespace

TEST_CASE("of events that are alike ten go through in any minute") {
  support::FakeClock clock;
  LogLimiter limiter(clock);
  const Event event{"scrape failed", {{"source", "mesh"}}};
  CHECK(passed(limiter, event, 4) == 4);
  clock.now_ms += LogLimiter::kWindowMs - 1;
  CHECK(passed(limiter, event, 100) == kMany - 4);
  clock.now_ms += 1;
  CHECK(passed(limiter, event, 100) == 4);
  clock.now_ms += LogLimiter::kWindowMs - 2;
  CHECK(passed(limiter, event, 100) == 0);
  clock.now_ms += 1;
  CHECK(passed(limiter, event, 100) == kMany - 4);
}

TEST_CASE("the next event that goes through knows how many were held back, once") {
  support::FakeClock clock;
  LogLimiter limiter(clock);
  const Event event{"scrape failed", {{"source", "mesh"}}};
  passed(limiter, event, kMany + 7);
  clock.now_ms += LogLimiter::kWindowMs;
  CHECK(limiter.pass(LogLevel::Info, event.message, event.fields) == 7);
  CHECK(limiter.pass(LogLevel::Info, event.message, event.fields) == 0);
}

TEST_CASE("alike are events with the same message, source and sink") {
  const Event first{"failed", {{"source", "a"}, {"sink", "x"}, {"error", "one"}}};
  struct Row {
    const char* what;
    Event event;
    bool alike;
  };
  for (const Row& row : {
           Row{"another error", {"failed", {{"source", "a"}, {"sink", "x"}, {"error", "2"}}}, true},
           Row{"another order", {"failed", {{"sink", "x"}, {"source", "a"}}}, true},
           Row{"another message", {"failed!", {{"source", "a"}, {"sink", "x"}}}, false},
           Row{"another source", {"failed", {{"source", "b"}, {"sink", "x"}}}, false},
           Row{"another sink", {"failed", {{"source", "a"}, {"sink", "y"}}}, false},
           Row{"names exchanged", {"failed", {{"source", "x"}, {"sink", "a"}}}, false},
           Row{"no sink", {"failed", {{"source", "a"}}}, false},
           Row{"neither", {"failed", {}}, false},
       }) {
    CAPTURE(row.what);
    support::FakeClock clock;
    LogLimiter limiter(clock);
    CHECK(passed(limiter, first, kMany) == kMany);
    CHECK(passed(limiter, row.event, kMany) == (row.alike ? 0 : kMany));
  }
}

TEST_CASE(
    "what is still held back is told by cause, with its highest level, "
    "and once") {
  support::FakeClock clock;
  LogLimiter limiter(clock);
  passed(limiter, {"quiet", {}}, kMany);
  passed(limiter, {"loud", {{"sink", "edge"}}}, kMany + 2, LogLevel::Error);
  passed(limiter, {"loud", {{"sink", "edge"}}}, 1, LogLevel::Warn);
  passed(limiter, {"loud", {{"source", "mesh"}}}, kMany + 1, LogLevel::Info);
  const auto told = limiter.take_held_back();
  REQUIRE(told.size() == 2);
  CHECK(told[0].sink == "edge");
  CHECK(told[0].events == 3);
  CHECK(told[0].level == LogLevel::Error);
  CHECK(told[1].source == "mesh");
  CHECK(told[1].message == "loud");
  CHECK(told[1].events == 1);
  CHECK(told[1].level == LogLevel::Info);
  CHECK(limiter.take_held_back().empty());
}

TEST_CASE(
    "of too many causes those not heard of for the longest time are "
    "forgotten, but counted") {
  support::FakeClock clock;
  LogLimiter limiter(clock);
  const Event first{"first", {}};
  const Event second{"second", {}};
  passed(limiter, first, kMany + 5, LogLevel::Warn);
  passed(limiter, second, kMany + 3);
  passed(limiter, first, 1);
  for (std::size_t i = 0; i + 1 < LogLimiter::kCausesMax; ++i) {
    passed(limiter, {"another " + std::to_string(i), {}}, 1);
  }
  CHECK(passed(limiter, first, kMany) == 0);  // heard of after the second
  CHECK(passed(limiter, second, kMany) == kMany);
  const auto told = limiter.take_held_back();
  REQUIRE(told.size() == 2);
  CHECK(told[0].message == "first");
  CHECK(told[0].events == 6 + kMany);
  CHECK(told[1].message.empty());
  CHECK(told[1].events == 3);
  CHECK(limiter.take_held_back().empty());
}

TEST_CASE("events from many threads are all let through or counted") {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kEvents = 2'000;
  support::FakeClock clock;
  LogLimiter limiter(clock);
  std::atomic<std::size_t> through = 0;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] { through += passed(limiter, {"flood", {}}, kEvents); });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(through == kMany);
  const auto told = limiter.take_held_back();
  REQUIRE(told.size() == 1);
  CHECK(told[0].events == kThreads * kEvents - kMany);
}

TEST_CASE(
    "the log holds back from the eleventh event on, except those for "
    "debugging") {
  const support::CollectedLog log;
  for (std::size_t i = 0; i < kMany + 3; ++i) {
    base::log(LogLevel::Debug, "scraped", {{"source", "mesh"}});
    base::log(LogLevel::Warn, "scrape failed", {{"source", "mesh"}, {"error", "timeout"}});
  }
  std::size_t debugging = 0;
  for (const std::string& line : log.lines()) debugging += line.starts_with("scraped") ? 1 : 0;
  CHECK(debugging == kMany + 3);
  CHECK(log.lines().size() == debugging + kMany);
  base::log_held_back();
  CHECK(log.lines().back() ==
        "more events of this kind were held back "
        "event=scrape failed source=mesh held_back=3");
  const std::size_t lines = log.lines().size();
  base::log_held_back();
  CHECK(log.lines().size() == lines);
}

TEST_CASE("after a minute an event goes through again, with the number of those held back") {
  support::FakeClock clock;
  g_written.clear();
  base::set_log_writer(write_with_count, clock);
  for (std::size_t i = 0; i < kMany + 3; ++i) base::log(LogLevel::Error, "full", {{"sink", "a"}});
  CHECK(g_written == std::vector<std::string>(kMany, "full sink:a"));
  clock.now_ms += LogLimiter::kWindowMs;
  base::log(LogLevel::Error, "full", {{"sink", "a"}});
  CHECK(g_written.back() == "full sink:a held_back=3");
  base::log(LogLevel::Error, "full", {{"sink", "a"}});
  CHECK(g_written.back() == "full sink:a");
  base::set_log_writer(nullptr);
}

TEST_CASE("a new writer begins with nothing held back") {
  {
    const support::CollectedLog log;
    for (std::size_t i = 0; i < kMany + 1; ++i) base::log(LogLevel::Info, "again");
    CHECK(log.lines().size() == kMany);
  }
  const support::CollectedLog log;
  base::log_held_back();
  CHECK(log.lines().empty());
  base::log(LogLevel::Info, "again");
  CHECK(log.lines().size() == 1);
}

}  // namespace fedwave
