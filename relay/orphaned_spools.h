// Spool folders that no sink of the configuration has any more, because it was removed or is called
// something else now: their points would wait for ever. Looked for once, at the start; only reads.
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

}  // namespace fedwave::relay
