#include "sinks/pace.h"

#include <doctest/doctest.h>

#include <vector>

#include "tests/support/fakes.h"

using namespace fedwave;
using sinks::Pace;
using sinks::SendOutcome;
using sinks::SendResult;

namespace {

const SendResult kAccepted;
const SendResult kSlowDown{SendOutcome::SlowDown, "http_429", "less"};
const SendResult kRetry{SendOutcome::Retry, "timeout", "gone"};

SendResult slow_down_for(std::int64_t retry_after_ms) {
  return {SendOutcome::SlowDown, "http_429", "less", retry_after_ms};
}

}  // namespace

TEST_CASE("a receiver that never asks for less gets whole blocks without a pause") {
  const support::FakeClock clock;
  Pace pace(clock);
  for (const SendResult& result : {kAccepted, kRetry, kAccepted}) pace.note(10'000, result);
  CHECK(pace.is_free());
  CHECK(pace.points_max() == 0);
  CHECK(pace.wait_ms() == 0);
}

TEST_CASE("batches halve and the pause doubles at every pushback, and both recover in steps") {
  const support::FakeClock clock;
  Pace pace(clock);
  struct Row {
    SendResult result;
    std::uint32_t points_max;
    std::int64_t pause_ms;
  };
  const std::vector<Row> rows = {
      {kSlowDown, 500, 500},   {kSlowDown, 250, 1'000}, {kSlowDown, 125, 2'000},
      {kSlowDown, 100, 4'000}, {kSlowDown, 100, 8'000}, {kRetry, 100, 8'000},
      {kAccepted, 125, 4'000}, {kAccepted, 156, 2'000}, {kAccepted, 195, 1'000},
      {kSlowDown, 100, 2'000}, {kAccepted, 125, 1'000}, {kAccepted, 156, 500},
      {kAccepted, 195, 250},   {kAccepted, 243, 125},   {kAccepted, 303, 0},
      {kAccepted, 378, 0},     {kAccepted, 472, 0},     {kAccepted, 590, 0},
      {kAccepted, 737, 0},     {kAccepted, 921, 0},     {kAccepted, 0, 0},
  };
  std::uint32_t batch = 1'000;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    CAPTURE(row);
    pace.note(batch, rows[row].result);
    CHECK(pace.points_max() == rows[row].points_max);
    CHECK(pace.pause_ms() == rows[row].pause_ms);
    batch = pace.points_max();
  }
  CHECK(pace.is_free());
}

TEST_CASE("the pause is bounded, and begins with Retry-After where the receiver gives one") {
  support::FakeClock clock;
  Pace pace(clock);
  pace.note(1'000, slow_down_for(7'000));
  CHECK(pace.pause_ms() == 7'000);
  CHECK(pace.wait_ms() == 7'000);
  for (int i = 0; i < 5; ++i) pace.note(100, kSlowDown);
  CHECK(pace.pause_ms() == 30'000);

  // A longer Retry-After holds for the next request, not between all that follow.
  pace.note(100, slow_down_for(120'000));
  CHECK(pace.pause_ms() == 30'000);
  CHECK(pace.wait_ms() == 120'000);
  clock.now_ms += 100'000;
  CHECK(pace.wait_ms() == 20'000);
  clock.now_ms += 50'000;
  CHECK(pace.wait_ms() == 0);
  pace.note(100, kAccepted);
  CHECK(pace.wait_ms() == 15'000);
}

TEST_CASE("a pushback to a small request lets small ones through and stops at the floor") {
  const support::FakeClock clock;
  Pace pace(clock);
  pace.note(30, kSlowDown);
  CHECK(pace.points_max() == 100);
  pace.note(30, kAccepted);
  CHECK(pace.points_max() == 0);
}

TEST_CASE("the backlog goes out at its rate, whatever the size of its blocks") {
  for (const std::uint32_t points : {1u, 7u, 333u, 10'000u}) {
    CAPTURE(points);
    support::FakeClock clock;
    sinks::BacklogPace pace(clock, 700);
    std::int64_t sent = 0;
    const std::int64_t begin_ms = clock.now_ms;
    for (int i = 0; i < 200; ++i) {
      clock.now_ms += pace.wait_ms();
      CHECK(pace.wait_ms() == 0);
      pace.took(points);
      sent += points;
      // All but the block that has just gone fits into the time that has passed.
      CHECK((sent - points) * 1'000 <= (clock.now_ms - begin_ms) * 700);
    }
    // And not much slower than that: a millisecond a block is lost to rounding at most.
    CHECK((clock.now_ms - begin_ms - 200) * 700 <= sent * 1'000);
  }
}

TEST_CASE("time in which the backlog did not go is not saved up for a burst") {
  support::FakeClock clock;
  sinks::BacklogPace pace(clock, 1'000);
  pace.took(500);
  CHECK(pace.wait_ms() == 500);
  clock.now_ms += std::int64_t{30} * 86'400'000;
  CHECK(pace.wait_ms() == 0);
  pace.took(2'000);
  CHECK(pace.wait_ms() == 2'000);
  clock.now_ms += 1'500;
  CHECK(pace.wait_ms() == 500);
}

TEST_CASE("without a rate the backlog never waits") {
  const support::FakeClock clock;
  sinks::BacklogPace pace(clock, 0);
  pace.took(4'000'000'000u);
  CHECK(pace.wait_ms() == 0);
}
