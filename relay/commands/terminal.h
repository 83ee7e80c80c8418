// What standard output is, and whether it takes what is written. Main's thread.
#pragma once

#include <cstddef>
#include <optional>
#include <ostream>

namespace fedwave::relay {

bool is_terminal_stdout();
// On a terminal, unless NO_COLOR says otherwise.
bool has_colour_stdout();
// Characters in a line; nothing where that is no terminal, or one that does not tell.
std::optional<std::size_t> terminal_columns_stdout();

// Writes out what std::cout still holds. False when any of it could not be written, which has been
// told on `err` with the reason.
bool flush_stdout(std::ostream& err);
// The same of what stands for it in tests.
bool flush_output(std::ostream& out, std::ostream& err);
void tell_unwritten_stdout(std::ostream& err);

}  // namespace fedwave::relay
