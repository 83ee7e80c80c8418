#include "sinks/sender.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "relay/base/gzip.h"
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
  sinks::MemorySpool spool("test", 1 << 20);
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
  sinks::MemorySpool spool("test", 1 << 20);
  std::atomic<bool> cancelled = false;
  sinks::Sender sender("test", std::make_unique<RecordingSink>(record), spool, cancelled, kQuick);
  for (std::uint32_t i = 1; i <= 50; ++i) spool.append(block_of(i + 100));
  sender.drain(steady_clock::now() + seconds(20));
  CHECK(record.taken.size() == 50);
  CHECK_FALSE(spool.figures().blocks_waiting > 0);

  Record away;
  away.failures = INT32_MAX;
  sinks::MemorySpool waiting("test", 1 << 20);
  std::atomic<bool> cancelled_too = false;
  sinks::Sender hopeless("away", std::make_unique<RecordingSink>(away), waiting, cancelled_too,
                         kQuick);
  waiting.append(block_of(5));
  hopeless.drain(steady_clock::now() + std::chrono::milliseconds(50));
  CHECK(cancelled_too);
  CHECK(waiting.figures().points_waiting == 5);
  CHECK(hopeless.figures().trouble == "not now");
}

namespace {

// Refuses every block with a line "poison" in it, and remembers what it took and how often it was
// asked.
class PickySink final : public sinks::Sink {
 public:
  PickySink(std::string& taken, int& requests) : taken_(taken), requests_(requests) {}
  SendResult send(const Block& block) override {
    ++requests_;
    const std::string lines = *sinks::block_lines(block);
    if (lines.find("poison") != std::string::npos)
      return {SendOutcome::Refused, "http_400", "bad line"};
    taken_ += lines;
    return {};
  }

 private:
  std::string& taken_;
  int& requests_;
};

Block block_of_lines(const std::vector<std::string>& lines, bool gzip) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return {.bytes = gzip ? base::GzipDeflater().deflate(text) : text,
          .gzip = gzip,
          .points = static_cast<std::uint32_t>(lines.size()),
          .line_bytes = text.size()};
}

}  // namespace

TEST_CASE(
    "a bad line in a refused block costs that line and some requests, its neighbours arrive in "
    "order") {
  for (const bool gzip : {false, true}) {
    CAPTURE(gzip);
    std::vector<std::string> lines;
    std::string good;
    for (int i = 0; i < 10'000; ++i) {
      const bool is_bad = i == 0 || i == 6'789;
      lines.push_back(is_bad ? "poison" : "line " + std::to_string(i));
      if (!is_bad) good += lines.back() + "\n";
    }
    sinks::MemorySpool spool("test", 1 << 20);
    std::atomic<bool> cancelled = false;
    std::string taken;
    int requests = 0;
    spool.append(block_of_lines(lines, gzip));
    sinks::Sender sender("picky", std::make_unique<PickySink>(taken, requests), spool, cancelled,
                         kQuick);
    sender.drain(steady_clock::now() + seconds(60));
    CHECK(taken == good);
    CHECK(spool.figures().points_delivered == 9'998);
    CHECK(spool.figures().points_refused == 2);
    CHECK(requests < 2 * 2 * 15);
  }
}

TEST_CASE("a block of nothing but bad lines is given up after a bounded number of requests") {
  sinks::MemorySpool spool("test", 1 << 20);
  std::atomic<bool> cancelled = false;
  std::string taken;
  int requests = 0;
  spool.append(block_of_lines({"good"}, true));
  spool.append(block_of_lines(std::vector<std::string>(10'000, "poison"), true));
  sinks::Sender sender("picky", std::make_unique<PickySink>(taken, requests), spool, cancelled,
                       kQuick);
  sender.drain(steady_clock::now() + seconds(60));
  CHECK(spool.figures().points_refused == 10'000);
  CHECK(requests < 500);
}

TEST_CASE("a receiver that refuses everything from the start is a wrong address: the points stay") {
  sinks::MemorySpool spool("test", 1 << 20);
  std::atomic<bool> cancelled = false;
  std::string taken;
  int requests = 0;
  for (int i = 0; i < 3; ++i)
    spool.append(block_of_lines(std::vector<std::string>(100, "poison"), true));
  sinks::Sender sender("picky", std::make_unique<PickySink>(taken, requests), spool, cancelled,
                       kQuick);
  while (sender.figures().retries < 3) std::this_thread::yield();
  CHECK(spool.figures().points_refused == 0);
  CHECK(spool.figures().points_waiting == 300);
  CHECK(sender.figures().cause == "http_400_always");
}

TEST_CASE("a drain does not wait for the end of a long pause") {
  Record record;
  record.failures = 1;
  sinks::MemorySpool spool("test", 1 << 20);
  std::atomic<bool> cancelled = false;
  sinks::Sender sender("slow", std::make_unique<RecordingSink>(record), spool, cancelled,
                       {.first_ms = 100'000, .max_ms = 200'000});
  spool.append(block_of(5));
  while (sender.figures().retries == 0) std::this_thread::yield();
  sender.drain(steady_clock::now() + seconds(30));
  CHECK(record.taken == std::vector<std::uint32_t>{5});
  CHECK(spool.figures().points_delivered == 5);
}
