// Cuts a sample line from its end: neither value nor timestamp holds a blank or a brace, so the
// labels need not be read. For a line that is well formed this is the cut that the forward parse
// makes; for any other, and for odd ones (a tab beside the value, no blank before it), it fails, or
// it hands out a series or a value that parse_series or parse_value refuses. Hence a series that
// was accepted once can be trusted by its bytes, and a refused line has to be read forwards.
//
// Pure functions, any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "parsers/sample.h"

namespace fedwave::parsers {

// `text` is `name{labels} value [timestamp]`, not empty and without blanks at either end. The kind
// is left as it is.
bool cut_sample(std::string_view text, SampleLineView& sample);

// Digits only.
bool parse_timestamp(std::string_view digits, std::int64_t& timestamp_ms);

}  // namespace fedwave::parsers
