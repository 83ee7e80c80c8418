// A SampleHandler that keeps everything, and that knows its series the way the relay does: a
// series accepted once is trusted by its bytes and never parsed again. Beside it, the comparison
// of a page read in chunks with what the reference parser makes of it.
#pragma once

#include <bit>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "parsers/text_parser.h"
#include "tests/support/reference_text_parser.h"

namespace fedwave::support {

struct MalformedLine {
  std::uint64_t line_number = 0;
  parsers::Malformed reason = parsers::Malformed::None;
  std::string line;
};

class SampleCollector final : public parsers::SingleSampleHandler {
 public:
  explicit SampleCollector(std::size_t max_labels = 0) : max_labels_(max_labels) {}

  parsers::Malformed on_sample(const parsers::SampleLineView& line,
                               std::uint64_t line_number) override {
    ReferenceSample sample;
    sample.line_number = line_number;
    const std::string series(line.series);
    if (const auto known = known_.find(series); known != known_.end()) {
      sample.name = known->second.first;
      sample.labels = known->second.second;
    } else {
      const auto reason = parsers::parse_series(line.series, buffer_, max_labels_);
      if (reason != parsers::Malformed::None) return reason;
      sample.name = buffer_.name;
      for (const auto& label : buffer_.labels) sample.labels.emplace(label.name, label.value);
    }
    const auto reason = parsers::parse_value(line.value, sample.value);
    if (reason != parsers::Malformed::None) return reason;
    if (line.has_timestamp) sample.timestamp_ms = line.timestamp_ms;
    sample.kind = line.kind;
    known_.emplace(series, std::pair(sample.name, sample.labels));
    samples.push_back(std::move(sample));
    return parsers::Malformed::None;
  }

  void on_malformed(std::uint64_t line_number, parsers::Malformed reason,
                    std::string_view line) override {
    malformed.push_back({line_number, reason, std::string(line)});
  }

  std::vector<ReferenceSample> samples;
  std::vector<MalformedLine> malformed;

 private:
  std::size_t max_labels_;
  parsers::SeriesBuffer buffer_;
  std::unordered_map<std::string, std::pair<std::string, std::map<std::string, std::string>>>
      known_;
};

inline std::string describe(const ReferenceSample& sample) {
  std::string text = std::to_string(sample.line_number) + ' ' + sample.name + '{';
  for (const auto& [name, value] : sample.labels) text += name + "=<" + value + ">,";
  // The sign of a NaN says nothing and is not compared.
  const double value = sample.value != sample.value ? 0.0 : sample.value;
  text += "} " + std::to_string(std::bit_cast<std::uint64_t>(value)) +
          (sample.value != sample.value ? " nan" : "");
  text += sample.timestamp_ms ? " @" + std::to_string(*sample.timestamp_ms) : " no timestamp";
  return text + " kind " + std::to_string(static_cast<int>(sample.kind));
}

// What differs first between the two readings of a page; empty when nothing does.
inline std::string difference(const SampleCollector& read, const parsers::TextPage& page,
                              const ReferencePage& expected) {
  for (std::size_t i = 0; i < read.samples.size() || i < expected.samples.size(); ++i) {
    const std::string ours = i < read.samples.size() ? describe(read.samples[i]) : "nothing";
    const std::string theirs =
        i < expected.samples.size() ? describe(expected.samples[i]) : "nothing";
    if (ours != theirs) return "sample: " + ours + ", expected " + theirs;
  }
  const auto line = [](auto has_it, std::uint64_t number) {
    return has_it ? std::to_string(number) : std::string("none");
  };
  const std::size_t count = std::max(read.malformed.size(), expected.malformed_lines.size());
  for (std::size_t i = 0; i < count; ++i) {
    const bool is_ours = i < read.malformed.size();
    const bool is_theirs = i < expected.malformed_lines.size();
    const auto ours = line(is_ours, is_ours ? read.malformed[i].line_number : 0);
    const auto theirs = line(is_theirs, is_theirs ? expected.malformed_lines[i] : 0);
    if (ours != theirs) return "malformed line " + ours + ", expected " + theirs;
  }
  if (page.lines() != expected.lines) {
    return std::to_string(page.lines()) + " lines, expected " + std::to_string(expected.lines);
  }
  if (page.line_limit_exceeded() != expected.line_limit_exceeded) return "line limit exceeded";
  return {};
}

}  // namespace fedwave::support
