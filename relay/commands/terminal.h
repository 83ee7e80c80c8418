// What standard output is. Pure questions to the system; main's thread.
#pragma once

namespace fedwave::relay {

bool is_terminal_stdout();
// On a terminal, unless NO_COLOR says otherwise.
bool has_colour_stdout();

}  // namespace fedwave::relay
