#include "parsers/text_parser.h"

#include <charconv>
#include <system_error>

#include "parsers/scan.h"
#include "parsers/series_reader.h"

namespace fedwave::parsers {
namespace {

constexpr std::size_t kExcerptBytesMax = 200;
// How many lines one sample may span by raw newlines in its label values. Bounds the work that a
// stray quote can cause.
constexpr std::size_t kHeldLinesMax = 8;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool parse_timestamp(std::string_view digits, std::int64_t& timestamp_ms) {
  if (digits.empty() || !is_digit(digits[0])) return false;  // from_chars would take a minus
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, timestamp_ms);
  return read.ec == std::errc{} && read.ptr == end;
}

// A token is walked over backwards up to what can stand before a value: a blank or the end of the
// labels.
std::size_t token_start(std::string_view text) {
  std::size_t at = text.size();
  while (at > 0 && !is_blank(text[at - 1]) && text[at - 1] != '}') --at;
  return at;
}

// Cuts `name{labels} value [timestamp]`, trimmed at both ends, from its end: neither value nor
// timestamp holds a blank or a brace, so the labels need not be read. For a line that is well
// formed this is the cut that the forward parse makes; for any other it fails, or it hands out a
// series or a value that parse_series or parse_value refuses. Hence a series that was accepted
// once can be trusted by its bytes.
bool cut_backwards(std::string_view text, SampleLineView& sample) {
  const std::size_t last_start = token_start(text);
  const std::string_view last = text.substr(last_start);
  if (last.empty()) return false;  // nothing after the labels
  const std::string_view before = without_trailing_blanks(text.substr(0, last_start));
  if (before.empty()) return false;
  sample.has_timestamp = false;
  if (before.back() == '}') {
    sample.series = before;
    sample.value = last;
    return true;
  }
  const std::size_t value_start = token_start(before);
  if (value_start == 0) {  // name value
    sample.series = before;
    sample.value = last;
    return true;
  }
  sample.value = before.substr(value_start);
  sample.series = without_trailing_blanks(before.substr(0, value_start));
  sample.has_timestamp = true;
  return parse_timestamp(last, sample.timestamp_ms);
}

std::string_view take_token(std::string_view& text) {
  text = without_leading_blanks(text);
  std::size_t length = 0;
  while (length < text.size() && !is_blank(text[length])) ++length;
  const std::string_view token = text.substr(0, length);
  text.remove_prefix(length);
  return token;
}

bool family_type(std::string_view text, FamilyType& type) {
  if (text == "counter") {
    type = FamilyType::Counter;
  } else if (text == "gauge") {
    type = FamilyType::Gauge;
  } else if (text == "histogram") {
    type = FamilyType::Histogram;
  } else if (text == "summary") {
    type = FamilyType::Summary;
  } else if (text == "untyped") {
    type = FamilyType::Untyped;
  } else {
    return false;
  }
  return true;
}

// The text after "TYPE " or "HELP ": a name, bare or quoted, and what follows it.
bool take_metadata_name(std::string_view& text, SeriesBuffer& buffer) {
  if (!text.starts_with('"')) {
    buffer.name = text.substr(0, metric_name_length(text));
    text.remove_prefix(buffer.name.size());
    return !buffer.name.empty();
  }
  const std::size_t end = quoted_end(text, 0).offset;
  if (end == std::string_view::npos) return false;
  buffer.scratch.clear();
  buffer.scratch.reserve(end);
  buffer.name = unescape(text.substr(1, end - 2), buffer.scratch);
  text.remove_prefix(end);
  return true;
}

}  // namespace

TextPage::TextPage(SampleHandler& handler, std::size_t line_bytes_max)
    : handler_(handler), line_bytes_max_(line_bytes_max) {}

void TextPage::feed(std::string_view chunk) {
  while (!chunk.empty()) {
    const std::size_t newline = chunk.find('\n');
    const std::string_view part = chunk.substr(0, newline);
    if (newline == std::string_view::npos) {
      keep_tail(part);
      return;
    }
    chunk.remove_prefix(newline + 1);
    if (is_skipping_) {
      is_skipping_ = false;
    } else if (carry_.size() + part.size() > line_bytes_max_) {
      skip_line_of(part);
    } else if (carry_.empty()) {
      take_line(part, ++line_number_);
    } else {
      carry_ += part;
      take_line(carry_, ++line_number_);
      carry_.clear();
    }
  }
}

void TextPage::finish(bool complete) {
  if (complete && !carry_.empty()) take_line(carry_, ++line_number_);
  carry_.clear();
  while (held_lines_ > 0) give_up_held_line();
}

void TextPage::keep_tail(std::string_view part) {
  if (is_skipping_) return;
  if (carry_.size() + part.size() > line_bytes_max_) {
    skip_line_of(part);
    is_skipping_ = true;
  } else {
    carry_ += part;
  }
}

// Counts the line of carry_ and `last_part` as too long.
void TextPage::skip_line_of(std::string_view last_part) {
  while (held_lines_ > 0) give_up_held_line();
  line_limit_exceeded_ = true;
  carry_ += last_part.substr(0, kExcerptBytesMax);
  refuse(carry_, ++line_number_, Malformed::LineTooLong);
  carry_.clear();
}

void TextPage::take_line(std::string_view line, std::uint64_t number) {
  if (held_lines_ > 0) {
    extend_held_line(line);
  } else if (!read_line(line, number)) {
    held_ = line;
    held_lines_ = 1;
    held_number_ = number;
  }
}

// False when the line leaves a quoted string open: nothing has been said about it then.
bool TextPage::read_line(std::string_view line, std::uint64_t number) {
  if (number == 1 && line.starts_with(kByteOrderMark)) {
    refuse(line, number, Malformed::ByteOrderMark);
    return true;
  }
  const std::string_view text = without_leading_blanks(line);
  if (text.empty()) return true;
  const bool is_comment = text[0] == '#';
  Malformed reason =
      is_comment ? read_comment(text) : read_sample(without_trailing_blanks(text), number);
  if (reason == Malformed::None) return true;
  if (reason == Malformed::UnterminatedString) return false;
  // A return is never good at the end of a sample or a TYPE, and it hides from the eye; in HELP it
  // is part of the text.
  if (line.back() == '\r' && reason != Malformed::BadHelp) reason = Malformed::CarriageReturn;
  refuse(line, number, reason);
  return true;
}

Malformed TextPage::read_sample(std::string_view text, std::uint64_t number) {
  SampleLineView sample;
  if (!cut_backwards(text, sample)) {
    const Malformed reason = cut_forwards(text, sample);
    if (reason != Malformed::None) return reason;
  }
  const Malformed refusal = hand_over(sample, number);
  if (refusal == Malformed::None) return refusal;
  // The handler saw parts that may have been cut wrongly; the forward parse knows what is wrong
  // with the line. Where it finds nothing the refusal is the handler's own.
  const Malformed reason = cut_forwards(text, sample);
  return reason != Malformed::None ? reason : refusal;
}

Malformed TextPage::hand_over(SampleLineView& sample, std::uint64_t number) {
  if (!families_.empty()) {
    std::string_view name = sample.series.substr(0, metric_name_length(sample.series));
    if (name.empty()) {
      const Malformed reason = parse_series(sample.series, series_);
      if (reason != Malformed::None) return reason;
      name = series_.name;
    }
    sample.kind = families_.kind_of(name, sample.series);
  }
  return handler_.on_sample(sample, number);
}

Malformed TextPage::read_comment(std::string_view text) {
  const std::string_view body = without_leading_blanks(text.substr(1));
  const bool is_type = body.starts_with("TYPE");
  if (!is_blank(text.size() > 1 ? text[1] : '\n') || (!is_type && !body.starts_with("HELP")) ||
      body.size() == 4 || !is_blank(body[4])) {
    return Malformed::None;
  }
  std::string_view rest = without_leading_blanks(body.substr(4));
  if (!take_metadata_name(rest, series_)) return is_type ? Malformed::BadType : Malformed::BadHelp;
  // Exactly one byte stands between the name and the text.
  rest.remove_prefix(rest.empty() ? 0 : 1);
  if (!is_type) return is_valid_utf8(rest) ? Malformed::None : Malformed::BadHelp;
  FamilyType type = FamilyType::Untyped;
  if (!family_type(rest, type) || !is_valid_utf8(series_.name)) return Malformed::BadType;
  const bool matters = type != FamilyType::Untyped || !families_.empty();
  if (matters && !families_.declare(series_.name, type)) return Malformed::TooManyFamilies;
  return Malformed::None;
}

Malformed TextPage::cut_forwards(std::string_view text, SampleLineView& sample) {
  std::size_t series_end = 0;
  const Malformed reason = read_series(text, series_, 0, series_end);
  if (reason != Malformed::None) return reason;
  sample.series = text.substr(0, series_end);
  std::string_view rest = text.substr(series_end);
  sample.value = take_token(rest);
  double number = 0;
  const Malformed value_reason = parse_value(sample.value, number);
  if (value_reason != Malformed::None) return value_reason;
  const std::string_view timestamp = take_token(rest);
  sample.has_timestamp = !timestamp.empty();
  if (!sample.has_timestamp) return Malformed::None;
  if (timestamp[0] == '#') return Malformed::TrailingText;  // a comment, or an exemplar
  if (!parse_timestamp(timestamp, sample.timestamp_ms)) return Malformed::BadTimestamp;
  return take_token(rest).empty() ? Malformed::None : Malformed::TrailingText;
}

void TextPage::refuse(std::string_view line, std::uint64_t number, Malformed reason) {
  handler_.on_malformed(number, reason, line.substr(0, kExcerptBytesMax));
}

void TextPage::extend_held_line(std::string_view line) {
  held_ += '\n';
  held_ += line;
  ++held_lines_;
  Malformed reason = Malformed::UnterminatedString;
  // Only a quote can end the string.
  if (held_.size() <= line_bytes_max_ && line.find('"') != std::string_view::npos) {
    const std::string_view text = without_trailing_blanks(without_leading_blanks(held_));
    SampleLineView sample;
    reason = cut_forwards(text, sample);
    if (reason == Malformed::None) {
      const Malformed refusal = hand_over(sample, held_number_);
      if (refusal != Malformed::None) refuse(held_, held_number_, refusal);
      held_lines_ = 0;
      return;
    }
  }
  const bool may_end_later = reason == Malformed::UnterminatedString &&
                             held_lines_ < kHeldLinesMax && held_.size() <= line_bytes_max_;
  if (!may_end_later) give_up_held_line();
}

// The first of the held lines is malformed; the others are lines of their own. That may hold a
// shorter run of them again and give it up within: at most kHeldLinesMax calls deep.
void TextPage::give_up_held_line() {
  std::string text;
  text.swap(held_);
  std::size_t followers = held_lines_ - 1;
  std::uint64_t number = held_number_;
  held_lines_ = 0;
  std::size_t end = text.find('\n');
  refuse(std::string_view(text).substr(0, end), number, Malformed::UnterminatedString);
  for (; followers > 0; --followers) {
    const std::size_t start = end + 1;
    end = text.find('\n', start);
    take_line(std::string_view(text).substr(start, end - start), ++number);
  }
}

}  // namespace fedwave::parsers
