#include "relay/base/glob.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace fedwave::base {
namespace {

struct Rune {
  std::uint32_t code = 0;
  std::string_view bytes;
  std::size_t column = 0;  // of the escaping '\' where there is one
  bool escaped = false;

  [[nodiscard]] bool is(char c) const { return !escaped && bytes.size() == 1 && bytes[0] == c; }
};

Error bad_glob(std::size_t column, const std::string& what) {
  return {ErrorCode::InvalidArgument, "column " + std::to_string(column) + ": " + what};
}

// Length of the UTF-8 sequence at the start of `text` and its code point; 0 when it is not one.
std::size_t decode_rune(std::string_view text, std::uint32_t& code) {
  const auto byte = [&text](std::size_t i) -> std::uint32_t {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) {
    code = lead;
    return 1;
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  code = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  const std::uint32_t lowest = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < lowest || code > 0x10FFFF || surrogate ? 0 : length;
}

// The pattern as characters, each knowing whether it was escaped.
Expected<std::vector<Rune>> read_runes(std::string_view pattern) {
  std::vector<Rune> runes;
  std::size_t column = 0;
  bool escaping = false;
  for (std::size_t at = 0; at < pattern.size();) {
    Rune rune;
    const std::size_t length = decode_rune(pattern.substr(at), rune.code);
    ++column;
    if (length == 0) return bad_glob(column, "not valid UTF-8; write the pattern in UTF-8");
    rune.bytes = pattern.substr(at, length);
    at += length;
    if (!escaping && rune.is('\\')) {
      escaping = true;
      continue;
    }
    rune.escaped = escaping;
    rune.column = escaping ? column - 1 : column;
    escaping = false;
    runes.push_back(rune);
  }
  if (escaping) {
    return bad_glob(column,
                    "'\\' at the end escapes nothing; remove it, or write \\\\ for the "
                    "character itself");
  }
  return runes;
}

// As RE2's QuoteMeta: everything but letters, digits, '_' and non-ASCII is escaped.
void append_quoted(std::string& regex, std::string_view bytes) {
  const auto c = static_cast<unsigned char>(bytes[0]);
  const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c >= 0x80;
  if (c == 0) {
    regex += "\\x00";
    return;
  }
  if (!word) regex += '\\';
  regex += bytes;
}

// What stands between the brackets of one set.
struct RuneSet {
  std::size_t column = 0;  // of '['
  bool negated = false;
  std::vector<Rune> runes;

  [[nodiscard]] bool range_at(std::size_t i) const {
    return i + 2 < runes.size() && !runes[i].escaped && runes[i + 1].is('-');
  }
};

std::string set_text(bool negated, const std::vector<Rune>& runes) {
  std::string text = negated ? "[!" : "[";
  for (const Rune& rune : runes) {
    if (std::string_view("]\\-!").find(rune.bytes) != std::string_view::npos) text += '\\';
    text += rune.bytes;
  }
  return text + "]";
}

std::string range_text(bool negated, Rune low, Rune high) {
  if (low.code > high.code) std::swap(low, high);
  const auto escaped = [](const Rune& rune) {
    const bool special = rune.bytes == "]" || rune.bytes == "\\";
    return (special ? "\\" : "") + std::string(rune.bytes);
  };
  return (negated ? "[!" : "[") + escaped(low) + "-" + escaped(high) + "]";
}

// The same characters as alternatives of one range or one list each: {[a-z],[A-Z],[_]}.
std::string split_set_text(const RuneSet& set) {
  std::string text = "{";
  std::vector<Rune> singles;
  for (std::size_t i = 0; i < set.runes.size();) {
    if (set.range_at(i)) {
      text += (text.size() > 1 ? "," : "") + range_text(false, set.runes[i], set.runes[i + 2]);
      i += 3;
    } else {
      singles.push_back(set.runes[i++]);
    }
  }
  if (!singles.empty()) text += "," + set_text(false, singles);
  return text + "}";
}

// Why the set is none, or nothing.
std::optional<Error> set_problem(const RuneSet& set) {
  if (set.runes.empty()) {
    return bad_glob(set.column,
                    "the set is empty; write a character between the brackets, or \\[ "
                    "for the bracket itself");
  }
  if (set.runes.size() == 2 && !set.runes[0].escaped && set.runes[1].is('-')) {
    return bad_glob(set.runes[1].column,
                    "the range has no end; write " + set_text(set.negated, set.runes));
  }
  if (!set.range_at(0)) return std::nullopt;
  if (set.runes.size() > 3 && set.negated) {
    return bad_glob(set.column,
                    "a set holds either one range or characters, not both; a negated "
                    "one has to name each character, as [!abc] does");
  }
  if (set.runes.size() > 3) {
    return bad_glob(set.column, "a set holds either one range or characters, not both; write " +
                                    split_set_text(set));
  }
  if (set.runes[0].code > set.runes[2].code) {
    return bad_glob(set.column, "the range runs backwards; write " +
                                    range_text(set.negated, set.runes[0], set.runes[2]));
  }
  return std::nullopt;
}

class Translator {
 public:
  explicit Translator(std::vector<Rune> runes) : runes_(std::move(runes)) {}

  Expected<Glob> translate() {
    glob_.regex = "(?s)";
    while (at_ < runes_.size()) {
      if (auto problem = step(runes_[at_++])) return *std::move(problem);
    }
    if (!open_braces_.empty()) {
      return bad_glob(open_braces_.back(),
                      "'{' is not closed; add the '}', or write \\{ for the character itself");
    }
    classify();
    return std::move(glob_);
  }

 private:
  // Takes one character that is not part of a set.
  std::optional<Error> step(const Rune& rune) {
    const bool in_braces = !open_braces_.empty();
    if (rune.is('*')) {
      star();
    } else if (rune.is('[')) {
      return set(rune.column);
    } else if (rune.is('{')) {
      return open_brace(rune.column);
    } else if (rune.is('}')) {
      if (!in_braces) {
        return bad_glob(rune.column,
                        "'}' without a '{' before it; write \\} for the character itself");
      }
      open_braces_.pop_back();
      special(")");
    } else if (rune.is(',') && in_braces) {
      special("|");
    } else if (rune.is('?')) {
      special(".");
    } else {
      append_quoted(glob_.regex, rune.bytes);
      literals_.back() += rune.bytes;
      after_star_ = false;
    }
    return std::nullopt;
  }

  void special(std::string_view regex) {
    glob_.regex += regex;
    only_stars_ = false;
    after_star_ = false;
  }

  // Stars in a row are one.
  void star() {
    if (after_star_) return;
    glob_.regex += ".*";
    literals_.emplace_back();
    after_star_ = true;
  }

  std::optional<Error> open_brace(std::size_t column) {
    if (open_braces_.size() == kGlobNestingMax) {
      return bad_glob(column, "braces nest deeper than " + std::to_string(kGlobNestingMax) +
                                  "; write the alternatives as patterns of their own");
    }
    open_braces_.push_back(column);
    special("(?:");
    return std::nullopt;
  }

  std::optional<Error> set(std::size_t column) {
    RuneSet set{column, false, {}};
    if (at_ < runes_.size() && runes_[at_].is('!')) {
      set.negated = true;
      ++at_;
    }
    const auto begin = runes_.begin() + static_cast<std::ptrdiff_t>(at_);
    const auto end = std::find_if(begin, runes_.end(), [](const Rune& r) { return r.is(']'); });
    if (end == runes_.end()) {
      return bad_glob(column,
                      "'[' is not closed; add the ']', or write \\[ for the character itself");
    }
    set.runes.assign(begin, end);
    at_ += set.runes.size() + 1;
    if (auto problem = set_problem(set)) return problem;
    special(set.negated ? "[^" : "[");
    const bool is_range = set.range_at(0);
    for (std::size_t i = 0; i < set.runes.size(); ++i) {
      if (is_range && i == 1) {
        glob_.regex += '-';
      } else {
        append_quoted(glob_.regex, set.runes[i].bytes);
      }
    }
    glob_.regex += ']';
    return std::nullopt;
  }

  // literals_ holds the texts around the stars: "a*b" has two, "*b" an empty one before "b".
  void classify() {
    using Kind = Glob::Kind;
    const bool open_start = literals_.front().empty();
    const bool open_end = literals_.back().empty();
    if (!only_stars_ || literals_.size() > 3 ||
        (literals_.size() == 3 && !(open_start && open_end))) {
      glob_.kind = Kind::Regex;
    } else if (literals_.size() == 3) {
      glob_.kind = Kind::Contains;
      glob_.literal = literals_[1];
    } else if (literals_.size() == 1) {
      glob_.kind = Kind::Exact;
      glob_.literal = literals_[0];
    } else if (open_start && open_end) {
      glob_.kind = Kind::Any;
    } else {
      glob_.kind = open_end ? Kind::Prefix : open_start ? Kind::Suffix : Kind::PrefixSuffix;
      glob_.literal = open_start ? literals_[1] : literals_[0];
      if (glob_.kind == Kind::PrefixSuffix) glob_.suffix = literals_[1];
    }
  }

  std::vector<Rune> runes_;
  std::size_t at_ = 0;
  std::vector<std::size_t> open_braces_;  // their columns
  std::vector<std::string> literals_{1};
  bool only_stars_ = true;
  bool after_star_ = false;
  Glob glob_;
};

}  // namespace

Expected<Glob> parse_glob(std::string_view pattern) {
  if (pattern.size() > kGlobBytesMax) {
    return bad_glob(kGlobBytesMax + 1, "the pattern is longer than " +
                                           std::to_string(kGlobBytesMax) +
                                           " bytes; write it as several patterns");
  }
  auto runes = read_runes(pattern);
  if (!runes) return std::move(runes).error();
  return Translator(*std::move(runes)).translate();
}

}  // namespace fedwave::base
