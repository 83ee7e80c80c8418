#include "relay/commands/page_series.h"

#include <cstdint>
#include <unordered_map>

#include "relay/base/clock.h"
#include "relay/commands/page_scrapes.h"
#include "relay/series_table.h"
#include "sinks/block_writer.h"

namespace fedwave::relay {
namespace {

class Collector final : public parsers::SingleSampleHandler {
 public:
  Collector(const config::Source& source, PageReading& reading, std::vector<PageSeries>& series)
      : labels_max_(static_cast<std::size_t>(source.limits.labels)),
        reading_(reading),
        series_(series) {}

  parsers::Malformed on_sample(const parsers::SampleLineView& sample, std::uint64_t) override {
    const SeriesTable::Key key = SeriesTable::key_of(sample.series, sample.kind);
    double value = 0;
    const parsers::Malformed value_reason = parsers::parse_value(sample.value, value);
    if (const auto known = places_.find(key); known != places_.end()) {
      if (value_reason == parsers::Malformed::None) series_[known->second].value = sample.value;
      return value_reason;
    }
    const auto reason = parsers::parse_series(sample.series, parsed_, labels_max_);
    if (reason != parsers::Malformed::None) return reason;
    if (value_reason != parsers::Malformed::None) return value_reason;
    places_.emplace(key, series_.size());
    series_.push_back({.name = std::string(parsed_.name),
                       .series = std::string(sample.series),
                       .value = std::string(sample.value),
                       .kind = sample.kind});
    return parsers::Malformed::None;
  }

  void on_malformed(std::uint64_t line, parsers::Malformed reason, std::string_view text) override {
    reading_.tell_malformed(line, reason, text);
  }

 private:
  const std::size_t labels_max_;
  PageReading& reading_;
  std::vector<PageSeries>& series_;
  struct KeyHash {
    std::size_t operator()(const SeriesTable::Key& key) const { return key.low; }
  };
  std::unordered_map<SeriesTable::Key, std::size_t, KeyHash> places_;
  parsers::SeriesBuffer parsed_;
};

std::size_t line_bytes_max(const config::Source& source) {
  return static_cast<std::size_t>(source.limits.line_bytes);
}

SourcePage read_inputs(const config::Source& source, const std::vector<std::string>& inputs,
                       PageReading& reading) {
  SourcePage result;
  Collector collector(source, reading, result.series);
  for (const std::string& path : inputs) {
    parsers::TextPage page(collector, line_bytes_max(source));
    page.finish(reading.read(path, [&page](std::string_view text) {
      page.feed(text);
      return true;
    }));
  }
  return result;
}

}  // namespace

std::vector<SourcePage> read_series(const config::Config& config, const config::Source& source,
                                    const std::vector<std::string>& inputs, PageReading& reading) {
  std::vector<SourcePage> pages;
  if (!inputs.empty()) {
    pages.push_back(read_inputs(source, inputs, reading));
    return pages;
  }
  DiscardingOutput output;
  sinks::BlockWriter writer(output, false, UINT32_MAX, base::system_clock());
  const std::vector<sinks::BlockWriter*> writers(config.sinks.size(), &writer);
  for (const auto& target : make_targets(config, source)) {
    SourcePage& result = pages.emplace_back();
    result.instance = target->instance();
    Collector collector(source, reading, result.series);
    parsers::TextPage page(collector, line_bytes_max(source));
    const ScrapeResult scrape =
        reading.scrape(*target, source, writers, [&page](std::string_view text) {
          page.feed(text);
          return true;
        });
    page.finish(!scrape.error);
  }
  return pages;
}

}  // namespace fedwave::relay
