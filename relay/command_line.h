// The command line: subcommands, their options and help. command_line.cpp is the only user of
// CLI11.
#pragma once

namespace fedwave::relay {

// Runs the command; the result is the process's exit code.
int run_command_line(int argc, char** argv);

}  // namespace fedwave::relay
