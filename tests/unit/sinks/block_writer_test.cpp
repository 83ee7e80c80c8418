#include "sinks/block_writer.h"

#include <doctest/doctest.h>

#include <cstring>

#include "tests/support/fakes.h"

using namespace fedwave;
using sinks::BlockWriter;
using support::CollectingOutput;

namespace {

void put(BlockWriter& writer, std::string_view line) {
  std::memcpy(writer.reserve(line.size()), line.data(), line.size());
  writer.commit(line.size());
}

}  // namespace

TEST_CASE("lines are collected into blocks of at most a mebibyte and the batch's points") {
  const support::FakeClock clock;
  for (const bool gzip : {false, true}) {
    CAPTURE(gzip);
    CollectingOutput spool;
    BlockWriter writer(spool, gzip, 20'000, clock);
    const std::string line = std::string(99, 'm') + "\n";
    for (int i = 0; i < 25'000; ++i) put(writer, line);
    writer.flush();
    writer.flush();  // nothing more to hand over
    REQUIRE(spool.blocks.size() == 3);
    std::uint32_t points = 0;
    for (const auto& block : spool.blocks) {
      CHECK(block.line_bytes <= sinks::kBlockBytesMax);
      CHECK(block.gzip == gzip);
      CHECK(block.created_ms == clock.now_ms);
      CHECK(sinks::block_lines(block).value().size() == block.points * line.size());
      points += block.points;
    }
    CHECK(points == 25'000);
  }
  CollectingOutput small;
  BlockWriter writer(small, false, 2, clock);
  for (int i = 0; i < 5; ++i) put(writer, "x\n");
  writer.flush();
  REQUIRE(small.blocks.size() == 3);
  CHECK(small.blocks[0].points == 2);
  CHECK(small.blocks[2].points == 1);
}

TEST_CASE("distributions get blocks of their own, because direct ingestion wants them apart") {
  const support::FakeClock clock;
  CollectingOutput spool;
  BlockWriter writer(spool, false, 2, clock);
  put(writer, "metric\n");
  for (int i = 0; i < 3; ++i) writer.append_histogram("!M #1 2 h\n");
  writer.flush();
  REQUIRE(spool.blocks.size() == 3);
  CHECK(spool.blocks[0].format == sinks::PointFormat::Histogram);
  CHECK(spool.blocks[0].points == 2);
  CHECK(spool.blocks[0].bytes == "!M #1 2 h\n!M #1 2 h\n");
  CHECK(spool.blocks[1].format == sinks::PointFormat::Metric);
  CHECK(spool.blocks[1].bytes == "metric\n");
  CHECK(spool.blocks[2].bytes == "!M #1 2 h\n");
}

TEST_CASE("a line larger than a block still gets its room") {
  const support::FakeClock clock;
  CollectingOutput spool;
  BlockWriter writer(spool, false, 10, clock);
  put(writer, std::string(sinks::kBlockBytesMax + 5, 'y'));
  put(writer, "z\n");
  writer.flush();
  std::size_t bytes = 0;
  for (const auto& block : spool.blocks) bytes += block.bytes.size();
  CHECK(bytes == sinks::kBlockBytesMax + 7);
}
