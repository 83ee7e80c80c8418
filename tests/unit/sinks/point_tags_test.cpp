#include "sinks/point_tags.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace fedwave;
using sinks::PointTag;
using sinks::PointTags;

namespace {

std::string show(const PointTags& tags) {
  std::string text;
  for (const auto& [key, value] : tags) text.append(key).append("=").append(value).append(" ");
  return text;
}

std::string show(const std::map<std::string_view, std::string_view>& tags) {
  std::string text;
  for (const auto& [key, value] : tags) text.append(key).append("=").append(value).append(" ");
  return text;
}

}  // namespace

TEST_CASE("tags are sorted by key and have each key once, in whatever order they are set") {
  std::vector<PointTag> tags = {{"a", "1"}, {"ab", "2"}, {"b", "3"}, {"c", "4"}};
  do {
    PointTags set;
    for (const PointTag& tag : tags) set.set(tag.key, "before");
    for (const PointTag& tag : tags) set.set(tag.key, tag.value);
    CHECK(show(set) == "a=1 ab=2 b=3 c=4 ");
    CHECK(set.size() == 4);
  } while (std::next_permutation(tags.begin(), tags.end(),
                                 [](const auto& a, const auto& b) { return a.key < b.key; }));
}

TEST_CASE("set replaces a value, add leaves it") {
  PointTags tags{{"b", "1"}, {"a", "1"}, {"b", "2"}};
  CHECK(show(tags) == "a=1 b=2 ");
  tags.add("a", "other");
  tags.add("c", "3");
  tags.add("0", "0");
  CHECK(show(tags) == "0=0 a=1 b=2 c=3 ");
  tags.set("a", "other");
  CHECK(show(tags) == "0=0 a=other b=2 c=3 ");
}

TEST_CASE("find and erase take a key only as a whole") {
  PointTags tags{{"app", "1"}, {"apple", "2"}};
  REQUIRE(tags.find("app") != nullptr);
  CHECK(tags.find("app")->value == "1");
  for (const char* absent : {"", "a", "appl", "apples", "b"}) {
    CAPTURE(absent);
    CHECK(tags.find(absent) == nullptr);
    tags.erase(absent);
  }
  CHECK(tags.size() == 2);
  tags.erase("app");
  CHECK(show(tags) == "apple=2 ");
  tags.clear();
  CHECK(tags.find("apple") == nullptr);
  tags.erase("apple");
  CHECK(tags.size() == 0);
}

TEST_CASE("tags are equal when keys and values are") {
  const PointTags tags{{"a", "1"}, {"b", "2"}};
  CHECK(tags == PointTags{{"b", "2"}, {"a", "1"}});
  CHECK_FALSE(tags == PointTags{{"a", "1"}, {"b", "3"}});
  CHECK_FALSE(tags == PointTags{{"a", "1"}, {"c", "2"}});
  CHECK_FALSE(tags == PointTags{{"a", "1"}});
}

TEST_CASE("tags do what a map does") {
  std::mt19937 random(21);
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i)
    texts.push_back(std::string(random() % 4, 'a' + i % 3) + "xyz"[i % 3]);
  const auto any = [&]() -> std::string_view { return texts[random() % texts.size()]; };
  for (int round = 0; round < 200; ++round) {
    PointTags tags;
    std::map<std::string_view, std::string_view> map;
    for (int step = 0; step < 100; ++step) {
      const std::string_view key = any();
      const std::string_view value = any();
      switch (random() % 6) {
        case 0:
          tags.erase(key);
          map.erase(key);
          break;
        case 1:
          tags.add(key, value);
          map.try_emplace(key, value);
          break;
        case 2:
          if (random() % 8 == 0) {
            tags.erase_if([&](const PointTag& tag) { return tag.value == value; });
            std::erase_if(map, [&](const auto& tag) { return tag.second == value; });
          }
          break;
        default:
          tags.set(key, value);
          map.insert_or_assign(key, value);
          break;
      }
      const auto known = map.find(value);
      const PointTag* found = tags.find(value);
      REQUIRE((found != nullptr) == (known != map.end()));
      if (found != nullptr) REQUIRE(found->value == known->second);
      REQUIRE(show(tags) == show(map));
    }
  }
}
