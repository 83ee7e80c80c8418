// Reading one segment file: which blocks are provably there, which places are damaged, and a
// block's content. Used by the store at its start and while it delivers, and by the tools that only
// look.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sinks/spool/folder.h"
#include "sinks/spool/format.h"

namespace fedwave::sinks {

// A block's place. One for each sequence number of a segment from its first on, so that the number
// is the index; offset 0 stands for a number whose block is lost in a damaged place.
struct BlockPlace {
  std::uint32_t offset = 0;
  std::uint32_t points = 0;
  std::int64_t created_ms = 0;
};

struct DamagedPlace {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_sequence = 0;  // the number that was expected there
  std::uint64_t blocks = 0;          // as far as the next good header tells; 0 at the file's end
  std::uint64_t points = 0;          // likewise
  bool at_end = false;
};

struct SegmentScan {
  SegmentHeader header;
  std::vector<BlockPlace> places;
  std::vector<DamagedPlace> damage;
  std::uint64_t bytes = 0;  // of the file
  std::uint64_t points_after =
      0;  // points before the segment and in all blocks up to the last good one
  std::int64_t newest_created_ms = 0;
  [[nodiscard]] std::uint64_t end_sequence() const { return header.first_sequence + places.size(); }
};

// Reads all record headers and no bodies. `first_sequence` is what the file's name says; it stands
// in for a damaged segment header. Error Version; Damaged when nothing in the file is good.
base::Expected<SegmentScan> scan_segment(File& file, std::uint64_t first_sequence);

struct StoredBlock {
  std::uint64_t sequence = 0;
  Block block;
};
// Error Damaged when header or body do not have their checksums.
base::Expected<StoredBlock> read_block(File& file, std::uint64_t offset, std::uint32_t salt);

}  // namespace fedwave::sinks
