// What is wrong with a command line, in our own words instead of CLI11's: what, where, and what to
// write. Every refusal of the parser is told here and nowhere else. Pure function, main's thread.
#pragma once

#include <string>

#include "relay/command_line/commands.h"

namespace fedwave::relay {

// After `root` has ended the parsing with `error`; empty where that is --help or --version of what
// there is. `help` is of the whole command line.
std::string usage_problem(const CLI::App& root, const CLI::ParseError& error,
                          const CommandHelp& help);

}  // namespace fedwave::relay
