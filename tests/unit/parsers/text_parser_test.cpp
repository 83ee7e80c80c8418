#include "parsers/text_parser.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <ctime>
#include <limits>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/sample_collector.h"

using namespace fedwave::parsers;
using fedwave::support::difference;
using fedwave::support::parse_reference;
using fedwave::support::ReferenceSample;
using fedwave::support::SampleCollector;

namespace {

constexpr std::size_t kLineBytesMax = std::size_t{1} << 20;

const char* kind_name(SampleKind kind) {
  switch (kind) {
    case SampleKind::Untyped:
      return "untyped";
    case SampleKind::Gauge:
      return "gauge";
    case SampleKind::Counter:
      return "counter";
    case SampleKind::SummaryQuantile:
      return "quantile";
    case SampleKind::SummaryCount:
      return "summary count";
    case SampleKind::SummarySum:
      return "summary sum";
    case SampleKind::HistogramBucket:
      return "bucket";
    case SampleKind::HistogramCount:
      return "histogram count";
    case SampleKind::HistogramSum:
      return "histogram sum";
    case SampleKind::Own:
      break;
  }
  return "?";
}

// name{label=value,…} value @timestamp
std::string show(const ReferenceSample& sample) {
  std::ostringstream text;
  text << sample.name;
  if (!sample.labels.empty()) {
    text << '{';
    for (const auto& [name, value] : sample.labels) text << name << '=' << value << ',';
    text << '}';
  }
  text << ' ' << sample.value;
  if (sample.timestamp_ms) text << " @" << *sample.timestamp_ms;
  if (sample.kind != SampleKind::Untyped) text << ' ' << kind_name(sample.kind);
  return text.str();
}

struct Lines : std::vector<std::string> {
  using vector::vector;
  friend std::ostream& operator<<(std::ostream& out, const Lines& lines) {
    for (const auto& line : lines) out << line << " | ";
    return out;
  }
};

struct Reading {
  explicit Reading(std::string_view text, std::size_t chunk_bytes = std::string_view::npos,
                   std::size_t line_bytes_max = kLineBytesMax, bool is_complete = true)
      : page(collector, line_bytes_max) {
    while (!text.empty()) {
      const std::string chunk(text.substr(0, chunk_bytes));  // views into it die with it
      page.feed(chunk);
      text.remove_prefix(chunk.size());
    }
    page.finish(is_complete);
  }

  // Every sample as "2: a{x=1,} 3", then every malformed line as "3: bad_value".
  [[nodiscard]] Lines lines() const {
    Lines out;
    for (const auto& s : collector.samples) {
      out.push_back(std::to_string(s.line_number) + ": " + show(s));
    }
    for (const auto& m : collector.malformed) {
      out.push_back(std::to_string(m.line_number) + ": " + malformed_name(m.reason));
    }
    return out;
  }

  SampleCollector collector;
  TextPage page;
};

struct Row {
  std::string line;
  std::string expected;  // a sample as show() has it, "" for nothing, or "!reason"
};

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.line);
    // Between two good lines: a malformed one must harm itself alone.
    const Reading reading("before 1\n" + row.line + "\nafter 2\n");
    Lines expected = {"1: before 1"};
    const bool is_malformed = row.expected.starts_with('!');
    if (!is_malformed && !row.expected.empty()) expected.push_back("2: " + row.expected);
    expected.push_back("3: after 2");
    if (is_malformed) expected.push_back("2: " + row.expected.substr(1));
    CHECK(reading.lines() == expected);
    CHECK(reading.page.lines() == 3);
  }
}

const std::string kEverything =
    "# HELP h Some help with a \\\\ and \xC3\xA9\n"
    "# TYPE h histogram\n"
    "h_bucket{le=\"0.5\"} 1 1700000000000\n"
    "h_bucket{le=\"+Inf\",x=\"} 1 2\"} 3\n"
    "\n"
    "   h_sum\t4.25  \n"
    "h_count 5\n"
    "# TYPE \"a.b\" counter\n"
    "{\"a.b\",\"c.d\"=\"\\\"e\\\\\",f=\"g\",} +1e3\n"
    "raw{x=\"one\ntwo\r\n\nfour\"} 7 0012\n"
    "broken{x=\"open\n"
    "good 1\n"
    "crlf 1\r\n"
    "# comment\r\n"
    "bad 0x1f\n"
    "# TYPE good  gauge\n"
    "{x=\"1\"} 1\n"
    "s{x=\"1\"}NaN\n"
    "a 1 2 3\n"
    "this line is much longer than the sixty-four bytes which the page of this test allows 1\n"
    "# EOF\n"
    "open{x=\"no end\n"
    "last -Inf";

}  // namespace

TEST_CASE("names and separators are taken as Prometheus takes them") {
  check_rows({
      {"", ""},
      {" \t ", ""},
      {"a 1", "a 1"},
      {"  \ta 1", "a 1"},
      {"a\t1\t2\t ", "a 1 @2"},
      {"_:a1:b 1", "_:a1:b 1"},
      {"a{} 1", "a 1"},
      {"a {} 1", "a 1"},
      {"a{}1", "a 1"},
      {"a{}1 2", "a 1 @2"},
      {"a \t{x=\"1\"} 1", "a{x=1,} 1"},
      {"a{x=\"1\"}1", "a{x=1,} 1"},
      {"a{ x = \"1\" , y\t=\t\"2\" , } 1", "a{x=1,y=2,} 1"},
      {"a{x=\"1\",} 1", "a{x=1,} 1"},
      {"a{x=\"1\" y=\"2\"} 1", "a{x=1,y=2,} 1"},
      {"a{x=\"1\"y=\"2\"} 1", "a{x=1,y=2,} 1"},
      {"a{,} 1", "!bad_separator"},
      {"a{,x=\"1\"} 1", "!bad_separator"},
      {"a{x=\"1\",,} 1", "!bad_separator"},
      {"a{x=\"1\",,y=\"2\"} 1", "!bad_separator"},
      {"a{x=\"\"} 1", "a{x=,} 1"},
      {"1a 1", "!bad_name"},
      {"a.b 1", "!bad_name"},
      {"a-b{x=\"1\"} 1", "!bad_name"},
      {"a.5 1", "!bad_name"},
      {"a+1", "!bad_name"},
      {"\xC3\xA9 1", "!bad_name"},
      {"a{x.y=\"1\"} 1", "!bad_label_name"},
      {"a{x:y=\"1\"} 1", "!bad_label_name"},
      {"a{1x=\"1\"} 1", "!bad_label_name"},
      {"a{=\"1\"} 1", "!bad_label_name"},
      {"a{\"\"=\"1\"} 1", "!bad_label_name"},
      {"a{x} 1", "!missing_equals"},
      {"a{x \"1\"} 1", "!missing_equals"},
      {"a{x=1} 1", "!missing_quote"},
      {"a{x='1'} 1", "!missing_quote"},
      {"a{x=} 1", "!missing_quote"},
      {"a{x=\"1\" 1", "!bad_label_name"},
      {"a{x=\"1\"", "!unterminated_labels"},
      {"a{", "!unterminated_labels"},
      {"a{x", "!unterminated_labels"},
      {"a{}{} 1", "!bad_value"},
      {"a{} {} 1", "!bad_value"},
      {"a} 1", "!bad_name"},
      {"} 1", "!bad_name"},
      {"a{x=\"1\",x=\"2\"} 1", "!duplicate_label"},
      {"a{x=\"1\",\"x\"=\"1\"} 1", "!duplicate_label"},
      {"a{__name__=\"b\"} 1", "!name_label"},
      {"{\"a\",\"__name__\"=\"b\"} 1", "!name_label"},
      {"{__name__=\"b\"} 1", "!missing_name"},
  });
}

TEST_CASE("a name may be quoted inside the braces, once and at any place") {
  check_rows({
      {"{\"a.b\"} 1", "a.b 1"},
      {"{\"a.b\",} 1", "a.b 1"},
      {"{\"a.b\",c=\"d\"}1 2", "a.b{c=d,} 1 @2"},
      {"{c=\"d\",\"a b\"} 1", "a b{c=d,} 1"},
      {"{c=\"d\" \"a\\\"b\" , e=\"f\"} 1", "a\"b{c=d,e=f,} 1"},
      {"{\"\xC3\xA9\",\"l.x\"=\"v\"} 1", "\xC3\xA9{l.x=v,} 1"},
      {"{\"a\",\"b\"} 1", "!name_label"},
      {"a{\"b\"} 1", "!name_label"},
      {"{\"\",\"a\"} 1", "!name_label"},
      {"{\"\"} 1", "!missing_name"},
      {"{x=\"1\"} 1", "!missing_name"},
      {"{x=\"1\"}1", "!missing_name"},
      {"{} 1", "!missing_name"},
      {"{,} 1", "!bad_separator"},
      {"{\"a\",,b=\"c\"} 1", "!bad_separator"},
      {"{\"a\" b=\"c\"} 1", "!bad_separator"},
      {"{\"a\xFF\"} 1", "!invalid_utf8"},
      {"{\"a\",\"\xFF\"=\"1\"} 1", "!invalid_utf8"},
      {"\"a\" 1", "!bad_name"},
  });
}

TEST_CASE("quoted strings hold anything, and three escapes mean something") {
  check_rows({
      {R"(a{x="\\ \" \n"} 1)", "a{x=\\ \" \n,} 1"},
      {R"(a{x="\\n"} 1)", "a{x=\\n,} 1"},
      {R"(a{x="\t\x\}"} 1)", "a{x=\\t\\x\\},} 1"},
      {R"(a{x="} 1 2"} 3)", "a{x=} 1 2,} 3"},
      {R"(a{x="{}",y="}"} 3 4)", "a{x={},y=},} 3 @4"},
      {R"(a{x="\"} 1 2"} 3)", "a{x=\"} 1 2,} 3"},
      {R"(a{x="\\"} 3)", "a{x=\\,} 3"},
      {R"(a{x="# HELP"} 3)", "a{x=# HELP,} 3"},
      {std::string("a{x=\"\r\t\0\"} 1", 12), std::string("a{x=\r\t\0,} 1", 11)},
      {"a{x=\"\xF0\x9F\x98\x80\"} 1", "a{x=\xF0\x9F\x98\x80,} 1"},
      {"a{x=\"\xFF\"} 1", "!invalid_utf8"},
      {"a{x=\"\xC3\"} 1", "!invalid_utf8"},
      {"a{x=\"\xED\xA0\x80\"} 1", "!invalid_utf8"},
      {R"(a{x="1} 1)", "!unterminated_string"},
      {R"(a{x="1\"} 1)", "!unterminated_string"},
      {R"(a{x="} 1)", "!unterminated_string"},
      {R"(a{x="} 1 2)", "!unterminated_string"},
      {R"(a{x="1\)", "!unterminated_string"},
      {R"({"a 1)", "!unterminated_string"},
  });
}

TEST_CASE("a value is a number as Go reads one, without hexadecimal and underscores") {
  struct ValueRow {
    std::string text;
    Malformed reason;
    double value;
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::string zeros(400, '0');
  const std::vector<ValueRow> rows = {
      {"0", Malformed::None, 0},
      {"-0", Malformed::None, -0.0},
      {"+42", Malformed::None, 42},
      {"0042", Malformed::None, 42},
      {".5", Malformed::None, 0.5},
      {"-.5", Malformed::None, -0.5},
      {"5.", Malformed::None, 5},
      {"5.e1", Malformed::None, 50},
      {"1E3", Malformed::None, 1000},
      {"1e+3", Malformed::None, 1000},
      {"1.0867e+06", Malformed::None, 1086700},
      {"0.1", Malformed::None, 0.1},
      {"9007199254740993", Malformed::None, 9007199254740992},
      {"1.7976931348623157e308", Malformed::None, 1.7976931348623157e308},
      {"4e-324", Malformed::None, 5e-324},
      {"1e-999", Malformed::None, 0},
      {"-1e-999", Malformed::None, -0.0},
      {"1e-99999999999999999999", Malformed::None, 0},
      {"0." + zeros + "1", Malformed::None, 0},
      {"0." + zeros + "1e401", Malformed::None, 1},
      {"1" + zeros + "e-400", Malformed::None, 1},
      {"0e99999999999999999999", Malformed::None, 0},
      {"inf", Malformed::None, kInfinity},
      {"+Inf", Malformed::None, kInfinity},
      {"-iNF", Malformed::None, -kInfinity},
      {"Infinity", Malformed::None, kInfinity},
      {"-INFINITY", Malformed::None, -kInfinity},
      {"1e999", Malformed::ValueOverflow, 0},
      {"-1e309", Malformed::ValueOverflow, 0},
      {"1" + zeros, Malformed::ValueOverflow, 0},
      {"0.001e400", Malformed::ValueOverflow, 0},
      {"1e99999999999999999999", Malformed::ValueOverflow, 0},
      {"1e9223372036854775807", Malformed::ValueOverflow, 0},
      {"1e-9223372036854775807", Malformed::None, 0},
      {"", Malformed::MissingValue, 0},
      {"+", Malformed::BadValue, 0},
      {"-", Malformed::BadValue, 0},
      {".", Malformed::BadValue, 0},
      {"e5", Malformed::BadValue, 0},
      {".e5", Malformed::BadValue, 0},
      {"1e", Malformed::BadValue, 0},
      {"1e+", Malformed::BadValue, 0},
      {"1e999x", Malformed::BadValue, 0},
      {"+-1", Malformed::BadValue, 0},
      {"--1", Malformed::BadValue, 0},
      {"0x10", Malformed::BadValue, 0},
      {"0x1p4", Malformed::BadValue, 0},
      {"010_0", Malformed::BadValue, 0},
      {"0o17", Malformed::BadValue, 0},
      {"1f", Malformed::BadValue, 0},
      {"1,5", Malformed::BadValue, 0},
      {"1 ", Malformed::BadValue, 0},
      {"+NaN", Malformed::BadValue, 0},
      {"-nan", Malformed::BadValue, 0},
      {"NaN(1)", Malformed::BadValue, 0},
      {"nano", Malformed::BadValue, 0},
      {"infinit", Malformed::BadValue, 0},
      {"I\x0E"
       "F",
       Malformed::BadValue, 0},
  };
  for (const ValueRow& row : rows) {
    CAPTURE(row.text);
    double value = 0;
    CHECK(parse_value(row.text, value) == row.reason);
    CHECK(std::bit_cast<std::uint64_t>(value) == std::bit_cast<std::uint64_t>(row.value));
  }
  for (const char* text : {"nan", "NaN", "NAN"}) {
    CAPTURE(text);
    double value = 0;
    CHECK(parse_value(text, value) == Malformed::None);
    CHECK(std::bit_cast<std::uint64_t>(value) == 0x7FF8000000000000U);
  }
}

TEST_CASE("a timestamp is digits that fit into 64 bits, and nothing follows it") {
  check_rows({
      {"a 1 0", "a 1 @0"},
      {"a 1 0001700000000123", "a 1 @1700000000123"},
      {"a 1 9223372036854775807", "a 1 @9223372036854775807"},
      {"a 1 9223372036854775808", "!bad_timestamp"},
      {"a 1 -3982045", "!bad_timestamp"},
      {"a{x=\"1\"} 1 +1", "!bad_timestamp"},
      {"a 1 1.5", "!bad_timestamp"},
      {"a 1 1e3", "!bad_timestamp"},
      {"a 1 x", "!bad_timestamp"},
      {"a 1 2 3", "!trailing_text"},
      {"a{} 1 2 3", "!trailing_text"},
      {"a{x=\"1\"}1 2 x", "!trailing_text"},
      {"a 1 # comment", "!trailing_text"},
      {"a{} 1 2 # {id=\"1\"} 3", "!trailing_text"},
      {"a{} 1 # {id=\"1\"} 3", "!trailing_text"},
      {"a", "!missing_value"},
      {"a{}", "!missing_value"},
      {"a{} ", "!missing_value"},
      {"a{x=\"1\"}", "!missing_value"},
      {"a b 1", "!bad_value"},
      {"a b", "!bad_value"},
      {"a 1x 2", "!bad_value"},
      {"a 1e999", "!value_overflow"},
      {"a 1e999 2", "!value_overflow"},
      {"a{} 1}", "!bad_value"},
      {"a{} 1} 2", "!bad_value"},
  });
}

TEST_CASE("comments and metadata are checked as far as Prometheus checks them") {
  check_rows({
      {"#", ""},
      {"#x", ""},
      {"# foo", ""},
      {"  # foo {\"", ""},
      {"#TYPE a info", ""},
      {"# UNIT a seconds", ""},
      {"# EOF", ""},
      {"# comment\r", ""},
      {"# \xFF", ""},
      {"# HELP", ""},
      {"# HELPER", ""},
      {"# TYPE", ""},
      {"# HELP a", ""},
      {"# HELP a ", ""},
      {"#\tHELP\ta\ttext", ""},
      {"# HELP a text \\x \\\" \r", ""},
      {"# HELP \"a b\" text", ""},
      {"# HELP ", "!bad_help"},
      {"# HELP 1a text", "!bad_help"},
      {"# HELP \"a text", "!bad_help"},
      {"# HELP a \xFF", "!bad_help"},
      {"# HELP a \xFF\r", "!bad_help"},
      {"# TYPE a counter", ""},
      {"  # \t TYPE \t a\tgauge", ""},
      {"# TYPE a histogram", ""},
      {"# TYPE a summary", ""},
      {"# TYPE a untyped", ""},
      {"# TYPE \"a b\" gauge", ""},
      {"# TYPE ", "!bad_type"},
      {"# TYPE a", "!bad_type"},
      {"# TYPE a ", "!bad_type"},
      {"# TYPE a  counter", "!bad_type"},
      {"# TYPE a counter ", "!bad_type"},
      {"# TYPE a COUNTER", "!bad_type"},
      {"# TYPE a unknown", "!bad_type"},
      {"# TYPE a info", "!bad_type"},
      {"# TYPE a.b counter", "!bad_type"},
      {"# TYPE \"a counter", "!bad_type"},
      {"# TYPE \"a\xFF\" counter", "!bad_type"},
      {"# TYPE \"a\xC3\xA9\" counter", ""},
      {"# TYPE a counter\r", "!carriage_return"},
      {"a 1\r", "!carriage_return"},
      {"a{x=\"1\"} 1 2\r", "!carriage_return"},
      {"\r", "!carriage_return"},
      {"a\r 1", "!bad_name"},
  });
}

TEST_CASE("a byte order mark costs the first line and is an ordinary byte later") {
  CHECK(Reading("\xEF\xBB\xBF# HELP a b\na 1\n").lines() == Lines{"2: a 1", "1: byte_order_mark"});
  CHECK(Reading("a 1\n\xEF\xBB\xBF"
                "a 1\n")
            .lines() == Lines{"1: a 1", "2: bad_name"});
}

TEST_CASE("an empty page is valid and has no lines") {
  const Reading reading("");
  CHECK(reading.lines().empty());
  CHECK(reading.page.lines() == 0);
}

TEST_CASE("TYPE gives a sample its kind, by name, suffix and label") {
  const std::string page =
      "# TYPE c counter\nc 1\nc_total 2\n"
      "# TYPE g gauge\ng{x=\"1\"} 3\ng_sum 1\n"
      "# TYPE s summary\ns{quantile=\"0.5\"} 4\ns{x=\"quantile=\"} 5\ns_sum 6\ns_count 7\n"
      "s_bucket{le=\"1\"} 8\n"
      "# TYPE h histogram\nh_bucket{x=\",le=\",\"le\"=\"1\"} 9\nh_bucket{x=\"le\",ale=\"1\"} 10\n"
      "h_sum{} 11\nh_count 12\nh 13\nhh_sum 14\nh_sum_sum 15\n"
      "# TYPE \"q.r\" counter\n{x=\"1\",\"q.r\"} 16\n{\"q.rr\"} 17\n";
  CHECK(Reading(page).lines() ==
        Lines{"2: c 1 counter", "3: c_total 2", "5: g{x=1,} 3 gauge", "6: g_sum 1",
              "8: s{quantile=0.5,} 4 quantile", "9: s{x=quantile=,} 5", "10: s_sum 6 summary sum",
              "11: s_count 7 summary count", "12: s_bucket{le=1,} 8",
              "14: h_bucket{le=1,x=,le=,} 9 bucket", "15: h_bucket{ale=1,x=le,} 10",
              "16: h_sum 11 histogram sum", "17: h_count 12 histogram count", "18: h 13",
              "19: hh_sum 14", "20: h_sum_sum 15", "22: q.r{x=1,} 16 counter", "23: q.rr 17"});
}

TEST_CASE("a bucket is told by a label le that is one, wherever it stands") {
  struct LabelsRow {
    std::string labels;
    bool is_bucket;
  };
  const std::vector<LabelsRow> rows = {
      {R"({le="1"})", true},          {R"({x="1",le="1"})", true},
      {R"({x="1", le="1"})", true},   {R"({x="1"le="1"})", true},
      {R"({x="1",le = "1" })", true}, {R"({le="1",x="2",})", true},
      {R"({"le"="1"})", true},        {R"({x="1","le" ="1",})", true},
      {R"({x="\"",le="\\"})", true},  {R"({x="le"})", false},
      {R"({x=",le=\"1"})", false},    {R"({x=",le\"1"})", false},
      {R"({x=",le=",y="1"})", false}, {R"({x="{le=",y=""})", false},
      {R"({ale="1"})", false},        {R"({x="1",les="1"})", false},
      {R"({"a le"="1"})", false},     {R"({})", false},
  };
  for (const LabelsRow& row : rows) {
    CAPTURE(row.labels);
    const Reading reading("# TYPE h histogram\nh_bucket" + row.labels + " 1\n");
    REQUIRE(reading.collector.samples.size() == 1);
    const SampleKind expected = row.is_bucket ? SampleKind::HistogramBucket : SampleKind::Untyped;
    CHECK(reading.collector.samples[0].kind == expected);
  }
}

TEST_CASE("the last TYPE of a name wins, and a malformed one changes nothing") {
  const std::string page =
      "a 1\n# TYPE a counter\na 2\n# TYPE a gauge\na 3\n# TYPE a info\na 4\n"
      "# TYPE a untyped\na 5\n";
  CHECK(Reading(page).lines() ==
        Lines{"1: a 1", "3: a 2 counter", "5: a 3 gauge", "7: a 4 gauge", "9: a 5", "6: bad_type"});
}

TEST_CASE("a family with a name of its own is not taken for a part of another") {
  const std::string page =
      "# TYPE a summary\na_sum 1\n# TYPE a_count gauge\na_sum 2\na_count 3\n"
      "# TYPE a_count untyped\na_count 4\n";
  CHECK(Reading(page).lines() == Lines{"2: a_sum 1 summary sum", "4: a_sum 2 summary sum",
                                       "5: a_count 3 gauge", "7: a_count 4 summary count"});
}

TEST_CASE("a label value may span lines") {
  CHECK(Reading("a{x=\"one\n  two\n\n# four \"} 1 2\nb 3\n").lines() ==
        Lines{"1: a{x=one\n  two\n\n# four ,} 1 @2", "5: b 3"});
  // A quote of its own is escaped in the middle lines, and the first line looks whole.
  CHECK(Reading("a{x=\"} 1\n\\\"\n2\"} 3\nb 3\n").lines() ==
        Lines{"1: a{x=} 1\n\"\n2,} 3", "4: b 3"});
  // A carriage return within the string is part of it.
  CHECK(Reading("a{x=\"1\r\n2\"} 3\n").lines() == Lines{"1: a{x=1\r\n2,} 3"});
}

TEST_CASE("an open string costs its first line only, and the others are lines of their own") {
  struct PageRow {
    std::string page;
    Lines expected;
  };
  const std::vector<PageRow> rows = {
      // Never closed, and the page ends.
      {"a{x=\"1\nb 2\n", {"2: b 2", "1: unterminated_string"}},
      {"a{x=\"1\nb 2", {"2: b 2", "1: unterminated_string"}},
      {"a{x=\"1", {"1: unterminated_string"}},
      // Closed by the next line's first quote, to no good.
      {"a{x=\"1\nb{y=\"2\"} 3\n", {"2: b{y=2,} 3", "1: unterminated_string"}},
      {"a{x=\"1\nb\" 1\nc 2\n", {"3: c 2", "1: unterminated_string", "2: bad_name"}},
      // Eight lines are joined, nine are not.
      {"a{x=\"\n\n\n\n\n\n\n\"} 1\n", {"1: a{x=\n\n\n\n\n\n\n,} 1"}},
      {"a{x=\"\n\n\n\n\n\n\n\n\"} 1\n", {"1: unterminated_string", "9: bad_name"}},
      // The lines given back may be joined in turn, with each other and with what follows.
      {"a{x=\"1\nb{y=\"\n\"} 2\nc 3\n", {"2: b{y=\n,} 2", "4: c 3", "1: unterminated_string"}},
      {"a{x=\"1\n2\n3\n4\n5\n6\n7\n8\nb{y=\"\n\"} 1\nc 3\n",
       {"9: b{y=\n,} 1", "11: c 3", "1: unterminated_string", "2: bad_name", "3: bad_name",
        "4: bad_name", "5: bad_name", "6: bad_name", "7: bad_name", "8: bad_name"}},
      // A comment given back still declares.
      {"a{x=\"1\n# TYPE b gauge\nb 2\n", {"3: b 2 gauge", "1: unterminated_string"}},
      // A backslash before the newline breaks the string for good.
      {"a{x=\"1\\\n\"} 1\n", {"1: unterminated_string", "2: bad_name"}},
      // A joined line can be malformed in its own right.
      {"a{x=\"1\n\",x=\"2\"} 1\nb 2\n", {"3: b 2", "1: unterminated_string", "2: bad_name"}},
  };
  for (const PageRow& row : rows) {
    for (std::size_t chunk_bytes = 1; chunk_bytes <= row.page.size(); ++chunk_bytes) {
      CAPTURE(row.page);
      CAPTURE(chunk_bytes);
      CHECK(Reading(row.page, chunk_bytes).lines() == row.expected);
    }
  }
}

TEST_CASE("a page of open strings is read in linear time") {
  const auto seconds = [](int lines) {
    std::string page;
    // An even number of quotes keeps the string open and makes every attempt look inside.
    for (int i = 0; i < lines; ++i) page += i % 8 == 0 ? "a{x=\"1\n" : "\\\"\\\"\n";
    const std::clock_t start = std::clock();
    const Reading reading(page);
    CHECK(reading.collector.malformed.size() == static_cast<std::size_t>(lines));
    return (std::clock() - start) / CLOCKS_PER_SEC;  // of the processor's time
  };
  CHECK(seconds(200'000) < 20);
}

TEST_CASE("the sizes of the chunks change nothing") {
  const Reading whole(kEverything, std::string_view::npos, 64);
  const Lines expected = {
      "3: h_bucket{le=0.5,} 1 @1700000000000 bucket",
      "4: h_bucket{le=+Inf,x=} 1 2,} 3 bucket",
      "6: h_sum 4.25 histogram sum",
      "7: h_count 5 histogram count",
      "9: a.b{c.d=\"e\\,f=g,} 1000 counter",
      "10: raw{x=one\ntwo\r\n\nfour,} 7 @12",
      "15: good 1",
      "21: s{x=1,} nan",
      "26: last -inf",
      "14: unterminated_string",
      "16: carriage_return",
      "18: bad_value",
      "19: bad_type",
      "20: missing_name",
      "22: trailing_text",
      "23: line_too_long",
      "25: unterminated_string",
  };
  CHECK(whole.lines() == expected);
  CHECK(whole.page.lines() == 26);
  for (std::size_t chunk_bytes = 1; chunk_bytes <= kEverything.size(); ++chunk_bytes) {
    CAPTURE(chunk_bytes);
    const Reading reading(kEverything, chunk_bytes, 64);
    CHECK(reading.lines() == expected);
    CHECK(reading.page.lines() == 26);
    CHECK(reading.page.line_limit_exceeded());
  }
}

TEST_CASE("half a line at the end of a page cut off is thrown away") {
  CHECK(Reading("a 1\nb 2", 3, kLineBytesMax, false).lines() == Lines{"1: a 1"});
  CHECK(Reading("a 1\nb 2", 3, kLineBytesMax, true).lines() == Lines{"1: a 1", "2: b 2"});
  CHECK(Reading("a 1\nb{x=\"1\nc 2\nd 3", 3, kLineBytesMax, false).lines() ==
        Lines{"1: a 1", "3: c 2", "2: unterminated_string"});
  CHECK(Reading("a 1\nb 2", 3, kLineBytesMax, false).page.lines() == 1);
}

TEST_CASE("a line above the limit is skipped and counted once") {
  const std::string fits = "a{x=\"" + std::string(54, 'y') + "\"} 1";
  REQUIRE(fits.size() == 63);
  const std::string page = fits + " \n" + fits + "  \n" + fits + "\nopen{x=\"1\nb 2\n" +
                           std::string(300, 'z') + "\nc 3\n";
  for (const std::size_t chunk_bytes : {std::size_t{1}, std::size_t{7}, page.size()}) {
    CAPTURE(chunk_bytes);
    const Reading reading(page, chunk_bytes, 64);
    REQUIRE(reading.collector.samples.size() == 4);
    CHECK(reading.lines()[2] == "5: b 2");
    CHECK(reading.lines()[3] == "7: c 3");
    const auto& malformed = reading.collector.malformed;
    REQUIRE(malformed.size() == 3);
    CHECK(malformed[0].line_number == 2);
    CHECK(malformed[0].reason == Malformed::LineTooLong);
    CHECK(malformed[1].reason == Malformed::UnterminatedString);
    CHECK(malformed[2].line_number == 6);
    CHECK(malformed[2].reason == Malformed::LineTooLong);
    CHECK(std::string(200, 'z').starts_with(malformed[2].line));
    CHECK(malformed[2].line.size() >= 64);
    CHECK(reading.page.line_limit_exceeded());
  }
  CHECK_FALSE(Reading(fits, 5, 64).page.line_limit_exceeded());
}

TEST_CASE("a sample that spans lines is held to the limit of one line") {
  const std::string page =
      "a{x=\"" + std::string(30, '1') + "\n" + std::string(30, '2') + "\"} 1\n";
  REQUIRE(page.size() == 71);  // with the newline that ends it
  const Lines joined = {"1: a{x=" + std::string(30, '1') + '\n' + std::string(30, '2') + ",} 1"};
  const Lines apart = {"1: unterminated_string", "2: bad_name"};
  CHECK(Reading(page, 9, 70).lines() == joined);
  CHECK(Reading(page, 9, 69).lines() == apart);
  CHECK_FALSE(Reading(page, 9, 69).page.line_limit_exceeded());
}

TEST_CASE("an endless line needs no memory") {
  const auto peak_kilobytes = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  SampleCollector collector;
  TextPage page(collector, kLineBytesMax);
  const std::string chunk(64 * 1024, 'x');
  const auto before = peak_kilobytes();
  for (int i = 0; i < 4096; ++i) page.feed(chunk);
  page.feed("\na 1\n");
  page.finish(true);
  CHECK(peak_kilobytes() - before < 64 * 1024);
  REQUIRE(collector.malformed.size() == 1);
  CHECK(collector.malformed[0].reason == Malformed::LineTooLong);
  CHECK(collector.malformed[0].line == std::string(200, 'x'));
  REQUIRE(collector.samples.size() == 1);
  CHECK(collector.samples[0].line_number == 2);
}

TEST_CASE("a malformed line is shown by its first 200 bytes") {
  const std::string line = "a " + std::string(500, 'x');
  const Reading reading(line + "\n");
  REQUIRE(reading.collector.malformed.size() == 1);
  CHECK(reading.collector.malformed[0].line == line.substr(0, 200));
}

TEST_CASE("a refusal of the handler's own is passed on") {
  SampleCollector collector(2);
  TextPage page(collector, kLineBytesMax);
  page.feed(
      "a{x=\"1\",y=\"2\"} 1\na{x=\"1\",y=\"2\",z=\"3\"} 1\na{x=\"\n\",y=\"\",z=\"\"} 1\nb 1\n");
  page.finish(true);
  REQUIRE(collector.samples.size() == 2);
  CHECK(collector.samples[1].line_number == 5);
  REQUIRE(collector.malformed.size() == 2);
  CHECK(collector.malformed[0].reason == Malformed::TooManyLabels);
  CHECK(collector.malformed[0].line_number == 2);
  CHECK(collector.malformed[1].reason == Malformed::TooManyLabels);
  CHECK(collector.malformed[1].line_number == 3);
}

TEST_CASE("parse_series wants the whole text to be the series") {
  struct SeriesRow {
    std::string text;
    Malformed reason;
  };
  const std::vector<SeriesRow> rows = {
      {"a", Malformed::None},
      {"a {x=\"1\"}", Malformed::None},
      {"", Malformed::MissingName},
      {" a", Malformed::BadName},
      {"a ", Malformed::TrailingText},
      {"a{} ", Malformed::TrailingText},
      {"a b", Malformed::TrailingText},
      {"a{}b", Malformed::TrailingText},
      {"a{x=\"1\"", Malformed::UnterminatedLabels},
      {"a{x=\"1", Malformed::UnterminatedString},
  };
  SeriesBuffer buffer;
  for (const SeriesRow& row : rows) {
    CAPTURE(row.text);
    CHECK(parse_series(row.text, buffer) == row.reason);
  }
}

TEST_CASE("a series keeps its labels in the order of the text, empty ones included") {
  SeriesBuffer buffer;
  const std::string series = R"({z="\\",a="","m.n",b="\"b\"",c="plain"})";
  REQUIRE(parse_series(series, buffer) == Malformed::None);
  CHECK(buffer.name == "m.n");
  REQUIRE(buffer.labels.size() == 4);
  CHECK(buffer.labels[0].name == "z");
  CHECK(buffer.labels[0].value == "\\");
  CHECK(buffer.labels[1].name == "a");
  CHECK(buffer.labels[1].value.empty());
  CHECK(buffer.labels[2].value == "\"b\"");
  CHECK(buffer.labels[3].value == "plain");
  CHECK(parse_series(series, buffer, 4) == Malformed::None);
  CHECK(parse_series(series, buffer, 3) == Malformed::TooManyLabels);
  REQUIRE(parse_series("b", buffer) == Malformed::None);
  CHECK(buffer.labels.empty());
}

TEST_CASE("a million labels are read in linear time, a duplicate among them found") {
  std::string series = "a{";
  for (int i = 0; i < 1'000'000; ++i) series += 'l' + std::to_string(i) + "=\"\\\\\",";
  const std::string duplicate = series + "l123456=\"\"}";
  series += '}';
  SeriesBuffer buffer;
  const std::clock_t start = std::clock();
  CHECK(parse_series(series, buffer) == Malformed::None);
  CHECK(buffer.labels.size() == 1'000'000);
  CHECK(buffer.labels.back().value == "\\");
  CHECK(parse_series(duplicate, buffer) == Malformed::DuplicateLabel);
  CHECK((std::clock() - start) / CLOCKS_PER_SEC < 30);  // of the processor's time
}

TEST_CASE("a line of many labels may arrive in small pieces") {
  std::string line = "a{";
  for (int i = 0; i < 50'000; ++i) line += 'l' + std::to_string(i) + "=\"1\",";
  line += "} 1";
  const Reading reading(line, 1000);
  REQUIRE(reading.collector.samples.size() == 1);
  CHECK(reading.collector.samples[0].labels.size() == 50'000);
}

TEST_CASE("every reason has a name and a text of its own") {
  std::set<std::string> names;
  std::set<std::string> texts;
  for (std::size_t i = 0; i < kMalformedCount; ++i) {
    names.insert(malformed_name(static_cast<Malformed>(i)));
    texts.insert(malformed_text(static_cast<Malformed>(i)));
  }
  CHECK(names.size() == kMalformedCount);
  CHECK(texts.size() == kMalformedCount);
  CHECK(names.count("unknown") == 0);
}

namespace {

// Pages from a grammar that is good more often than not, then hurt a little.
class PageMaker {
 public:
  explicit PageMaker(unsigned seed) : random_(seed) {}

  std::string make() {
    std::string page = pick(20) == 0 ? "\xEF\xBB\xBF" : "";
    for (std::size_t lines = 1 + pick(8); lines > 0; --lines) page += line() + '\n';
    if (pick(3) == 0) page.pop_back();
    for (std::size_t changes = pick(4); changes > 0 && !page.empty(); --changes) hurt(page);
    return page;
  }

  std::size_t pick(std::size_t bound) { return random_() % bound; }

 private:
  std::string any(const std::vector<std::string>& choices) { return choices[pick(choices.size())]; }
  std::string blanks() { return any({"", "", "", " ", "\t "}); }
  std::string name() { return any({"a", "b", "a_count", "a_sum", "a_bucket", "b_sum", "c:d"}); }
  std::string quoted() {
    std::string text = "\"";
    for (std::size_t parts = pick(4); parts > 0; --parts) {
      text += any({"x", "a", "\\\"", "\\\\", "\\n", "\\y", "} 1 2", "{", ",", "=", "\n", "\xC3\xA9",
                   "le=", "# TYPE a gauge"});
    }
    return text + '"';
  }
  std::string item() {
    const std::string label = any({"x", "y", "z", "le", "quantile", "\"l.m\"", "\"le\""});
    return pick(12) == 0 ? quoted() : label + blanks() + '=' + blanks() + quoted();
  }
  std::string series() {
    std::string text =
        pick(8) == 0 ? "{\"a\"" + blanks() + any({",", ",", ""}) : name() + blanks() + '{';
    if (pick(4) == 0 && text.back() == '{') return name();
    for (std::size_t items = pick(4); items > 0; --items) {
      text += blanks() + item() + blanks() + any({",", ",", ",", ""});
    }
    return text + blanks() + '}';
  }
  std::string value() {
    return any(
        {"1", "-2.5", "+3", "NaN", "-Inf", "1e3", "5.", ".5", "1e999", "1e-999", "0x1", "x"});
  }
  std::string line() {
    if (pick(6) == 0) {
      return "# TYPE " + name() + ' ' +
             any({"counter", "gauge", "summary", "histogram", "untyped", "info"});
    }
    if (pick(10) == 0) return any({"", " ", "# x", "# HELP a b", "# HELP a \xFF", "\r", "#"});
    std::string text = blanks() + series() + any({" ", " ", "", "\t"}) + value();
    if (pick(2) == 0) text += ' ' + any({"0", "17", "1700000000000", "-1", "9223372036854775808"});
    return text + any({"", "", "", " ", "\r", " 1", " # x"});
  }
  void hurt(std::string& page) {
    const std::size_t at = pick(page.size());
    switch (pick(3)) {
      case 0:
        page[at] = "\"{}\\\n,=# 1a\xFF\r"[pick(13)];
        break;
      case 1:
        page.insert(at, 1, "\"{}\\\n,=# 1a\xFF\r"[pick(13)]);
        break;
      default:
        page.erase(at, 1 + pick(3));
        break;
    }
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("the parser and the slow reference agree on generated pages") {
  PageMaker maker(20240229);
  std::size_t samples = 0;
  std::size_t malformed = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = maker.make();
    const std::size_t chunk_bytes = 1 + maker.pick(text.size() + 1);
    const std::size_t line_bytes_max = maker.pick(5) == 0 ? 30 : kLineBytesMax;
    const bool is_complete = maker.pick(5) != 0;
    const Reading reading(text, chunk_bytes, line_bytes_max, is_complete);
    const auto expected = parse_reference(text, line_bytes_max, is_complete);
    const std::string found = difference(reading.collector, reading.page, expected);
    CAPTURE(text);
    CAPTURE(chunk_bytes);
    REQUIRE(found == "");
    samples += reading.collector.samples.size();
    malformed += reading.collector.malformed.size();
  }
  // The generator must reach both sides for the comparison to mean something.
  CHECK(samples > 10'000);
  CHECK(malformed > 10'000);
}
