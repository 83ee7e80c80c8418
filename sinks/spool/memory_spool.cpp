#include "sinks/spool/memory_spool.h"

#include "relay/base/check.h"
#include "relay/base/log.h"

namespace fedwave::sinks {

void MemorySpool::append(Block block) {
  bool is_news = false;
  {
    const std::lock_guard lock(mutex_);
    figures_.points_spooled += block.points;
    figures_.points_waiting += block.points;
    figures_.bytes_waiting += block.bytes.size();
    blocks_.push_back(std::make_shared<const Block>(std::move(block)));
    is_news = expire_oldest_locked() > 0 && !is_full_;
    is_full_ = is_full_ || is_news;
  }
  arrived_.notify_one();
  if (is_news) {
    base::log(base::LogLevel::Error,
              "the spool is full: the oldest points are dropped until the sink takes them again",
              {{"sink", name_}, {"spool_bytes", bytes_max_}});
  }
}

// The newest block always stays, however large: a spool too small for one block still delivers.
std::uint64_t MemorySpool::expire_oldest_locked() {
  const std::uint64_t before = figures_.points_expired;
  const std::size_t first = front_in_hand_ ? 1 : 0;
  while (figures_.bytes_waiting > bytes_max_ && blocks_.size() > first + 1) {
    figures_.points_expired += blocks_[first]->points;
    remove_locked(first);
  }
  return figures_.points_expired - before;
}

void MemorySpool::remove_locked(std::size_t index) {
  figures_.points_waiting -= blocks_[index]->points;
  figures_.bytes_waiting -= blocks_[index]->bytes.size();
  blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(index));
}

std::shared_ptr<const Block> MemorySpool::front(std::stop_token stop,
                                                std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, stop, wait, [this] { return !blocks_.empty(); });
  if (blocks_.empty()) return nullptr;
  front_in_hand_ = true;
  return blocks_.front();
}

void MemorySpool::settle(std::uint32_t delivered, std::uint32_t refused) {
  const std::lock_guard lock(mutex_);
  FEDWAVE_CHECK(front_in_hand_ && blocks_.front()->points == delivered + refused);
  figures_.points_delivered += delivered;
  figures_.points_refused += refused;
  remove_locked(0);
  front_in_hand_ = false;
  if (blocks_.empty()) is_full_ = false;
}

void MemorySpool::close() {
  const std::lock_guard lock(mutex_);
  if (figures_.points_waiting > 0) {
    base::log(base::LogLevel::Error, "the end has come before these points were delivered",
              {{"sink", name_}, {"points", figures_.points_waiting}});
  }
  figures_.points_expired += figures_.points_waiting;
  blocks_.clear();
  front_in_hand_ = false;
  figures_.points_waiting = 0;
  figures_.bytes_waiting = 0;
}

SpoolFigures MemorySpool::figures() const {
  const std::lock_guard lock(mutex_);
  SpoolFigures copy = figures_;
  copy.blocks_waiting = blocks_.size();
  copy.oldest_waiting_ms = blocks_.empty() ? 0 : blocks_.front()->created_ms;
  return copy;
}

}  // namespace fedwave::sinks
