// `fedwave spool drain`: delivers what waits in a spool to a sink of the configuration, with the
// spool's and the sender's own code, and takes the spool's lock for it. Runs on main's thread; each
// spool has a sender with a thread of its own.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>

namespace fedwave::relay {

struct SpoolDrainOptions {
  std::string directory;
  std::string config_file;
  std::string sink;             // deliver to this one; else to the one that the folder names
  std::int64_t for_ms = 0;      // 0: until everything is delivered
  bool shows_progress = false;  // standard error is a terminal
};

// 0 when nothing waits any more; 1 when the configuration does not say where to; 2 when points are
// left for another reason, or a spool cannot be read or is in use.
int spool_drain_command(const SpoolDrainOptions& options, std::ostream& out, std::ostream& err);

}  // namespace fedwave::relay
