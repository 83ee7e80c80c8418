// Pure byte kernels of the parsers: classes of characters, blanks, quoted strings, UTF-8. They
// own nothing, allocate nothing (unescape appends to what it is given) and are safe on any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fedwave::parsers {

// The format knows two blanks; CR, form feed and the like are ordinary bytes.
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string_view without_leading_blanks(std::string_view text);
std::string_view without_trailing_blanks(std::string_view text);

// How many leading bytes are a metric name ([a-zA-Z_:][a-zA-Z0-9_:]*) or a label name (the same
// without the colon); 0 when none are.
std::size_t metric_name_length(std::string_view text);
std::size_t label_name_length(std::string_view text);

// The string that opens with the quote at text[open]: the offset just past its closing quote, or
// npos when it does not close. A backslash covers the byte after it, except a raw newline: there
// the string is broken for good, which is npos too. Linear.
struct QuotedEnd {
  std::size_t offset = std::string_view::npos;
  bool has_escape = false;
};
QuotedEnd quoted_end(std::string_view text, std::size_t open);

// Appends `raw` to `out` with \\, \" and \n resolved, any other backslash kept with what follows,
// and returns the view of what was appended. `out` must have the room: it is not to move.
std::string_view unescape(std::string_view raw, std::string& out);

// As RFC 3629 has it: no surrogates, nothing overlong, nothing above U+10FFFF.
bool is_valid_utf8(std::string_view text);

}  // namespace fedwave::parsers
