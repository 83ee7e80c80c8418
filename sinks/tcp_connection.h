// One TCP connection to a receiver that only reads and never answers. What such a receiver has of
// the bytes written is known in two ways only: its kernel has acknowledged them (that is not its
// program yet), and how the connection ends. Linux ends it with a reset when the program goes
// leaving bytes unread, and with an ordinary goodbye when it has read them all.
//
// Owned and called by one sink, on its sender's thread; `cancelled` outlives it and cuts every wait
// short.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "relay/base/expected.h"
#include "sinks/descriptor_wait.h"

struct addrinfo;

namespace fedwave::sinks {

struct TcpEndpoint {
  std::string host;  // a name or an address
  std::uint16_t port = 2878;
  std::int64_t connect_timeout_ms = 5'000;  // for each address of the name
  std::int64_t write_timeout_ms = 20'000;   // without any progress
};

enum class Receiver : std::uint8_t {
  Listening,
  Left,    // with a goodbye: whatever its kernel had acknowledged before, it has read
  Broken,  // reset, or out of reach: what it had not read is lost, acknowledged or not
};

class TcpConnection {
 public:
  TcpConnection(TcpEndpoint endpoint, const std::atomic<bool>* cancelled);
  ~TcpConnection();
  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;

  base::Expected<void> open();
  [[nodiscard]] bool is_open() const { return socket_ >= 0; }
  // After a failure of any other call: the connection is of no more use.
  void close();

  base::Expected<void> write(std::string_view bytes);
  // Until the receiver's kernel has acknowledged all that was written.
  base::Expected<void> await_acknowledgement();
  // How the receiver is, as far as is known without waiting.
  Receiver look();
  // Says goodbye and waits, for a while, for the receiver's; Listening when it does not come.
  Receiver part();

  [[nodiscard]] const std::string& name() const { return name_; }  // host:port, for people

 private:
  base::Expected<void> connect_to(const addrinfo& address);
  [[nodiscard]] base::Error broken(int reason) const;
  [[nodiscard]] base::Error not_ready(Waited waited) const;

  const TcpEndpoint endpoint_;
  const std::string name_;
  const std::atomic<bool>* cancelled_;
  int socket_ = -1;
  int reason_ = 0;  // why look() found it broken, an errno
};

}  // namespace fedwave::sinks
