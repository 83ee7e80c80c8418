#include "parsers/sample_cut.h"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fenced_pages.h"
#include "tests/support/reference_cut.h"

using namespace fedwave::parsers;
using fedwave::support::broken_cut_rule;
using fedwave::support::FencedPages;

namespace {

// Where a read too far, to either side, ends the test.
class Fence {
 public:
  void check(const std::string& line) const {
    if (line.empty()) return;
    for (char* place : {pages_.begin(), pages_.end() - line.size()}) {
      std::memcpy(place, line.data(), line.size());
      const std::string broken = broken_cut_rule({place, line.size()});
      if (broken.empty()) continue;
      CAPTURE(line);
      CAPTURE(line.size());
      REQUIRE(broken == "");
    }
  }

 private:
  FencedPages pages_;
};

std::string trimmed(const std::string& line) {
  const std::size_t first = line.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t") + 1 - first);
}

// Lines from a grammar that is good more often than not.
class LineMaker {
 public:
  explicit LineMaker(unsigned seed) : random_(seed) {}

  std::string make() {
    std::string line = series() + before_value() + value();
    if (pick(4) != 0) line += blanks() + timestamp();
    if (pick(20) == 0) line += any({" 1", " # {x=\"1\"} 2", "}", "\r", " x"});
    if (pick(3) == 0) hurt(line);
    return trimmed(line);
  }
  std::size_t pick(std::size_t bound) { return random_() % bound; }

 private:
  std::string any(const std::vector<std::string>& choices) { return choices[pick(choices.size())]; }
  std::string blanks() { return any({" ", " ", " ", " ", "\t", "  ", " \t "}); }
  std::string before_value() { return pick(12) == 0 ? "" : blanks(); }
  std::string quoted() {
    std::string text = "\"";
    for (std::size_t parts = pick(4); parts > 0; --parts) {
      text += any({"x", "reviews-v2", "} 1 2", "} 5 1700000000000", " ", "\t", "{", "}", ",", "=",
                   "\\\"", "\\\\", "\\n", "\xC3\xA9", "10.0.0.1:9090"});
    }
    return text + '"';
  }
  std::string series() {
    std::string text = any({"a", "up", "istio_requests_total", ":rule:a", std::string(70, 'n')});
    if (pick(4) == 0) return text;
    if (pick(8) == 0) text = "";
    text += any({"", "", "", " "}) + '{';
    if (text == "{") text += "\"a.b\",";
    for (std::size_t i = 0, labels = pick(5); i < labels; ++i) {
      text += 'l' + std::to_string(i) + '=' + quoted() + any({",", ",", ", ", ""});
    }
    return text + '}';
  }
  std::string value() {
    return any({"1", "0", "-2.5", "1.0867e+06", "NaN", "+Inf", ".5", "1e999", "x", "1}", "2\t3",
                "1x", std::string(40, '1'), std::string(60, '7'), "0x1"});
  }
  std::string timestamp() {
    return any({"1700000000123",
                "1700000000123",
                "1700000000123",
                "9999999999999",
                "0000000000000",
                "0000000000001",
                "170000000012",
                "17000000001234",
                "00001700000000123",
                "0",
                "17",
                "9223372036854775807",
                "9223372036854775808",
                "-170000000000",
                "+170000000000",
                "170000000x123",
                "17000000001.3",
                "/700000000123",
                "170000000012:",
                "x"});
  }
  void hurt(std::string& line) {
    constexpr std::string_view kBytes = "\"{}\\,=# \t1a/:\xFF\xBA\r";
    const std::size_t at = pick(line.size());
    switch (pick(3)) {
      case 0:
        line[at] = kBytes[pick(kBytes.size())];
        break;
      case 1:
        line.insert(at, 1, kBytes[pick(kBytes.size())]);
        break;
      default:
        line.erase(at, 1 + pick(3));
        break;
    }
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("a line is cut into series, value and timestamp") {
  struct Row {
    std::string line;
    std::string series;
    std::string value;
    std::int64_t timestamp_ms;  // below 0 for none
  };
  const std::string labels = R"({app="reviews",version="v2",namespace="bookinfo"})";
  const Row rows[] = {
      {"a 1", "a", "1", -1},
      {"a 1 2", "a", "1", 2},
      {"a{x=\"} 1 2\"} 3", "a{x=\"} 1 2\"}", "3", -1},
      {"a{}3", "a{}", "3", -1},
      {"a{}3 4", "a{}", "3", 4},
      {"m" + labels + " 17 1700000000123", "m" + labels, "17", 1'700'000'000'123},
      {"m" + labels + " 17 0000000000123", "m" + labels, "17", 123},
      {"m" + labels + " 17 9999999999999", "m" + labels, "17", 9'999'999'999'999},
      {"m" + labels + " 17 170000000012", "m" + labels, "17", 170'000'000'012},
      {"m" + labels + " 17 17000000001234", "m" + labels, "17", 17'000'000'001'234},
      {"m" + labels + "\t17  1700000000123", "m" + labels, "17", 1'700'000'000'123},
      {"m" + labels + " 17", "m" + labels, "17", -1},
      {"m" + labels + " 1700000000123", "m" + labels, "1700000000123", -1},
      {std::string(60, 'm') + " 17 1700000000123", std::string(60, 'm'), "17", 1'700'000'000'123},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    SampleLineView cut;
    REQUIRE(cut_sample(row.line, cut));
    CHECK(cut.series == row.series);
    CHECK(cut.value == row.value);
    REQUIRE(cut.has_timestamp == (row.timestamp_ms >= 0));
    if (cut.has_timestamp) CHECK(cut.timestamp_ms == row.timestamp_ms);
  }
}

TEST_CASE("a line without a value, or with a timestamp that is none, is not cut") {
  const std::string labels = R"({app="reviews",version="v2",namespace="bookinfo"})";
  const std::string lines[] = {"a",
                               "a{}",
                               labels,
                               "a 1 -1",
                               "a 1 1.5",
                               "m" + labels + " 17 170000000012x",
                               "m" + labels + " 17 -700000000123",
                               "m" + labels + " 17 9223372036854775808"};
  for (const std::string& line : lines) {
    CAPTURE(line);
    SampleLineView cut;
    CHECK_FALSE(cut_sample(line, cut));
  }
}

TEST_CASE("every byte but a digit spoils a timestamp, at each of its thirteen places") {
  const std::string line = R"(istio_requests_total{app="reviews",version="v2"} 17 1700000000123)";
  const Fence fence;
  for (std::size_t place = 0; place < 13; ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string hurt = line;
      hurt[line.size() - 1 - place] = static_cast<char>(byte);
      const bool is_digit = byte >= '0' && byte <= '9';
      fence.check(trimmed(hurt));
      // These make it another line, with its value elsewhere.
      if (byte == ' ' || byte == '\t' || byte == '}') continue;
      SampleLineView cut;
      CAPTURE(hurt);
      REQUIRE(cut_sample(hurt, cut) == is_digit);
    }
  }
}

TEST_CASE("lines around the length that the fast cut looks at are cut alike") {
  const Fence fence;
  const std::string values[] = {"1",
                                "-2.5",
                                "1.0867e+06",
                                "}",
                                "1}",
                                "{",
                                "NaN",
                                std::string(21, '4'),
                                "1\t2",
                                "1 2",
                                "18446744073709551",
                                std::string(45, '3'),
                                "0.12345",
                                "2.5e-07 1e3",
                                "\"} 5"};
  const std::string timestamps[] = {"",           " 1700000000123",  " 170000000012",
                                    "\t17000000", " 17000000001234", "  1700000000123",
                                    "}",          " 1700000 000123", " 1700000000123 1"};
  const std::string openings[] = {"m{x=\"", "m{x=\"} 1 ", "{\"m\",x=\" ", "m", "m{", "\"} "};
  const std::string closings[] = {"\"} ", "\"}", "\" }\t", " ", "\\\"} ", "\"}  "};
  std::size_t checked = 0;
  for (const std::string& opening : openings) {
    for (const std::string& closing : closings) {
      for (const std::string& value : values) {
        for (const std::string& timestamp : timestamps) {
          const std::size_t others =
              opening.size() + closing.size() + value.size() + timestamp.size();
          for (std::size_t bytes = 40; bytes <= 60; ++bytes) {
            if (others >= bytes) continue;
            fence.check(
                trimmed(opening + std::string(bytes - others, 'y') + closing + value + timestamp));
            ++checked;
          }
        }
      }
    }
  }
  CHECK(checked > 50'000);
}

TEST_CASE("random lines, good and damaged, are cut as a slow reading from the front cuts them") {
  LineMaker maker(20'260'101);
  const Fence fence;
  std::size_t accepted = 0;
  std::size_t usual = 0;
  constexpr std::size_t kLines = 200'000;
  for (std::size_t i = 0; i < kLines; ++i) {
    const std::string line = maker.make();
    fence.check(line);
    SampleLineView cut;
    if (line.empty() || !cut_sample(line, cut)) continue;
    if (!fedwave::support::is_accepted(cut.series, cut.value)) continue;
    ++accepted;
    usual += line.size() > 48 && line.ends_with(" 1700000000123") ? 1U : 0U;
  }
  // The generator must reach all sides for the comparison to mean something.
  CHECK(accepted > kLines / 5);
  CHECK(accepted < kLines / 5 * 4);
  CHECK(usual > kLines / 50);
}

TEST_CASE("a timestamp alone is digits that fit into 64 bits") {
  struct Row {
    std::string text;
    bool is_good;
    std::int64_t expected;
  };
  const Row rows[] = {{"0", true, 0},
                      {"0012", true, 12},
                      {"9223372036854775807", true, INT64_MAX},
                      {"00009223372036854775807", true, INT64_MAX},
                      {"9223372036854775808", false, 0},
                      {"", false, 0},
                      {"-1", false, 0},
                      {"+1", false, 0},
                      {"1 ", false, 0},
                      {"1x", false, 0}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    std::int64_t timestamp_ms = 0;
    REQUIRE(parse_timestamp(row.text, timestamp_ms) == row.is_good);
    if (row.is_good) CHECK(timestamp_ms == row.expected);
  }
}
