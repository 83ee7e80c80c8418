// A second way to cut a sample line: from its beginning and a byte at a time, to be read and not to
// be fast. It shares nothing with cut_sample, so that a unit test and the fuzzer can hold the two
// against each other by the rule in parsers/sample_cut.h. Pure functions, any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "parsers/sample_cut.h"
#include "parsers/text_parser.h"

namespace fedwave::support {

struct ForwardCut {
  std::string_view series;
  std::string_view value;
  std::string_view timestamp;
  std::string_view rest;  // what should not be there
};

inline std::size_t skip_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\t')) ++at;
  return at;
}

// Just past the brace that closes the labels; the size of the text when none does.
inline std::size_t end_of_labels(std::string_view text, std::size_t open) {
  bool is_quoted = false;
  for (std::size_t at = open + 1; at < text.size(); ++at) {
    if (text[at] == '"') is_quoted = !is_quoted;
    if (is_quoted && text[at] == '\\') ++at;
    if (!is_quoted && text[at] == '}') return at + 1;
  }
  return text.size();
}

inline ForwardCut cut_from_the_beginning(std::string_view text) {
  const auto token_end = [text](std::size_t at) {
    return std::min(text.find_first_of(" \t", at), text.size());
  };
  std::size_t series_end = std::min(text.find_first_of(" \t{", 0), text.size());
  const std::size_t open = skip_blanks(text, series_end);
  if (open < text.size() && text[open] == '{') series_end = end_of_labels(text, open);
  const std::size_t value = skip_blanks(text, series_end);
  const std::size_t value_end = token_end(value);
  const std::size_t timestamp = skip_blanks(text, value_end);
  const std::size_t timestamp_end = token_end(timestamp);
  return {.series = text.substr(0, series_end),
          .value = text.substr(value, value_end - value),
          .timestamp = text.substr(timestamp, timestamp_end - timestamp),
          .rest = text.substr(skip_blanks(text, timestamp_end))};
}

inline std::optional<std::int64_t> read_digits(std::string_view digits) {
  std::int64_t number = 0;
  for (const char c : digits) {
    const int digit = c - '0';
    if (digit < 0 || digit > 9) return {};
    if (number > (std::numeric_limits<std::int64_t>::max() - digit) / 10) return {};
    number = number * 10 + digit;
  }
  return number;
}

inline bool is_accepted(std::string_view series, std::string_view value) {
  parsers::SeriesBuffer buffer;
  double number = 0;
  return parsers::parse_series(series, buffer) == parsers::Malformed::None &&
         parsers::parse_value(value, number) == parsers::Malformed::None;
}

inline bool is_same_place(std::string_view a, std::string_view b) {
  return a.data() == b.data() && a.size() == b.size();
}

// Spaces stand before the value and before the timestamp, and no tab. Another line may be cut
// elsewhere, into parts that are refused: it is read from its beginning then.
inline bool has_plain_blanks(std::string_view text, const ForwardCut& cut) {
  const auto before_value = cut.value.data() - (cut.series.data() + cut.series.size());
  const auto tail = text.substr(cut.series.size());
  return before_value > 0 && tail.find('\t') == std::string_view::npos;
}

// How cut_sample breaks its rule for this line, which has no blanks at its ends; empty when it
// keeps it.
inline std::string broken_cut_rule(std::string_view text) {
  parsers::SampleLineView cut;
  cut.kind = parsers::SampleKind::HistogramSum;
  const bool is_cut = parsers::cut_sample(text, cut);
  if (cut.kind != parsers::SampleKind::HistogramSum) return "the kind was changed";
  const ForwardCut expected = cut_from_the_beginning(text);
  const auto timestamp = read_digits(expected.timestamp);
  const bool is_well_formed =
      timestamp && expected.rest.empty() && is_accepted(expected.series, expected.value);
  const bool is_refused = !is_cut || !is_accepted(cut.series, cut.value);
  if (!is_well_formed) return is_refused ? "" : "a malformed line was accepted";
  if (is_refused && !has_plain_blanks(text, expected)) return "";
  if (!is_cut) return "a well-formed line was not cut";
  if (!is_same_place(cut.series, expected.series)) return "the series differs";
  if (!is_same_place(cut.value, expected.value)) return "the value differs";
  if (cut.has_timestamp == expected.timestamp.empty()) return "there is a timestamp, or none";
  if (cut.has_timestamp && cut.timestamp_ms != *timestamp) return "the timestamp differs";
  return "";
}

}  // namespace fedwave::support
