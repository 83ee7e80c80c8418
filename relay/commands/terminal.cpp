#include "relay/commands/terminal.h"

#include <unistd.h>

#include <cstdlib>

namespace fedwave::relay {

bool is_terminal_stdout() {
  return ::isatty(STDOUT_FILENO) == 1;
}

bool has_colour_stdout() {
  const char* no_color = std::getenv("NO_COLOR");
  return is_terminal_stdout() && (no_color == nullptr || *no_color == '\0');
}

}  // namespace fedwave::relay
