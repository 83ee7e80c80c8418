// Writes the lines of blocks to a Wavefront proxy's TCP port, which never answers. Accepted means:
// the receiver's kernel has acknowledged every byte. What it had acknowledged and the proxy had not
// read is lost when the proxy dies; so the lines of the last blocks are kept, and sent again first
// on the next connection when one is found broken, but not after a goodbye, which only comes when
// everything was read. A point carries its own time, so sending it twice changes nothing at the
// receiver; distributions would be added twice, so they are not kept.
//
// Called by its sender's thread; `cancelled` outlives it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "sinks/sink.h"
#include "sinks/tcp_connection.h"

namespace fedwave::sinks {

struct TcpSinkOptions {
  std::string host;
  std::uint16_t port = 2878;
  std::int64_t connect_timeout_ms = 5'000;
  std::int64_t write_timeout_ms = 20'000;
  std::size_t replay_bytes_max = std::size_t{4} << 20;
};

class TcpSink final : public Sink {
 public:
  TcpSink(const TcpSinkOptions& options, const std::atomic<bool>* cancelled);

  SendResult send(const Block& block) override;
  // Says goodbye and waits, for a while, until the receiver has read everything; when that shows
  // that the connection broke, what it may have lost is sent again.
  void finish() override;

 private:
  struct Kept {
    std::string lines;
    std::uint32_t points = 0;
  };

  base::Expected<void> make_ready();
  base::Expected<void> replay();
  void end_connection(Receiver receiver);
  void keep(std::string_view lines, std::uint32_t points);
  [[nodiscard]] std::uint64_t kept_points() const;

  TcpConnection connection_;
  const std::size_t replay_bytes_max_;
  std::deque<Kept> kept_;  // oldest first
  std::size_t kept_bytes_ = 0;
  bool replay_is_due_ = false;
};

}  // namespace fedwave::sinks
