// The meaning of the collector's globs written a second time, slowly and without a regular
// expression: braces are multiplied out, then character after character with backtracking. It is
// what the translation in relay/base/glob is compared with. The pattern is one that parse_glob
// accepts, the name is valid UTF-8.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fedwave::test {

// Length of the UTF-8 character at `at`.
inline std::size_t slow_rune_bytes(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
  return end - at;
}

// Where the set that opens at `at` ends, one past its ']'.
inline std::size_t slow_set_end(std::string_view pattern, std::size_t at) {
  ++at;
  if (pattern[at] == '!') ++at;
  while (pattern[at] != ']') at += pattern[at] == '\\' ? 2 : 1;
  return at + 1;
}

// Multiplies the braces out. False when that gets out of hand.
inline bool slow_expand(const std::string& pattern, std::vector<std::string>& out) {
  std::size_t open = std::string::npos;
  std::vector<std::size_t> cuts;
  int depth = 0;
  for (std::size_t i = 0; i < pattern.size();) {
    const char c = pattern[i];
    if (c == '\\') {
      i += 2;
      continue;
    }
    if (c == '[') {
      i = slow_set_end(pattern, i);
      continue;
    }
    if (c == '{' && depth++ == 0) {
      open = i;
      cuts = {i};
    }
    if (c == ',' && depth == 1) cuts.push_back(i);
    if (c == '}' && --depth == 0) {
      cuts.push_back(i);
      for (std::size_t k = 0; k + 1 < cuts.size(); ++k) {
        const auto middle = pattern.substr(cuts[k] + 1, cuts[k + 1] - cuts[k] - 1);
        if (!slow_expand(pattern.substr(0, open) + middle + pattern.substr(i + 1), out))
          return false;
      }
      return true;
    }
    ++i;
  }
  // A ',' that stood between braces is gone; one outside means itself.
  out.push_back(pattern);
  return out.size() < 2000;
}

inline bool slow_set_matches(std::string_view body, std::string_view rune) {
  const bool negated = body[0] == '!';
  if (negated) body.remove_prefix(1);
  std::vector<std::string> members;
  std::vector<bool> escaped;
  for (std::size_t i = 0; i < body.size();) {
    escaped.push_back(body[i] == '\\');
    if (escaped.back()) ++i;
    const std::size_t bytes = slow_rune_bytes(body, i);
    members.emplace_back(body.substr(i, bytes));
    i += bytes;
  }
  bool found = false;
  if (members.size() == 3 && members[1] == "-" && !escaped[0] && !escaped[1]) {
    // UTF-8 sorts as its code points do.
    found = std::string_view(members[0]) <= rune && rune <= std::string_view(members[2]);
  } else {
    for (const auto& member : members) found = found || member == rune;
  }
  return found != negated;
}

// One pattern without braces.
inline bool slow_match_plain(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_n = 0;
  while (n < name.size() || p < pattern.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_n = n;
      continue;
    }
    if (p < pattern.size() && n < name.size()) {
      const std::size_t rune_bytes = slow_rune_bytes(name, n);
      const std::string_view rune = name.substr(n, rune_bytes);
      std::size_t token_end = p + slow_rune_bytes(pattern, p);
      bool matches = false;
      if (pattern[p] == '?') {
        matches = true;
      } else if (pattern[p] == '[') {
        token_end = slow_set_end(pattern, p);
        matches = slow_set_matches(pattern.substr(p + 1, token_end - p - 2), rune);
      } else {
        const std::size_t at = pattern[p] == '\\' ? p + 1 : p;
        token_end = at + slow_rune_bytes(pattern, at);
        matches = pattern.substr(at, token_end - at) == rune;
      }
      if (matches) {
        p = token_end;
        n += rune_bytes;
        continue;
      }
    }
    if (star == std::string_view::npos || star_n == name.size()) return false;
    star_n += slow_rune_bytes(name, star_n);
    p = star + 1;
    n = star_n;
  }
  return true;
}

// nullopt: too many alternatives to multiply out.
inline std::optional<bool> slow_glob_match(const std::string& pattern, std::string_view name) {
  std::vector<std::string> plain;
  if (!slow_expand(pattern, plain)) return std::nullopt;
  for (const auto& one : plain) {
    if (slow_match_plain(one, name)) return true;
  }
  return false;
}

}  // namespace fedwave::test
