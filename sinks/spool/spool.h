// The queue between the scrapes and one sink: blocks go in as they are filled and leave when the
// sink has acknowledged them. Bounded: when full, the oldest go first, counted. append() is called
// by any scrape worker and never blocks on the sink; front() and settle() by the one sender.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>

#include "sinks/block_output.h"

namespace fedwave::sinks {

// One consistent view: spooled == delivered + refused + expired + waiting, always.
struct SpoolFigures {
  std::uint64_t points_spooled = 0;
  std::uint64_t points_delivered = 0;
  std::uint64_t points_refused = 0;  // the sink will never take them
  std::uint64_t points_expired = 0;  // pushed out by newer ones, or left at the end
  std::uint64_t points_waiting = 0;
  std::uint64_t bytes_waiting = 0;
  std::uint64_t blocks_waiting = 0;
  std::int64_t oldest_waiting_ms = 0;  // wall time of the oldest waiting block; 0 when none waits
};

class Spool : public BlockOutput {
 public:
  // The oldest block, which stays in the spool; null when none came within the time or on stop.
  virtual std::shared_ptr<const Block> front(std::stop_token stop,
                                             std::chrono::milliseconds wait) = 0;
  // Takes out the block that front() gave last, its points as delivered or refused.
  virtual void settle(std::uint32_t delivered, std::uint32_t refused) = 0;

  // No more front(): what waits counts as expired, because this spool does not outlive the process.
  virtual void close() = 0;

  [[nodiscard]] virtual SpoolFigures figures() const = 0;
};

}  // namespace fedwave::sinks
