#include "sinks/spool/settled_blocks.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

using namespace fedwave;
using sinks::Position;
using sinks::SequenceRange;
using sinks::SettledBlocks;

TEST_CASE("settled numbers become a floor and as few ranges as there can be") {
  struct Row {
    std::vector<SequenceRange> added;
    std::uint64_t below;
    std::vector<SequenceRange> ranges;
  };
  const Row rows[] = {
      {{}, 1, {}},
      {{{1, 2}}, 2, {}},
      {{{3, 4}}, 1, {{3, 4}}},
      {{{3, 4}, {1, 2}}, 2, {{3, 4}}},
      {{{3, 4}, {1, 2}, {2, 3}}, 4, {}},
      {{{3, 4}, {5, 6}, {4, 5}}, 1, {{3, 6}}},
      {{{8, 9}, {3, 4}, {5, 6}}, 1, {{3, 4}, {5, 6}, {8, 9}}},
      {{{8, 9}, {3, 4}, {5, 6}, {2, 20}}, 1, {{2, 20}}},
      {{{8, 9}, {3, 4}, {5, 6}, {1, 5}}, 6, {{8, 9}}},
      {{{8, 9}, {3, 4}, {5, 6}, {1, 8}}, 9, {}},
      {{{8, 12}, {9, 10}}, 1, {{8, 12}}},
      {{{1, 9}, {2, 5}}, 9, {}},
      {{{5, 5}}, 1, {}},
      {{{3, 4}, {9, 9}}, 1, {{3, 4}}},
  };
  for (const Row& row : rows) {
    CAPTURE(&row - rows);
    SettledBlocks settled;
    for (const SequenceRange& range : row.added) settled.add(range);
    const Position position = settled.position(7);
    CHECK(position.generation == 7);
    CHECK(position.settled_below == row.below);
    CHECK(position.settled == row.ranges);
    CHECK(settled.end() == (row.ranges.empty() ? row.below : row.ranges.back().end));
  }
}

TEST_CASE("whatever is settled, in whatever order, is what a plain set has") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 50; ++round) {
    CAPTURE(round);
    SettledBlocks settled;
    std::set<std::uint64_t> plain;
    for (int i = 0; i < 60; ++i) {
      const std::uint64_t first = 1 + random() % 100;
      const std::uint64_t end = first + (random() % 5 == 0 ? random() % 12 : 1);
      settled.add({first, end});
      for (std::uint64_t sequence = first; sequence < end; ++sequence) plain.insert(sequence);
    }
    // A position gives back what it was made of.
    SettledBlocks restored;
    restored.restore(settled.position(1));
    std::uint64_t unsettled = 120;
    for (std::uint64_t sequence = 119; sequence > 0; --sequence) {
      CAPTURE(sequence);
      if (!plain.contains(sequence)) unsettled = sequence;
      REQUIRE(settled.contains(sequence) == plain.contains(sequence));
      REQUIRE(settled.first_unsettled(sequence) == unsettled);
      REQUIRE(restored.contains(sequence) == plain.contains(sequence));
    }
  }
}

TEST_CASE("a position has room for so many ranges, and leaves the newest out") {
  SettledBlocks settled;
  for (std::uint64_t i = 0; i < sinks::kPositionRangesMax + 3; ++i) settled.add(10 * i + 5);
  const Position position = settled.position(1);
  CHECK(position.settled_below == 1);
  REQUIRE(position.settled.size() == sinks::kPositionRangesMax);
  CHECK(position.settled.front() == SequenceRange{5, 6});
  CHECK(position.settled.back().first == 10 * (sinks::kPositionRangesMax - 1) + 5);
  // They are left out of the file only.
  CHECK(settled.contains(10 * (sinks::kPositionRangesMax + 2) + 5));
  CHECK(settled.end() == 10 * (sinks::kPositionRangesMax + 2) + 6);
}
