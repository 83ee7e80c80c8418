// The command line: every command, its options and help. What is behind it, in relay/command_line,
// is the only user of CLI11.
#pragma once

#include "relay/command_help.h"

namespace fedwave::relay {

// Runs the command; the result is the process's exit code.
int run_command_line(int argc, char** argv);

// What there is to run.
CommandHelp command_line_help();

}  // namespace fedwave::relay
