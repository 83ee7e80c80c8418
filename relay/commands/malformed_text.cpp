#include "relay/commands/malformed_text.h"

namespace fedwave::relay {
namespace {

constexpr std::size_t kExcerptBytesMax = 80;

// Everything but printable ASCII as \xNN: what is wrong with a line is often what cannot be seen.
std::string excerpt_of(std::string_view line) {
  constexpr const char* kHexDigits = "0123456789abcdef";
  std::string text;
  for (const char c : line.substr(0, kExcerptBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      text += c;
    } else {
      text += "\\x";
      text += kHexDigits[byte / 16];
      text += kHexDigits[byte % 16];
    }
  }
  return line.size() > kExcerptBytesMax ? text + "…" : text;
}

}  // namespace

std::string format_malformed(std::uint64_t line_number, parsers::Malformed reason,
                             std::string_view line) {
  return "line " + std::to_string(line_number) + ": " + parsers::malformed_text(reason) + ": \"" +
         excerpt_of(line) + "\"";
}

}  // namespace fedwave::relay
