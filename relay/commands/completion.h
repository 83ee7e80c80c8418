// `fedwave completion`: a script that completes the command line in a shell, written from what
// --help is written from. Pure functions, any thread.
#pragma once

#include <string>

#include "relay/command_help.h"

namespace fedwave::relay {

enum class Shell { Bash, Zsh };

// Completes commands, options by their long names, the words of a choice, files and directories.
std::string completion_script(Shell shell, const CommandHelp& root);

}  // namespace fedwave::relay
