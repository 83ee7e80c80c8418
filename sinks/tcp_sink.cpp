#include "sinks/tcp_sink.h"

#include <algorithm>
#include <utility>

#include "relay/base/log.h"

namespace fedwave::sinks {

using base::Expected;

TcpSink::TcpSink(const TcpSinkOptions& options, const std::atomic<bool>* cancelled)
    : connection_({.host = options.host,
                   .port = options.port,
                   .connect_timeout_ms = options.connect_timeout_ms,
                   .write_timeout_ms = options.write_timeout_ms},
                  cancelled),
      replay_bytes_max_(options.replay_bytes_max) {}

// Always whole lines from the first byte of a connection on. They begin with a quote or with '!',
// which the proxy never takes for the beginning of an HTTP request.
SendResult TcpSink::send(const Block& block) {
  Expected<std::string> inflated = std::string();
  if (block.gzip) inflated = block_lines(block);
  if (!inflated) return {SendOutcome::Refused, "unreadable_block", inflated.error().message};
  const std::string_view lines = block.gzip ? *inflated : block.bytes;
  if (const auto ready = make_ready(); !ready) return retry(ready.error());
  auto delivered = connection_.write(lines);
  if (delivered) delivered = connection_.await_acknowledgement();
  if (!delivered) {
    end_connection(Receiver::Broken);
    return retry(delivered.error());
  }
  if (block.format == PointFormat::Metric) keep(lines, block.points);
  return {};
}

// A connection to a receiver that listens and has been sent what an earlier one may have lost.
Expected<void> TcpSink::make_ready() {
  if (connection_.is_open()) {
    const Receiver receiver = connection_.look();
    if (receiver != Receiver::Listening) end_connection(receiver);
  }
  if (!connection_.is_open()) {
    if (auto opened = connection_.open(); !opened) return opened;
  }
  if (!replay_is_due_) return {};
  auto replayed = replay();
  if (!replayed) end_connection(Receiver::Broken);
  return replayed;
}

Expected<void> TcpSink::replay() {
  for (const Kept& kept : kept_) {
    if (auto written = connection_.write(kept.lines); !written) return written;
  }
  if (auto acknowledged = connection_.await_acknowledgement(); !acknowledged) return acknowledged;
  replay_is_due_ = false;
  base::log(base::LogLevel::Info, "sent again what the broken connection may have lost",
            {{"endpoint", connection_.name()}, {"points", kept_points()}});
  return {};
}

void TcpSink::end_connection(Receiver receiver) {
  connection_.close();
  if (receiver == Receiver::Left) {
    kept_.clear();
    kept_bytes_ = 0;
  }
  replay_is_due_ = receiver == Receiver::Broken && !kept_.empty();
}

// The memory of what leaves the window goes to what enters it: to map a mebibyte anew takes longer
// than to send it.
void TcpSink::keep(std::string_view lines, std::uint32_t points) {
  std::string copy;
  kept_bytes_ += lines.size();
  while (kept_bytes_ > replay_bytes_max_ && !kept_.empty()) {
    kept_bytes_ -= kept_.front().lines.size();
    copy = std::move(kept_.front().lines);
    kept_.pop_front();
  }
  if (kept_bytes_ > replay_bytes_max_) {  // alone
    kept_bytes_ = 0;
    return;
  }
  const bool is_large = lines.size() > kBlockBytesMax / 2;
  const bool fits =
      copy.capacity() >= lines.size() && (is_large || copy.capacity() < kBlockBytesMax);
  if (!fits) {
    copy = std::string();
    copy.reserve(is_large ? std::max(lines.size(), kBlockBytesMax) : lines.size());
  }
  kept_.push_back({std::move(copy.assign(lines)), points});
}

// Every send() has waited for the acknowledgement of its bytes: there are none under way.
void TcpSink::finish() {
  if (connection_.is_open()) end_connection(connection_.part());
  if (replay_is_due_ && make_ready()) end_connection(connection_.part());
  if (!replay_is_due_) return;
  base::log(base::LogLevel::Warn,
            "the end came before what the broken connection may have lost was sent again",
            {{"endpoint", connection_.name()}, {"points", kept_points()}});
}

std::uint64_t TcpSink::kept_points() const {
  std::uint64_t points = 0;
  for (const Kept& kept : kept_) points += kept.points;
  return points;
}

}  // namespace fedwave::sinks
