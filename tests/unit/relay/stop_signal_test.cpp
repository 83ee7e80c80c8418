#include "relay/stop_signal.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "tests/support/patience.h"

namespace fedwave::relay {
namespace {

using support::kPatienceMs;

TEST_CASE("a signal is handed out by the wait, and none is nothing") {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    CAPTURE(number);
    StopSignals signals;
    CHECK(!signals.wait_for(0).has_value());
    CHECK(raise(number) == 0);
    CHECK(signals.wait_for(kPatienceMs) == number);
    CHECK(!signals.wait_for(1).has_value());
  }
}

TEST_CASE("writing to a closed pipe is an error, not the end") {
  StopSignals signals;
  CHECK(raise(SIGPIPE) == 0);
  CHECK(!signals.wait_for(0).has_value());
}

TEST_CASE("the second word to stop ends the process at once") {
  struct Row {
    std::vector<int> sent;
    int exit_code;  // 0: it goes on
  };
  const std::vector<Row> rows = {
      {{SIGINT, SIGINT}, 130}, {{SIGTERM, SIGTERM}, 143}, {{SIGINT, SIGTERM}, 143},
      {{SIGHUP, SIGTERM}, 0},  {{SIGHUP, SIGHUP}, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.exit_code);
    const pid_t child = fork();
    if (child == 0) {
      StopSignals signals(0);
      bool all_handed_out = true;
      for (const int number : row.sent) {
        raise(number);
        all_handed_out = signals.wait_for(kPatienceMs) == number && all_handed_out;
      }
      _exit(all_handed_out ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == row.exit_code);
  }
}

TEST_CASE("the same word twice in one breath ends nothing") {
  const pid_t child = fork();
  if (child == 0) {
    StopSignals signals(3'600'000);
    raise(SIGTERM);
    const bool is_told = signals.wait_for(kPatienceMs) == SIGTERM;
    raise(SIGTERM);
    _exit(is_told ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace fedwave::relay
