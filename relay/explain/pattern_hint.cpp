#include "relay/explain/pattern_hint.h"

#include <algorithm>
#include <utility>

#include "relay/base/edit_distance.h"
#include "relay/base/glob.h"
#include "relay/base/text.h"

namespace fedwave::relay {
namespace {

std::string as_it_is(std::string_view pattern) {
  return std::string(pattern);
}

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

}  // namespace

PatternHint::PatternHint(const config::PatternList& list, std::string prefix) : list_(list) {
  if (list.empty()) return;
  add_variant("patterns see the dotted name", false, dotted);
  add_variant("names end in their type, .value on /federate", false, with_value);
  add_variant("patterns see the dotted name, which ends in .value on /federate", false,
              dotted_with_value);
  add_variant("a pattern has to match the whole name", false, with_anything);
  add_variant("patterns see the dotted name, and match the whole of it", false,
              dotted_with_anything);
  if (!prefix.empty()) {
    add_variant("the source's prefix is part of the name", false, as_it_is, prefix);
    add_variant("the source's prefix is part of the dotted name", false, dotted, prefix);
  }
  add_variant("", true, lowered);
}

void PatternHint::add_variant(const std::string& why, bool lowers_name,
                              std::string (*change)(std::string_view), std::string_view before) {
  config::FilterRules rules;
  for (const config::Pattern& pattern : list_) {
    std::string text = std::string(before) + change(pattern.text);
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

std::string PatternHint::nearest(std::string_view name) const {
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
