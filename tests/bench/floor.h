// The floor: what a page costs a loop that only finds each line's end and its value, hashes the
// series, looks it up in a plain table and copies a prepared line. Nothing is filtered or checked,
// and nothing is fetched ahead: where it waits for memory, what does more may still be faster.
// Shares no code with what it is the floor of. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fedwave::bench {

// A line but for its value and timestamp.
struct PreparedLine {
  std::string head;  // before the value
  std::string tail;  // after the timestamp
};

class Floor {
 public:
  using Prepare = std::function<PreparedLine(std::string_view series)>;
  // Takes what has been written whenever the buffer is full, and at the end.
  using Take = std::function<void(std::string_view lines)>;

  Floor();

  // Every line of the text that is no comment is `series value timestamp_ms`.
  void learn(std::string_view text, const Prepare& prepare);
  // Returns how many samples it has met. All of them have been learnt.
  std::size_t pass(std::string_view text, const Take& take);

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint64_t at = 0;  // of the line in the arena
    std::uint32_t head_bytes = 0;
    std::uint32_t tail_bytes = 0;  // 0: the slot is empty
  };

  // The slot with the hash, or the empty one where it belongs.
  Slot& slot_of(std::uint64_t hash);
  void grow();

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
  std::string arena_;
  std::string buffer_;
};

}  // namespace fedwave::bench
