// A spool's blocks in memory, bounded by bytes. One owner, no lock.
#pragma once

#include <deque>
#include <memory>

#include "sinks/spool/block_store.h"

namespace fedwave::sinks {

class MemoryStore final : public BlockStore {
 public:
  explicit MemoryStore(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // From the next append on.
  void set_bytes_max(std::uint64_t bytes_max) { bytes_max_ = bytes_max; }

  base::Expected<std::uint64_t> append(std::shared_ptr<const Block> block) override;
  std::optional<Numbered> oldest(std::uint64_t from = 0) override;
  std::shared_ptr<const Block> read(std::uint64_t sequence) override;
  [[nodiscard]] bool waits(std::uint64_t sequence) const override;
  void settle(std::uint64_t sequence) override;
  void hold(std::optional<std::uint64_t> sequence) override;
  void drop_older_than(std::int64_t created_ms) override;
  Dropped take_dropped() override;
  [[nodiscard]] Waiting waiting() const override;

 private:
  [[nodiscard]] std::size_t first_free() const;
  void drop(std::size_t index, std::uint64_t& counter);
  void erase(std::size_t index);
  [[nodiscard]] std::deque<Numbered>::const_iterator at_or_after(std::uint64_t sequence) const;
  [[nodiscard]] std::optional<std::size_t> index_of(std::uint64_t sequence) const;

  std::uint64_t bytes_max_;
  std::deque<Numbered> blocks_;  // ascending
  std::uint64_t next_ = 1;
  std::optional<std::uint64_t> held_;
  std::uint64_t points_ = 0;
  std::uint64_t bytes_ = 0;
  Dropped dropped_;
};

}  // namespace fedwave::sinks
