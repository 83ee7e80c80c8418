#include "sinks/spool/spare_buffers.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "sinks/block_writer.h"
#include "sinks/spool/spool.h"
#include "tests/support/fakes.h"

using namespace fedwave;
using sinks::Block;
using sinks::kBlockBytesMax;
using sinks::SpareBuffers;

namespace {

std::string large(char fill = 'x') {
  return std::string(kBlockBytesMax + 100, fill);
}

// How many it has; they are gone then.
std::size_t count(SpareBuffers& spares) {
  std::size_t buffers = 0;
  while (spares.take().capacity() >= kBlockBytesMax) ++buffers;
  return buffers;
}

}  // namespace

TEST_CASE("there is nothing to take where nothing was given, and each buffer is given out once") {
  SpareBuffers spares;
  CHECK(spares.take().empty());
  std::string buffer = large();
  const char* const memory = buffer.data();
  spares.give(std::move(buffer));
  const std::string taken = spares.take();
  CHECK(taken.data() == memory);
  CHECK(spares.take().empty());
}

TEST_CASE("only large buffers are kept, and not too many of them") {
  SpareBuffers spares;
  for (const std::size_t bytes : {std::size_t{5}, kBlockBytesMax / 2}) {
    spares.give(std::string(bytes, 'x'));
    CHECK(spares.take().empty());
  }
  std::string emptied = large();
  emptied.clear();  // its room counts, not what is in it
  spares.give(std::move(emptied));
  CHECK(count(spares) == 1);
  for (int i = 0; i < 100; ++i) spares.give(large());
  const std::size_t kept = count(spares);
  CHECK(kept > 1);
  CHECK(kept <= 16);
}

TEST_CASE("a block's memory comes back when the last who reads it is done, and not before") {
  const auto spares = std::make_shared<SpareBuffers>();
  std::shared_ptr<const Block> block =
      SpareBuffers::lend(spares, {.bytes = large('y'), .points = 7});
  CHECK(block->points == 7);
  const char* const memory = block->bytes.data();
  std::shared_ptr<const Block> other = block;
  block.reset();
  CHECK(spares->take().empty());
  CHECK(other->bytes == large('y'));
  other.reset();
  CHECK(spares->take().data() == memory);
}

TEST_CASE("a block may outlive the spool that lent its memory") {
  auto spares = std::make_shared<SpareBuffers>();
  const std::shared_ptr<const Block> block = SpareBuffers::lend(spares, {.bytes = large('z')});
  spares.reset();
  CHECK(block->bytes == large('z'));
}

TEST_CASE("buffers go round between threads, each with one owner at a time") {
  const auto spares = std::make_shared<SpareBuffers>();
  std::atomic<int> spoilt = 0;
  std::vector<std::thread> threads;
  for (char name = 'a'; name < 'e'; ++name) {
    threads.emplace_back([&spares, &spoilt, name] {
      for (int i = 0; i < 200; ++i) {
        std::string buffer = spares->take();
        buffer.resize(kBlockBytesMax);
        const std::string mark(64, name);
        std::memcpy(buffer.data(), mark.data(), mark.size());
        const auto block = SpareBuffers::lend(spares, {.bytes = std::move(buffer)});
        if (!block->bytes.starts_with(mark)) ++spoilt;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(spoilt == 0);
  const std::size_t kept = count(*spares);
  CHECK(kept >= 1);
  CHECK(kept <= threads.size());
}

TEST_CASE("a spool lends the memory of a block once it is settled, and of none that waits") {
  const support::FakeClock clock;
  sinks::Spool spool({.name = "s"}, clock);
  CHECK(spool.spare_buffer().empty());
  std::string bytes = large('k');
  const char* const memory = bytes.data();
  spool.append({.bytes = std::move(bytes), .points = 1, .created_ms = clock.wall_ms()});
  CHECK(spool.spare_buffer().empty());
  sinks::Taken taken = spool.take({}, std::chrono::seconds(10));
  REQUIRE(taken);
  CHECK(spool.spare_buffer().empty());
  spool.put_back();
  taken.block.reset();
  CHECK(spool.spare_buffer().empty());
  taken = spool.take({}, std::chrono::seconds(10));
  REQUIRE(taken);
  spool.settle(1, 0);
  CHECK(spool.spare_buffer().empty());  // the sender still reads it
  CHECK(taken.block->bytes == large('k'));
  taken.block.reset();
  CHECK(spool.spare_buffer().data() == memory);
  CHECK(spool.spare_buffer().empty());
}

TEST_CASE("blocks written into a spool's spare memory are delivered line for line") {
  struct CountingOutput final : sinks::BlockOutput {
    explicit CountingOutput(sinks::Spool& to) : spool(to) {}
    void append(Block block) override { spool.append(std::move(block)); }
    std::string spare_buffer() override {
      std::string buffer = spool.spare_buffer();
      lent += buffer.empty() ? 0U : 1U;
      return buffer;
    }
    sinks::Spool& spool;
    std::size_t lent = 0;
  };
  const support::FakeClock clock;
  sinks::Spool spool({.name = "s"}, clock);
  CountingOutput output(spool);
  sinks::BlockWriter writer(output, false, 1'000'000, clock);
  std::string written;
  std::string delivered;
  for (int round = 0; round < 6; ++round) {
    // A little less each time, so that a block without its end would show the old one's.
    for (int i = 0; i < 12'000 - round * 300; ++i) {
      const std::string line =
          std::to_string(round) + std::string(90, 'a' + round) + std::to_string(i) + "\n";
      std::memcpy(writer.reserve(line.size()), line.data(), line.size());
      writer.commit(line.size());
      written += line;
    }
    writer.flush();
    while (sinks::Taken taken = spool.take({}, std::chrono::milliseconds(0))) {
      delivered += taken.block->bytes;
      spool.settle(taken.block->points, 0);
    }
  }
  CHECK((delivered == written));
  CHECK(output.lent == 5);  // a full block in each round, the first of which finds none to spare
}
