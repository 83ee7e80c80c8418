// What an edit of the configuration has changed for a running relay, by the names of sources and
// sinks: for the log and for who asked for the edit. Plain values.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "config/config.h"

namespace fedwave::relay {

struct NamesChanged {
  std::vector<std::string> added;
  std::vector<std::string> changed;
  std::vector<std::string> removed;
  std::size_t unchanged = 0;

  [[nodiscard]] bool empty() const { return added.empty() && changed.empty() && removed.empty(); }
};

struct ConfigChange {
  NamesChanged sources;
  NamesChanged sinks;
  std::vector<std::string> settings;  // those at the top of the file

  [[nodiscard]] bool empty() const { return sources.empty() && sinks.empty() && settings.empty(); }
};

ConfigChange changes_between(const config::Config& before, const config::Config& after);

// "sources: changed \"istio\", added \"new\", 3 as before; sinks: 1 as before".
std::string to_text(const ConfigChange& change);

}  // namespace fedwave::relay
