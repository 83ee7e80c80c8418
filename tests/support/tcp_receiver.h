// A receiver on 127.0.0.1 for tests of what writes to one: it takes connections, reads and ends
// them exactly when it is told. Nothing waits longer than a minute. The kernel completes
// connections and acknowledges bytes by itself, so the sender may be on the same thread until a
// buffer is full.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "tests/support/patience.h"

namespace fedwave::tests {

// One accepted connection, closed at the end of its life.
class ReceivedConnection {
 public:
  explicit ReceivedConnection(int socket) : socket_(socket) {
    const timeval patience{support::kPatienceMs / 1000, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~ReceivedConnection() { close(); }
  ReceivedConnection(ReceivedConnection&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)) {}
  ReceivedConnection& operator=(ReceivedConnection&&) = delete;

  [[nodiscard]] bool is_open() const { return socket_ >= 0; }

  // So many bytes, or fewer when they do not come.
  std::string read(std::size_t bytes) {
    std::string all(bytes, '\0');
    std::size_t have = 0;
    while (have < bytes) {
      const ssize_t got = TEMP_FAILURE_RETRY(::recv(socket_, all.data() + have, bytes - have, 0));
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    all.resize(have);
    return all;
  }

  // Everything up to the sender's goodbye; without one, "(no goodbye)" stands at the end.
  std::string read_all() {
    std::string all;
    for (;;) {
      char buffer[65536];
      const ssize_t got = TEMP_FAILURE_RETRY(::recv(socket_, buffer, sizeof buffer, 0));
      if (got == 0) return all;
      if (got < 0) return all + "(no goodbye)";
      all.append(buffer, static_cast<std::size_t>(got));
    }
  }

  bool say(const std::string& text) {
    return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }

  // False when the sender's kernel has not taken notice in time.
  bool say_goodbye() {
    ::shutdown(socket_, SHUT_WR);
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(support::kPatienceMs);
    for (int left = 1; left != 0;) {
      if (::ioctl(socket_, TIOCOUTQ, &left) != 0) return false;
      if (std::chrono::steady_clock::now() > deadline) return false;
    }
    return true;
  }

  // Without reading anything. False when it does not come.
  [[nodiscard]] bool await_goodbye() const {
    pollfd waiting{.fd = socket_, .events = POLLRDHUP, .revents = 0};
    return ::poll(&waiting, 1, static_cast<int>(support::kPatienceMs)) > 0;
  }

  // What happens to a connection when the receiver dies with bytes unread.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }

  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

 private:
  int socket_;
};

class TcpReceiver {
 public:
  // Has a port from here on, but refuses connections until listen(). With `buffer_bytes` its
  // connections hold about so much unread.
  explicit TcpReceiver(int buffer_bytes = 0) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval patience{support::kPatienceMs / 1000, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (buffer_bytes > 0) set_buffer(buffer_bytes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    socklen_t size = sizeof address;
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~TcpReceiver() { ::close(socket_); }
  TcpReceiver(const TcpReceiver&) = delete;
  TcpReceiver& operator=(const TcpReceiver&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  void listen() { ::listen(socket_, 16); }
  // Of the connections from here on.
  void set_buffer(int bytes) { ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes); }

  // Not open when none comes.
  ReceivedConnection accept() {
    return ReceivedConnection(
        static_cast<int>(TEMP_FAILURE_RETRY(::accept(socket_, nullptr, nullptr))));
  }

  [[nodiscard]] bool has_another_connection() const {
    pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, 0) > 0;
  }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

}  // namespace fedwave::tests
