#include "sinks/number_format.h"

#include <doctest/doctest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

using fedwave::sinks::append_value;
using fedwave::sinks::format_go_g;
using fedwave::sinks::is_wire_number;

namespace {

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
