// The pages that benches read: untyped samples that all have a timestamp, as /federate answers and
// make_page.py writes them. A page in a file is one scrape; the next one is made of it. Whatever
// cannot be read is thrown as std::runtime_error, written for people. Pure but for reading the
// file; views borrow the page's text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fedwave::bench {

struct SampleText {
  std::string_view series;
  std::string_view value;
  std::string_view timestamp;  // in milliseconds: digits, at least four
  std::size_t line = 0;        // counted from 1
};

// Goes through the samples of a page's text.
class SampleReader {
 public:
  explicit SampleReader(std::string_view text) : rest_(text) {}
  // False at the end.
  bool next(SampleText& sample);

 private:
  std::string_view rest_;
  std::size_t line_ = 0;
};

struct Page {
  std::string text;
  std::size_t series = 0;    // sample lines
  std::int64_t time_ms = 0;  // the newest timestamp
};

Page read_page(const std::string& path);

// A minute later: the same series, every timestamp and every value changed. A value's form stays
// (integer, decimal, with an exponent), and its digits are the shortest for the number; NaN and
// infinities stay.
Page next_scrape(const Page& page);

}  // namespace fedwave::bench
