// Where a spool's blocks are: on disk or in memory. A store numbers its blocks, bounds itself by
// dropping the oldest, and knows which are settled. It has one owner, the Spool, which calls it
// under its lock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "relay/base/expected.h"
#include "sinks/block.h"

namespace fedwave::sinks {

// What a store has dropped since the last time it was asked, in points.
struct Dropped {
  std::uint64_t for_room = 0;  // the oldest, to stay within the bound
  std::uint64_t for_age = 0;
  std::uint64_t damaged = 0;  // cannot be read any more
  std::string damage;         // for people: the last of it
};

struct Waiting {
  std::uint64_t points = 0;
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;             // of memory or disk that the store takes
  std::int64_t oldest_created_ms = 0;  // 0 when none waits
};

struct Numbered {
  std::uint64_t sequence = 0;
  std::shared_ptr<const Block> block;
};

class BlockStore {
 public:
  virtual ~BlockStore() = default;

  // The number of the new block. What has to make room is dropped first.
  virtual base::Expected<std::uint64_t> append(std::shared_ptr<const Block> block) = 0;
  // The oldest block, from a number on, that waits, is not in hand and can be read.
  virtual std::optional<Numbered> oldest(std::uint64_t from = 0) = 0;
  // A certain one; nothing when it does not wait (any more) or cannot be read.
  virtual std::shared_ptr<const Block> read(std::uint64_t sequence) = 0;
  [[nodiscard]] virtual bool waits(std::uint64_t sequence) const = 0;
  // Takes a block out. Does nothing when it does not wait any more.
  virtual void settle(std::uint64_t sequence) = 0;
  // While a block is in hand it is not counted as dropped: its fate is not known yet.
  virtual void hold(std::optional<std::uint64_t> sequence) = 0;
  virtual void drop_older_than(std::int64_t created_ms) = 0;

  virtual Dropped take_dropped() = 0;
  [[nodiscard]] virtual Waiting waiting() const = 0;
};

}  // namespace fedwave::sinks
