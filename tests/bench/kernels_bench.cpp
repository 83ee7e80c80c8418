// The inner loops by themselves, with Google Benchmark. Each reports the bytes or the items that it
// deals with in a second. Run with --benchmark_filter=NAME for some of them.
#include <benchmark/benchmark.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/load.h"
#include "parsers/newlines.h"
#include "parsers/text_parser.h"
#include "relay/base/clock.h"
#include "relay/base/gzip.h"
#include "relay/base/hash.h"
#include "relay/series_stages.h"
#include "relay/transform.h"
#include "sinks/block_writer.h"
#include "sinks/number_format.h"

using namespace fedwave;

namespace {

constexpr std::size_t kWorkloads = 200;
constexpr std::int64_t kTimeMs = 1'700'000'000'000;
constexpr std::array kBounds = {"0.5", "1", "5", "10", "50", "100", "1000", "+Inf"};

// Numbers as Prometheus prints them, in no order that a processor could learn: counts, rates, and
// what has an exponent.
std::vector<std::string> make_values() {
  std::mt19937 random(1);  // the same ones in every run
  std::vector<std::string> values;
  for (std::size_t i = 0; i < kWorkloads * kBounds.size(); ++i) {
    const double rate = static_cast<double>(random()) / 1e8;
    std::array<char, 32> text{};
    switch (random() % 4) {
      case 0:
        values.push_back(std::to_string(random() % 1'000'000));
        break;
      case 1:
        std::snprintf(text.data(), text.size(), "%.6e", 1e6 * (1 + rate));
        values.emplace_back(text.data());
        break;
      default:
        values.emplace_back(text.data(), std::to_chars(text.begin(), text.end(), rate).ptr);
    }
  }
  return values;
}

const std::vector<std::string>& values() {
  static const std::vector<std::string> texts = make_values();
  return texts;
}

// Series of a mesh with eleven labels each; every block of labels stands behind two names.
std::string make_page() {
  std::string page;
  for (const char* family : {"istio_request_bytes_bucket", "istio_response_bytes_bucket"}) {
    page += std::string("# TYPE ") + family + " untyped\n";
    std::mt19937 random(2);
    for (std::size_t i = 0; i < values().size() / 2; ++i) {
      const std::string workload = std::to_string(random() % 1000);
      page += std::string(family) + "{app=\"app-" + workload + "\",destination_workload=\"app-" +
              workload + "-v" + std::to_string(random() % 3) +
              "\",destination_workload_namespace=\"team-" + std::to_string(random() % 50) +
              "\",job=\"federate\",le=\"" + kBounds[i % kBounds.size()] +
              "\",reporter=\"destination\",response_code=\"200\",response_flags=\"-\","
              "source_workload=\"app-" +
              std::to_string(i) + "-v1\",source_workload_namespace=\"team-" +
              std::to_string(random() % 50) + "\",instance=\"\"} " + values()[i] + ' ' +
              std::to_string(kTimeMs) + '\n';
    }
  }
  return page;
}

const std::string& page() {
  static const std::string text = make_page();
  return text;
}

void count_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}
void count_items(benchmark::State& state, std::size_t items) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(items));
}

// --- lines

void newlines_memchr(benchmark::State& state) {
  for ([[maybe_unused]] auto each : state) {
    std::size_t lines = 0;
    for (std::string_view rest = page(); !rest.empty(); ++lines) {
      const void* const end = std::memchr(rest.data(), '\n', rest.size());
      rest.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(end) - rest.data()) + 1);
    }
    benchmark::DoNotOptimize(lines);
  }
  count_bytes(state, page().size());
}
BENCHMARK(newlines_memchr);

void newlines(benchmark::State& state, parsers::NewlineSearch search) {
  std::array<std::uint32_t, 256> found{};
  for ([[maybe_unused]] auto each : state) {
    for (std::string_view rest = page(); !rest.empty();) {
      const std::size_t lines = parsers::find_newlines_by(search, rest, found);
      rest.remove_prefix(found[lines - 1] + 1);
    }
    benchmark::DoNotOptimize(found);
  }
  count_bytes(state, page().size());
}

void register_newline_searches() {
  const auto name_of = [](parsers::NewlineSearch search) {
    switch (search) {
      case parsers::NewlineSearch::Portable:
        return "newlines_portable";
      case parsers::NewlineSearch::Sse2:
        return "newlines_sse2";
      case parsers::NewlineSearch::Avx2:
        return "newlines_avx2";
      case parsers::NewlineSearch::Avx512:
        return "newlines_avx512";
    }
    return "";
  };
  for (const parsers::NewlineSearch search : parsers::newline_searches()) {
    benchmark::RegisterBenchmark(name_of(search), newlines, search);
  }
}

// --- the parser

class IdleHandler final : public parsers::SampleHandler {
 public:
  std::size_t on_samples(std::span<const parsers::SampleLineView> samples, std::uint64_t,
                         parsers::Malformed&) override {
    benchmark::DoNotOptimize(samples.data());
    return samples.size();
  }
  void on_malformed(std::uint64_t, parsers::Malformed, std::string_view line) override {
    throw std::runtime_error("malformed: " + std::string(line));
  }
};

void text_parser(benchmark::State& state) {
  IdleHandler handler;
  for ([[maybe_unused]] auto each : state) {
    parsers::TextPage text_page(handler, std::size_t{1} << 20);
    text_page.feed(page());
    text_page.finish(true);
  }
  count_bytes(state, page().size());
}
BENCHMARK(text_parser);

void parse_series(benchmark::State& state) {
  const std::string_view line(page().data() + page().find('\n') + 1);
  const std::string_view series = line.substr(0, line.find('}') + 1);
  parsers::SeriesBuffer buffer;
  for ([[maybe_unused]] auto each : state) {
    benchmark::DoNotOptimize(parsers::parse_series(series, buffer));
  }
  count_bytes(state, series.size());
}
BENCHMARK(parse_series);

// --- numbers

void wire_text(benchmark::State& state) {
  sinks::WireBuffer buffer;
  for ([[maybe_unused]] auto each : state) {
    for (const std::string& value : values()) {
      benchmark::DoNotOptimize(sinks::wire_text(value, buffer));
    }
  }
  count_items(state, values().size());
}
BENCHMARK(wire_text);

// As for a text that cannot be copied: read, and written anew.
void append_value(benchmark::State& state) {
  std::string out;
  for ([[maybe_unused]] auto each : state) {
    for (const std::string& value : values()) {
      double number = 0;
      benchmark::DoNotOptimize(parsers::parse_value(value, number));
      out.clear();
      sinks::append_value(out, number);
      benchmark::DoNotOptimize(out.data());
    }
  }
  count_items(state, values().size());
}
BENCHMARK(append_value);

// --- hash

void seeded_hash128(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const std::string_view text = std::string_view(page()).substr(0, bytes);
  for ([[maybe_unused]] auto each : state) benchmark::DoNotOptimize(base::seeded_hash128(text));
  count_bytes(state, bytes);
}
BENCHMARK(seeded_hash128)->Arg(100)->Arg(250)->Arg(1000);

// --- gzip, in bytes of what is inside

void gzip_inflate(benchmark::State& state) {
  const std::string compressed = base::GzipDeflater().deflate(page());
  base::GzipInflater inflater;
  for ([[maybe_unused]] auto each : state) {
    inflater.reset();
    const auto fed = inflater.feed(compressed, [](std::string_view text) {
      benchmark::DoNotOptimize(text.data());
      return true;
    });
    if (!fed || !inflater.at_end()) state.SkipWithError("what was deflated cannot be inflated");
  }
  count_bytes(state, page().size());
}
BENCHMARK(gzip_inflate);

void gzip_deflate(benchmark::State& state) {
  base::GzipDeflater deflater;
  for ([[maybe_unused]] auto each : state) {
    benchmark::DoNotOptimize(deflater.deflate(page()).data());
  }
  count_bytes(state, page().size());
}
BENCHMARK(gzip_deflate);

// --- the stages, cold

constexpr const char* kConfig = R"(
sinks:
- proxyAddress: sink:2878
sources:
  prometheus_sources:
  - url: http://source/federate
    filters:
      metricAllowList: ['istio.request.*', 'istio.response.*', 'pilot.xds.*.reject.value']
)";

config::Config load_config() {
  config::LoadResult loaded = config::load_text(
      "kernels", kConfig, [](std::string_view) { return std::optional<std::string>(); });
  if (!loaded.config) throw std::runtime_error(loaded.problems.front().what);
  return std::move(*loaded.config);
}

class DroppingOutput final : public sinks::BlockOutput {
 public:
  void append(sinks::Block block) override { benchmark::DoNotOptimize(block.bytes.data()); }
};

// A transform that has never seen the page: parse, name, filter, render and remember every series.
void learn_series(benchmark::State& state) {
  const config::Config config = load_config();
  const relay::SeriesStages stages(config.sources.front(), config, "");
  DroppingOutput output;
  sinks::BlockWriter writer(output, false, UINT32_MAX, base::system_clock());
  std::uint64_t series = 0;
  for ([[maybe_unused]] auto each : state) {
    relay::Transform transform(config.sources.front(), stages);
    transform.begin(kTimeMs, {&writer});
    transform.feed(page());
    series = transform.finish(true).by_sink.front().written;
  }
  if (series != values().size()) {
    state.SkipWithError("not every series was written");
  }
  count_items(state, series);
}
BENCHMARK(learn_series);

}  // namespace

int main(int argc, char** argv) {
  register_newline_searches();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
