#include "relay/receive/line_checker.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace fedwave::receive {
namespace {

constexpr std::int64_t kNowMs = 1'700'000'000'000;

using TagMap = std::map<std::string, std::string, std::less<>>;

LineRules rules() {
  LineRules made;
  made.now_ms = kNowMs;
  return made;
}

CheckedPoint accepted(const std::string& line, LineFormat format = LineFormat::Autodetect,
                      const LineRules& some_rules = rules()) {
  auto result = check_line(line, format, some_rules);
  const auto* rejection = std::get_if<Rejection>(&result);
  INFO((rejection != nullptr ? rejection->text : ""));
  REQUIRE(rejection == nullptr);
  return std::get<CheckedPoint>(std::move(result));
}

Rejection rejected(const std::string& line, LineFormat format = LineFormat::Autodetect,
                   const LineRules& some_rules = rules()) {
  auto result = check_line(line, format, some_rules);
  return std::holds_alternative<Rejection>(result) ? std::get<Rejection>(std::move(result))
                                                   : Rejection{};
}

std::string repeat(std::size_t count, const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string tags(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += " \"k" + std::to_string(i) + "\"=\"v\"";
  return out;
}

TEST_CASE("a metric line is understood in all its parts") {
  const CheckedPoint point = accepted(
      "\"istio.requests.total.value\" 12.5 1700000000 source=\"prom_source\" \"app\"=\"reviews\" "
      "\"le\"=\"+Inf\"");
  CHECK(point.name == "istio.requests.total.value");
  CHECK(point.value == 12.5);
  CHECK(point.timestamp_ms == kNowMs);
  CHECK(point.source == "prom_source");
  CHECK(point.tags == TagMap{{"app", "reviews"}, {"le", "+Inf"}});
  CHECK(!point.is_distribution());
  CHECK(!point.notes.not_finite);
  CHECK(!point.notes.duplicate_tag);
  CHECK(!point.notes.source_filled_in);
  CHECK(!point.notes.invalid_utf8);
}

TEST_CASE("quotes, escapes and bare words are read as the proxy reads them") {
  struct Row {
    std::string line;
    std::string name;
    std::string source;
    TagMap tags;
  };
  const std::vector<Row> rows = {
      {"a.b 1 source=x", "a.b", "x", {}},
      {"'a.b' 1 'source'='x y'", "a.b", "x y", {}},
      {"\ta.b \t 1\tsource = x\t", "a.b", "x", {}},
      {"a.b 1 source=x k=v,w-/:{}", "a.b", "x", {{"k", "v,w-/:{}"}}},
      {R"("a" 1 source="x" "k"="say \"hi\"")", "a", "x", {{"k", "say \"hi\""}}},
      {R"("a" 1 source="x" "k"='it\'s')", "a", "x", {{"k", "it's"}}},
      {R"("a" 1 source="x" "k"="it's")", "a", "x", {{"k", "it's"}}},
      {R"("a" 1 source="x" "k"="a\\b\n")", "a", "x", {{"k", R"(a\\b\n)"}}},
      {R"("a" 1 source="x" "k"="\"")", "a", "x", {{"k", "\""}}},
      {R"("a" 1 source="x" "k"="a\" j=")", "a", "x", {{"k", "a\" j="}}},
      {R"("a"1 source="x")", "a", "x", {}},
      {R"("a" 1 source="x""k"="v")", "a", "x", {{"k", "v"}}},
      {R"("a" 1 source="x" "k"="=")", "a", "x", {{"k", "="}}},
      {R"("a" 1 source="x" k=#)", "a", "x", {{"k", "#"}}},
      {R"("a" 1 source="x" k=b#c)", "a", "x", {{"k", "b#c"}}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const CheckedPoint point = accepted(row.line);
    CHECK(point.name == row.name);
    CHECK(point.source == row.source);
    CHECK(point.tags == row.tags);
  }
}

TEST_CASE("values are what Java's parseDouble takes") {
  struct Row {
    std::string text;
    double value;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<Row> rows = {
      {"0", 0},
      {"-0", -0.0},
      {"42", 42},
      {"-1.5", -1.5},
      {"+7", 7},
      {"1e3", 1000},
      {"1E-2", 0.01},
      {"2.5e+2", 250},
      {".5", 0.5},
      {"5.", 5},
      {"-.5e1", -5},
      {"1d", 1},
      {"1.5f", 1.5},
      {"1e2D", 100},
      {"1e999", infinity},
      {"-1e999", -infinity},
      {"1e-999", 0},
      {"\" 3 \"", 3},
      {"0001", 1},
      {"Infinity", infinity},
      {"-Infinity", -infinity},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const CheckedPoint point = accepted("a " + row.text + " source=x");
    CHECK(point.value == row.value);
    CHECK(std::signbit(point.value) == std::signbit(row.value));
    CHECK(point.notes.not_finite == std::isinf(row.value));
  }
  for (const std::string nan : {"NaN", "+NaN", "-NaN"}) {
    CAPTURE(nan);
    const CheckedPoint point = accepted("a " + nan + " source=x");
    CHECK(std::isnan(point.value));
    CHECK(point.notes.not_finite);
  }
  for (const std::string bad : {"+Inf", "-Inf", "Inf", "inf", "nan", "infinity", "1,5", "1e", "1e+",
                                ".", "-", "+", "--1", "0x10", "1_000", "one", "\"\"", "f", "1dd"}) {
    CAPTURE(bad);
    const Rejection rejection = rejected("a " + bad + " source=x");
    CHECK(rejection.code == 300);
    CHECK(rejection.text.ends_with("is not a value (column 3)"));
  }
}

TEST_CASE("the unit of a timestamp is told by how large it is") {
  struct Row {
    std::string text;
    std::int64_t timestamp_ms;
  };
  const std::vector<Row> rows = {
      {"1700000000", kNowMs},
      {"1700000000.25", kNowMs + 250},
      {"1.7e9", kNowMs},
      {"\"1700000000\"", kNowMs},
      {"1700000000123", kNowMs + 123},
      {"1700000000123456", kNowMs + 123},
      {"1700000000123456789", kNowMs + 123},
      {"", 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(accepted("a 1 " + row.text + " source=x").timestamp_ms == row.timestamp_ms);
  }
}

TEST_CASE("source, host and tag are moved as the proxy moves them") {
  struct Row {
    std::string tags;
    std::string source;
    TagMap kept;
  };
  const std::vector<Row> rows = {
      {"source=s", "s", {}},
      {"host=h", "h", {}},
      {"source=s host=h", "s", {{"_host", "h"}}},
      {"host=h source=s", "s", {{"_host", "h"}}},
      {"source=s tag=t", "s", {{"_tag", "t"}}},
      {"source=s tag=t _tag=u", "s", {{"_tag", "t"}}},
      {"source=first \"source\"=second", "second", {}},
      {"source=s Source=kept", "s", {{"Source", "kept"}}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.tags);
    const CheckedPoint point = accepted("a 1 " + row.tags);
    CHECK(point.source == row.source);
    CHECK(point.tags == row.kept);
  }
}

TEST_CASE("a source can be filled in, and that is noted") {
  LineRules with_default = rules();
  with_default.default_source = "10.0.0.1";
  const CheckedPoint filled = accepted("a 1 k=v", LineFormat::Metric, with_default);
  CHECK(filled.source == "10.0.0.1");
  CHECK(filled.notes.source_filled_in);
  CHECK(!accepted("a 1 host=h", LineFormat::Metric, with_default).notes.source_filled_in);
}

TEST_CASE("a tag given twice and bytes that are not UTF-8 are taken, with a note") {
  const CheckedPoint twice = accepted("a 1 source=s k=1 k=2");
  CHECK(twice.tags == TagMap{{"k", "2"}});
  CHECK(twice.notes.duplicate_tag);
  const std::vector<std::pair<std::string, bool>> rows = {
      {"caf\xC3\xA9", false},
      {"\xE2\x82\xAC", false},
      {"\xF0\x9F\x98\x80", false},
      {"\xF4\x8F\xBF\xBF", false},
      {"caf\xC3", true},
      {"\xE2\x82", true},
      {"\x80", true},
      {"\xC0\xAF", true},
      {"\xED\xA0\x80", true},
      {"\xF4\x90\x80\x80", true},
      {"\xE0\x80\x80", true},
      {"\xF0\x80\x80\x80", true},
      {"\xF8\x88\x80\x80\x80", true},
      {"\xFF", true},
  };
  for (const auto& [value, is_invalid] : rows) {
    CAPTURE(value);
    CHECK(accepted("a 1 source=s k=\"" + value + "\"").notes.invalid_utf8 == is_invalid);
  }
}

TEST_CASE("a distribution line is understood in all its parts") {
  const CheckedPoint point = accepted(
      "!M 1700000000 #20 30.5 #10 5.1 \"request.latency\" source=\"app-1\" \"region\"=\"us\"");
  CHECK(point.is_distribution());
  CHECK(point.granularity == 'M');
  CHECK(point.name == "request.latency");
  CHECK(point.timestamp_ms == kNowMs);
  CHECK(point.source == "app-1");
  CHECK(point.tags == TagMap{{"region", "us"}});
  REQUIRE(point.centroids.size() == 2);
  CHECK(point.centroids[0].count == 20);
  CHECK(point.centroids[0].mean == 30.5);
  CHECK(point.centroids[1].count == 10);
  CHECK(point.centroids[1].mean == 5.1);
}

TEST_CASE("distributions may lack a timestamp, spread out, and carry counts that do not count") {
  struct Row {
    std::string line;
    char granularity;
    std::size_t centroids;
    bool not_finite;
  };
  const std::vector<Row> rows = {
      {"!M #1 2 a source=x", 'M', 1, false},
      {"!H #1 2 a source=x", 'H', 1, false},
      {"!D #1 2 a source=x", 'D', 1, false},
      {"!M # 1 2 # 3 4 a source=x", 'M', 2, false},
      {"!M #1 2 #0 3 #-4 5 a source=x", 'M', 1, false},
      {"!M #+1 -2e3 a source=x", 'M', 1, false},
      {"!M #1 NaN a source=x", 'M', 1, true},
      {"!M" + repeat(100, " #1 2") + " a source=x", 'M', 100, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const CheckedPoint point = accepted(row.line);
    CHECK(point.granularity == row.granularity);
    CHECK(point.centroids.size() == row.centroids);
    CHECK(point.notes.not_finite == row.not_finite);
    CHECK(point.timestamp_ms == 0);
  }
}

TEST_CASE("the format is told by the line only when nobody says it") {
  const std::string distribution = "!M #1 2 a source=x";
  CHECK(accepted(distribution, LineFormat::Histogram).is_distribution());
  CHECK(rejected(distribution, LineFormat::Metric).code == 300);
  CHECK(rejected("a 1 source=x", LineFormat::Histogram).code == 300);
  CHECK(accepted("  " + distribution + "\r").is_distribution());
  // Only with a blank behind it.
  CHECK(rejected("!M#1 2 source=x").code == 400);
}

TEST_CASE("a line that cannot be parsed is WF-300 with the reason and the column") {
  struct Row {
    std::string line;
    std::string reason;
  };
  const std::vector<Row> rows = {
      {"a", "the line ends where a value should be (column 2)"},
      {"\"a 1 source=x", "the quote \" is never closed (column 1)"},
      {R"("a" 1 source="x" "k"="C:\")", "the quote \" is never closed (column 22)"},
      {"a 1 source='x", "the quote ' is never closed (column 12)"},
      {"a 1 2x source=s", "'2x' is not a timestamp (column 5)"},
      {"a 1 -5 source=s", "'-5' is followed by 'source' instead of '=' (column 8)"},
      {"a 1 source", "the line ends where '=' should be (column 11)"},
      {"a 1 source=", "the line ends where a tag's value should be (column 12)"},
      {"a 1 source x", "'source' is followed by 'x' instead of '=' (column 12)"},
      {"a 1 \"\" source=x", "an empty text where a tag should be (column 5)"},
      {"a 1 1700000000 1700000000 source=x",
       "'1700000000' is followed by 'source' instead of '=' (column 27)"},
      {"a 1 source=s k=v w", "the line ends where '=' should be (column 19)"},
      {"a 1 source=s\x04", "'EOT' character is not allowed! (column 13)"},
      {"!M 1700000000 a source=x", "a distribution without centroids (column 15)"},
      {"!M 1700000000", "a distribution without centroids (column 14)"},
      {"!M #1", "the line ends where a centroid's mean should be (column 6)"},
      {"!M #", "the line ends where a centroid's count should be (column 5)"},
      {"!M #1.5 2 a source=x", "'1.5' is not a centroid's count (column 5)"},
      {"!M #2147483648 2 a source=x", "'2147483648' is not a centroid's count (column 5)"},
      {"!M #+-1 2 a source=x", "'+-1' is not a centroid's count (column 5)"},
      {"!M #1 +Inf a source=x", "'+Inf' is not a centroid's mean (column 7)"},
      {"!M #1 2", "the line ends where a name should be (column 8)"},
      {"!M" + repeat(101, " #1 2") + " a source=x", "more than 100 centroids (column 504)"},
      {"@SourceTag action=save source=s", "'action' is not a value (column 12)"},
      {"\"\x01\" x\xFF", "'x?' is not a value (column 5)"},
      {"", "the line ends where a name should be (column 1)"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const Rejection rejection = rejected(row.line);
    CHECK(rejection.code == 300);
    CHECK(rejection.text == "WF-300 Cannot parse: " + row.reason);
  }
  const Rejection wrong_kind = rejected("!X #1 2 a source=x", LineFormat::Histogram);
  CHECK(wrong_kind.text == "WF-300 Cannot parse: '!X' where !M, !H or !D should be (column 1)");
}

TEST_CASE("every limit allows its maximum and rejects one more, with the proxy's code") {
  const std::string delta = "\xE2\x88\x86";
  const std::string other_delta = "\xCE\x94";
  const std::string smile = "\xF0\x9F\x98\x80";
  struct Row {
    std::string line;
    int code;  // 0: accepted
    std::string text = "";
  };
  const std::vector<Row> rows = {
      // 400: the name's characters.
      {"azAZ09,-./_ 1 source=x", 0},
      {"~internal.metric 1 source=x", 0},
      {delta + "counter 1 source=x", 0},
      {other_delta + "counter 1 source=x", 0},
      {delta + "~counter 1 source=x", 0},
      {"a~b 1 source=x", 400, "WF-400: Point metric has illegal character(s): 'a~b'"},
      {"~~a 1 source=x", 400},
      {"~" + delta + "a 1 source=x", 400},
      {"a" + delta + " 1 source=x", 400},
      {"a:b 1 source=x", 400},
      {"\"a b\" 1 source=x", 400},
      {"a\"b 1 source=x", 400},
      {"caf\xC3\xA9 1 source=x", 400},
      {"\"\" 1 source=x", 400},
      {"!M #1 2 a+b source=x", 400},
      // 401: a tag key's characters.
      {"a 1 source=x \"k.-/_,9\"=v", 0},
      {"a 1 source=x \"k:\"=v", 401, "WF-401: Point tag key has illegal character(s): 'k:'"},
      {"a 1 source=x \"\"=v", 401},
      {"a 1 source=x #=v", 401},
      {"a 1 source=x k\"=v", 401},
      // 402: the time.
      {"a 1 1700086399 source=x", 0},
      {"a 1 1700086400 source=x", 402},
      {"a 1 1668464001 source=x", 0},
      {"a 1 1668464000 source=x", 402},
      {"a 1 0 source=x", 402},
      {"a 1 99999999999999999999999 source=x", 402},
      {"!M 1668464000 #1 2 a source=x", 402},
      // 404: what a delta counter may add.
      {delta + "c 0.001 source=x", 0},
      {delta + "c 0 source=x", 404, "WF-404: Delta metrics cannot be non-positive: " + delta + "c"},
      {other_delta + "c -1 source=x", 404},
      {"c -1 source=x", 0},
      // 405: a distribution of nothing.
      {"!M #0 1 #0 2 a source=x", 405, "WF-405: Empty histogram: a"},
      // 406, 407: the source.
      {"a 1", 406, "WF-406: Source/host name is required"},
      {"a 1 k=v", 406},
      {"a 1 source=\"\"", 406},
      {"a 1 source=\" \t\"", 406},
      {"a 1 source=" + std::string(128, 's'), 0},
      {"a 1 source=\"" + repeat(64, smile) + "\"", 0},
      {"a 1 source=\"any thing: \xC3\xA9\"", 0},
      {"a 1 source=" + std::string(129, 's'), 407},
      {"a 1 source=\"" + repeat(65, smile) + "\"", 407},
      // 408, 409: the name's length.
      {std::string(256, 'n') + " 1 source=x", 0},
      {std::string(257, 'n') + " 1 source=x", 408,
       "WF-408: Metric name is too long (257 characters, max: 256): " + std::string(120, 'n') +
           "…"},
      {"!M #1 2 " + std::string(256, 'n') + " source=x", 0},
      {"!M #1 2 " + std::string(257, 'n') + " source=x", 409},
      // 410: how many tags, the source not counted.
      {"a 1 source=x" + tags(20), 0},
      {"a 1 source=x" + tags(21), 410, "WF-410: Too many point tags (21, max 20): a"},
      {"a 1 source=x host=h" + tags(20), 410},
      // 411 to 413: how long they are.
      {"a 1 source=x k=" + std::string(253, 'v'), 0},
      {"a 1 source=x k=" + std::string(254, 'v'), 411},
      {"a 1 source=x " + std::string(64, 'k') + "=" + std::string(190, 'v'), 0},
      {"a 1 source=x " + std::string(64, 'k') + "=" + std::string(191, 'v'), 411},
      {"a 1 source=x k=\"" + repeat(253, "\xC3\xA9") + "\"", 0},
      {"a 1 source=x " + std::string(65, 'k') + "=v", 412},
      // 414: a value that is not there.
      {"a 1 source=x k=\"\"", 414, "WF-414: Point tag value for k is empty or missing"},
      {"a 1 source=x k=\"  \"", 414},
      {"a 1 source=x k=/", 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    const Rejection rejection = rejected(row.line);
    CHECK(rejection.code == row.code);
    if (!row.text.empty()) CHECK(rejection.text == row.text);
    if (row.code != 0) {
      CHECK(rejection.text.starts_with(rejection_code_name(row.code) + ": "));
    }
  }
}

TEST_CASE("limits are those of the rules") {
  LineRules tight = rules();
  tight.limits = {5, 6, 4, 1, 3, 7, 2, 1000, 2000};
  struct Row {
    std::string line;
    int code;
  };
  const std::vector<Row> rows = {
      {"nnnnn 1 source=ssss kkk=vvvvvvv", 0},
      {"nnnnnn 1 source=s", 408},
      {"!M #1 2 nnnnnn source=s", 0},
      {"!M #1 2 nnnnnnn source=s", 409},
      {"n 1 source=sssss", 407},
      {"n 1 source=s a=1 b=2", 410},
      {"n 1 source=s kkkk=v", 412},
      {"n 1 source=s k=vvvvvvvv", 413},
      {"!M #1 2 #3 4 n source=s", 0},
      {"!M #1 2 #3 4 #5 6 n source=s", 300},
      {"n 1 1699999999.001 source=s", 0},
      {"n 1 1699999999 source=s", 402},
      {"n 1 1700000001.999 source=s", 0},
      {"n 1 1700000002 source=s", 402},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    CHECK(rejected(row.line, LineFormat::Autodetect, tight).code == row.code);
  }
}

TEST_CASE("the first check that fails names the code, in the proxy's order") {
  struct Row {
    std::string line;
    int code;
  };
  const std::string long_name(300, ':');
  const std::vector<Row> rows = {
      {long_name + " 1 1 source=\"\"" + tags(21), 402},
      {long_name + " 1 source=\"\"" + tags(21), 406},
      {long_name + " 1 source=s" + tags(21), 408},
      {":: 1 source=s" + tags(21), 400},
      {"a 1 source=s k:=\"\"" + tags(20), 410},
      {"a 1 source=s k:=\"\"", 401},
  };
  for (const Row& row : rows) {
    CAPTURE(row.code);
    CHECK(rejected(row.line).code == row.code);
  }
}

}  // namespace
}  // namespace fedwave::receive
