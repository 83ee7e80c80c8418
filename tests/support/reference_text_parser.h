// A second parser of the Prometheus text format, written to be read and not to be fast: a whole
// page in, everything decoded and owned out. It shares nothing with parsers/ but the vocabulary
// of kinds, so that the two can be held against each other by a unit test and by the fuzzer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "parsers/sample.h"

namespace fedwave::support {

struct ReferenceSample {
  std::uint64_t line_number = 0;
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
  std::optional<std::int64_t> timestamp_ms;
  parsers::SampleKind kind = parsers::SampleKind::Untyped;
};

struct ReferencePage {
  std::vector<ReferenceSample> samples;
  std::vector<std::uint64_t> malformed_lines;
  std::uint64_t lines = 0;
  bool line_limit_exceeded = false;
};

ReferencePage parse_reference(const std::string& page, std::size_t line_bytes_max, bool complete);

}  // namespace fedwave::support
