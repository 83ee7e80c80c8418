#include "relay/filter.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "relay/base/check.h"
#include "relay/base/glob.h"

namespace fedwave::relay {
namespace {

using base::Glob;
using config::Pattern;
using config::PatternList;

constexpr std::size_t kNoMatch = std::numeric_limits<std::size_t>::max();

// For the program and the states of one list's expressions; only what names really visit is used.
constexpr std::int64_t kExpressionBytesMax = std::int64_t{16} << 20;

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

// Text -> the lowest index of the patterns that have it.
using TextIndex = std::unordered_map<std::string, std::size_t, StringHash, std::equal_to<>>;

std::size_t find_index(const TextIndex& texts, std::string_view text) {
  const auto found = texts.find(text);
  return found == texts.end() ? kNoMatch : found->second;
}

// Prefixes (or suffixes) by their length: one look-up for each length that occurs.
class AffixIndex {
 public:
  enum class End { Front, Back };
  explicit AffixIndex(End end) : end_(end) {}

  void add(const std::string& affix, std::size_t index) {
    by_length_[affix.size()].try_emplace(affix, index);
  }

  [[nodiscard]] std::size_t first(std::string_view name) const {
    std::size_t best = kNoMatch;
    for (const auto& [length, affixes] : by_length_) {
      if (length > name.size()) break;
      const auto part = name.substr(end_ == End::Front ? 0 : name.size() - length, length);
      best = std::min(best, find_index(affixes, part));
    }
    return best;
  }

 private:
  End end_;
  std::map<std::size_t, TextIndex> by_length_;
};

RE2::Options expression_options() {
  RE2::Options options;  // UTF-8
  options.set_log_errors(false);
  options.set_max_mem(kExpressionBytesMax);
  return options;
}

// What is left for regular expressions: all of them in one pass. A list too large for one set is
// matched one expression after the other: slower, but never "as if the list were not there".
class ExpressionSet {
 public:
  void add(const std::string& regex, std::size_t index) { expressions_.push_back({regex, index}); }

  void compile() {
    if (expressions_.empty()) return;
    set_ = std::make_unique<RE2::Set>(expression_options(), RE2::ANCHOR_BOTH);
    for (const auto& [regex, index] : expressions_) FEDWAVE_CHECK(set_->Add(regex, nullptr) >= 0);
    if (set_->Compile()) return;
    set_.reset();
    for (const auto& [regex, index] : expressions_) {
      singles_.push_back(std::make_unique<RE2>(regex, expression_options()));
      FEDWAVE_CHECK(singles_.back()->ok());
    }
  }

  [[nodiscard]] std::size_t first(std::string_view name) const {
    if (expressions_.empty()) return kNoMatch;
    return set_ ? first_in_set(name) : first_single(name);
  }

 private:
  struct Expression {
    std::string regex;
    std::size_t index;  // of the pattern; ascending
  };

  [[nodiscard]] std::size_t first_in_set(std::string_view name) const {
    thread_local std::vector<int> matches;
    RE2::Set::ErrorInfo error{RE2::Set::kNoError};
    if (!set_->Match({name.data(), name.size()}, &matches, &error)) {
      // A set that compiled has room for the states it needs, so this is never "out of memory".
      FEDWAVE_CHECK(error.kind == RE2::Set::kNoError);
      return kNoMatch;
    }
    const int lowest = *std::min_element(matches.begin(), matches.end());
    return expressions_[static_cast<std::size_t>(lowest)].index;
  }

  [[nodiscard]] std::size_t first_single(std::string_view name) const {
    for (std::size_t i = 0; i < singles_.size(); ++i) {
      if (RE2::FullMatch({name.data(), name.size()}, *singles_[i])) return expressions_[i].index;
    }
    return kNoMatch;
  }

  std::vector<Expression> expressions_;
  std::unique_ptr<RE2::Set> set_;
  std::vector<std::unique_ptr<RE2>> singles_;
};

// One list of patterns. `list` outlives the matcher.
class ListMatcher {
 public:
  ListMatcher(const PatternList& list, config::GlobCompat compat) : list_(&list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto glob = base::parse_glob(list[i].text);
      FEDWAVE_CHECK(glob.has_value());  // the configuration was validated
      add(*glob, i);
      if (compat == config::GlobCompat::Overlap) add_overlaps(*glob, i);
    }
    expressions_.compile();
  }

  [[nodiscard]] bool empty() const { return list_->empty(); }

  // The first pattern in the order of the file that matches; null when none does.
  [[nodiscard]] const Pattern* match(std::string_view name) const {
    if (list_->empty()) return nullptr;
    std::size_t best = std::min({any_, find_index(exact_, name), prefixes_.first(name),
                                 suffixes_.first(name), expressions_.first(name)});
    for (const auto& [part, index] : contained_) {
      if (index >= best) break;
      if (name.find(part) != std::string_view::npos) best = index;
    }
    return best == kNoMatch ? nullptr : &(*list_)[best];
  }

 private:
  void add(const Glob& glob, std::size_t index) {
    switch (glob.kind) {
      case Glob::Kind::Exact:
        exact_.try_emplace(glob.literal, index);
        break;
      case Glob::Kind::Prefix:
        prefixes_.add(glob.literal, index);
        break;
      case Glob::Kind::Suffix:
        suffixes_.add(glob.literal, index);
        break;
      case Glob::Kind::Contains:
        contained_.emplace_back(glob.literal, index);
        break;
      case Glob::Kind::Any:
        any_ = std::min(any_, index);
        break;
      case Glob::Kind::PrefixSuffix:
      case Glob::Kind::Regex:
        expressions_.add(glob.regex, index);
        break;
    }
  }

  // The collector's engine matches "a.*.b" by prefix "a." and suffix ".b" alone, so that the two
  // may share characters: "a.b". There are only as many such names as ways to overlap.
  void add_overlaps(const Glob& glob, std::size_t index) {
    if (glob.kind != Glob::Kind::PrefixSuffix) return;
    const std::string_view prefix = glob.literal;
    const std::string_view suffix = glob.suffix;
    for (std::size_t shared = 1; shared <= std::min(prefix.size(), suffix.size()); ++shared) {
      if (prefix.ends_with(suffix.substr(0, shared))) {
        exact_.try_emplace(glob.literal + std::string(suffix.substr(shared)), index);
      }
    }
  }

  const PatternList* list_;
  TextIndex exact_;
  AffixIndex prefixes_{AffixIndex::End::Front};
  AffixIndex suffixes_{AffixIndex::End::Back};
  std::vector<std::pair<std::string, std::size_t>> contained_;  // indexes ascend
  std::size_t any_ = kNoMatch;
  ExpressionSet expressions_;
};

struct TagMatch {
  const Pattern* pattern = nullptr;
  std::string_view key;
};

// A list for the value of each of some keys; one match suffices.
class TagMatcher {
 public:
  TagMatcher(const config::TagPatterns& rules, config::GlobCompat compat) {
    for (const auto& [key, list] : rules) keys_.emplace_back(key, ListMatcher(list, compat));
    std::stable_sort(keys_.begin(), keys_.end(), [&rules](const auto& a, const auto& b) {
      return place(rules.at(std::string(a.first))) < place(rules.at(std::string(b.first)));
    });
  }

  [[nodiscard]] bool empty() const { return keys_.empty(); }

  // An empty value is an absent tag: it never reaches the wire.
  [[nodiscard]] TagMatch match(const sinks::PointTags& tags) const {
    for (const auto& [key, list] : keys_) {
      const sinks::PointTag* tag = tags.find(key);
      if (tag == nullptr || tag->value.empty()) continue;
      if (const Pattern* pattern = list.match(tag->value)) return {pattern, key};
    }
    return {};
  }

 private:
  // Where a key's patterns begin in the file.
  static std::pair<int, int> place(const PatternList& list) {
    return list.empty() ? std::pair{0, 0} : std::pair{list[0].where.line, list[0].where.column};
  }

  std::vector<std::pair<std::string_view, ListMatcher>> keys_;  // in the order of the file
};

}  // namespace

struct Filter::Impl {
  Impl(const config::FilterRules& r, config::GlobCompat compat)
      : rules(r),
        allow(rules.metric_allow, compat),
        deny(rules.metric_deny, compat),
        tag_allow(rules.metric_tag_allow, compat),
        tag_deny(rules.metric_tag_deny, compat),
        tag_include(rules.tag_include, compat),
        tag_exclude(rules.tag_exclude, compat),
        guaranteed_keys(patterns_of(rules.tag_guarantee)),
        guaranteed(guaranteed_keys, compat) {}

  static PatternList patterns_of(const std::vector<std::string>& texts) {
    PatternList patterns;
    for (const std::string& text : texts) patterns.push_back({text, {}});
    return patterns;
  }

  config::FilterRules rules;  // what the matchers and the decisions point into
  ListMatcher allow;
  ListMatcher deny;
  TagMatcher tag_allow;
  TagMatcher tag_deny;
  ListMatcher tag_include;
  ListMatcher tag_exclude;
  PatternList guaranteed_keys;
  ListMatcher guaranteed;
};

Filter::Filter(const config::FilterRules& rules, config::GlobCompat compat)
    : impl_(std::make_unique<const Impl>(rules, compat)) {}
Filter::~Filter() = default;
Filter::Filter(Filter&&) noexcept = default;
Filter& Filter::operator=(Filter&&) noexcept = default;

FilterDecision Filter::decide_name(std::string_view name) const {
  FilterDecision kept;
  if (!impl_->allow.empty()) {
    kept.pattern = impl_->allow.match(name);
    if (kept.pattern == nullptr) return {FilterVerdict::NotInAllowList, nullptr, {}};
  }
  if (const Pattern* pattern = impl_->deny.match(name)) {
    return {FilterVerdict::DenyList, pattern, {}};
  }
  return kept;
}

FilterDecision Filter::decide_tags(const sinks::PointTags& tags) const {
  FilterDecision kept;
  if (!impl_->tag_allow.empty()) {
    const TagMatch allowed = impl_->tag_allow.match(tags);
    if (allowed.pattern == nullptr) return {FilterVerdict::NotInTagAllowList, nullptr, {}};
    kept = {FilterVerdict::Kept, allowed.pattern, allowed.key};
  }
  if (const TagMatch denied = impl_->tag_deny.match(tags); denied.pattern != nullptr) {
    return {FilterVerdict::TagDenyList, denied.pattern, denied.key};
  }
  return kept;
}

void Filter::prune(sinks::PointTags& tags) const {
  if (impl_->tag_include.empty() && impl_->tag_exclude.empty()) return;
  tags.erase_if([this](const sinks::PointTag& tag) { return !decide_tag(tag.key).keeps(); });
}

TagDecision Filter::decide_tag(std::string_view key) const {
  using Why = TagDecision::Why;
  if (impl_->guaranteed.match(key) != nullptr) return {Why::Guaranteed, nullptr};
  TagDecision decision;
  if (!impl_->tag_include.empty()) {
    const Pattern* included = impl_->tag_include.match(key);
    if (included == nullptr) return {Why::NotIncluded, nullptr};
    decision = {Why::Included, included};
  }
  if (const Pattern* excluded = impl_->tag_exclude.match(key)) return {Why::Excluded, excluded};
  return decision;
}

const config::FilterRules& Filter::rules() const {
  return impl_->rules;
}

}  // namespace fedwave::relay
