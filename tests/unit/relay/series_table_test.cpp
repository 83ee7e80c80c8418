#include "relay/series_table.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

using namespace fedwave;
using relay::PartArena;
using relay::PartPlan;
using relay::PartView;
using relay::SeriesEntry;
using relay::SeriesTable;
using relay::Verdict;

namespace {

// For two sinks, of which the second one wants nothing.
PartPlan plan_of(const std::string& text) {
  PartPlan plan;
  plan.sinks.resize(2);
  plan.sinks[0].text = text;
  plan.sinks[1].verdict = Verdict::SinkDenyList;
  return plan;
}

SeriesTable::Key key_of(const std::string& text) {
  return SeriesTable::key_of(text, parsers::SampleKind::Untyped);
}
SeriesTable::Key key(int number) {
  return key_of("m{n=\"" + std::to_string(number) + "\"}");
}

SeriesEntry& add(SeriesTable& table, int number) {
  const auto name_key = key_of("name" + std::to_string(number % 7));
  PartArena::Id name = table.find_part(name_key);
  if (name == 0) name = table.insert_part(name_key, plan_of("head" + std::to_string(number % 7)));
  const auto labels = table.insert_own_part(plan_of("tail" + std::to_string(number)), 0);
  return table.insert(key(number), name, labels);
}

void check_entry(SeriesTable& table, int number) {
  const SeriesEntry* entry = table.find(key(number));
  REQUIRE(entry != nullptr);
  CHECK(table.part(entry->name).text(0) == "head" + std::to_string(number % 7));
  CHECK(table.part(entry->labels).text(0) == "tail" + std::to_string(number));
  CHECK(table.part(entry->labels).verdict(0) == Verdict::Kept);
  CHECK(table.part(entry->labels).verdict(1) == Verdict::SinkDenyList);
}

}  // namespace

TEST_CASE("a series is found by its bytes and its kind, with its two parts") {
  SeriesTable table(2);
  CHECK(table.find(key(1)) == nullptr);
  for (int i = 0; i < 20'000; ++i) add(table, i);
  CHECK(table.size() == 20'000);
  for (int i = 0; i < 20'000; i += 7) check_entry(table, i);
  CHECK(table.find(key(20'000)) == nullptr);
  CHECK(table.find(SeriesTable::key_of("m{n=\"1\"}", parsers::SampleKind::Gauge)) == nullptr);
}

TEST_CASE("a part is read back as it was planned, for every sink") {
  PartArena arena;
  PartPlan plan;
  plan.truncates = plan.converts = plan.is_bucket = true;
  plan.bound = 0.25;
  plan.sinks.resize(4);
  plan.sinks[0].text = "first";
  plan.sinks[0].repairs[2] = 7;
  plan.sinks[0].repairs[5] = 1;
  plan.sinks[1].verdict = Verdict::NameTooLong;
  plan.sinks[2] = plan.sinks[0];
  plan.sinks[3].text = "first";  // without the repairs: not the same
  const PartView part = arena.at(arena.add(plan, 42));
  CHECK(part.head().truncates);
  CHECK(part.head().converts);
  CHECK(part.head().is_bucket);
  CHECK(part.head().group == 42);
  CHECK(part.head().bound == 0.25);
  CHECK(part.verdict(1) == Verdict::NameTooLong);
  CHECK(part.text(1).empty());
  CHECK(part.text(3) == "first");
  CHECK(part.text(2).data() == part.text(0).data());  // what is the same is kept once
  CHECK(part.text(3).data() != part.text(0).data());
  std::array<std::uint64_t, sinks::kRepairCount> repairs{};
  for (std::size_t sink = 0; sink < 4; ++sink) part.add_repairs(sink, repairs);
  CHECK(repairs[2] == 14);
  CHECK(repairs[5] == 2);
  CHECK(repairs[0] == 0);
}

TEST_CASE("a part may be larger than what the arena takes from the system at a time") {
  PartArena arena;
  PartPlan plan;
  for (int i = 0; i < 100; ++i) {
    plan.sinks.emplace_back().text = std::to_string(i) + std::string(31'000, 'x');
  }
  const auto small = arena.add(plan_of("before"));
  const auto large = arena.add(plan);
  const auto after = arena.add(plan_of("after"));
  for (std::size_t i = 0; i < 100; ++i) {
    REQUIRE(arena.at(large).text(i) == std::to_string(i) + std::string(31'000, 'x'));
  }
  CHECK(arena.at(small).text(0) == "before");
  CHECK(arena.at(after).text(0) == "after");
  PartArena other;
  const auto copied = other.copy(arena, large, 100);
  CHECK(other.at(copied).text(99) == "99" + std::string(31'000, 'x'));
}

TEST_CASE("eviction throws out what was not seen, keeps the rest, and gives memory back") {
  SeriesTable table(2);
  for (int i = 0; i < 50'000; ++i) {
    SeriesEntry& entry = add(table, i);
    entry.last_seen = i % 10 == 0 ? 9 : 2;
    entry.last_timestamp_ms = i;
  }
  const std::size_t before = table.bytes();
  CHECK_FALSE(table.evict(2));
  CHECK(table.size() == 50'000);
  CHECK(table.evict(9));
  CHECK(table.size() == 5'000);
  CHECK(table.bytes() < before / 4);
  for (int i = 0; i < 50'000; i += 110) {
    CAPTURE(i);
    check_entry(table, i);
    CHECK(table.find(key(i))->last_timestamp_ms == i);
    CHECK(table.find(key(i + 1)) == nullptr);
  }
}

TEST_CASE("a shared part goes with the last series that needs it") {
  SeriesTable table(2);
  for (int i = 0; i < 100; ++i) add(table, i).last_seen = i % 7 == 3 ? 9 : 2;
  REQUIRE(table.evict(9));
  CHECK(table.find_part(key_of("name3")) != 0);
  CHECK(table.find_part(key_of("name4")) == 0);
  add(table, 200);
  check_entry(table, 200);
}
