#include "sinks/stdout_sink.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <csignal>
#include <cstdio>
#include <future>
#include <string>
#include <thread>

#include "relay/base/gzip.h"

using namespace fedwave;
using sinks::Block;
using sinks::SendOutcome;
using sinks::SendResult;
using sinks::StdoutSink;

namespace {

// Standard output is a pipe for as long as this lives; a pipe without readers is an error then, as
// it is in the program.
class StdoutPipe {
 public:
  StdoutPipe() : signal_before_(std::signal(SIGPIPE, SIG_IGN)) {
    std::fflush(stdout);
    before_ = ::dup(STDOUT_FILENO);
    int ends[2] = {-1, -1};
    works_ = ::pipe2(ends, O_CLOEXEC) == 0 && ::dup2(ends[1], STDOUT_FILENO) >= 0;
    ::close(ends[1]);
    read_end_ = ends[0];
  }
  ~StdoutPipe() {
    close_write_end();
    close_read_end();
    std::signal(SIGPIPE, signal_before_);
  }
  StdoutPipe(const StdoutPipe&) = delete;
  StdoutPipe& operator=(const StdoutPipe&) = delete;

  [[nodiscard]] bool works() const { return works_; }

  std::string read_all() const {
    std::string all;
    char buffer[65536];
    for (ssize_t got = 0; (got = ::read(read_end_, buffer, sizeof buffer)) > 0;) {
      all.append(buffer, static_cast<std::size_t>(got));
    }
    return all;
  }
  [[nodiscard]] int bytes_waiting() const {
    int bytes = 0;
    return ::ioctl(read_end_, FIONREAD, &bytes) == 0 ? bytes : 0;
  }
  void close_write_end() {
    if (before_ < 0) return;
    ::dup2(before_, STDOUT_FILENO);
    ::close(before_);
    before_ = -1;
  }
  void close_read_end() {
    if (read_end_ >= 0) ::close(read_end_);
    read_end_ = -1;
  }

 private:
  void (*signal_before_)(int);
  int before_ = -1;
  int read_end_ = -1;
  bool works_ = false;
};

std::string many_lines() {
  std::string lines;
  while (lines.size() < (std::size_t{1} << 20)) lines += "\"m\" 1 source=\"s\"\n";
  return lines;
}

}  // namespace

TEST_CASE("blocks of any size are on standard output as they are") {
  const std::string large = many_lines();
  Block zipped{.bytes = base::GzipDeflater().deflate("zipped\n"), .gzip = true, .line_bytes = 7};
  StdoutPipe pipe;
  auto read = std::async(std::launch::async, [&] { return pipe.read_all(); });
  StdoutSink sink(nullptr);
  const SendResult first = sink.send({.bytes = large});
  const SendResult second = sink.send(zipped);
  pipe.close_write_end();
  REQUIRE(pipe.works());
  CHECK(first.outcome == SendOutcome::Accepted);
  CHECK(second.outcome == SendOutcome::Accepted);
  CHECK((read.get() == large + "zipped\n"));
}

TEST_CASE("what standard output does not take is tried again") {
  struct Row {
    const char* what;
    bool has_reader;
    bool cancelled;
    const char* cause;
  };
  const Row rows[] = {
      {"the reader is gone", false, false, "io"},
      {"the reader does not read and the end has come", true, true, "cancelled"},
  };
  for (const Row& row : rows) {
    const std::atomic<bool> cancelled = row.cancelled;
    SendResult result;
    {
      StdoutPipe pipe;
      if (!row.has_reader) pipe.close_read_end();
      result = StdoutSink(&cancelled).send({.bytes = many_lines()});
    }
    CAPTURE(row.what);
    CHECK(result.outcome == SendOutcome::Retry);
    CHECK(result.cause == row.cause);
  }
}

TEST_CASE("after a block that stopped in the middle of a line the next one begins a line") {
  std::atomic<bool> cancelled = false;
  const std::string large = many_lines();
  StdoutPipe pipe;
  StdoutSink sink(&cancelled);
  auto sending = std::async(std::launch::async, [&] { return sink.send({.bytes = large}); });
  while (pipe.bytes_waiting() < PIPE_BUF) std::this_thread::yield();
  cancelled = true;
  const SendResult first = sending.get();
  cancelled = false;
  auto read = std::async(std::launch::async, [&] { return pipe.read_all(); });
  const SendResult second = sink.send({.bytes = "next\n"});
  const SendResult third = sink.send({.bytes = "after\n"});
  pipe.close_write_end();
  const std::string all = read.get();
  CHECK(first.outcome == SendOutcome::Retry);
  CHECK(second.outcome == SendOutcome::Accepted);
  CHECK(third.outcome == SendOutcome::Accepted);
  REQUIRE(all.ends_with("\nnext\nafter\n"));
  // (4096 is no multiple of a line's bytes, so that it stopped in the middle of one.)
  const std::string written = all.substr(0, all.size() - std::string("next\nafter\n").size());
  const bool was_mid_line = large.substr(0, written.size()) != written;
  CHECK(large.starts_with(written.substr(0, written.size() - (was_mid_line ? 1 : 0))));
}

TEST_CASE("a block that cannot be unpacked is refused by standard output") {
  const SendResult result = StdoutSink(nullptr).send({.bytes = "not gzip", .gzip = true});
  CHECK(result.outcome == SendOutcome::Refused);
  CHECK(result.cause == "unreadable_block");
}
