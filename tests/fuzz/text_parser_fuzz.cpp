// The text parser, fed in chunks of any size, against the slow reference parser. The first bytes
// of the input choose the sizes of the chunks, the line limit and whether the page is complete;
// the rest is the page.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/support/sample_collector.h"
// A fuzz target is one source file.
#include "tests/support/reference_text_parser.cpp"

using namespace fedwave;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHeaderBytes = 3;
  if (size < kHeaderBytes) return 0;
  const bool is_complete = (data[0] & 1) != 0;
  const std::size_t line_bytes_max = (data[0] & 2) != 0 ? 24 : std::size_t{1} << 20;
  std::uint32_t chunk_seed = data[1] + 256U * data[2];
  const std::string text(data + kHeaderBytes, data + size);

  support::SampleCollector collector;
  parsers::TextPage page(collector, line_bytes_max);
  for (std::size_t at = 0; at < text.size();) {
    chunk_seed = chunk_seed * 1664525U + 1013904223U;
    const std::size_t bytes_max = (data[0] & 4) != 0 ? 3 : (data[0] & 8) != 0 ? 4096 : 64;
    const std::size_t bytes = std::min(text.size() - at, 1 + (chunk_seed >> 16) % bytes_max);
    // A copy of its own, so that a view kept too long is found by the sanitizer.
    const std::string chunk = text.substr(at, bytes);
    page.feed(chunk);
    at += bytes;
  }
  page.finish(is_complete);

  const auto expected = support::parse_reference(text, line_bytes_max, is_complete);
  const std::string found = support::difference(collector, page, expected);
  if (!found.empty()) {
    std::fprintf(stderr, "the parsers differ: %s\n", found.c_str());
    std::abort();
  }
  return 0;
}
