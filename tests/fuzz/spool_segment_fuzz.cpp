// Any bytes are a segment file: whatever the scan says of it lies within the file, is in order, and
// what it says can be read is a block or is damaged. The fuzzer cannot make checksums, so the first
// byte of the input says how many of the headers that follow are made right for it.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "relay/base/check.h"
#include "sinks/spool/segment.h"
#include "tests/support/crashing_folder.h"

namespace {

using fedwave::sinks::DamagedPlace;
using fedwave::sinks::SegmentScan;

constexpr std::uint64_t kFirst = 10;
constexpr std::size_t kHeaderBytes = 64;

void seal(std::string& bytes, std::size_t at, std::uint32_t salt) {
  const std::uint64_t checksum =
      fedwave::sinks::body_checksum(salt, std::string_view(bytes).substr(at, kHeaderBytes - 8));
  std::memcpy(bytes.data() + at + kHeaderBytes - 8, &checksum, sizeof checksum);
}

// Seals the segment's header and the first `count` things that look like a record.
void seal_headers(std::string& bytes, unsigned count) {
  if (bytes.size() < kHeaderBytes || count == 0) return;
  std::uint32_t salt = 0;
  std::memcpy(&salt, bytes.data() + 16, sizeof salt);
  seal(bytes, 0, 0);
  for (std::size_t at = fedwave::sinks::find_record_header(bytes, kHeaderBytes);
       at != std::string::npos && at + kHeaderBytes <= bytes.size() && --count > 0;
       at = fedwave::sinks::find_record_header(bytes, at + 1)) {
    std::memcpy(bytes.data() + at + 44, &salt, sizeof salt);
    seal(bytes, at, salt);
  }
}

void check_scan(fedwave::sinks::File& file, const SegmentScan& scan, std::uint64_t size) {
  FEDWAVE_CHECK(scan.bytes == size);
  FEDWAVE_CHECK(scan.header.first_sequence == kFirst);
  FEDWAVE_CHECK(scan.places.size() <= size);
  FEDWAVE_CHECK(scan.points_after >= scan.header.points_before);
  std::uint64_t sequence = scan.header.first_sequence;
  std::uint64_t end = kHeaderBytes;
  for (const auto& place : scan.places) {
    const std::uint64_t number = sequence++;
    if (place.offset == 0) continue;
    FEDWAVE_CHECK(place.offset >= end);
    const auto stored = fedwave::sinks::read_block(file, place.offset, scan.header.salt);
    end = place.offset + kHeaderBytes + (stored ? stored->block.bytes.size() : 0);
    FEDWAVE_CHECK(end <= size);
    FEDWAVE_CHECK(!stored || stored->sequence == number);
    FEDWAVE_CHECK(!stored || stored->block.points == place.points);
  }
  std::uint64_t damage_end = 0;
  for (const DamagedPlace& place : scan.damage) {
    FEDWAVE_CHECK(place.offset >= damage_end && place.bytes > 0);
    damage_end = place.offset + place.bytes;
    FEDWAVE_CHECK(damage_end <= size);
    FEDWAVE_CHECK(place.first_sequence + place.blocks <= scan.end_sequence());
    FEDWAVE_CHECK(!place.at_end || damage_end == size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(data + 1, data + size);
  seal_headers(bytes, data[0]);
  const std::string name = fedwave::sinks::segment_name(kFirst);
  fedwave::support::CrashingDisk disk;
  disk.put(name, bytes);
  const auto folder = disk.folder();
  const auto file = folder->open(name, fedwave::sinks::OpenMode::Read);
  FEDWAVE_CHECK(file.has_value());
  const auto scan = fedwave::sinks::scan_segment(**file, kFirst);
  if (scan) {
    check_scan(**file, *scan, bytes.size());
  } else {
    const auto code = scan.error().code;
    FEDWAVE_CHECK(code == fedwave::base::ErrorCode::Damaged ||
                  code == fedwave::base::ErrorCode::Version);
  }
  return 0;
}
