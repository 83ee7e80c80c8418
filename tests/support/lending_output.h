// An output that takes the memory of its blocks back at once, as a spool does when they are
// delivered, and lends it again with whatever it holds. One thread.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "sinks/block_output.h"

namespace fedwave::support {

class LendingOutput : public sinks::BlockOutput {
 public:
  LendingOutput() { spares_.reserve(kSparesMax); }

  void append(sinks::Block block) override {
    ++blocks;
    on_block(block);
    const bool is_large = block.bytes.capacity() >= sinks::kBlockBytesMax;
    if (is_large && spares_.size() < kSparesMax) spares_.push_back(std::move(block.bytes));
  }
  std::string spare_buffer() override {
    if (spares_.empty()) return {};
    ++lent;
    std::string buffer = std::move(spares_.back());
    spares_.pop_back();
    return buffer;
  }
  // Before its memory is taken back.
  virtual void on_block(const sinks::Block& /*block*/) {}

  std::size_t blocks = 0;
  std::size_t lent = 0;

 private:
  static constexpr std::size_t kSparesMax = 4;

  std::vector<std::string> spares_;
};

}  // namespace fedwave::support
