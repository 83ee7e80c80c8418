#include "sinks/number_format.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fenced_pages.h"

using fedwave::sinks::append_value;
using fedwave::sinks::format_go_g;
using fedwave::sinks::wire_text;
using fedwave::sinks::WireBuffer;

namespace {

// Whether it is copied as it is.
bool is_wire_number(std::string_view text) {
  WireBuffer buffer;
  const std::string_view wire = wire_text(text, buffer);
  return !wire.empty() && wire.data() == text.data() && wire.size() == text.size();
}

std::string value_text(double value) {
  std::string out;
  append_value(out, value);
  return out;
}

double read_back(const std::string& text) {
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  REQUIRE(result.ptr == text.data() + text.size());
  return value;
}

std::string text_for_wire(std::string_view text) {
  WireBuffer buffer;
  return std::string(wire_text(text, buffer));
}

// That what goes on the wire without a double is what goes there by way of one, for a number as
// Prometheus prints it. True when it went without.
bool check_printed(double value) {
  const std::string printed = format_go_g(value);
  const std::string text = text_for_wire(printed);
  CAPTURE(printed);
  const double magnitude = std::abs(value);
  const bool must_go = magnitude >= 1e-21 && magnitude < 1e22;
  if (must_go || !text.empty()) REQUIRE(text == value_text(value));
  return !text.empty();
}

}  // namespace

TEST_CASE("a value is written as the shortest decimal without an exponent") {
  struct Row {
    double value;
    std::string text;
  };
  const std::vector<Row> rows = {
      {0, "0"},
      {-0.0, "0"},
      {1, "1"},
      {-3.5, "-3.5"},
      {12.47, "12.47"},
      {0.1, "0.1"},
      {-0.001, "-0.001"},
      {4e-07, "0.0000004"},
      {1.7560473e+07, "17560473"},
      {123456.789, "123456.789"},
      {1e21, "1000000000000000000000"},
      {1e23, "100000000000000000000000"},
      {-1.5e22, "-15000000000000000000000"},
      {9007199254740991.0, "9007199254740991"},
      {9007199254740992.0, "9007199254740992"},
      {9007199254740994.0, "9007199254740994"},
      {18446744073709551616.0, "18446744073709552000"},
      {0.1 + 0.2, "0.30000000000000004"},
      {1234567890.1234567, "1234567890.1234567"},
      {5e-324, "0." + std::string(323, '0') + "5"},
      {1.7976931348623157e308, "17976931348623157" + std::string(292, '0')},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(value_text(row.value) == row.text);
  }
}

TEST_CASE("any finite double reads back as itself from what is written for it") {
  std::mt19937_64 random(42);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    const std::string text = value_text(value);
    CAPTURE(text);
    REQUIRE(read_back(text) == value);
    REQUIRE(text.find_first_not_of("-.0123456789") == std::string::npos);
  }
}

TEST_CASE("only a canonical decimal of at most 17 significant digits is a wire number") {
  struct Row {
    std::string text;
    bool expected;
  };
  const std::vector<Row> rows = {
      {"0", true},
      {"7", true},
      {"1027", true},
      {"-3.5", true},
      {"0.5", true},
      {"-0.5", true},
      {"0.0000004", true},
      {"100", true},
      {"12345678901234567", true},
      {"0.30000000000000004", true},
      {"-0.00030000000000000004", true},
      {"1234567890.1234567", true},
      {"", false},
      {"-", false},
      {".", false},
      {"-.5", false},
      {".5", false},
      {"5.", false},
      {"0.", false},
      {"-0", false},
      {"-0.0", false},
      {"0.0", false},
      {"1.50", false},
      {"007", false},
      {"00", false},
      {"00.5", false},
      {"+1", false},
      {"1e3", false},
      {"1.5e3", false},
      {"1_000", false},
      {"0x10", false},
      {"1.2.3", false},
      {"1-", false},
      {"NaN", false},
      {"+Inf", false},
      {"inf", false},
      {" 1", false},
      {"1 ", false},
      {"123456789012345678", false},
      {"1.23456789012345678", false},
      {"0.123456789012345678", false},
      {"0.0000000000000000000000001", false},
      {"100000000000000000000000", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(is_wire_number(row.text) == row.expected);
  }
}

TEST_CASE("what is written for a value is a wire number, unless it is very long") {
  std::mt19937_64 random(43);
  for (int i = 0; i < 20000; ++i) {
    const double value = static_cast<double>(random() % 1'000'000'000'000) / 1000.0;
    const std::string text = value_text(value);
    CAPTURE(text);
    REQUIRE(is_wire_number(text));
  }
}

TEST_CASE("the point of a number with an exponent is moved where that is certain") {
  struct Row {
    std::string text;
    std::string expected;
  };
  const std::vector<Row> rows = {
      {"1e+06", "1000000"},
      {"-1e+06", "-1000000"},
      {"1.234567e+06", "1234567"},
      {"1.2345675e+06", "1234567.5"},
      {"-1.2345675e+06", "-1234567.5"},
      {"1.7560473e+07", "17560473"},
      {"9.007199254740991e+15", "9007199254740991"},
      {"1.8446744073709552e+19", "18446744073709552000"},
      {"1e+21", "1000000000000000000000"},
      {"1.2345678901234567e+21", "1234567890123456700000"},
      {"1e-05", "0.00001"},
      {"1.5e-05", "0.000015"},
      {"-2.5e-07", "-0.00000025"},
      {"-1.2345678901234567e-21", "-0.0000000000000000000012345678901234567"},
      {"1.5e+00", "1.5"},
      {"1.5e-00", "1.5"},
      {"1.25e+01", "12.5"},
      {"1.25e-01", "0.125"},
      // Left to append_value.
      {"1e+22", ""},
      {"1e-22", ""},
      {"1e+100", ""},
      {"1e-300", ""},
      {"1e+006", ""},
      {"1e+6", ""},
      {"1e06", ""},
      {"1e6", ""},
      {"1E+06", ""},
      {"1.e+06", ""},
      {".5e+06", ""},
      {"e+06", ""},
      {"-e+06", ""},
      {"0e+06", ""},
      {"0.5e+06", ""},
      {"1.50e+06", ""},
      {"1.0e+06", ""},
      {"10e+06", ""},
      {"12.5e+06", ""},
      {"1,5e+06", ""},
      {"1.5e 06", ""},
      {"1.5e+0x", ""},
      {"1.5e+x6", ""},
      {"1.5f+06", ""},
      {"+1.5e+06", ""},
      {"--1e+06", ""},
      {"1e+06 ", ""},
      {"1.5e", ""},
      {"1.5e+", ""},
      {"1.5e+1", ""},
      {"1.2.3e+06", ""},
      {"1.23456789012345678e+06", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(text_for_wire(row.text) == row.expected);
    CHECK_FALSE(is_wire_number(row.text));
  }
}

TEST_CASE("a wire number is handed back itself, not a copy") {
  WireBuffer buffer;
  const std::string text = "-12.5";
  CHECK(wire_text(text, buffer).data() == text.data());
  CHECK(wire_text(text, buffer).size() == text.size());
}

TEST_CASE("a number as Prometheus prints it goes on the wire as if it had been read") {
  std::mt19937_64 random(44);
  // Any double at all; most are too large or too small.
  for (int i = 0; i < 200'000; ++i) {
    const double value = std::bit_cast<double>(random());
    if (std::isfinite(value)) check_printed(value);
  }
  // Doubles of any digits around the sizes that are moved, and their neighbours of few digits.
  constexpr int kLowestBinary = -80;
  constexpr int kBinaryRange = 160;
  int moved = 0;
  for (int i = 0; i < 200'000; ++i) {
    const auto binary_exponent = kLowestBinary + static_cast<int>(random() % kBinaryRange);
    const double mantissa = 1 + std::ldexp(static_cast<double>(random() >> 12), -52);
    const double value = std::ldexp(mantissa, binary_exponent);
    moved += check_printed(value) ? 1 : 0;
    moved +=
        check_printed(-std::ldexp(1.0 + static_cast<double>(random() % 64) / 64, binary_exponent));
  }
  CHECK(moved > 300'000);
  // What is typical: counts, sums of seconds, sizes, ratios.
  for (int i = 0; i < 200'000; ++i) {
    const auto count = static_cast<double>(random() >> (1 + random() % 63));
    for (const double unit : {1.0, 10.0, 1000.0, 1e6, 1e9}) check_printed(count / unit);
  }
  for (const double value :
       {0.0, 1e5, 999999.0, 999999.5, 1e6, 1e-4, 9.999e-05, 1e15, 9007199254740991.0,
        9007199254740992.0, 9007199254740994.0, 1e21, 9.99999999999999e21}) {
    CHECK(check_printed(value));
    if (value != 0) CHECK(check_printed(-value));
  }
  CHECK_FALSE(check_printed(-0.0));
}

TEST_CASE("a number is looked at and nothing before or after it") {
  const fedwave::support::FencedPages pages;
  for (const std::string_view text :
       {"7", "42", "-42", "1234", "123456789", "0.5", "-12.47", "0.30000000000000004",
        "-0.00012345678901234567", "1e+06", "-1e-05", "1.234567e+06", "-1.2345678901234567e+06"}) {
    for (char* begin : {pages.begin(), pages.end() - text.size()}) {
      std::copy(text.begin(), text.end(), begin);
      CAPTURE(text);
      CHECK(text_for_wire({begin, text.size()}) == value_text(read_back(std::string(text))));
    }
  }
}

TEST_CASE("a bound is written as Go prints it") {
  struct Row {
    double value;
    std::string text;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<Row> rows = {
      {0, "0"},
      {-0.0, "-0"},
      {1, "1"},
      {21, "21"},
      {2.5, "2.5"},
      {-2.5, "-2.5"},
      {0.005, "0.005"},
      {0.0001, "0.0001"},
      {0.00001, "1e-05"},
      {0.000025, "2.5e-05"},
      {100000, "100000"},
      {123456.7, "123456.7"},
      {999999, "999999"},
      {1e6, "1e+06"},
      {3.6e6, "3.6e+06"},
      {1234567, "1.234567e+06"},
      {123456789, "1.23456789e+08"},
      {1e21, "1e+21"},
      {1e100, "1e+100"},
      {5e-324, "5e-324"},
      {0.99, "0.99"},
      {infinity, "+Inf"},
      {-infinity, "-Inf"},
      {std::nan(""), "NaN"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(format_go_g(row.value) == row.text);
  }
}
