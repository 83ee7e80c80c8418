// What is amiss with the spools' directories at the start: folders that no sink of the
// configuration has any more, because it was removed or is called something else now, so that their
// points would wait for ever; and disks that have less room than the spools may take. Only reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"

namespace fedwave::relay {

struct OrphanedSpool {
  std::string folder;
  std::string sink;
  std::uint64_t points_waiting = 0;
};

// Those in which something waits.
std::vector<OrphanedSpool> orphaned_spools(const config::Config& config);

struct TightDirectory {
  std::string directory;
  std::uint64_t bytes_wanted = 0;  // spool.bytes of all sinks in it
  std::uint64_t bytes_there = 0;   // free, or theirs already
};
std::vector<TightDirectory> tight_directories(const config::Config& config);

}  // namespace fedwave::relay
