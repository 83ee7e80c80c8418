#include "sinks/tcp_sink.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "relay/base/gzip.h"
#include "tests/support/patience.h"
#include "tests/support/tcp_receiver.h"

using namespace fedwave;
using sinks::Block;
using sinks::PointFormat;
using sinks::SendOutcome;
using sinks::SendResult;
using sinks::TcpSink;
using sinks::TcpSinkOptions;
using support::in_some_attempt;
using tests::ReceivedConnection;
using tests::TcpReceiver;

namespace {

constexpr std::size_t kLineBytes = 32;
constexpr int kSmallBuffer = 4096;
constexpr int kLargeBuffer = 1 << 18;
// More than a small buffer holds; a large one holds it without anybody who reads.
constexpr std::size_t kSomeBytes = std::size_t{1} << 15;

// A line of kLineBytes that is like no other.
std::string line(int number) {
  std::string text = "\"m\" " + std::to_string(number) + " source=\"s\" ";
  text.resize(kLineBytes - 1, ' ');
  return text + "\n";
}

Block block_of(std::string lines) {
  const auto points = static_cast<std::uint32_t>(lines.size() / kLineBytes);
  const std::size_t bytes = lines.size();
  return {.bytes = std::move(lines), .points = points, .line_bytes = bytes};
}

Block block_of_size(std::size_t bytes) {
  std::string lines;
  for (int i = 0; lines.size() < bytes; ++i) lines += line(i);
  return block_of(std::move(lines));
}

TcpSinkOptions options_for(const TcpReceiver& receiver) {
  return {.host = "127.0.0.1",
          .port = receiver.port(),
          .connect_timeout_ms = support::kPatienceMs,
          .write_timeout_ms = support::kPatienceMs};
}

std::string endpoint(const TcpReceiver& receiver) {
  return "127.0.0.1:" + std::to_string(receiver.port());
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// As the sender does. A reset that arrives in the middle of a block costs one attempt more.
SendOutcome send_until_accepted(TcpSink& sink, const Block& block) {
  SendResult result = sink.send(block);
  for (int i = 0; i < 3 && result.outcome == SendOutcome::Retry; ++i) result = sink.send(block);
  return result.outcome;
}

// Reads in the background what the next connection brings.
std::future<std::string> read_next(TcpReceiver& receiver) {
  return std::async(std::launch::async, [&] { return receiver.accept().read_all(); });
}

}  // namespace

TEST_CASE("blocks arrive as they are, over one connection") {
  TcpReceiver receiver;
  receiver.listen();
  TcpSink sink(options_for(receiver), nullptr);
  const std::string second = line(2) + line(3);
  Block zipped = block_of(second);
  zipped.bytes = base::GzipDeflater().deflate(second);
  zipped.gzip = true;
  CHECK(sink.send(block_of(line(1))).outcome == SendOutcome::Accepted);
  CHECK(sink.send(zipped).outcome == SendOutcome::Accepted);
  ReceivedConnection connection = receiver.accept();
  CHECK(connection.read(3 * kLineBytes) == line(1) + second);
  CHECK_FALSE(receiver.has_another_connection());
}

TEST_CASE("a block larger than every buffer is accepted once all of it has been taken") {
  TcpReceiver receiver(kSmallBuffer);
  receiver.listen();
  TcpSink sink(options_for(receiver), nullptr);
  const Block block = block_of_size(std::size_t{1} << 20);
  auto read =
      std::async(std::launch::async, [&] { return receiver.accept().read(block.bytes.size()); });
  CHECK(sink.send(block).outcome == SendOutcome::Accepted);
  CHECK(read.get() == block.bytes);
}

TEST_CASE("a block that cannot be unpacked is refused without a connection") {
  TcpReceiver receiver;
  receiver.listen();
  TcpSink sink(options_for(receiver), nullptr);
  const SendResult result = sink.send({.bytes = "not gzip", .gzip = true, .points = 1});
  CHECK(result.outcome == SendOutcome::Refused);
  CHECK(result.cause == "unreadable_block");
  CHECK_FALSE(receiver.has_another_connection());
}

TEST_CASE("after a goodbye the next block arrives on a new connection and nothing is repeated") {
  for (const bool talks : {false, true}) {
    CAPTURE(talks);
    TcpReceiver receiver;
    receiver.listen();
    TcpSink sink(options_for(receiver), nullptr);
    REQUIRE(sink.send(block_of(line(1))).outcome == SendOutcome::Accepted);
    ReceivedConnection first = receiver.accept();
    REQUIRE(first.read(kLineBytes) == line(1));
    if (talks) REQUIRE(first.say("what nobody asked for"));
    REQUIRE(first.say_goodbye());
    CHECK(sink.send(block_of(line(2))).outcome == SendOutcome::Accepted);
    CHECK(first.read_all().empty());
    ReceivedConnection second = receiver.accept();
    auto rest = std::async(std::launch::async, [&] {
      std::string all = second.read_all();
      second.close();
      return all;
    });
    sink.finish();
    CHECK(rest.get() == line(2));
  }
}

TEST_CASE("what a reset may have lost is sent again first, within the bound") {
  struct Row {
    const char* what;
    std::vector<PointFormat> formats;  // of the blocks before the reset, a line each
    std::size_t replay_lines_max;
    std::string arrives;  // on the next connection, before the block in hand
  };
  constexpr auto kPoints = PointFormat::Metric;
  constexpr auto kDistributions = PointFormat::Histogram;
  const Row rows[] = {
      {"all fits", {kPoints, kPoints, kPoints}, 3, line(0) + line(1) + line(2)},
      {"only the last fit", {kPoints, kPoints, kPoints}, 2, line(1) + line(2)},
      {"none fits", {kPoints, kPoints}, 0, ""},
      {"distributions are not repeated", {kPoints, kDistributions, kPoints}, 9, line(0) + line(2)},
      {"distributions only", {kDistributions}, 9, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    TcpReceiver receiver;
    receiver.listen();
    TcpSinkOptions options = options_for(receiver);
    options.replay_bytes_max = row.replay_lines_max * kLineBytes;
    TcpSink sink(options, nullptr);
    int number = 0;
    for (const PointFormat format : row.formats) {
      Block block = block_of(line(number++));
      block.format = format;
      REQUIRE(sink.send(block).outcome == SendOutcome::Accepted);
    }
    receiver.accept().reset();
    CHECK(send_until_accepted(sink, block_of(line(100))) == SendOutcome::Accepted);
    CHECK(sink.send(block_of(line(101))).outcome == SendOutcome::Accepted);
    const std::string expected = row.arrives + line(100) + line(101);
    CHECK(receiver.accept().read(expected.size()) == expected);
    CHECK_FALSE(receiver.has_another_connection());
  }
}

TEST_CASE("what was read before a goodbye is not sent again after a later reset") {
  TcpReceiver receiver;
  receiver.listen();
  TcpSink sink(options_for(receiver), nullptr);
  REQUIRE(sink.send(block_of(line(1))).outcome == SendOutcome::Accepted);
  ReceivedConnection first = receiver.accept();
  REQUIRE(first.read(kLineBytes) == line(1));
  REQUIRE(first.say_goodbye());
  REQUIRE(sink.send(block_of(line(2))).outcome == SendOutcome::Accepted);
  receiver.accept().reset();
  CHECK(send_until_accepted(sink, block_of(line(3))) == SendOutcome::Accepted);
  CHECK(receiver.accept().read(2 * kLineBytes) == line(2) + line(3));
}

TEST_CASE("a reset after the receiver's own half-close is not taken for a goodbye") {
  TcpReceiver receiver;
  receiver.listen();
  TcpSink sink(options_for(receiver), nullptr);
  REQUIRE(sink.send(block_of(line(1))).outcome == SendOutcome::Accepted);
  ReceivedConnection first = receiver.accept();
  REQUIRE(first.say_goodbye());
  first.reset();
  CHECK(send_until_accepted(sink, block_of(line(2))) == SendOutcome::Accepted);
  CHECK(receiver.accept().read(2 * kLineBytes) == line(1) + line(2));
}

TEST_CASE("what was sent again may be lost again, and is sent once more") {
  TcpReceiver receiver;
  receiver.listen();
  TcpSink sink(options_for(receiver), nullptr);
  REQUIRE(sink.send(block_of(line(0))).outcome == SendOutcome::Accepted);
  std::string all = line(0);
  for (int number = 1; number <= 3; ++number) {
    CAPTURE(number);
    receiver.accept().reset();
    CHECK(send_until_accepted(sink, block_of(line(number))) == SendOutcome::Accepted);
    all += line(number);
  }
  CHECK(receiver.accept().read(all.size()) == all);
}

TEST_CASE("a repetition that fails is tried again with the next connection") {
  TcpReceiver receiver(kLargeBuffer);
  receiver.listen();
  TcpSinkOptions options = options_for(receiver);
  options.write_timeout_ms = 200;
  TcpSink sink(options, nullptr);
  const Block block = block_of_size(kSomeBytes);
  REQUIRE(sink.send(block).outcome == SendOutcome::Accepted);
  ReceivedConnection first = receiver.accept();
  REQUIRE(first.read(block.bytes.size()) == block.bytes);
  receiver.set_buffer(kSmallBuffer);
  first.reset();
  // The second connection is not read from: its buffer is too small for the repetition.
  SendResult result = sink.send(block_of(line(1)));
  if (!receiver.has_another_connection()) result = sink.send(block_of(line(1)));
  CHECK(result.outcome == SendOutcome::Retry);
  CHECK(result.cause == "timeout");
  // Still unread: what comes now comes on a connection of its own.
  const ReceivedConnection second = receiver.accept();
  receiver.set_buffer(kLargeBuffer);
  auto third = read_next(receiver);
  CHECK(sink.send(block_of(line(1))).outcome == SendOutcome::Accepted);
  sink.finish();
  CHECK(third.get() == block.bytes + line(1));
}

TEST_CASE("a receiver that never reads is a timeout, and the block comes whole the next time") {
  TcpReceiver receiver(kSmallBuffer);
  receiver.listen();
  TcpSinkOptions options = options_for(receiver);
  options.write_timeout_ms = 200;
  TcpSink sink(options, nullptr);
  const Block block = block_of_size(kSomeBytes);
  const SendResult result = sink.send(block);
  CHECK(result.outcome == SendOutcome::Retry);
  CHECK(result.cause == "timeout");
  CHECK(contains(result.detail, endpoint(receiver)));
  receiver.accept().close();
  receiver.set_buffer(kLargeBuffer);
  auto read = read_next(receiver);
  CHECK(sink.send(block).outcome == SendOutcome::Accepted);
  sink.finish();
  CHECK(read.get() == block.bytes);
}

TEST_CASE("a receiver that refuses connections is unreachable until it listens") {
  TcpReceiver receiver;
  TcpSink sink(options_for(receiver), nullptr);
  const SendResult result = sink.send(block_of(line(1)));
  CHECK(result.outcome == SendOutcome::Retry);
  CHECK(result.cause == "unreachable");
  CHECK(result.detail == "cannot connect to " + endpoint(receiver) + ": Connection refused");
  receiver.listen();
  CHECK(sink.send(block_of(line(1))).outcome == SendOutcome::Accepted);
  CHECK(receiver.accept().read(kLineBytes) == line(1));
}

TEST_CASE("at the end the sink waits until the receiver has read everything and left") {
  // It waits two seconds at most.
  const auto read_by_the_end = [] {
    TcpReceiver receiver;
    receiver.listen();
    TcpSink sink(options_for(receiver), nullptr);
    CHECK(sink.send(block_of(line(1))).outcome == SendOutcome::Accepted);
    std::atomic<bool> has_left = false;
    auto read = std::async(std::launch::async, [&] {
      ReceivedConnection connection = receiver.accept();
      std::string all = connection.read_all();
      has_left = true;
      connection.close();
      return all;
    });
    sink.finish();
    const bool was_left = has_left;
    return was_left ? read.get() : "";
  };
  CHECK(in_some_attempt(read_by_the_end, line(1)) == line(1));
}

TEST_CASE("a connection that turns out broken at the end is replaced once more") {
  for (const bool after_our_goodbye : {false, true}) {
    CAPTURE(after_our_goodbye);
    // Nothing when it broke too late for the sink to see it.
    const auto arrives_again = [&] {
      TcpReceiver receiver;
      receiver.listen();
      TcpSink sink(options_for(receiver), nullptr);
      CHECK(sink.send(block_of(line(1))).outcome == SendOutcome::Accepted);
      ReceivedConnection first = receiver.accept();
      if (!after_our_goodbye) first.reset();
      std::atomic<bool> has_finished = false;
      auto read = std::async(std::launch::async, [&] {
        if (after_our_goodbye && first.await_goodbye()) first.reset();
        while (!has_finished && !receiver.has_another_connection()) std::this_thread::yield();
        return receiver.has_another_connection() ? receiver.accept().read_all() : "";
      });
      sink.finish();
      has_finished = true;
      return read.get();
    };
    CHECK(in_some_attempt(arrives_again, line(1)) == line(1));
  }
}

TEST_CASE("an end that is cut short says goodbye and repeats nothing") {
  TcpReceiver receiver;
  receiver.listen();
  std::atomic<bool> cancelled = false;
  TcpSink sink(options_for(receiver), &cancelled);
  REQUIRE(sink.send(block_of(line(1))).outcome == SendOutcome::Accepted);
  cancelled = true;
  sink.finish();
  CHECK(receiver.accept().read_all() == line(1));
  CHECK_FALSE(receiver.has_another_connection());
}

TEST_CASE("a cancellation ends the wait for a receiver that does not read") {
  constexpr std::int64_t kMuchTooLongMs = 3'600'000;
  TcpReceiver receiver(kSmallBuffer);
  receiver.listen();
  TcpSinkOptions options = options_for(receiver);
  options.write_timeout_ms = kMuchTooLongMs;
  std::atomic<bool> cancelled = false;
  TcpSink sink(options, &cancelled);
  auto canceller = std::async(std::launch::async, [&] {
    ReceivedConnection connection = receiver.accept();
    connection.read(1);
    cancelled = true;
    return connection;
  });
  const SendResult result = sink.send(block_of_size(std::size_t{1} << 20));
  CHECK(result.outcome == SendOutcome::Retry);
  CHECK(result.cause == "cancelled");
  CHECK(contains(result.detail, endpoint(receiver)));
}
