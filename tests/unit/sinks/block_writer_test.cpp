#include "sinks/block_writer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/fakes.h"
#include "tests/support/lending_output.h"

using namespace fedwave;
using sinks::BlockWriter;
using support::CollectingOutput;

namespace {

// As a copy in wide steps does it: with the slack overwritten, all of it.
void put(BlockWriter& writer, std::string_view line) {
  char* const at = writer.reserve(line.size());
  std::memset(at, '#', line.size() + sinks::kLineSlackBytes);
  std::memcpy(at, line.data(), line.size());
  writer.commit(line.size());
}

// Keeps copies, so that its memory can be lent again.
class CopyingOutput final : public support::LendingOutput {
 public:
  std::vector<sinks::Block> copies;

 private:
  void on_block(const sinks::Block& block) override { copies.push_back(block); }
};

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

TEST_CASE("what a wide copy leaves behind a line does not go out") {
  const support::FakeClock clock;
  for (const std::uint32_t points_max : {2U, 1'000'000U}) {
    CollectingOutput output;
    BlockWriter writer(output, false, points_max, clock);
    const std::string line = std::string(1'000, 'm') + "\n";
    for (std::size_t i = 0; i < 2 * sinks::kBlockBytesMax / line.size(); ++i) put(writer, line);
    writer.flush();
    for (const auto& block : output.blocks) {
      REQUIRE(block.bytes.size() == block.points * line.size());
      REQUIRE(block.bytes.find('#') == std::string::npos);
    }
  }
}

TEST_CASE(
    "blocks in memory that was lent hold the lines that were written, and nothing of before") {
  const support::FakeClock clock;
  std::mt19937 random(31);
  for (const std::uint32_t points_max : {1'000'000U, 7'000U, 500U}) {
    for (const bool gzip : {false, true}) {
      CAPTURE(points_max);
      CAPTURE(gzip);
      CopyingOutput output;
      BlockWriter writer(output, gzip, points_max, clock);
      std::string metrics;
      std::string histograms;
      for (int scrape = 0; scrape < 6; ++scrape) {
        // From a few lines, which are a small block, to several full ones.
        const std::size_t lines = scrape % 2 == 0 ? 9'000 + random() % 9'000 : random() % 3'000;
        for (std::size_t i = 0; i < lines; ++i) {
          const std::string line = std::to_string(scrape) + ' ' + std::to_string(i) +
                                   std::string(100 + random() % 150, 'a' + scrape) + "\n";
          metrics += line;
          put(writer, line);
          if (i % 3 != 0) continue;
          histograms += "!M " + line;
          writer.append_histogram("!M " + line);
        }
        writer.flush();
      }
      std::string sent_metrics;
      std::string sent_histograms;
      for (const auto& block : output.copies) {
        const std::string sent = *sinks::block_lines(block);
        const bool is_metric = block.format == sinks::PointFormat::Metric;
        (is_metric ? sent_metrics : sent_histograms) += sent;
        REQUIRE(block.points == std::count(sent.begin(), sent.end(), '\n'));
        REQUIRE(block.points <= points_max);
        REQUIRE(block.line_bytes == sent.size());
        REQUIRE(sent.size() <= sinks::kBlockBytesMax);
      }
      CHECK((sent_metrics == metrics));
      CHECK((sent_histograms == histograms));
      const bool has_full_blocks = !gzip && points_max > 5'000;
      CHECK((output.lent > 0) == has_full_blocks);
    }
  }
}

TEST_CASE("memory that was lent is of any size") {
  struct LendsOnce final : sinks::BlockOutput {
    explicit LendsOnce(std::string lent) : buffer(std::move(lent)) {}
    void append(sinks::Block block) override {
      CHECK(block.bytes.size() <= sinks::kBlockBytesMax);
      lines += block.bytes;
    }
    std::string spare_buffer() override { return std::exchange(buffer, {}); }
    std::string buffer;
    std::string lines;
  };
  const support::FakeClock clock;
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, sinks::kBlockBytesMax,
                                  sinks::kBlockBytesMax + 10, 3 * sinks::kBlockBytesMax}) {
    CAPTURE(bytes);
    LendsOnce output(std::string(bytes, '#'));
    BlockWriter writer(output, false, 10'000, clock);
    std::string written;
    // The first block ends with its points, those after it with their bytes.
    for (int i = 0; i < 25'000; ++i) {
      const std::string line = std::to_string(i) + std::string(i < 10'000 ? 80 : 250, 'v') + "\n";
      put(writer, line);
      written += line;
    }
    writer.flush();
    CHECK((output.lines == written));
  }
}
