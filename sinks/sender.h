// One thread that takes a sink's blocks in order from its spool and delivers them: retrying with
// exponential backoff and full jitter while the receiver is away, telling of it once when it starts
// and once when it ends. A block that the receiver refuses is halved until the lines that it cannot
// take stand alone; only those are dropped. Owns the sink and its thread; the spool outlives it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "sinks/sink.h"
#include "sinks/spool/spool.h"

namespace fedwave::sinks {

struct SenderFigures {
  std::uint64_t requests = 0;
  std::uint64_t retries = 0;
  std::string trouble;  // what the receiver last said; empty while all is well
  std::string cause;    // the kind of it, see SendResult
};

struct Backoff {
  std::int64_t first_ms = 500;
  std::int64_t max_ms = 30'000;
};

class Sender {
 public:
  // `cancelled` is what the sink looks at while it waits for the network; drain() sets it when the
  // time is up. It outlives the sender.
  Sender(std::string name, std::unique_ptr<Sink> sink, Spool& spool, std::atomic<bool>& cancelled,
         Backoff backoff = {});
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // Nothing more comes: delivers what waits until the spool is empty or the time is up, then ends.
  void drain(std::chrono::steady_clock::time_point deadline);

  [[nodiscard]] SenderFigures figures() const;

 private:
  void loop(const std::stop_token& stop) noexcept;
  bool deliver(const Block& block, const std::stop_token& stop);
  enum class Parts : std::uint8_t { Settled, NoneTaken, Stopped };
  Parts deliver_in_parts(const Block& block, const SendResult& refusal,
                         const std::stop_token& stop);
  SendResult send(const Block& block, const std::stop_token& stop);
  void back_off(const SendResult& result, const std::stop_token& stop);
  [[nodiscard]] bool is_draining() const;
  void note_refusal(const std::vector<Block>& refused, std::uint32_t points,
                    const SendResult& result) const;
  void note_trouble(const SendResult& result);
  void note_recovery();

  const std::string name_;
  const std::unique_ptr<Sink> sink_;
  Spool& spool_;
  std::atomic<bool>& cancelled_;
  const Backoff backoff_;
  std::minstd_rand random_;
  std::int64_t backoff_ms_ = 0;
  bool ever_accepted_ = false;  // by this receiver: it is a Wavefront
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  SenderFigures figures_;
  bool draining_ = false;  // with mutex_
  bool ended_ = false;     // with mutex_
  std::jthread thread_;
};

}  // namespace fedwave::sinks
