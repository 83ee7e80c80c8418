#include "sinks/spool/format.h"

#include <doctest/doctest.h>

using namespace fedwave;
using base::ErrorCode;
using sinks::PointFormat;
using sinks::Position;
using sinks::RecordHeader;
using sinks::SegmentHeader;

namespace {

constexpr std::uint32_t kSalt = 0xa1b2c3d4;

std::string from_hex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size();) {
    if (text[i] == ' ') {
      ++i;
      continue;
    }
    bytes.push_back(static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
    i += 2;
  }
  return bytes;
}

// What FORMAT.md has, byte by byte; the checksums are XXH3's own.
const std::string kSegmentBytes = from_hex(
    "46 57 53 50 4f 4f 4c 0a 01 00 00 00 00 00 00 00 d4 c3 b2 a1 00 00 00 00 e9 03 00 00 00 00 00 "
    "00 "
    "15 cd 5b 07 00 00 00 00 01 00 00 00 00 00 00 00 00 a8 da 76 9b 01 00 00 88 6a 29 2a ce c3 93 "
    "d4");
const SegmentHeader kSegment{.salt = kSalt,
                             .first_sequence = 1001,
                             .points_before = 123'456'789,
                             .previous_first_sequence = 1,
                             .created_ms = 1'767'225'600'000};

const std::string kRecordBytes = from_hex(
    "46 57 42 31 03 00 00 00 03 00 00 00 05 00 00 00 ea 03 00 00 00 00 00 00 18 cd 5b 07 00 00 00 "
    "00 "
    "01 a8 da 76 9b 01 00 00 04 03 02 01 d4 c3 b2 a1 ef 65 8d 38 f9 82 94 93 c5 80 c8 bc 73 51 53 "
    "fe");
const RecordHeader kRecord{.gzip = true,
                           .format = PointFormat::Histogram,
                           .points = 3,
                           .body_bytes = 5,
                           .sequence = 1002,
                           .points_before = 123'456'792,
                           .created_ms = 1'767'225'600'001,
                           .line_bytes = 0x01020304,
                           .body_checksum = 0x939482f9388d65ef};

const std::string kSlotBytes = from_hex(
                                   "46 57 50 4f 53 49 54 0a 01 00 00 00 02 00 00 00 07 00 00 00 00 "
                                   "00 00 00 05 00 00 00 00 00 00 "
                                   "00 08 00 00 00 00 00 00 00 0a 00 00 00 00 00 00 00 00 01 00 00 "
                                   "00 00 00 00 01 02 00 00 00 00 "
                                   "00 00") +
                               std::string(4096 - 64 - 8, '\0') +
                               from_hex("63 cf 9e 38 ec f8 fc 9d");
const Position kPosition{.generation = 7, .settled_below = 5, .settled = {{8, 10}, {256, 513}}};

std::string with_flip(std::string bytes, std::size_t offset, unsigned bit) {
  bytes[offset] = static_cast<char>(static_cast<unsigned char>(bytes[offset]) ^ (1U << bit));
  return bytes;
}

bool same(const Position& a, const Position& b) {
  return a.generation == b.generation && a.settled_below == b.settled_below &&
         a.settled == b.settled;
}

}  // namespace

TEST_CASE("the bytes of a segment's header are those of the format") {
  CHECK(encode(kSegment) == kSegmentBytes);
  const auto decoded = sinks::decode_segment_header(kSegmentBytes + "what follows");
  REQUIRE(decoded);
  CHECK(*decoded == kSegment);
}

TEST_CASE("the bytes of a record's header are those of the format") {
  CHECK(sinks::body_checksum(kSalt, "lines") == kRecord.body_checksum);
  CHECK(encode(kRecord, kSalt) == kRecordBytes);
  const auto decoded = sinks::decode_record_header(kRecordBytes + "lines", kSalt);
  REQUIRE(decoded);
  CHECK(*decoded == kRecord);
  CHECK(sinks::salt_of_record_header(kRecordBytes) == kSalt);
}

TEST_CASE("the bytes of a position's slot are those of the format") {
  CHECK(encode_slot(kPosition) == kSlotBytes);
  const auto decoded = sinks::decode_position(kSlotBytes);
  REQUIRE(decoded);
  REQUIRE(decoded->has_value());
  CHECK(same(**decoded, kPosition));
}

TEST_CASE("a flag stands for each thing that a record can be") {
  struct Row {
    bool gzip;
    PointFormat format;
    int flags;
  };
  for (const Row& row :
       {Row{false, PointFormat::Metric, 0}, Row{true, PointFormat::Metric, 1},
        Row{false, PointFormat::Histogram, 2}, Row{true, PointFormat::Histogram, 3}}) {
    CAPTURE(row.flags);
    RecordHeader header = kRecord;
    header.gzip = row.gzip;
    header.format = row.format;
    const std::string bytes = encode(header, kSalt);
    CHECK(bytes[4] == row.flags);
    CHECK(sinks::decode_record_header(bytes, kSalt) == header);
  }
}

TEST_CASE("no bit of a header can change unnoticed") {
  for (std::size_t offset = 0; offset < 64; ++offset) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      CAPTURE(offset);
      CAPTURE(bit);
      const auto segment = sinks::decode_segment_header(with_flip(kSegmentBytes, offset, bit));
      REQUIRE_FALSE(segment);
      CHECK(segment.error().code == ErrorCode::Damaged);
      const std::string record = with_flip(kRecordBytes, offset, bit);
      CHECK_FALSE(sinks::decode_record_header(record, kSalt));
      CHECK_FALSE(sinks::salt_of_record_header(record));
    }
  }
}

TEST_CASE("no bit of a slot can change unnoticed") {
  for (std::size_t offset = 0; offset < kSlotBytes.size(); offset += offset < 80 ? 1 : 61) {
    CAPTURE(offset);
    const auto decoded = sinks::decode_position(with_flip(kSlotBytes, offset, offset % 8));
    REQUIRE(decoded);
    CHECK_FALSE(decoded->has_value());
  }
}

TEST_CASE("what is too short is no header") {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{8}, std::size_t{63}}) {
    CAPTURE(bytes);
    const auto segment =
        sinks::decode_segment_header(std::string_view(kSegmentBytes).substr(0, bytes));
    REQUIRE_FALSE(segment);
    CHECK(segment.error().code == ErrorCode::Damaged);
    CHECK_FALSE(
        sinks::decode_record_header(std::string_view(kRecordBytes).substr(0, bytes), kSalt));
    CHECK_FALSE(sinks::salt_of_record_header(std::string_view(kRecordBytes).substr(0, bytes)));
  }
  CHECK_FALSE(sinks::decode_position(std::string_view(kSlotBytes).substr(0, 4095))->has_value());
}

// The checksums are those of the bytes with a 2 in place of the version.
TEST_CASE("another version is told from damage") {
  std::string segment = kSegmentBytes;
  segment.replace(8, 1, "\2");
  segment.replace(56, 8, from_hex("ba d8 9b b9 e7 59 43 da"));
  const auto decoded = sinks::decode_segment_header(segment);
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().code == ErrorCode::Version);
  std::string slot = kSlotBytes;
  slot.replace(8, 1, "\2");
  slot.replace(4088, 8, from_hex("5e 5e 51 b2 aa f0 4b 9f"));
  for (const std::string& slots : {slot, kSlotBytes + slot, slot + kSlotBytes}) {
    const auto position = sinks::decode_position(slots);
    REQUIRE_FALSE(position);
    CHECK(position.error().code == ErrorCode::Version);
  }
}

TEST_CASE("a record of another segment is foreign") {
  CHECK_FALSE(sinks::decode_record_header(kRecordBytes, kSalt + 1));
  RecordHeader huge = kRecord;
  huge.body_bytes = sinks::kRecordBodyBytesMax + 1;
  CHECK_FALSE(sinks::decode_record_header(encode(huge, kSalt), kSalt));
  huge.body_bytes = sinks::kRecordBodyBytesMax;
  CHECK(sinks::decode_record_header(encode(huge, kSalt), kSalt));
}

TEST_CASE("of two slots the newer good one counts") {
  Position newer = kPosition;
  newer.generation = 8;
  newer.settled_below = 6;
  const std::string newer_bytes = encode_slot(newer);
  const std::string torn = newer_bytes.substr(0, 512) + std::string(4096 - 512, '\0');
  struct Row {
    std::string slots;
    std::optional<std::uint64_t> generation;
  };
  const Row rows[] = {
      {kSlotBytes + newer_bytes, 8},
      {newer_bytes + kSlotBytes, 8},
      {kSlotBytes + torn, 7},
      {torn + kSlotBytes, 7},
      {torn + torn, std::nullopt},
      {std::string(4096, '\0') + newer_bytes, 8},
      {kSlotBytes + newer_bytes.substr(0, 4000), 7},
      {"", std::nullopt},
  };
  for (const Row& row : rows) {
    CAPTURE(&row - rows);
    const auto decoded = sinks::decode_position(row.slots);
    REQUIRE(decoded);
    REQUIRE(decoded->has_value() == row.generation.has_value());
    if (row.generation) CHECK((*decoded)->generation == *row.generation);
  }
}

TEST_CASE(
    "a slot holds as many ranges as the format says, and ranges that make no sense are damage") {
  Position full{.generation = 1, .settled_below = 1, .settled = {}};
  for (std::uint64_t i = 0; i < sinks::kPositionRangesMax; ++i) {
    full.settled.push_back({10 * i + 3, 10 * i + 5});
  }
  const auto decoded = sinks::decode_position(encode_slot(full));
  REQUIRE(decoded);
  REQUIRE(decoded->has_value());
  CHECK(same(**decoded, full));
  for (const std::vector<sinks::SequenceRange>& ranges : {std::vector<sinks::SequenceRange>{{5, 6}},
                                                          {{7, 7}},
                                                          {{9, 8}},
                                                          {{9, 12}, {11, 14}},
                                                          {{9, 12}, {12, 14}},
                                                          {{20, 22}, {9, 12}}}) {
    CAPTURE(ranges.front().first);
    const auto senseless = sinks::decode_position(
        sinks::encode_slot({.generation = 1, .settled_below = 5, .settled = ranges}));
    REQUIRE(senseless);
    CHECK_FALSE(senseless->has_value());
  }
}

TEST_CASE("a segment's name is the number of its first block") {
  CHECK(sinks::segment_name(1) == "0000000000000001.blocks");
  CHECK(sinks::segment_name(1001) == "00000000000003e9.blocks");
  CHECK(sinks::segment_name(~std::uint64_t{0}) == "ffffffffffffffff.blocks");
  CHECK(sinks::sequence_of_segment_name("00000000000003e9.blocks") == 1001);
  CHECK(sinks::sequence_of_segment_name("ffffffffffffffff.blocks") == ~std::uint64_t{0});
  for (const char* other :
       {"", "position", "lock", "00000000000003E9.blocks", "3e9.blocks", "00000000000003e9.block",
        "000000000000003e9.blocks", "00000000000003g9.blocks", "-0000000000003e9.blocks",
        "00000000000003e9.blocks~", " 0000000000003e9.blocks", "00000000000003e9.BLOCKS"}) {
    CAPTURE(other);
    CHECK_FALSE(sinks::sequence_of_segment_name(other));
  }
}

TEST_CASE("a search finds the next place that looks like a record") {
  const std::string bytes = "xxFWB" + kRecordBytes + "FWB1";
  CHECK(sinks::find_record_header(bytes, 0) == 5);
  CHECK(sinks::find_record_header(bytes, 5) == 5);
  CHECK(sinks::find_record_header(bytes, 6) == 69);
  CHECK(sinks::find_record_header(bytes, 70) == std::string::npos);
}
