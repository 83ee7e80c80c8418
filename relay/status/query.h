// Reads the parameters of a query string, each with its default, its bounds and an error that says
// what may stand there. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
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

// An error when there is any parameter but `known`: one that is misspelt would else be passed over.
base::Expected<void> check_parameters(std::string_view query,
                                      const std::vector<std::string>& known);

// For messages: what was written, in quotes and fit to be shown; "a, b, c"; and "1,234 points".
std::string shown(std::string_view text);
std::string joined(const std::vector<std::string>& names);
std::string many(std::uint64_t count, const std::string& noun);

}  // namespace fedwave::relay
