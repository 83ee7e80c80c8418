#include "relay/base/edit_distance.h"

#include <doctest/doctest.h>

using fedwave::base::edit_distance;

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
