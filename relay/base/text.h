// Text from outside made fit to be shown: in a log, an error, a terminal. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

namespace fedwave::base {

// Control characters become spaces, bytes that are not UTF-8 question marks.
std::string printable(std::string_view text);

// ASCII only; what HTTP's header names and values need.
std::string lower(std::string_view text);

}  // namespace fedwave::base
