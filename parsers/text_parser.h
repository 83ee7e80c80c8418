// The Prometheus text format 0.0.4, cut for speed: a page is fed in chunks of any size, every
// sample line is cut from its end backwards into series, value and timestamp, and only a series
// that the receiver does not know yet is parsed into name and labels. Samples are handed over by
// the batch, so that the receiver can look up many series at once. A malformed line harms itself
// alone.
//
// TextPage owns nothing but its carry-over; one thread. Views handed out are good until the handler
// returns. What is accepted follows Prometheus's scraper (see
// tests/unit/parsers/text_parser_test.cpp for the table), with leading blanks stripped.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "parsers/family_kinds.h"
#include "parsers/sample.h"

namespace fedwave::parsers {

// Why a line is malformed. The text (malformed_text) is written for people.
enum class Malformed : std::uint8_t {
  None,
  BadName,
  BadLabelName,
  MissingEquals,
  MissingQuote,
  UnterminatedString,
  UnterminatedLabels,
  BadSeparator,  // ",,", leading comma, missing comma that Prometheus would not take
  DuplicateLabel,
  NameLabel,  // __name__ beside a name, or two names
  MissingName,
  InvalidUtf8,
  MissingValue,
  BadValue,
  ValueOverflow,
  BadTimestamp,
  TrailingText,  // anything after the sample's end
  CarriageReturn,
  BadType,  // a TYPE line that Prometheus would refuse
  BadHelp,
  ByteOrderMark,
  LineTooLong,
  TooManyLabels,
  TooManyFamilies,
};
inline constexpr std::size_t kMalformedCount = 24;
const char* malformed_name(Malformed reason);  // snake_case, for counters
const char* malformed_text(Malformed reason);  // a clause for people: "the value is not a number"

// A decoded series. Reused between calls so that the warm memory is kept; views borrow the text
// given to parse_series and `scratch`.
struct SeriesBuffer {
  std::string_view name;
  std::vector<LabelView> labels;  // in the order of the text, empty values included
  std::string scratch;            // decoded escapes
};

// name{labels} or {"name",labels}: the strict forward parse. `max_labels` 0 means no limit.
Malformed parse_series(std::string_view series, SeriesBuffer& out, std::size_t max_labels = 0);

// The number as Prometheus reads it. NaN and infinities in any case; overflow is an error.
Malformed parse_value(std::string_view text, double& value);

class SampleHandler {
 public:
  virtual ~SampleHandler() = default;
  static constexpr std::size_t kSamplesMax = 64;
  // Up to kSamplesMax samples of consecutive lines, of which `line_number` is the first. Returns
  // how many it took: fewer than all when the next one is malformed, for `reason` (from
  // parse_series or parse_value), of which nothing may have been taken; it will be offered once
  // more, alone. UnterminatedString then makes the page try again with the next line appended,
  // because a label value may contain a raw newline.
  virtual std::size_t on_samples(std::span<const SampleLineView> samples, std::uint64_t line_number,
                                 Malformed& reason) = 0;
  virtual void on_malformed(std::uint64_t line_number, Malformed reason, std::string_view line) = 0;
};

// For those who gain nothing by a batch.
class SingleSampleHandler : public SampleHandler {
 public:
  std::size_t on_samples(std::span<const SampleLineView> samples, std::uint64_t line_number,
                         Malformed& reason) final {
    for (std::size_t i = 0; i < samples.size(); ++i) {
      reason = on_sample(samples[i], line_number + i);
      if (reason != Malformed::None) return i;
    }
    return samples.size();
  }
  // None, or why the line is malformed.
  virtual Malformed on_sample(const SampleLineView& sample, std::uint64_t line_number) = 0;
};

class TextPage {
 public:
  // A line longer than `line_bytes_max` is skipped and counted once; so is a sample that spans
  // lines and would grow beyond it. Memory stays within a few times that number.
  TextPage(SampleHandler& handler, std::size_t line_bytes_max);

  // Takes any part of the page; calls the handler for every line completed by it.
  void feed(std::string_view chunk);
  // The end of the page. `complete`: the page arrived whole, so an unterminated last line counts;
  // otherwise it is thrown away, being possibly half a line.
  void finish(bool complete);

  [[nodiscard]] std::uint64_t lines() const { return line_number_; }
  [[nodiscard]] bool line_limit_exceeded() const { return line_limit_exceeded_; }

 private:
  std::string_view finish_carried_line(std::string_view chunk);
  void take_whole_line(std::string_view line);
  void hand_over_batch();
  void keep_tail(std::string_view part);
  void skip_line_of(std::string_view last_part);
  void take_line(std::string_view line, std::uint64_t number);
  [[nodiscard]] bool read_line(std::string_view line, std::uint64_t number);
  [[nodiscard]] Malformed read_sample(std::string_view text, std::uint64_t number);
  [[nodiscard]] Malformed hand_over(SampleLineView& sample, std::uint64_t number);
  [[nodiscard]] Malformed set_kind(SampleLineView& sample);
  [[nodiscard]] Malformed read_comment(std::string_view text);
  [[nodiscard]] Malformed cut_forwards(std::string_view text, SampleLineView& sample);
  void refuse(std::string_view line, std::uint64_t number, Malformed reason);

  void extend_held_line(std::string_view line);
  void give_up_held_line();

  SampleHandler& handler_;
  const std::size_t line_bytes_max_;
  FamilyKinds families_;
  SeriesBuffer series_;  // for lines that need a look inside

  std::uint64_t line_number_ = 0;
  bool line_limit_exceeded_ = false;
  bool is_skipping_ = false;  // within a line that is too long
  std::string carry_;         // the beginning of a line whose end has not arrived

  // Cut and not handed over yet; the last batch_size_ lines that were counted.
  std::array<SampleLineView, SampleHandler::kSamplesMax> batch_;
  std::array<std::string_view, SampleHandler::kSamplesMax> batch_lines_;
  std::size_t batch_size_ = 0;

  // Whole lines, joined by newlines, of which the first leaves a quoted string open: they are one
  // sample if the string ends in time, else lines of their own.
  std::string held_;
  std::size_t held_lines_ = 0;
  std::uint64_t held_number_ = 0;  // of the first
};

}  // namespace fedwave::parsers
