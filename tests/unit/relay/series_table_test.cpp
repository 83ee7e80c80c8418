#include "relay/series_table.h"

#include <doctest/doctest.h>

#include <string>

using namespace fedwave;
using relay::SeriesEntry;
using relay::SeriesPlan;
using relay::SeriesTable;
using relay::Verdict;

namespace {

SeriesPlan plan_of(const std::string& head, const std::string& tail) {
  SeriesPlan plan;
  plan.sinks.resize(2);
  plan.sinks[0].rendered.head = head;
  plan.sinks[0].rendered.tail = tail;
  plan.sinks[1].verdict = Verdict::SinkDenyList;
  return plan;
}

SeriesTable::Key key(int number) {
  return SeriesTable::key_of("m{n=\"" + std::to_string(number) + "\"}",
                             parsers::SampleKind::Untyped);
}

void check_entry(SeriesTable& table, int number) {
  SeriesEntry* entry = table.find(key(number));
  REQUIRE(entry != nullptr);
  relay::RecordView record = table.record(*entry);
  CHECK(record.fixed().kept_anywhere);
  const relay::RecordLine first = record.next();
  CHECK(first.verdict == Verdict::Kept);
  CHECK(first.head == "head" + std::to_string(number));
  CHECK(first.tail == "tail" + std::to_string(number));
  CHECK(record.next().verdict == Verdict::SinkDenyList);
}

}  // namespace

TEST_CASE("a series is found by its bytes and its kind, with what was decided for every sink") {
  SeriesTable table(2);
  CHECK(table.find(key(1)) == nullptr);
  for (int i = 0; i < 20'000; ++i) {
    table.insert(key(i), plan_of("head" + std::to_string(i), "tail" + std::to_string(i)), 0);
  }
  CHECK(table.size() == 20'000);
  for (int i = 0; i < 20'000; i += 7) check_entry(table, i);
  CHECK(table.find(key(20'000)) == nullptr);
  CHECK(table.find(SeriesTable::key_of("m{n=\"1\"}", parsers::SampleKind::Gauge)) == nullptr);
}

TEST_CASE("the fixed part of a record is read back as it was planned") {
  SeriesTable table(1);
  SeriesPlan plan;
  plan.sinks.resize(1);
  plan.sinks[0].verdict = Verdict::NameTooLong;
  plan.truncate = plan.convert = plan.is_bucket = true;
  plan.bucket_bound = 0.25;
  table.insert(key(1), plan, 42);
  const auto fixed = table.record(*table.find(key(1))).fixed();
  CHECK(fixed.truncate);
  CHECK(fixed.convert);
  CHECK(fixed.is_bucket);
  CHECK_FALSE(fixed.kept_anywhere);
  CHECK(fixed.group == 42);
  CHECK(fixed.bound == 0.25);
}

TEST_CASE("eviction throws out what was not seen, keeps the rest, and gives memory back") {
  SeriesTable table(2);
  for (int i = 0; i < 50'000; ++i) {
    const std::string text(100, 'x');
    SeriesEntry& entry =
        table.insert(key(i), plan_of("head" + std::to_string(i), "tail" + std::to_string(i)), 0);
    entry.last_seen = i % 10 == 0 ? 9 : 2;
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
    CHECK(table.find(key(i + 1)) == nullptr);
  }
}
