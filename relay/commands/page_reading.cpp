#include "relay/commands/page_reading.h"

#include <iostream>
#include <utility>

#include "relay/base/clock.h"
#include "relay/base/file.h"
#include "relay/commands/malformed_text.h"
#include "relay/commands/readable.h"
#include "relay/count_text.h"

namespace fedwave::relay {
namespace {

constexpr std::uint64_t kMalformedShown = 100;  // the rest is counted
constexpr std::size_t kStdinBytesMax = std::size_t{8} << 30;

}  // namespace

PageReading::PageReading(std::ostream& err)
    : err_(err), progress_(std::cerr, is_terminal_stderr(), base::system_clock()) {}

std::string PageReading::place(const config::Source& source, const std::string& where) {
  // A source without a name of its own is called by its URL: once is enough.
  return "fedwave: " + (source.name == where ? "" : "source \"" + source.name + "\": ") + where;
}

// Standard input can be read only once, but stands in for every source.
base::Expected<void> PageReading::read_bytes(const std::string& path, const PageBytes::Take& take) {
  if (path != "-") return base::read_pieces(path, take);
  if (!stdin_text_) {
    auto text = base::read_file(path, kStdinBytesMax);
    if (!text) return text.error();
    stdin_text_ = std::move(*text);
  }
  take(*stdin_text_);
  return {};
}

bool PageReading::read(const std::string& path, const PageBytes::Take& take) {
  std::uint64_t bytes = 0;
  PageBytes page([&](std::string_view text) {
    bytes += text.size();
    progress_.show([&] { return "reading " + path + ": " + bytes_text(bytes); });
    return take(text);
  });
  auto read = read_bytes(path, [&page](std::string_view piece) { return page.feed(piece); });
  if (read) read = page.finish(path);
  progress_.clear();
  if (read) return true;
  has_failed_ = true;
  err_ << "fedwave: " << read.error().message << '\n';
  return false;
}

ScrapeResult PageReading::scrape(Target& target, const config::Source& source,
                                 const std::vector<sinks::BlockWriter*>& writers,
                                 const PageBytes::Take& take) {
  std::uint64_t bytes = 0;
  const auto text = [&] { return "scraping " + target.label() + ": " + bytes_text(bytes); };
  target.on_text([&](std::string_view piece) {
    bytes += piece.size();
    progress_.show(text);
    if (take) take(piece);
  });
  progress_.show(text);
  ScrapeResult result = target.scrape(writers, nullptr);
  target.on_text(nullptr);
  progress_.clear();
  tell_page(source, source.url, result.error, result.counts);
  return result;
}

void PageReading::tell_malformed(std::uint64_t line, parsers::Malformed reason,
                                 std::string_view text) {
  ++malformed_;
  if (malformed_ > kMalformedShown) return;
  progress_.clear();
  err_ << format_malformed(line, reason, text) << '\n';
}

void PageReading::tell_page(const config::Source& source, const std::string& where,
                            const std::optional<base::Error>& error, const ScrapeCounts& counts) {
  progress_.clear();
  if (error) {
    has_failed_ = true;
    err_ << place(source, where) << ": " << error->message << '\n';
    return;
  }
  if (malformed_ > kMalformedShown) {
    err_ << place(source, where) << ": more malformed lines: " << malformed_text(counts) << '\n';
  }
  if (counts.read == 0) {
    err_ << place(source, where) << " is empty: no match[] in the URL, or nothing matches it\n";
  }
}

}  // namespace fedwave::relay
