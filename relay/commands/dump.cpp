#include "relay/commands/dump.h"

#include <algorithm>
#include <iostream>

#include "relay/base/clock.h"
#include "relay/base/file.h"
#include "relay/commands/check.h"
#include "relay/commands/exit_code.h"
#include "relay/commands/malformed_text.h"
#include "relay/commands/page_bytes.h"
#include "relay/commands/point_printer.h"
#include "relay/count_text.h"
#include "relay/curl_client.h"
#include "relay/scraper.h"
#include "sinks/block_writer.h"

namespace fedwave::relay {
namespace {

constexpr std::uint64_t kMalformedShown = 100;  // the rest is counted
constexpr std::size_t kStdinBytesMax = std::size_t{8} << 30;

// Stands where a relay has a spool: prints the lines at once.
class PrintingOutput final : public sinks::BlockOutput {
 public:
  explicit PrintingOutput(PointPrinter& printer) : printer_(printer) {}
  void append(sinks::Block block) override { printer_.print(block.bytes); }

 private:
  PointPrinter& printer_;
};

// Without a configuration: the one URL (or the input in its place) as it is, unfiltered.
std::optional<config::Config> bare_config(const std::string& url) {
  std::string source = "name: input, url: 'http://input/'";
  if (!url.empty()) {
    source = "url: '";
    for (const char c : url) source += c == '\'' ? "\'\'" : std::string(1, c);
    source += "'";
  }
  const std::string yaml =
      "sources: {prometheus_sources: [{" + source + "}]}\nsinks: [{type: stdout}]\n";
  config::LoadResult loaded = config::load_text("--url", yaml, config::process_environment());
  for (const config::Problem& problem : loaded.problems) {
    std::cerr << "fedwave: --url: " << problem.what << (problem.advice.empty() ? "" : "; ")
              << problem.advice << '\n';
  }
  return std::move(loaded.config);
}

// What is dumped: the chosen sources, seen by one sink.
std::optional<config::Config> choose(const DumpOptions& options) {
  auto loaded = options.config_file.empty() ? bare_config(options.url)
                                            : load_or_explain(options.config_file, std::cerr);
  if (!loaded) return {};
  config::Config& config = *loaded;
  const auto keep_named = [](auto& items, const std::string& name, const char* what) {
    if (name.empty()) return true;
    std::string names;
    for (const auto& item : items) names += (names.empty() ? "" : ", ") + item.name;
    std::erase_if(items, [&](const auto& item) { return item.name != name; });
    if (items.empty())
      std::cerr << "fedwave: there is no " << what << " \"" << name << "\"; there is: " << names
                << '\n';
    return !items.empty();
  };
  if (!keep_named(config.sources, options.source, "source")) return {};
  if (!keep_named(config.sinks, options.sink, "sink")) return {};
  if (config.sinks.size() > 1) {
    std::cerr << "fedwave: showing what goes to the sink \"" << config.sinks.front().name
              << "\"; choose another one with --sink\n";
    config.sinks.resize(1);
  }
  return loaded;
}

// One dump in progress: where lines go and what was met on the way.
class Dump {
 public:
  Dump(const DumpOptions& options, const config::Config& config)
      : options_(options),
        config_(config),
        printer_(options.format),
        output_(printer_),
        writer_(output_, false, UINT32_MAX, base::system_clock()) {}

  int run();

 private:
  void dump_inputs(const config::Source& source);
  base::Expected<void> read_input(const std::string& path,
                                  const std::function<bool(std::string_view)>& take);
  bool feed_file(const std::string& path, Transform& transform);
  void dump_scrape(const config::Source& source);
  void listen(Transform& transform);
  void note(const config::Source& source, const std::string& where,
            const std::optional<base::Error>& error, const ScrapeCounts& counts);

  const DumpOptions& options_;
  const config::Config& config_;
  PointPrinter printer_;
  PrintingOutput output_;
  sinks::BlockWriter writer_;
  std::optional<std::string> stdin_text_;
  bool unreadable_ = false;
  std::uint64_t malformed_ = 0;
};

void Dump::listen(Transform& transform) {
  transform.on_malformed_line(
      [this](std::uint64_t line, parsers::Malformed reason, std::string_view text) {
        ++malformed_;
        if (malformed_ > kMalformedShown) return;
        std::cerr << format_malformed(line, reason, text) << '\n';
      });
}

void Dump::note(const config::Source& source, const std::string& where,
                const std::optional<base::Error>& error, const ScrapeCounts& counts) {
  // A source without a name of its own is called by its URL: once is enough.
  const std::string place =
      "fedwave: " + (source.name == where ? "" : "source \"" + source.name + "\": ") + where;
  if (error) {
    unreadable_ = true;
    std::cerr << place << ": " << error->message << '\n';
    return;
  }
  if (malformed_ > kMalformedShown) {
    std::cerr << place << ": more malformed lines: " << malformed_text(counts) << '\n';
  }
  const SinkCounts& sink = counts.by_sink.front();
  if (counts.read == 0) {
    std::cerr << place << " is empty: no match[] in the URL, or nothing matches it\n";
    return;
  }
  if (sink.written + sink.converted == 0) {
    std::cerr << place << ": none of " << counts.read << " samples is left: " << sink.filtered()
              << " dropped by filters (" << filtered_text(sink) << "), " << sink.repeated
              << " repeated, " << sink.rejected() << " rejected\n";
  }
  if (sink.converted > 0 && sink.distributions == 0) {
    std::cerr
        << place << ": " << sink.converted
        << " samples went into histograms that need the next scrape to compare with; give it as "
           "another --input\n";
  }
  if (const std::string reasons = rejected_text(sink); !reasons.empty()) {
    std::cerr << place << ": samples that cannot be sent: " << reasons << '\n';
  }
  if (const std::string repairs = repaired_text(counts); !repairs.empty()) {
    std::cerr << place << ": repaired: " << repairs << '\n';
  }
}

// Standard input can be read only once, but stands in for every source.
base::Expected<void> Dump::read_input(const std::string& path,
                                      const std::function<bool(std::string_view)>& take) {
  if (path != "-") return base::read_pieces(path, take);
  if (!stdin_text_) {
    auto text = base::read_file(path, kStdinBytesMax);
    if (!text) return text.error();
    stdin_text_ = std::move(*text);
  }
  take(*stdin_text_);
  return {};
}

// True when the page was read to its end (or to a limit, which the transform tells).
bool Dump::feed_file(const std::string& path, Transform& transform) {
  PageBytes page([&transform](std::string_view text) { return transform.feed(text); });
  auto read = read_input(path, [&page](std::string_view piece) { return page.feed(piece); });
  if (read) read = page.finish(path);
  if (read) return true;
  unreadable_ = true;
  std::cerr << "fedwave: " << read.error().message << '\n';
  return false;
}

// Consecutive scrapes of one page, the last of them now.
void Dump::dump_inputs(const config::Source& source) {
  const SeriesStages stages(source, config_, "");
  Transform transform(source, stages);
  listen(transform);
  const std::int64_t interval_ms =
      options_.interval_ms > 0 ? options_.interval_ms : source.interval_ms;
  const auto count = static_cast<std::int64_t>(options_.inputs.size());
  std::int64_t start_ms = base::system_clock().wall_ms() - (count - 1) * interval_ms;
  for (const std::string& path : options_.inputs) {
    transform.begin(start_ms, {&writer_});
    const bool read = feed_file(path, transform);
    const ScrapeCounts counts = transform.finish(read);
    const base::Error* failure = transform.failure();
    if (read) note(source, path, failure ? std::optional(*failure) : std::nullopt, counts);
    start_ms += interval_ms;
  }
}

void Dump::dump_scrape(const config::Source& source) {
  std::vector<std::string> addresses = resolve_targets(source);
  if (addresses.size() < 2) addresses = {""};  // as the name resolves
  for (const std::string& address : addresses) {
    Target target(config_, source, address, make_curl_client(), base::system_clock());
    listen(target.transform());
    const ScrapeResult result = target.scrape({&writer_}, nullptr);
    note(source, source.url, result.error, result.counts);
  }
}

int Dump::run() {
  for (const config::Source& source : config_.sources) {
    options_.inputs.empty() ? dump_scrape(source) : dump_inputs(source);
  }
  if (!printer_.end()) {
    std::cerr << "fedwave: cannot write to standard output\n";
    return kExitUsage;
  }
  if (unreadable_) return kExitUnreadable;
  return options_.strict && malformed_ > 0 ? kExitMalformed : kExitOk;
}

}  // namespace

int dump_command(const DumpOptions& options) {
  if (options.config_file.empty() && options.url.empty() && options.inputs.empty()) {
    std::cerr << "fedwave: dump needs --config FILE, --url URL or --input FILE\n";
    return kExitUsage;
  }
  const auto config = choose(options);
  if (!config) return kExitUsage;
  return Dump(options, *config).run();
}

}  // namespace fedwave::relay
