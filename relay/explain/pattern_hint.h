// What a name that no pattern of an allow list takes has nearly matched: the pattern with dots for
// its underscores, with ".value" at its end, in another case, with the source's prefix, without the
// sink's; else the pattern that is spelt most like the name. Built once for a list, immutable, any
// thread; the list outlives it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "relay/filter.h"

namespace fedwave::relay {

class PatternHint {
 public:
  // Of a source, whose filters see its prefix; or of a sink, whose filters do not see the sink's.
  static PatternHint of_source(const config::Source& source);
  static PatternHint of_sink(const config::Sink& sink);

  // A clause for people; empty when nothing comes near.
  [[nodiscard]] std::string for_name(const std::string& name) const;

 private:
  using Change = std::function<std::string(std::string_view)>;
  struct Variant {
    Filter filter;  // the list's patterns, each changed in one way
    bool lowers_name;
    std::string why;
  };

  // A pattern whose literal beginning is spelt much like the name's.
  struct Misspelt {
    std::string written;
    std::string meant;
    std::size_t distance = 0;
  };

  explicit PatternHint(const config::PatternList& list);
  void add_variant(const std::string& why, bool lowers_name, const Change& change);
  [[nodiscard]] std::optional<Misspelt> misspelt(std::string_view name) const;
  [[nodiscard]] std::string nearest(std::string_view name) const;

  const config::PatternList& list_;
  std::vector<Variant> variants_;  // the likeliest mistake first
};

}  // namespace fedwave::relay
