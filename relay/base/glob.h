// The collector's glob patterns, with their meaning as documented rather than as its engine has it:
// '*' any run (dots included), '?' one character, '[abc]' and '[a-z]' sets with '!' for negation,
// '{a,b}' alternatives (they nest), '\' escapes. A pattern matches the whole name, case-sensitively.
// A glob is translated to an RE2 expression here; who matches it is relay/filter.
//
// Pure functions, any thread. config uses parse_glob to refuse a bad pattern with its place.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "relay/base/expected.h"

namespace fedwave::base {

struct Glob {
  enum class Kind { Exact, Prefix, Suffix, Contains, Any, Regex };
  Kind kind = Kind::Exact;
  std::string literal;  // Exact, Prefix ("abc*"), Suffix ("*abc"), Contains ("*abc*"): the unescaped text
  std::string regex;    // always set: an RE2 expression for the whole name, not anchored by itself
};

// Translates one pattern. On a bad one the message names the column within the pattern (from 1)
// and what to write instead.
Expected<Glob> parse_glob(std::string_view pattern);

}  // namespace fedwave::base
