// Looks at a spool's folder as it is on disk (FORMAT.md) for the tools: takes no lock that lasts,
// changes nothing, and may do so while a relay works in the folder. What is seen is then a moment
// old: a block may have been settled and a segment deleted since, which is no error, and the last
// record may be one that is being written. Values, for one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "relay/base/expected.h"
#include "sinks/spool/folder.h"
#include "sinks/spool/segment.h"
#include "sinks/spool/settled_blocks.h"

namespace fedwave::sinks {

struct FoundSpools {
  std::vector<std::string> folders;  // sorted
  std::vector<base::Error> unreadable;
};

// The directory itself when it is one sink's folder, else those of its folders that are. Errors:
// NotFound when there is none, and whatever the file system says.
base::Expected<FoundSpools> find_spools(std::string directory);

struct SpoolDamage {
  std::string file;  // its path
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::string what;
  // What is lost of what waited; nothing when nobody can know.
  std::optional<std::uint64_t> points;
  // No damage in truth: a block that was never finished, and which nobody was told to be spooled.
  bool is_unfinished = false;
};

struct SegmentView {
  std::string name;  // of the file
  SegmentScan scan;
  std::string trouble;           // why nothing in it can be read; empty when something can
  bool ends_unfinished = false;  // its last bytes look like the beginning of a block
  std::uint64_t blocks = 0;
  std::uint64_t blocks_waiting = 0;
  std::uint64_t points_waiting = 0;
};

struct SpoolView {
  std::string folder;
  std::string sink;  // from the file of that name, else the folder's
  bool has_sink_name = false;
  std::string user;  // "process 12"; empty when nobody has the lock
  SettledBlocks settled;
  std::uint64_t settled_below = 1;
  bool position_lost = false;  // everything that is there counts as waiting
  std::vector<SegmentView> segments;
  std::vector<SpoolDamage> damage;  // what the record headers show
  std::uint64_t blocks_waiting = 0;
  std::uint64_t points_waiting = 0;
  std::uint64_t bytes = 0;     // of segments and position, which is what spool.bytes bounds
  std::int64_t oldest_ms = 0;  // of those that wait; 0 when none does
  std::int64_t newest_ms = 0;
  std::uint64_t quarantined_lines = 0;
  std::vector<std::string> quarantine_files;
};

// Reads record headers, not blocks. Error Version, with the file's name, for another format.
base::Expected<SpoolView> read_spool(const std::string& folder);

struct BlockView {
  const SegmentView& segment;
  std::uint64_t sequence = 0;
  BlockPlace place;
  bool waits = false;
};

// Every block in order, with its open file; false from `take` ends it.
base::Expected<void> for_each_block(const SpoolView& spool,
                                    const std::function<bool(const BlockView&, File&)>& take);

// As it is stored. Error Damaged when it does not have its checksums, or what the file system says.
base::Expected<StoredBlock> stored_block(const BlockView& block, File& file);

// What it takes in its file, as far as its header can be read.
std::uint64_t record_bytes(const BlockView& block, File& file);

// Its lines, uncompressed, once they are seen to be what its header says. Error Damaged.
base::Expected<std::string> checked_lines(const Block& block);

}  // namespace fedwave::sinks
