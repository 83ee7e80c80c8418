#include "sinks/block_parts.h"

#include <doctest/doctest.h>

using namespace fedwave;
using sinks::Block;
using sinks::BlockParts;

namespace {

Block block_of_lines(std::uint32_t lines, bool gzip) {
  std::string text;
  for (std::uint32_t i = 0; i < lines; ++i) text += "line " + std::to_string(i) + "\n";
  return {.bytes = gzip ? base::GzipDeflater().deflate(text) : text,
          .gzip = gzip,
          .format = sinks::PointFormat::Histogram,
          .points = lines,
          .line_bytes = text.size(),
          .created_ms = 77};
}

}  // namespace

TEST_CASE("a block that nobody cuts goes out as it is, not compressed again") {
  const Block block = block_of_lines(10, true);
  BlockParts parts(block);
  CHECK(&parts.next() == &block);
  CHECK(&parts.next(10) == &block);
  parts.pop();
  CHECK(parts.empty());
}

TEST_CASE("parts are the block's lines, each once and in order, with the rest as in the block") {
  for (const bool gzip : {false, true}) {
    for (const std::uint32_t points_max : {1u, 3u, 6u, 7u, 9u, 10u, 11u}) {
      CAPTURE(gzip);
      CAPTURE(points_max);
      const Block block = block_of_lines(10, gzip);
      BlockParts parts(block);
      std::string lines;
      std::uint32_t points = 0;
      for (; !parts.empty(); parts.pop()) {
        const Block& part = parts.next(points_max);
        CHECK(part.points <= points_max);
        CHECK(part.gzip == gzip);
        CHECK(part.format == sinks::PointFormat::Histogram);
        CHECK(part.created_ms == 77);
        const std::string text = *sinks::block_lines(part);
        CHECK(part.line_bytes == text.size());
        CHECK(std::count(text.begin(), text.end(), '\n') == part.points);
        CHECK(parts.lines() == text);
        lines += text;
        points += part.points;
      }
      CHECK(lines == *sinks::block_lines(block));
      CHECK(points == 10);
    }
  }
}

TEST_CASE("a part is halved down to single lines, and stays as it is when that cannot be") {
  const Block block = block_of_lines(5, true);
  BlockParts parts(block);
  REQUIRE(parts.halve());
  CHECK(*sinks::block_lines(parts.next()) == "line 0\nline 1\n");
  REQUIRE(parts.halve());
  CHECK(*sinks::block_lines(parts.next()) == "line 0\n");
  CHECK_FALSE(parts.halve());
  CHECK(*sinks::block_lines(parts.next()) == "line 0\n");
  parts.pop();
  parts.pop();
  CHECK(*sinks::block_lines(parts.next()) == "line 2\nline 3\nline 4\n");
}

TEST_CASE("a limit that changes half-way leaves no small pieces behind") {
  const Block block = block_of_lines(10, true);
  BlockParts parts(block);
  CHECK(parts.next(4).points == 4);
  CHECK(parts.next(2).points == 2);  // the same lines, asked for again in a smaller part
  CHECK(parts.next(3).points == 2);  // what has been tried does not grow before it is taken
  parts.pop();
  CHECK(parts.next(5).points == 5);
  REQUIRE(parts.halve());
  CHECK(*sinks::block_lines(parts.next(5)) == "line 2\nline 3\n");
  parts.pop();
  CHECK(*sinks::block_lines(parts.next(5)) == "line 4\nline 5\nline 6\n");
  parts.pop();
  CHECK(*sinks::block_lines(parts.next()) == "line 7\nline 8\nline 9\n");
  parts.pop();
  CHECK(parts.empty());
}

TEST_CASE("lines that cannot be told apart, or not be read, are one part") {
  const Block fewer_lines{.bytes = "one line only\n", .points = 6, .line_bytes = 14};
  BlockParts parts(fewer_lines);
  CHECK_FALSE(parts.halve());
  CHECK(&parts.next(2) == &fewer_lines);
  CHECK(parts.lines() == "one line only\n");

  const Block not_gzip{.bytes = "no gzip", .gzip = true, .points = 6, .line_bytes = 100};
  BlockParts unreadable(not_gzip);
  CHECK_FALSE(unreadable.halve());
  CHECK(&unreadable.next(2) == &not_gzip);
  CHECK(unreadable.lines().empty());
}
