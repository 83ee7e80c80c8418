#include "relay/slot_table.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <unordered_map>
#include <vector>

using namespace fedwave;
using base::Hash128;

namespace {

struct Slot {
  std::uint64_t key_low;
  std::uint32_t key_high;
  std::uint32_t number;  // 0 is an empty slot's

  [[nodiscard]] bool is_empty() const { return number == 0; }
};
using Table = relay::SlotTable<Slot>;

// Where the keys of a test live; a table of any size has crowded places for the last two.
struct Spread {
  const char* name;
  std::uint64_t low_mask;
};
constexpr Spread kSpreads[] = {
    {"anywhere", ~std::uint64_t{0}},
    {"in one place", 0xFFFF'FFFF'0000'0000U},
    {"at the table's end", ~std::uint64_t{0} - 3},
};

// Keys that differ, in the low half or only in the high one.
std::vector<Hash128> make_keys(const Spread& spread, std::size_t count, unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<Hash128> keys;
  for (std::size_t i = 0; i < count; ++i) {
    const bool has_low_of_another = i > 0 && i % 5 == 0;
    std::uint64_t low = random() & spread.low_mask;
    if (spread.low_mask + 4 == 0) low |= 0xFFFC;
    if (has_low_of_another) low = keys[i - 1].low;
    keys.push_back({low, (random() & ~std::uint64_t{0xFFFF'FFFF}) | i});
  }
  return keys;
}

void check_holds(Table& table, const std::vector<Hash128>& keys,
                 const std::vector<std::uint32_t>& numbers) {
  REQUIRE(table.size() == keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Slot* slot = table.find(keys[i]);
    REQUIRE(slot != nullptr);
    REQUIRE(slot->number == numbers[i]);
  }
}

}  // namespace

TEST_CASE("an empty table finds nothing, counts nothing, and may be prefetched from") {
  Table table;
  for (const std::uint64_t low : {std::uint64_t{0}, std::uint64_t{7}, ~std::uint64_t{0}}) {
    table.prefetch({low, 1});
    CHECK(table.find({low, 0}) == nullptr);
    CHECK(table.find({low, 1}) == nullptr);
  }
  CHECK(table.size() == 0);
  std::size_t visited = 0;
  table.each([&](const Slot&) { ++visited; });
  CHECK(visited == 0);
}

TEST_CASE("a table holds what was added, and nothing else, wherever the keys live") {
  for (const Spread& spread : kSpreads) {
    CAPTURE(spread.name);
    const bool is_crowded = spread.low_mask != ~std::uint64_t{0};
    const std::vector<Hash128> keys = make_keys(spread, is_crowded ? 3'000 : 50'000, 11);
    Table table;
    std::vector<std::uint32_t> numbers;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      table.prefetch(keys[i]);
      if (table.find(keys[i]) != nullptr) FAIL("found before it was added");
      table.add(keys[i]).number = static_cast<std::uint32_t>(i + 1);
      numbers.push_back(static_cast<std::uint32_t>(i + 1));
      const bool is_about_to_grow = (i & (i + 1)) == 0;
      if (is_about_to_grow) {
        check_holds(table, {keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(i) + 1},
                    numbers);
      }
    }
    check_holds(table, keys, numbers);
    for (const Hash128& other : make_keys(spread, 1'000, 12)) {
      REQUIRE(table.find({other.low, other.high + 100'000}) == nullptr);
    }
    for (const Hash128& key : keys) REQUIRE(table.find({key.low, key.high + 100'000}) == nullptr);
  }
}

TEST_CASE("a table does what a map of the standard library does") {
  std::mt19937_64 random(13);
  struct HashOfLow {
    std::size_t operator()(const Hash128& key) const { return key.low; }
  };
  std::unordered_map<Hash128, std::uint32_t, HashOfLow> map;
  Table table;
  for (std::uint32_t step = 1; step <= 30'000; ++step) {
    // Few enough that half of them come again.
    const Hash128 key{(random() % 16) << 56U | random() % 512, random() % 2};
    Slot* slot = table.find(key);
    const auto known = map.find(key);
    REQUIRE((slot != nullptr) == (known != map.end()));
    if (slot == nullptr) {
      slot = &table.add(key);
      map.emplace(key, step);
    } else {
      REQUIRE(slot->number == known->second);
      known->second = step;
    }
    slot->number = step;
  }
  REQUIRE(table.size() == map.size());
  std::size_t visited = 0;
  table.each([&](const Slot& slot) {
    ++visited;
    REQUIRE(map.at({slot.key_low, slot.key_high}) == slot.number);
  });
  CHECK(visited == map.size());
}

TEST_CASE("slots that another table adopts are found there, in however little room it began") {
  for (const Spread& spread : kSpreads) {
    CAPTURE(spread.name);
    const std::vector<Hash128> keys = make_keys(spread, 2'000, 14);
    Table table;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      table.add(keys[i]).number = static_cast<std::uint32_t>(i + 1);
    }
    for (const std::size_t expected : {std::size_t{0}, std::size_t{1'000}, std::size_t{2'000}}) {
      Table other(expected);
      std::vector<Hash128> kept;
      std::vector<std::uint32_t> numbers;
      for (std::size_t i = 0; i < keys.size(); i += 2) {
        kept.push_back(keys[i]);
        numbers.push_back(static_cast<std::uint32_t>(i + 1));
      }
      table.each([&](const Slot& slot) {
        if (slot.number % 2 == 1) other.adopt(slot);
      });
      check_holds(other, kept, numbers);
      CHECK(other.size() * 4 <= other.bytes() / sizeof(Slot) * 3);
      for (std::size_t i = 1; i < keys.size(); i += 2) REQUIRE(other.find(keys[i]) == nullptr);
    }
  }
}

TEST_CASE("a table is at most three quarters full, and one made for a number does not grow") {
  for (const std::size_t expected : {0, 768, 769, 1'536, 1'537, 100'000}) {
    CAPTURE(expected);
    Table table(expected);
    const std::size_t before = table.bytes();
    const std::vector<Hash128> keys = make_keys(kSpreads[0], expected, 15);
    for (const Hash128& key : keys) table.add(key).number = 1;
    CHECK(table.bytes() == before);
    CHECK(table.bytes() / sizeof(Slot) * 3 >= expected * 4);
    const std::size_t most = table.bytes() / sizeof(Slot) / 4 * 3;
    for (const Hash128& key : make_keys(kSpreads[0], most + 1 - expected, 16)) {
      table.add(key).number = 1;
    }
    CHECK(table.bytes() == 2 * before);
  }
}
