#include "relay/base/text.h"

#include <doctest/doctest.h>

#include <utility>

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
