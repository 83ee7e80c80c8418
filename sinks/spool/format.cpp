#include "sinks/spool/format.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <type_traits>

namespace fedwave::sinks {
namespace {

using base::Error;
using base::ErrorCode;

static_assert(std::endian::native == std::endian::little, "the files are little-endian");

constexpr std::string_view kSegmentMagic = "FWSPOOL\n";
constexpr std::string_view kRecordMagic = "FWB1";
constexpr std::string_view kPositionMagic = "FWPOSIT\n";
constexpr std::string_view kSegmentSuffix = ".blocks";
constexpr std::size_t kSequenceDigits = 16;
constexpr std::size_t kFolderNameBytes = 64;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::uint8_t kFlagGzip = 1;
constexpr std::uint8_t kFlagHistograms = 2;

template <class T>
void put(std::string& bytes, std::size_t offset, T number) {
  static_assert(std::is_integral_v<T>);
  std::memcpy(bytes.data() + offset, &number, sizeof number);
}

template <class T>
T get(std::string_view bytes, std::size_t offset) {
  static_assert(std::is_integral_v<T>);
  T number;
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

std::uint64_t checksum(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::string hex(std::uint64_t number, std::size_t digits) {
  char text[16];
  const auto end = std::to_chars(text, text + sizeof text, number, 16).ptr;
  const std::string_view shown(text, static_cast<std::size_t>(end - text));
  return std::string(digits - std::min(digits, shown.size()), '0') + std::string(shown);
}

// The last eight bytes are the checksum of those before them.
void seal(std::string& bytes, std::uint64_t seed) {
  const std::size_t end = bytes.size() - kChecksumBytes;
  put(bytes, end, checksum(std::string_view(bytes).substr(0, end), seed));
}

bool is_sealed(std::string_view bytes, std::uint64_t seed) {
  const std::size_t end = bytes.size() - kChecksumBytes;
  return get<std::uint64_t>(bytes, end) == checksum(bytes.substr(0, end), seed);
}

Error version_error(std::uint32_t version) {
  return {ErrorCode::Version, "format version " + std::to_string(version) +
                                  ", but this fedwave knows only version " +
                                  std::to_string(kFormatVersion)};
}

base::Expected<Position> decode_slot(std::string_view slot) {
  const Error damaged{ErrorCode::Damaged, "the slot is damaged"};
  if (!slot.starts_with(kPositionMagic) || !is_sealed(slot, 0)) return damaged;
  if (const auto version = get<std::uint32_t>(slot, 8); version != kFormatVersion) {
    return version_error(version);
  }
  const auto count = get<std::uint32_t>(slot, 12);
  Position position{.generation = get<std::uint64_t>(slot, 16),
                    .settled_below = get<std::uint64_t>(slot, 24),
                    .settled = {}};
  std::uint64_t floor = position.settled_below;
  if (count > kPositionRangesMax) return damaged;
  for (std::size_t i = 0; i < count; ++i) {
    const SequenceRange range{get<std::uint64_t>(slot, 32 + 16 * i),
                              get<std::uint64_t>(slot, 40 + 16 * i)};
    if (range.first <= floor || range.end <= range.first) return damaged;
    floor = range.end;
    position.settled.push_back(range);
  }
  return position;
}

}  // namespace

std::string folder_name(std::string_view sink) {
  std::string name;
  for (const char c : sink.substr(0, kFolderNameBytes)) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '_';
    if (is_plain) {
      name += c;
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  return name + "-" + hex(checksum(sink, 0) >> 32, 8);
}

std::string segment_name(std::uint64_t first_sequence) {
  return hex(first_sequence, kSequenceDigits) + std::string(kSegmentSuffix);
}

std::optional<std::uint64_t> sequence_of_segment_name(std::string_view name) {
  if (name.size() != kSequenceDigits + kSegmentSuffix.size() || !name.ends_with(kSegmentSuffix)) {
    return std::nullopt;
  }
  std::uint64_t sequence = 0;
  const char* const end = name.data() + kSequenceDigits;
  const auto [stop, error] = std::from_chars(name.data(), end, sequence, 16);
  // Only the very name that segment_name() gives: no capitals.
  if (error != std::errc() || stop != end || segment_name(sequence) != name) return std::nullopt;
  return sequence;
}

std::string encode(const SegmentHeader& header) {
  std::string bytes(kSegmentHeaderBytes, '\0');
  bytes.replace(0, kSegmentMagic.size(), kSegmentMagic);
  put(bytes, 8, kFormatVersion);
  put(bytes, 16, std::uint64_t{header.salt});
  put(bytes, 24, header.first_sequence);
  put(bytes, 32, header.points_before);
  put(bytes, 40, header.previous_first_sequence);
  put(bytes, 48, header.created_ms);
  seal(bytes, 0);
  return bytes;
}

base::Expected<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes) {
    return Error{ErrorCode::Damaged, "the segment has no complete header"};
  }
  bytes = bytes.substr(0, kSegmentHeaderBytes);
  if (!bytes.starts_with(kSegmentMagic) || !is_sealed(bytes, 0)) {
    return Error{ErrorCode::Damaged, "the segment's header is damaged"};
  }
  if (const auto version = get<std::uint32_t>(bytes, 8); version != kFormatVersion) {
    return version_error(version);
  }
  return SegmentHeader{.salt = get<std::uint32_t>(bytes, 16),
                       .first_sequence = get<std::uint64_t>(bytes, 24),
                       .points_before = get<std::uint64_t>(bytes, 32),
                       .previous_first_sequence = get<std::uint64_t>(bytes, 40),
                       .created_ms = get<std::int64_t>(bytes, 48)};
}

std::uint64_t body_checksum(std::uint32_t salt, std::string_view body) {
  return checksum(body, salt);
}

std::string encode(const RecordHeader& header, std::uint32_t salt) {
  std::string bytes(kRecordHeaderBytes, '\0');
  bytes.replace(0, kRecordMagic.size(), kRecordMagic);
  const int flags = (header.gzip ? kFlagGzip : 0) |
                    (header.format == PointFormat::Histogram ? kFlagHistograms : 0);
  put(bytes, 4, static_cast<std::uint8_t>(flags));
  put(bytes, 8, header.points);
  put(bytes, 12, header.body_bytes);
  put(bytes, 16, header.sequence);
  put(bytes, 24, header.points_before);
  put(bytes, 32, header.created_ms);
  put(bytes, 40, header.line_bytes);
  put(bytes, 44, salt);
  put(bytes, 48, header.body_checksum);
  seal(bytes, salt);
  return bytes;
}

std::optional<RecordHeader> decode_record_header(std::string_view bytes, std::uint32_t salt) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  bytes = bytes.substr(0, kRecordHeaderBytes);
  if (!bytes.starts_with(kRecordMagic) || !is_sealed(bytes, salt)) return std::nullopt;
  const auto flags = get<std::uint8_t>(bytes, 4);
  RecordHeader header{
      .gzip = (flags & kFlagGzip) != 0,
      .format = (flags & kFlagHistograms) != 0 ? PointFormat::Histogram : PointFormat::Metric,
      .points = get<std::uint32_t>(bytes, 8),
      .body_bytes = get<std::uint32_t>(bytes, 12),
      .sequence = get<std::uint64_t>(bytes, 16),
      .points_before = get<std::uint64_t>(bytes, 24),
      .created_ms = get<std::int64_t>(bytes, 32),
      .line_bytes = get<std::uint32_t>(bytes, 40),
      .body_checksum = get<std::uint64_t>(bytes, 48)};
  if (header.body_bytes > kRecordBodyBytesMax) return std::nullopt;
  return header;
}

std::optional<std::uint32_t> salt_of_record_header(std::string_view bytes) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  const auto salt = get<std::uint32_t>(bytes, 44);
  return decode_record_header(bytes, salt) ? std::optional(salt) : std::nullopt;
}

std::size_t find_record_header(std::string_view bytes, std::size_t from) {
  return bytes.find(kRecordMagic, from);
}

std::string encode_slot(const Position& position) {
  std::string bytes(kPositionSlotBytes, '\0');
  bytes.replace(0, kPositionMagic.size(), kPositionMagic);
  put(bytes, 8, kFormatVersion);
  put(bytes, 12, static_cast<std::uint32_t>(position.settled.size()));
  put(bytes, 16, position.generation);
  put(bytes, 24, position.settled_below);
  for (std::size_t i = 0; i < position.settled.size(); ++i) {
    put(bytes, 32 + 16 * i, position.settled[i].first);
    put(bytes, 40 + 16 * i, position.settled[i].end);
  }
  seal(bytes, 0);
  return bytes;
}

base::Expected<std::optional<Position>> decode_position(std::string_view both_slots) {
  std::optional<Position> newest;
  for (std::size_t at = 0; at + kPositionSlotBytes <= both_slots.size(); at += kPositionSlotBytes) {
    auto slot = decode_slot(both_slots.substr(at, kPositionSlotBytes));
    if (!slot && slot.error().code == ErrorCode::Version) return std::move(slot).error();
    if (slot && (!newest || slot->generation > newest->generation)) newest = *std::move(slot);
  }
  return newest;
}

}  // namespace fedwave::sinks
