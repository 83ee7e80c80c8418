#include "relay/commands/spool.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "relay/commands/exit_code.h"
#include "tests/support/spool_folder.h"

using namespace fedwave;
using relay::SpoolCatOptions;
using relay::SpoolListOptions;
using relay::SpoolVerifyOptions;
using support::SpoolFolder;
using support::TempFolder;

namespace {

struct Done {
  int exit_code = -1;
  std::string out;
  std::string err;
};

Done run(const std::function<int(std::ostream&, std::ostream&)>& command) {
  std::ostringstream out;
  std::ostringstream err;
  Done done;
  done.exit_code = command(out, err);
  done.out = out.str();
  done.err = err.str();
  return done;
}

Done ls(const SpoolListOptions& options, const base::Clock& clock = support::FakeClock()) {
  return run([&](auto& out, auto& err) { return spool_ls_command(options, clock, out, err); });
}
Done cat(const SpoolCatOptions& options) {
  return run([&](auto& out, auto& err) { return spool_cat_command(options, out, err); });
}
Done verify(const SpoolVerifyOptions& options) {
  const support::FakeClock clock;
  return run([&](auto& out, auto& err) { return spool_verify_command(options, clock, out, err); });
}

// Two sinks: edge with blocks 1 to 3 of 10, 20 and 30 points, the first of them settled, and in a
// second segment 4 and 5 of 5 and 7; west with nothing that waits.
struct TwoSpools {
  TempFolder directory;
  SpoolFolder edge{directory.path() + "/edge-1", "edge", false};
  SpoolFolder west{directory.path() + "/west-2", "west", false};
  TwoSpools() {
    edge.fill({10, 20, 30});
    edge.fill({5, 7});
    edge.settle({1});
    west.fill({4});
    west.settle({1});
  }
  [[nodiscard]] const std::string& path() const { return directory.path(); }
};

// Where blocks 2 and 5 of the above begin: after the segment's header and one block.
const std::size_t kSecondBlock =
    sinks::kSegmentHeaderBytes + sinks::kRecordHeaderBytes + support::some_lines(10).size();
const std::size_t kFifthBlock =
    sinks::kSegmentHeaderBytes + sinks::kRecordHeaderBytes + support::some_lines(5, 60).size();
const std::string kRubbish(8, '?');

}  // namespace

TEST_CASE("ls shows what waits for each sink and since when, and changes nothing") {
  TwoSpools spools;
  spools.edge.clock().now_ms += 2 * 3'600'000 + 13 * 60'000;
  const auto files = support::all_files(spools.path());
  const Done done = ls({.directory = spools.path(), .segments = true}, spools.edge.clock());
  CHECK(done.exit_code == relay::kExitOk);
  CHECK(done.err == "");
  CHECK(done.out ==
        "SINK  STATE  BLOCKS  POINTS   ON DISK  OLDEST                            NEWEST           "
        "                 SETTLED BELOW  DAMAGED\n"
        "edge  free        4      62  11.4 KiB  2026-01-01T00:00:01Z (2h13m ago)  "
        "2026-01-01T00:00:04Z (2h13m ago)              2  -\n"
        "west  free        0       0   8.0 KiB  -                                 -                "
        "                             2  -\n"
        "\n"
        "SINK  SEGMENT                  BEGUN                 ON DISK  BLOCKS  WAITING  POINTS "
        "WAITING\n"
        "edge  0000000000000001.blocks  2026-01-01T00:00:00Z  2.7 KiB       3        2             "
        " 50\n"
        "edge  0000000000000004.blocks  2026-01-01T00:00:03Z    696 B       2        2             "
        " 12\n");
  CHECK((support::all_files(spools.path()) == files));
  const Done one = ls({.directory = spools.west.path()}, spools.edge.clock());
  CHECK(one.out ==
        "SINK  STATE  BLOCKS  POINTS  ON DISK  OLDEST  NEWEST  SETTLED BELOW  DAMAGED\n"
        "west  free        0       0  8.0 KiB  -       -                   2  -\n");
}

TEST_CASE("ls says who uses a spool") {
  TwoSpools spools;
  const auto store = spools.edge.open();
  const Done done = ls({.directory = spools.edge.path()});
  CHECK(done.out.find("edge  in use by process " + std::to_string(getpid()) + "  ") !=
        std::string::npos);
}

TEST_CASE("ls tells below its table what is quarantined, damaged or lost") {
  TwoSpools spools;
  const std::string& edge = spools.edge.path();
  support::write_bytes(edge + "/quarantine.txt", "# why\na 1\nb 2\n");
  std::filesystem::remove(edge + "/position");
  spools.edge.overwrite(1, kSecondBlock, kRubbish);
  spools.edge.cut(4, 1);
  const Done done = ls({.directory = edge});
  CHECK(done.exit_code == relay::kExitOk);
  CHECK(done.out.find("  1 place, 20 points\n") != std::string::npos);
  CHECK(done.out.substr(done.out.find("\nedge: ") + 1) ==
        "edge: 2 quarantined lines in " + edge + "/quarantine.txt\n" +
            "edge: the position is lost: all that is there counts as waiting and is delivered "
            "again\n" +
            "edge: " + edge +
            "/0000000000000001.blocks, byte 538: 1 block is damaged or missing (" + "904 bytes)\n" +
            "edge: " + edge +
            "/0000000000000004.blocks, byte 338: the beginning of a block that was never finished "
            "(357 bytes)\n");
}

TEST_CASE("ls writes one JSON object for each sink") {
  TwoSpools spools;
  const Done done = ls({.directory = spools.path(), .segments = true, .json = true});
  CHECK(done.exit_code == relay::kExitOk);
  const std::string edge =
      R"({"sink":"edge","folder":")" + spools.edge.path() +
      R"(","in_use":false,"in_use_by":"","blocks_waiting":4,"points_waiting":62,"bytes":11654,)"
      R"("oldest_ms":1767225601000,"newest_ms":1767225604000,"settled_below":2,)"
      R"("position_lost":false,"damaged_places":0,"damaged_points":0,"damaged_points_exact":true,)"
      R"("quarantined_lines":0,"segments":[)"
      R"({"file":"0000000000000001.blocks","begun_ms":1767225600000,"bytes":2766,"blocks":3,)"
      R"("blocks_waiting":2,"points_waiting":50},)"
      R"({"file":"0000000000000004.blocks","begun_ms":1767225603000,"bytes":696,"blocks":2,)"
      R"("blocks_waiting":2,"points_waiting":12}]})";
  CHECK(done.out.substr(0, done.out.find('\n')) == edge);
  CHECK(std::count(done.out.begin(), done.out.end(), '\n') == 2);
  const Done west = ls({.directory = spools.west.path(), .json = true});
  CHECK(west.out.find(R"("oldest_ms":null,"newest_ms":null,)") != std::string::npos);
  CHECK(west.out.find("segments") == std::string::npos);
}

TEST_CASE("cat writes the very lines that wait, oldest first") {
  TwoSpools spools;
  CHECK(cat({.directory = spools.path()}).out == support::some_lines(62, 10));
  const Done all = cat({.directory = spools.edge.path(), .all = true});
  CHECK(all.out == support::some_lines(72));
  CHECK(all.err == "");
  CHECK(all.exit_code == relay::kExitOk);
}

TEST_CASE("cat shows blocks as a table, and only those asked for") {
  TwoSpools spools;
  CHECK(cat({.directory = spools.path(), .all = true, .blocks = true}).out ==
        "SINK  SEQUENCE  TIME                  POINTS  BYTES  FORMAT  STATE\n"
        "edge         1  2026-01-01T00:00:00Z      10    410  metric  settled\n"
        "edge         2  2026-01-01T00:00:01Z      20    840  metric  waiting\n"
        "edge         3  2026-01-01T00:00:02Z      30   1260  metric  waiting\n"
        "edge         4  2026-01-01T00:00:03Z       5    210  metric  waiting\n"
        "edge         5  2026-01-01T00:00:04Z       7    294  metric  waiting\n");
  const std::string waiting = cat({.directory = spools.path(), .blocks = true}).out;
  CHECK(waiting.find("settled") == std::string::npos);
  CHECK(std::count(waiting.begin(), waiting.end(), '\n') == 5);
  CHECK(cat({.directory = spools.west.path(), .blocks = true}).out ==
        "SINK  SEQUENCE  TIME  POINTS  BYTES  FORMAT  STATE\n");
}

TEST_CASE("cat leaves out a damaged block, names it and ends with 3") {
  TwoSpools spools;
  spools.edge.overwrite(1, kSecondBlock + sinks::kRecordHeaderBytes, kRubbish);
  const Done lines = cat({.directory = spools.edge.path()});
  const std::string told = "fedwave: " + spools.edge.segment(1) +
                           ", byte 538: a block's bytes do not have their checksum; its 20 points "
                           "cannot be shown\n";
  CHECK(lines.out == support::some_lines(42, 30));
  CHECK(lines.err == told);
  CHECK(lines.exit_code == relay::kExitMalformed);
  const Done blocks = cat({.directory = spools.edge.path(), .blocks = true});
  CHECK(blocks.out.find("      20      -  -       waiting, damaged\n") != std::string::npos);
  CHECK(blocks.err == told);
}

TEST_CASE("verify finds good what is good") {
  TwoSpools spools;
  const auto files = support::all_files(spools.path());
  const Done done = verify({.directory = spools.path()});
  CHECK(done.out == "verified 2 spools: 2 segments, 5 blocks, 72 points, 3.3 KiB: all good\n");
  CHECK(done.err == "");
  CHECK(done.exit_code == relay::kExitOk);
  CHECK((support::all_files(spools.path()) == files));
}

TEST_CASE("verify names each damaged place with what is lost") {
  struct Row {
    std::string what;
    std::function<void(SpoolFolder&)> spoil;
    std::string told;     // after the folder
    std::string summary;  // after the counts
    int exit_code;
  };
  const auto body = sinks::kRecordHeaderBytes;
  const std::vector<Row> rows = {
      {"the lines of a block",
       [&](SpoolFolder& edge) { edge.overwrite(1, kSecondBlock + body, kRubbish); },
       "0000000000000001.blocks, byte 538: a block's bytes do not have their checksum (904 bytes): "
       "20 points lost\n",
       "1 damaged place, 20 points lost\n", relay::kExitMalformed},
      {"the lines of a settled block",
       [&](SpoolFolder& edge) { edge.overwrite(1, sinks::kSegmentHeaderBytes + body, kRubbish); },
       "0000000000000001.blocks, byte 64: a block's bytes do not have their checksum, but it is "
       "settled (474 bytes): 0 points lost\n",
       "1 damaged place, 0 points lost\n", relay::kExitMalformed},
      {"a header", [&](SpoolFolder& edge) { edge.overwrite(1, kSecondBlock, kRubbish); },
       "0000000000000001.blocks, byte 538: 1 block is damaged or missing (904 bytes): 20 points "
       "lost\n",
       "1 damaged place, 20 points lost\n", relay::kExitMalformed},
      {"the last header", [&](SpoolFolder& edge) { edge.overwrite(4, kFifthBlock, kRubbish); },
       "0000000000000004.blocks, byte 338: what stands at the end is no block (358 bytes): an "
       "unknown number of points lost\n",
       "1 damaged place, an unknown number of points lost\n", relay::kExitMalformed},
      {"the last byte is missing", [&](SpoolFolder& edge) { edge.cut(4, 1); },
       "0000000000000004.blocks, byte 338: the beginning of a block that was never finished (357 "
       "bytes); nothing is lost\n",
       "all good\n", relay::kExitOk},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    TwoSpools spools;
    row.spoil(spools.edge);
    const Done done = verify({.directory = spools.edge.path()});
    const std::string before = row.exit_code == relay::kExitOk ? "note: " : "";
    const std::string told = before + spools.edge.path() + "/" + row.told + "verified 1 spool: ";
    CHECK(done.out.substr(0, told.size()) == told);
    CHECK(done.out.ends_with("KiB: " + row.summary));
    CHECK(done.exit_code == row.exit_code);
    CHECK(done.err == "");
  }
}

TEST_CASE("verify sees a block whose lines are not what its header says") {
  TempFolder directory;
  SpoolFolder folder(directory.path() + "/edge-1", "edge");
  {
    const auto store = folder.open();
    sinks::Block block = support::some_block(3, 1000);
    block.points = 4;
    REQUIRE(store->append(std::make_shared<const sinks::Block>(block)));
  }
  const Done done = verify({.directory = directory.path()});
  CHECK(done.exit_code == relay::kExitMalformed);
  CHECK(done.out.find("byte 64: a block has 3 whole lines instead of 4 (") != std::string::npos);
}

TEST_CASE("verify shows how far it is, on a terminal only, and leaves nothing of it") {
  TwoSpools spools;
  const Done done = verify({.directory = spools.edge.path(), .shows_progress = true});
  CHECK(done.err.starts_with("\r\x1b[Kverifying edge: 64 B of "));
  CHECK(done.err.ends_with("\r\x1b[K"));
  CHECK(verify({.directory = spools.edge.path()}).err == "");
}

TEST_CASE("what is no spool is told with the reason, and ends with 2") {
  TwoSpools spools;
  const std::string none = spools.path() + "/none";
  std::filesystem::create_directory(spools.path() + "/empty");
  struct Row {
    std::string directory;
    std::string told;
  };
  const std::vector<Row> rows = {
      {none, "there is no folder " + none},
      {spools.path() + "/empty", "there is no spool in " + spools.path() + "/empty"},
      {spools.edge.segment(1), spools.edge.segment(1) +
                                   " is no folder; give spool.directory, or one sink's folder in "
                                   "it"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.directory);
    for (const Done& done : {ls({.directory = row.directory}), cat({.directory = row.directory}),
                             cat({.directory = row.directory, .blocks = true}),
                             verify({.directory = row.directory})}) {
      CHECK(done.err == "fedwave: " + row.told + "\n");
      CHECK(done.out == "");
      CHECK(done.exit_code == relay::kExitUnreadable);
    }
  }
}

TEST_CASE("a spool of another version is refused, and the others are still shown") {
  TwoSpools spools;
  std::string bytes = sinks::encode_slot({});
  bytes[8] = 7;
  support::reseal(bytes);
  support::write_bytes(spools.west.path() + "/position", bytes);
  const Done lines = cat({.directory = spools.path()});
  CHECK(lines.out == support::some_lines(62, 10));
  for (const Done& done :
       {ls({.directory = spools.path()}), lines, verify({.directory = spools.path()})}) {
    CHECK(done.err.starts_with("fedwave: " + spools.west.path() + "/position: format version 7,"));
    CHECK(done.out != "");
    CHECK(done.exit_code == relay::kExitUnreadable);
  }
}

TEST_CASE("a name from a file cannot reach into the terminal") {
  TwoSpools spools;
  support::write_bytes(spools.edge.path() + "/sink", "\x1b[31mred\x07\xff\n");
  for (const Done& done :
       {ls({.directory = spools.path()}), ls({.directory = spools.path(), .json = true}),
        cat({.directory = spools.path(), .blocks = true})}) {
    CHECK(done.out.find('\x1b') == std::string::npos);
    CHECK(done.out.find("[31mred ?") != std::string::npos);
  }
}

TEST_CASE("output that cannot be written ends with 1 and is told") {
  TwoSpools spools;
  const support::FakeClock clock;
  const std::vector<std::function<int(std::ostream&, std::ostream&)>> commands = {
      [&](auto& out, auto& err) {
        return relay::spool_ls_command({.directory = spools.path()}, clock, out, err);
      },
      [&](auto& out, auto& err) {
        return relay::spool_cat_command({.directory = spools.path()}, out, err);
      },
      [&](auto& out, auto& err) {
        return relay::spool_verify_command({.directory = spools.path()}, clock, out, err);
      }};
  for (const auto& command : commands) {
    std::ostream closed(nullptr);
    std::ostringstream err;
    CHECK(command(closed, err) == relay::kExitUnreadable);
    CHECK(err.str() == "fedwave: cannot write to standard output\n");
  }
}
