#include "sinks/spool/spool_reader.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "relay/base/file.h"

namespace fedwave::sinks {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;

constexpr std::size_t kNameBytesMax = 4096;
constexpr std::size_t kLockBytesMax = 64;
constexpr int kPositionAttempts = 3;

Expected<bool> is_spool(const std::string& path) {
  const auto names = posix_folder(path)->names();
  if (!names) return names.error();
  return std::any_of(names->begin(), names->end(), [&path](const std::string& name) {
    std::error_code error;
    return (name == "position" || sequence_of_segment_name(name)) &&
           std::filesystem::is_regular_file(path + "/" + name, error);
  });
}

// The first line of a small file; empty when there is none.
std::string first_line(const std::string& path, std::size_t bytes_max) {
  const auto content = base::read_file(path, bytes_max);
  return content ? content->substr(0, content->find('\n')) : "";
}

// flock(2) can only be asked by taking the lock: a shared one, given back at once. A relay that
// starts in this very moment tries again a second later.
std::string user_of(const std::string& folder) {
  const std::string path = folder + "/lock";
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return {};
  const bool is_taken = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(descriptor);
  if (!is_taken) return {};
  const std::string number = first_line(path, kLockBytesMax);
  return number.empty() ? "another process" : "process " + number;
}

// The last bytes of a segment are what is there of a block: less than a header, or a good header
// with less than it promises.
bool ends_unfinished(File& file, const SegmentScan& scan) {
  if (scan.damage.empty() || !scan.damage.back().at_end) return false;
  const DamagedPlace& end = scan.damage.back();
  // A segment's own header is one too.
  if (end.bytes < kRecordHeaderBytes || scan.bytes <= kSegmentHeaderBytes) return true;
  const auto bytes = file.read_at(end.offset, kRecordHeaderBytes);
  return bytes && decode_record_header(*bytes, scan.header.salt);
}

bool has_lost_header(const SegmentScan& scan) {
  return !scan.damage.empty() && scan.damage.front().offset == 0;
}

std::uint64_t quarantined_lines(const std::string& path) {
  std::uint64_t lines = 0;
  bool is_start = true;
  // What cannot be read any more has just been moved away.
  static_cast<void>(base::read_pieces(path, [&](std::string_view piece) {
    for (const char c : piece) {
      if (is_start && c != '#') ++lines;
      is_start = c == '\n';
    }
    return true;
  }));
  return lines;
}

class Reader {
 public:
  explicit Reader(const std::string& path) : folder_(posix_folder(path)) { view_.folder = path; }

  Expected<SpoolView> run() {
    view_.user = user_of(view_.folder);
    view_.sink = first_line(view_.folder + "/sink", kNameBytesMax);
    view_.has_sink_name = !view_.sink.empty();
    if (!view_.has_sink_name) view_.sink = folder_name();
    // Before the segments: what is settled meanwhile is shown as waiting, and nothing as missing.
    if (const auto read = read_position(); !read) return read.error();
    if (const auto read = read_segments(); !read) return read.error();
    view_.position_lost = view_.position_lost && !view_.segments.empty();
    for (std::size_t i = 0; i < view_.segments.size(); ++i) {
      count_waiting(view_.segments[i]);
      for (const DamagedPlace& place : view_.segments[i].scan.damage) note_damage(i, place);
    }
    for (const char* const name : {"/quarantine.txt.1", "/quarantine.txt"}) {
      const std::uint64_t lines = quarantined_lines(view_.folder + name);
      if (lines > 0) view_.quarantine_files.push_back(view_.folder + name);
      view_.quarantined_lines += lines;
    }
    return std::move(view_);
  }

 private:
  [[nodiscard]] std::string folder_name() const {
    std::error_code error;
    std::filesystem::path path = std::filesystem::absolute(view_.folder, error).lexically_normal();
    if (!path.has_filename()) path = path.parent_path();
    return path.filename().string();
  }

  [[nodiscard]] Error named(const std::string& name, const Error& error) const {
    return {error.code, view_.folder + "/" + name + ": " + error.message};
  }

  Expected<void> read_position() {
    view_.position_lost = true;
    // While a relay writes one slot after the other, both may look torn for a moment.
    for (int attempt = 0; attempt < kPositionAttempts && view_.position_lost; ++attempt) {
      auto file = folder_->open("position", OpenMode::Read);
      if (!file && file.error().code == ErrorCode::NotFound) return {};
      if (!file) return std::move(file).error();
      const auto slots = (*file)->read_at(0, 2 * kPositionSlotBytes);
      if (!slots) return slots.error();
      const auto position = decode_position(*slots);
      if (!position) return named("position", position.error());
      view_.bytes = slots->size();
      view_.position_lost = !position->has_value();
      if (!*position) continue;
      view_.settled.restore(**position);
      view_.settled_below = (*position)->settled_below;
    }
    return {};
  }

  Expected<void> read_segments() {
    const auto names = folder_->names();
    if (!names) return names.error();
    for (const std::string& name : *names) {
      const auto first_sequence = sequence_of_segment_name(name);
      if (!first_sequence) continue;
      auto file = folder_->open(name, OpenMode::Read);
      if (!file && file.error().code == ErrorCode::NotFound) continue;  // settled and deleted
      if (!file) return std::move(file).error();
      SegmentView segment;
      segment.name = name;
      auto scan = scan_segment(**file, *first_sequence);
      if (!scan && scan.error().code == ErrorCode::Version) return named(name, scan.error());
      if (scan) {
        segment.scan = *std::move(scan);
      } else {
        const auto size = (*file)->size();
        segment.trouble = scan.error().message;
        segment.scan.header.first_sequence = *first_sequence;
        segment.scan.bytes = size ? *size : 0;
        segment.scan.damage.push_back(
            {.bytes = segment.scan.bytes, .first_sequence = *first_sequence, .at_end = true});
      }
      segment.ends_unfinished = ends_unfinished(**file, segment.scan);
      view_.bytes += segment.scan.bytes;
      view_.segments.push_back(std::move(segment));
    }
    return {};
  }

  void count_waiting(SegmentView& segment) {
    for (std::size_t i = 0; i < segment.scan.places.size(); ++i) {
      const BlockPlace& place = segment.scan.places[i];
      if (place.offset == 0) continue;
      ++segment.blocks;
      if (view_.settled.contains(segment.scan.header.first_sequence + i)) continue;
      ++segment.blocks_waiting;
      segment.points_waiting += place.points;
      if (view_.blocks_waiting++ == 0) view_.oldest_ms = place.created_ms;
      view_.oldest_ms = std::min(view_.oldest_ms, place.created_ms);
      view_.newest_ms = std::max(view_.newest_ms, place.created_ms);
    }
    view_.points_waiting += segment.points_waiting;
  }

  // The running count of points at the end of the segment before; nothing unless that is where the
  // one at `index` begins.
  [[nodiscard]] std::optional<std::uint64_t> points_before(std::size_t index) const {
    if (index == 0) return std::nullopt;
    const SegmentScan& before = view_.segments[index - 1].scan;
    const bool ends_well = before.damage.empty() || !before.damage.back().at_end;
    const bool touches = before.end_sequence() == view_.segments[index].scan.header.first_sequence;
    return ends_well && touches ? std::optional(before.points_after) : std::nullopt;
  }

  // The segment that was begun after the one at `index`, when its header can tell.
  [[nodiscard]] const SegmentHeader* next_header(std::size_t index) const {
    if (index + 1 == view_.segments.size()) return nullptr;
    const SegmentScan& next = view_.segments[index + 1].scan;
    const bool follows =
        next.header.previous_first_sequence == view_.segments[index].scan.header.first_sequence;
    return follows && !has_lost_header(next) ? &next.header : nullptr;
  }

  // What a damaged place held, settled or not, as far as what stands on both sides of it tells.
  struct Held {
    SequenceRange blocks;
    std::optional<std::uint64_t> points;
  };

  [[nodiscard]] Held held_in(std::size_t index, const DamagedPlace& place) const {
    const SegmentScan& scan = view_.segments[index].scan;
    Held held{.blocks = {place.first_sequence, place.first_sequence + place.blocks},
              .points = place.points};
    if (place.blocks == 0 && !place.at_end) return held;
    // Where the segment's header is lost, its count went with it.
    const bool is_after_lost_header =
        has_lost_header(scan) && place.first_sequence == scan.header.first_sequence;
    if (!is_after_lost_header && !place.at_end) return held;
    const SegmentHeader* const next = next_header(index);
    if (place.at_end && next != nullptr) held.blocks.end = next->first_sequence;
    const auto begin =
        is_after_lost_header ? points_before(index) : std::optional(scan.points_after);
    std::optional<std::uint64_t> end;
    if (!place.at_end) end = scan.header.points_before;
    if (place.at_end && next != nullptr) end = next->points_before;
    held.points = begin && end && *end >= *begin ? std::optional(*end - *begin) : std::nullopt;
    return held;
  }

  // Points that are lost with what a place held: not those of settled blocks.
  [[nodiscard]] std::optional<std::uint64_t> lost_of(const Held& held) const {
    std::uint64_t settled = 0;
    for (std::uint64_t each = held.blocks.first; each < held.blocks.end; ++each) {
      settled += view_.settled.contains(each) ? 1 : 0;
    }
    if (settled == 0) return held.points;
    if (settled == held.blocks.end - held.blocks.first) return 0;
    return std::nullopt;
  }

  void note_damage(std::size_t index, const DamagedPlace& place) {
    const SegmentView& segment = view_.segments[index];
    const Held held = held_in(index, place);
    SpoolDamage damage{.file = view_.folder + "/" + segment.name,
                       .offset = place.offset,
                       .bytes = place.bytes,
                       .what = {},
                       .points = lost_of(held)};
    damage.is_unfinished =
        place.at_end && (held.points ? *held.points == 0 : segment.ends_unfinished);
    if (damage.is_unfinished) {
      damage.points = 0;
      damage.what = "the beginning of a block that was never finished";
      const bool is_newest = index + 1 == view_.segments.size();
      if (is_newest && !view_.user.empty()) {
        damage.what = "the beginning of a block that is being written, or was never finished";
      }
    } else if (!segment.trouble.empty()) {
      damage.what = segment.trouble;
    } else if (place.offset == 0) {
      damage.what = "the segment's header is damaged; its blocks are found without it";
    } else if (held.blocks.end > held.blocks.first) {
      const std::uint64_t blocks = held.blocks.end - held.blocks.first;
      damage.what = std::to_string(blocks) + (blocks == 1 ? " block is" : " blocks are") +
                    " damaged or missing";
    } else {
      damage.what = place.at_end ? "what stands at the end is no block" : "bytes of no block";
    }
    view_.damage.push_back(std::move(damage));
  }

  std::unique_ptr<Folder> folder_;
  SpoolView view_;
};

Error damaged(const std::string& what) {
  return {ErrorCode::Damaged, what};
}

}  // namespace

Expected<FoundSpools> find_spools(std::string directory) {
  while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
  std::error_code error;
  const auto status = std::filesystem::status(directory, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return Error{ErrorCode::NotFound, "there is no folder " + directory};
  }
  if (error) return Error{ErrorCode::Io, "cannot look at " + directory + ": " + error.message()};
  if (status.type() != std::filesystem::file_type::directory) {
    return Error{ErrorCode::InvalidArgument,
                 directory + " is no folder; give spool.directory, or one sink's folder in it"};
  }
  const auto is_one = is_spool(directory);
  if (!is_one) return is_one.error();
  FoundSpools found;
  if (*is_one) {
    found.folders.push_back(directory);
    return found;
  }
  const auto names = posix_folder(directory)->names();
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const std::string path = std::filesystem::path(directory) / name;
    // Every ext4 volume has that one, and only root may look into it.
    if (name == "lost+found" || !std::filesystem::is_directory(path, error)) continue;
    const auto is_spool_there = is_spool(path);
    if (!is_spool_there) found.unreadable.push_back(is_spool_there.error());
    if (is_spool_there && *is_spool_there) found.folders.push_back(path);
  }
  if (found.folders.empty() && found.unreadable.empty()) {
    return Error{ErrorCode::NotFound, "there is no spool in " + directory};
  }
  return found;
}

Expected<SpoolView> read_spool(const std::string& folder) {
  return Reader(folder).run();
}

Expected<void> for_each_block(const SpoolView& spool,
                              const std::function<bool(const BlockView&, File&)>& take) {
  const std::unique_ptr<Folder> folder = posix_folder(spool.folder);
  for (const SegmentView& segment : spool.segments) {
    if (segment.blocks == 0) continue;
    const auto file = folder->open(segment.name, OpenMode::Read);
    if (!file && file.error().code == ErrorCode::NotFound) continue;  // settled and deleted
    if (!file) return file.error();
    for (std::size_t i = 0; i < segment.scan.places.size(); ++i) {
      const std::uint64_t sequence = segment.scan.header.first_sequence + i;
      const BlockView block{.segment = segment,
                            .sequence = sequence,
                            .place = segment.scan.places[i],
                            .waits = !spool.settled.contains(sequence)};
      if (block.place.offset != 0 && !take(block, **file)) return {};
    }
  }
  return {};
}

Expected<StoredBlock> stored_block(const BlockView& block, File& file) {
  auto stored = read_block(file, block.place.offset, block.segment.scan.header.salt);
  if (stored && stored->sequence != block.sequence) return damaged("it is another block");
  return stored;
}

std::uint64_t record_bytes(const BlockView& block, File& file) {
  const auto bytes = file.read_at(block.place.offset, kRecordHeaderBytes);
  if (!bytes) return 0;
  const auto header = decode_record_header(*bytes, block.segment.scan.header.salt);
  return kRecordHeaderBytes + (header ? header->body_bytes : 0);
}

Expected<std::string> checked_lines(const Block& block) {
  auto lines = block_lines(block);
  if (!lines) return damaged("a block cannot be decompressed: " + lines.error().message);
  if (lines->size() != block.line_bytes) {
    return damaged("a block has " + std::to_string(lines->size()) + " bytes of lines instead of " +
                   std::to_string(block.line_bytes));
  }
  const auto count = std::count(lines->begin(), lines->end(), '\n');
  if (static_cast<std::uint64_t>(count) != block.points || !lines->ends_with('\n')) {
    return damaged("a block has " + std::to_string(count) + " whole lines instead of " +
                   std::to_string(block.points));
  }
  return lines;
}

}  // namespace fedwave::sinks
