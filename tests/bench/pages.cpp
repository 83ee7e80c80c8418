#include "tests/bench/pages.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "relay/base/file.h"

namespace fedwave::bench {
namespace {

constexpr std::int64_t kIntervalMs = 60'000;
constexpr std::size_t kPageBytesMax = std::size_t{4} << 30;
constexpr std::string_view kType = "# TYPE ";
constexpr std::string_view kUntyped = " untyped";

[[noreturn]] void refuse(std::size_t line, std::string_view text, const std::string& why) {
  throw std::runtime_error("line " + std::to_string(line) + " of the page " + why + ": " +
                           std::string(text.substr(0, 200)));
}

// The text behind the last blank, which is cut off with it.
std::string_view cut_last_word(std::string_view& text) {
  const std::size_t blank = text.rfind(' ');
  if (blank == std::string_view::npos) return {};
  const std::string_view word = text.substr(blank + 1);
  text = text.substr(0, blank);
  return word;
}

std::int64_t read_timestamp(const SampleText& sample) {
  std::int64_t time_ms = 0;
  const char* const end = sample.timestamp.data() + sample.timestamp.size();
  const auto read = std::from_chars(sample.timestamp.data(), end, time_ms);
  if (sample.timestamp.size() < 4 || read.ptr != end || time_ms < 0) {
    refuse(sample.line, sample.series, "has no timestamp in milliseconds at its end");
  }
  return time_ms;
}

// Another number of the same form: the first digit that counts grows by one, or starts again.
std::string next_value(const SampleText& sample) {
  std::string text(sample.value);
  if (text.find_first_of("nN") != std::string::npos) return text;  // NaN, Inf
  const std::size_t exponent = std::min(text.find('e'), text.size());
  std::size_t digit = text.find_first_of("123456789");
  if (digit >= exponent) digit = exponent - 1;  // of zero the last one
  text[digit] = text[digit] == '9' ? '1' : static_cast<char>(text[digit] + 1);
  double number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    refuse(sample.line, sample.value, "has a value that cannot be read");
  }
  std::array<char, 400> shortest{};
  const auto form =
      exponent < text.size() ? std::chars_format::scientific : std::chars_format::fixed;
  const auto written =
      std::to_chars(shortest.data(), shortest.data() + shortest.size(), number, form);
  return {shortest.data(), written.ptr};
}

// Counts the samples and finds the newest; refuses what the bench does not know.
void survey(Page& page) {
  SampleReader reader(page.text);
  for (SampleText sample; reader.next(sample);) {
    ++page.series;
    page.time_ms = std::max(page.time_ms, read_timestamp(sample));
  }
  if (page.series == 0) throw std::runtime_error("there is no sample on the page");
}

}  // namespace

bool SampleReader::next(SampleText& sample) {
  while (!rest_.empty()) {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++line_;
    if (line.starts_with(kType) && !line.ends_with(kUntyped)) {
      refuse(line_, line, "has a type; a page of /federate is untyped");
    }
    if (line.empty() || line.front() == '#') continue;
    sample.line = line_;
    sample.timestamp = cut_last_word(line);
    sample.value = cut_last_word(line);
    sample.series = line;
    if (sample.value.empty()) refuse(line_, line, "is not \"series value timestamp\"");
    return true;
  }
  return false;
}

Page read_page(const std::string& path) {
  auto text = base::read_file(path, kPageBytesMax);
  if (!text) throw std::runtime_error(text.error().message);
  Page page;
  page.text = std::move(*text);
  survey(page);
  return page;
}

Page next_scrape(const Page& page) {
  Page next;
  next.text.reserve(page.text.size() + page.text.size() / 64);
  std::size_t taken = 0;  // of the page's text
  const auto take_up_to = [&](std::string_view view, std::string_view instead) {
    const auto at = static_cast<std::size_t>(view.data() - page.text.data());
    next.text.append(page.text, taken, at - taken).append(instead);
    taken = at + view.size();
  };
  SampleReader reader(page.text);
  for (SampleText sample; reader.next(sample);) {
    take_up_to(sample.value, next_value(sample));
    take_up_to(sample.timestamp, std::to_string(read_timestamp(sample) + kIntervalMs));
  }
  next.text.append(page.text, taken);
  survey(next);
  return next;
}

}  // namespace fedwave::bench
