// How commands read pages: from files (plain, gzip, standard input) or by a scrape, with progress
// on a terminal, and with a word on standard error about everything that was wrong. One object a
// command, main's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "config/config.h"
#include "parsers/text_parser.h"
#include "relay/base/expected.h"
#include "relay/commands/page_bytes.h"
#include "relay/commands/progress_line.h"
#include "relay/scrape_counts.h"
#include "relay/scraper.h"

namespace fedwave::relay {

class PageReading {
 public:
  // Messages go to `err`, progress always to standard error.
  explicit PageReading(std::ostream& err);

  // The page's text, piece by piece. False when the file could not be read to its end, which has
  // been told; a `take` that ends the reading early is no such failure.
  bool read(const std::string& path, const PageBytes::Take& take);

  // `take`, which may be null, sees the page's text as well. What was wrong has been told.
  ScrapeResult scrape(Target& target, const config::Source& source,
                      const std::vector<sinks::BlockWriter*>& writers, const PageBytes::Take& take);

  // Tells of one line; beyond some hundred they are only counted.
  void tell_malformed(std::uint64_t line, parsers::Malformed reason, std::string_view text);
  // Tells what a page was like on the whole: its error, or that it is empty.
  void tell_page(const config::Source& source, const std::string& where,
                 const std::optional<base::Error>& error, const ScrapeCounts& counts);

  // "fedwave: source "x": page.prom", as messages about a page begin.
  [[nodiscard]] static std::string place(const config::Source& source, const std::string& where);

  // While something takes its time. The text is asked for only when it is shown.
  void show_progress(const std::function<std::string()>& text) { progress_.show(text); }
  // Before anything else is written to a terminal.
  void clear_progress() { progress_.clear(); }

  [[nodiscard]] bool has_failed() const { return has_failed_; }  // a page could not be read
  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }

 private:
  base::Expected<void> read_bytes(const std::string& path, const PageBytes::Take& take);

  std::ostream& err_;
  ProgressLine progress_;
  std::optional<std::string> stdin_text_;
  bool has_failed_ = false;
  std::uint64_t malformed_ = 0;
};

}  // namespace fedwave::relay
