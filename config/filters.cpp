// Reads `filters`. The collector joins a list of several elements into one {a,b} pattern, so that a
// comma inside an element splits it; a list of one is compiled as it stands.
#include <algorithm>
#include <cstddef>
#include <utility>

#include "config/sections.h"
#include "relay/base/glob.h"

namespace fedwave::config {
namespace {

enum class Matches { Names, Keys, Values };

// Splits at the commas outside sets and braces.
std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> pieces(1);
  std::size_t braces = 0;
  bool in_set = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\' && at + 1 < text.size()) {
      pieces.back() += c;
      pieces.back() += text[++at];
      continue;
    }
    if (c == ',' && !in_set && braces == 0) {
      pieces.emplace_back();
      continue;
    }
    if (in_set) {
      in_set = c != ']';
    } else if (c == '[') {
      in_set = true;
    } else if (c == '{') {
      ++braces;
    } else if (c == '}' && braces > 0) {
      --braces;
    }
    pieces.back() += c;
  }
  return pieces;
}

// '_' between the brackets of a set is there on purpose.
bool has_underscore_outside_sets(std::string_view pattern) {
  bool in_set = false;
  for (const char c : pattern) {
    if (c == '[') in_set = true;
    if (c == ']') in_set = false;
    if (c == '_' && !in_set) return true;
  }
  return false;
}

// What stands behind the last wildcard of a valid pattern: everything that it matches ends so.
struct LiteralEnd {
  std::string text;
  bool is_whole = true;  // there is no wildcard
};

LiteralEnd literal_end(std::string_view pattern) {
  LiteralEnd end;
  bool in_set = false;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const bool is_escaped = pattern[at] == '\\' && at + 1 < pattern.size();
    if (is_escaped) ++at;
    const char c = pattern[at];
    if (is_escaped || (!in_set && std::string_view("*?[{}").find(c) == std::string_view::npos)) {
      end.text += c;
      continue;
    }
    // What was taken for text within a set or braces goes at their end.
    in_set = in_set ? c != ']' : c == '[';
    end = {.text = "", .is_whole = false};
  }
  return end;
}

// Has it what means something in a regular expression only? Names of metrics and tags hold no such
// character; values may, as Envoy's "outbound|9080||reviews" does.
bool looks_like_regexp(std::string_view pattern, Matches matches) {
  if (pattern.starts_with('^')) return true;
  bool in_set = false;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    const std::string_view rest = pattern.substr(at + 1);
    if (c == '\\') {
      if (!rest.empty() && std::string_view("dDwWsSbB").find(rest[0]) != std::string_view::npos)
        return true;
      ++at;
    } else if (in_set) {
      in_set = c != ']';
    } else if (c == '[') {
      if (rest.starts_with('^')) return true;
      in_set = true;
    } else if (matches != Matches::Values) {
      if (std::string_view("^$|()+").find(c) != std::string_view::npos) return true;
    } else {
      if (c == '.' && rest.starts_with('+')) return true;
      if (c == '(' && rest.find('|') < rest.find(')')) return true;
    }
  }
  return false;
}

constexpr std::string_view kUntypedSuffix = ".value";

bool can_end_in_value(std::string_view pattern) {
  const LiteralEnd end = literal_end(pattern);
  return end.text.ends_with(kUntypedSuffix) ||
         (!end.is_whole && kUntypedSuffix.ends_with(end.text));
}

class PatternReader {
 public:
  PatternReader(std::string_view key, Matches matches, const FilteredPoints& points,
                Problems& problems)
      : key_(key), matches_(matches), points_(points), problems_(problems) {}

  PatternList read(const Node& node) {
    PatternList patterns;
    const std::vector<const Node*> items = text_items(node, key_, problems_);
    for (const Node* item : items) {
      const std::vector<std::string> pieces = split_at_commas(item->text);
      if (items.size() == 1) {
        if (matches_ == Matches::Names && pieces.size() > 1) warn_of_comma(*item);
        add(patterns, item->text, item->where);
        continue;
      }
      for (const std::string& piece : pieces) add(patterns, piece, item->where);
    }
    return patterns;
  }

 private:
  void add(PatternList& patterns, const std::string& text, Position where) {
    const auto glob = base::parse_glob(text);
    if (!glob) {
      const std::string& message = glob.error().message;
      const std::size_t split = message.find("; ");
      problems_.error(where, "bad pattern " + in_quotes(text) + ": " + message.substr(0, split),
                      split == std::string::npos ? "" : message.substr(split + 2));
      return;
    }
    if (text.empty()) {
      problems_.warning(where,
                        "an empty pattern in " + in_quotes(key_) + " matches only empty text",
                        "remove it; '*' matches everything");
    } else if (looks_like_regexp(text, matches_)) {
      problems_.warning(
          where,
          "pattern " + in_quotes(text) + " looks like a regular expression, but it is a glob",
          "write '*' for any text, {a,b} for alternatives and [!a] for another character");
    } else if (matches_ == Matches::Names) {
      warn_of_impossible_name(text, where);
    }
    patterns.push_back({text, where});
  }

  void warn_of_impossible_name(const std::string& text, Position where) {
    const bool has_underscore = !points_.have_underscores && has_underscore_outside_sets(text);
    // A comma has its own warning.
    const bool lacks_value =
        points_.are_federated && !can_end_in_value(text) && split_at_commas(text).size() == 1;
    if (!has_underscore && !lacks_value) return;
    std::string better = text;
    if (has_underscore) std::replace(better.begin(), better.end(), '_', '.');
    if (lacks_value) better += kUntypedSuffix;
    problems_.warning(where,
                      "pattern " + in_quotes(text) + " never matches: " +
                          (has_underscore ? "patterns see the dotted name, without '_'"
                                          : "every name from /federate ends in \".value\""),
                      "did you mean " + in_quotes(better) + "?");
  }

  void warn_of_comma(const Node& item) {
    problems_.warning(
        item.where,
        "in a list of one element a comma is an ordinary character, and no name has one",
        "write each pattern as an element of its own");
  }

  std::string_view key_;
  Matches matches_;
  const FilteredPoints& points_;
  Problems& problems_;
};

class FilterReader {
 public:
  FilterReader(const Node* node, const FilteredPoints& points, Problems& problems)
      : fields_(node, "filters", problems), points_(points), problems_(problems) {}

  FilterRules read() {
    FilterRules rules;
    rules.metric_allow = list(node_of("metricAllowList", "metricWhitelist"), Matches::Names);
    rules.metric_deny = list(node_of("metricDenyList", "metricBlacklist"), Matches::Names);
    rules.metric_tag_allow = tags(node_of("metricTagAllowList", "metricTagWhitelist"), true);
    rules.metric_tag_deny = tags(node_of("metricTagDenyList", "metricTagBlacklist"), false);
    rules.tag_include = list({"tagInclude", fields_.get("tagInclude")}, Matches::Keys);
    rules.tag_exclude = list({"tagExclude", fields_.get("tagExclude")}, Matches::Keys);
    for (Pattern& pattern :
         list({"tagGuaranteeList", fields_.get("tagGuaranteeList")}, Matches::Keys)) {
      rules.tag_guarantee.push_back(std::move(pattern.text));
    }
    fields_.done();
    return rules;
  }

 private:
  struct Named {
    std::string_view key;
    const Node* node = nullptr;
  };

  // The deprecated name counts only when the modern list is empty; they are never joined.
  Named node_of(std::string_view modern, std::string_view deprecated) {
    const Node* node = fields_.get(modern);
    const Node* old = fields_.get(deprecated);
    if (old == nullptr) return {modern, node};
    const bool is_read = is_empty(node);
    problems_.warning(
        old->where,
        is_read ? in_quotes(deprecated) + " is deprecated"
                : in_quotes(deprecated) + " is not read where " + in_quotes(modern) +
                      " stands beside it",
        is_read ? "write " + in_quotes(modern) : "move its patterns to " + in_quotes(modern));
    return is_read ? Named{deprecated, old} : Named{modern, node};
  }

  PatternList list(Named named, Matches matches) {
    if (named.node == nullptr && fields_.present(named.key)) {
      problems_.warning(fields_.key_where(named.key),
                        in_quotes(named.key) + " is empty and filters nothing",
                        "write its patterns below it, or remove it");
    }
    if (named.node == nullptr) return {};
    return PatternReader(named.key, matches, points_, problems_).read(*named.node);
  }

  TagPatterns tags(Named named, bool is_allow) {
    TagPatterns patterns;
    if (named.node == nullptr) return patterns;
    if (named.node->kind != Node::Kind::Map) {
      wrong_kind(*named.node, named.key, "a map of tag keys", "write \"key: ['pattern']\" below it",
                 problems_);
      return patterns;
    }
    for (const Node::Entry& entry : merged_entries(*named.node, problems_)) {
      if (is_empty(entry.value)) {
        report_empty(entry, is_allow);
        continue;
      }
      warn_of_dots(*entry.key);
      patterns[entry.key->text] =
          PatternReader(entry.key->text, Matches::Values, points_, problems_).read(*entry.value);
    }
    return patterns;
  }

  void warn_of_dots(const Node& key) {
    const bool has_dot = key.text.find('.') != std::string::npos;
    if (!points_.are_federated || !has_dot || points_.tags.contains(key.text)) return;
    std::string label = key.text;
    std::replace_if(
        label.begin(), label.end(), [](char c) { return c == '.' || c == '/' || c == '-'; }, '_');
    problems_.warning(key.where,
                      "no point has a tag " + in_quotes(key.text) +
                          ": labels from /federate have no '.' in their names",
                      "did you mean " + in_quotes(label) + "?");
  }

  void report_empty(const Node::Entry& entry, bool is_allow) {
    const std::string what = "no patterns for tag " + in_quotes(entry.key->text);
    if (is_allow) {
      problems_.error(entry.key->where, what + ": every metric would be dropped",
                      "write '*' for any value, or remove the key");
    } else {
      problems_.warning(entry.key->where, what + ": it denies nothing",
                        "write '*' for any value, or remove the key");
    }
  }

  Fields fields_;
  const FilteredPoints& points_;
  Problems& problems_;
};

}  // namespace

FilterRules read_filters(const Node* node, const FilteredPoints& points, Problems& problems) {
  return FilterReader(node, points, problems).read();
}

}  // namespace fedwave::config
