#include "tests/support/reference_text_parser.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <regex>
#include <set>

namespace fedwave::support {
namespace {

using parsers::SampleKind;

struct Bad {};         // thrown: the line is malformed
struct OpenString {};  // thrown: the text ends within a quoted string

bool in(const char* set, int c) {
  return c > 0 && std::strchr(set, c) != nullptr;
}

constexpr const char* kNameStart = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
constexpr const char* kDigits = "0123456789";

void expect(bool condition) {
  if (!condition) throw Bad{};
}

// Reads a text from left to right, a character at a time.
class Cursor {
 public:
  explicit Cursor(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] int peek() const {
    return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : -1;
  }
  int next() {
    const int c = peek();
    ++at_;
    return c;
  }
  void blanks() {
    while (in(" \t", peek())) next();
  }
  std::string name(const char* extra) {
    std::string read;
    while (in(kNameStart, peek()) || in(extra, peek()) || (!read.empty() && in(kDigits, peek()))) {
      read += static_cast<char>(next());
    }
    expect(!read.empty());
    return read;
  }
  std::string token() {
    std::string read;
    while (peek() != -1 && !in(" \t", peek())) read += static_cast<char>(next());
    return read;
  }
  std::string quoted() {
    expect(next() == '"');
    std::string read;
    while (true) {
      int c = next();
      if (c == -1) throw OpenString{};
      if (c == '"') return read;
      if (c == '\\') {
        c = next();
        if (c == -1 || c == '\n') throw OpenString{};
        if (c != 'n' && c != '"' && c != '\\') read += '\\';
        if (c == 'n') c = '\n';
      }
      read += static_cast<char>(c);
    }
  }
  std::string rest() {
    std::string tail = at_ < text_.size() ? text_.substr(at_) : "";
    at_ = text_.size();
    return tail;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

// Decodes every character and looks at the number that comes out.
bool is_utf8(const std::string& text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) -> std::uint32_t {
      return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
    };
    const std::uint32_t lead = byte(i);
    struct Form {
      std::uint32_t first, last, mask, least;
      std::size_t more;
    };
    static constexpr Form kForms[] = {{0x00, 0x7F, 0x7F, 0, 0},
                                      {0xC0, 0xDF, 0x1F, 0x80, 1},
                                      {0xE0, 0xEF, 0x0F, 0x800, 2},
                                      {0xF0, 0xF7, 0x07, 0x10000, 3}};
    const Form* form = std::find_if(std::begin(kForms), std::end(kForms), [lead](const Form& f) {
      return lead >= f.first && lead <= f.last;
    });
    if (form == std::end(kForms)) return false;
    std::uint32_t point = lead & form->mask;
    for (std::size_t k = 1; k <= form->more; ++k) {
      if (byte(i + k) / 64 != 2) return false;
      point = point * 64 + byte(i + k) % 64;
    }
    if (point < form->least || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
      return false;
    i += form->more + 1;
  }
  return true;
}

double number(const std::string& text) {
  static const std::regex finite("[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?");
  static const std::regex infinite("[+-]?(inf|infinity)", std::regex::icase);
  static const std::regex nan("nan", std::regex::icase);
  if (std::regex_match(text, nan)) return std::nan("");
  if (std::regex_match(text, infinite)) return text[0] == '-' ? -INFINITY : INFINITY;
  expect(std::regex_match(text, finite));
  const double value = std::strtod(text.c_str(), nullptr);
  expect(std::isfinite(value));
  return value;
}

std::int64_t milliseconds(std::string digits) {
  expect(digits.find_first_not_of(kDigits) == std::string::npos);
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  expect(digits.size() <= 19);
  const unsigned long long value = std::stoull(digits);
  expect(value <= INT64_MAX);
  return static_cast<std::int64_t>(value);
}

class Page {
 public:
  Page(const std::string& text, std::size_t line_bytes_max, bool complete)
      : line_bytes_max_(line_bytes_max) {
    std::size_t start = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
      const bool is_last = i == text.size();
      if (!is_last && text[i] != '\n') continue;
      const std::string line = text.substr(start, i - start);
      const bool counts = !is_last || (!line.empty() && (complete || line.size() > line_bytes_max));
      if (counts) lines_.push_back(line);
      start = i + 1;
    }
    out_.lines = lines_.size();
  }

  ReferencePage parse() {
    for (std::size_t i = 0; i < lines_.size();) i += parse_at(i);
    return out_;
  }

 private:
  // Returns how many lines belong together.
  std::size_t parse_at(std::size_t i) {
    if (lines_[i].size() > line_bytes_max_) {
      out_.line_limit_exceeded = true;
      out_.malformed_lines.push_back(i + 1);
      return 1;
    }
    std::string text;
    for (std::size_t count = 1; count <= 8 && i + count <= lines_.size(); ++count) {
      text += (count == 1 ? "" : "\n") + lines_[i + count - 1];
      if (text.size() > line_bytes_max_) break;
      try {
        parse_text(text, i + 1);
        return count;
      } catch (const OpenString&) {
        continue;
      } catch (const Bad&) {
        break;
      }
    }
    out_.malformed_lines.push_back(i + 1);
    return 1;
  }

  void parse_text(const std::string& text, std::uint64_t line_number) {
    Cursor cursor(text);
    cursor.blanks();
    if (cursor.peek() == -1) return;
    if (cursor.peek() == '#') {
      parse_comment(cursor);
    } else {
      parse_sample(cursor, line_number);
    }
  }

  void parse_comment(Cursor& cursor) {
    cursor.next();
    if (!in(" \t", cursor.peek())) return;
    cursor.blanks();
    const std::string word = cursor.token();
    if ((word != "TYPE" && word != "HELP") || cursor.peek() == -1) return;
    cursor.blanks();
    std::string name;
    try {
      name = cursor.peek() == '"' ? cursor.quoted() : cursor.name(":");
    } catch (const OpenString&) {
      throw Bad{};
    }
    cursor.next();
    const std::string rest = cursor.rest();
    if (word == "HELP") return expect(is_utf8(rest));
    const std::set<std::string> types = {"counter", "gauge", "histogram", "summary", "untyped"};
    expect(types.count(rest) == 1 && is_utf8(name));
    types_[name] = rest;
  }

  void parse_sample(Cursor& cursor, std::uint64_t line_number) {
    ReferenceSample sample;
    sample.line_number = line_number;
    std::vector<std::string> names;
    if (cursor.peek() != '{') {
      names.push_back(cursor.name(":"));
      expect(cursor.peek() == -1 || in(" \t{", cursor.peek()));
      cursor.blanks();
    }
    if (cursor.peek() == '{') parse_items(cursor, names, sample.labels);
    expect(names.size() == 1 && !names[0].empty());
    sample.name = names[0];
    cursor.blanks();
    sample.value = number(cursor.token());
    cursor.blanks();
    const std::string timestamp = cursor.token();
    if (!timestamp.empty()) sample.timestamp_ms = milliseconds(timestamp);
    cursor.blanks();
    expect(cursor.peek() == -1);
    sample.kind = kind_of(sample);
    out_.samples.push_back(sample);
  }

  static void parse_items(Cursor& cursor, std::vector<std::string>& names,
                          std::map<std::string, std::string>& labels) {
    cursor.next();
    for (cursor.blanks(); cursor.peek() != '}'; cursor.blanks()) {
      const bool is_quoted = cursor.peek() == '"';
      const std::string name = is_quoted ? cursor.quoted() : cursor.name("");
      expect(is_utf8(name));
      cursor.blanks();
      if (cursor.peek() == '=') {
        cursor.next();
        cursor.blanks();
        const std::string value = cursor.quoted();
        expect(is_utf8(value) && !name.empty() && name != "__name__");
        expect(labels.emplace(name, value).second);
      } else {
        expect(is_quoted && in(",}", cursor.peek()));
        names.push_back(name);
      }
      cursor.blanks();
      if (cursor.peek() == ',') cursor.next();
    }
    cursor.next();
  }

  [[nodiscard]] std::string type_of(const std::string& name) const {
    const auto found = types_.find(name);
    return found == types_.end() || found->second == "untyped" ? "" : found->second;
  }

  [[nodiscard]] SampleKind kind_of(const ReferenceSample& sample) const {
    const bool has_quantile = sample.labels.count("quantile") == 1;
    const std::string own = type_of(sample.name);
    if (own == "counter") return SampleKind::Counter;
    if (own == "gauge") return SampleKind::Gauge;
    if (own == "summary") return has_quantile ? SampleKind::SummaryQuantile : SampleKind::Untyped;
    if (own == "histogram") return SampleKind::Untyped;
    const std::size_t cut = sample.name.rfind('_');
    if (cut == std::string::npos) return SampleKind::Untyped;
    const std::string role = type_of(sample.name.substr(0, cut)) + sample.name.substr(cut);
    if (role == "summary_count") return SampleKind::SummaryCount;
    if (role == "summary_sum") return SampleKind::SummarySum;
    if (role == "histogram_count") return SampleKind::HistogramCount;
    if (role == "histogram_sum") return SampleKind::HistogramSum;
    const bool is_bucket = role == "histogram_bucket" && sample.labels.count("le") == 1;
    return is_bucket ? SampleKind::HistogramBucket : SampleKind::Untyped;
  }

  const std::size_t line_bytes_max_;
  std::vector<std::string> lines_;
  std::map<std::string, std::string> types_;
  ReferencePage out_;
};

}  // namespace

ReferencePage parse_reference(const std::string& page, std::size_t line_bytes_max, bool complete) {
  return Page(page, line_bytes_max, complete).parse();
}

}  // namespace fedwave::support
