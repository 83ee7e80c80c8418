// What `diff` has found, as text for people or as one JSON object. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "relay/commands/series_changes.h"

namespace fedwave::relay {

struct DiffFindings {
  std::string old_file;
  std::string new_file;
  std::vector<std::string> settings;  // what differs without a series that shows it
  std::uint64_t series = 0;           // looked at
  const SeriesChanges& changes;

  [[nodiscard]] bool is_same() const { return settings.empty() && changes.empty(); }
};

void write_diff_text(std::ostream& out, const DiffFindings& findings, bool has_colour);
void write_diff_json(std::ostream& out, const DiffFindings& findings);

}  // namespace fedwave::relay
