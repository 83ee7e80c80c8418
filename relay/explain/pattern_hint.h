// What a name that no pattern of an allow list takes has nearly matched: the pattern with dots for
// its underscores, with ".value" at its end, in another case, with the source's prefix; else the
// pattern that is spelt most like the name. Built once for a list, immutable, any thread; the list
// outlives it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "relay/filter.h"

namespace fedwave::relay {

class PatternHint {
 public:
  // `prefix`: what the source puts before its names.
  PatternHint(const config::PatternList& list, std::string prefix);

  // A clause for people; empty when nothing comes near.
  [[nodiscard]] std::string for_name(const std::string& name) const;

 private:
  struct Variant {
    Filter filter;  // the list's patterns, each changed in one way
    bool lowers_name;
    std::string why;
  };

  void add_variant(const std::string& why, bool lowers_name,
                   std::string (*change)(std::string_view), std::string_view before = "");
  [[nodiscard]] std::string nearest(std::string_view name) const;

  const config::PatternList& list_;
  std::vector<Variant> variants_;  // the likeliest mistake first
};

}  // namespace fedwave::relay
