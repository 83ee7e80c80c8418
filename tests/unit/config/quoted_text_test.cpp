#include "config/quoted_text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using fedwave::config::Position;
using fedwave::config::QuotedText;

TEST_CASE("each byte of a quoted text is found in the file and back") {
  struct Row {
    std::string file;
    std::string text;
    std::string at;    // what is looked for in the text
    Position in_file;  // where it stands
  };
  const Row rows[] = {
      {"\"a: b\"", "a: b", "b", {1, 5}},
      {"\"a\\nb\"", "a\nb", "b", {1, 5}},
      {"\"a\\tb \\n  c\"", "a\tb \n  c", "c", {1, 11}},
      {"\"say \\\"x\\\" \\\\ z\"", "say \"x\" \\ z", "z", {1, 15}},
      {"\"\\u00e9\\x41\\U0001F600z\"", "\u00E9A\U0001F600z", "z", {1, 22}},
      {"\"\u00E9z\"", "\u00E9z", "z", {1, 4}},
      {"'it''s z'", "it's z", "z", {1, 8}},
      {"\"a\n  b\"", "a b", "b", {2, 3}},
      {"\"a  \n\n\n  b\"", "a\n\nb", "b", {4, 3}},
      {"'a\n\n  b'", "a\nb", "b", {3, 3}},
      {"\"a\\\n   b\"", "ab", "b", {2, 4}},
      {"\"a \\\r\n  \\ b\"", "a  b", "b", {2, 5}},
      {"\"a\r\n  b\"", "a b", "b", {2, 3}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.file);
    const std::string file = "x\n" + row.file + "\ny\n";
    const auto quoted = QuotedText::find(file, {2, 1}, row.text);
    REQUIRE(quoted.has_value());
    const std::string before = row.text.substr(0, row.text.find(row.at));
    const auto line_start = before.rfind('\n');
    Position in_text;
    in_text.line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1;
    in_text.column = static_cast<int>(before.size() -
                                      (line_start == std::string::npos ? 0 : line_start + 1) + 1);
    const Position found = quoted->in_file(in_text);
    CHECK(found.line == row.in_file.line + 1);
    CHECK(found.column == row.in_file.column);
    const auto back = quoted->in_text(found);
    REQUIRE(back.has_value());
    CHECK(back->line == in_text.line);
    CHECK(back->column == in_text.column);
    CHECK_FALSE(quoted->in_text({1, 1}).has_value());
    CHECK_FALSE(quoted->in_text({20, 1}).has_value());
    CHECK_FALSE(quoted->in_text({}).has_value());
  }
}

TEST_CASE("places beyond the text are its end") {
  const auto quoted = QuotedText::find("\"ab\"", {1, 1}, "ab");
  REQUIRE(quoted.has_value());
  CHECK(quoted->in_file({9, 9}).column == 4);
}

TEST_CASE("a text that the file does not say has no places") {
  struct Row {
    std::string file;
    std::string text;
  };
  const Row rows[] = {{"abc", "abc"},       {"\"ab\"", "ax"},    {"\"ab\"", "abc"},
                      {"\"a\nb\"", "a\nb"}, {"'a'b'", "a'b"},    {"\"a\\", "ab"},
                      {"\"a\\n", "a\nb"},   {"\"a  b\"", "a b"}, {"", "a"}};
  for (const Row& row : rows) {
    CAPTURE(row.file);
    CHECK_FALSE(QuotedText::find(row.file, {1, 1}, row.text).has_value());
  }
}
