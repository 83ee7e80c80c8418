// The cut of a sample line from its end against the slow one from its beginning, by the rule that
// parsers/sample_cut.h states. The input is the line, up to its first newline.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/support/reference_cut.h"

using namespace fedwave;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::uint8_t* first = data;
  const std::uint8_t* last = std::find(data, data + size, '\n');
  const auto is_blank = [](std::uint8_t byte) { return byte == ' ' || byte == '\t'; };
  while (first < last && is_blank(*first)) ++first;
  while (first < last && is_blank(last[-1])) --last;
  if (first == last) return 0;
  // In memory of its own and without a terminator, so that the sanitizer sees a read outside it.
  const std::vector<char> line(first, last);
  const std::string broken = support::broken_cut_rule({line.data(), line.size()});
  if (!broken.empty()) {
    std::fprintf(stderr, "%s\n", broken.c_str());
    std::abort();
  }
  return 0;
}
