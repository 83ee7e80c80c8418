#include "relay/base/edit_distance.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using fedwave::base::edit_distance;
using fedwave::base::nearest_word;

TEST_CASE("the distance of two words is the least number of letters to change, add or leave out") {
  CHECK(edit_distance("", "", 5) == 0);
  CHECK(edit_distance("abc", "abc", 5) == 0);
  CHECK(edit_distance("abc", "", 5) == 3);
  CHECK(edit_distance("abc", "abd", 5) == 1);
  CHECK(edit_distance("abc", "xabc", 5) == 1);
  CHECK(edit_distance("kitten", "sitting", 5) == 3);
  CHECK(edit_distance("sitting", "kitten", 5) == 3);
}

TEST_CASE("beyond the most that is asked for, a distance is just more than that") {
  CHECK(edit_distance("kitten", "sitting", 2) == 3);
  CHECK(edit_distance("abc", "completely different", 4) == 5);
  CHECK(edit_distance("aaaaaaaa", "bbbbbbbb", 3) == 4);
}

TEST_CASE("the word that was meant is the same in another spelling, or two edits away at most") {
  struct Row {
    const char* word;
    const char* meant;
  };
  for (const Row& row : {Row{"confg", "config"}, Row{"CONFIG", "config"}, Row{"con_fig", "config"},
                         Row{"cofnig", "config"}, Row{"conzzz", ""}, Row{"portfile", "port-file"},
                         Row{"ox", ""}, Row{"", ""}}) {
    CAPTURE(row.word);
    CHECK(nearest_word(row.word, {"port-file", "config", "up"}) == row.meant);
  }
  CHECK(nearest_word(std::string(65, 'x'), {std::string_view("x")}).empty());
}
