#include "parsers/scan.h"

#include <doctest/doctest.h>

#include <ctime>
#include <string>
#include <vector>

using namespace fedwave::parsers;

TEST_CASE("UTF-8 is checked as RFC 3629 has it, wherever in the text the character stands") {
  struct Row {
    std::string text;
    bool is_valid;
  };
  const std::vector<Row> rows = {
      {"", true},
      {"\x7F", true},
      {"\xC2\x80", true},
      {"\xDF\xBF", true},
      {"\xE0\xA0\x80", true},
      {"\xED\x9F\xBF", true},
      {"\xEE\x80\x80", true},
      {"\xF0\x90\x80\x80", true},
      {"\xF4\x8F\xBF\xBF", true},
      {"\x80", false},
      {"\xBF", false},
      {"\xC0\x80", false},
      {"\xC1\xBF", false},
      {"\xC2", false},
      {"\xC2\x41", false},
      {"\xE0\x9F\xBF", false},
      {"\xE2\x82", false},
      {"\xED\xA0\x80", false},
      {"\xED\xBF\xBF", false},
      {"\xF0\x8F\xBF\xBF", false},
      {"\xF0\x9F\x98", false},
      {"\xF4\x90\x80\x80", false},
      {"\xF5\x80\x80\x80", false},
      {"\xFF", false},
  };
  for (const Row& row : rows) {
    for (std::size_t before = 0; before < 18; ++before) {
      CAPTURE(row.text);
      CAPTURE(before);
      const std::string ascii(before, 'a');
      CHECK(is_valid_utf8(ascii + row.text) == row.is_valid);
      CHECK(is_valid_utf8(ascii + row.text + ascii) == row.is_valid);
    }
  }
}

TEST_CASE("a quoted string ends at the first quote that no backslash covers") {
  struct Row {
    std::string text;
    std::size_t offset;
    bool has_escape;
  };
  constexpr std::size_t kOpen = std::string_view::npos;
  const std::vector<Row> rows = {
      {R"("")", 2, false},       {R"("a"b")", 3, false},   {R"("\"")", 4, true},
      {R"("\\")", 4, true},      {R"("\\\"" ")", 6, true}, {R"("a\"b\"" ")", 8, true},
      {"\"a\nb\"", 5, false},    {R"(")", kOpen, false},   {R"("\")", kOpen, true},
      {"\"\\\n\"", kOpen, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const QuotedEnd end = quoted_end(row.text, 0);
    CHECK(end.offset == row.offset);
    CHECK(end.has_escape == row.has_escape);
  }
}

TEST_CASE("a string of backslashes is walked once") {
  const std::string text = '"' + std::string(4'000'000, '\\') + '"';
  const std::clock_t start = std::clock();
  CHECK(quoted_end(text, 0).offset == text.size());
  CHECK((std::clock() - start) / CLOCKS_PER_SEC < 5);  // of the processor's time
}

TEST_CASE("unescape resolves three escapes and appends") {
  std::string out = "kept";
  out.reserve(100);
  CHECK(unescape(R"(a\\b\"c\nd\te\)", out) == "a\\b\"c\nd\\te\\");
  CHECK(out == "kepta\\b\"c\nd\\te\\");
}
