// Every command of the program, in files by what they are about; command_line.cpp puts them in
// order. main's thread.
#pragma once

#include "relay/command_line/commands.h"

namespace fedwave::relay {

// What runs until it is told to stop (long_running_commands.cpp).
void add_run(Commands& commands);
void add_receive(Commands& commands);
void add_demo(Commands& commands);

// What looks at a configuration and a page (page_commands.cpp).
void add_dump(Commands& commands);
void add_check(Commands& commands);
void add_explain(Commands& commands);
void add_diff(Commands& commands);
void add_top(Commands& commands);
void add_parse(Commands& commands);

void add_spool(Commands& commands);  // spool_commands.cpp

// What tells of the command line itself (help_commands.cpp). `commands` outlives the use of them.
void add_completion(Commands& commands);
void add_man(Commands& commands);

}  // namespace fedwave::relay
