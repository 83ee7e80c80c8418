// The memory of blocks that have left the spool, for those that come: a page's lines are a burst of
// mebibytes, and taking them from the system anew costs more than filling them. Only large buffers
// are kept, up to a bound. Shared by the spool and by the blocks it has lent; any thread.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "sinks/block.h"

namespace fedwave::sinks {

class SpareBuffers {
 public:
  // Of whatever size and content; empty when there is none.
  std::string take() {
    const std::lock_guard lock(mutex_);
    if (buffers_.empty()) return {};
    std::string buffer = std::move(buffers_.back());
    buffers_.pop_back();
    return buffer;
  }

  void give(std::string buffer) {
    if (buffer.capacity() < kBlockBytesMax) return;
    const std::lock_guard lock(mutex_);
    if (buffers_.size() < kBuffersMax) buffers_.push_back(std::move(buffer));
  }

  // A block that gives its memory to `spares` when the last one who reads it is done.
  static std::shared_ptr<const Block> lend(std::shared_ptr<SpareBuffers> spares, Block block) {
    return {new Block(std::move(block)), [spares = std::move(spares)](Block* done) {
              const std::unique_ptr<Block> owner(done);
              spares->give(std::move(owner->bytes));
            }};
  }

 private:
  static constexpr std::size_t kBuffersMax = 16;

  std::mutex mutex_;
  std::vector<std::string> buffers_;
};

}  // namespace fedwave::sinks
