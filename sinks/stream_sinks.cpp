#include "sinks/stream_sinks.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <memory>

namespace fedwave::sinks {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;

constexpr std::int64_t kPollSliceMs = 100;  // how quickly a cancellation is noticed
constexpr std::int64_t kDrainMs = 2'000;
constexpr std::int64_t kStdoutTimeoutMs = 20'000;

std::int64_t steady_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

Error socket_error(const std::string& what) {
  const auto code = errno == ETIMEDOUT ? ErrorCode::Timeout : ErrorCode::Unreachable;
  return {code, what + ": " + std::strerror(errno)};
}

// False, with errno, when the time is over or the wait was cancelled.
bool wait_for_descriptor(int descriptor, short events, std::int64_t timeout_ms,
                         const std::atomic<bool>* cancelled) {
  const std::int64_t deadline = steady_ms() + timeout_ms;
  for (;;) {
    const std::int64_t left = deadline - steady_ms();
    if (left <= 0 || (cancelled != nullptr && cancelled->load())) break;
    pollfd waiting{.fd = descriptor, .events = events, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min(left, kPollSliceMs)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
  errno = ETIMEDOUT;
  return false;
}

}  // namespace

TcpSink::TcpSink(TcpSinkOptions options, const std::atomic<bool>* cancelled)
    : options_(std::move(options)), cancelled_(cancelled) {}

TcpSink::~TcpSink() {
  disconnect();
}

void TcpSink::disconnect() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

bool TcpSink::wait_for(short events, std::int64_t timeout_ms) const {
  return wait_for_descriptor(socket_, events, timeout_ms, cancelled_);
}

Expected<void> TcpSink::connect() {
  const std::string where = options_.host + ":" + std::to_string(options_.port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(options_.port);
  if (const int code = ::getaddrinfo(options_.host.c_str(), port.c_str(), &hints, &found);
      code != 0) {
    return Error{ErrorCode::Unreachable,
                 "cannot resolve " + options_.host + ": " + gai_strerror(code)};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  Error last{ErrorCode::Unreachable, "no address for " + where};
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    socket_ = ::socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket_ < 0) return socket_error("cannot make a socket");
    const int user_timeout_ms =
        static_cast<int>(std::min<std::int64_t>(options_.write_timeout_ms, INT_MAX));
    ::setsockopt(socket_, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
    int failure = ::connect(socket_, a->ai_addr, a->ai_addrlen) == 0 ? 0 : errno;
    if (failure == EINPROGRESS) {
      socklen_t size = sizeof failure;
      if (!wait_for(POLLOUT, options_.connect_timeout_ms)) {
        failure = ETIMEDOUT;
      } else {
        ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &failure, &size);
      }
    }
    if (failure == 0) return {};
    errno = failure;
    last = socket_error("cannot connect to " + where);
    disconnect();
  }
  return last;
}

// A proxy never sends anything: the end of the stream, or an error, is its goodbye.
bool TcpSink::receiver_has_left() const {
  char byte;
  const ssize_t count = ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

Expected<void> TcpSink::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait_for(POLLOUT, options_.write_timeout_ms)) {
        return socket_error("the receiver does not read");
      }
    } else if (errno != EINTR) {
      return socket_error("the connection broke");
    }
  }
  return {};
}

SendResult TcpSink::send(const Block& block) {
  if (socket_ >= 0 && receiver_has_left()) disconnect();
  if (socket_ < 0) {
    if (const auto connected = connect(); !connected) {
      return retry(connected.error());
    }
  }
  const auto lines = block_lines(block);
  if (!lines) return {SendOutcome::Refused, "unreadable_block", lines.error().message};
  if (const auto written = write_all(*lines); !written) {
    disconnect();
    return retry(written.error());
  }
  return {};
}

void TcpSink::finish() {
  if (socket_ < 0) return;
  ::shutdown(socket_, SHUT_WR);
  static_cast<void>(wait_for(POLLIN, kDrainMs));
  disconnect();
}

// In pieces that a pipe takes at once when it says that it is ready, so that a reader who has
// stopped reading does not hold up the end of the process.
SendResult StdoutSink::send(const Block& block) {
  const auto lines = block_lines(block);
  if (!lines) return {SendOutcome::Refused, "unreadable_block", lines.error().message};
  for (std::string_view rest = *lines; !rest.empty();) {
    if (!wait_for_descriptor(STDOUT_FILENO, POLLOUT, kStdoutTimeoutMs, cancelled_)) {
      return retry({ErrorCode::Timeout, "nobody reads standard output"});
    }
    const ssize_t count =
        ::write(STDOUT_FILENO, rest.data(), std::min<std::size_t>(rest.size(), PIPE_BUF));
    if (count < 0 && errno != EINTR) {
      return retry(
          {ErrorCode::Io, std::string("cannot write to standard output: ") + std::strerror(errno)});
    }
    if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace fedwave::sinks
