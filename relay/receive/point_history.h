// Remembers which points were seen and with which value, to tell a point that came twice from a new
// one. It keeps a hash of 128 bits for each point (name, source, tags, timestamp), never the point,
// and stops remembering at its limit. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "relay/receive/line_checker.h"

namespace fedwave::receive {

class PointHistory {
 public:
  // What a point is beside those before it.
  enum class Seen : std::uint8_t {
    First,
    Duplicate,  // the same with the same value: sending it again changed nothing
    Conflict,   // the same with another value: one of the two is lost at the backend
    Untracked,  // it has no timestamp of its own, or the limit is reached
  };

  // Five million points take 200 MB, the memory growing with what is there.
  explicit PointHistory(std::size_t points_max) : points_max_(points_max) {}

  Seen record(const CheckedPoint& point);

 private:
  struct Slot {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::uint64_t value = 0;
    [[nodiscard]] bool is_free() const { return high == 0 && low == 0; }
  };

  Slot& find(std::uint64_t high, std::uint64_t low);
  void grow();

  std::size_t points_max_;
  std::size_t size_ = 0;
  std::vector<Slot> slots_;  // open addressing; a power of two, at most three quarters full
  std::string key_;          // scratch
};

}  // namespace fedwave::receive
