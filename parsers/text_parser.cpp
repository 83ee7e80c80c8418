#include "parsers/text_parser.h"

#include <utility>

#include "parsers/newlines.h"
#include "parsers/sample_cut.h"
#include "parsers/scan.h"
#include "parsers/series_reader.h"

namespace fedwave::parsers {
namespace {

constexpr std::size_t kExcerptBytesMax = 200;
// How many lines one sample may span by raw newlines in its label values. Bounds the work that a
// stray quote can cause.
constexpr std::size_t kHeldLinesMax = 8;
constexpr std::size_t kRefusedPerBatchMax = 2;
// What offsets of 32 bits reach.
constexpr std::size_t kFeedBytesMax = std::size_t{1} << 30;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Whether a line may go into a batch: not a comment, no quoted name, no blank at either end.
bool is_bare(std::string_view line) {
  return !line.empty() && (is_letter(line.front()) || line.front() == '_' || line.front() == ':') &&
         !is_blank(line.back());
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
  for (; chunk.size() > kFeedBytesMax; chunk.remove_prefix(kFeedBytesMax)) {
    feed(chunk.substr(0, kFeedBytesMax));
  }
  if (is_skipping_ || !carry_.empty()) chunk = finish_carried_line(chunk);
  std::array<std::uint32_t, SampleHandler::kSamplesMax> newlines;
  while (!chunk.empty()) {
    const std::size_t found = find_newlines(chunk, newlines);
    std::size_t start = 0;
    for (std::size_t i = 0; i < found; ++i) {
      take_whole_line(chunk.substr(start, newlines[i] - start));
      start = newlines[i] + std::size_t{1};
    }
    chunk.remove_prefix(start);
    if (found < newlines.size()) {
      hand_over_batch();
      keep_tail(chunk);
      return;
    }
  }
  hand_over_batch();
}

// The line of which carry_ is the beginning, or which is being skipped; returns what follows it.
std::string_view TextPage::finish_carried_line(std::string_view chunk) {
  const std::size_t newline = chunk.find('\n');
  const std::string_view part = chunk.substr(0, newline);
  if (newline == std::string_view::npos) {
    keep_tail(part);
    return {};
  }
  if (is_skipping_) {
    is_skipping_ = false;
  } else if (carry_.size() + part.size() > line_bytes_max_) {
    skip_line_of(part);
  } else {
    carry_ += part;
    take_line(carry_, ++line_number_);
    carry_.clear();
  }
  return chunk.substr(newline + 1);
}

// Into the batch, if it looks like what nearly all lines are.
void TextPage::take_whole_line(std::string_view line) {
  SampleLineView& sample = batch_[batch_size_];
  sample.kind = SampleKind::Untyped;
  const bool is_too_long = line.size() > line_bytes_max_;
  if (held_lines_ > 0 || is_too_long || !is_bare(line) || !cut_sample(line, sample)) {
    hand_over_batch();
    if (is_too_long) return skip_line_of(line);
    return take_line(line, ++line_number_);
  }
  ++line_number_;
  batch_lines_[batch_size_] = line;
  if (++batch_size_ == batch_.size()) hand_over_batch();
}

void TextPage::hand_over_batch() {
  const std::size_t size = std::exchange(batch_size_, 0);
  const std::uint64_t first_number = line_number_ - size + 1;
  for (std::size_t i = 0; !families_.empty() && i < size; ++i) {
    static_cast<void>(set_kind(batch_[i]));  // their names are bare
  }
  const std::span<const SampleLineView> samples(batch_.data(), size);
  std::size_t refused = 0;
  for (std::size_t taken = 0; taken < size; ++taken) {
    Malformed reason = Malformed::None;
    // A page of bad lines must not have the rest of each batch looked at again for every one.
    if (held_lines_ == 0 && refused < kRefusedPerBatchMax) {
      taken += handler_.on_samples(samples.subspan(taken), first_number + taken, reason);
      ++refused;
    }
    if (taken < size) take_line(batch_lines_[taken], first_number + taken);
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
  Malformed refusal = Malformed::MissingValue;
  if (cut_sample(text, sample)) {
    refusal = hand_over(sample, number);
    if (refusal == Malformed::None) return refusal;
  }
  // The handler saw parts that may have been cut wrongly; the forward parse knows what is wrong
  // with the line, or how it is to be cut. Where it cuts alike the refusal is the handler's own.
  SampleLineView forwards;
  const Malformed reason = cut_forwards(text, forwards);
  if (reason != Malformed::None) return reason;
  const bool is_same = forwards.series.data() == sample.series.data() &&
                       forwards.series.size() == sample.series.size() &&
                       forwards.value.data() == sample.value.data() &&
                       forwards.value.size() == sample.value.size();
  return is_same ? refusal : hand_over(forwards, number);
}

Malformed TextPage::hand_over(SampleLineView& sample, std::uint64_t number) {
  if (!families_.empty()) {
    if (const Malformed reason = set_kind(sample); reason != Malformed::None) return reason;
  }
  Malformed reason = Malformed::None;
  static_cast<void>(handler_.on_samples({&sample, 1}, number, reason));
  return reason;
}

Malformed TextPage::set_kind(SampleLineView& sample) {
  std::string_view name = sample.series.substr(0, metric_name_length(sample.series));
  if (name.empty()) {
    const Malformed reason = parse_series(sample.series, series_);
    if (reason != Malformed::None) return reason;
    name = series_.name;
  }
  sample.kind = families_.kind_of(name, sample.series);
  return Malformed::None;
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
