#include "sinks/sender.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>

#include "sinks/spool/memory_spool.h"

using namespace fedwave;
using sinks::Block;
using sinks::SendOutcome;
using sinks::SendResult;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

// Fails `failures` times, then takes everything. Shared with the test's thread, hence the lock.
struct Record {
  std::mutex mutex;
  std::condition_variable changed;
  int failures = 0;
  std::vector<std::uint32_t> taken;
  bool finished = false;

  bool wait_for_taken(std::size_t count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, seconds(20), [&] { return taken.size() >= count; });
  }
};

class RecordingSink final : public sinks::Sink {
 public:
  explicit RecordingSink(Record& record) : record_(record) {}
  SendResult send(const Block& block) override {
    const std::lock_guard lock(record_.mutex);
    if (record_.failures > 0) {
      --record_.failures;
      return {SendOutcome::Retry, "busy", "not now"};
    }
    if (block.points == 13) return {SendOutcome::Refused, "refused", "never"};
    record_.taken.push_back(block.points);
    record_.changed.notify_all();
    return {};
  }
  void finish() override {
    const std::lock_guard lock(record_.mutex);
    record_.finished = true;
  }

 private:
  Record& record_;
};

Block block_of(std::uint32_t points) {
  return {.bytes = "x", .points = points, .line_bytes = 1};
}

constexpr sinks::Backoff kQuick{.first_ms = 2, .max_ms = 8};

}  // namespace

TEST_CASE(
    "blocks are delivered in order, through failures, and a refused one does not hold the rest") {
  Record record;
  record.failures = 5;
  sinks::MemorySpool spool(1 << 20);
  std::atomic<bool> cancelled = false;
  for (const std::uint32_t points : {1u, 2u, 13u, 4u}) spool.append(block_of(points));
  sinks::Sender sender("test", std::make_unique<RecordingSink>(record), spool, cancelled, kQuick);
  REQUIRE(record.wait_for_taken(3));
  sender.drain(steady_clock::now() + seconds(20));
  CHECK(record.taken == std::vector<std::uint32_t>{1, 2, 4});
  CHECK(record.finished);
  CHECK(spool.figures().points_delivered == 7);
  CHECK(spool.figures().points_refused == 13);
  CHECK(sender.figures().retries == 5);
  CHECK(sender.figures().requests == 9);
  CHECK(sender.figures().trouble.empty());
}

TEST_CASE(
    "a drain delivers what still waits, and gives up at its deadline when the receiver is away") {
  Record record;
  sinks::MemorySpool spool(1 << 20);
  std::atomic<bool> cancelled = false;
  sinks::Sender sender("test", std::make_unique<RecordingSink>(record), spool, cancelled, kQuick);
  for (std::uint32_t i = 1; i <= 50; ++i) spool.append(block_of(i + 100));
  sender.drain(steady_clock::now() + seconds(20));
  CHECK(record.taken.size() == 50);
  CHECK_FALSE(spool.figures().blocks_waiting > 0);

  Record away;
  away.failures = INT32_MAX;
  sinks::MemorySpool waiting(1 << 20);
  std::atomic<bool> cancelled_too = false;
  sinks::Sender hopeless("away", std::make_unique<RecordingSink>(away), waiting, cancelled_too,
                         kQuick);
  waiting.append(block_of(5));
  hopeless.drain(steady_clock::now() + std::chrono::milliseconds(50));
  CHECK(cancelled_too);
  CHECK(waiting.figures().points_waiting == 5);
  CHECK(hopeless.figures().trouble == "not now");
}
