// `fedwave spool ls`, `cat` and `verify`: what waits in a spool, for somebody with a problem. They
// only look (sinks/spool/spool_reader.h), so they may run beside a relay. DIR is spool.directory or
// one sink's folder in it. Run on main's thread.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "relay/base/clock.h"
#include "sinks/spool/spool_reader.h"

namespace fedwave::relay {

struct SpoolListOptions {
  std::string directory;
  bool segments = false;  // and a row for each segment
  bool json = false;      // one object for each spool, on a line of its own
};

struct SpoolCatOptions {
  std::string directory;
  bool all = false;     // also what is settled but still there
  bool blocks = false;  // a row for each block instead of its lines
};

struct SpoolVerifyOptions {
  std::string directory;
  bool shows_progress = false;  // standard error is a terminal
};

// Exit codes: 2 when something cannot be read or is no spool.
int spool_ls_command(const SpoolListOptions& options, const base::Clock& clock, std::ostream& out,
                     std::ostream& err);
// 3 when a block that was asked for is damaged; the others are written.
int spool_cat_command(const SpoolCatOptions& options, std::ostream& out, std::ostream& err);
// 3 when anything is damaged.
int spool_verify_command(const SpoolVerifyOptions& options, const base::Clock& clock,
                         std::ostream& out, std::ostream& err);

// Every spool of a directory that can be read; the others are told of on `err`.
struct ReadSpools {
  std::vector<sinks::SpoolView> spools;
  bool is_complete = true;
};
ReadSpools read_spools(const std::string& directory, std::ostream& err);

}  // namespace fedwave::relay
