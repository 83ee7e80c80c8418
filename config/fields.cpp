#include "config/fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <unordered_map>

#include "relay/base/duration.h"

namespace fedwave::config {
namespace {

bool is_merge(const Node& key) {
  return key.plain && key.text == "<<";
}

// The maps that the value of a `<<` names, the first being the one that counts most.
std::vector<const Node*> merge_sources(const Node& value, Problems& problems) {
  std::vector<const Node*> sources;
  if (value.kind == Node::Kind::Map) return {&value};
  if (value.kind == Node::Kind::List) sources = value.items;
  const bool only_maps =
      !sources.empty() && std::all_of(sources.begin(), sources.end(), [](const Node* source) {
        return source->kind == Node::Kind::Map;
      });
  if (only_maps) return sources;
  problems.error(value.where, "<< needs a map or a list of maps", "write <<: *anchor");
  return {};
}

// YAML 1.1's words, all of them as Go's yaml.v2 knows them.
std::optional<bool> parse_boolean(std::string_view text) {
  static constexpr std::string_view kYes[] = {"true", "True", "TRUE", "yes", "Yes", "YES",
                                              "on",   "On",   "ON",   "y",   "Y"};
  static constexpr std::string_view kNo[] = {"false", "False", "FALSE", "no", "No", "NO",
                                             "off",   "Off",   "OFF",   "n",  "N"};
  if (std::find(std::begin(kYes), std::end(kYes), text) != std::end(kYes)) return true;
  if (std::find(std::begin(kNo), std::end(kNo), text) != std::end(kNo)) return false;
  return std::nullopt;
}

std::optional<std::int64_t> parse_digits(std::string_view digits, int base) {
  if (digits.starts_with('-')) return std::nullopt;
  std::int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<double> parse_decimal(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

// Without a sign. A leading zero makes it octal, unless it holds an 8 or 9.
std::optional<std::int64_t> parse_magnitude(std::string_view digits) {
  if (digits.starts_with('-')) return std::nullopt;
  constexpr std::pair<std::string_view, int> kPrefixes[] = {{"0x", 16}, {"0X", 16}, {"0b", 2},
                                                            {"0B", 2},  {"0o", 8},  {"0O", 8}};
  for (const auto& [prefix, base] : kPrefixes) {
    if (digits.starts_with(prefix)) return parse_digits(digits.substr(prefix.size()), base);
  }
  const bool is_octal = digits.size() > 1 && digits[0] == '0';
  if (const auto value = parse_digits(digits, is_octal ? 8 : 10)) return value;
  // Above the limit a double does not tell a whole number from the next one.
  const std::optional<double> decimal = parse_decimal(digits);
  if (!decimal || std::trunc(*decimal) != *decimal || *decimal > 9e15) return std::nullopt;
  return static_cast<std::int64_t>(*decimal);
}

// A whole number as Go's yaml.v2 reads one: also +5, 1_000, 0x10, 0b11, 0o17, 017 and 1e4.
std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::string digits;
  std::copy_if(text.begin(), text.end(), std::back_inserter(digits),
               [](char c) { return c != '_'; });
  const bool is_negative = digits.starts_with('-');
  if (is_negative || digits.starts_with('+')) digits.erase(0, 1);
  const std::optional<std::int64_t> value = parse_magnitude(digits);
  return value && is_negative ? -*value : value;
}

std::optional<std::int64_t> parse_bytes(std::string_view text) {
  static constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
      {"KiB", 1 << 10},  {"MiB", 1 << 20},      {"GiB", 1 << 30}, {"KB", 1000},
      {"MB", 1'000'000}, {"GB", 1'000'000'000}, {"B", 1}};
  std::int64_t unit_bytes = 1;
  for (const auto& [name, size] : kUnits) {
    if (text.size() > name.size() && text.substr(text.size() - name.size()) == name) {
      text.remove_suffix(name.size());
      unit_bytes = size;
      break;
    }
  }
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  const std::optional<std::int64_t> count = parse_integer(text);
  std::int64_t total = 0;
  if (!count || __builtin_mul_overflow(*count, unit_bytes, &total)) return std::nullopt;
  return total;
}

std::string range_text(std::int64_t least, std::int64_t most) {
  return "write a number from " + std::to_string(least) + " to " + std::to_string(most);
}

// `message` is what the parser of durations says. A large number without a unit is meant as the
// collector reads it.
std::string duration_advice(const Node& node, const std::string& message) {
  constexpr std::int64_t kSecondNs = 1'000'000'000;
  const auto nanoseconds = node.plain ? parse_integer(node.text) : std::nullopt;
  if (nanoseconds && *nanoseconds >= kSecondNs) {
    return "the collector takes it for nanoseconds: write " +
           base::format_duration_ms(*nanoseconds / 1'000'000);
  }
  constexpr std::string_view kPreamble = " is not a duration: ";
  return one_line(message.substr(message.rfind(kPreamble) + kPreamble.size()));
}

// Keys that people put one level too high, and where they belong.
std::string_view home_of(std::string_view key) {
  static constexpr std::pair<std::string_view, std::string_view> kHomes[] = {
      {"prometheus_sources", "sources"},
      {"internal_stats_source", "sources"},
      {"kubernetes_source", "sources"},
      {"kubernetes_cadvisor_source", "sources"},
      {"kubernetes_control_plane_source", "sources"},
      {"kubernetes_state_source", "sources"},
      {"systemd_source", "sources"},
      {"telegraf_sources", "sources"},
      {"proxyAddress", "sinks"},
      {"metricAllowList", "filters"},
      {"metricDenyList", "filters"},
      {"metricTagAllowList", "filters"},
      {"metricTagDenyList", "filters"},
      {"tagInclude", "filters"},
      {"tagExclude", "filters"},
      {"interval", "collection"},
      {"timeout", "collection"},
      {"bearer_token", "httpConfig"},
      {"bearer_token_file", "httpConfig"},
      {"basic_auth", "httpConfig"},
      {"listen", "status"},
      {"memoryBytes", "spool"},
      {"maxAge", "spool"},
      {"drainRate", "spool"},
      {"apiToken", "cloudServices"},
      {"clientId", "cloudServices"},
      {"ca_file", "tls_config"},
      {"insecure_skip_verify", "tls_config"},
      {"serverIdentities", "tls_config"}};
  for (const auto& [name, home] : kHomes) {
    if (name == key) return home;
  }
  return {};
}

bool is_name(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !text.empty() && letter(text[0]) && std::all_of(text.begin(), text.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9');
  });
}

}  // namespace

std::vector<Node::Entry> merged_entries(const Node& map, Problems& problems) {
  std::vector<Node::Entry> merged;
  std::unordered_map<std::string_view, Position> places;
  for (const Node::Entry& entry : map.entries) {
    const Node& key = *entry.key;
    if (is_merge(key)) continue;
    if (key.kind != Node::Kind::Scalar) {
      problems.error(key.where, "a key cannot be " + std::string(kind_name(key)),
                     "write plain text before the colon");
      continue;
    }
    const auto [place, is_new] = places.emplace(key.text, key.where);
    if (is_new) {
      merged.push_back(entry);
    } else {
      problems.error(key.where, "duplicate key " + key_in_quotes(key.text),
                     "it is already on line " + std::to_string(problems.line_of(place->second)) +
                         "; keep one of the two");
    }
  }
  for (const Node::Entry& entry : map.entries) {
    if (!is_merge(*entry.key)) continue;
    for (const Node* source : merge_sources(*entry.value, problems)) {
      for (const Node::Entry& inherited : merged_entries(*source, problems)) {
        if (places.emplace(inherited.key->text, inherited.key->where).second) {
          merged.push_back(inherited);
        }
      }
    }
  }
  return merged;
}

Fields::Fields(const Node* node, std::string_view name, Problems& problems)
    : name_(name), problems_(problems) {
  if (node == nullptr) return;
  where_ = node->where;
  if (node->kind == Node::Kind::Map) {
    entries_ = merged_entries(*node, problems);
  } else if (node->kind != Node::Kind::Null) {
    is_map_ = false;
    problems.error(where_, name_ + " has to be a map, not " + std::string(kind_name(*node)),
                   "write its keys indented, as \"key: value\"");
  }
}

const Node::Entry* Fields::find(std::string_view key) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(),
                   [key](const Node::Entry& entry) { return entry.key->text == key; });
  return found == entries_.end() ? nullptr : &*found;
}

void Fields::know(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
}

bool Fields::present(std::string_view key) {
  know(key);
  return find(key) != nullptr;
}

const Node* Fields::get(std::string_view key) {
  know(key);
  const Node::Entry* entry = find(key);
  return entry == nullptr || entry->value->kind == Node::Kind::Null ? nullptr : entry->value;
}

Position Fields::where(std::string_view key) const {
  const Node::Entry* entry = find(key);
  return entry == nullptr ? where_ : entry->value->where;
}

Position Fields::key_where(std::string_view key) const {
  const Node::Entry* entry = find(key);
  return entry == nullptr ? where_ : entry->key->where;
}

const Node* Fields::scalar(std::string_view key, std::string_view needed, std::string_view advice) {
  const Node* node = get(key);
  if (node == nullptr || node->kind == Node::Kind::Scalar) return node;
  wrong_kind(*node, key, needed, advice, problems_);
  return nullptr;
}

bool Fields::text(std::string_view key, std::string& value) {
  const Node* node = scalar(key, "text", "write one value after the colon");
  if (node == nullptr) return false;
  value = node->text;
  return true;
}

bool Fields::boolean(std::string_view key, bool& value) {
  const Node* node = scalar(key, "true or false", "write true or false after the colon");
  if (node == nullptr) return false;
  const std::optional<bool> parsed = parse_boolean(node->text);
  if (!parsed || !node->plain) {
    problems_.error(node->where,
                    in_quotes(key) + " needs true or false, not " + in_quotes(node->text),
                    parsed ? "write it without quotes" : "write true or false");
    return false;
  }
  value = *parsed;
  return true;
}

bool Fields::integer(std::string_view key, std::int64_t& value, std::int64_t least,
                     std::int64_t most) {
  const Node* node = scalar(key, "a number", range_text(least, most));
  if (node == nullptr) return false;
  const std::optional<std::int64_t> parsed = parse_integer(node->text);
  if (!parsed || *parsed < least || *parsed > most) {
    const bool is_number = parsed.has_value();
    problems_.error(
        node->where,
        in_quotes(key) + (is_number ? " is out of range: " + node->text
                                    : " needs a whole number, not " + in_quotes(node->text)),
        range_text(least, most));
    return false;
  }
  value = *parsed;
  return true;
}

bool Fields::number(std::string_view key, double& value) {
  const Node* node = scalar(key, "a number", "write a number after the colon");
  if (node == nullptr) return false;
  const std::optional<double> parsed = parse_decimal(node->text);
  if (!parsed) {
    problems_.error(node->where, in_quotes(key) + " needs a number, not " + in_quotes(node->text));
    return false;
  }
  value = *parsed;
  return true;
}

bool Fields::bytes(std::string_view key, std::int64_t& value, std::int64_t least,
                   std::int64_t most) {
  const Node* node = scalar(key, "a size", "write for example 16MiB");
  if (node == nullptr) return false;
  const std::optional<std::int64_t> parsed = parse_bytes(node->text);
  if (!parsed) {
    problems_.error(
        node->where, in_quotes(key) + " needs a size, not " + in_quotes(node->text),
        "write bytes, or a whole number with KiB, MiB, GiB, KB, MB or GB, such as 16MiB");
    return false;
  }
  if (*parsed < least || *parsed > most) {
    problems_.error(
        node->where, in_quotes(key) + " is out of range: " + in_quotes(node->text),
        "write a size from " + std::to_string(least) + " to " + std::to_string(most) + " bytes");
    return false;
  }
  value = *parsed;
  return true;
}

bool Fields::duration(std::string_view key, std::int64_t& duration_ms) {
  const Node* node = scalar(key, "a duration", "write for example 60s");
  if (node == nullptr) return false;
  const auto parsed = base::parse_duration_ms(node->text);
  if (!parsed) {
    problems_.error(node->where, in_quotes(key) + " needs a duration, not " + in_quotes(node->text),
                    duration_advice(*node, parsed.error().message));
    return false;
  }
  duration_ms = *parsed;
  return true;
}

bool Fields::words(std::string_view key, std::vector<std::string>& value) {
  const Node* node = get(key);
  if (node == nullptr) return false;
  value.clear();
  for (const Node* item : text_items(*node, key, problems_)) value.push_back(item->text);
  return true;
}

bool Fields::word_map(std::string_view key, std::map<std::string, std::string>& value) {
  const Node* node = get(key);
  if (node == nullptr) return false;
  if (node->kind != Node::Kind::Map) {
    wrong_kind(*node, key, "a map", "write its keys below it, indented, as \"key: value\"",
               problems_);
    return false;
  }
  for (const Node::Entry& entry : merged_entries(*node, problems_)) {
    if (entry.value->kind == Node::Kind::List || entry.value->kind == Node::Kind::Map) {
      wrong_kind(*entry.value, entry.key->text, "text", "write one value after the colon",
                 problems_);
    } else {
      value[entry.key->text] = entry.value->text;
    }
  }
  return true;
}

void Fields::report_choice(std::string_view key, std::string_view written,
                           const std::vector<std::string_view>& names) {
  const std::string near = did_you_mean(written, names);
  problems_.error(where(key), in_quotes(key) + " cannot be " + in_quotes(written),
                  near.empty() ? "write one of: " + joined(names) : near);
}

void Fields::done() {
  for (const Node::Entry& entry : entries_) {
    if (problems_.full()) return;
    const std::string& key = entry.key->text;
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    problems_.error(entry.key->where, "unknown key " + key_in_quotes(key), unknown_advice(key));
  }
}

std::string Fields::unknown_advice(std::string_view key) const {
  if (std::string advice = key_advice(key); !advice.empty()) return advice;
  const std::string_view home = home_of(key);
  if (std::find(known_.begin(), known_.end(), home) != known_.end()) {
    return "it belongs under " + in_quotes(home);
  }
  const std::string near = did_you_mean(key, known_);
  return near.empty() ? name_ + " may hold: " + joined(known_) : near;
}

void wrong_kind(const Node& node, std::string_view key, std::string_view needed,
                std::string_view advice, Problems& problems) {
  problems.error(
      node.where,
      in_quotes(key) + " needs " + std::string(needed) + ", not " + std::string(kind_name(node)),
      std::string(advice));
}

std::vector<const Node*> text_items(const Node& node, std::string_view key, Problems& problems) {
  std::vector<const Node*> items;
  if (node.kind == Node::Kind::Scalar) {
    std::string value;
    for (const char c : node.text) value += c == '\'' ? "''" : std::string(1, c);
    wrong_kind(node, key, "a list", "write it below the key as - '" + one_line(value) + "'",
               problems);
    return items;
  }
  if (node.kind == Node::Kind::Map) {
    wrong_kind(node, key, "a list", "write each element on a line of its own after \"- \"",
               problems);
    return items;
  }
  for (const Node* item : node.items) {
    if (item->kind == Node::Kind::Scalar || item->kind == Node::Kind::Null) {
      items.push_back(item);
    } else {
      problems.error(
          item->where,
          "an element of " + in_quotes(key) + " is " + std::string(kind_name(*item)) + ", not text",
          "put it in quotes: '{', '[' and ': ' are special in YAML");
    }
  }
  return items;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool expand_environment(std::string& text, Position where, const Environment& environment,
                        Problems& problems) {
  std::string expanded;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view next = std::string_view(text).substr(at, 2);
    if (next != "${") {
      expanded += text[at];
      at += next == "$$" ? 2 : 1;
      continue;
    }
    const std::size_t end = text.find('}', at);
    const std::string name = text.substr(at + 2, end == std::string::npos ? 0 : end - at - 2);
    if (!is_name(name)) {
      problems.error(where, "\"${\" is not followed by a variable's name and \"}\"",
                     "write ${NAME}, or $$ for a dollar");
      return false;
    }
    const std::optional<std::string> value = environment(name);
    if (!value) {
      problems.error(where, "the environment variable " + name + " is not set",
                     "set it, or write $$ for a dollar");
      return false;
    }
    expanded += *value;
    at = end + 1;
  }
  text = std::move(expanded);
  return true;
}

}  // namespace fedwave::config
