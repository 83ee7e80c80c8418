// Decides which points pass and which tags stay, by the collector's seven lists (and the deprecated
// names of four of them). Built once from FilterRules, whose patterns are valid, then immutable and
// shared by threads; the only user of RE2's set matching. A list is one match, not a loop over its
// patterns: exact, prefix, suffix and contains patterns are settled by look-ups, what remains is
// one RE2::Set, or, for a list too large for a set, one RE2 after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "config/config.h"
#include "sinks/point_tags.h"

namespace fedwave::relay {

// Which rule decided, in the order of evaluation.
enum class FilterVerdict : std::uint8_t {
  Kept,
  NotInAllowList,     // metricAllowList is there and no pattern matches the name
  DenyList,           // metricDenyList
  NotInTagAllowList,  // metricTagAllowList has a key, and no key's value matches
  TagDenyList,        // metricTagDenyList
};

struct FilterDecision {
  FilterVerdict verdict = FilterVerdict::Kept;
  // The pattern that decided, the first in the file that matches: of the allow list when kept, of
  // the deny list when dropped. Null when no single pattern did (no list, or nothing matched).
  // Lives as long as the Filter.
  const config::Pattern* pattern = nullptr;
  // The tag key whose list decided, for the tag lists; empty otherwise.
  std::string_view tag_key;
};

// Why a tag stays on a point or goes.
struct TagDecision {
  enum class Why : std::uint8_t { Free, Guaranteed, Included, NotIncluded, Excluded };
  Why why = Why::Free;
  const config::Pattern* pattern = nullptr;  // for Included and Excluded
  [[nodiscard]] bool keeps() const { return why != Why::NotIncluded && why != Why::Excluded; }
};

class Filter {
 public:
  explicit Filter(const config::FilterRules& rules,
                  config::GlobCompat compat = config::GlobCompat::Documented);
  ~Filter();
  Filter(Filter&&) noexcept;
  Filter& operator=(Filter&&) noexcept;

  // A point has to pass both, and the name's verdict comes first. `name` is the dotted name with
  // its prefix; a tag with an empty value is as good as absent. Thread-safe.
  [[nodiscard]] FilterDecision decide_name(std::string_view name) const;
  [[nodiscard]] FilterDecision decide_tags(const sinks::PointTags& tags) const;

  // Applies tagInclude, tagExclude and the guarantee. Thread-safe.
  void prune(sinks::PointTags& tags) const;
  [[nodiscard]] TagDecision decide_tag(std::string_view key) const;

  [[nodiscard]] const config::FilterRules& rules() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace fedwave::relay
