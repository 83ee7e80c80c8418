// Numbers as text, the way Wavefront's wire and the collector write them. Pure functions, any
// thread.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace fedwave::sinks {

// Appends the shortest decimal that reads back as `value`, without an exponent: 1e23 is a one with
// 23 zeros. Negative zero is written as 0. `value` is finite.
void append_value(std::string& out, double value);

// What goes on the wire for the number that `text` is, found without reading it into a double:
// `text` itself when it is a plain decimal of at most 17 significant digits without superfluous
// zeros or sign, or a view into `buffer` with the decimal point moved when it is d.ddde±dd as
// Prometheus prints numbers from 1e6 on and below 1e-4. Empty is no verdict on the text, only "read
// it and use append_value"; any other answer is the same number, and for the shortest digits of a
// double the same text as append_value's.
using WireBuffer = std::array<char, 40>;
std::string_view wire_text(std::string_view text, WireBuffer& buffer);

// As Go prints a float64 by %v, which is how the collector writes the tags le and quantile of typed
// families: shortest digits, with an exponent below 1e-4 and from 1e6 on, "+Inf", "-Inf", "NaN".
std::string format_go_g(double value);

}  // namespace fedwave::sinks
