#include "relay/commands/progress_line.h"

#include <unistd.h>

namespace fedwave::relay {
namespace {

constexpr std::int64_t kEveryMs = 250;
constexpr const char* kEraseLine = "\r\x1b[K";

}  // namespace

bool is_terminal_stderr() {
  return ::isatty(STDERR_FILENO) == 1;
}

void ProgressLine::show(const std::function<std::string()>& text) {
  if (!is_terminal_) return;
  const std::int64_t now_ms = clock_.steady_ms();
  if (is_shown_ && now_ms - shown_ms_ < kEveryMs) return;
  shown_ms_ = now_ms;
  is_shown_ = true;
  // The cursor goes back to the line's beginning, so that a log event in between begins there too.
  err_ << kEraseLine << text() << '\r' << std::flush;
}

void ProgressLine::clear() {
  if (is_shown_) err_ << kEraseLine << std::flush;
  is_shown_ = false;
}

}  // namespace fedwave::relay
