// `fedwave check`, and what every command does with the problems of a configuration.
#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "config/load.h"

namespace fedwave::relay {

// Loads a configuration and writes every problem to `err`, a line each. Nothing is returned when
// one of them is an error.
std::optional<config::Config> load_or_explain(const std::string& file, std::ostream& err);

int check_command(const std::string& file, std::ostream& out, std::ostream& err);

}  // namespace fedwave::relay
