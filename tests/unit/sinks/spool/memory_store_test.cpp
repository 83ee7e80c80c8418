#include "sinks/spool/memory_store.h"

#include <doctest/doctest.h>

using namespace fedwave;
using sinks::Block;
using sinks::MemoryStore;

namespace {

std::shared_ptr<const Block> block_of(std::uint32_t points, std::size_t bytes,
                                      std::int64_t created_ms = 1) {
  return std::make_shared<const Block>(Block{.bytes = std::string(bytes, 'x'),
                                             .points = points,
                                             .line_bytes = bytes,
                                             .created_ms = created_ms});
}

}  // namespace

TEST_CASE("blocks in memory are numbered from 1, and wait until they are settled") {
  MemoryStore store(1000);
  CHECK_FALSE(store.oldest());
  CHECK(store.waiting().oldest_created_ms == 0);
  CHECK(*store.append(block_of(1, 10, 5)) == 1);
  CHECK(*store.append(block_of(2, 20, 6)) == 2);
  CHECK(*store.append(block_of(4, 30, 7)) == 3);
  CHECK(store.oldest()->sequence == 1);
  CHECK(store.read(2)->points == 2);
  CHECK(store.waits(2));
  CHECK(store.waiting().points == 7);
  CHECK(store.waiting().blocks == 3);
  CHECK(store.waiting().bytes == 60);
  CHECK(store.waiting().oldest_created_ms == 5);
  store.settle(2);
  store.settle(2);
  store.settle(99);
  CHECK(store.read(2) == nullptr);
  CHECK_FALSE(store.waits(2));
  store.settle(1);
  CHECK(store.oldest()->sequence == 3);
  CHECK(store.waiting().points == 4);
  CHECK(store.waiting().oldest_created_ms == 7);
  CHECK(store.take_dropped().for_room == 0);
}

TEST_CASE("full memory drops the oldest that is not in hand, and never the newest") {
  MemoryStore store(100);
  REQUIRE(store.append(block_of(1, 40)));
  REQUIRE(store.append(block_of(2, 40)));
  store.hold(1);
  CHECK(store.oldest()->sequence == 2);
  REQUIRE(store.append(block_of(4, 40)));
  CHECK_FALSE(store.waits(2));
  CHECK(store.waits(1));
  CHECK(store.take_dropped().for_room == 2);
  REQUIRE(store.append(block_of(8, 500)));
  CHECK(store.take_dropped().for_room == 4);
  CHECK(store.waiting().points == 9);
  store.hold(std::nullopt);
  REQUIRE(store.append(block_of(16, 10)));
  CHECK(store.take_dropped().for_room == 1 + 8);
  CHECK(store.waiting().points == 16);
  CHECK(store.waiting().bytes == 10);
}

TEST_CASE("old blocks in memory go, but for the one in hand") {
  MemoryStore store(1000);
  for (std::int64_t created_ms = 1; created_ms <= 5; ++created_ms) {
    REQUIRE(store.append(block_of(1U << created_ms, 10, created_ms)));
  }
  store.hold(2);
  store.drop_older_than(4);
  const auto dropped = store.take_dropped();
  CHECK(dropped.for_age == 2 + 8);
  CHECK(dropped.for_room == 0);
  CHECK(store.waits(2));
  CHECK(store.waiting().points == 4 + 16 + 32);
  CHECK(store.take_dropped().for_age == 0);
  store.hold(std::nullopt);
  store.drop_older_than(5);
  CHECK(store.take_dropped().for_age == 4 + 16);
  CHECK(store.oldest()->sequence == 5);
}
