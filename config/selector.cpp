#include "config/selector.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

namespace fedwave::config {
namespace {

using Op = Matcher::Op;

constexpr std::string_view kNameLabel = "__name__";

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::optional<unsigned> digit_value(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

bool is_label_name(std::string_view text) {
  return !text.empty() && !is_digit(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

void append_utf8(std::string& text, unsigned code) {
  const auto append = [&text](unsigned byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    append(code);
  } else if (code < 0x800) {
    append(0xC0 | code >> 6);
    append(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    append(0xE0 | code >> 12);
    append(0x80 | (code >> 6 & 0x3F));
    append(0x80 | (code & 0x3F));
  } else {
    append(0xF0 | code >> 18);
    append(0x80 | (code >> 12 & 0x3F));
    append(0x80 | (code >> 6 & 0x3F));
    append(0x80 | (code & 0x3F));
  }
}

// An escape of a character by its number.
struct NumberForm {
  std::size_t digits;
  unsigned base;
  unsigned most;
  bool is_byte;  // else a character of Unicode
};
std::optional<NumberForm> number_form(char c) {
  switch (c) {
    case 'x':
      return NumberForm{2, 16, 0xFF, true};
    case 'u':
      return NumberForm{4, 16, 0x10FFFF, false};
    case 'U':
      return NumberForm{8, 16, 0x10FFFF, false};
    default:
      return std::nullopt;
  }
}

// The one character that a letter behind a backslash stands for; 0 for none.
char escaped_character(char c) {
  constexpr std::string_view kLetters = "abfnrtv\\";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\";
  const std::size_t place = kLetters.find(c);
  return place == std::string_view::npos ? '\0' : kMeanings[place];
}

// Reads one selector from left to right. The first thing that is wrong ends it.
class SelectorReader {
 public:
  explicit SelectorReader(std::string_view text) : text_(text) {}

  base::Expected<Selector> read() {
    if (!read_selector()) return base::Error{base::ErrorCode::InvalidArgument, error_};
    return std::move(selector_);
  }

 private:
  [[nodiscard]] char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  template <class Is>
  std::string take_while(Is is) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && is(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  bool fail(std::size_t at, std::string_view what) {
    const auto begins_character = [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    };
    const auto before = text_.substr(0, at);
    const auto characters = std::count_if(before.begin(), before.end(), begins_character);
    error_ = "character " + std::to_string(characters + 1) + ": " + std::string(what);
    return false;
  }

  bool read_selector() {
    skip_spaces();
    const std::size_t begin = at_;
    std::string name = take_while([](char c) { return is_letter(c) || is_digit(c) || c == ':'; });
    if (!name.empty() && is_digit(name.front())) {
      return fail(begin, "a name cannot begin with a digit");
    }
    if (name.empty() && next() != '{') return fail(at_, "a metric name or '{' is missing");
    if (!name.empty()) selector_.matchers.push_back({std::string(kNameLabel), Op::Equal, name});
    skip_spaces();
    if (next() == '{' && !read_matchers()) return false;
    skip_spaces();
    return at_ == text_.size() || fail(at_, "nothing may follow the selector");
  }

  // From the opening brace to behind the closing one.
  bool read_matchers() {
    bool may_follow = true;  // another one
    for (++at_, skip_spaces(); next() != '}'; skip_spaces()) {
      if (!may_follow) return fail(at_, "',' or '}' is missing");
      if (!read_matcher()) return false;
      skip_spaces();
      may_follow = next() == ',';
      if (may_follow) ++at_;
    }
    ++at_;
    return true;
  }

  bool read_matcher() {
    Matcher matcher;
    const bool is_quoted = is_quote(next());
    if (is_quoted) {
      if (!read_string(matcher.label)) return false;
    } else {
      matcher.label = take_while([](char c) { return is_letter(c) || is_digit(c); });
      if (!is_label_name(matcher.label)) {
        return fail(at_ - matcher.label.size(), "a label's name is missing");
      }
    }
    skip_spaces();
    if (is_quoted && (next() == ',' || next() == '}')) {
      // `{"a metric's name"}`
      matcher.value = std::exchange(matcher.label, std::string(kNameLabel));
    } else if (!read_op(matcher.op)) {
      return false;
    } else {
      skip_spaces();
      if (!is_quote(next())) return fail(at_, "a value in quotes is missing");
      if (!read_string(matcher.value)) return false;
    }
    selector_.matchers.push_back(std::move(matcher));
    return true;
  }

  bool read_op(Op& op) {
    const bool is_negative = next() == '!';
    const char second = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (is_negative ? second != '=' && second != '~' : next() != '=') {
      return fail(at_, "one of = != =~ !~ is missing");
    }
    const bool is_regex = second == '~';
    at_ += is_negative || is_regex ? 2 : 1;
    op = is_negative ? (is_regex ? Op::MatchesNot : Op::NotEqual)
                     : (is_regex ? Op::Matches : Op::Equal);
    return true;
  }

  static bool is_quote(char c) { return c == '"' || c == '\'' || c == '`'; }

  bool read_string(std::string& value) {
    const std::size_t begin = at_;
    const char quote = text_[at_++];
    for (;;) {
      if (at_ == text_.size() || (quote != '`' && text_[at_] == '\n')) {
        return fail(begin, "this quote is never closed");
      }
      const char c = text_[at_++];
      if (c == quote) return true;
      if (c != '\\' || quote == '`') {
        value += c;
      } else if (!read_escape(quote, value)) {
        return false;
      }
    }
  }

  // Behind the backslash.
  bool read_escape(char quote, std::string& value) {
    const std::size_t begin = at_ - 1;
    const char c = next();
    if (is_digit(c)) return read_number(begin, {3, 8, 0xFF, true}, value);
    if (at_ < text_.size()) ++at_;
    if (const auto form = number_form(c)) return read_number(begin, *form, value);
    const char meant = c == quote ? quote : escaped_character(c);
    if (meant == '\0') return fail(begin, "unknown escape; write \\\\ for a backslash");
    value += meant;
    return true;
  }

  bool read_number(std::size_t begin, NumberForm form, std::string& value) {
    unsigned number = 0;
    for (std::size_t i = 0; i < form.digits; ++i, ++at_) {
      const auto digit = digit_value(next());
      if (!digit || *digit >= form.base) return fail(begin, "this escape is not complete");
      number = number * form.base + *digit;
    }
    const bool is_surrogate = number >= 0xD800 && number < 0xE000;
    if (number > form.most || (is_surrogate && !form.is_byte)) {
      return fail(begin, "this escape is no character");
    }
    if (form.is_byte) {
      value += static_cast<char>(number);
    } else {
      append_utf8(value, number);
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string error_;
  Selector selector_;
};

void append_quoted(std::string& text, std::string_view value) {
  constexpr char kDigits[] = "0123456789abcdef";
  text += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text.append(1, '\\').append(1, c);
    } else if (byte < 0x20 || byte >= 0x7F) {
      text.append("\\x").append(1, kDigits[byte >> 4U]).append(1, kDigits[byte & 0xFU]);
    } else {
      text += c;
    }
  }
  text += '"';
}

std::string_view op_text(Op op) {
  switch (op) {
    case Op::Equal:
      return "=";
    case Op::NotEqual:
      return "!=";
    case Op::Matches:
      return "=~";
    case Op::MatchesNot:
      return "!~";
  }
  return "";
}

// The texts that the matcher names, where they are all that it looks for; a regex like `a|b` is no
// more than that.
std::optional<std::vector<std::string_view>> named_texts(const Matcher& matcher) {
  std::string_view value = matcher.value;
  if (matcher.op == Op::Equal || matcher.op == Op::NotEqual) return {{value}};
  if (value.find_first_of("\\.+*?()[]{}^$") != std::string_view::npos) return std::nullopt;
  std::vector<std::string_view> texts;
  for (;;) {
    const std::size_t bar = value.find('|');
    texts.push_back(value.substr(0, bar));
    if (bar == std::string_view::npos) return texts;
    value.remove_prefix(bar + 1);
  }
}

bool is_positive(const Matcher& matcher) {
  return matcher.op == Op::Equal || matcher.op == Op::Matches;
}

// Whether certainly every value that is good for `a` is good for `b`.
bool implies(const Matcher& a, const Matcher& b) {
  if (a.label != b.label) return false;
  if (a == b) return true;
  const auto of_a = named_texts(a);
  const auto of_b = named_texts(b);
  if (!of_a || !of_b) return false;
  const auto is_of = [](const auto& texts) {
    return [&texts](std::string_view text) {
      return std::find(texts.begin(), texts.end(), text) != texts.end();
    };
  };
  if (is_positive(a)) {
    return is_positive(b) ? std::all_of(of_a->begin(), of_a->end(), is_of(*of_b))
                          : std::none_of(of_a->begin(), of_a->end(), is_of(*of_b));
  }
  return !is_positive(b) && std::all_of(of_b->begin(), of_b->end(), is_of(*of_a));
}

bool implies(const Selector& selector, const Matcher& matcher) {
  return std::any_of(selector.matchers.begin(), selector.matchers.end(),
                     [&](const Matcher& own) { return implies(own, matcher); });
}

}  // namespace

base::Expected<Selector> parse_selector(std::string_view text) {
  return SelectorReader(text).read();
}

std::string selector_text(const Selector& selector) {
  std::string text = "{";
  for (const Matcher& matcher : selector.matchers) {
    if (text.size() > 1) text += ',';
    if (is_label_name(matcher.label)) {
      text += matcher.label;
    } else {
      append_quoted(text, matcher.label);
    }
    text += op_text(matcher.op);
    append_quoted(text, matcher.value);
  }
  return text + "}";
}

Matcher negated(Matcher matcher) {
  switch (matcher.op) {
    case Op::Equal:
      matcher.op = Op::NotEqual;
      break;
    case Op::NotEqual:
      matcher.op = Op::Equal;
      break;
    case Op::Matches:
      matcher.op = Op::MatchesNot;
      break;
    case Op::MatchesNot:
      matcher.op = Op::Matches;
      break;
  }
  return matcher;
}

bool is_covered(const Selector& part, const Selector& whole) {
  return std::all_of(whole.matchers.begin(), whole.matchers.end(),
                     [&](const Matcher& matcher) { return implies(part, matcher); });
}

bool are_disjoint(const Selector& a, const Selector& b) {
  return std::any_of(b.matchers.begin(), b.matchers.end(),
                     [&](const Matcher& matcher) { return implies(a, negated(matcher)); });
}

// A series is not of `taken` when one of its matchers fails.
std::vector<Selector> subtract(const Selector& from, const Selector& taken) {
  if (are_disjoint(from, taken)) return {from};
  std::vector<Selector> rest;
  for (const Matcher& matcher : taken.matchers) {
    if (implies(from, matcher)) continue;
    const Matcher failing = negated(matcher);
    Selector& part = rest.emplace_back(from);
    std::erase_if(part.matchers, [&](const Matcher& own) { return implies(failing, own); });
    part.matchers.push_back(failing);
  }
  return rest;
}

}  // namespace fedwave::config
