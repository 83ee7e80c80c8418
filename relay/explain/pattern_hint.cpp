#include "relay/explain/pattern_hint.h"

#include <algorithm>
#include <utility>

#include "relay/base/edit_distance.h"
#include "relay/base/glob.h"
#include "relay/base/text.h"
#include "relay/series_stages.h"

namespace fedwave::relay {
namespace {

constexpr std::size_t kMisspeltLettersMax = 2;
constexpr std::size_t kEqualLettersMin = 4;

std::string dotted(std::string_view pattern) {
  std::string text(pattern);
  std::replace(text.begin(), text.end(), '_', '.');
  return text;
}

std::string with_value(std::string_view pattern) {
  return std::string(pattern) + (pattern.ends_with('.') ? "value" : ".value");
}

std::string dotted_with_value(std::string_view pattern) {
  return with_value(dotted(pattern));
}

std::string with_anything(std::string_view pattern) {
  return std::string(pattern) + "*";
}

std::string dotted_with_anything(std::string_view pattern) {
  return with_anything(dotted(pattern));
}

std::string lowered(std::string_view pattern) {
  return base::lower(std::string(pattern));
}

// What stands before the first wildcard; all of a pattern that has none.
std::string_view literal_beginning(std::string_view pattern) {
  return pattern.substr(0, pattern.find_first_of("*?[{\\"));
}

bool matches(const std::string& pattern, std::string_view name) {
  if (!base::parse_glob(pattern)) return false;
  config::FilterRules rules;
  rules.metric_allow.push_back({pattern, {}});
  return Filter(rules).decide_name(name).verdict == FilterVerdict::Kept;
}

// Of the name's beginnings the one that is spelt most like `literal`, with as many letters if
// possible; empty when none is much like it.
std::string_view nearest_beginning(std::string_view literal, std::string_view name,
                                   std::size_t& distance) {
  std::string_view best;
  if (literal.size() < kEqualLettersMin) return best;
  distance = kMisspeltLettersMax + 1;
  for (const int more : {0, 1, -1, 2, -2}) {
    const std::size_t letters = literal.size() + static_cast<std::size_t>(more);
    const std::string_view beginning = name.substr(0, letters);
    const std::size_t far = base::edit_distance(literal, beginning, kMisspeltLettersMax);
    if (far >= distance || literal.size() < kEqualLettersMin + far) continue;
    distance = far;
    best = beginning;
  }
  return best;
}

}  // namespace

PatternHint PatternHint::of_source(const config::Source& source) {
  PatternHint hint(source.filters.metric_allow);
  if (source.prefix.empty()) return hint;
  const std::string& prefix = source.prefix;
  hint.add_variant("the source's prefix is part of the name", false,
                   [&](std::string_view pattern) { return prefix + std::string(pattern); });
  hint.add_variant("the source's prefix is part of the dotted name", false,
                   [&](std::string_view pattern) { return prefix + dotted(pattern); });
  return hint;
}

PatternHint PatternHint::of_sink(const config::Sink& sink) {
  PatternHint hint(sink.filters.metric_allow);
  const std::string prefix = sink_prefix(sink);
  if (prefix.empty()) return hint;
  hint.add_variant(
      "the sink's filters see the name without the sink's prefix", false,
      [&](std::string_view pattern) {
        return std::string(pattern.substr(pattern.starts_with(prefix) ? prefix.size() : 0));
      });
  return hint;
}

PatternHint::PatternHint(const config::PatternList& list) : list_(list) {
  add_variant("patterns see the dotted name", false, dotted);
  add_variant("names end in their type, .value on /federate", false, with_value);
  add_variant("patterns see the dotted name, which ends in .value on /federate", false,
              dotted_with_value);
  add_variant("a pattern has to match the whole name", false, with_anything);
  add_variant("patterns see the dotted name, and match the whole of it", false,
              dotted_with_anything);
  add_variant("", true, lowered);
}

void PatternHint::add_variant(const std::string& why, bool lowers_name, const Change& change) {
  if (list_.empty()) return;
  config::FilterRules rules;
  for (const config::Pattern& pattern : list_) {
    std::string text = change(pattern.text);
    // One that the change has made invalid stays as it was, and matches as little.
    if (!base::parse_glob(text)) text = pattern.text;
    rules.metric_allow.push_back({std::move(text), pattern.where});
  }
  variants_.push_back({Filter(rules), lowers_name, why});
}

std::string PatternHint::for_name(const std::string& name) const {
  for (const Variant& variant : variants_) {
    const config::Pattern* found =
        variant.filter.decide_name(variant.lowers_name ? base::lower(name) : name).pattern;
    if (found == nullptr) continue;
    const auto index = static_cast<std::size_t>(found - variant.filter.rules().metric_allow.data());
    const std::string& written = list_[index].text;
    if (variant.lowers_name) return "\"" + written + "\" would match but for its case";
    return "\"" + found->text + "\" would match " + name + "; you wrote \"" + written +
           "\": " + variant.why;
  }
  return nearest(name);
}

std::optional<PatternHint::Misspelt> PatternHint::misspelt(std::string_view name) const {
  std::optional<Misspelt> best;
  for (const config::Pattern& pattern : list_) {
    const std::string_view literal = literal_beginning(pattern.text);
    if (literal.size() == pattern.text.size()) continue;
    std::size_t distance = 0;
    const std::string_view beginning = nearest_beginning(literal, name, distance);
    if (beginning.empty() || (best && best->distance <= distance)) continue;
    std::string meant = std::string(beginning) + pattern.text.substr(literal.size());
    if (matches(meant, name)) best = {pattern.text, std::move(meant), distance};
  }
  return best;
}

std::string PatternHint::nearest(std::string_view name) const {
  if (const auto found = misspelt(name)) {
    return "the nearest pattern is \"" + found->written + "\"; did you mean \"" + found->meant +
           "\"?";
  }
  const config::Pattern* best = nullptr;
  std::size_t least = name.size() / 3 + 1;
  for (const config::Pattern& pattern : list_) {
    const std::size_t distance = base::edit_distance(name, pattern.text, least);
    if (distance >= least) continue;
    least = distance;
    best = &pattern;
  }
  return best == nullptr ? std::string() : "the nearest pattern is \"" + best->text + "\"";
}

}  // namespace fedwave::relay
