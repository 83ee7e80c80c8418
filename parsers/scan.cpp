#include "parsers/scan.h"

#include <cstdint>
#include <cstring>

#include "relay/base/check.h"

namespace fedwave::parsers {
namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::size_t ascii_length(std::string_view text) {
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= text.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & 0x8080808080808080U) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

// The length of the multi-byte character that `text` begins with; 0 when it is not one.
std::size_t character_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0xC2   ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  const auto second = static_cast<unsigned char>(text[1]);
  const bool is_overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool is_surrogate = lead == 0xED && second >= 0xA0;
  const bool is_too_high = lead == 0xF4 && second >= 0x90;
  return is_overlong || is_surrogate || is_too_high ? 0 : length;
}

template <bool kColon>
std::size_t name_length(std::string_view text) {
  const auto is_start = [](char c) { return is_letter(c) || c == '_' || (kColon && c == ':'); };
  if (text.empty() || !is_start(text[0])) return 0;
  std::size_t length = 1;
  while (length < text.size() && (is_start(text[length]) || is_digit(text[length]))) ++length;
  return length;
}

}  // namespace

std::string_view without_leading_blanks(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && is_blank(text[at])) ++at;
  return text.substr(at);
}

std::string_view without_trailing_blanks(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0 && is_blank(text[end - 1])) --end;
  return text.substr(0, end);
}

std::size_t metric_name_length(std::string_view text) {
  return name_length<true>(text);
}
std::size_t label_name_length(std::string_view text) {
  return name_length<false>(text);
}

QuotedEnd quoted_end(std::string_view text, std::size_t open) {
  QuotedEnd end;
  std::size_t from = open + 1;
  std::size_t quote = text.find('"', from);
  while (quote != std::string_view::npos) {
    const std::size_t backslash = text.substr(0, quote).find('\\', from);
    if (backslash == std::string_view::npos) {
      end.offset = quote + 1;
      return end;
    }
    end.has_escape = true;
    if (text[backslash + 1] == '\n') return end;
    from = backslash + 2;
    // Only a quote that was passed is looked for anew: this keeps a run of backslashes linear.
    if (quote < from) quote = text.find('"', from);
  }
  return end;
}

std::string_view unescape(std::string_view raw, std::string& out) {
  FEDWAVE_CHECK(out.capacity() - out.size() >= raw.size());
  const std::size_t start = out.size();
  while (!raw.empty()) {
    const std::size_t backslash = raw.find('\\');
    out.append(raw.substr(0, backslash));
    if (backslash == std::string_view::npos) break;
    raw.remove_prefix(backslash);
    const char escaped = raw.size() > 1 ? raw[1] : '\0';
    if (escaped == '\\' || escaped == '"') {
      out += escaped;
    } else if (escaped == 'n') {
      out += '\n';
    } else {
      out.append(raw.substr(0, 2));
    }
    raw.remove_prefix(raw.size() > 1 ? 2 : 1);
  }
  return std::string_view(out).substr(start);
}

bool is_valid_utf8(std::string_view text) {
  while (true) {
    text.remove_prefix(ascii_length(text));
    if (text.empty()) return true;
    const std::size_t length = character_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
}

}  // namespace fedwave::parsers
