// Where the lines go that a receiver will never take: into a file, each below a '#' line that says
// when and why, for people to look at and, once the reason is gone, to send again by hand. Bounded:
// a full file takes the place of the one that was full before it. append() belongs to the sender's
// thread, figures() to anybody.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "relay/base/expected.h"

namespace fedwave::sinks {

struct QuarantineOptions {
  std::string sink;  // its name, for the log
  std::string path;  // of the file; empty: there is none
  std::uint64_t bytes_max = std::uint64_t{16} << 20;
};

struct QuarantineFigures {
  std::uint64_t lines_written = 0;
  std::uint64_t write_failures = 0;
};

class Quarantine {
 public:
  explicit Quarantine(QuarantineOptions options) : options_(std::move(options)) {}

  // True when the lines are in the file and the file is on the disk.
  bool append(std::string_view lines, std::string_view reason, std::int64_t wall_ms);

  [[nodiscard]] const std::string& path() const { return options_.path; }
  [[nodiscard]] QuarantineFigures figures() const {
    return {.lines_written = lines_written_, .write_failures = write_failures_};
  }

 private:
  base::Expected<void> write(std::string_view text) const;

  const QuarantineOptions options_;
  bool is_failing_ = false;  // told once
  std::atomic<std::uint64_t> lines_written_ = 0;
  std::atomic<std::uint64_t> write_failures_ = 0;
};

}  // namespace fedwave::sinks
