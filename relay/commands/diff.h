// `fedwave diff OLD NEW`: what a change of the configuration adds, drops, renames and retags, in
// series and points per second, on a page. Runs on main's thread.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "relay/commands/explain.h"

namespace fedwave::relay {

struct DiffOptions {
  std::string old_file;
  std::string new_file;
  std::vector<std::string> inputs;  // stand in for every source; none: each is scraped
  std::string source;               // only this one
  std::string sink;                 // only this one
  std::size_t examples = 3;         // series shown for each metric that differs
  bool all_series = false;          // every series that differs
  ReportFormat format = ReportFormat::Text;
};

int diff_command(const DiffOptions& options);

}  // namespace fedwave::relay
