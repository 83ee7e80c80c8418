#include "sinks/spool/memory_spool.h"

#include <doctest/doctest.h>

using namespace fedwave;
using sinks::Block;
using sinks::MemorySpool;
using sinks::SpoolFigures;

namespace {

Block block_of(std::uint32_t points, std::size_t bytes, std::int64_t created_ms = 1) {
  return {.bytes = std::string(bytes, 'x'),
          .points = points,
          .line_bytes = bytes,
          .created_ms = created_ms};
}

void check_sum(const MemorySpool& spool) {
  const SpoolFigures f = spool.figures();
  CHECK(f.points_spooled ==
        f.points_delivered + f.points_refused + f.points_expired + f.points_waiting);
}

std::shared_ptr<const Block> take(MemorySpool& spool) {
  return spool.front({}, std::chrono::milliseconds(0));
}

}  // namespace

TEST_CASE("blocks leave in the order they came, and only when settled") {
  MemorySpool spool("test", 1000);
  CHECK(take(spool) == nullptr);
  spool.append(block_of(1, 10, 5));
  spool.append(block_of(2, 10, 6));
  CHECK(take(spool)->points == 1);
  CHECK(take(spool)->points == 1);
  CHECK(spool.figures().oldest_waiting_ms == 5);
  spool.settle(1, 0);
  CHECK(take(spool)->points == 2);
  spool.settle(0, 2);
  CHECK(take(spool) == nullptr);
  const SpoolFigures f = spool.figures();
  CHECK(f.points_delivered == 1);
  CHECK(f.points_refused == 2);
  CHECK(f.bytes_waiting == 0);
  CHECK(f.oldest_waiting_ms == 0);
  check_sum(spool);
}

TEST_CASE("a full spool expires the oldest, never the one in the sender's hand, never the newest") {
  MemorySpool spool("test", 100);
  spool.append(block_of(1, 40));
  spool.append(block_of(2, 40));
  REQUIRE(take(spool)->points == 1);
  spool.append(block_of(4, 40));  // 120 bytes: the second goes, the first is in hand
  CHECK(spool.figures().points_expired == 2);
  spool.append(block_of(8, 500));
  CHECK(spool.figures().points_expired == 2 + 4);
  check_sum(spool);
  spool.settle(1, 0);
  CHECK(take(spool)->points == 8);
  spool.settle(3, 5);
  CHECK(spool.figures().points_delivered == 1 + 3);
  CHECK(spool.figures().points_refused == 5);
  check_sum(spool);
}

TEST_CASE("what waits at the end counts as expired") {
  MemorySpool spool("test", 1000);
  spool.append(block_of(7, 10));
  spool.append(block_of(9, 10));
  REQUIRE(take(spool) != nullptr);
  spool.close();
  CHECK(spool.figures().points_expired == 16);
  CHECK(spool.figures().points_waiting == 0);
  check_sum(spool);
}
