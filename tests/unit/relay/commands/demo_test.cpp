#include "relay/commands/demo.h"

#include <doctest/doctest.h>

#include "relay/commands/exit_code.h"

using namespace fedwave;

TEST_CASE("the demo ends well when points arrived and every one of them was taken") {
  receive::ReceiverStats received;
  CHECK(relay::demo_exit_code(received) == relay::kExitUnreadable);
  received.points = 1;
  CHECK(relay::demo_exit_code(received) == relay::kExitOk);
  received.rejected[408].count = 1;
  CHECK(relay::demo_exit_code(received) == relay::kExitMalformed);
  received.points = 0;
  CHECK(relay::demo_exit_code(received) == relay::kExitMalformed);
}
