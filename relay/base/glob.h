// The collector's glob patterns, with their meaning as documented rather than as its engine has it:
// '*' any run (dots included), '?' one character, '[abc]' and '[a-z]' sets with '!' for negation,
// '{a,b}' alternatives (they nest), '\' escapes. A pattern matches the whole name,
// case-sensitively. A set holds either characters or one range, never both; ',' and ']' mean
// themselves elsewhere. A glob is translated to an RE2 expression here; who matches it is
// relay/filter.
//
// Pure functions, any thread. config uses parse_glob to refuse a bad pattern with its place.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "relay/base/expected.h"

namespace fedwave::base {

inline constexpr std::size_t kGlobBytesMax = 4096;
inline constexpr std::size_t kGlobNestingMax = 50;

struct Glob {
  // The shapes that need no expression, told by where the '*' are; everything else is Regex.
  enum class Kind { Exact, Prefix, Suffix, PrefixSuffix, Contains, Any, Regex };
  Kind kind = Kind::Exact;
  // Unescaped text of Exact, Prefix ("abc*"), Suffix ("*abc"), Contains ("*abc*") and what stands
  // before the '*' of PrefixSuffix ("abc*def").
  std::string literal;
  std::string suffix;  // PrefixSuffix only: what stands after the '*'
  std::string regex;   // always set: an RE2 expression for the whole name, not anchored by itself
};

// Translates one pattern. On a bad one the message names the column within the pattern (in
// characters, from 1) and what to write instead. RE2 compiles whatever is accepted.
Expected<Glob> parse_glob(std::string_view pattern);

}  // namespace fedwave::base
