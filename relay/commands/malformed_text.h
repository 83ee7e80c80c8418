// How commands tell of a malformed line: `line 3: the value is not a number: "foo 1f"`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "parsers/text_parser.h"

namespace fedwave::relay {

std::string format_malformed(std::uint64_t line_number, parsers::Malformed reason,
                             std::string_view line);

}  // namespace fedwave::relay
