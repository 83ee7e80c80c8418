#include "relay/base/text.h"

#include <algorithm>
#include <cstddef>
#include <optional>

namespace fedwave::base {
namespace {

std::size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

// The bytes of the UTF-8 character that `text` begins with; 0 when it begins with none.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = sequence_length(byte(0));
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (length == 3 && byte(0) == 0xE0 && byte(1) < 0xA0) return 0;   // overlong
  if (length == 3 && byte(0) == 0xED && byte(1) >= 0xA0) return 0;  // a surrogate
  if (length == 4 && byte(0) == 0xF0 && byte(1) < 0x90) return 0;   // overlong
  if (length == 4 && byte(0) == 0xF4 && byte(1) >= 0x90) return 0;  // beyond Unicode
  return length;
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

// More is kept than shown: a secret that is cut at the end of what is kept is not shown either.
constexpr std::size_t kAnswerBytesKept = 4096;
constexpr std::size_t kAnswerBytesShown = 300;

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    const auto lead = static_cast<unsigned char>(text.front());
    if (length == 0) {
      out += '?';
    } else if (lead < 0x20 || lead == 0x7F) {
      out += ' ';
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

std::string base64(std::string_view bytes) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(3, bytes.size()))) {
    unsigned group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= bytes.size() ? kDigits[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return out;
}

bool begins_with_percent_escape(std::string_view text) {
  return text.size() >= 3 && text[0] == '%' && hex_digit(text[1]) && hex_digit(text[2]);
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (begins_with_percent_escape(text.substr(at))) {
      decoded += static_cast<char>(*hex_digit(text[at + 1]) * 16 + *hex_digit(text[at + 2]));
      at += 2;
    } else {
      decoded += text[at];
    }
  }
  return decoded;
}

void AnswerExcerpt::append(std::string_view bytes) {
  text_.append(bytes.substr(0, kAnswerBytesKept - std::min(kAnswerBytesKept, text_.size())));
}

std::string AnswerExcerpt::first_line(std::span<const std::string> secrets) const {
  for (const std::string& secret : secrets) {
    if (!secret.empty() && text_.find(secret) != std::string::npos) return {};
  }
  std::string_view shown = text_;
  if (shown.starts_with('<')) {
    const auto title = shown.find("<title>");
    shown = title == std::string_view::npos ? "" : shown.substr(title + 7);
    shown = shown.substr(0, shown.find('<'));
  }
  shown = shown.substr(0, shown.find_first_of("\r\n"));
  return printable(shown.substr(0, kAnswerBytesShown));
}

}  // namespace fedwave::base
