// Two configurations side by side: which source and which sink of the one is which of the other,
// and what differs although no series shows it. Borrows both; main's thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"

namespace fedwave::relay {

struct SourcePair {
  const config::Source* before = nullptr;  // null: there is only the other one
  const config::Source* after = nullptr;
  std::string name;
};

struct SinkPair {
  std::optional<std::size_t> before;  // place among the sinks; none: there is only the other one
  std::optional<std::size_t> after;
  std::string name;
};

// By name, then by URL or address, then by being the only one.
std::vector<SourcePair> pair_sources(const config::Config& before, const config::Config& after);
std::vector<SinkPair> pair_sinks(const config::Config& before, const config::Config& after);

// A line each; secrets are not shown.
std::vector<std::string> setting_changes(const config::Config& before, const config::Config& after);

}  // namespace fedwave::relay
