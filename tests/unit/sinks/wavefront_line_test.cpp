#include "sinks/wavefront_line.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <variant>
#include <vector>

using namespace fedwave::sinks;

namespace {

struct Point {
  std::string name;
  std::string source;
  PointTags tags;
};

struct Rendered : RenderedSeries {
  RepairCounts repairs{};
};

// As the stages put a line together: the name's faults come first.
std::variant<Rendered, Rejection> render(const Point& point, const LineLimits& limits = {},
                                         const std::vector<std::string>& keep_first = {}) {
  const auto head = render_head(point.name, limits);
  if (const auto* reason = std::get_if<Rejection>(&head)) return *reason;
  const auto tail = render_tail(point.source, point.tags, limits, TagPriority(keep_first));
  if (const auto* reason = std::get_if<Rejection>(&tail)) return *reason;
  const auto& rendered_tail = std::get<RenderedTail>(tail);
  return Rendered{{std::get<std::string>(head), rendered_tail.text}, rendered_tail.repairs};
}

Rendered rendered(const Point& point, const LineLimits& limits = {},
                  const std::vector<std::string>& keep_first = {}) {
  auto result = render(point, limits, keep_first);
  REQUIRE(std::holds_alternative<Rendered>(result));
  return std::get<Rendered>(std::move(result));
}

std::uint32_t repairs(const Rendered& series, Repair repair) {
  return series.repairs[static_cast<std::size_t>(repair)];
}

std::uint32_t all_repairs(const Rendered& series) {
  std::uint32_t sum = 0;
  for (const std::uint32_t times : series.repairs) sum += times;
  return sum;
}

// The tags as they stand in the line.
std::string tags_of(const RenderedSeries& series) {
  const std::string before = " source=\"s\"";
  REQUIRE(series.tail.starts_with(before));
  REQUIRE(series.tail.ends_with("\n"));
  return series.tail.substr(before.size(), series.tail.size() - before.size() - 1);
}

std::string tag_text(const std::string& value, std::size_t key_bytes = 1) {
  return tags_of(rendered({"m", "s", {{std::string(key_bytes, 'k'), value}}}));
}

}  // namespace

TEST_CASE("a series is rendered as the text before the value and after the timestamp") {
  const auto series = rendered({"node.temp.gauge",
                                "node-1",
                                {{"room", "a b"},
                                 {"cluster", "mesh-1"},
                                 {"note", "say \"hi\""},
                                 {"path", "C:\\DIR\\FILE.TXT"},
                                 {"nl", "two\nlines"}}});
  CHECK(series.head == "\"node.temp.gauge\" ");
  CHECK(series.tail ==
        " source=\"node-1\" \"cluster\"=\"mesh-1\" \"nl\"=\"two\\nlines\" \"note\"=\"say "
        "\\\"hi\\\"\" \"path\"=\"C:\\DIR\\FILE.TXT\" \"room\"=\"a b\"\n");
  CHECK(all_repairs(series) == 0);
}

TEST_CASE("a name keeps its marker and what the receiver takes, byte by byte") {
  struct Row {
    std::string name;
    std::string head;
  };
  const std::vector<Row> rows = {
      {"a.b-c_d/e,f9Z", "\"a.b-c_d/e,f9Z\" "},
      {"federate:x", "\"federate-x\" "},
      {"a b\"c+", "\"a-b-c-\" "},
      {"caf\xC3\xA9", "\"caf--\" "},
      {"~x~y", "\"~x-y\" "},
      {"\xE2\x88\x86x", "\"\xE2\x88\x86x\" "},
      {"\xCE\x94x", "\"\xCE\x94x\" "},
      {"\xCE\x94~x\xCE\x94", "\"\xCE\x94~x--\" "},
      {"~\xCE\x94x", "\"~--x\" "},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(rendered({row.name, "s", {}}).head == row.head);
  }
}

TEST_CASE("a point that cannot be repaired is rejected with its reason") {
  struct Row {
    Point point;
    Rejection reason;
  };
  const std::vector<Row> rows = {
      {{"", "s", {}}, Rejection::EmptyName},
      {{"~", "s", {}}, Rejection::EmptyName},
      {{"\xCE\x94", "s", {}}, Rejection::EmptyName},
      {{std::string(257, 'm'), "s", {}}, Rejection::NameTooLong},
      {{"m", "", {}}, Rejection::EmptySource},
      {{"m", " \t\xC2\xA0", {}}, Rejection::EmptySource},
      {{"m", "\x01", {}}, Rejection::EmptySource},
  };
  for (const Row& row : rows) {
    CAPTURE(row.point.name);
    const auto result = render(row.point);
    REQUIRE(std::holds_alternative<Rejection>(result));
    CHECK(std::get<Rejection>(result) == row.reason);
  }
  CHECK(rendered({std::string(256, 'm'), "s", {}}).head.size() == 259);
}

TEST_CASE("a tag value is trimmed, escaped and repaired") {
  struct Row {
    std::string value;
    std::string tags;
    std::vector<Repair> repairs;
  };
  const std::vector<Row> rows = {
      {"  v\n", " \"k\"=\"v\"", {}},
      {"\xE2\x80\x83v\xE3\x80\x80\xC2\x85", " \"k\"=\"v\"", {}},
      {"a\tb", " \"k\"=\"a\tb\"", {}},
      {"a\rb\x1B[0m\x7F.", " \"k\"=\"a b [0m .\"", {Repair::ControlCharacter}},
      {"a\r", " \"k\"=\"a\"", {}},
      {"a\x01", " \"k\"=\"a\"", {Repair::ControlCharacter}},
      {"\x01", "", {Repair::ControlCharacter, Repair::TagValueBlank}},
      {"dir\\", " \"k\"=\"dir/\"", {Repair::TrailingBackslash}},
      {"dir\\\\ ", " \"k\"=\"dir\\/\"", {Repair::TrailingBackslash}},
      {"\\", " \"k\"=\"/\"", {Repair::TrailingBackslash}},
      {"\"", " \"k\"=\"\\\"\"", {}},
      {"", "", {Repair::TagValueBlank}},
      {" \n", "", {Repair::TagValueBlank}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.value);
    const auto series = rendered({"m", "s", {{"k", row.value}}});
    CHECK(tags_of(series) == row.tags);
    CHECK(all_repairs(series) == row.repairs.size());
    for (const Repair repair : row.repairs) CHECK(repairs(series, repair) == 1);
  }
}

TEST_CASE("a tag key is sanitised, and never replaces the source or another tag") {
  const auto series = rendered({"m",
                                "s",
                                {{"", "nameless"},
                                 {"a b", "first"},
                                 {"a!b", "second, but first in byte order"},
                                 {"source", "x"},
                                 {"~t\xCE\x94", "v"}}});
  CHECK(tags_of(series) == " \"-t--\"=\"v\" \"_source\"=\"x\" \"a-b\"=\"first\"");
  CHECK(repairs(series, Repair::TagKeyCollision) == 1);
  CHECK(repairs(series, Repair::SourceTagRenamed) == 1);
  CHECK(repairs(series, Repair::TagValueBlank) == 1);
  CHECK(all_repairs(series) == 3);

  const auto both = rendered({"m", "s", {{"_source", "own"}, {"source", "renamed"}}});
  CHECK(tags_of(both) == " \"_source\"=\"own\"");
  CHECK(repairs(both, Repair::TagKeyCollision) == 1);
}

TEST_CASE("a blank tag does not take the place of another with the same key") {
  const auto series = rendered({"m", "s", {{"a b", " "}, {"a!b", " "}, {"a~b", "v"}}});
  CHECK(tags_of(series) == " \"a-b\"=\"v\"");
  CHECK(repairs(series, Repair::TagKeyCollision) == 0);
}

TEST_CASE("key and value together stay below what the receiver refuses") {
  struct Row {
    std::size_t key_bytes;
    std::size_t value_bytes;
    bool truncated;
  };
  const std::vector<Row> rows = {
      {1, 253, false}, {1, 254, true}, {1, 1000, true}, {64, 190, false}, {64, 191, true}};
  for (const Row& row : rows) {
    CAPTURE(row.key_bytes);
    CAPTURE(row.value_bytes);
    const auto series = rendered(
        {"m", "s", {{std::string(row.key_bytes, 'k'), std::string(row.value_bytes, 'v')}}});
    CHECK(repairs(series, Repair::TagValueTruncated) == (row.truncated ? 1 : 0));
    const std::string tags = tags_of(series);  // ` "` key `"="` value `"`
    CHECK(tags.size() - 6 == std::min<std::size_t>(254, row.key_bytes + row.value_bytes));
  }
}

TEST_CASE("a quotation mark counts once, as the receiver counts it") {
  CHECK(tag_text(std::string(253, '"')).size() == 6 + 1 + 2 * 253);
}

TEST_CASE("a value too long is cut between characters and told apart by a hash of the whole") {
  const std::string euro = "\xE2\x82\xAC";
  std::string long_value;
  while (long_value.size() < 300) long_value += euro;
  const std::string tags = tag_text(long_value, 2);
  // 254 - 2 for the key - 9 for the hash leave 243: 81 whole characters.
  std::string kept;
  for (int i = 0; i < 81; ++i) kept += euro;
  CHECK(tags.substr(0, 7 + 243) == " \"kk\"=\"" + kept);
  CHECK(tags.size() == 7 + 243 + 9 + 1);
  CHECK(tags[7 + 243] == '~');
  CHECK(tags.substr(7 + 244, 8).find_first_not_of("0123456789abcdef") == std::string::npos);
  // With one byte less a whole character goes.
  CHECK(tag_text(long_value, 3).substr(0, 8 + 240 + 1) == " \"kkk\"=\"" + kept.substr(3) + "~");

  CHECK(tag_text(std::string(300, 'v') + "1") != tag_text(std::string(300, 'v') + "2"));
  CHECK(tag_text(std::string(300, 'v')) == tag_text(std::string(300, 'v') + " "));
}

TEST_CASE("the hash in a cut value does not change between versions") {
  CHECK(tag_text(std::string(300, 'v')) == " \"k\"=\"" + std::string(244, 'v') + "~dc0597c2\"");
}

TEST_CASE("a tag whose key is too long, or leaves no room, is removed") {
  const auto long_key = rendered({"m", "s", {{std::string(65, 'k'), "v"}, {"a", "b"}}});
  CHECK(tags_of(long_key) == " \"a\"=\"b\"");
  CHECK(repairs(long_key, Repair::TagKeyTooLong) == 1);

  LineLimits wide;
  wide.tag_key_bytes = 1000;
  const auto no_room = rendered({"m", "s", {{std::string(254, 'k'), "v"}}}, wide);
  CHECK(tags_of(no_room).empty());
  CHECK(repairs(no_room, Repair::TagKeyTooLong) == 1);

  const auto little_room = rendered({"m", "s", {{std::string(250, 'k'), "abcdef"}}}, wide);
  CHECK(tags_of(little_room) == " \"" + std::string(250, 'k') + "\"=\"abcd\"");
  CHECK(repairs(little_room, Repair::TagValueTruncated) == 1);
}

TEST_CASE("of too many tags the most important stay, then the first by key") {
  LineLimits limits;
  limits.tags = 3;
  const Point point{"m", "s", {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"source", "4"}, {"z", "5"}}};
  struct Row {
    std::vector<std::string> keep_first;
    std::string tags;
  };
  const std::vector<Row> rows = {
      {{}, " \"_source\"=\"4\" \"a\"=\"1\" \"b\"=\"2\""},
      {{"z"}, " \"_source\"=\"4\" \"a\"=\"1\" \"z\"=\"5\""},
      {{"z", "absent", "c", "b", "a"}, " \"b\"=\"2\" \"c\"=\"3\" \"z\"=\"5\""},
      {{"c", "source", "z"}, " \"_source\"=\"4\" \"c\"=\"3\" \"z\"=\"5\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.tags);
    const auto series = rendered(point, limits, row.keep_first);
    CHECK(tags_of(series) == row.tags);
    CHECK(repairs(series, Repair::TagsOverLimit) == 2);
  }
  limits.tags = 5;
  CHECK(repairs(rendered(point, limits), Repair::TagsOverLimit) == 0);
}

TEST_CASE("a source is cleaned like a value and cut to its limit") {
  CHECK(rendered({"m", " no\"de\\ ", {}}).tail == " source=\"no\\\"de/\"\n");
  const auto series = rendered({"m", std::string(200, 'h'), {}});
  CHECK(repairs(series, Repair::SourceTruncated) == 1);
  CHECK(series.tail.size() == std::string(" source=\"\"\n").size() + 128);
  CHECK(series.tail.starts_with(" source=\"" + std::string(119, 'h') + "~"));
}

TEST_CASE("every name for a counter is there and its own") {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kRepairCount; ++i) names.emplace_back(repair_name(Repair(i)));
  for (const auto& name : names) CHECK_FALSE(name.empty());
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("a distribution is one line with ascending means") {
  const auto series = rendered({"lat", "node-1", {{"app", "x"}}});
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<Centroid> centroids = {{0.5, 2}, {0, 1},        {0.1, 1}, {0.5, 3},
                                           {7, 0},   {infinity, 5}, {8, -1},  {1e6, 4},
                                           {0.1, 1}, {-infinity, 5}};
  std::string out = "before\n";
  CHECK(append_distribution(out, 1700000000, centroids, series));
  CHECK(out ==
        "before\n!M 1700000000 #1 0 #2 0.1 #5 0.5 #4 1000000 \"lat\" source=\"node-1\" "
        "\"app\"=\"x\"\n");
}

TEST_CASE("a distribution without a centroid is not written") {
  const auto series = rendered({"lat", "s", {}});
  std::string out;
  CHECK_FALSE(append_distribution(out, 1, {}, series));
  const std::vector<Centroid> none = {{1, 0}, {std::numeric_limits<double>::quiet_NaN(), 3}};
  CHECK_FALSE(append_distribution(out, 1, none, series));
  CHECK(out.empty());
}

TEST_CASE("of more centroids than the receiver takes neighbours are merged") {
  const auto series = rendered({"lat", "s", {}});
  std::vector<Centroid> centroids;
  for (int i = 0; i < 100; ++i) centroids.push_back({static_cast<double>(i), 1});
  RepairCounts counts{};
  std::string hundred;
  CHECK(append_distribution(hundred, 1, centroids, series, &counts));
  CHECK(counts[static_cast<std::size_t>(Repair::CentroidsMerged)] == 0);
  CHECK(std::count(hundred.begin(), hundred.end(), '#') == 100);

  centroids.push_back({100, 3});
  std::string out;
  CHECK(append_distribution(out, 1, centroids, series, &counts));
  CHECK(counts[static_cast<std::size_t>(Repair::CentroidsMerged)] == 1);
  CHECK(std::count(out.begin(), out.end(), '#') == 100);
  // The last two of the 101 are one now: (99 * 1 + 100 * 3) / 4.
  CHECK(out.starts_with("!M 1 #1 0 #1 1 #1 2 "));
  CHECK(out.ends_with(" #1 97 #1 98 #4 99.75 \"lat\" source=\"s\"\n"));
}

TEST_CASE("a count that the receiver cannot hold is capped, also one that merging made") {
  const auto series = rendered({"lat", "s", {}});
  const std::int64_t most = std::numeric_limits<std::int32_t>::max();
  const std::vector<Centroid> centroids = {
      {1, most}, {2, most + 1}, {3, std::int64_t{1} << 53}, {4, most}, {4, 1}};
  RepairCounts counts{};
  std::string out;
  CHECK(append_distribution(out, 1, centroids, series, &counts));
  CHECK(out ==
        "!M 1 #2147483647 1 #2147483647 2 #2147483647 3 #2147483647 4 \"lat\" source=\"s\"\n");
  CHECK(counts[static_cast<std::size_t>(Repair::CentroidCountCapped)] == 3);
  CHECK(counts[static_cast<std::size_t>(Repair::CentroidsMerged)] == 0);
}
