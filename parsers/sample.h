// What a parser says about one sample line. Everything here borrows: the views point into the
// scraped text or into the parser's scratch space, and are good until the next line is read.
#pragma once

#include <cstdint>
#include <string_view>

namespace fedwave::parsers {

struct LabelView {
  std::string_view name;
  std::string_view value;  // escapes resolved
};

// What the sample is within its family; decides the Wavefront name and which number is truncated.
enum class SampleKind : std::uint8_t {
  Untyped,
  Gauge,
  Counter,
  SummaryQuantile,
  SummaryCount,
  SummarySum,
  HistogramBucket,
  HistogramCount,
  HistogramSum,
  Own,  // of no page: one of the relay's own figures, whose name is final
};

// One sample line cut into its parts, nothing decoded yet: the bytes of `series` are the same in
// every scrape, which is what the series table lives on.
struct SampleLineView {
  std::string_view series;  // name{labels}, no blanks at either end
  std::string_view value;   // as written; not yet proven to be a number
  std::int64_t timestamp_ms = 0;
  bool has_timestamp = false;
  SampleKind kind = SampleKind::Untyped;
};

}  // namespace fedwave::parsers
