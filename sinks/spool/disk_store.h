// A spool's blocks in the segment files of one folder (FORMAT.md): append, read, settle, recover,
// expire. One owner, no lock, no thread of its own; every call but open() touches one or two files.
// An append that fails leaves the store as it was, and the next one begins a new segment.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "relay/base/clock.h"
#include "sinks/spool/block_store.h"
#include "sinks/spool/folder.h"
#include "sinks/spool/segment.h"
#include "sinks/spool/settled_blocks.h"

namespace fedwave::sinks {

enum class SyncPolicy : std::uint8_t { EveryBlock, Interval, Never };

struct DiskOptions {
  std::string sink;  // its name, written into the folder
  std::uint64_t bytes_max = std::uint64_t{1} << 30;
  std::int64_t age_max_ms = std::int64_t{7} * 86'400'000;
  // EveryBlock: names of new segments are synced when they are made. Blocks are synced by whoever
  // appends, through to_sync().
  SyncPolicy sync = SyncPolicy::Interval;
};

// What open() found. Points that are damaged are not among those that wait.
struct Recovery {
  std::uint64_t points = 0;
  std::uint64_t blocks = 0;
  std::uint64_t damaged_points = 0;  // as far as it can be known
  std::uint64_t damaged_bytes = 0;
  std::uint64_t damaged_places = 0;
  bool position_lost = false;  // everything that is there is delivered again
};

class DiskStore final : public BlockStore {
 public:
  // Takes the folder's lock, reads what is there. Folder and clock outlive the store. Errors:
  // InUse, Version, and whatever the file system says.
  static base::Expected<std::unique_ptr<DiskStore>> open(Folder& folder, DiskOptions options,
                                                         const base::Clock& clock);
  ~DiskStore() override;

  [[nodiscard]] const Recovery& recovery() const { return recovery_; }

  base::Expected<std::uint64_t> append(std::shared_ptr<const Block> block) override;
  std::optional<Numbered> oldest(std::uint64_t from = 0) override;
  std::shared_ptr<const Block> read(std::uint64_t sequence) override;
  [[nodiscard]] bool waits(std::uint64_t sequence) const override;
  void settle(std::uint64_t sequence) override;
  void hold(std::optional<std::uint64_t> sequence) override;
  void drop_older_than(std::int64_t created_ms) override;
  // Another bound and other ways from here on; what is beyond the bound has to be dropped.
  void change(DiskOptions options);
  // After open() and change(): the bound may be a smaller one than it was.
  void drop_beyond_bound();
  Dropped take_dropped() override;
  [[nodiscard]] Waiting waiting() const override;

  // Whether there is room, after there was none: writes a file of the size of the block that did
  // not fit, and removes it.
  base::Expected<void> probe();

  // Files with blocks that may not be on the disk yet, to be synced outside the owner's lock.
  std::vector<std::shared_ptr<File>> to_sync();

  // Nothing more is appended to the segment that is being written: it could not be synced.
  void leave_segment();

  // Somebody has deleted the folder, or files in it, under us.
  [[nodiscard]] bool is_gone() const;
  // The blocks that wait in deleted files: as long as these are open, they can be read.
  [[nodiscard]] std::vector<std::uint64_t> waiting_in_deleted_files() const;

 private:
  struct Segment {
    SegmentHeader header;
    std::vector<BlockPlace> places;
    std::uint64_t bytes = 0;
    std::uint64_t points_waiting = 0;
    std::uint64_t blocks_waiting = 0;
    std::int64_t newest_created_ms = 0;
    std::shared_ptr<File> file{};
    std::optional<std::int64_t> unreadable_since_ms{};  // steady time
    [[nodiscard]] std::uint64_t end() const { return header.first_sequence + places.size(); }
  };

  DiskStore(Folder& folder, DiskOptions options, const base::Clock& clock);

  base::Expected<void> recover();
  base::Expected<void> read_position();
  base::Expected<void> write_sink_name();
  [[nodiscard]] base::Expected<StoredBlock> load(const Segment& segment,
                                                 std::uint64_t sequence) const;
  [[nodiscard]] bool may_pass(Segment& segment, const base::Error& trouble) const;
  base::Expected<void> scan_folder();
  void count_damage(const SegmentScan& scan, const SegmentHeader* next);
  void adopt(SegmentScan scan, std::shared_ptr<File> file);
  void write_position();

  base::Expected<void> begin_segment(std::int64_t created_ms);
  void end_segment();
  void skip_number();
  [[nodiscard]] std::uint64_t bytes_for_segments() const;
  [[nodiscard]] bool has_to_rotate(std::uint64_t record_bytes) const;
  base::Expected<void> write_record(Segment& segment, const Block& block);

  [[nodiscard]] std::size_t index_of(std::uint64_t sequence) const;
  void drop_first(std::uint64_t& counter);
  void remove_segment(std::size_t index);

  Folder& folder_;
  DiskOptions options_;
  const base::Clock& clock_;
  std::unique_ptr<FolderLock> lock_;
  std::unique_ptr<File> position_file_;
  std::uint64_t position_generation_ = 0;
  SettledBlocks settled_;
  std::deque<Segment> segments_;  // ascending; the last one is being written to while active_
  bool active_ = false;
  std::vector<std::shared_ptr<File>> unsynced_;
  std::vector<std::string>
      unreadable_segments_;  // segments without a single block, found at the start
  std::uint64_t next_sequence_ = 1;
  std::uint64_t newest_first_sequence_ = 0;  // of the last segment begun, there or not; 0: unknown
  std::uint64_t points_total_ = 0;           // the running count of the format
  std::uint64_t bytes_ = 0;
  std::uint64_t points_waiting_ = 0;
  std::uint64_t blocks_waiting_ = 0;
  struct Held {
    std::uint64_t sequence = 0;
    std::uint32_t points = 0;
    std::uint64_t* dropped = nullptr;  // what counts it: its segment is gone
  };
  std::optional<Held> held_;
  Dropped dropped_;
  Recovery recovery_;
  std::uint64_t bytes_refused_ = 0;  // of the last record that could not be written
};

}  // namespace fedwave::sinks
