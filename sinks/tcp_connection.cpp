#include "sinks/tcp_connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <utility>

#include "relay/base/clock.h"

namespace fedwave::sinks {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;

constexpr std::int64_t kPauseMsMax = 20;  // between looks at what is acknowledged
constexpr std::int64_t kGoodbyeMs = 2'000;
constexpr int kPiecesReadMax = 16;  // of what a receiver says that should say nothing

// A receiver that vanishes without a word is noticed on an idle connection too.
constexpr int kKeepaliveIdleSeconds = 60;
constexpr int kKeepaliveIntervalSeconds = 10;
constexpr int kKeepaliveProbes = 3;

std::string name_of(const TcpEndpoint& endpoint) {
  const bool is_ipv6 = endpoint.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" +
         std::to_string(endpoint.port);
}

Error socket_error(std::string what, int reason) {
  const auto code = reason == ETIMEDOUT ? ErrorCode::Timeout : ErrorCode::Unreachable;
  return {code, std::move(what) + ": " + std::strerror(reason)};
}

// Each of these only makes a dead receiver known sooner, or a short block leave sooner: a system
// that refuses one delivers all the same.
void set_options(int socket, std::int64_t write_timeout_ms) {
  const auto set = [socket](int level, int option, int value) {
    static_cast<void>(::setsockopt(socket, level, option, &value, sizeof value));
  };
  set(IPPROTO_TCP, TCP_USER_TIMEOUT,
      static_cast<int>(std::min<std::int64_t>(write_timeout_ms, INT_MAX)));
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalSeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
}

// Reading it takes it away: it is told once.
int pending_error(int socket) {
  int reason = 0;
  socklen_t size = sizeof reason;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &reason, &size) == 0 ? reason : errno;
}

}  // namespace

TcpConnection::TcpConnection(TcpEndpoint endpoint, const std::atomic<bool>* cancelled)
    : endpoint_(std::move(endpoint)), name_(name_of(endpoint_)), cancelled_(cancelled) {}

TcpConnection::~TcpConnection() {
  close();
}

void TcpConnection::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

Error TcpConnection::broken(int reason) const {
  return socket_error("the connection to " + name_ + " broke", reason);
}

Error TcpConnection::not_ready(Waited waited) const {
  if (waited == Waited::Cancelled) {
    return {ErrorCode::Cancelled, "the end came before " + name_ + " had it all"};
  }
  return {ErrorCode::Timeout, name_ + " does not read"};
}

Expected<void> TcpConnection::open() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint_.port);
  if (const int code = ::getaddrinfo(endpoint_.host.c_str(), port.c_str(), &hints, &found);
      code != 0) {
    return Error{ErrorCode::Unreachable,
                 "cannot resolve the host of " + name_ + ": " + gai_strerror(code)};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  Expected<void> connected = Error{ErrorCode::Unreachable, "no address for " + name_};
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    connected = connect_to(*address);
    if (connected) return connected;
    close();
    if (connected.error().code == ErrorCode::Cancelled) break;
  }
  return connected;
}

Expected<void> TcpConnection::connect_to(const addrinfo& address) {
  socket_ = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return socket_error("cannot make a socket for " + name_, errno);
  set_options(socket_, endpoint_.write_timeout_ms);
  int failure = ::connect(socket_, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  if (failure == EINPROGRESS) {
    switch (wait_for_descriptor(socket_, POLLOUT, endpoint_.connect_timeout_ms, cancelled_)) {
      case Waited::Ready:
        failure = pending_error(socket_);
        break;
      case Waited::TimedOut:
        failure = ETIMEDOUT;
        break;
      case Waited::Cancelled:
        return Error{ErrorCode::Cancelled, "the end came before " + name_ + " was reached"};
    }
  }
  if (failure != 0) return socket_error("cannot connect to " + name_, failure);
  return {};
}

Expected<void> TcpConnection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      const Waited waited =
          wait_for_descriptor(socket_, POLLOUT, endpoint_.write_timeout_ms, cancelled_);
      if (waited != Waited::Ready) return not_ready(waited);
    } else if (errno != EINTR) {
      return broken(errno);
    }
  }
  return {};
}

// The kernel tells how much is unacknowledged but wakes nobody when that changes, so it is asked
// again and again, soon at first; that the connection breaks ends a pause. (TIOCOUTQ is tcp(7)'s
// SIOCOUTQ by its other name.)
Expected<void> TcpConnection::await_acknowledgement() {
  const base::Clock& clock = base::system_clock();
  std::int64_t progress_ms = clock.steady_ms();
  int least_left = INT_MAX;
  for (std::int64_t pause_ms = 1;; pause_ms = std::min(pause_ms * 2, kPauseMsMax)) {
    if (look() == Receiver::Broken) return broken(reason_);
    int left = 0;
    if (::ioctl(socket_, TIOCOUTQ, &left) != 0) return broken(errno);
    if (left == 0) return {};
    if (left < least_left) {
      least_left = left;
      progress_ms = clock.steady_ms();
    }
    if (clock.steady_ms() - progress_ms >= endpoint_.write_timeout_ms) {
      return not_ready(Waited::TimedOut);
    }
    const Waited waited = wait_for_descriptor(socket_, 0, pause_ms, cancelled_);
    if (waited == Waited::Cancelled) return not_ready(waited);
  }
}

// What the receiver says is read and thrown away: closing with bytes unread would reset the
// connection from our side, and could cost the receiver what it has not read yet.
Receiver TcpConnection::look() {
  char heard[4096];
  for (int piece = 0; piece < kPiecesReadMax; ++piece) {
    const ssize_t count = ::recv(socket_, heard, sizeof heard, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Receiver::Listening;
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      // A reset that comes after the goodbye is not shown to recv().
      reason_ = count < 0 ? errno : pending_error(socket_);
      return reason_ == 0 ? Receiver::Left : Receiver::Broken;
    }
  }
  return Receiver::Listening;
}

Receiver TcpConnection::part() {
  ::shutdown(socket_, SHUT_WR);
  const base::Clock& clock = base::system_clock();
  const std::int64_t deadline = clock.steady_ms() + kGoodbyeMs;
  for (;;) {
    if (const Receiver receiver = look(); receiver != Receiver::Listening) return receiver;
    const Waited waited =
        wait_for_descriptor(socket_, POLLIN, deadline - clock.steady_ms(), cancelled_);
    if (waited != Waited::Ready) return Receiver::Listening;
  }
}

}  // namespace fedwave::sinks
