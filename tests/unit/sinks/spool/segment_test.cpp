#include "sinks/spool/segment.h"

#include <doctest/doctest.h>

#include "tests/support/crashing_folder.h"

using namespace fedwave;
using base::ErrorCode;
using sinks::BlockPlace;
using sinks::RecordHeader;
using sinks::SegmentHeader;

namespace {

constexpr std::uint32_t kSalt = 77;
constexpr std::uint64_t kFirst = 10;
const std::string kName = sinks::segment_name(kFirst);

std::string record(std::uint64_t sequence, std::uint64_t points_before, std::uint32_t points,
                   const std::string& body, std::uint32_t salt = kSalt) {
  return encode(RecordHeader{.points = points,
                             .body_bytes = static_cast<std::uint32_t>(body.size()),
                             .sequence = sequence,
                             .points_before = points_before,
                             .created_ms = static_cast<std::int64_t>(1000 + sequence),
                             .line_bytes = static_cast<std::uint32_t>(body.size()),
                             .body_checksum = sinks::body_checksum(salt, body)},
                salt) +
         body;
}

std::string segment_header(std::uint64_t first = kFirst) {
  return encode(SegmentHeader{
      .salt = kSalt, .first_sequence = first, .points_before = 1000, .created_ms = 1000});
}

// Four blocks of 1, 2, 4 and 8 points at 64, 138, 222 and 316; 420 bytes in all.
std::string good_segment() {
  return segment_header() + record(10, 1000, 1, std::string(10, 'a')) +
         record(11, 1001, 2, std::string(20, 'b')) + record(12, 1003, 4, std::string(30, 'c')) +
         record(13, 1007, 8, std::string(40, 'd'));
}

base::Expected<sinks::SegmentScan> scan(std::string bytes) {
  support::CrashingDisk disk;
  disk.put(kName, std::move(bytes));
  const auto folder = disk.folder();
  const auto file = folder->open(kName, sinks::OpenMode::Read);
  return sinks::scan_segment(**file, kFirst);
}

std::vector<std::uint32_t> offsets(const sinks::SegmentScan& found) {
  std::vector<std::uint32_t> all;
  for (const BlockPlace& place : found.places) all.push_back(place.offset);
  return all;
}

std::string spoiled(std::string bytes, std::size_t offset, std::size_t size = 1) {
  for (std::size_t i = 0; i < size; ++i) bytes[offset + i] = static_cast<char>(~bytes[offset + i]);
  return bytes;
}

}  // namespace

TEST_CASE("a scan of a whole segment has every block's place") {
  const auto found = scan(good_segment());
  REQUIRE(found);
  CHECK(found->header.first_sequence == 10);
  CHECK(found->header.salt == kSalt);
  CHECK(offsets(*found) == std::vector<std::uint32_t>{64, 138, 222, 316});
  CHECK(found->places[2].points == 4);
  CHECK(found->places[2].created_ms == 1012);
  CHECK(found->damage.empty());
  CHECK(found->bytes == 420);
  CHECK(found->points_after == 1015);
  CHECK(found->newest_created_ms == 1013);
  CHECK(found->end_sequence() == 14);
}

TEST_CASE("a scan keeps what stands before and after a damaged place, and tells what was in it") {
  struct Row {
    const char* what;
    std::string bytes;
    std::vector<std::uint32_t> offsets;
    std::uint64_t at;  // of the one damaged place
    std::uint64_t damaged_bytes;
    std::uint64_t first_sequence;
    std::uint64_t blocks;
    std::uint64_t points;
    bool at_end;
  };
  const std::string good = good_segment();
  const Row rows[] = {
      {"first header", spoiled(good, 70), {0, 138, 222, 316}, 64, 74, 10, 1, 1, false},
      {"a header in the middle",
       spoiled(good, 222 + 20),
       {64, 138, 0, 316},
       222,
       94,
       12,
       1,
       4,
       false},
      {"two headers", spoiled(spoiled(good, 140), 230), {64, 0, 0, 316}, 138, 178, 11, 2, 6, false},
      {"the last header", spoiled(good, 316 + 63), {64, 138, 222}, 316, 104, 13, 0, 0, true},
      {"a torn header", good.substr(0, 316 + 10), {64, 138, 222}, 316, 10, 13, 0, 0, true},
      {"a torn body", good.substr(0, 419), {64, 138, 222}, 316, 103, 13, 0, 0, true},
      {"zeros behind",
       good + std::string(5000, '\0'),
       {64, 138, 222, 316},
       420,
       5000,
       14,
       0,
       0,
       true},
      {"zeros over the end",
       good.substr(0, 300) + std::string(120, '\0'),
       {64, 138, 222},
       316,
       104,
       13,
       0,
       0,
       true},
      {"a foreign block behind",
       good + record(14, 1015, 1, "foreign", kSalt + 1),
       {64, 138, 222, 316},
       420,
       71,
       14,
       0,
       0,
       true},
      {"an old number behind",
       good + record(12, 1015, 1, "old"),
       {64, 138, 222, 316},
       420,
       67,
       14,
       0,
       0,
       true},
      {"a number far off behind",
       good + record(9999, 1015, 1, "far"),
       {64, 138, 222, 316},
       420,
       67,
       14,
       0,
       0,
       true},
      {"bytes put in",
       good.substr(0, 222) + "FWB1FWB1" + good.substr(222),
       {64, 138, 230, 324},
       222,
       8,
       12,
       0,
       0,
       false},
      {"the segment's header", spoiled(good, 20), {64, 138, 222, 316}, 0, 64, 10, 0, 0, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const auto found = scan(row.bytes);
    REQUIRE(found);
    CHECK(offsets(*found) == row.offsets);
    REQUIRE(found->damage.size() == 1);
    const auto& damage = found->damage.front();
    CHECK(damage.offset == row.at);
    CHECK(damage.bytes == row.damaged_bytes);
    CHECK(damage.first_sequence == row.first_sequence);
    CHECK(damage.blocks == row.blocks);
    CHECK(damage.points == row.points);
    CHECK(damage.at_end == row.at_end);
    CHECK(found->bytes == row.bytes.size());
  }
}

TEST_CASE("a damaged body is no damage until it is read") {
  const auto found = scan(spoiled(good_segment(), 138 + 64));
  REQUIRE(found);
  CHECK(found->damage.empty());
  CHECK(found->places.size() == 4);
}

TEST_CASE(
    "spool bytes within a block are not taken for blocks, even when the block's header is lost") {
  const std::string inner = record(11, 1001, 5, "never appended", kSalt + 1);
  const std::string bytes =
      segment_header() + record(10, 1000, 1, "FWB1" + inner + "FWB1") + record(11, 1001, 2, "real");
  const auto whole = scan(bytes);
  REQUIRE(whole);
  CHECK(whole->damage.empty());
  CHECK(whole->places.size() == 2);
  const auto damaged = scan(spoiled(bytes, 64 + 8));
  REQUIRE(damaged);
  CHECK(offsets(*damaged) ==
        std::vector<std::uint32_t>{0, static_cast<std::uint32_t>(bytes.size() - 68)});
  CHECK(damaged->points_after == 1003);
}

TEST_CASE("a header that lies across two pieces of the search is found") {
  // The search reads a mebibyte at a time, from one byte after the damage on.
  for (const std::size_t gap : {(1U << 20) - 70U, (1U << 20) - 64U, (1U << 20) - 1U, 1U << 20}) {
    CAPTURE(gap);
    const auto found = scan(segment_header() + std::string(gap, 'x') + record(12, 1003, 4, "late"));
    REQUIRE(found);
    CHECK(offsets(*found) ==
          std::vector<std::uint32_t>{0, 0, static_cast<std::uint32_t>(64 + gap)});
    CHECK(found->damage.front().points == 3);
  }
}

TEST_CASE("what has no good record is damaged, and another version is another version") {
  const std::string good = good_segment();
  std::string version = good;
  version.replace(8, 1, "\2");
  const std::uint64_t checksum = sinks::body_checksum(0, std::string_view(version).substr(0, 56));
  version.replace(56, 8, reinterpret_cast<const char*>(&checksum), 8);
  struct Row {
    const char* what;
    std::string bytes;
    ErrorCode code;
  };
  const Row rows[] = {
      {"nothing", "", ErrorCode::Damaged},
      {"half a header", good.substr(0, 32), ErrorCode::Damaged},
      {"zeros", std::string(4096, '\0'), ErrorCode::Damaged},
      {"a bad header and nothing else", spoiled(good.substr(0, 64), 9), ErrorCode::Damaged},
      {"the bytes of an older segment", segment_header(2) + record(2, 1000, 1, "old", kSalt),
       ErrorCode::Damaged},
      {"version 2", version, ErrorCode::Version},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const auto found = scan(row.bytes);
    REQUIRE_FALSE(found);
    CHECK(found.error().code == row.code);
  }
}

TEST_CASE("an empty segment is good") {
  const auto found = scan(segment_header());
  REQUIRE(found);
  CHECK(found->places.empty());
  CHECK(found->end_sequence() == 10);
  CHECK(found->points_after == 1000);
}

TEST_CASE("a block is read as it was written, or not at all") {
  support::CrashingDisk disk;
  const std::string good = good_segment();
  struct Row {
    std::string bytes;
    std::uint64_t offset;
    std::uint32_t salt;
    bool is_good;
  };
  const Row rows[] = {
      {good, 138, kSalt, true},
      {good, 138, kSalt + 1, false},
      {good, 139, kSalt, false},
      {good, 5000, kSalt, false},
      {spoiled(good, 138 + 64 + 19), 138, kSalt, false},
      {spoiled(good, 138 + 3), 138, kSalt, false},
      {good.substr(0, 221), 138, kSalt, false},
  };
  const auto folder = disk.folder();
  for (const Row& row : rows) {
    CAPTURE(&row - rows);
    disk.put(kName, row.bytes);
    const auto file = folder->open(kName, sinks::OpenMode::Read);
    REQUIRE(file);
    const auto stored = sinks::read_block(**file, row.offset, row.salt);
    REQUIRE(stored.has_value() == row.is_good);
    if (!stored) {
      CHECK(stored.error().code == ErrorCode::Damaged);
      continue;
    }
    CHECK(stored->sequence == 11);
    CHECK(stored->block.bytes == std::string(20, 'b'));
    CHECK(stored->block.points == 2);
    CHECK(stored->block.created_ms == 1011);
    CHECK(stored->block.line_bytes == 20);
  }
}

TEST_CASE("a file that cannot be read is no damage") {
  support::CrashingDisk disk;
  disk.put(kName, good_segment());
  const auto folder = disk.folder();
  const auto file = folder->open(kName, sinks::OpenMode::Read);
  disk.fail_reads(true);
  const auto found = sinks::scan_segment(**file, kFirst);
  REQUIRE_FALSE(found);
  CHECK(found.error().code == ErrorCode::Io);
  const auto stored = sinks::read_block(**file, 64, kSalt);
  REQUIRE_FALSE(stored);
  CHECK(stored.error().code == ErrorCode::Io);
}
