#include "sinks/trouble.h"

#include <doctest/doctest.h>

#include "tests/support/fakes.h"

using namespace fedwave;
using sinks::SendOutcome;
using sinks::SendResult;
using sinks::Trouble;
using News = sinks::Trouble::News;

namespace {

const SendResult kTimeout{SendOutcome::Retry, "timeout", "no answer"};
const SendResult kDenied{SendOutcome::Denied, "http_401", "who are you"};

}  // namespace

TEST_CASE("trouble is told when a cause comes up, and every five minutes while it lasts") {
  support::FakeClock clock;
  Trouble trouble(clock);
  struct Row {
    std::int64_t later_ms;
    SendResult result;
    News news;
  };
  const std::int64_t begin_ms = clock.now_ms;
  for (const Row& row : std::vector<Row>{{0, kTimeout, News::Begins},
                                         {1'000, kTimeout, News::None},
                                         {1'000, kDenied, News::Begins},
                                         {1'000, kTimeout, News::None},
                                         {298'999, kDenied, News::None},
                                         {1, kTimeout, News::Lasts},
                                         {299'999, kTimeout, News::None},
                                         {1, kDenied, News::Lasts}}) {
    CAPTURE(clock.now_ms - begin_ms);
    clock.now_ms += row.later_ms;
    CHECK(trouble.note(row.result) == row.news);
    CHECK(trouble.outcome() == row.result.outcome);
  }
  CHECK(trouble.is_on());
  CHECK(trouble.since_wall_ms() == begin_ms);
  CHECK(trouble.lasts_ms() == 602'000);
}

TEST_CASE("trouble that has ended is told again when it comes back, but not twice in a minute") {
  support::FakeClock clock;
  Trouble trouble(clock);
  CHECK_FALSE(trouble.is_on());
  CHECK(trouble.note(kTimeout) == News::Begins);
  CHECK(trouble.end());
  CHECK_FALSE(trouble.is_on());
  CHECK(trouble.since_wall_ms() == 0);
  // A receiver that fails every second time: one line a minute and cause, not thousands.
  for (int i = 0; i < 59; ++i) {
    clock.now_ms += 1'000;
    CHECK(trouble.note(kTimeout) == News::None);
    CHECK_FALSE(trouble.end());
  }
  CHECK(trouble.note(kDenied) == News::Begins);
  CHECK(trouble.end());
  clock.now_ms += 1'000;
  CHECK(trouble.note(kTimeout) == News::Begins);
  CHECK(trouble.since_wall_ms() == clock.now_ms);
}

TEST_CASE("trouble that came back within the minute is told when it stays") {
  support::FakeClock clock;
  Trouble trouble(clock);
  CHECK(trouble.note(kTimeout) == News::Begins);
  CHECK(trouble.end());
  clock.now_ms += 30'000;
  CHECK(trouble.note(kTimeout) == News::None);
  clock.now_ms += 29'999;
  CHECK(trouble.note(kTimeout) == News::None);
  clock.now_ms += 1;
  CHECK(trouble.note(kTimeout) == News::Begins);
  CHECK(trouble.end());
}

TEST_CASE("a receiver with ever new causes is not listened to without end") {
  const support::FakeClock clock;
  Trouble trouble(clock);
  std::size_t told = 0;
  for (int i = 0; i < 100; ++i) {
    told += trouble.note({SendOutcome::Retry, "http_" + std::to_string(i), ""}) == News::Begins;
  }
  CHECK(told == sinks::kCausesMax);
}
