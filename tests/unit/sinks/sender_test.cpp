#include "sinks/sender.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "relay/base/file.h"
#include "relay/base/gzip.h"
#include "relay/base/log.h"
#include "tests/support/fakes.h"
#include "tests/support/patience.h"
#include "tests/support/temp_folder.h"

using namespace fedwave;
using sinks::Block;
using sinks::Sender;
using sinks::SenderFigures;
using sinks::SendOutcome;
using sinks::SendResult;
using sinks::Spool;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using support::kPatienceMs;

namespace {

constexpr std::int64_t kBegunMs = 1'767'225'600'000;

// Stands still unless it is told to move, also while senders look at it.
class ManualClock final : public base::Clock {
 public:
  std::atomic<std::int64_t> now_ms = kBegunMs;
  [[nodiscard]] std::int64_t wall_ms() const override { return now_ms; }
  [[nodiscard]] std::int64_t steady_ms() const override { return now_ms; }
};

const SendResult kAccepted;
const SendResult kRetry{SendOutcome::Retry, "timeout", "no answer"};
const SendResult kSlowDown{SendOutcome::SlowDown, "http_429", "less"};
const SendResult kDenied{SendOutcome::Denied, "http_401", "who are you"};
const SendResult kMisplaced{SendOutcome::Misplaced, "http_404", "what is that"};
const SendResult kTooLarge{SendOutcome::TooLarge, "http_413", "too much"};
const SendResult kRefused{SendOutcome::Refused, "http_400", "bad line"};

// The receiver at the other end, as the test sees it. Answers from the script while there is one,
// then by the rule. Shared with the sender's thread, hence the lock.
struct Receiver {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<SendResult> script;
  std::function<SendResult(const std::string& lines)> rule;
  std::vector<std::uint32_t> asked;  // points of each request
  std::string taken;
  bool finished = false;

  SendResult answer(const Block& block) {
    const std::string lines = *sinks::block_lines(block);
    const std::lock_guard lock(mutex);
    asked.push_back(block.points);
    SendResult result = rule ? rule(lines) : kAccepted;
    if (!script.empty()) {
      result = script.front();
      script.pop_front();
    }
    if (result.outcome == SendOutcome::Accepted) taken += lines;
    changed.notify_all();
    return result;
  }

  bool wait_for_taken(const std::string& lines) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, milliseconds(kPatienceMs), [&] { return taken == lines; });
  }
  std::size_t asked_now() {
    const std::lock_guard lock(mutex);
    return asked.size();
  }
};

class ReceiverSink final : public sinks::Sink {
 public:
  explicit ReceiverSink(Receiver& receiver) : receiver_(receiver) {}
  SendResult send(const Block& block) override { return receiver_.answer(block); }
  void finish() override {
    const std::lock_guard lock(receiver_.mutex);
    receiver_.finished = true;
  }

 private:
  Receiver& receiver_;
};

constexpr sinks::SenderOptions kQuick{.backoff = {.first_ms = 2, .max_ms = 8},
                                      .pace = {.points_min = 100, .first_pause_ms = 1}};

// A sender with all that it stands on; start() it once what is to be there from before is there.
struct Bench {
  ManualClock clock;
  Spool spool{{.name = "test"}, clock};
  sinks::Quarantine quarantine{{.sink = "test"}};
  std::atomic<bool> cancelled = false;
  Receiver receiver;
  std::unique_ptr<Sender> sender;

  explicit Bench(const std::string& quarantine_file = "")
      : quarantine({.sink = "test", .path = quarantine_file}) {}

  void start(const sinks::SenderOptions& options = kQuick) {
    sender = std::make_unique<Sender>("test", std::make_unique<ReceiverSink>(receiver), spool,
                                      quarantine, cancelled, clock, options);
  }
  void drain() { sender->drain(steady_clock::now() + milliseconds(kPatienceMs)); }
  void wait_for_retries(std::uint64_t count) {
    while (sender->figures().retries < count) std::this_thread::yield();
  }
};

Block block_of(const std::vector<std::string>& lines, bool gzip = false) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return {.bytes = gzip ? base::GzipDeflater().deflate(text) : text,
          .gzip = gzip,
          .points = static_cast<std::uint32_t>(lines.size()),
          .line_bytes = text.size(),
          .created_ms = kBegunMs};  // or the spool would let it go as too old
}

std::vector<std::string> numbered(int begin, int count) {
  std::vector<std::string> lines;
  for (int i = begin; i < begin + count; ++i) lines.push_back("line " + std::to_string(i));
  return lines;
}

std::string text_of(const std::vector<std::string>& lines) {
  return *sinks::block_lines(block_of(lines));
}

SendResult refuse_poison(const std::string& lines) {
  return lines.find("poison") == std::string::npos ? kAccepted : kRefused;
}

}  // namespace

TEST_CASE("blocks are delivered in order, whatever keeps them from it for a while") {
  for (const SendResult& trouble : {kRetry, kSlowDown, kDenied, kMisplaced}) {
    CAPTURE(trouble.cause);
    Bench bench;
    bench.receiver.script = {trouble, trouble, trouble, trouble, trouble};
    for (int i = 0; i < 6; ++i) bench.spool.append(block_of(numbered(i, 1)));
    bench.start();
    CHECK(bench.receiver.wait_for_taken(text_of(numbered(0, 6))));
    bench.drain();
    CHECK(bench.receiver.taken == text_of(numbered(0, 6)));
    CHECK(bench.receiver.finished);
    CHECK(bench.spool.figures().points_delivered == 6);
    CHECK(bench.spool.figures().points_quarantined == 0);
    const SenderFigures figures = bench.sender->figures();
    CHECK(figures.requests == 11);
    CHECK(figures.retries == 5);
    CHECK(figures.retries_by_cause == std::map<std::string, std::uint64_t>{{trouble.cause, 5}});
    CHECK(figures.trouble.empty());
    CHECK(figures.cause.empty());
    CHECK(figures.trouble_since_ms == 0);
  }
}

TEST_CASE("while there is trouble the points wait, and the figures say what it is and since when") {
  for (const SendResult& trouble : {kRetry, kSlowDown, kDenied, kMisplaced}) {
    CAPTURE(trouble.cause);
    Bench bench;
    bench.receiver.rule = [&](const std::string&) { return trouble; };
    bench.spool.append(block_of(numbered(0, 5)));
    bench.start();
    bench.wait_for_retries(3);
    const SenderFigures figures = bench.sender->figures();
    CHECK(figures.trouble == trouble.detail);
    CHECK(figures.cause == trouble.cause);
    CHECK(figures.trouble_since_ms == bench.clock.now_ms);
    CHECK((figures.pause_ms > 0) == (trouble.outcome == SendOutcome::SlowDown));
    CHECK((figures.batch_points_limit > 0) == (trouble.outcome == SendOutcome::SlowDown));
    bench.sender->drain(steady_clock::now());
    CHECK(bench.cancelled);
    CHECK(bench.spool.figures().points_waiting == 5);
    CHECK(bench.sender->figures().trouble == trouble.detail);
  }
}

TEST_CASE("a drain delivers everything that waits") {
  Bench bench;
  bench.start();
  std::string all;
  for (int i = 0; i < 50; ++i) {
    bench.spool.append(block_of(numbered(i * 10, 10), true));
    all += text_of(numbered(i * 10, 10));
  }
  bench.drain();
  CHECK(bench.receiver.taken == all);
  CHECK(bench.spool.figures().blocks_waiting == 0);
}

TEST_CASE("a drain does not wait for the end of a long pause") {
  for (const SendResult& trouble : {kRetry, kSlowDown}) {
    CAPTURE(trouble.cause);
    Bench bench;
    bench.receiver.script = {trouble};
    bench.spool.append(block_of(numbered(0, 5)));
    bench.start(
        {.backoff = {.first_ms = 100'000, .max_ms = 200'000}, .pace = {.first_pause_ms = 100'000}});
    bench.wait_for_retries(1);
    bench.drain();
    CHECK(bench.receiver.taken == text_of(numbered(0, 5)));
    CHECK(bench.spool.figures().points_delivered == 5);
  }
}

TEST_CASE("a sender that hands over finishes the block in hand, and another one goes on") {
  Bench bench;
  for (int i = 0; i < 20; ++i) bench.spool.append(block_of(numbered(i * 10, 10)));
  std::mutex gate;
  std::unique_lock closed(gate);
  std::atomic<int> requests = 0;
  bench.receiver.rule = [&](const std::string&) {
    ++requests;
    const std::lock_guard wait_for_the_gate(gate);
    return kAccepted;
  };
  bench.start();
  while (requests == 0) std::this_thread::yield();
  std::thread handing_over(
      [&] { bench.sender->hand_over(steady_clock::now() + milliseconds(kPatienceMs)); });
  closed.unlock();
  handing_over.join();
  CHECK(bench.receiver.finished);
  bench.start();
  bench.drain();
  std::string all;
  for (int i = 0; i < 20; ++i) all += text_of(numbered(i * 10, 10));
  CHECK(bench.receiver.taken == all);
  CHECK(bench.spool.figures().points_delivered == 200);
}

TEST_CASE("a sender that is in trouble hands over at once, and the block stays in the spool") {
  Bench bench;
  bench.receiver.rule = [](const std::string&) { return kRetry; };
  bench.spool.append(block_of(numbered(0, 5)));
  bench.start({.backoff = {.first_ms = 100'000, .max_ms = 200'000}});
  bench.wait_for_retries(1);
  bench.sender->hand_over(steady_clock::now() + seconds(600));
  CHECK(bench.spool.figures().points_waiting == 5);
  bench.receiver.rule = nullptr;
  bench.start();
  bench.drain();
  CHECK(bench.receiver.taken == text_of(numbered(0, 5)));
}

TEST_CASE("a bad line costs itself and some requests, its neighbours arrive once and in order") {
  constexpr int kLines = 10'000;
  constexpr int kHalvings = 14;  // 2^14 is above kLines
  for (const bool gzip : {false, true}) {
    for (const int bad : {0, 6'789, kLines - 1}) {
      CAPTURE(gzip);
      CAPTURE(bad);
      Bench bench;
      std::vector<std::string> lines = numbered(0, kLines);
      lines[static_cast<std::size_t>(bad)] = "poison";
      bench.receiver.rule = refuse_poison;
      bench.spool.append(block_of(lines, gzip));
      bench.start();
      bench.drain();
      lines.erase(lines.begin() + bad);
      CHECK(bench.receiver.taken == text_of(lines));
      CHECK(bench.spool.figures().points_delivered == kLines - 1);
      CHECK(bench.spool.figures().points_quarantined == 1);
      CHECK(bench.receiver.asked.size() <= 2 * kHalvings + 2);
      const SenderFigures figures = bench.sender->figures();
      CHECK(figures.quarantined_by_cause == std::map<std::string, std::uint64_t>{{"http_400", 1}});
      CHECK(figures.retries == 0);
    }
  }
}

TEST_CASE(
    "a block of almost nothing but bad lines is given up after a bounded number of requests") {
  Bench bench;
  bench.receiver.rule = refuse_poison;
  std::vector<std::string> lines(10'000, "poison");
  lines.front() = "good";
  bench.spool.append(block_of(lines, true));
  bench.start();
  bench.drain();
  CHECK(bench.spool.figures().points_quarantined == 9'999);
  CHECK(bench.receiver.asked.size() >= 900);
  CHECK(bench.receiver.asked.size() <= 1'100);
}

TEST_CASE("what is too large is parted until it is taken, and only a line of its own is given up") {
  Bench bench;
  std::vector<std::string> lines = numbered(0, 100);
  lines[40] = std::string(200, 'x');
  bench.receiver.rule = [](const std::string& text) {
    return text.size() > 150 ? kTooLarge : kAccepted;
  };
  bench.spool.append(block_of(lines));
  bench.start();
  bench.drain();
  lines.erase(lines.begin() + 40);
  CHECK(bench.receiver.taken == text_of(lines));
  CHECK(bench.spool.figures().points_delivered == 99);
  CHECK(bench.spool.figures().points_quarantined == 1);
  CHECK(bench.sender->figures().quarantined_by_cause ==
        std::map<std::string, std::uint64_t>{{"http_413", 1}});
}

TEST_CASE("a small limit of the receiver's costs requests, not points") {
  Bench bench;
  bench.receiver.rule = [](const std::string& text) {
    return std::count(text.begin(), text.end(), '\n') > 2 ? kTooLarge : kAccepted;
  };
  bench.spool.append(block_of(numbered(0, 1)));
  bench.spool.append(block_of(numbered(1, 5'000)));
  bench.start();
  bench.drain();
  CHECK(bench.receiver.taken == text_of(numbered(0, 5'001)));
}

TEST_CASE("a part that meets trouble is tried again alone: nothing that was taken goes out twice") {
  Bench bench;
  // Whole, first half, its halves, then the second half in the same way.
  bench.receiver.script = {kRefused,  kRetry,    kTooLarge, kAccepted,  kDenied, kAccepted,
                           kTooLarge, kSlowDown, kAccepted, kMisplaced, kRetry,  kRefused};
  bench.spool.append(block_of(numbered(0, 4), true));
  bench.start();
  bench.drain();
  CHECK(bench.receiver.taken == "line 0\nline 1\nline 2\n");
  CHECK(bench.receiver.asked == std::vector<std::uint32_t>{4, 2, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1});
  CHECK(bench.spool.figures().points_delivered == 3);
  CHECK(bench.spool.figures().points_quarantined == 1);
}

TEST_CASE("a receiver that asks for less gets smaller parts, which grow again as it takes them") {
  Bench bench;
  bench.receiver.script = {kSlowDown, kSlowDown};
  std::string all;
  for (int i = 0; i < 4; ++i) {
    bench.spool.append(block_of(numbered(i * 1'000, 1'000), true));
    all += text_of(numbered(i * 1'000, 1'000));
  }
  bench.start();
  bench.drain();
  // A limit of 500, 250, 312, 390, 487, 608, 760, 950, none; what a block has left may be less.
  CHECK(bench.receiver.asked ==
        std::vector<std::uint32_t>{1'000, 500, 250, 312, 390, 48, 608, 392, 950, 50, 1'000});
  CHECK(bench.receiver.taken == all);
  const SenderFigures figures = bench.sender->figures();
  CHECK(figures.batch_points_limit == 0);
  CHECK(figures.pause_ms == 0);
  CHECK(figures.trouble.empty());
}

TEST_CASE("after a pushback the receiver is left alone for as long as the pause is") {
  Bench bench;
  bench.receiver.script = {kSlowDown};
  bench.spool.append(block_of(numbered(0, 5)));
  bench.start({.backoff = {.first_ms = 1, .max_ms = 1}, .pace = {.first_pause_ms = 100'000}});
  bench.wait_for_retries(1);
  std::this_thread::sleep_for(milliseconds(100));  // far above the backoff
  CHECK(bench.receiver.asked_now() == 1);
}

TEST_CASE("a receiver that asks for less now and then is told of once, and when that is over") {
  const support::CollectedLog log;
  Bench bench;
  bench.receiver.script = {kSlowDown, kAccepted, kSlowDown, kAccepted, kSlowDown, kAccepted};
  bench.spool.append(block_of(numbered(0, 10'000)));
  for (int i = 0; i < 10; ++i) bench.spool.append(block_of(numbered(10'000 + i, 1)));
  bench.start();
  bench.drain();
  CHECK(bench.receiver.taken == text_of(numbered(0, 10'010)));
  std::vector<std::string> told;
  for (const std::string& line : log.lines()) {
    if (line.find("deliver") != std::string::npos) told.push_back(line.substr(0, line.find(' ')));
  }
  CHECK(told == std::vector<std::string>{"cannot", "delivering"});
}

TEST_CASE("a receiver that refuses everything from the start is a wrong address: the points stay") {
  for (const std::size_t lines : {1, 3, 5'000}) {
    CAPTURE(lines);
    Bench bench;
    bench.receiver.rule = refuse_poison;
    for (int i = 0; i < 3; ++i) {
      bench.spool.append(block_of(std::vector<std::string>(lines, "poison"), true));
    }
    bench.start();
    bench.wait_for_retries(3);
    const std::size_t asked = bench.receiver.asked_now();
    // It is not asked for every line before it is told what it may be.
    CHECK(asked <= 205 * (bench.sender->figures().retries + 1));
    CHECK(bench.spool.figures().points_quarantined == 0);
    CHECK(bench.spool.figures().points_waiting == 3 * lines);
    CHECK(bench.sender->figures().cause == "http_400_always");
  }
}

TEST_CASE("a block that was refused too early lets others go first, and is judged after them") {
  Bench bench;
  bench.receiver.rule = refuse_poison;
  bench.spool.append(block_of(std::vector<std::string>(100, "poison"), true));
  bench.start();
  bench.wait_for_retries(2);
  CHECK(bench.spool.figures().points_quarantined == 0);
  bench.spool.append(block_of({"good"}));
  CHECK(bench.receiver.wait_for_taken("good\n"));
  bench.drain();
  CHECK(bench.spool.figures().points_delivered == 1);
  CHECK(bench.spool.figures().points_quarantined == 100);
  CHECK(bench.sender->figures().trouble.empty());
}

TEST_CASE("a receiver that takes nothing any more keeps its points, however well it was before") {
  Bench bench;
  bool is_well = true;
  bench.receiver.rule = [&is_well](const std::string& lines) {
    return is_well ? refuse_poison(lines) : kRefused;
  };
  bench.spool.append(block_of({"good"}));
  bench.start();
  CHECK(bench.receiver.wait_for_taken("good\n"));
  {
    const std::lock_guard lock(bench.receiver.mutex);
    is_well = false;
  }
  for (int i = 1; i <= 3; ++i) bench.spool.append(block_of({"later " + std::to_string(i)}));
  bench.spool.append(block_of({"poison"}));
  bench.wait_for_retries(8);
  CHECK(bench.spool.figures().points_quarantined == 0);
  {
    const std::lock_guard lock(bench.receiver.mutex);
    is_well = true;
  }
  bench.drain();
  CHECK(bench.spool.figures().points_delivered == 4);
  CHECK(bench.spool.figures().points_quarantined == 1);
  CHECK(bench.spool.figures().points_waiting == 0);
}

TEST_CASE("many bad lines that stand together do not make the receiver suspect") {
  for (const int first_bad : {0, 200, 350}) {
    CAPTURE(first_bad);
    Bench bench;
    bench.receiver.rule = refuse_poison;
    std::vector<std::string> lines = numbered(0, 400);
    std::fill(lines.begin() + first_bad, lines.begin() + first_bad + 50, "poison");
    bench.spool.append(block_of(lines, true));
    bench.start();
    bench.drain();
    CHECK(bench.spool.figures().points_delivered == 350);
    CHECK(bench.spool.figures().points_quarantined == 50);
  }
}

TEST_CASE("several blocks of nothing but bad lines do not keep the good ones waiting") {
  Bench bench;
  bench.receiver.rule = refuse_poison;
  for (int i = 0; i < 3; ++i) {
    bench.spool.append(
        block_of(std::vector<std::string>(static_cast<std::size_t>(i) + 2, "poison")));
  }
  for (int i = 0; i < 3; ++i) bench.spool.append(block_of({"good " + std::to_string(i)}));
  bench.clock.now_ms += 120'000;
  bench.start();
  bench.drain();
  CHECK(bench.spool.figures().points_delivered == 3);
  CHECK(bench.spool.figures().points_quarantined == 9);
}

TEST_CASE("what is refused stays in the spool when there is no time to write it down") {
  const support::TempFolder folder;
  Bench bench(folder.path() + "/never-there/quarantine.txt");
  bench.receiver.rule = refuse_poison;
  bench.spool.append(block_of({"good", "poison"}));
  bench.start();
  while (bench.quarantine.figures().write_failures < 1) std::this_thread::yield();
  bench.sender->drain(steady_clock::now());
  CHECK(bench.spool.figures().points_waiting == 2);
  CHECK(bench.spool.figures().points_quarantined == 0);
}

TEST_CASE("fresh blocks go before the backlog, which then follows in its own order") {
  Bench bench;
  for (int i = 1; i <= 3; ++i) bench.spool.append(block_of({"old " + std::to_string(i)}));
  bench.clock.now_ms += 120'000;
  for (int i = 1; i <= 2; ++i) bench.spool.append(block_of({"new " + std::to_string(i)}));
  bench.start();
  bench.drain();
  CHECK(bench.receiver.taken == "new 1\nnew 2\nold 1\nold 2\nold 3\n");
}

TEST_CASE("the backlog keeps to its rate while fresh blocks pass it, but not in a drain") {
  Bench bench;
  for (int i = 1; i <= 4; ++i) bench.spool.append(block_of({"old " + std::to_string(i)}));
  bench.clock.now_ms += 120'000;
  sinks::SenderOptions options = kQuick;
  options.drain_rate = 1;
  bench.start(options);
  CHECK(bench.receiver.wait_for_taken("old 1\n"));
  // The clock stands: however long this takes, it is not the backlog's turn.
  std::string expected = "old 1\n";
  for (int i = 1; i <= 3; ++i) {
    const std::string line = "new " + std::to_string(i);
    bench.spool.append(block_of({line}));
    expected += line + "\n";
    CHECK(bench.receiver.wait_for_taken(expected));
  }
  bench.clock.now_ms += 1'000;
  expected += "old 2\n";
  CHECK(bench.receiver.wait_for_taken(expected));
  bench.drain();
  CHECK(bench.receiver.taken == expected + "old 3\nold 4\n");
}

TEST_CASE("refused lines are in the quarantine's file, below what was said of them") {
  const support::TempFolder folder;
  const std::string file = folder.path() + "/quarantine.txt";
  Bench bench(file);
  std::string at_next_block;
  bench.receiver.rule = [&](const std::string& lines) {
    if (lines == "next\n") at_next_block = *base::read_file(file, 1 << 20);
    return refuse_poison(lines);
  };
  bench.spool.append(block_of({"good", "poison 1", "poison 2", "fine"}, true));
  bench.spool.append(block_of({"next"}));
  bench.start();
  bench.drain();
  CHECK(at_next_block == "# 2026-01-01T00:00:00Z bad line\npoison 1\npoison 2\n");
  CHECK(bench.quarantine.figures().lines_written == 2);
  CHECK(bench.receiver.taken == "good\nfine\nnext\n");
  CHECK(bench.spool.figures().points_quarantined == 2);
}

TEST_CASE("refused lines wait for a quarantine's file that cannot be written, for a while") {
  const support::TempFolder folder;
  const std::string file = folder.path() + "/not-there-yet/quarantine.txt";
  Bench bench(file);
  bench.receiver.rule = refuse_poison;
  bench.spool.append(block_of({"good", "poison"}));
  bench.start();
  while (bench.quarantine.figures().write_failures < 2) std::this_thread::yield();
  CHECK(bench.spool.figures().points_waiting == 2);
  std::filesystem::create_directory(folder.path() + "/not-there-yet");
  bench.drain();
  CHECK(base::read_file(file, 1 << 20)->ends_with(" bad line\npoison\n"));
  CHECK(bench.spool.figures().points_quarantined == 1);

  Bench impatient(folder.path() + "/never-there/quarantine.txt");
  impatient.receiver.rule = refuse_poison;
  impatient.spool.append(block_of({"good", "poison"}));
  impatient.spool.append(block_of({"poison too", "fine"}));
  sinks::SenderOptions options = kQuick;
  options.quarantine_patience_ms = 0;
  impatient.start(options);
  impatient.drain();
  CHECK(impatient.receiver.taken == "good\nfine\n");
  CHECK(impatient.spool.figures().points_quarantined == 2);
  CHECK(impatient.quarantine.figures().write_failures == 2);
}

namespace {

const Spool* looked_at = nullptr;
std::uint64_t settled_when_told = 0;

void look_when_told(base::LogLevel, std::string_view message, std::span<const base::LogField>) {
  if (message.starts_with("the sink refuses points")) {
    settled_when_told = looked_at->figures().points_quarantined;
  }
}

}  // namespace

TEST_CASE("a block counts as settled only after its refused lines are written and told of") {
  Bench bench;
  looked_at = &bench.spool;
  settled_when_told = 99;
  base::set_log_writer(look_when_told);
  bench.receiver.rule = refuse_poison;
  bench.spool.append(block_of({"good", "poison"}));
  bench.start();
  bench.drain();
  base::set_log_writer(nullptr);
  CHECK(settled_when_told == 0);
  CHECK(bench.spool.figures().points_quarantined == 1);
}

TEST_CASE("without a file the log has the beginning of the first refused line") {
  const support::CollectedLog log;
  Bench bench;
  bench.receiver.rule = refuse_poison;
  bench.spool.append(block_of({"good", "poison" + std::string(400, 'x'), "poison too"}));
  bench.start();
  bench.drain();
  const auto lines = log.lines();
  const std::string expected =
      "the sink refuses points; they are quarantined, the others delivered sink=test points=2 "
      "answer=bad line first_line=poison" +
      std::string(294, 'x');
  CHECK(std::count(lines.begin(), lines.end(), expected) == 1);
}

TEST_CASE("trouble is told when it begins, after five minutes again, and when it ends") {
  const support::CollectedLog log;
  Bench bench;
  bench.receiver.rule = [](const std::string&) { return kDenied; };
  bench.spool.append(block_of(numbered(0, 7)));
  bench.start();
  bench.wait_for_retries(5);
  bench.clock.now_ms += 300'000;
  const std::uint64_t retries = bench.sender->figures().retries;
  bench.wait_for_retries(retries + 5);
  {
    const std::lock_guard lock(bench.receiver.mutex);
    bench.receiver.rule = nullptr;
  }
  bench.drain();
  std::vector<std::string> told;
  for (const std::string& line : log.lines()) {
    if (line.find("deliver") != std::string::npos) told.push_back(line);
  }
  CHECK(told == std::vector<std::string>{
                    "cannot deliver; the points wait and are tried again sink=test "
                    "error=who are you",
                    "still cannot deliver; the points wait and are tried again sink=test "
                    "error=who are you lasts=5m points=7 expired=0",
                    "delivering again sink=test after=5m"});
}

namespace {

std::atomic<int> errors_told = 0;
std::atomic<int> warnings_told = 0;

void count_levels(base::LogLevel level, std::string_view message, std::span<const base::LogField>) {
  if (message != "cannot deliver; the points wait and are tried again") return;
  if (level == base::LogLevel::Error) ++errors_told;
  if (level == base::LogLevel::Warn) ++warnings_told;
}

}  // namespace

TEST_CASE("what somebody has to act upon is an error, what passes by itself a warning") {
  struct Row {
    SendResult trouble;
    bool is_error;
  };
  base::set_log_writer(count_levels);
  for (const Row& row :
       {Row{kRetry, false}, Row{kSlowDown, false}, Row{kDenied, true}, Row{kMisplaced, true}}) {
    CAPTURE(row.trouble.cause);
    errors_told = 0;
    warnings_told = 0;
    Bench bench;
    bench.receiver.script = {row.trouble, row.trouble};
    bench.spool.append(block_of(numbered(0, 1)));
    bench.start();
    bench.drain();
    CHECK(errors_told == (row.is_error ? 1 : 0));
    CHECK(warnings_told == (row.is_error ? 0 : 1));
  }
  base::set_log_writer(nullptr);
}

TEST_CASE("a receiver with ever new answers cannot make the figures grow") {
  Bench bench;
  for (int i = 0; i < 40; ++i) {
    bench.receiver.script.push_back(
        {SendOutcome::Retry, "http_" + std::to_string(500 + i), "broken"});
  }
  bench.spool.append(block_of(numbered(0, 1)));
  bench.start();
  bench.wait_for_retries(40);
  bench.drain();
  const auto by_cause = bench.sender->figures().retries_by_cause;
  CHECK(by_cause.size() == 33);
  CHECK(by_cause.at("http_531") == 1);
  CHECK(by_cause.at("other") == 8);
}
