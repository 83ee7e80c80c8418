// Reads the parameters of a query string, each with its default, its bounds and an error that says
// what may stand there. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/expected.h"

namespace fedwave::relay {

// A whole number from `least` to `most`.
base::Expected<std::size_t> query_number(std::string_view query, std::string_view key,
                                         std::size_t otherwise, std::size_t least,
                                         std::size_t most);

// The place of what was written among `names`; without the parameter the first.
base::Expected<std::size_t> query_choice(std::string_view query, std::string_view key,
                                         const std::vector<std::string>& names);

// For messages: what was written, in quotes and fit to be shown; and "a, b, c".
std::string shown(std::string_view text);
std::string joined(const std::vector<std::string>& names);

}  // namespace fedwave::relay
