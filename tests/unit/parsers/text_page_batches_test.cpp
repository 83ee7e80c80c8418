// How TextPage hands its samples over: in batches, whose lines keep their numbers, their kinds and
// their neighbours' troubles apart. What a single line means is text_parser_test's.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "parsers/text_parser.h"
#include "tests/support/fenced_pages.h"
#include "tests/support/sample_collector.h"

using namespace fedwave::parsers;
using fedwave::support::FencedPages;

namespace {

constexpr std::size_t kLineBytesMax = 300;
constexpr std::size_t kBatch = SampleHandler::kSamplesMax;

// Feeds a page in pieces of at most `piece` bytes, each in memory that the next one overwrites and
// beyond whose end nothing may be read.
void feed_in_pieces(
    TextPage& page, std::string_view text, std::size_t piece,
    const std::function<void(std::string_view)>& before = [](auto) {}) {
  const FencedPages memory;
  const auto room = static_cast<std::size_t>(memory.end() - memory.begin());
  while (!text.empty()) {
    const std::string_view part = text.substr(0, std::min(piece, room));
    text.remove_prefix(part.size());
    std::memset(memory.begin(), '"', room);
    char* const place = memory.end() - part.size();
    std::memcpy(place, part.data(), part.size());
    before({place, part.size()});
    page.feed({place, part.size()});
  }
}

// What the parser makes of the page, fed so, that the slow reference does not; empty for nothing.
std::string difference_in_pieces(const std::string& text, std::size_t piece) {
  fedwave::support::SampleCollector collector;
  TextPage page(collector, kLineBytesMax);
  feed_in_pieces(page, text, piece);
  page.finish(true);
  return difference(collector, page, fedwave::support::parse_reference(text, kLineBytesMax, true));
}

void check_in_pieces(const std::string& text, std::initializer_list<std::size_t> pieces) {
  for (const std::size_t piece : pieces) {
    const std::string found = difference_in_pieces(text, piece);
    if (found.empty()) continue;
    CAPTURE(text);
    CAPTURE(piece);
    REQUIRE(found == "");
  }
}

std::string good_line(std::size_t number) {
  return "m{n=\"" + std::to_string(number) + "\"} 1 1700000000000\n";
}

// The lines as they are given, good ones around them.
std::string page_with(std::size_t before, const std::string& lines, std::size_t after) {
  std::string page;
  for (std::size_t i = 0; i < before; ++i) page += good_line(i);
  page += lines;
  for (std::size_t i = 0; i < after; ++i) page += good_line(before + i);
  return page;
}

// Notes the calls, and refuses what the parser's own functions refuse.
struct Recorder : SampleHandler {
  struct Call {
    std::size_t size;
    std::uint64_t line_number;
  };
  struct Taken {
    std::uint64_t line_number;
    std::string series;
  };

  std::size_t on_samples(std::span<const SampleLineView> samples, std::uint64_t line_number,
                         Malformed& reason) override {
    calls.push_back({samples.size(), line_number});
    for (std::size_t i = 0; i < samples.size(); ++i) {
      check_views(samples[i]);
      reason = refusal(samples[i], samples.size());
      if (reason != Malformed::None) return i;
      taken.push_back({line_number + i, std::string(samples[i].series)});
    }
    return samples.size();
  }
  void on_malformed(std::uint64_t line_number, Malformed reason, std::string_view line) override {
    malformed.push_back({line_number, reason, std::string(line)});
  }

  virtual Malformed refusal(const SampleLineView& sample, std::size_t /*batch*/) {
    const Malformed reason = parse_series(sample.series, buffer);
    double value = 0;
    return reason != Malformed::None ? reason : parse_value(sample.value, value);
  }
  // Within the chunk that is being fed, or within a copy that the page keeps; never across.
  void check_views(const SampleLineView& sample) {
    for (const std::string_view view : {sample.series, sample.value}) {
      const bool begins_inside = view.data() >= chunk.data() && view.data() < chunk.end();
      const bool ends_inside = begins_inside && view.end() <= chunk.end();
      REQUIRE(begins_inside == ends_inside);
      (begins_inside ? views_inside : views_outside) += 1;
    }
  }

  SeriesBuffer buffer;
  std::string_view chunk;
  std::vector<Call> calls;
  std::vector<Taken> taken;
  std::vector<fedwave::support::MalformedLine> malformed;
  std::size_t views_inside = 0;
  std::size_t views_outside = 0;
};

}  // namespace

TEST_CASE("good lines come by sixty-four, in order, and by what a feed has left") {
  Recorder recorder;
  TextPage page(recorder, kLineBytesMax);
  page.feed(page_with(0, "", 2 * kBatch + 5));
  page.feed(page_with(0, "", 3));
  page.finish(true);
  const std::vector<std::size_t> sizes = {kBatch, kBatch, 5, 3};
  REQUIRE(recorder.calls.size() == sizes.size());
  std::uint64_t line_number = 1;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    CHECK(recorder.calls[i].size == sizes[i]);
    CHECK(recorder.calls[i].line_number == line_number);
    line_number += sizes[i];
  }
  for (std::size_t i = 0; i < recorder.taken.size(); ++i) {
    CHECK(recorder.taken[i].line_number == i + 1);
  }
}

TEST_CASE("a malformed line at any place of a batch harms itself alone") {
  // Refused by the handler, by the cut, and by the look at its first byte.
  const std::string bad_lines[] = {"m{x=1} 1\n", "m 1 2 3\n", "m\n", "m 0x1\r\n", ".5 1\n"};
  for (const std::string& bad : bad_lines) {
    for (std::size_t before = 0; before <= kBatch; ++before) {
      check_in_pieces(page_with(before, bad, kBatch - 1 - std::min(before, kBatch - 1)), {8192});
      check_in_pieces(page_with(before, bad + good_line(1) + bad + bad, kBatch), {8192, 700});
    }
  }
}

TEST_CASE("every line of several batches may be malformed") {
  std::string page;
  for (std::size_t i = 0; i < 3 * kBatch; ++i) page += "m{n=" + std::to_string(i) + "} 1\n";
  check_in_pieces(page, {1, 100, 8192});
  Recorder recorder;
  TextPage text(recorder, kLineBytesMax);
  text.feed(page);
  REQUIRE(recorder.malformed.size() == 3 * kBatch);
  for (std::size_t i = 0; i < recorder.malformed.size(); ++i) {
    CHECK(recorder.malformed[i].line_number == i + 1);
    CHECK(recorder.malformed[i].reason == Malformed::MissingQuote);
  }
}

TEST_CASE("an open string goes on in the same batch, in the next one, and in the next feed") {
  const std::string samples[] = {
      "open{x=\"1\n\"} 1\n",                       // joined
      "open{x=\"} 1\n\"} 1 1700000000000\n",       // the first line looks whole
      "open{x=\"} 1 2\nm{n=\"1\"} 1\n\"} 3\n",     // a good line lies within
      "open{x=\"} 1\n",                            // never closed
      "open{x=\"} 1\nopen{x=\"} 1\nm\"} 1\n\"\n",  // given up, and begun again
      "open{x=\"} 1\n\n# TYPE m gauge\n\"} 1\n",   // what is no sample ends a batch
      "open{x=\"} 1\n# TYPE m gauge\nm 1\n",       // a comment given back still declares
      "open{x=\"} 1\\\n\"} 1\n",                   // broken for good
  };
  for (const std::string& sample : samples) {
    for (const std::size_t before : {0, 1, 30, 60, 61, 62, 63, 64, 65, 127}) {
      const std::string page = page_with(before, sample, 70);
      CAPTURE(before);
      check_in_pieces(page, {1, 8, 64, 1000, 8192});
    }
    // The feed ends at every place within and around it.
    const std::string page = page_with(3, sample, 12);
    for (std::size_t first = good_line(0).size(); first < page.size(); ++first) {
      check_in_pieces(page, {first});
    }
  }
}

TEST_CASE("a TYPE line changes the kinds of what follows it and of nothing before") {
  for (std::size_t before = 1; before <= 2 * kBatch; before += 7) {
    CAPTURE(before);
    const std::string page = page_with(before, "# TYPE m gauge\n", 3) +
                             page_with(0, "# TYPE m counter\n", 2) + "# TYPE m untyped\nm 1\n";
    check_in_pieces(page, {8192, 300});
    fedwave::support::SampleCollector collector;
    TextPage text(collector, kLineBytesMax);
    text.feed(page);
    REQUIRE(collector.samples.size() == before + 6);
    for (std::size_t i = 0; i < before + 6; ++i) {
      const SampleKind expected = i < before       ? SampleKind::Untyped
                                  : i < before + 3 ? SampleKind::Gauge
                                  : i < before + 5 ? SampleKind::Counter
                                                   : SampleKind::Untyped;
      CAPTURE(i);
      CHECK(collector.samples[i].kind == expected);
    }
  }
}

TEST_CASE("a timestamp of an earlier batch does not stick to its place in the next one") {
  fedwave::support::SampleCollector collector;
  TextPage text(collector, kLineBytesMax);
  std::string page = page_with(0, "", kBatch);
  for (std::size_t i = 0; i < kBatch; ++i) page += "m{n=\"" + std::to_string(i) + "\"} 1\n";
  text.feed(page);
  REQUIRE(collector.samples.size() == 2 * kBatch);
  for (std::size_t i = 0; i < 2 * kBatch; ++i) {
    CHECK(collector.samples[i].timestamp_ms.has_value() == (i < kBatch));
  }
}

TEST_CASE("every sample and every malformed line comes with the number of its line") {
  std::mt19937 random(5);
  std::string page;
  std::size_t samples = 0;
  std::size_t bad = 0;
  for (std::size_t number = 1; number <= 2000; ++number) {
    const std::string label = "{n=\"" + std::to_string(number) + "\"}";
    switch (random() % 12) {
      case 0:
        page += "\n";
        break;
      case 1:
        page += "# a comment\n";
        break;
      case 2:
        page += "m" + label + " bad\n";
        ++bad;
        break;
      case 3:
        page += "m" + label + std::string(kLineBytesMax, ' ') + "1\n";
        ++bad;
        break;
      case 4:
        page += "m{n=\"" + std::to_string(number) + "\",x=\"\n\"} 1\n";
        ++number;
        ++samples;
        break;
      default:
        page += "m" + label + " 1\n";
        ++samples;
        break;
    }
  }
  const auto number_in = [](const std::string& text) { return std::stoull(text.substr(5)); };
  for (const std::size_t piece : {1, 17, 64, 999, 8192}) {
    CAPTURE(piece);
    Recorder recorder;
    TextPage text(recorder, kLineBytesMax);
    feed_in_pieces(text, page, piece);
    text.finish(true);
    CHECK(recorder.taken.size() == samples);
    CHECK(recorder.malformed.size() == bad);
    for (const auto& taken : recorder.taken) {
      if (taken.line_number != number_in(taken.series)) {
        REQUIRE(taken.series == std::to_string(taken.line_number));
      }
    }
    for (const auto& line : recorder.malformed) {
      if (line.line_number != number_in(line.line)) {
        REQUIRE(line.line == std::to_string(line.line_number));
      }
    }
  }
}

TEST_CASE("what a handler does not take is offered once more, alone, and nothing else is") {
  struct OnceShy final : Recorder {
    Malformed refusal(const SampleLineView& sample, std::size_t batch) override {
      const std::size_t number = std::stoull(std::string(sample.series.substr(5)));
      if (number % 10 == 3 && batch > 1) return Malformed::BadValue;  // not when alone
      return number % 10 == 7 ? Malformed::TooManyLabels : Malformed::None;
    }
  } shy;
  TextPage page(shy, kLineBytesMax);
  page.feed(page_with(0, "", 100));
  page.finish(true);
  REQUIRE(shy.taken.size() == 90);
  for (std::size_t i = 0, number = 0; i < shy.taken.size(); ++i, ++number) {
    if (number % 10 == 7) ++number;
    CHECK(shy.taken[i].line_number == number + 1);
    CHECK(shy.taken[i].series == "m{n=\"" + std::to_string(number) + "\"}");
  }
  REQUIRE(shy.malformed.size() == 10);
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK(shy.malformed[i].line_number == 10 * i + 8);
    CHECK(shy.malformed[i].reason == Malformed::TooManyLabels);
  }
}

TEST_CASE("views lie in the chunk that is fed, or in the page's own copy of a line cut by it") {
  const std::string text = page_with(0, "open{x=\"\n\"} 1\n", 200);
  for (const std::size_t piece : {10, 64, 1000, 8192}) {
    CAPTURE(piece);
    Recorder recorder;
    TextPage page(recorder, kLineBytesMax);
    feed_in_pieces(page, text, piece, [&](std::string_view chunk) { recorder.chunk = chunk; });
    page.finish(true);
    CHECK(recorder.taken.size() == 201);
    const bool has_room_for_lines = piece > good_line(0).size();
    CHECK((recorder.views_inside > 0) == has_room_for_lines);
    CHECK(recorder.views_outside >= 2);  // of the sample that spans lines
  }
}

namespace {

// Mostly what a federated page looks like, with a little of everything that ends a batch.
std::string random_page(unsigned seed, std::size_t lines) {
  std::mt19937 random(seed);
  const auto pick = [&](std::size_t bound) { return random() % bound; };
  const std::string names[] = {"a", "a_count", "a_sum", "a_bucket", "istio_requests_total"};
  const std::string types[] = {"counter", "gauge", "histogram", "summary", "untyped", "info"};
  const std::string values[] = {"1", "2.5", "1.0867e+06", "NaN", "+Inf", "-0", "1e999", "x"};
  const std::string tails[] = {" 1700000000123",  " 1700000000456", "",  " 12",
                               "  1700000000789", " 1 2",           "\r"};
  const std::string odd_lines[] = {"",
                                   "# HELP a text",
                                   "{\"a.b\",x=\"1\"} 1",
                                   "m{x=\"open",
                                   "\"} 1",
                                   "a{x=\"} 1 2",
                                   "   a 1 \t",
                                   "m " + std::string(kLineBytesMax, '1'),
                                   "m{x=\"" + std::string(280, 'y') + "\"} 1",
                                   "a{le=\"1\",} 2 3 ",
                                   "\xEF\xBB\xBF"
                                   "a 1"};
  std::string page;
  for (std::size_t i = 0; i < lines; ++i) {
    const std::string& name = names[pick(std::size(names))];
    if (pick(40) == 0) {
      page += "# TYPE " + name + ' ' + types[pick(std::size(types))] + '\n';
    } else if (pick(25) == 0) {
      page += odd_lines[pick(std::size(odd_lines))] + '\n';
    } else {
      page += name + "{le=\"" + std::to_string(pick(50)) + "\",x=\"} 1 2\"} " +
              values[pick(pick(8) == 0 ? std::size(values) : 3)] +
              tails[pick(pick(8) == 0 ? std::size(tails) : 2)] + '\n';
    }
  }
  return page;
}

}  // namespace

TEST_CASE("a long page in pieces of any size reads as the slow reference reads it") {
  for (const unsigned seed : {1U, 2U, 3U}) {
    CAPTURE(seed);
    const std::string page = random_page(seed, 5'000);
    const auto expected = fedwave::support::parse_reference(page, kLineBytesMax, true);
    CHECK(expected.samples.size() > 3'000);
    CHECK(expected.malformed_lines.size() > 100);
    for (const std::size_t piece :
         {1, 2, 3, 7, 31, 63, 64, 65, 127, 400, 1000, 4095, 4096, 4097, 8191, 8192}) {
      fedwave::support::SampleCollector collector;
      TextPage text(collector, kLineBytesMax);
      feed_in_pieces(text, page, piece);
      text.finish(true);
      CAPTURE(piece);
      REQUIRE(difference(collector, text, expected) == "");
    }
    fedwave::support::SampleCollector collector;
    TextPage text(collector, kLineBytesMax);
    text.feed(page);
    text.finish(true);
    REQUIRE(difference(collector, text, expected) == "");
  }
}
