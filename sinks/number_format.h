// Numbers as text, the way Wavefront's wire and the collector write them. Pure functions, any
// thread.
#pragma once

#include <string>
#include <string_view>

namespace fedwave::sinks {

// Appends the shortest decimal that reads back as `value`, without an exponent: 1e23 is a one with
// 23 zeros. Negative zero is written as 0. `value` is finite.
void append_value(std::string& out, double value);

// True when `text` (a valid number) is already what the wire wants, so that it can be copied:
// plain decimal without superfluous zeros or sign, at most 17 significant digits. False is no
// verdict on the number, only "read it and use append_value".
bool is_wire_number(std::string_view text);

// As Go prints a float64 by %v, which is how the collector writes the tags le and quantile of typed
// families: shortest digits, with an exponent below 1e-4 and from 1e6 on, "+Inf", "-Inf", "NaN".
std::string format_go_g(double value);

}  // namespace fedwave::sinks
