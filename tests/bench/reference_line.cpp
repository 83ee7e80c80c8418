#include "tests/bench/reference_line.h"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace fedwave::bench {
namespace {

using Tags = std::map<std::string, std::string>;

// The receiver takes no more of a tag's key and value together.
constexpr std::size_t kKeyAndValueBytesMax = 254;
constexpr std::size_t kDigitsMax = 17;

[[noreturn]] void unknown(const std::string& what) {
  throw std::runtime_error("nothing is proven: the reference does not know " + what);
}

void require(bool is_known, const std::string& what) {
  if (!is_known) unknown(what);
}

void require_known(const config::Config& config, const config::Sink& sink) {
  const config::Source& source = config.sources.front();
  require(config.glob_compat == config::GlobCompat::Documented, "globCompat");
  require(source.prefix.empty() && sink.prefix.empty(), "prefixes");
  require(source.tags.empty() && sink.tags.empty(), "tags in the configuration");
  require(source.honor_timestamps, "honorTimestamps: false");
  config::FilterRules others = source.filters;
  others.metric_allow.clear();
  require(others.empty() && sink.filters.empty(), "filters but the source's metricAllowList");
  for (const config::Pattern& pattern : source.filters.metric_allow) {
    require(pattern.text.find_first_of("?[]{}\\") == std::string::npos,
            "the pattern " + pattern.text + ", of which not only stars are special");
  }
}

// A star stands for any text.
bool matches(std::string_view pattern, std::string_view name) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, star))) return false;
  for (std::size_t at = star; at <= name.size(); ++at) {
    if (matches(pattern.substr(star + 1), name.substr(at))) return true;
  }
  return false;
}

std::string dotted_name(std::string_view series) {
  std::string name(series.substr(0, series.find('{')));
  std::replace(name.begin(), name.end(), '_', '.');
  return name + ".value";
}

// What would be trimmed, cut, renamed or escaped is not known here.
void require_plain(const std::string& key, const std::string& value,
                   const config::PointLimits& limits) {
  require(key != "source" && key != "nodename" && !key.starts_with("label"), "the label " + key);
  require(key.size() <= static_cast<std::size_t>(limits.tag_key_bytes) &&
              value.size() <= static_cast<std::size_t>(limits.tag_value_bytes) &&
              key.size() + value.size() <= kKeyAndValueBytesMax,
          "labels as long as " + key + "=" + value);
  const auto is_plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
  require(std::all_of(value.begin(), value.end(), is_plain) && value.front() != ' ' &&
              value.back() != ' ',
          "values like that of the label " + key + "=" + value);
}

// Of `name{key="value",key="value"}`.
Tags labels_of(std::string_view series) {
  Tags labels;
  const std::size_t brace = series.find('{');
  if (brace == std::string_view::npos) return labels;
  require(series.ends_with('}'), "series like " + std::string(series));
  std::string_view rest = series.substr(brace + 1, series.size() - brace - 2);
  while (!rest.empty()) {
    const std::size_t open = rest.find("=\"");
    const std::size_t close = rest.find('"', open + 2);
    require(open != std::string_view::npos && close != std::string_view::npos,
            "series like " + std::string(series));
    labels.emplace(rest.substr(0, open), rest.substr(open + 2, close - open - 2));
    rest.remove_prefix(close + 1);
    if (!rest.empty()) {
      require(rest.front() == ',', "series like " + std::string(series));
      rest.remove_prefix(1);
    }
  }
  return labels;
}

bool is_left_out(const std::string& key, const std::string& value) {
  return value.empty() || value == "/" || value == "-" || key == "namespace_id" ||
         key == "host_id" || key == "pod_id" || key == "hostname";
}

// Those of the priority in its order, then the others by key, up to the limit.
Tags most_important(const Tags& tags, const std::vector<std::string>& priority, std::size_t limit) {
  Tags kept;
  for (const std::string& key : priority) {
    if (kept.size() < limit && tags.count(key) > 0) kept[key] = tags.at(key);
  }
  for (const auto& [key, value] : tags) {
    if (kept.size() < limit) kept[key] = value;
  }
  return kept;
}

// The number without an exponent and without zeros that mean nothing, by its digits alone.
std::string plain_number(const std::string& text) {
  const bool is_negative = text.starts_with('-');
  const std::size_t mark = text.find('e');
  const std::string mantissa = text.substr(is_negative ? 1 : 0, mark - (is_negative ? 1 : 0));
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  std::string digits = mantissa;
  if (point < digits.size()) digits.erase(point, 1);
  require(!digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos,
          "values like " + text);
  require(digits.size() - std::min(digits.find_first_not_of('0'), digits.size()) <= kDigitsMax,
          "values of so many digits: " + text);
  const int exponent = mark == std::string::npos ? 0 : std::stoi(text.substr(mark + 1));
  int whole = static_cast<int>(point) + exponent;  // how many digits stand before the point
  while (whole < 1) {
    digits.insert(0, 1, '0');
    ++whole;
  }
  while (static_cast<int>(digits.size()) < whole) digits += '0';
  std::string number = digits.substr(0, static_cast<std::size_t>(whole)) + '.' +
                       digits.substr(static_cast<std::size_t>(whole));
  while (number.back() == '0') number.pop_back();
  if (number.back() == '.') number.pop_back();
  while (number.size() > 1 && number[0] == '0' && number[1] != '.') number.erase(0, 1);
  return is_negative && number != "0" ? '-' + number : number;
}

}  // namespace

ReferenceLine::ReferenceLine(const config::Config& config, const config::Sink& sink)
    : source_(config.sources.front().source),
      cluster_(config.cluster_name),
      priority_(sink.tag_priority),
      limits_(sink.limits) {
  require_known(config, sink);
  for (const config::Pattern& pattern : config.sources.front().filters.metric_allow) {
    allowed_.push_back(pattern.text);
  }
}

bool ReferenceLine::is_allowed(const std::string& name) const {
  return allowed_.empty() ||
         std::any_of(allowed_.begin(), allowed_.end(),
                     [&](const std::string& pattern) { return matches(pattern, name); });
}

PreparedLine ReferenceLine::prepared(std::string_view series) const {
  std::string name = dotted_name(series);
  std::replace(name.begin(), name.end(), ':', '-');
  require(name.size() <= static_cast<std::size_t>(limits_.name_bytes), "names as long as " + name);
  Tags tags = labels_of(series);
  tags["cluster"] = cluster_;
  std::erase_if(tags, [](const auto& tag) { return is_left_out(tag.first, tag.second); });
  for (const auto& [key, value] : tags) require_plain(key, value, limits_);
  PreparedLine line{.head = '"' + name + "\" ", .tail = " source=\"" + source_ + '"'};
  for (const auto& [key, value] :
       most_important(tags, priority_, static_cast<std::size_t>(limits_.tags))) {
    line.tail += " \"" + key + "\"=\"" + value + '"';
  }
  line.tail += '\n';
  return line;
}

ReferenceLine::Outcome ReferenceLine::outcome(const SampleText& sample) const {
  const std::string value(sample.value);
  if (!is_allowed(dotted_name(sample.series))) return {.fate = Fate::NotInAllowList, .line = {}};
  if (value == "NaN") return {.fate = Fate::NotANumber, .line = {}};
  if (value == "+Inf" || value == "-Inf") return {.fate = Fate::Infinite, .line = {}};
  const PreparedLine line = prepared(sample.series);
  const std::string timestamp_s(sample.timestamp.substr(0, sample.timestamp.size() - 3));
  return {.fate = Fate::Written,
          .line = line.head + plain_number(value) + ' ' + timestamp_s + line.tail};
}

}  // namespace fedwave::bench
