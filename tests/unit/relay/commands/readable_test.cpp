#include "relay/commands/readable.h"

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

#include "relay/commands/text_table.h"

using namespace fedwave::relay;

TEST_CASE("an age is told as finely as it matters") {
  struct Row {
    std::int64_t age_ms;
    std::string text;
  };
  const std::vector<Row> rows = {{0, "0s"},
                                 {999, "0s"},
                                 {1'000, "1s"},
                                 {59'999, "59s"},
                                 {190'400, "3m10s"},
                                 {3'599'999, "59m59s"},
                                 {3'600'000 + 59'000, "1h"},
                                 {5 * 3'600'000 + 12 * 60'000 + 7'000, "5h12m"},
                                 {86'400'000 - 1, "23h59m"},
                                 {2 * 86'400'000 + 7 * 3'600'000 + 59 * 60'000, "2d7h"}};
  for (const Row& row : rows) {
    CAPTURE(row.age_ms);
    CHECK(age_text(row.age_ms) == row.text);
  }
}

TEST_CASE("a size is told in the unit that leaves at most four digits") {
  struct Row {
    std::uint64_t bytes;
    std::string text;
  };
  const std::vector<Row> rows = {{0, "0 B"},
                                 {1023, "1023 B"},
                                 {1024, "1.0 KiB"},
                                 {1536, "1.5 KiB"},
                                 {(1 << 20) - 1, "1.0 MiB"},
                                 {12 << 20, "12.0 MiB"},
                                 {std::uint64_t{3} << 30, "3.0 GiB"},
                                 {std::uint64_t{5000} << 40, "5000.0 TiB"}};
  for (const Row& row : rows) {
    CAPTURE(row.bytes);
    CHECK(bytes_text(row.bytes) == row.text);
  }
}

TEST_CASE("one is singular, everything else is not") {
  CHECK(counted(0, "block") == "0 blocks");
  CHECK(counted(1, "block") == "1 block");
  CHECK(counted(2, "block") == "2 blocks");
}

TEST_CASE("thousands are set apart") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'000) == "1,000");
  CHECK(grouped(12'345'678) == "12,345,678");
  CHECK(grouped(UINT64_MAX) == "18,446,744,073,709,551,615");
}

TEST_CASE("a rate has as many decimals as matter") {
  struct Row {
    double per_second;
    std::string text;
  };
  const std::vector<Row> rows = {{0, "0.00"},    {1.0 / 60, "0.02"},  {0.994, "0.99"},
                                 {0.996, "1.0"}, {15.31, "15.3"},     {99.94, "99.9"},
                                 {99.96, "100"}, {1'666.67, "1,667"}, {1'234'567, "1,234,567"}};
  for (const Row& row : rows) {
    CAPTURE(row.per_second);
    CHECK(rate_text(row.per_second) == row.text);
  }
}

TEST_CASE("a table's columns are as wide as their widest cell, counted in characters") {
  TextTable table({{"NAME"}, {"COUNT", TextTable::Align::Right}, {"NOTE"}});
  table.add({"zürich", "7", ""});
  table.add({"bern", "1000000", "x"});
  std::ostringstream out;
  table.print(out);
  CHECK(out.str() ==
        "NAME      COUNT  NOTE\n"
        "zürich        7\n"
        "bern    1000000  x\n");
}
