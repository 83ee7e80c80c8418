#include "relay/receive/line_checker.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>

namespace fedwave::receive {
namespace {

constexpr std::size_t kExcerptBytes = 120;
constexpr std::string_view kIncrement = "\xE2\x88\x86";  // U+2206
constexpr std::string_view kGreekDelta = "\xCE\x94";     // U+0394
constexpr char kEndOfTransmission = '\x04';

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// Java's Character.isWhitespace, the ASCII part of it.
bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f');
}

bool is_blank(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return is_blank(c); });
}

// Java's String.trim.
std::string_view trim(std::string_view text) {
  const auto is_trimmed = [](char c) { return static_cast<unsigned char>(c) <= 0x20; };
  while (!text.empty() && is_trimmed(text.back())) text.remove_suffix(1);
  while (!text.empty() && is_trimmed(text.front())) text.remove_prefix(1);
  return text;
}

// UTF-16 units: a character of four bytes is a surrogate pair.
std::size_t java_length(std::string_view text) {
  std::size_t units = 0;
  for (const char c : text) {
    if (!is_continuation(c)) units += static_cast<unsigned char>(c) >= 0xF0U ? 2 : 1;
  }
  return units;
}

// How many bytes the character at the beginning has; 0 when it is not UTF-8.
std::size_t utf8_character(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(0);
  if (first < 0x80U) return 1;
  const std::size_t size = first < 0xE0U ? 2 : first < 0xF0U ? 3 : 4;
  if (first < 0xC2U || first > 0xF4U) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  }
  const bool is_overlong =
      (first == 0xE0U && byte(1) < 0xA0U) || (first == 0xF0U && byte(1) < 0x90U);
  const bool is_surrogate = first == 0xEDU && byte(1) >= 0xA0U;
  const bool is_too_large = first == 0xF4U && byte(1) >= 0x90U;
  return is_overlong || is_surrogate || is_too_large ? 0 : size;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

// For messages: of bearable length, and nothing in it that a terminal or JSON would choke on.
std::string excerpt(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= kExcerptBytes) return out + "…";
    const std::size_t size = utf8_character(text);
    const bool is_printable = size > 0 && (size > 1 || (text[0] >= ' ' && text[0] != '\x7f'));
    out += is_printable ? text.substr(0, size) : "?";
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

// --- numbers as Java reads them ---

std::size_t count_digits(std::string_view text, std::size_t from) {
  std::size_t end = from;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end - from;
}

// digits[.digits][e±digits], with a digit on one side of the point at least.
bool is_java_decimal(std::string_view text) {
  const std::size_t whole = count_digits(text, 0);
  std::size_t at = whole;
  std::size_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    fraction = count_digits(text, at + 1);
    at += 1 + fraction;
  }
  if (whole + fraction == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const std::size_t exponent = count_digits(text, at);
    if (exponent == 0) return false;
    at += exponent;
  }
  return at == text.size();
}

// Double.parseDouble, but for hexadecimal numbers, which no sender writes.
std::optional<double> parse_java_double(std::string_view token) {
  std::string_view text = trim(token);
  const bool is_negative = !text.empty() && text.front() == '-';
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  const auto with_sign = [&](double value) { return is_negative ? -value : value; };
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return with_sign(std::numeric_limits<double>::infinity());
  if (!text.empty() && std::string_view("fFdD").find(text.back()) != std::string_view::npos) {
    text.remove_suffix(1);
  }
  if (!is_java_decimal(text)) return std::nullopt;
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  // Too large is infinite and too small is zero, for Java as for strtod.
  if (result.ec != std::errc()) value = std::strtod(std::string(text).c_str(), nullptr);
  return with_sign(value);
}

// Integer.parseInt.
std::optional<std::int32_t> parse_java_int(std::string_view text) {
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);
    if (!text.empty() && !is_digit(text.front())) return std::nullopt;
  }
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Seconds, milliseconds, microseconds or nanoseconds, by how large the number is.
std::int64_t to_timestamp_ms(double stamp) {
  if (stamp < 1e12) return static_cast<std::int64_t>(1000 * stamp);
  if (stamp < 1e13) return static_cast<std::int64_t>(stamp);
  if (stamp < 1e16) return static_cast<std::int64_t>(stamp) / 1'000;
  if (stamp >= 9.2e18) return std::numeric_limits<std::int64_t>::max() / 1'000'000;
  return static_cast<std::int64_t>(stamp) / 1'000'000;
}

// --- the line ---

struct Token {
  std::string text;
  std::size_t column = 0;  // from 1
};

// Parses one line into a point. A member function that returns false has set `rejection`.
class LineParser {
 public:
  LineParser(std::string_view line, const LineLimits& limits) : line_(line), limits_(limits) {}

  bool parse_metric(CheckedPoint& point);
  bool parse_histogram(CheckedPoint& point);

  Rejection rejection;

 private:
  bool fail(const std::string& what, std::size_t column);
  bool advance();
  bool read_quoted();
  void read_bare();
  bool require(const char* what);
  bool read_number(double& value, const char* what);
  bool read_timestamp(CheckedPoint& point);
  bool read_centroids(CheckedPoint& point);
  bool read_tags(CheckedPoint& point);

  std::string_view line_;
  const LineLimits& limits_;
  std::size_t at_ = 0;
  std::optional<Token> token_;  // the one at hand; none at the end of the line
};

bool LineParser::fail(const std::string& what, std::size_t column) {
  rejection = {300, "WF-300 Cannot parse: " + what + " (column " + std::to_string(column) + ")"};
  return false;
}

// Moves on to the next token. False only for a quote without an end.
bool LineParser::advance() {
  token_.reset();
  while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
  if (at_ >= line_.size()) return true;
  token_ = Token{{}, at_ + 1};
  const char first = line_[at_];
  if (first == '"' || first == '\'') return read_quoted();
  if (first == '=' || first == '#') {
    token_->text = first;
    ++at_;
  } else {
    read_bare();
  }
  return true;
}

// A quote after a backslash does not end the text; a backslash escapes nothing else, not even
// another backslash.
bool LineParser::read_quoted() {
  const char quote = line_[at_];
  std::size_t end = at_;
  do {
    end = line_.find(quote, end + 1);
    if (end == std::string_view::npos) {
      return fail(std::string("the quote ") + quote + " is never closed", at_ + 1);
    }
  } while (line_[end - 1] == '\\');
  for (std::size_t i = at_ + 1; i < end; ++i) {
    const bool is_escape = line_[i] == '\\' && line_[i + 1] == quote;
    if (!is_escape) token_->text += line_[i];
  }
  at_ = end + 1;
  return true;
}

void LineParser::read_bare() {
  const std::size_t end = std::min(line_.find_first_of(" \t=", at_), line_.size());
  token_->text = line_.substr(at_, end - at_);
  at_ = end;
}

bool LineParser::require(const char* what) {
  return token_ ||
         fail(std::string("the line ends where ") + what + " should be", line_.size() + 1);
}

bool LineParser::read_number(double& value, const char* what) {
  if (!require(what)) return false;
  const auto number = parse_java_double(token_->text);
  if (!number) {
    return fail("'" + excerpt(token_->text) + "' is not " + what, token_->column);
  }
  value = *number;
  return advance();
}

// There is a timestamp when the next token begins with a digit.
bool LineParser::read_timestamp(CheckedPoint& point) {
  if (!token_) return true;
  if (token_->text.empty()) return fail("an empty text where a tag should be", token_->column);
  if (!is_digit(token_->text.front())) return true;
  double stamp = 0;
  if (!read_number(stamp, "a timestamp")) return false;
  // An explicit 0 must stay different from none; both are out of range by decades.
  point.timestamp_ms = std::max<std::int64_t>(to_timestamp_ms(stamp), 1);
  return true;
}

bool LineParser::read_centroids(CheckedPoint& point) {
  std::size_t read = 0;
  while (token_ && token_->text == "#") {
    if (++read > limits_.centroids_max) {
      return fail("more than " + std::to_string(limits_.centroids_max) + " centroids",
                  token_->column);
    }
    if (!advance() || !require("a centroid's count")) return false;
    const auto count = parse_java_int(token_->text);
    if (!count) {
      return fail("'" + excerpt(token_->text) + "' is not a centroid's count", token_->column);
    }
    double mean = 0;
    if (!advance() || !read_number(mean, "a centroid's mean")) return false;
    if (*count > 0) point.centroids.push_back({mean, *count});
    if (!std::isfinite(mean)) point.notes.not_finite = true;
  }
  if (read == 0) return fail("a distribution without centroids", token_ ? token_->column : at_ + 1);
  return true;
}

bool LineParser::read_tags(CheckedPoint& point) {
  while (token_) {
    Token key = std::move(*token_);
    if (!advance() || !require("'='")) return false;
    if (token_->text != "=") {
      return fail("'" + excerpt(key.text) + "' is followed by '" + excerpt(token_->text) +
                      "' instead of '='",
                  token_->column);
    }
    if (!advance() || !require("a tag's value")) return false;
    const auto [tag, is_new] = point.tags.insert_or_assign(std::move(key.text), token_->text);
    if (!is_new) point.notes.duplicate_tag = true;
    if (!advance()) return false;
  }
  return true;
}

bool LineParser::parse_metric(CheckedPoint& point) {
  if (!advance() || !require("a name")) return false;
  point.name = std::move(token_->text);
  if (!advance() || !read_number(point.value, "a value")) return false;
  if (!std::isfinite(point.value)) point.notes.not_finite = true;
  return read_timestamp(point) && read_tags(point);
}

bool LineParser::parse_histogram(CheckedPoint& point) {
  if (!advance() || !require("!M, !H or !D")) return false;
  const std::string& kind = token_->text;
  if (kind != "!M" && kind != "!H" && kind != "!D") {
    return fail("'" + excerpt(kind) + "' where !M, !H or !D should be", token_->column);
  }
  point.granularity = kind[1];
  if (!advance() || !read_timestamp(point) || !read_centroids(point)) return false;
  if (!require("a name")) return false;
  point.name = std::move(token_->text);
  return advance() && read_tags(point);
}

// --- what a parsed point is held to ---

// Takes the source out of the tags, and renames the tags that would be taken for something else.
void settle_source(CheckedPoint& point, const LineRules& rules) {
  const auto take = [&](std::string_view key) -> std::optional<std::string> {
    const auto found = point.tags.find(key);
    if (found == point.tags.end()) return std::nullopt;
    std::string value = std::move(found->second);
    point.tags.erase(found);
    return value;
  };
  auto source = take("source");
  auto host = rules.renames_reserved_tags ? take("host") : std::nullopt;
  if (source && host) point.tags.insert_or_assign("_host", std::move(*host));
  if (!source) source = std::move(host);
  auto tag = rules.renames_reserved_tags ? take("tag") : std::nullopt;
  if (tag) point.tags.insert_or_assign("_tag", std::move(*tag));
  if (!source && !rules.default_source.empty()) {
    point.notes.source_filled_in = true;
    source = rules.default_source;
  }
  point.source = source.value_or("");
}

// 0, or the length of the delta sign that the name begins with.
std::size_t delta_prefix(std::string_view name) {
  if (name.starts_with(kIncrement)) return kIncrement.size();
  return name.starts_with(kGreekDelta) ? kGreekDelta.size() : 0;
}

// Letters, digits and ",-./_"; in front a delta sign, a tilde, or both in this order.
bool has_valid_characters(std::string_view text) {
  const bool is_empty = text.empty();
  text.remove_prefix(delta_prefix(text));
  if (text.starts_with('~')) text.remove_prefix(1);
  return !is_empty && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= ',' && c <= '9') || is_letter(c) || c == '_';
  });
}

Rejection reject(int code, const std::string& what, std::string_view subject = {}) {
  std::string text = rejection_code_name(code) + ": " + what;
  if (!subject.empty()) text += ": " + excerpt(subject);
  return {code, std::move(text)};
}

std::string too_long(const std::string& what, std::size_t length, std::size_t limit) {
  return what + " is too long (" + std::to_string(length) +
         " characters, max: " + std::to_string(limit) + ")";
}

std::optional<Rejection> check_time(const CheckedPoint& point, const LineRules& rules) {
  if (point.timestamp_ms == 0) return std::nullopt;
  const bool is_in_range = point.timestamp_ms > rules.now_ms - rules.limits.past_ms_max &&
                           point.timestamp_ms < rules.now_ms + rules.limits.future_ms_max;
  if (is_in_range) return std::nullopt;
  return reject(402, "Point outside of reasonable timeframe",
                point.name + " at " + std::to_string(point.timestamp_ms) + " ms");
}

std::optional<Rejection> check_names(const CheckedPoint& point, const LineLimits& limits) {
  if (is_blank(point.source)) return reject(406, "Source/host name is required");
  const std::size_t source = java_length(point.source);
  if (source > limits.source_max) {
    return reject(407, too_long("Source/host name", source, limits.source_max), point.source);
  }
  const std::size_t name = java_length(point.name);
  if (!point.is_distribution() && name > limits.metric_name_max) {
    return reject(408, too_long("Metric name", name, limits.metric_name_max), point.name);
  }
  if (point.is_distribution() && name > limits.histogram_name_max) {
    return reject(409, too_long("Histogram name", name, limits.histogram_name_max), point.name);
  }
  if (!has_valid_characters(point.name)) {
    return reject(400, "Point metric has illegal character(s)", "'" + excerpt(point.name) + "'");
  }
  return std::nullopt;
}

std::optional<Rejection> check_tag(const std::string& key, const std::string& value,
                                   const LineLimits& limits) {
  const std::size_t key_length = java_length(key);
  const std::size_t value_length = java_length(value);
  if (key_length + value_length >= kTagPairLimit) {
    return reject(411,
                  too_long("Point tag (key+value)", key_length + value_length + 1, kTagPairLimit),
                  key + "=" + value);
  }
  if (key_length > limits.tag_key_max) {
    return reject(412, too_long("Point tag key", key_length, limits.tag_key_max), key);
  }
  if (!has_valid_characters(key)) {
    return reject(401, "Point tag key has illegal character(s)", "'" + key + "'");
  }
  if (is_blank(value)) return reject(414, "Point tag value for " + key + " is empty or missing");
  if (value_length > limits.tag_value_max) {
    return reject(413, too_long("Point tag value", value_length, limits.tag_value_max), value);
  }
  return std::nullopt;
}

std::optional<Rejection> check_tags(const CheckedPoint& point, const LineLimits& limits) {
  if (point.tags.size() > limits.tags_max) {
    return reject(410,
                  "Too many point tags (" + std::to_string(point.tags.size()) + ", max " +
                      std::to_string(limits.tags_max) + ")",
                  point.name);
  }
  for (const auto& [key, value] : point.tags) {
    if (auto rejection = check_tag(key, value, limits)) return rejection;
  }
  return std::nullopt;
}

std::optional<Rejection> check_value(const CheckedPoint& point) {
  if (point.is_distribution()) {
    if (point.centroids.empty()) return reject(405, "Empty histogram", point.name);
  } else if (delta_prefix(point.name) > 0 && point.value <= 0) {
    return reject(404, "Delta metrics cannot be non-positive", point.name);
  }
  return std::nullopt;
}

bool is_histogram_line(std::string_view line, LineFormat format) {
  if (format != LineFormat::Autodetect) return format == LineFormat::Histogram;
  line = trim(line);
  return line.starts_with("!M ") || line.starts_with("!H ") || line.starts_with("!D ");
}

}  // namespace

std::string rejection_code_name(int code) {
  return "WF-" + std::to_string(code);
}

std::variant<CheckedPoint, Rejection> check_line(std::string_view line, LineFormat format,
                                                 const LineRules& rules) {
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  CheckedPoint point;
  LineParser parser(line, rules.limits);
  if (const std::size_t at = line.find(kEndOfTransmission); at != std::string_view::npos) {
    return Rejection{300, "WF-300 Cannot parse: 'EOT' character is not allowed! (column " +
                              std::to_string(at + 1) + ")"};
  }
  const bool is_parsed =
      is_histogram_line(line, format) ? parser.parse_histogram(point) : parser.parse_metric(point);
  if (!is_parsed) return std::move(parser.rejection);
  settle_source(point, rules);
  if (auto rejection = check_time(point, rules)) return *std::move(rejection);
  if (auto rejection = check_names(point, rules.limits)) return *std::move(rejection);
  if (auto rejection = check_tags(point, rules.limits)) return *std::move(rejection);
  if (auto rejection = check_value(point)) return *std::move(rejection);
  point.notes.invalid_utf8 = !is_utf8(line);
  return point;
}

}  // namespace fedwave::receive
