// The spool in memory, bounded by bytes. A mutex guards it; nothing slow happens under it.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "sinks/spool/spool.h"

namespace fedwave::sinks {

class MemorySpool final : public Spool {
 public:
  // `name` is the sink's, for the log.
  MemorySpool(std::string name, std::uint64_t bytes_max)
      : name_(std::move(name)), bytes_max_(bytes_max) {}

  void append(Block block) override;
  std::shared_ptr<const Block> front(std::stop_token stop, std::chrono::milliseconds wait) override;
  void settle(std::uint32_t delivered, std::uint32_t refused) override;
  void close() override;
  [[nodiscard]] SpoolFigures figures() const override;

 private:
  std::uint64_t expire_oldest_locked();
  void remove_locked(std::size_t index);

  const std::string name_;
  const std::uint64_t bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::deque<std::shared_ptr<const Block>> blocks_;
  bool front_in_hand_ = false;  // the sender has the first block: it is not pushed out
  bool is_full_ = false;        // since the last time that it was empty
  SpoolFigures figures_;
};

}  // namespace fedwave::sinks
