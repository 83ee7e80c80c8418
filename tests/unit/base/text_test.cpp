#include "relay/base/text.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace fedwave;

TEST_CASE("what is shown has no control characters and is valid UTF-8") {
  const std::pair<std::string, std::string> rows[] = {
      {"plain text", "plain text"},
      {"two\nlines\tand \x1b[31mred\x7f", "two lines and  [31mred "},
      {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\x80",
       "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x9a\x80"},
      {"\xff\xfe", "??"},
      {"cut \xe2\x82", "cut ??"},
      {"overlong \xc0\xaf \xe0\x80\xaf", "overlong ?? ???"},
      {"surrogate \xed\xa0\x80", "surrogate ???"},
      {"beyond \xf4\x90\x80\x80", "beyond ????"},
  };
  for (const auto& [text, shown] : rows) {
    CAPTURE(shown);
    CHECK(base::printable(text) == shown);
  }
}

TEST_CASE("lower leaves everything but ASCII letters alone") {
  CHECK(base::lower("Content-TYPE: \xc3\x84") == "content-type: \xc3\x84");
}

TEST_CASE("base64 as the RFC has it") {
  const std::pair<const char*, const char*> rows[] = {
      {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
      {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe\xfd", "//79"}};
  for (const auto& [bytes, text] : rows) CHECK(base::base64(bytes) == text);
}

TEST_CASE("percent escapes are decoded, and what only looks like one is left alone") {
  const std::pair<std::string, std::string> rows[] = {
      {"", ""},           {"a%20b+c", "a b+c"}, {"%C3%a9", "\xC3\xA9"}, {"%2525", "%25"},
      {"%zz%4", "%zz%4"}, {"100%", "100%"},     {"%%41", "%A"},         {"%4G%g4", "%4G%g4"},
  };
  for (const auto& [text, decoded] : rows) {
    CAPTURE(text);
    CHECK(base::percent_decoded(text) == decoded);
    CHECK(base::begins_with_percent_escape(text) == (text.starts_with("%C3") || text == "%2525"));
  }
  CHECK(base::percent_decoded("a%00b") == std::string("a\0b", 3));
}

TEST_CASE("an answer is quoted by its first line or its title, never with a secret in it") {
  struct Row {
    std::string answer, shown;
  };
  const Row rows[] = {
      {"", ""},
      {"bad matcher\nmore", "bad matcher"},
      {"<html><head><title>400 No certificate</title></head>", "400 No certificate"},
      {"<html>nothing", ""},
      {"you sent s3cret!", ""},
      {"fine\n" + std::string(1000, ' ') + "s3cret", ""},
      {std::string(1000, 'x'), std::string(300, 'x')},
  };
  for (const Row& row : rows) {
    CAPTURE(row.answer);
    base::AnswerExcerpt excerpt;
    for (const char c : row.answer) excerpt.append({&c, 1});
    CHECK(excerpt.first_line(std::vector<std::string>{"", "s3cret"}) == row.shown);
  }
  base::AnswerExcerpt cut;
  cut.append(std::string(4093, 'x') + "s3cret");
  CHECK(cut.first_line(std::vector<std::string>{"s3cret"}) == std::string(300, 'x'));
}
