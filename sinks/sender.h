// One thread that takes a sink's blocks from its spool and delivers them, fresh ones first, the
// backlog at a bounded rate beside them. What the receiver answers decides (SendOutcome): the
// sender tries again with exponential backoff and full jitter while it is away, sends less while it
// asks for less, and halves a block that it refuses until the lines that it cannot take stand
// alone; only those are quarantined. Of trouble it tells once when it starts, every five minutes
// while it lasts, and once when it ends. Owns the sink and its thread; everything else outlives it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <thread>

#include "relay/base/clock.h"
#include "sinks/block_parts.h"
#include "sinks/pace.h"
#include "sinks/quarantine.h"
#include "sinks/sink.h"
#include "sinks/spool/spool.h"
#include "sinks/suspects.h"
#include "sinks/trouble.h"

namespace fedwave::sinks {

struct SenderFigures {
  std::uint64_t requests = 0;
  std::uint64_t retries = 0;
  // By cause, see SendResult; beyond the first 32 causes "other".
  std::map<std::string, std::uint64_t> retries_by_cause;
  std::map<std::string, std::uint64_t> quarantined_by_cause;  // in points
  std::string trouble;                   // what the receiver last said; empty while all is well
  std::string cause;                     // the kind of it
  std::int64_t trouble_since_ms = 0;     // wall time; 0 while all is well
  std::int64_t accepted_at_ms = 0;       // wall time of the last block taken; 0: none yet
  std::uint32_t batch_points_limit = 0;  // what the receiver's answers have led to; 0: none
  std::int64_t pause_ms = 0;             // between requests, likewise
};

struct Backoff {
  std::int64_t first_ms = 500;
  std::int64_t max_ms = 30'000;
};

struct SenderOptions {
  Backoff backoff;
  PaceLimits pace;
  std::int64_t drain_rate = 0;  // points of the backlog in a second; 0: no limit
  // For so long a quarantine file that cannot be written is tried again: a full disk often has room
  // again soon.
  std::int64_t quarantine_patience_ms = 60'000;
};

class Sender {
 public:
  // `cancelled` is what the sink looks at while it waits for the network; drain() sets it when the
  // time is up.
  Sender(std::string name, std::unique_ptr<Sink> sink, Spool& spool, Quarantine& quarantine,
         std::atomic<bool>& cancelled, const base::Clock& clock, SenderOptions options = {});
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // Nothing more comes: delivers what waits, the backlog as fast as it goes, until the spool is
  // empty or the time is up, then ends. Earlier when the receiver is away and the spool keeps all.
  void drain(std::chrono::steady_clock::time_point deadline);

  // Ends once the block in hand is delivered, or goes back into the spool because the receiver is
  // in trouble or the time is up: another sender takes over.
  void hand_over(std::chrono::steady_clock::time_point deadline);

  [[nodiscard]] SenderFigures figures() const;

 private:
  // What has been refused of the block in hand.
  struct Refused;

  void loop(const std::stop_token& stop) noexcept;
  Taken take(const std::stop_token& stop, bool last_round);
  void deliver(const Block& block, const std::stop_token& stop);
  void give_back(const Block& block, const SendResult& refusal, const std::stop_token& stop);
  void back_off(const SendResult& result, const std::stop_token& stop);
  void wait(std::int64_t wait_ms, const std::stop_token& stop);
  enum class Ending : std::uint8_t { No, HandsOver, Drains };
  void end(Ending how, std::chrono::steady_clock::time_point deadline);
  [[nodiscard]] Ending ending() const;
  [[nodiscard]] bool is_ending() const { return ending() != Ending::No; }
  [[nodiscard]] bool leaves_it_to_the_next();
  bool quarantine(const Refused& refused, const std::stop_token& stop);
  bool write_to_quarantine(std::string_view lines, const std::string& reason,
                           const std::stop_token& stop);
  void note_request();
  void note_trouble(const SendResult& result);
  void note_accepted();

  const std::string name_;
  const std::unique_ptr<Sink> sink_;
  Spool& spool_;
  Quarantine& quarantine_;
  std::atomic<bool>& cancelled_;
  const base::Clock& clock_;
  const Backoff backoff_;
  const std::int64_t quarantine_patience_ms_;
  bool quarantine_given_up_ = false;  // until it can be written again
  Pace pace_;
  BacklogPace backlog_pace_;
  Trouble trouble_;
  std::minstd_rand random_;
  std::int64_t backoff_ms_ = 0;
  Suspects suspects_;
  int failures_in_drain_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  SenderFigures figures_;       // with mutex_
  Ending ending_ = Ending::No;  // with mutex_
  bool ended_ = false;          // with mutex_
  std::jthread thread_;
};

}  // namespace fedwave::sinks
