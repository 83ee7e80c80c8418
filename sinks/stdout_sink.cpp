#include "sinks/stdout_sink.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <string>
#include <string_view>

#include "sinks/descriptor_wait.h"

namespace fedwave::sinks {
namespace {

using base::ErrorCode;

constexpr std::int64_t kWriteTimeoutMs = 20'000;

}  // namespace

// In pieces that a pipe takes at once when it says that it is ready, so that a reader who has
// stopped reading does not hold up the end of the process.
SendResult StdoutSink::send(const Block& block) {
  const auto lines = block_lines(block);
  if (!lines) return {SendOutcome::Refused, "unreadable_block", lines.error().message};
  // Of a block that stopped in the middle of a line the whole comes again, on lines of its own.
  const std::string text = (is_mid_line_ ? "\n" : "") + *lines;
  for (std::string_view rest = text; !rest.empty();) {
    switch (wait_for_descriptor(STDOUT_FILENO, POLLOUT, kWriteTimeoutMs, cancelled_)) {
      case Waited::Ready:
        break;
      case Waited::TimedOut:
        return retry({ErrorCode::Timeout, "nobody reads standard output"});
      case Waited::Cancelled:
        return retry({ErrorCode::Cancelled, "the end came before standard output took it all"});
    }
    const ssize_t count =
        ::write(STDOUT_FILENO, rest.data(), std::min<std::size_t>(rest.size(), PIPE_BUF));
    if (count < 0 && errno != EINTR && errno != EAGAIN) {
      return retry(
          {ErrorCode::Io, std::string("cannot write to standard output: ") + std::strerror(errno)});
    }
    if (count <= 0) continue;
    is_mid_line_ = rest[static_cast<std::size_t>(count) - 1] != '\n';
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace fedwave::sinks
