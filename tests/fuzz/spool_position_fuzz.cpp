// Any bytes are a position file: nothing, another version, or ranges that make sense, which settle
// what they say and come back the same when they are written again. An odd first byte of the input
// makes the slots' checksums right, which the fuzzer cannot.
#include <cstdint>
#include <cstring>
#include <string>

#include "relay/base/check.h"
#include "sinks/spool/format.h"
#include "sinks/spool/settled_blocks.h"

namespace {

using fedwave::sinks::Position;
using fedwave::sinks::SequenceRange;

constexpr std::size_t kSlotBytes = fedwave::sinks::kPositionSlotBytes;

void seal_slots(std::string& bytes) {
  bytes.resize(2 * kSlotBytes, '\0');
  for (std::size_t at = 0; at < bytes.size(); at += kSlotBytes) {
    const std::size_t sealed = kSlotBytes - 8;
    const std::uint64_t checksum =
        fedwave::sinks::body_checksum(0, std::string_view(bytes).substr(at, sealed));
    std::memcpy(bytes.data() + at + sealed, &checksum, sizeof checksum);
  }
}

void check_position(const Position& position) {
  FEDWAVE_CHECK(position.settled.size() <= fedwave::sinks::kPositionRangesMax);
  fedwave::sinks::SettledBlocks settled;
  settled.restore(position);
  std::uint64_t floor = position.settled_below;
  for (const SequenceRange& range : position.settled) {
    FEDWAVE_CHECK(range.first > floor && range.end > range.first);
    FEDWAVE_CHECK(!settled.contains(range.first - 1) && settled.contains(range.first));
    FEDWAVE_CHECK(settled.contains(range.end - 1) && !settled.contains(range.end));
    floor = range.end;
  }
  FEDWAVE_CHECK(settled.end() == floor);
  FEDWAVE_CHECK(settled.first_unsettled(0) == position.settled_below);
  const auto again =
      fedwave::sinks::decode_position(encode_slot(settled.position(position.generation)));
  FEDWAVE_CHECK(again && *again && (*again)->settled == position.settled);
  FEDWAVE_CHECK((*again)->settled_below == position.settled_below);
  FEDWAVE_CHECK((*again)->generation == position.generation);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string bytes(data + 1, data + size);
  if (data[0] % 2 == 1) seal_slots(bytes);
  const auto position = fedwave::sinks::decode_position(bytes);
  if (!position) {
    FEDWAVE_CHECK(position.error().code == fedwave::base::ErrorCode::Version);
  } else if (*position) {
    check_position(**position);
  }
  return 0;
}
