// Blocks of which a receiver has refused every part. Is it the block or the receiver (a wrong
// address, an expired client certificate, a front that answers 400 to everything)? The block is
// judged only after the receiver has taken something else since. Belongs to one sender's thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "relay/base/hash.h"

namespace fedwave::sinks {

class Suspects {
 public:
  void note_accepted() { ++accepted_; }
  [[nodiscard]] bool has_accepted() const { return accepted_ > 0; }

  // Whether something was taken since the block was suspected.
  [[nodiscard]] bool is_proven(std::string_view block_bytes) const {
    if (accepted_when_suspected_.empty()) return false;  // nearly always: no block is hashed then
    const auto found = accepted_when_suspected_.find(base::seeded_hash64(block_bytes));
    return found != accepted_when_suspected_.end() && accepted_ > found->second;
  }
  void suspect(std::string_view block_bytes) {
    if (accepted_when_suspected_.size() >= kSuspectsMax) accepted_when_suspected_.clear();
    accepted_when_suspected_.try_emplace(base::seeded_hash64(block_bytes), accepted_);
  }
  void forget(std::string_view block_bytes) {
    if (accepted_when_suspected_.empty()) return;
    accepted_when_suspected_.erase(base::seeded_hash64(block_bytes));
  }

 private:
  static constexpr std::size_t kSuspectsMax = 1000;

  std::uint64_t accepted_ = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> accepted_when_suspected_;
};

}  // namespace fedwave::sinks
