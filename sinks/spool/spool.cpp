#include "sinks/spool/spool.h"

#include <algorithm>
#include <utility>

#include "relay/base/check.h"
#include "relay/base/log.h"

namespace fedwave::sinks {
namespace {

using base::LogLevel;
using std::chrono::milliseconds;

constexpr std::int64_t kOpenPatienceMs = 2'000;
constexpr std::int64_t kKeeperTickMs = 1'000;
constexpr std::int64_t kOpenPauseMaxMs = 60'000;
constexpr std::int64_t kSyncReminderMs = 60'000;
constexpr std::int64_t kDroppedReminderMs = 300'000;
constexpr std::size_t kFreshBytesMax = std::size_t{8} << 20;

}  // namespace

Spool::Spool(SpoolOptions options, const base::Clock& clock, std::unique_ptr<Folder> folder)
    : name_(options.name),
      clock_(clock),
      folder_(std::move(folder)),
      options_(std::move(options)),
      memory_(options_.memory_bytes_max),
      believed_wall_ms_(clock.wall_ms()),
      believed_at_ms_(clock.steady_ms()) {
  keeper_ = std::jthread([this](const std::stop_token& stop) { keep(stop); });
  if (!folder_) return;
  std::unique_lock lock(mutex_);
  opened_.wait_for(lock, milliseconds(kOpenPatienceMs), [this] { return disk_tried_; });
}

Spool::~Spool() {
  keeper_.request_stop();
}

void Spool::change(const SpoolOptions& options) {
  const std::lock_guard lock(mutex_);
  options_ = options;
  memory_.set_bytes_max(options.memory_bytes_max);
  if (!disk_) return;
  disk_->change(disk_options_locked());
  disk_->drop_beyond_bound();
  count_dropped_locked(*disk_);
}

SpoolOptions Spool::options() const {
  const std::lock_guard lock(mutex_);
  return options_;
}

DiskOptions Spool::disk_options_locked() const {
  return {.sink = name_,
          .bytes_max = options_.disk_bytes_max,
          .age_max_ms = options_.age_max_ms,
          .sync = options_.sync};
}

void Spool::append(Block new_block) {
  const auto block = SpareBuffers::lend(spares_, std::move(new_block));
  std::vector<std::shared_ptr<File>> files;
  bool is_first = false;
  bool on_disk = false;
  {
    const std::lock_guard lock(mutex_);
    figures_.points_spooled += block->points;
    BlockStore* store = &memory_;
    base::Expected<std::uint64_t> sequence = std::uint64_t{0};
    if (disk_works_) {
      sequence = disk_->append(block);
      count_dropped_locked(*disk_);
      on_disk = sequence.has_value();
      if (on_disk) store = disk_.get();
      if (!on_disk) fail_disk_locked(sequence.error());
    }
    if (!on_disk) {
      sequence = memory_.append(block);
      count_dropped_locked(memory_);
    }
    remember_fresh_locked(*store, *sequence, block);
    if (on_disk && options_.sync == SyncPolicy::EveryBlock) files = disk_->to_sync();
    is_first = !std::exchange(has_spooled_, true);
  }
  arrived_.notify_one();
  sync(files);
  if (!is_first) return;
  base::log(LogLevel::Info, "spooled",
            {{"sink", name_}, {"points", block->points}, {"where", on_disk ? "disk" : "memory"}});
}

void Spool::remember_fresh_locked(BlockStore& store, std::uint64_t sequence,
                                  std::shared_ptr<const Block> block) {
  forget_late_fresh_locked();
  const std::size_t bytes = block->bytes.size();
  fresh_.push_back({.store = &store,
                    .sequence = sequence,
                    .until_ms = clock_.steady_ms() + options_.fresh_ms,
                    .bytes = bytes,
                    .block = std::move(block)});
  fresh_bytes_ += bytes;
  // Bytes that are not kept at hand are read from the disk when their turn comes.
  for (auto entry = fresh_.begin(); fresh_bytes_ > kFreshBytesMax && entry != fresh_.end();
       ++entry) {
    if (entry->block == nullptr) continue;
    fresh_bytes_ -= entry->bytes;
    entry->block.reset();
  }
}

// Once one is no longer fresh, all that wait with it are a backlog, and those to come are the fresh
// ones: a sink that is too slow gets the newest in runs, not every block when it is nearly too old.
void Spool::forget_late_fresh_locked() {
  if (fresh_.empty() || fresh_.front().until_ms >= clock_.steady_ms()) return;
  fresh_.clear();
  fresh_bytes_ = 0;
}

// Whether there is a block of the kind asked for.
bool Spool::has_block_locked(Which which) {
  while (!fresh_.empty() && !fresh_.front().store->waits(fresh_.front().sequence)) {
    if (fresh_.front().block) fresh_bytes_ -= fresh_.front().bytes;
    fresh_.pop_front();
  }
  forget_late_fresh_locked();
  const std::int64_t now_ms = clock_.steady_ms();
  return !fresh_.empty() ||
         (which == Which::Any && now_ms >= backlog_not_before_ms_ && waiting_locked().blocks > 0);
}

Taken Spool::take(std::stop_token stop, milliseconds wait, Which which) {
  std::unique_lock lock(mutex_);
  FEDWAVE_CHECK(!in_hand_);
  arrived_.wait_for(lock, stop, wait, [&] { return has_block_locked(which); });
  if (Taken taken = take_fresh_locked()) return taken;
  return has_block_locked(which) ? take_backlog_locked() : Taken{};
}

Taken Spool::take_fresh_locked() {
  while (has_block_locked(Which::FreshOnly)) {
    Fresh entry = std::move(fresh_.front());
    fresh_.pop_front();
    if (entry.block) {
      fresh_bytes_ -= entry.bytes;
    } else {
      entry.block = entry.store->read(entry.sequence);
      count_dropped_locked(*entry.store);
    }
    if (entry.block)
      return give_locked(*entry.store, entry.sequence, std::move(entry.block), false);
  }
  return {};
}

// Blocks in memory are younger than those on disk: they are there since the disk does not work.
// Those that were put back let all others go first: they may be what keeps the others waiting.
Taken Spool::take_backlog_locked() {
  for (int round = 0; round < 2; ++round) {
    const std::pair<BlockStore*, std::uint64_t> places[] = {{disk_.get(), disk_from_},
                                                            {&memory_, memory_from_}};
    for (const auto& [store, from] : places) {
      if (store == nullptr) continue;
      auto oldest = store->oldest(from);
      count_dropped_locked(*store);
      if (oldest) return give_locked(*store, oldest->sequence, std::move(oldest->block), true);
    }
    disk_from_ = memory_from_ = 0;
  }
  // What waits cannot be read for now: not to be asked for again at once.
  if (waiting_locked().blocks > 0) backlog_not_before_ms_ = clock_.steady_ms() + kKeeperTickMs;
  return {};
}

Taken Spool::give_locked(BlockStore& store, std::uint64_t sequence,
                         std::shared_ptr<const Block> block, bool is_backlog) {
  store.hold(sequence);
  in_hand_ = InHand{&store, sequence, block};
  return {.block = std::move(block), .is_backlog = is_backlog};
}

void Spool::settle(std::uint32_t delivered, std::uint32_t quarantined) {
  const std::lock_guard lock(mutex_);
  FEDWAVE_CHECK(in_hand_ && in_hand_->block->points == delivered + quarantined);
  figures_.points_delivered += delivered;
  figures_.points_quarantined += quarantined;
  in_hand_->store->settle(in_hand_->sequence);
  release_locked();
  disk_from_ = memory_from_ = 0;
  // Empty in between: the next time is news again.
  if (waiting_locked().blocks == 0) full_told_not_before_ms_ = old_told_not_before_ms_ = 0;
}

void Spool::put_back() {
  const std::lock_guard lock(mutex_);
  FEDWAVE_CHECK(in_hand_.has_value());
  (in_hand_->store == &memory_ ? memory_from_ : disk_from_) = in_hand_->sequence + 1;
  release_locked();
}

void Spool::release_locked() {
  in_hand_->store->hold(std::nullopt);
  count_dropped_locked(*in_hand_->store);
  in_hand_.reset();
}

void Spool::count_dropped_locked(BlockStore& store) {
  Dropped dropped = store.take_dropped();
  figures_.points_expired_full += dropped.for_room;
  figures_.points_expired_old += dropped.for_age;
  figures_.points_expired_damaged += dropped.damaged;
  damaged_untold_ += dropped.damaged;
  if (!dropped.damage.empty()) damage_ = std::move(dropped.damage);
  const std::int64_t now_ms = clock_.steady_ms();
  if (dropped.for_room > 0 && now_ms >= full_told_not_before_ms_) {
    full_told_not_before_ms_ = now_ms + kDroppedReminderMs;
    base::log(LogLevel::Error,
              "the spool is full: the oldest points are dropped until the sink takes them again",
              {{"sink", name_},
               {"expired", figures_.points_expired_full},
               {"spool_bytes",
                &store == &memory_ ? options_.memory_bytes_max : options_.disk_bytes_max}});
  }
  if (dropped.for_age > 0 && now_ms >= old_told_not_before_ms_) {
    old_told_not_before_ms_ = now_ms + kDroppedReminderMs;
    base::log(LogLevel::Warn, "points that were too old were dropped",
              {{"sink", name_}, {"expired", figures_.points_expired_old}});
  }
}

Waiting Spool::waiting_locked() const {
  Waiting waiting = memory_.waiting();
  if (!disk_) return waiting;
  const Waiting on_disk = disk_->waiting();
  waiting.points += on_disk.points;
  waiting.blocks += on_disk.blocks;
  waiting.bytes += on_disk.bytes;
  if (on_disk.oldest_created_ms != 0) waiting.oldest_created_ms = on_disk.oldest_created_ms;
  return waiting;
}

bool Spool::keeps_all() const {
  const std::lock_guard lock(mutex_);
  return disk_works_ && memory_.waiting().blocks == 0;
}

SpoolFigures Spool::figures() const {
  const std::lock_guard lock(mutex_);
  SpoolFigures copy = figures_;
  const Waiting waiting = waiting_locked();
  copy.points_waiting = waiting.points + points_to_find_;
  copy.blocks_waiting = waiting.blocks;
  copy.bytes_waiting = waiting.bytes;
  copy.oldest_waiting_ms = waiting.oldest_created_ms;
  copy.has_directory = folder_ != nullptr;
  copy.points_in_memory = folder_ ? memory_.waiting().points : 0;
  return copy;
}

// ---- the keeper's side -------------------------------------------------------------------------

void Spool::keep(const std::stop_token& stop) noexcept {
  std::int64_t synced_ms = clock_.steady_ms();
  std::int64_t tended_ms = synced_ms;
  if (folder_) open_disk();
  for (;;) {
    const SpoolOptions now = options();
    {
      const std::int64_t tick_ms = std::min(now.sync_interval_ms, kKeeperTickMs);
      std::unique_lock lock(mutex_);
      opened_.wait_for(lock, stop, milliseconds(tick_ms), [] { return false; });
      if (stop.stop_requested()) return;
    }
    const std::int64_t now_ms = clock_.steady_ms();
    if (now.sync == SyncPolicy::Interval && now_ms - synced_ms >= now.sync_interval_ms) {
      sync_disk();
      synced_ms = now_ms;
    }
    if (now_ms - tended_ms < kKeeperTickMs) continue;
    tended_ms = now_ms;
    tend();
  }
}

void Spool::tend() {
  if (folder_) open_disk();
  if (move_to_disk() && options().sync == SyncPolicy::EveryBlock) sync_disk();
  std::uint64_t damaged = 0;
  std::string damage;
  {
    const std::lock_guard lock(mutex_);
    drop_old_locked();
    damaged = std::exchange(damaged_untold_, 0);
    damage = std::exchange(damage_, {});
  }
  if (damaged > 0) {
    base::log(LogLevel::Error, "blocks in the spool are damaged",
              {{"sink", name_}, {"points", damaged}, {"detail", damage}});
  }
}

void Spool::drop_old_locked() {
  // A wall clock that jumps ahead is not believed at once: what it makes old is gone for good.
  const std::int64_t steady_ms = clock_.steady_ms();
  const std::int64_t credible_ms = believed_wall_ms_ + 2 * (steady_ms - believed_at_ms_) + 1'000;
  believed_wall_ms_ = std::min(clock_.wall_ms(), credible_ms);
  believed_at_ms_ = steady_ms;
  const std::int64_t oldest_ms = believed_wall_ms_ - options_.age_max_ms;
  if (disk_) {
    disk_->drop_older_than(oldest_ms);
    count_dropped_locked(*disk_);
  }
  memory_.drop_older_than(oldest_ms);
  count_dropped_locked(memory_);
}

// Opens the directory when it is not open, or has been deleted. The reading is done without the
// lock: meanwhile blocks go to memory.
void Spool::open_disk() {
  DiskOptions wanted;
  {
    const std::lock_guard lock(mutex_);
    if (disk_ && disk_->is_gone()) {
      fail_disk_locked({base::ErrorCode::NotFound, "it, or a file in it, has been deleted"});
      rescue_locked();
    }
    if (disk_ || clock_.steady_ms() < open_not_before_ms_) return;
    wanted = disk_options_locked();
  }
  auto opened = DiskStore::open(*folder_, wanted, clock_);
  if (opened) (*opened)->drop_beyond_bound();
  const std::lock_guard lock(mutex_);
  disk_tried_ = true;
  opened_.notify_all();
  if (!opened) {
    // Looking at a large folder costs something; another process may leave it at any moment.
    const bool is_in_use = opened.error().code == base::ErrorCode::InUse;
    open_pause_ms_ =
        is_in_use ? kKeeperTickMs : std::clamp(2 * open_pause_ms_, kKeeperTickMs, kOpenPauseMaxMs);
    open_not_before_ms_ = clock_.steady_ms() + open_pause_ms_;
    fail_disk_locked(opened.error());
    return;
  }
  open_pause_ms_ = 0;
  disk_ = *std::move(opened);
  disk_->change(disk_options_locked());  // they may have changed meanwhile
  take_over_locked(disk_->recovery());
  count_dropped_locked(*disk_);
  arrived_.notify_one();
  // After trouble the blocks in memory go first, and with them the word that all is well again.
  disk_works_ = figures_.disk_trouble.empty() && memory_.waiting().blocks == 0;
}

void Spool::take_over_locked(const Recovery& recovery) {
  // After the folder, or a part of it, was deleted under us, what is found may be known already.
  const std::uint64_t found = recovery.points + recovery.damaged_points;
  const std::uint64_t known = std::min(found, points_to_find_);
  const std::uint64_t missing = std::exchange(points_to_find_, 0) - known;
  figures_.points_recovered += found - known;
  figures_.points_expired_damaged += recovery.damaged_points + missing;
  damaged_untold_ += missing;
  if (missing > 0) damage_ = folder_->path() + ": files with these points are gone";
  if (recovery.points > 0) {
    base::log(LogLevel::Info, "the spool has points from before",
              {{"sink", name_},
               {"points", recovery.points},
               {"oldest_s", (clock_.wall_ms() - disk_->waiting().oldest_created_ms) / 1000}});
  }
  if (recovery.damaged_places > 0) {
    base::log(recovery.damaged_points > 0 ? LogLevel::Error : LogLevel::Warn,
              "the spool has damaged places, or a block that was never finished",
              {{"sink", name_},
               {"places", recovery.damaged_places},
               {"bytes", recovery.damaged_bytes},
               {"points", recovery.damaged_points}});
  }
  if (recovery.position_lost) {
    base::log(LogLevel::Warn,
              "the spool's position is lost: what was delivered may be delivered again",
              {{"sink", name_}});
  }
}

// The files are deleted, but as long as they are open their blocks can still be read. Those in
// files that are still there are found again when the folder is opened anew.
void Spool::rescue_locked() {
  if (in_hand_ && in_hand_->store == disk_.get()) {
    const auto sequence = memory_.append(in_hand_->block);
    disk_->settle(in_hand_->sequence);
    in_hand_ = InHand{&memory_, *sequence, in_hand_->block};
    memory_.hold(*sequence);
  }
  for (const std::uint64_t sequence : disk_->waiting_in_deleted_files()) {
    if (auto block = disk_->read(sequence)) {
      disk_->settle(sequence);
      static_cast<void>(memory_.append(std::move(block)));
    }
  }
  std::erase_if(fresh_, [this](const Fresh& entry) { return entry.store == disk_.get(); });
  fresh_bytes_ = 0;
  for (const Fresh& entry : fresh_) fresh_bytes_ += entry.block ? entry.bytes : 0;
  disk_from_ = memory_from_ = 0;
  count_dropped_locked(*disk_);
  count_dropped_locked(memory_);
  points_to_find_ += disk_->waiting().points;
  disk_.reset();
}

// Told once for each kind of trouble: the text may name another file every time.
void Spool::fail_disk_locked(const base::Error& error) {
  disk_works_ = false;
  const bool is_news = figures_.disk_trouble.empty() || disk_failure_ != error.code;
  disk_failure_ = error.code;
  figures_.disk_trouble = error.message;
  if (!is_news) return;
  base::log(LogLevel::Error,
            "the spool's directory cannot be used; points wait in memory until it can",
            {{"sink", name_}, {"directory", folder_->path()}, {"error", error.message}});
}

// Block by block, so that nobody waits long for the lock. True when some were moved.
bool Spool::move_to_disk() {
  std::uint64_t moved = 0;
  for (;;) {
    const std::lock_guard lock(mutex_);
    if (!disk_ || (disk_works_ && memory_.waiting().blocks == 0)) break;
    const bool is_empty = memory_.waiting().blocks == 0;
    const auto done = is_empty ? disk_->probe() : move_block_locked(moved);
    count_dropped_locked(*disk_);
    if (!done) {
      fail_disk_locked(done.error());
      break;
    }
    if (!is_empty) continue;
    disk_works_ = true;
    if (figures_.disk_trouble.empty()) break;
    figures_.disk_trouble.clear();
    base::log(LogLevel::Info, "the spool is on disk again",
              {{"sink", name_}, {"points_moved", moved}});
    break;
  }
  return moved > 0;
}

// The oldest block in memory; last of all the one in hand, which stays in hand.
base::Expected<void> Spool::move_block_locked(std::uint64_t& moved) {
  auto block = memory_.oldest();
  const bool is_in_hand = !block;
  if (is_in_hand) block = Numbered{in_hand_->sequence, in_hand_->block};
  const auto sequence = disk_->append(block->block);
  if (!sequence) return sequence.error();
  moved += block->block->points;
  if (is_in_hand) {
    memory_.hold(std::nullopt);
    disk_->hold(*sequence);
    in_hand_ = InHand{disk_.get(), *sequence, block->block};
  }
  memory_.settle(block->sequence);
  for (Fresh& entry : fresh_) {
    if (entry.store != &memory_ || entry.sequence != block->sequence) continue;
    entry.store = disk_.get();
    entry.sequence = *sequence;
  }
  return {};
}

void Spool::sync_disk() {
  std::vector<std::shared_ptr<File>> files;
  {
    const std::lock_guard lock(mutex_);
    if (disk_) files = disk_->to_sync();
  }
  sync(files);
}

// Memory would be no better place than a disk that does not sync: it is told, now and then, and the
// next block begins a new file.
void Spool::sync(const std::vector<std::shared_ptr<File>>& files) {
  for (const auto& file : files) {
    const auto synced = file->sync();
    if (synced) continue;
    {
      const std::lock_guard lock(mutex_);
      if (disk_) disk_->leave_segment();
      const std::int64_t now_ms = clock_.steady_ms();
      if (now_ms < sync_told_not_before_ms_) continue;
      sync_told_not_before_ms_ = now_ms + kSyncReminderMs;
    }
    base::log(LogLevel::Error,
              "the spool cannot be synced: points that wait may not survive a power failure",
              {{"sink", name_}, {"error", synced.error().message}});
  }
}

void Spool::close() {
  keeper_.request_stop();
  keeper_.join();
  move_to_disk();
  if (options().sync != SyncPolicy::Never) sync_disk();
  const std::lock_guard lock(mutex_);
  if (in_hand_) release_locked();
  const std::uint64_t in_memory = memory_.waiting().points;
  figures_.points_expired_at_end += in_memory;
  while (const auto block = memory_.oldest()) memory_.settle(block->sequence);
  fresh_.clear();
  if (in_memory > 0) {
    base::log(LogLevel::Error, "the end has come before these points were delivered",
              {{"sink", name_}, {"points", in_memory}});
  }
  const std::uint64_t on_disk = waiting_locked().points;
  if (on_disk > 0) {
    base::log(LogLevel::Info, "points are left in the spool for the next start",
              {{"sink", name_}, {"points", on_disk}});
  }
}

}  // namespace fedwave::sinks
