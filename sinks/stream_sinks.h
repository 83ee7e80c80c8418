// Sinks that write the lines as they are: to a proxy's TCP port, which never answers, and to
// standard output. Both take uncompressed blocks.
#pragma once

#include <cstdint>
#include <string>

#include "sinks/sink.h"

namespace fedwave::sinks {

struct TcpSinkOptions {
  std::string host;
  std::uint16_t port = 2878;
  std::int64_t connect_timeout_ms = 5'000;
  std::int64_t write_timeout_ms = 20'000;
};

// Whole lines only; before each block the connection is checked for the receiver's goodbye, and a
// block that a broken connection may have cut is sent again in full on the next one. Accepted
// means: handed to the kernel for a connection that was alive.
class TcpSink final : public Sink {
 public:
  explicit TcpSink(TcpSinkOptions options, const std::atomic<bool>* cancelled);
  ~TcpSink() override;
  TcpSink(const TcpSink&) = delete;
  TcpSink& operator=(const TcpSink&) = delete;

  SendResult send(const Block& block) override;
  // Closes our half and waits, bounded, until the receiver has read everything.
  void finish() override;

 private:
  base::Expected<void> connect();
  base::Expected<void> write_all(std::string_view bytes);
  [[nodiscard]] bool receiver_has_left() const;
  [[nodiscard]] bool wait_for(short events, std::int64_t timeout_ms) const;
  void disconnect();

  const TcpSinkOptions options_;
  const std::atomic<bool>* cancelled_;
  int socket_ = -1;
};

class StdoutSink final : public Sink {
 public:
  explicit StdoutSink(const std::atomic<bool>* cancelled) : cancelled_(cancelled) {}
  SendResult send(const Block& block) override;

 private:
  const std::atomic<bool>* cancelled_;
};

}  // namespace fedwave::sinks
