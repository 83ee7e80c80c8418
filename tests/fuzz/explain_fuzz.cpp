// Explanations of any page against the data path: a series is told to be sent as the very line that
// the transform writes, and nothing else is. The survey of the transform and both forms of the
// explanation are made of the same strangers' text.
#include <rapidjson/document.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "config/load.h"
#include "relay/explain/explainer.h"
#include "relay/explain/explanation_text.h"
#include "relay/transform.h"
#include "sinks/block_writer.h"

using namespace fedwave;

namespace {

// Times as the scrape's, so that lines can be foretold; every kind of list, at source and sink.
constexpr const char* kConfig = R"(
clusterName: c
sinks:
- {name: plain, proxyAddress: 'p:1', limits: {tags: 5, name: 40, tagValue: 30}}
- name: picky
  proxyAddress: p:2
  prefix: pre
  tags: {team: mesh, a: ''}
  filters: {metricAllowList: ['*a*'], metricTagDenyList: {le: ['1*']}, tagExclude: [b*]}
sources:
  prometheus_sources:
  - url: http://x/metrics
    source: s
    honorTimestamps: false
    repeats: send
    tags: {zone: z}
    filters:
      metricDenyList: ['*drop*']
      metricTagDenyList: {x: ['no*']}
)";
constexpr std::int64_t kStartMs = 1'767'225'600'000;
constexpr std::size_t kLineBytesMax = std::size_t{1} << 20;

[[noreturn]] void fail(const char* what, const std::string& a, const std::string& b) {
  std::fprintf(stderr, "%s\n--- %s\n--- %s\n", what, a.c_str(), b.c_str());
  std::abort();
}

const config::Config& config() {
  static const config::LoadResult kLoaded = config::load_text(
      "fuzz.yaml", kConfig, [](std::string_view) -> std::optional<std::string> { return {}; });
  if (!kLoaded.config) std::abort();
  return *kLoaded.config;
}

// What a page should become, told sample by sample.
class Foretold final : public parsers::SingleSampleHandler {
 public:
  Foretold() : explainer_(config(), config().sources[0]), lines(config().sinks.size()) {}

  parsers::Malformed on_sample(const parsers::SampleLineView& sample, std::uint64_t) override {
    double value = 0;
    const parsers::Malformed bad = parsers::parse_value(sample.value, value);
    if (bad != parsers::Malformed::None) return bad;
    const relay::Explanation told = explainer_.explain(sample);
    check_forms(told);
    if (told.malformed != parsers::Malformed::None) return told.malformed;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const relay::SinkExplanation& sink = told.sinks[i];
      if (sink.verdict != relay::Verdict::Kept) continue;
      if (told.value_verdict != relay::ValueVerdict::Sent) continue;
      lines[i] += sink.head + told.wire_value + " 1767225600" + sink.tail;
    }
    return parsers::Malformed::None;
  }
  void on_malformed(std::uint64_t, parsers::Malformed, std::string_view) override {}

 private:
  static void check_forms(const relay::Explanation& told) {
    rapidjson::Document json;
    const std::string text = relay::explanation_json(told, "f");
    if (json.Parse<rapidjson::kParseValidateEncodingFlag>(text.c_str()).HasParseError()) {
      fail("not JSON", text, "");
    }
    if (relay::explanation_text(told, "f", true).empty()) fail("nothing said", text, "");
  }

  const relay::Explainer explainer_;

 public:
  std::vector<std::string> lines;  // by sink
};

class KeepingOutput final : public sinks::BlockOutput {
 public:
  void append(sinks::Block block) override { lines += *sinks::block_lines(block); }
  std::string lines;
};

std::vector<std::string> written(const std::string& page) {
  static const relay::SeriesStages kStages(config().sources[0], config(), "");
  relay::Transform transform(config().sources[0], kStages);
  std::vector<KeepingOutput> outputs(config().sinks.size());
  std::vector<std::unique_ptr<sinks::BlockWriter>> writers;
  std::vector<sinks::BlockWriter*> pointers;
  for (KeepingOutput& output : outputs) {
    writers.push_back(
        std::make_unique<sinks::BlockWriter>(output, false, 10'000, base::system_clock()));
    pointers.push_back(writers.back().get());
  }
  transform.begin(kStartMs, pointers);
  transform.feed(page);
  const relay::ScrapeCounts counts = transform.finish(true);
  relay::SurveyBuilder builder(outputs.size());
  transform.survey(builder);
  if (builder.finish(kStartMs).series > counts.read) fail("series of nowhere", page, "");
  std::vector<std::string> lines;
  for (KeepingOutput& output : outputs) lines.push_back(std::move(output.lines));
  return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  Foretold foretold;
  parsers::TextPage page(foretold, kLineBytesMax);
  page.feed(text);
  page.finish(true);
  const std::vector<std::string> lines = written(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i] != foretold.lines[i]) fail("they differ", foretold.lines[i], lines[i]);
  }
  return 0;
}
