#include "sinks/spool/segment.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace fedwave::sinks {
namespace {

using base::Error;
using base::ErrorCode;
using base::Expected;

constexpr std::size_t kSearchBytes = std::size_t{1} << 20;

struct Found {
  std::uint64_t offset = 0;
  RecordHeader header;
};

// Goes through one file from record to record.
class Scanner {
 public:
  Scanner(File& file, const SegmentHeader& header, std::uint64_t file_bytes) : file_(file) {
    scan_.header = header;
    scan_.bytes = file_bytes;
    scan_.points_after = header.points_before;
  }

  Expected<SegmentScan> run() {
    std::uint64_t offset = kSegmentHeaderBytes;
    while (offset < scan_.bytes) {
      const auto bytes = file_.read_at(offset, kRecordHeaderBytes);
      if (!bytes) return bytes.error();
      std::optional<Found> found;
      if (const auto header = good_header(*bytes, offset)) {
        found = Found{offset, *header};
      } else {
        auto next = search(offset + 1);
        if (!next) return std::move(next).error();
        found = *next;
        note_damage(offset, found);
        if (!found) break;
      }
      take(*found);
      offset = found->offset + kRecordHeaderBytes + found->header.body_bytes;
    }
    return std::move(scan_);
  }

 private:
  // A header counts when its block lies within the file and its numbers follow.
  [[nodiscard]] std::optional<RecordHeader> good_header(std::string_view bytes,
                                                        std::uint64_t offset) const {
    auto header = decode_record_header(bytes, scan_.header.salt);
    if (!header) return std::nullopt;
    const bool follows =
        header->sequence >= scan_.end_sequence() && header->points_before >= scan_.points_after;
    const bool is_whole = offset + kRecordHeaderBytes + header->body_bytes <= scan_.bytes;
    // A block takes more than one byte, so that a number beyond that is no number of this file.
    const bool is_near = header->sequence - scan_.header.first_sequence < scan_.bytes;
    return follows && is_whole && is_near ? header : std::nullopt;
  }

  Expected<std::optional<Found>> search(std::uint64_t from) {
    while (from + kRecordHeaderBytes <= scan_.bytes) {
      const auto bytes = file_.read_at(from, kSearchBytes);
      if (!bytes) return bytes.error();
      for (std::size_t at = find_record_header(*bytes, 0);
           at != std::string::npos && at + kRecordHeaderBytes <= bytes->size();
           at = find_record_header(*bytes, at + 1)) {
        if (const auto header = good_header(std::string_view(*bytes).substr(at), from + at)) {
          return std::optional(Found{from + at, *header});
        }
      }
      // The pieces overlap by one header, so that none is cut in two.
      if (bytes->size() <= kRecordHeaderBytes) break;
      from += bytes->size() - kRecordHeaderBytes + 1;
    }
    return std::optional<Found>();
  }

  void note_damage(std::uint64_t offset, const std::optional<Found>& next) {
    DamagedPlace place{.offset = offset,
                       .bytes = (next ? next->offset : scan_.bytes) - offset,
                       .first_sequence = scan_.end_sequence(),
                       .at_end = !next};
    if (next) {
      place.blocks = next->header.sequence - scan_.end_sequence();
      place.points = next->header.points_before - scan_.points_after;
    }
    scan_.damage.push_back(place);
  }

  void take(const Found& found) {
    scan_.places.resize(found.header.sequence - scan_.header.first_sequence);
    scan_.places.push_back({.offset = static_cast<std::uint32_t>(found.offset),
                            .points = found.header.points,
                            .created_ms = found.header.created_ms});
    scan_.points_after = found.header.points_before + found.header.points;
    scan_.newest_created_ms = std::max(scan_.newest_created_ms, found.header.created_ms);
  }

  File& file_;
  SegmentScan scan_;
};

// A header in place of a damaged one, from the name and the first good record.
Expected<SegmentHeader> salvage_header(File& file, std::uint64_t first_sequence,
                                       std::uint64_t file_bytes) {
  for (std::uint64_t from = 0; from + kRecordHeaderBytes <= file_bytes;) {
    const auto bytes = file.read_at(from, kSearchBytes);
    if (!bytes) return bytes.error();
    for (std::size_t at = find_record_header(*bytes, 0); at != std::string::npos;
         at = find_record_header(*bytes, at + 1)) {
      const std::string_view rest = std::string_view(*bytes).substr(at);
      const auto salt = salt_of_record_header(rest);
      if (!salt) continue;
      const RecordHeader record = *decode_record_header(rest, *salt);
      // Bytes of another segment, which a file system may leave in a block.
      if (record.sequence < first_sequence || record.sequence - first_sequence > file_bytes)
        continue;
      return SegmentHeader{.salt = *salt,
                           .first_sequence = first_sequence,
                           .points_before = record.points_before,
                           .created_ms = record.created_ms};
    }
    if (bytes->size() <= kRecordHeaderBytes) break;
    from += bytes->size() - kRecordHeaderBytes + 1;
  }
  return Error{ErrorCode::Damaged, "nothing in the segment is good"};
}

}  // namespace

Expected<SegmentScan> scan_segment(File& file, std::uint64_t first_sequence) {
  const auto size = file.size();
  if (!size) return size.error();
  if (*size > std::numeric_limits<std::uint32_t>::max()) {
    return Error{ErrorCode::Damaged, "the segment is larger than any segment can be"};
  }
  const auto bytes = file.read_at(0, kSegmentHeaderBytes);
  if (!bytes) return bytes.error();
  auto header = decode_segment_header(*bytes);
  const bool is_own = header && header->first_sequence == first_sequence;
  if (is_own) return Scanner(file, *header, *size).run();
  if (!header && header.error().code == ErrorCode::Version) return header.error();
  header = salvage_header(file, first_sequence, *size);
  if (!header) return header.error();
  auto scan = Scanner(file, *header, *size).run();
  if (scan) {
    scan->damage.insert(scan->damage.begin(),
                        {.bytes = kSegmentHeaderBytes, .first_sequence = first_sequence});
  }
  return scan;
}

Expected<StoredBlock> read_block(File& file, std::uint64_t offset, std::uint32_t salt) {
  const auto header_bytes = file.read_at(offset, kRecordHeaderBytes);
  if (!header_bytes) return header_bytes.error();
  const auto header = decode_record_header(*header_bytes, salt);
  if (!header) return Error{ErrorCode::Damaged, "a block's header is damaged"};
  auto body = file.read_at(offset + kRecordHeaderBytes, header->body_bytes);
  if (!body) return std::move(body).error();
  if (body->size() != header->body_bytes || body_checksum(salt, *body) != header->body_checksum) {
    return Error{ErrorCode::Damaged, "a block's bytes do not have their checksum"};
  }
  return StoredBlock{.sequence = header->sequence,
                     .block = {.bytes = *std::move(body),
                               .gzip = header->gzip,
                               .format = header->format,
                               .points = header->points,
                               .line_bytes = header->line_bytes,
                               .created_ms = header->created_ms}};
}

}  // namespace fedwave::sinks
