// `fedwave man`: the manual page fedwave(1) for man(1), written from what --help is written from.
// Pure functions, any thread.
#pragma once

#include <string>

#include "relay/command_help.h"

namespace fedwave::relay {

std::string man_page(const CommandHelp& root, const std::string& version);

}  // namespace fedwave::relay
