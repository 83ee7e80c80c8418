#include "relay/commands/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <system_error>

namespace fedwave::relay {

bool is_terminal_stdout() {
  return ::isatty(STDOUT_FILENO) == 1;
}

bool has_colour_stdout() {
  const char* no_color = std::getenv("NO_COLOR");
  return is_terminal_stdout() && (no_color == nullptr || *no_color == '\0');
}

std::optional<std::size_t> terminal_columns_stdout() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
  return size.ws_col;
}

void tell_unwritten_stdout(std::ostream& err) {
  // Why it failed is forgotten by now; one byte more fails for the same reason.
  const bool fails_again = ::write(STDOUT_FILENO, "\n", 1) < 0;
  const int reason = errno;
  err << "fedwave: cannot write to standard output";
  if (fails_again) err << ": " << std::generic_category().message(reason);
  err << '\n';
}

bool flush_stdout(std::ostream& err) {
  return flush_output(std::cout, err);
}

bool flush_output(std::ostream& out, std::ostream& err) {
  if (out.flush()) return true;
  tell_unwritten_stdout(err);
  return false;
}

}  // namespace fedwave::relay
