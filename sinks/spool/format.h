// The bytes of a spool's files, as FORMAT.md has them: pure functions between structs and bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/expected.h"
#include "sinks/block.h"

namespace fedwave::sinks {

inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::size_t kSegmentHeaderBytes = 64;
inline constexpr std::size_t kRecordHeaderBytes = 64;
inline constexpr std::size_t kPositionSlotBytes = 4096;
inline constexpr std::size_t kPositionRangesMax = 252;
// A compressed block is hardly larger than its lines; this bounds what a damaged length can ask
// for.
inline constexpr std::uint32_t kRecordBodyBytesMax = 64u << 20;

struct SegmentHeader {
  std::uint32_t salt = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t points_before = 0;
  std::uint64_t previous_first_sequence = 0;  // 0: none
  std::int64_t created_ms = 0;
  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

struct RecordHeader {
  bool gzip = false;
  PointFormat format = PointFormat::Metric;
  std::uint32_t points = 0;
  std::uint32_t body_bytes = 0;
  std::uint64_t sequence = 0;
  std::uint64_t points_before = 0;
  std::int64_t created_ms = 0;
  std::uint32_t line_bytes = 0;
  std::uint64_t body_checksum = 0;
  friend bool operator==(const RecordHeader&, const RecordHeader&) = default;
};

struct SequenceRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;  // one after the last
  friend bool operator==(const SequenceRange&, const SequenceRange&) = default;
};

struct Position {
  std::uint64_t generation = 0;
  std::uint64_t settled_below = 1;
  std::vector<SequenceRange> settled;  // ascending, apart from one another
};

// A sink's folder: what of its name fits into a file name, and a hash that tells alike ones apart.
std::string folder_name(std::string_view sink);
std::string segment_name(std::uint64_t first_sequence);
// Nothing for any other file.
std::optional<std::uint64_t> sequence_of_segment_name(std::string_view name);

std::string encode(const SegmentHeader& header);
// Errors: Version for another version than ours, Damaged for anything else that is no header.
base::Expected<SegmentHeader> decode_segment_header(std::string_view bytes);

std::uint64_t body_checksum(std::uint32_t salt, std::string_view body);
std::string encode(const RecordHeader& header, std::uint32_t salt);
// Nothing unless the bytes begin with a header of a segment with this salt.
std::optional<RecordHeader> decode_record_header(std::string_view bytes, std::uint32_t salt);
// The salt of a whole and good record header, whatever segment it may be from.
std::optional<std::uint32_t> salt_of_record_header(std::string_view bytes);
// Where the next thing that looks like a record header begins; npos for nowhere.
std::size_t find_record_header(std::string_view bytes, std::size_t from);

std::string encode_slot(const Position& position);
// Of both slots the newer good one; nothing when neither is good. Error: Version.
base::Expected<std::optional<Position>> decode_position(std::string_view both_slots);

}  // namespace fedwave::sinks
