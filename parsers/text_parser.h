// The Prometheus text format 0.0.4, cut for speed: a page is fed in chunks of any size, every sample
// line is cut from its end backwards into series, value and timestamp, and only a series that the
// receiver does not know yet is parsed into name and labels. A malformed line harms itself alone.
//
// TextPage owns nothing but its carry-over; one thread. Views handed out are good until the handler
// returns. What is accepted follows Prometheus's scraper (see tests/unit/parsers/text_parser_test.cpp
// for the table), with leading blanks stripped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "parsers/sample.h"

namespace fedwave::parsers {

// Why a line is malformed. The text (malformed_reason_text) is written for people.
enum class Malformed : std::uint8_t {
  None,
  BadName,
  BadLabelName,
  MissingEquals,
  MissingQuote,
  UnterminatedString,
  UnterminatedLabels,
  BadSeparator,        // ",,", leading comma, missing comma that Prometheus would not take
  DuplicateLabel,
  NameLabel,           // __name__ beside a name, or two names
  MissingName,
  InvalidUtf8,
  MissingValue,
  BadValue,
  ValueOverflow,
  BadTimestamp,
  TrailingText,        // anything after the timestamp
  CarriageReturn,
  BadType,             // a TYPE line that Prometheus would refuse
  BadHelp,
  ByteOrderMark,
  LineTooLong,
  TooManyLabels,
};
inline constexpr std::size_t kMalformedCount = 23;
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
  // Returns None, or why the line is malformed (from parse_series or parse_value; the page counts
  // it and goes on). UnterminatedString makes the page try again with the next line appended,
  // because a label value may contain a raw newline.
  virtual Malformed on_sample(const SampleLineView& sample, std::uint64_t line_number) = 0;
  virtual void on_malformed(std::uint64_t line_number, Malformed reason, std::string_view line) = 0;
};

class TextPage {
 public:
  TextPage(SampleHandler& handler, std::size_t line_bytes_max);

  // Takes any part of the page; calls the handler for every line completed by it.
  void feed(std::string_view chunk);
  // The end of the page. `complete`: the page arrived whole, so an unterminated last line counts;
  // otherwise it is thrown away, being possibly half a line.
  void finish(bool complete);

  [[nodiscard]] std::uint64_t lines() const { return line_number_; }
  [[nodiscard]] bool line_limit_exceeded() const { return line_limit_exceeded_; }

 private:
  std::uint64_t line_number_ = 0;
  bool line_limit_exceeded_ = false;
};

}  // namespace fedwave::parsers
