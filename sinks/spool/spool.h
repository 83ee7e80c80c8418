// The queue between the scrapes and one sink: blocks go in as they are filled and leave when the
// sink has acknowledged them. On disk when it has a directory (FORMAT.md), else in memory, and in
// memory too for as long as the disk cannot be written: that is logged when it begins and when it
// ends, and the blocks move to the disk then. Bounded in bytes and age: the oldest go first,
// counted.
//
// Order: a block is fresh for its first minute, a backlog after that and after a restart. take()
// gives fresh blocks first, in order, then the backlog, oldest first.
//
// append() is called by any scrape worker and never waits for the sink; take(), settle() and
// put_back() by the one sender; figures() by anybody. A thread of the spool's own (the keeper)
// opens the directory, syncs, lets old blocks go and tries a failed disk again. Clock and folder
// outlive it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "relay/base/clock.h"
#include "sinks/block_output.h"
#include "sinks/spool/block_store.h"
#include "sinks/spool/disk_store.h"
#include "sinks/spool/folder.h"
#include "sinks/spool/memory_store.h"
#include "sinks/spool/spare_buffers.h"

namespace fedwave::sinks {

struct SpoolOptions {
  std::string name;  // the sink's
  std::uint64_t memory_bytes_max = std::uint64_t{64} << 20;
  std::int64_t age_max_ms = std::int64_t{7} * 86'400'000;
  std::int64_t fresh_ms = 60'000;
  // The rest is for a spool with a folder.
  std::uint64_t disk_bytes_max = std::uint64_t{1} << 30;
  SyncPolicy sync = SyncPolicy::Interval;
  std::int64_t sync_interval_ms = 1'000;
};

// One consistent view, in points:
//   recovered + spooled == delivered + quarantined + expired() + waiting
struct SpoolFigures {
  std::uint64_t points_recovered = 0;  // found at the start, from an earlier process
  std::uint64_t points_spooled = 0;
  std::uint64_t points_delivered = 0;
  std::uint64_t points_quarantined = 0;      // the sink will never take them
  std::uint64_t points_expired_full = 0;     // made room for newer ones
  std::uint64_t points_expired_old = 0;      // waited for too long
  std::uint64_t points_expired_damaged = 0;  // could not be read back
  std::uint64_t points_expired_at_end = 0;   // in memory when the process ended
  std::uint64_t points_waiting = 0;
  std::uint64_t points_in_memory = 0;  // of those that wait, although there is a directory
  std::uint64_t blocks_waiting = 0;
  std::uint64_t bytes_waiting = 0;     // what the spool takes, on disk or in memory
  std::int64_t oldest_waiting_ms = 0;  // wall time of the oldest waiting block; 0 when none waits
  std::string disk_trouble;            // why the directory is not in use; empty while all is well
  bool has_directory = false;

  [[nodiscard]] std::uint64_t points_expired() const {
    return points_expired_full + points_expired_old + points_expired_damaged +
           points_expired_at_end;
  }
};

enum class Which : std::uint8_t { Any, FreshOnly };

struct Taken {
  std::shared_ptr<const Block> block;  // null: none came within the time, or stop
  bool is_backlog = false;
  explicit operator bool() const { return block != nullptr; }
};

class Spool final : public BlockOutput {
 public:
  // `folder` is the sink's own; null: in memory only. Waits up to two seconds for the
  // directory to be read; should that take longer, blocks wait in memory meanwhile.
  Spool(SpoolOptions options, const base::Clock& clock, std::unique_ptr<Folder> folder = nullptr);
  ~Spool() override;
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Other limits and another way of syncing from here on; the name stays. Any thread.
  void change(const SpoolOptions& options);

  void append(Block block) override;
  std::string spare_buffer() override { return spares_->take(); }

  // A block to deliver. It stays in the spool until settle(); until then or put_back() there is no
  // other.
  Taken take(std::stop_token stop, std::chrono::milliseconds wait, Which which = Which::Any);
  void settle(std::uint32_t delivered, std::uint32_t quarantined);
  // Not now: it is part of the backlog from here on, and the others of it go before it, until one
  // is settled.
  void put_back();

  // Whether all that waits would be there for the next process.
  [[nodiscard]] bool keeps_all() const;

  // The end: what waits on disk is there for the next process, what waits in memory is lost and
  // counted. No take() after it.
  void close();

  [[nodiscard]] SpoolFigures figures() const;

 private:
  // A block of the last minute. Its bytes stay at hand, within limits, so that they need not be
  // read back from the disk.
  struct Fresh {
    BlockStore* store = nullptr;
    std::uint64_t sequence = 0;
    std::int64_t until_ms = 0;  // steady time
    std::size_t bytes = 0;
    std::shared_ptr<const Block> block;
  };
  struct InHand {
    BlockStore* store = nullptr;
    std::uint64_t sequence = 0;
    std::shared_ptr<const Block> block;
  };

  [[nodiscard]] SpoolOptions options() const;
  [[nodiscard]] DiskOptions disk_options_locked() const;
  void keep(const std::stop_token& stop) noexcept;
  void tend();
  void open_disk();
  void take_over_locked(const Recovery& recovery);
  void rescue_locked();
  void fail_disk_locked(const base::Error& error);
  bool move_to_disk();
  base::Expected<void> move_block_locked(std::uint64_t& moved);
  void sync_disk();
  void sync(const std::vector<std::shared_ptr<File>>& files);

  void forget_late_fresh_locked();
  [[nodiscard]] bool has_block_locked(Which which);
  void remember_fresh_locked(BlockStore& store, std::uint64_t sequence,
                             std::shared_ptr<const Block> block);
  Taken take_fresh_locked();
  Taken take_backlog_locked();
  Taken give_locked(BlockStore& store, std::uint64_t sequence, std::shared_ptr<const Block> block,
                    bool is_backlog);
  void release_locked();
  void drop_old_locked();
  void count_dropped_locked(BlockStore& store);
  [[nodiscard]] Waiting waiting_locked() const;

  const std::string name_;
  const base::Clock& clock_;
  const std::unique_ptr<Folder> folder_;
  mutable std::mutex mutex_;  // guards everything below
  SpoolOptions options_;
  std::condition_variable_any arrived_;
  std::condition_variable_any opened_;
  std::unique_ptr<DiskStore> disk_;
  bool disk_tried_ = false;
  bool disk_works_ = false;              // appends go there
  base::ErrorCode disk_failure_{};       // while figures_ have a disk_trouble
  std::int64_t open_not_before_ms_ = 0;  // steady time
  std::int64_t open_pause_ms_ = 0;
  const std::shared_ptr<SpareBuffers> spares_ = std::make_shared<SpareBuffers>();
  MemoryStore memory_;
  std::int64_t believed_wall_ms_;  // by which blocks grow old
  std::int64_t believed_at_ms_;    // steady time
  std::deque<Fresh> fresh_;
  std::size_t fresh_bytes_ = 0;
  std::optional<InHand> in_hand_;
  // Where the backlog goes on after blocks that were put back.
  std::uint64_t disk_from_ = 0;
  std::uint64_t memory_from_ = 0;
  std::int64_t backlog_not_before_ms_ = 0;  // steady time
  std::uint64_t points_to_find_ = 0;        // in files of a folder that is being opened anew
  bool has_spooled_ = false;
  std::int64_t full_told_not_before_ms_ = 0;  // steady time
  std::int64_t old_told_not_before_ms_ = 0;   // likewise
  std::int64_t sync_told_not_before_ms_ = 0;  // steady time
  std::uint64_t damaged_untold_ = 0;
  std::string damage_;
  SpoolFigures figures_;
  std::jthread keeper_;
};

}  // namespace fedwave::sinks
