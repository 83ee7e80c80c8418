// The configuration that a command works with, as its options say: a file, or a URL alone, of which
// one source and one sink may be picked. What is wrong is told on `err`. Runs on main's thread.
#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "config/config.h"

namespace fedwave::relay {

struct ConfigChoice {
  std::string config_file;  // none: the URL as it is, unfiltered
  std::string url;          // none: whatever page stands in for it
  std::string source;       // only this one
  std::string sink;         // only this one
};

// Nothing when there is no such configuration, source or sink, which has been told.
std::optional<config::Config> choose_config(const ConfigChoice& choice, std::ostream& err);

// For who can show one sink only: the first, which is told when there are others.
void keep_first_sink(config::Config& config, std::ostream& err);

}  // namespace fedwave::relay
