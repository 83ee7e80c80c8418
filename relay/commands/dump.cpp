#include "relay/commands/dump.h"

#include <iostream>

#include "relay/base/clock.h"
#include "relay/commands/chosen_config.h"
#include "relay/commands/exit_code.h"
#include "relay/commands/page_reading.h"
#include "relay/commands/page_scrapes.h"
#include "relay/commands/point_printer.h"
#include "relay/commands/terminal.h"
#include "relay/count_text.h"
#include "sinks/block_writer.h"

namespace fedwave::relay {
namespace {

// Stands where a relay has a spool: prints the lines at once.
class PrintingOutput final : public sinks::BlockOutput {
 public:
  PrintingOutput(PointPrinter& printer, PageReading& reading)
      : printer_(printer), reading_(reading) {}
  void append(sinks::Block block) override {
    reading_.clear_progress();
    printer_.print(block.bytes);
  }

 private:
  PointPrinter& printer_;
  PageReading& reading_;
};

// What a page has left of interest beyond its lines.
void tell_counts(const config::Source& source, const std::string& where,
                 const ScrapeCounts& counts) {
  if (counts.read == 0) return;
  const std::string place = PageReading::place(source, where);
  const SinkCounts& sink = counts.by_sink.front();
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

int dump(const DumpOptions& options, const config::Config& config) {
  PageReading reading(std::cerr);
  PointPrinter printer(options.format);
  PrintingOutput output(printer, reading);
  sinks::BlockWriter writer(output, false, UINT32_MAX, base::system_clock());
  for (const config::Source& source : config.sources) {
    PageScrapes(config, source, options.inputs, options.interval_ms, reading)
        .take({&writer}, [&](const std::string& where, bool is_whole, const ScrapeCounts& counts) {
          if (is_whole) tell_counts(source, where, counts);
        });
  }
  if (!printer.end()) {
    tell_unwritten_stdout(std::cerr);
    return kExitUnreadable;
  }
  if (reading.has_failed()) return kExitUnreadable;
  return options.strict && reading.malformed() > 0 ? kExitMalformed : kExitOk;
}

}  // namespace

int dump_command(const DumpOptions& options) {
  if (options.config_file.empty() && options.url.empty() && options.inputs.empty()) {
    std::cerr << "fedwave: dump needs --config FILE, --url URL or --input FILE\n";
    return kExitUsage;
  }
  auto config = choose_config({.config_file = options.config_file,
                               .url = options.url,
                               .source = options.source,
                               .sink = options.sink},
                              std::cerr);
  if (!config) return kExitUsage;
  keep_first_sink(*config, std::cerr);
  return dump(options, *config);
}

}  // namespace fedwave::relay
