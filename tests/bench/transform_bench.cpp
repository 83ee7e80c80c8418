// What a series costs between the bytes of a page and the blocks of lines, warm (known, value and
// timestamp changed) and cold (never seen), beside the floor in the same run. Nothing is timed that
// has not been proven: every line of a cold and of a warm scrape is compared with the reference
// first. Times are the thread's CPU time, so that whoever else is on the machine does not count.
#include <getopt.h>
#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/load.h"
#include "relay/allocator.h"
#include "relay/base/clock.h"
#include "relay/base/gzip.h"
#include "relay/series_stages.h"
#include "relay/transform.h"
#include "sinks/block_writer.h"
#include "tests/bench/floor.h"
#include "tests/bench/pages.h"
#include "tests/bench/reference_line.h"

using namespace fedwave;
using bench::Floor;
using bench::Page;
using bench::ReferenceLine;
using bench::SampleText;

namespace {

constexpr std::size_t kPieceBytes = std::size_t{256} << 10;  // as the inflater hands them out
constexpr int kRoundsMax = 1000;

constexpr const char* kUsage =
    R"(usage: transform_bench --page FILE --config FILE [OPTIONS]

Times what a series of the page costs, beside the floor: a loop that only finds, hashes, looks up
and copies. The configuration's first source and all its sinks decide what becomes of the page.

  --page FILE        untyped samples with timestamps, as tests/bench/make_page.py writes them
  --config FILE      a configuration of fedwave
  --wire plain|gzip  how the page comes and the blocks go (default: plain)
  --rounds N         how often each is timed, in turn (default: 7)
  --json             one JSON object instead of a table
  --count warm|cold  run a single scrape, within the function fedwave_counted_scrape, and print the
                     number of series: for valgrind --tool=callgrind
                     --toggle-collect=fedwave_counted_scrape
  --help             this

example:
  tests/bench/make_page.py --series 100000 > page.prom
  transform_bench --page page.prom --config config.yaml --wire gzip

Exit code 1: wrong usage, or a line that is not the one it should be; no figures then.
)";

struct Options {
  std::string page;
  std::string config;
  bool is_gzip = false;
  bool is_json = false;
  int rounds = 7;
  enum class Count { None, Warm, Cold } count = Count::None;
};

[[noreturn]] void wrong_usage(const std::string& why) {
  throw std::runtime_error(why + "; see transform_bench --help");
}

bool is_second(const std::string& option, std::string_view value, std::string_view first,
               std::string_view second) {
  if (value != first && value != second) {
    wrong_usage(option + " is " + std::string(first) + " or " + std::string(second) + ", not \"" +
                std::string(value) + '"');
  }
  return value == second;
}

int read_rounds(const char* text) {
  char* end = nullptr;
  const long rounds = std::strtol(text, &end, 10);
  if (*end != '\0' || rounds < 1 || rounds > kRoundsMax) {
    wrong_usage("--rounds is a number from 1 to " + std::to_string(kRoundsMax) + ", not \"" + text +
                '"');
  }
  return static_cast<int>(rounds);
}

Options read_options(int argc, char** argv) {
  Options options;
  const option known[] = {
      {"page", required_argument, nullptr, 'p'}, {"config", required_argument, nullptr, 'c'},
      {"wire", required_argument, nullptr, 'w'}, {"rounds", required_argument, nullptr, 'r'},
      {"json", no_argument, nullptr, 'j'},       {"count", required_argument, nullptr, 'n'},
      {"help", no_argument, nullptr, 'h'},       {}};
  for (int each = 0; (each = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    if (each == 'p') options.page = optarg;
    if (each == 'c') options.config = optarg;
    if (each == 'w') options.is_gzip = is_second("--wire", optarg, "plain", "gzip");
    if (each == 'r') options.rounds = read_rounds(optarg);
    if (each == 'j') options.is_json = true;
    if (each == 'n') {
      options.count = is_second("--count", optarg, "warm", "cold") ? Options::Count::Cold
                                                                   : Options::Count::Warm;
    }
    if (each == 'h') {
      std::cout << kUsage;
      std::exit(0);
    }
    if (each == '?') wrong_usage("that is no option");
  }
  if (optind < argc) wrong_usage("\"" + std::string(argv[optind]) + "\" is no option");
  if (options.page.empty()) wrong_usage("--page is missing");
  if (options.config.empty()) wrong_usage("--config is missing");
  return options;
}

config::Config read_config(const std::string& path) {
  config::LoadResult loaded = config::load_file(path, config::process_environment());
  if (!loaded.config) {
    throw std::runtime_error(config::format_problem(path, loaded.problems.front()));
  }
  if (loaded.config->sources.empty()) throw std::runtime_error(path + " has no Prometheus source");
  if (loaded.config->sinks.empty()) throw std::runtime_error(path + " has no sink");
  return std::move(*loaded.config);
}

// Two consecutive scrapes of one page, by turns: in each, all that the other had is changed.
struct Scrapes {
  Scrapes(const std::string& path, bool gzip) : is_gzip(gzip) {
    pages[0] = bench::read_page(path);
    pages[1] = bench::next_scrape(pages[0]);
    base::GzipDeflater deflater;
    for (std::size_t i = 0; gzip && i < pages.size(); ++i)
      bodies[i] = deflater.deflate(pages[i].text);
  }
  [[nodiscard]] std::string_view body(std::size_t which) const {
    return is_gzip ? bodies[which] : pages[which].text;
  }
  [[nodiscard]] std::size_t series() const { return pages[0].series; }

  const bool is_gzip;
  std::array<Page, 2> pages;
  std::array<std::string, 2> bodies;
};

// Takes blocks and drops them; their memory goes back to the writer, as a spool's does.
class DroppingOutput final : public sinks::BlockOutput {
 public:
  void append(sinks::Block block) override {
    line_bytes_ += block.line_bytes;
    if (!block.gzip) spare_ = std::move(block.bytes);
  }
  std::string spare_buffer() override { return std::exchange(spare_, {}); }
  void drop_spare() { std::string().swap(spare_); }
  std::size_t take_line_bytes() { return std::exchange(line_bytes_, 0); }

 private:
  std::size_t line_bytes_ = 0;
  std::string spare_;
};

// Takes the blocks of one scrape by one sink and compares every line with the reference.
class ProvingOutput final : public sinks::BlockOutput {
 public:
  explicit ProvingOutput(ReferenceLine reference) : reference_(std::move(reference)) {}

  void begin(const Page& page) {
    samples_.emplace(page.text);
    fates_ = {};
    line_bytes_ = 0;
  }
  void append(sinks::Block block) override {
    const auto lines = sinks::block_lines(block);
    if (!lines) throw std::runtime_error(lines.error().message);
    for (std::string_view rest = *lines; !rest.empty();) {
      const std::size_t bytes = std::min(rest.find('\n') + 1, rest.size());
      compare(rest.substr(0, bytes));
      rest.remove_prefix(bytes);
    }
    line_bytes_ += block.line_bytes;
  }
  // The scrape is over: nothing may be missing, and the counts say what the reference says.
  void finish(const relay::SinkCounts& counts) {
    if (!next_expected().empty()) compare("");
    const auto same = [&](const char* what, std::uint64_t counted, ReferenceLine::Fate fate) {
      const std::uint64_t expected = fates_[static_cast<std::size_t>(fate)];
      if (counted == expected) return;
      throw std::runtime_error("samples counted as " + std::string(what) + ": " +
                               std::to_string(counted) + ", expected: " + std::to_string(expected));
    };
    same("written", counts.written, ReferenceLine::Fate::Written);
    same("filtered", counts.filtered(), ReferenceLine::Fate::NotInAllowList);
    same("not a number", counts.not_a_number, ReferenceLine::Fate::NotANumber);
    same("infinite", counts.infinite, ReferenceLine::Fate::Infinite);
  }
  [[nodiscard]] std::size_t line_bytes() const { return line_bytes_; }

 private:
  // The next line that has to come; empty when none has.
  std::string next_expected() {
    while (samples_->next(sample_)) {
      ReferenceLine::Outcome outcome = reference_.outcome(sample_);
      ++fates_[static_cast<std::size_t>(outcome.fate)];
      if (outcome.fate == ReferenceLine::Fate::Written) return std::move(outcome.line);
    }
    return {};
  }
  void compare(std::string_view written) {
    const std::string expected = next_expected();
    if (written == expected) return;
    const auto shown = [](std::string_view line) {
      return line.empty() ? std::string("(nothing)\n") : std::string(line);
    };
    throw std::runtime_error("a line is wrong, at line " + std::to_string(sample_.line) +
                             " of the page\nwritten:  " + shown(written) +
                             "expected: " + shown(expected));
  }

  const ReferenceLine reference_;
  std::optional<bench::SampleReader> samples_;
  SampleText sample_;
  std::array<std::uint64_t, 4> fates_{};
  std::size_t line_bytes_ = 0;
};

// Scrapes as the relay does it, from the first byte of a body to the last block.
class Scraper {
 public:
  Scraper(const config::Config& config, const Scrapes& scrapes,
          const std::vector<sinks::BlockOutput*>& outputs)
      : scrapes_(scrapes) {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      writers_.push_back(std::make_unique<sinks::BlockWriter>(
          *outputs[i], scrapes.is_gzip, static_cast<std::uint32_t>(config.sinks[i].batch_points),
          base::system_clock()));
      pointers_.push_back(writers_.back().get());
    }
  }

  relay::ScrapeCounts run(relay::Transform& transform, std::size_t which) {
    transform.begin(scrapes_.pages[which].time_ms, pointers_);
    inflater_.reset();
    std::string_view rest = scrapes_.body(which);
    bool is_whole = true;
    while (!rest.empty() && is_whole) {
      const std::string_view piece = rest.substr(0, kPieceBytes);
      is_whole = feed(transform, piece);
      rest.remove_prefix(piece.size());
    }
    return transform.finish(is_whole && (!scrapes_.is_gzip || inflater_.at_end()));
  }

 private:
  bool feed(relay::Transform& transform, std::string_view piece) {
    if (!scrapes_.is_gzip) return transform.feed(piece);
    const auto take = [&transform](std::string_view text) { return transform.feed(text); };
    return inflater_.feed(piece, take).has_value();
  }

  const Scrapes& scrapes_;
  base::GzipInflater inflater_;
  std::vector<std::unique_ptr<sinks::BlockWriter>> writers_;
  std::vector<sinks::BlockWriter*> pointers_;
};

}  // namespace

// The only thing that callgrind counts.
extern "C" [[gnu::noinline]] void fedwave_counted_scrape(const std::function<void()>& scrape) {
  scrape();
}

namespace {

enum class Known { None, All };

// What must hold of every scrape, timed or not.
void check_counts(const relay::ScrapeCounts& counts, const relay::Transform& transform,
                  std::size_t series, Known known) {
  if (const base::Error* failure = transform.failure()) throw std::runtime_error(failure->message);
  const std::size_t new_series = known == Known::None ? series : 0;
  if (counts.read != series || counts.new_series != new_series || counts.malformed_total() > 0) {
    throw std::runtime_error(
        "of " + std::to_string(series) + " samples " + std::to_string(counts.read) +
        " were read, " + std::to_string(counts.malformed_total()) + " malformed, " +
        std::to_string(counts.new_series) + " new instead of " + std::to_string(new_series));
  }
}

std::size_t resident_bytes() {
  std::size_t all_pages = 0;
  std::size_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> all_pages >> resident_pages;
  return resident_pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

double thread_cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

template <class Work>
double cpu_ns_of(Work work) {
  const double begin = thread_cpu_ns();
  work();
  return thread_cpu_ns() - begin;
}

// Each pass begins with what it reads in the cache, as far as there is room, as if it had just
// arrived; without this, who comes second in a round would find what the first has fetched.
void fetch(std::string_view text) {
  constexpr std::size_t kCacheLineBytes = 64;
  unsigned char sum = 0;
  for (std::size_t i = 0; i < text.size(); i += kCacheLineBytes) {
    sum = static_cast<unsigned char>(sum + static_cast<unsigned char>(text[i]));
  }
  [[maybe_unused]] const volatile unsigned char kept = sum;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Nanoseconds of one series, round by round.
struct Timing {
  const char* name;
  std::vector<double> ns{};
};

struct Figures {
  std::uint64_t lines = 0;
  std::size_t resident_bytes = 0;  // by which the process grew
  std::size_t table_series = 0;
  Timing floor{"floor"};
  Timing warm{"warm"};
  Timing cold{"cold"};
};

class Bench {
 public:
  Bench(const Options& options, const config::Config& config, const Scrapes& scrapes)
      : options_(options),
        config_(config),
        scrapes_(scrapes),
        stages_(config.sources.front(), config, ""),
        outputs_(config.sinks.size()) {}

  Figures run() {
    Figures figures;
    figures.resident_bytes = learn();
    prove();
    learn_floor();
    figures.lines = lines_;
    figures.table_series = living_.series();
    time(figures);
    return figures;
  }

  // Returns the number of samples of the one scrape.
  std::size_t count();

 private:
  std::vector<sinks::BlockOutput*> dropping() {
    std::vector<sinks::BlockOutput*> pointers;
    for (DroppingOutput& output : outputs_) pointers.push_back(&output);
    return pointers;
  }
  relay::Transform fresh() const { return {config_.sources.front(), stages_}; }

  std::size_t learn();
  void prove();
  void learn_floor();
  void time(Figures& figures);
  double time_floor(std::size_t which);
  double time_scrape(Scraper& scraper, relay::Transform& transform, std::size_t which, Known known);

  const Options& options_;
  const config::Config& config_;
  const Scrapes& scrapes_;
  const relay::SeriesStages stages_;
  std::vector<DroppingOutput> outputs_;
  relay::Transform living_{config_.sources.front(), stages_};
  Floor floor_;
  std::uint64_t lines_ = 0;                     // of one scrape, for all sinks
  std::array<std::size_t, 2> line_bytes_ = {};  // of each of the scrapes, likewise
};

// The first scrape of the transform that lives on; returns by how much the process has grown when
// all else of that scrape is gone.
std::size_t Bench::learn() {
  ::malloc_trim(0);
  const std::size_t before = resident_bytes();
  check_counts(Scraper(config_, scrapes_, dropping()).run(living_, 0), living_, scrapes_.series(),
               Known::None);
  for (DroppingOutput& output : outputs_) output.drop_spare();
  ::malloc_trim(0);
  const std::size_t after = resident_bytes();
  return after > before ? after - before : 0;
}

void Bench::prove() {
  std::vector<std::unique_ptr<ProvingOutput>> proofs;
  std::vector<sinks::BlockOutput*> pointers;
  for (const config::Sink& sink : config_.sinks) {
    proofs.push_back(std::make_unique<ProvingOutput>(ReferenceLine(config_, sink)));
    pointers.push_back(proofs.back().get());
  }
  Scraper scraper(config_, scrapes_, pointers);
  const auto prove_one = [&](relay::Transform& transform, std::size_t which, Known known) {
    for (const auto& proof : proofs) proof->begin(scrapes_.pages[which]);
    const relay::ScrapeCounts counts = scraper.run(transform, which);
    check_counts(counts, transform, scrapes_.series(), known);
    lines_ = 0;
    for (std::size_t i = 0; i < proofs.size(); ++i) {
      proofs[i]->finish(counts.by_sink[i]);
      lines_ += counts.by_sink[i].written;
      line_bytes_[which] += proofs[i]->line_bytes();
    }
  };
  relay::Transform new_one = fresh();
  prove_one(new_one, 0, Known::None);
  prove_one(living_, 1, Known::All);
}

// Its lines are the reference's too, but for the value, which it copies as it stands.
void Bench::learn_floor() {
  const ReferenceLine reference(config_, config_.sinks.front());
  const auto prepare = [&](std::string_view series) { return reference.prepared(series); };
  floor_.learn(scrapes_.pages[0].text, prepare);
  bench::SampleReader samples(scrapes_.pages[1].text);
  SampleText sample;
  const std::size_t met = floor_.pass(scrapes_.pages[1].text, [&](std::string_view lines) {
    while (!lines.empty() && samples.next(sample)) {
      const bench::PreparedLine line = prepare(sample.series);
      std::string expected = line.head;
      expected.append(sample.value).append(1, ' ').append(sample.timestamp);
      expected.replace(expected.size() - 3, 3, line.tail);
      if (!lines.starts_with(expected)) {
        throw std::runtime_error("the floor's line is not " + expected);
      }
      lines.remove_prefix(expected.size());
    }
  });
  if (met != scrapes_.series() || samples.next(sample)) {
    throw std::runtime_error("the floor has left out samples");
  }
}

double Bench::time_floor(std::size_t which) {
  fetch(scrapes_.pages[which].text);
  std::size_t met = 0;
  const double ns =
      cpu_ns_of([&] { met = floor_.pass(scrapes_.pages[which].text, [](std::string_view) {}); });
  if (met != scrapes_.series()) throw std::runtime_error("the floor has left out samples");
  return ns / static_cast<double>(met);
}

double Bench::time_scrape(Scraper& scraper, relay::Transform& transform, std::size_t which,
                          Known known) {
  fetch(scrapes_.body(which));
  relay::ScrapeCounts counts(0);
  const double ns = cpu_ns_of([&] { counts = scraper.run(transform, which); });
  check_counts(counts, transform, scrapes_.series(), known);
  std::uint64_t lines = 0;
  std::size_t line_bytes = 0;
  for (const relay::SinkCounts& sink : counts.by_sink) lines += sink.written;
  for (DroppingOutput& output : outputs_) line_bytes += output.take_line_bytes();
  if (lines != lines_ || line_bytes != line_bytes_[which]) {
    throw std::runtime_error("a timed scrape has written other lines than the proven one");
  }
  return ns / static_cast<double>(scrapes_.series());
}

void Bench::time(Figures& figures) {
  Scraper scraper(config_, scrapes_, dropping());
  for (DroppingOutput& output : outputs_) output.take_line_bytes();
  for (int round = 0; round < options_.rounds; ++round) {
    const auto which = static_cast<std::size_t>(round % 2);  // the living one had the other last
    figures.floor.ns.push_back(time_floor(which));
    figures.warm.ns.push_back(time_scrape(scraper, living_, which, Known::All));
    relay::Transform new_one = fresh();
    figures.cold.ns.push_back(time_scrape(scraper, new_one, which, Known::None));
  }
}

std::size_t Bench::count() {
  Scraper scraper(config_, scrapes_, dropping());
  const bool is_warm = options_.count == Options::Count::Warm;
  if (is_warm) check_counts(scraper.run(living_, 0), living_, scrapes_.series(), Known::None);
  relay::ScrapeCounts counts(0);
  fedwave_counted_scrape([&] { counts = scraper.run(living_, is_warm ? 1 : 0); });
  check_counts(counts, living_, scrapes_.series(), is_warm ? Known::All : Known::None);
  return counts.read;
}

// The figures as they are printed, in either form.
class Report {
 public:
  Report(const Figures& figures, const Scrapes& scrapes)
      : figures_(figures),
        series_(scrapes.series()),
        text_bytes_(scrapes.pages[0].text.size()),
        wire_(scrapes.is_gzip ? "gzip" : "plain") {}

  void print_json() const {
    std::printf("{\"series\": %zu, \"lines\": %ju, \"text_bytes\": %zu, \"wire\": \"%s\"", series_,
                std::uintmax_t{figures_.lines}, text_bytes_, wire_);
    for (const Timing* timing : {&figures_.floor, &figures_.warm, &figures_.cold}) {
      std::printf(", \"%s_ns\": %.2f, \"%s_gb_per_s\": %.4f, \"%s_rounds_ns\": [", timing->name,
                  median(timing->ns), timing->name, gb_per_s(*timing), timing->name);
      for (std::size_t i = 0; i < timing->ns.size(); ++i) {
        std::printf("%s%.2f", i == 0 ? "" : ", ", timing->ns[i]);
      }
      std::printf("]");
    }
    std::printf(", \"warm_ratio\": %.3f, \"cold_ratio\": %.3f", ratio(figures_.warm),
                ratio(figures_.cold));
    std::printf(", \"resident_bytes_per_series\": %.1f, \"table_series\": %zu}\n",
                resident_bytes_per_series(), figures_.table_series);
  }

  void print_table() const {
    std::printf("%zu series (%zu in the table), %ju lines written, %.1f MB of text, wire %s\n",
                series_, figures_.table_series, std::uintmax_t{figures_.lines},
                static_cast<double>(text_bytes_) / 1e6, wire_);
    std::printf("resident: %.0f bytes a series\n\n", resident_bytes_per_series());
    std::printf("%-7s%12s%10s%10s%8s%10s\n", "", "ns/series", "least", "most", "GB/s", "to floor");
    for (const Timing* timing : {&figures_.floor, &figures_.warm, &figures_.cold}) {
      const auto [least, most] = std::minmax_element(timing->ns.begin(), timing->ns.end());
      std::printf("%-7s%12.1f%10.1f%10.1f%8.2f%10.2f\n", timing->name, median(timing->ns), *least,
                  *most, gb_per_s(*timing), ratio(*timing));
    }
  }

 private:
  [[nodiscard]] double gb_per_s(const Timing& timing) const {
    return static_cast<double>(text_bytes_) / static_cast<double>(series_) / median(timing.ns);
  }
  [[nodiscard]] double ratio(const Timing& timing) const {
    return median(timing.ns) / median(figures_.floor.ns);
  }
  [[nodiscard]] double resident_bytes_per_series() const {
    return static_cast<double>(figures_.resident_bytes) / static_cast<double>(series_);
  }

  const Figures& figures_;
  const std::size_t series_;
  const std::size_t text_bytes_;
  const char* const wire_;
};

void run(const Options& options) {
  const config::Config config = read_config(options.config);
  const Scrapes scrapes(options.page, options.is_gzip);
  Bench bench(options, config, scrapes);
  if (options.count != Options::Count::None) {
    std::printf("%zu\n", bench.count());
    return;
  }
  const Figures figures = bench.run();
  const Report report(figures, scrapes);
  options.is_json ? report.print_json() : report.print_table();
}

}  // namespace

int main(int argc, char** argv) {
  relay::tune_allocator();  // a first scrape depends on how its tables get their memory
  try {
    run(read_options(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "transform_bench: %s\n", error.what());
    return 1;
  }
}
