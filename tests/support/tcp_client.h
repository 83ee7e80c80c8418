// A blocking client on 127.0.0.1 for tests of servers: it sends exactly the bytes that it is told
// and shows exactly the bytes that come back. Nothing waits longer than a minute. (A process
// that is stopped and goes on finds its calls interrupted, hence the repetitions.)
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "tests/support/patience.h"

namespace fedwave::tests {

class TcpClient {
 public:
  explicit TcpClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ =
        ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    const timeval patience{support::kPatienceMs / 1000, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  ~TcpClient() { ::close(socket_); }
  TcpClient(const TcpClient&) = delete;
  TcpClient& operator=(const TcpClient&) = delete;

  [[nodiscard]] bool is_connected() const { return is_connected_; }

  // False when the server has closed before everything was sent.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent =
          TEMP_FAILURE_RETRY(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void finish_sending() { ::shutdown(socket_, SHUT_WR); }

  // One more piece; empty at the end.
  std::string read_some() {
    char buffer[65536];
    const ssize_t got = TEMP_FAILURE_RETRY(::recv(socket_, buffer, sizeof buffer, 0));
    return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : std::string();
  }

  // Everything up to the end of the connection.
  std::string read_all() {
    std::string all;
    for (std::string piece = read_some(); !piece.empty(); piece = read_some()) all += piece;
    return all;
  }

  // One answer, by its Content-Length; the connection stays open.
  std::string read_answer() {
    std::size_t head_end = std::string::npos;
    while ((head_end = rest_.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more()) return std::exchange(rest_, {});
    }
    static constexpr std::string_view kLength = "Content-Length: ";
    const std::size_t at = rest_.find(kLength);
    const std::size_t length =
        at < head_end ? std::strtoull(rest_.c_str() + at + kLength.size(), nullptr, 10) : 0;
    const std::size_t end = head_end + 4 + length;
    while (rest_.size() < end) {
      if (!read_more()) break;
    }
    std::string answer = rest_.substr(0, end);
    rest_.erase(0, end);
    return answer;
  }

 private:
  bool read_more() {
    const std::string piece = read_some();
    rest_ += piece;
    return !piece.empty();
  }

  int socket_;
  bool is_connected_ = false;
  std::string rest_;
};

// A whole POST, to be answered on a connection that then closes.
inline std::string post(std::string_view target, std::string_view body,
                        std::string_view headers = {}) {
  std::string request = "POST ";
  request += target;
  request += " HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: ";
  request += std::to_string(body.size()) + "\r\n";
  request += headers;
  request += "\r\n";
  request += body;
  return request;
}

// The status of an answer; 0 when there is none.
inline int status_of(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::atoi(std::string(answer.substr(9, 3)).c_str()) : 0;
}

inline std::string_view body_of(std::string_view answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string_view::npos ? std::string_view() : answer.substr(end + 4);
}

}  // namespace fedwave::tests
