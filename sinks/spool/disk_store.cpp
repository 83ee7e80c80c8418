#include "sinks/spool/disk_store.h"

#include <algorithm>
#include <limits>
#include <random>
#include <utility>

#include "relay/base/check.h"

namespace fedwave::sinks {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;

constexpr const char* kPositionName = "position";
constexpr const char* kSinkName = "sink";
constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr std::int64_t kReadPatienceMs = 60'000;
constexpr const char* kProbeName = "probe";
constexpr std::uint64_t kProbeBytes = 64 * 1024;
// The position, the lock, the sink's name and a probe.
constexpr std::uint64_t kOtherFilesBytes = 2 * kPositionSlotBytes + 4096 + kProbeBytes;
constexpr std::uint64_t kSegmentsOfASpool = 16;
// So many segments stay open: they can be read even after somebody has deleted them.
constexpr std::size_t kOpenFilesMax = 64;

std::uint32_t random_salt() {
  return std::random_device{}();
}

}  // namespace

DiskStore::DiskStore(Folder& folder, DiskOptions options, const base::Clock& clock)
    : folder_(folder), options_(std::move(options)), clock_(clock) {}

DiskStore::~DiskStore() = default;

void DiskStore::change(DiskOptions options) {
  options_ = std::move(options);
}

Expected<std::unique_ptr<DiskStore>> DiskStore::open(Folder& folder, DiskOptions options,
                                                     const base::Clock& clock) {
  std::unique_ptr<DiskStore> store(new DiskStore(folder, std::move(options), clock));
  if (const auto recovered = store->recover(); !recovered) return recovered.error();
  return store;
}

Expected<void> DiskStore::recover() {
  if (const auto made = folder_.make(); !made) return made.error();
  auto lock = folder_.lock();
  if (!lock) return std::move(lock).error();
  lock_ = *std::move(lock);
  // Everything is looked at before anything is written: a version that we do not know ends it here.
  if (const auto read = read_position(); !read) return read.error();
  if (const auto scanned = scan_folder(); !scanned) return scanned.error();
  if (const auto named = write_sink_name(); !named) return named.error();
  if (!position_file_) {
    auto file = folder_.open(kPositionName, OpenMode::ReadWrite);
    if (!file) return std::move(file).error();
    position_file_ = *std::move(file);
  }
  next_sequence_ = std::max(settled_.end(), segments_.empty() ? 1 : segments_.back().end());
  settled_.add({segments_.empty() ? 1 : segments_.back().end(), next_sequence_});
  // Not when there were others after it: their points are no damage of this one's.
  const bool is_newest_there = !segments_.empty() && segments_.back().end() == next_sequence_;
  newest_first_sequence_ = is_newest_there ? segments_.back().header.first_sequence : 0;
  recovery_.points = points_waiting_;
  recovery_.blocks = blocks_waiting_;
  for (std::size_t i = segments_.size(); i > 0; --i) {
    if (segments_[i - 1].blocks_waiting == 0) remove_segment(i - 1);
  }
  // Both slots, and onto the disk: of what an earlier process has left in them a power failure
  // could still make a good slot, and that would settle numbers which are used again by now.
  write_position();
  write_position();
  if (const auto synced = position_file_->sync(); !synced) return synced.error();
  if (options_.sync == SyncPolicy::Never) return {};
  return folder_.sync();
}

Expected<void> DiskStore::write_sink_name() {
  auto file = folder_.open(kSinkName, OpenMode::ReadWrite);
  if (!file) return std::move(file).error();
  const auto name = (*file)->read_at(0, 4096);
  if (name && *name == options_.sink + "\n") return {};
  if (const auto cut = (*file)->truncate(0); !cut) return cut.error();
  return (*file)->write_at(0, options_.sink + "\n");
}

Expected<void> DiskStore::read_position() {
  const auto names = folder_.names();
  if (!names) return names.error();
  if (std::find(names->begin(), names->end(), kPositionName) == names->end()) {
    recovery_.position_lost = true;
    return {};
  }
  auto file = folder_.open(kPositionName, OpenMode::ReadWrite);
  if (!file) return std::move(file).error();
  position_file_ = *std::move(file);
  const auto slots = position_file_->read_at(0, 2 * kPositionSlotBytes);
  if (!slots) return slots.error();
  auto position = decode_position(*slots);
  if (!position) {
    return Error{position.error().code,
                 folder_.path() + "/" + kPositionName + ": " + position.error().message};
  }
  if (*position) {
    position_generation_ = (*position)->generation;
    settled_.restore(**position);
  } else {
    recovery_.position_lost = true;
  }
  return {};
}

Expected<void> DiskStore::scan_folder() {
  const auto names = folder_.names();
  if (!names) return names.error();
  std::optional<SegmentScan> before;
  std::shared_ptr<File> file_before;
  for (const std::string& name : *names) {
    const auto first_sequence = sequence_of_segment_name(name);
    if (!first_sequence) continue;
    auto file = folder_.open(name, OpenMode::Read);
    if (!file) return std::move(file).error();
    auto scan = scan_segment(**file, *first_sequence);
    if (!scan && scan.error().code == ErrorCode::Damaged) {
      // Nothing to be had; an empty one is what a crash leaves of a segment just begun.
      const auto size = (*file)->size();
      recovery_.damaged_bytes += size ? *size : 0;
      recovery_.damaged_places += size && *size > kSegmentHeaderBytes ? 1 : 0;
      unreadable_segments_.push_back(name);
      continue;
    }
    if (!scan) {
      return Error{scan.error().code, folder_.path() + "/" + name + ": " + scan.error().message};
    }
    if (before) {
      // An append that failed, but is there after all, may have a number that was used again.
      const std::uint64_t numbers = scan->header.first_sequence - before->header.first_sequence;
      if (before->places.size() > numbers) before->places.resize(numbers);
      count_damage(*before, &scan->header);
      adopt(*std::move(before), std::move(file_before));
    }
    before = *std::move(scan);
    file_before = *std::move(file);
  }
  if (before) {
    count_damage(*before, nullptr);
    adopt(*std::move(before), std::move(file_before));
  }
  recovery_.position_lost = recovery_.position_lost && !segments_.empty();
  for (const std::string& name : unreadable_segments_) static_cast<void>(folder_.remove(name));
  return {};
}

// What is lost for certain, in points: what the damage held and nobody has settled. `next` is the
// segment that follows, which tells how many points there were up to this one's end.
void DiskStore::count_damage(const SegmentScan& scan, const SegmentHeader* next) {
  std::vector<DamagedPlace> damage = scan.damage;
  const bool is_told_by_next = next != nullptr &&
                               next->previous_first_sequence == scan.header.first_sequence &&
                               next->points_before > scan.points_after;
  if (is_told_by_next) {
    // The end may be missing without a trace in the file.
    if (damage.empty() || !damage.back().at_end) {
      damage.push_back(
          {.offset = scan.bytes, .first_sequence = scan.end_sequence(), .at_end = true});
    }
    damage.back().blocks = next->first_sequence - scan.end_sequence();
    damage.back().points = next->points_before - scan.points_after;
  }
  for (const DamagedPlace& place : damage) {
    recovery_.damaged_bytes += place.bytes;
    ++recovery_.damaged_places;
    const std::uint64_t unsettled = settled_.first_unsettled(place.first_sequence);
    if (unsettled < place.first_sequence + place.blocks) recovery_.damaged_points += place.points;
  }
}

void DiskStore::adopt(SegmentScan scan, std::shared_ptr<File> file) {
  Segment segment{
      .header = scan.header,
      .places = std::move(scan.places),
      .bytes = scan.bytes,
      // A block stamped by a clock that was ahead must not make the segment live longer.
      .newest_created_ms = std::min(scan.newest_created_ms, clock_.wall_ms()),
      .file = segments_.size() < kOpenFilesMax ? std::move(file) : nullptr};
  // Numbers that have no block will not wait for one: those between segments, those in damage.
  const std::uint64_t end_before = segments_.empty() ? 1 : segments_.back().end();
  if (end_before < segment.header.first_sequence) {
    settled_.add({end_before, segment.header.first_sequence});
  }
  for (std::size_t i = 0; i < segment.places.size(); ++i) {
    const std::uint64_t sequence = segment.header.first_sequence + i;
    if (segment.places[i].offset == 0) settled_.add(sequence);
    if (settled_.contains(sequence)) continue;
    segment.points_waiting += segment.places[i].points;
    ++segment.blocks_waiting;
  }
  points_waiting_ += segment.points_waiting;
  blocks_waiting_ += segment.blocks_waiting;
  bytes_ += segment.bytes;
  points_total_ = std::max(points_total_, scan.points_after);
  // The process that has written them may have ended before it synced them.
  if (options_.sync != SyncPolicy::Never && segment.file) unsynced_.push_back(segment.file);
  segments_.push_back(std::move(segment));
}

// Never synced: what it has lost is delivered again, which changes nothing at the receiver. For the
// same reason an error is no reason to stop; but a slot that may be torn is the next one to be
// written, so that the good one stays.
void DiskStore::write_position() {
  const std::uint64_t generation = position_generation_ + 1;
  const auto written = position_file_->write_at((generation % 2) * kPositionSlotBytes,
                                                encode_slot(settled_.position(generation)));
  if (written) position_generation_ = generation;
}

std::uint64_t DiskStore::bytes_for_segments() const {
  return options_.bytes_max - std::min(options_.bytes_max, kOtherFilesBytes);
}

bool DiskStore::has_to_rotate(std::uint64_t record_bytes) const {
  const Segment& segment = segments_.back();
  const bool is_old = clock_.wall_ms() - segment.header.created_ms >
                      options_.age_max_ms / static_cast<std::int64_t>(kSegmentsOfASpool);
  const std::uint64_t bytes_max =
      std::clamp(options_.bytes_max / kSegmentsOfASpool, kMebibyte, 32 * kMebibyte);
  return segment.bytes + record_bytes > bytes_max || (is_old && !segment.places.empty());
}

Expected<std::uint64_t> DiskStore::append(std::shared_ptr<const Block> block) {
  const std::uint64_t record_bytes = kRecordHeaderBytes + block->bytes.size();
  const std::uint64_t bytes_max = bytes_for_segments();
  if (record_bytes + kSegmentHeaderBytes > bytes_max || block->bytes.size() > kRecordBodyBytesMax) {
    return Error{ErrorCode::Io, "a block of " + std::to_string(block->bytes.size()) +
                                    " bytes does not fit into " + folder_.path()};
  }
  if (is_gone()) {
    return Error{ErrorCode::NotFound, folder_.path() + " or a file in it has been deleted"};
  }
  if (active_ && has_to_rotate(record_bytes)) end_segment();
  while (bytes_ + record_bytes + (active_ ? 0 : kSegmentHeaderBytes) > bytes_max &&
         !segments_.empty()) {
    if (active_ && segments_.size() == 1) end_segment();
    if (!segments_.empty()) drop_first(dropped_.for_room);
  }
  if (!active_) {
    // Since now: blocks that come late, from memory, would each be old enough for a segment.
    if (const auto begun = begin_segment(clock_.wall_ms()); !begun) {
      skip_number();
      return begun.error();
    }
  }
  Segment& segment = segments_.back();
  if (const auto written = write_record(segment, *block); !written) {
    // Nothing is appended after bytes that may be torn.
    static_cast<void>(segment.file->truncate(segment.bytes));
    if (const auto size = segment.file->size()) {
      bytes_ += *size - segment.bytes;
      segment.bytes = *size;
    }
    end_segment();
    skip_number();
    bytes_refused_ = record_bytes + kSegmentHeaderBytes;
    return written.error();
  }
  return next_sequence_++;
}

// After a failure a file of this name, or a whole record with this number, may be there and stay:
// neither can be used again.
void DiskStore::skip_number() {
  settled_.add(next_sequence_++);
}

Expected<void> DiskStore::begin_segment(std::int64_t created_ms) {
  const std::string name = segment_name(next_sequence_);
  auto opened = folder_.open(name, OpenMode::CreateNew);
  if (!opened) return std::move(opened).error();
  std::shared_ptr<File> file = *std::move(opened);
  const SegmentHeader header{.salt = random_salt(),
                             .first_sequence = next_sequence_,
                             .points_before = points_total_,
                             .previous_first_sequence = newest_first_sequence_,
                             .created_ms = created_ms};
  auto done = file->append(encode(header), {});
  if (done && options_.sync != SyncPolicy::Never) done = folder_.sync();
  if (!done) {
    static_cast<void>(folder_.remove(name));
    return done.error();
  }
  segments_.push_back(
      {.header = header, .places = {}, .bytes = kSegmentHeaderBytes, .file = std::move(file)});
  if (segments_.size() > kOpenFilesMax) segments_[segments_.size() - 2].file.reset();
  bytes_ += kSegmentHeaderBytes;
  newest_first_sequence_ = next_sequence_;
  active_ = true;
  return {};
}

void DiskStore::end_segment() {
  active_ = false;
  if (options_.sync != SyncPolicy::Never) unsynced_.push_back(segments_.back().file);
  if (segments_.back().blocks_waiting == 0) remove_segment(segments_.size() - 1);
}

Expected<void> DiskStore::write_record(Segment& segment, const Block& block) {
  const std::uint32_t salt = segment.header.salt;
  const RecordHeader header{.gzip = block.gzip,
                            .format = block.format,
                            .points = block.points,
                            .body_bytes = static_cast<std::uint32_t>(block.bytes.size()),
                            .sequence = next_sequence_,
                            .points_before = points_total_,
                            .created_ms = block.created_ms,
                            .line_bytes = static_cast<std::uint32_t>(block.line_bytes),
                            .body_checksum = body_checksum(salt, block.bytes)};
  if (const auto written = segment.file->append(encode(header, salt), block.bytes); !written) {
    return written.error();
  }
  const std::uint64_t record_bytes = kRecordHeaderBytes + block.bytes.size();
  segment.places.push_back({.offset = static_cast<std::uint32_t>(segment.bytes),
                            .points = block.points,
                            .created_ms = block.created_ms});
  segment.newest_created_ms = std::max(segment.newest_created_ms, block.created_ms);
  segment.bytes += record_bytes;
  segment.points_waiting += block.points;
  ++segment.blocks_waiting;
  bytes_ += record_bytes;
  points_total_ += block.points;
  points_waiting_ += block.points;
  ++blocks_waiting_;
  return {};
}

// The segment that holds the number, or the number of segments.
std::size_t DiskStore::index_of(std::uint64_t sequence) const {
  const auto after = std::upper_bound(segments_.begin(), segments_.end(), sequence,
                                      [](std::uint64_t wanted, const Segment& each) {
                                        return wanted < each.header.first_sequence;
                                      });
  if (after == segments_.begin() || sequence >= std::prev(after)->end()) return segments_.size();
  return static_cast<std::size_t>(std::prev(after) - segments_.begin());
}

std::optional<Numbered> DiskStore::oldest(std::uint64_t from) {
  for (std::size_t index = 0; index < segments_.size();) {
    std::uint64_t sequence =
        settled_.first_unsettled(std::max(from, segments_[index].header.first_sequence));
    if (held_ && held_->sequence == sequence) sequence = settled_.first_unsettled(sequence + 1);
    if (sequence >= segments_[index].end()) {
      ++index;
      continue;
    }
    if (auto block = read(sequence)) return Numbered{sequence, std::move(block)};
    // One that cannot be read for now does not keep the other segments waiting.
    if (waits(sequence)) ++index;
  }
  return std::nullopt;
}

bool DiskStore::waits(std::uint64_t sequence) const {
  return index_of(sequence) != segments_.size() && !settled_.contains(sequence);
}

Expected<StoredBlock> DiskStore::load(const Segment& segment, std::uint64_t sequence) const {
  std::shared_ptr<File> file = segment.file;
  if (!file) {
    auto opened = folder_.open(segment_name(segment.header.first_sequence), OpenMode::Read);
    if (!opened) return std::move(opened).error();
    file = *std::move(opened);
  }
  const BlockPlace place = segment.places[sequence - segment.header.first_sequence];
  auto stored = read_block(*file, place.offset, segment.header.salt);
  if (stored && stored->sequence != sequence) {
    return Error{ErrorCode::Damaged, "another block is where it should be"};
  }
  return stored;
}

// Damage stays; a disk that does not answer may come back. Once it had its time, the blocks after
// it in the segment have none of their own.
bool DiskStore::may_pass(Segment& segment, const Error& trouble) const {
  if (trouble.code != ErrorCode::Io) return false;
  const std::int64_t now_ms = clock_.steady_ms();
  if (!segment.unreadable_since_ms) segment.unreadable_since_ms = now_ms;
  return now_ms - *segment.unreadable_since_ms < kReadPatienceMs;
}

std::shared_ptr<const Block> DiskStore::read(std::uint64_t sequence) {
  if (!waits(sequence)) return nullptr;
  Segment& segment = segments_[index_of(sequence)];
  auto stored = load(segment, sequence);
  if (stored) {
    segment.unreadable_since_ms.reset();
    return std::make_shared<const Block>(std::move(stored->block));
  }
  if (may_pass(segment, stored.error())) return nullptr;
  const BlockPlace place = segment.places[sequence - segment.header.first_sequence];
  dropped_.damaged += place.points;
  dropped_.damage = folder_.path() + "/" + segment_name(segment.header.first_sequence) + ", byte " +
                    std::to_string(place.offset) + ": " + stored.error().message;
  settle(sequence);
  return nullptr;
}

void DiskStore::settle(std::uint64_t sequence) {
  if (held_ && held_->sequence == sequence && held_->dropped) {
    points_waiting_ -= held_->points;
    --blocks_waiting_;
    held_.reset();
    return;
  }
  if (!waits(sequence)) return;
  const std::size_t index = index_of(sequence);
  Segment& segment = segments_[index];
  const std::uint32_t points = segment.places[sequence - segment.header.first_sequence].points;
  if (held_ && held_->sequence == sequence) held_.reset();
  settled_.add(sequence);
  segment.points_waiting -= points;
  --segment.blocks_waiting;
  points_waiting_ -= points;
  --blocks_waiting_;
  write_position();
  const bool is_being_written = active_ && index + 1 == segments_.size();
  if (segment.blocks_waiting == 0 && !is_being_written) remove_segment(index);
}

void DiskStore::hold(std::optional<std::uint64_t> sequence) {
  if (held_ && held_->sequence == sequence) return;
  if (held_ && held_->dropped) {
    points_waiting_ -= held_->points;
    --blocks_waiting_;
    *held_->dropped += held_->points;
  }
  held_.reset();
  if (!sequence || !waits(*sequence)) return;
  const Segment& segment = segments_[index_of(*sequence)];
  held_ = Held{.sequence = *sequence,
               .points = segment.places[*sequence - segment.header.first_sequence].points};
}

void DiskStore::drop_beyond_bound() {
  while (bytes_ > bytes_for_segments() && !segments_.empty()) drop_first(dropped_.for_room);
}

void DiskStore::drop_older_than(std::int64_t created_ms) {
  while (!segments_.empty() && !segments_.front().places.empty() &&
         segments_.front().newest_created_ms < created_ms) {
    const bool is_being_written = active_ && segments_.size() == 1;
    if (is_being_written && segments_.front().blocks_waiting == 0) return;
    if (is_being_written) end_segment();
    drop_first(dropped_.for_age);
  }
}

// Deletes the oldest segment with whatever waits in it; a block in hand waits on, without a file.
void DiskStore::drop_first(std::uint64_t& counter) {
  Segment& segment = segments_.front();
  std::uint64_t points = segment.points_waiting;
  std::uint64_t blocks = segment.blocks_waiting;
  const bool has_held = held_ && !held_->dropped && index_of(held_->sequence) == 0;
  if (has_held) {
    held_->dropped = &counter;
    points -= held_->points;
    --blocks;
  }
  counter += points;
  points_waiting_ -= points;
  blocks_waiting_ -= blocks;
  settled_.add({segment.header.first_sequence, segment.end()});
  write_position();
  remove_segment(0);
}

void DiskStore::remove_segment(std::size_t index) {
  const Segment& segment = segments_[index];
  bytes_ -= segment.bytes;
  static_cast<void>(folder_.remove(segment_name(segment.header.first_sequence)));
  segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(index));
}

Dropped DiskStore::take_dropped() {
  return std::exchange(dropped_, {});
}

Waiting DiskStore::waiting() const {
  Waiting waiting{.points = points_waiting_, .blocks = blocks_waiting_, .bytes = bytes_};
  if (blocks_waiting_ == 0 || segments_.empty()) return waiting;
  const std::uint64_t sequence = settled_.first_unsettled(segments_.front().header.first_sequence);
  const std::size_t index = index_of(sequence);
  if (index == segments_.size()) return waiting;
  const Segment& segment = segments_[index];
  waiting.oldest_created_ms = segment.places[sequence - segment.header.first_sequence].created_ms;
  return waiting;
}

Expected<void> DiskStore::probe() {
  auto file = folder_.open(kProbeName, OpenMode::ReadWrite);
  if (!file) return std::move(file).error();
  // Within the bound, whatever it is.
  const std::uint64_t room =
      kProbeBytes + bytes_for_segments() - std::min(bytes_for_segments(), bytes_);
  const std::uint64_t bytes = std::min(room, std::max(kProbeBytes, bytes_refused_));
  const auto written = (*file)->write_at(0, std::string(bytes, '\0'));
  const auto removed = folder_.remove(kProbeName);
  return written ? removed : written;
}

// With EveryBlock always the newest one: somebody else may have asked before, and not synced yet.
std::vector<std::shared_ptr<File>> DiskStore::to_sync() {
  std::vector<std::shared_ptr<File>> files = std::exchange(unsynced_, {});
  if (active_) files.push_back(segments_.back().file);
  return files;
}

void DiskStore::leave_segment() {
  if (active_) end_segment();
}

bool DiskStore::is_gone() const {
  return !position_file_->has_name() || (active_ && !segments_.back().file->has_name());
}

std::vector<std::uint64_t> DiskStore::waiting_in_deleted_files() const {
  std::vector<std::uint64_t> sequences;
  for (const Segment& segment : segments_) {
    if (!segment.file || segment.file->has_name()) continue;
    for (std::uint64_t each = segment.header.first_sequence; each < segment.end(); ++each) {
      if (!settled_.contains(each)) sequences.push_back(each);
    }
  }
  return sequences;
}

}  // namespace fedwave::sinks
