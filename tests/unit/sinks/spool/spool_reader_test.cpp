#include "sinks/spool/spool_reader.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/support/spool_folder.h"

using namespace fedwave;
using sinks::SpoolView;
using support::SpoolFolder;
using support::TempFolder;

namespace {

constexpr std::int64_t kStartMs = 1'767'225'600'000;  // of the fake clock
const std::string kRubbish(sinks::kRecordHeaderBytes, '?');

SpoolView view_of(const SpoolFolder& folder) {
  auto view = sinks::read_spool(folder.path());
  REQUIRE(view.has_value());
  return *std::move(view);
}

std::size_t offset_of(const SpoolFolder& folder, std::uint64_t sequence) {
  std::size_t offset = 0;
  REQUIRE(sinks::for_each_block(view_of(folder), [&](const sinks::BlockView& block, sinks::File&) {
    if (block.sequence == sequence) offset = block.place.offset;
    return true;
  }));
  REQUIRE(offset != 0);
  return offset;
}

std::vector<std::uint64_t> waiting_in(const SpoolView& view) {
  std::vector<std::uint64_t> sequences;
  REQUIRE(sinks::for_each_block(view, [&](const sinks::BlockView& block, sinks::File&) {
    if (block.waits) sequences.push_back(block.sequence);
    return true;
  }));
  return sequences;
}

}  // namespace

TEST_CASE("a spool is seen as its store sees it, and nothing is changed by looking") {
  const TempFolder directory;
  SpoolFolder folder(directory.path() + "/edge-1", "proxy edge:2878");
  folder.fill({10, 20, 30});
  folder.fill({5, 7});
  folder.settle({1, 4});
  const auto store = folder.open();
  const auto files = support::all_files(directory.path());
  const SpoolView view = view_of(folder);
  CHECK(view.sink == "proxy edge:2878");
  CHECK(view.has_sink_name);
  CHECK(view.points_waiting == store->waiting().points);
  CHECK(view.points_waiting == 57);
  CHECK(view.blocks_waiting == 3);
  CHECK(waiting_in(view) == std::vector<std::uint64_t>{2, 3, 5});
  CHECK(view.settled.contains(4));
  CHECK(view.oldest_ms == kStartMs + 1000);
  CHECK(view.newest_ms == kStartMs + 4000);
  CHECK(view.segments.size() == 2);
  CHECK(view.segments[1].blocks == 2);
  CHECK(view.segments[1].points_waiting == 7);
  CHECK(view.bytes == files.at(folder.segment(1)).size() + files.at(folder.segment(4)).size() +
                          files.at(folder.path() + "/position").size());
  CHECK(view.damage.empty());
  CHECK(!view.position_lost);
  CHECK(view.quarantined_lines == 0);
  CHECK((support::all_files(directory.path()) == files));
}

TEST_CASE("who has the spool is told for as long as it has it") {
  const TempFolder directory;
  SpoolFolder folder(directory.path() + "/edge-1", "edge");
  auto store = folder.open();
  CHECK(view_of(folder).user == "process " + std::to_string(getpid()));
  store.reset();
  CHECK(view_of(folder).user == "");
  // Looking has left no lock behind.
  CHECK(folder.open() != nullptr);
  std::filesystem::remove(folder.path() + "/lock");
  CHECK(view_of(folder).user == "");
  CHECK(!std::filesystem::exists(folder.path() + "/lock"));
}

TEST_CASE("a spool without its small files still shows its blocks") {
  const TempFolder directory;
  SpoolFolder folder(directory.path() + "/edge-1", "edge");
  folder.fill({10, 20});
  folder.settle({1});
  std::filesystem::remove(folder.path() + "/sink");
  std::filesystem::remove(folder.path() + "/position");
  const SpoolView view = view_of(folder);
  CHECK(view.sink == "edge-1");
  CHECK(!view.has_sink_name);
  CHECK(view.position_lost);
  CHECK(view.points_waiting == 30);
  CHECK(sinks::read_spool(folder.path() + "/.")->sink == "edge-1");
}

TEST_CASE("what is quarantined is counted by its lines") {
  const TempFolder directory;
  SpoolFolder folder(directory.path() + "/edge-1", "edge");
  folder.fill({1});
  support::write_bytes(folder.path() + "/quarantine.txt", "# why\na 1\nb 2\n# why\nc 3\n");
  support::write_bytes(folder.path() + "/quarantine.txt.1", "# why\na 1\n");
  const SpoolView view = view_of(folder);
  CHECK(view.quarantined_lines == 4);
  CHECK(view.quarantine_files == std::vector<std::string>{folder.path() + "/quarantine.txt.1",
                                                          folder.path() + "/quarantine.txt"});
}

TEST_CASE("each kind of damage is told with its place and with what is lost") {
  // Blocks 1 to 3 of 10, 20 and 30 points, then, in a second segment, 4 and 5 of 5 and 7.
  struct Row {
    std::string what;
    std::vector<std::uint64_t> settled;
    std::function<void(SpoolFolder&)> spoil;
    std::uint64_t segment;
    std::string told;
    std::optional<std::uint64_t> lost;
    bool is_unfinished;
    std::uint64_t points_left;
  };
  const auto spoil_header = [](std::uint64_t segment, std::uint64_t sequence) {
    return [=](SpoolFolder& folder) {
      folder.overwrite(segment, offset_of(folder, sequence), kRubbish);
    };
  };
  const std::string unfinished = "the beginning of a block that was never finished";
  const std::string no_end = "what stands at the end is no block";
  const std::vector<Row> rows = {
      {"a header between good ones",
       {},
       spoil_header(1, 2),
       1,
       "1 block is damaged or missing",
       20,
       false,
       52},
      {"the first header",
       {},
       spoil_header(1, 1),
       1,
       "1 block is damaged or missing",
       10,
       false,
       62},
      {"a header of a settled block",
       {2},
       spoil_header(1, 2),
       1,
       "1 block is damaged or missing",
       0,
       false,
       52},
      {"the last header before another segment",
       {},
       spoil_header(1, 3),
       1,
       "1 block is damaged or missing",
       30,
       false,
       42},
      {"two blocks, one of them settled",
       {1},
       [](SpoolFolder& folder) {
         folder.overwrite(1, offset_of(folder, 2), kRubbish);
         folder.overwrite(1, offset_of(folder, 1), kRubbish);
       },
       1,
       "2 blocks are damaged or missing",
       std::nullopt,
       false,
       42},
      {"the last header of all", {}, spoil_header(4, 5), 4, no_end, std::nullopt, false, 65},
      {"the last bytes of all are cut",
       {},
       [](SpoolFolder& folder) { folder.cut(4, 3); },
       4,
       unfinished,
       0,
       true,
       65},
      {"the last bytes before another segment are cut",
       {},
       [](SpoolFolder& folder) { folder.cut(1, 3); },
       1,
       "1 block is damaged or missing",
       30,
       false,
       42},
      {"bytes after the last block, fewer than a header",
       {},
       [](SpoolFolder& folder) {
         support::write_bytes(folder.segment(4), support::read_bytes(folder.segment(4)) + "FWB1");
       },
       4,
       unfinished,
       0,
       true,
       72},
      {"bytes after the last block, before another segment",
       {},
       [](SpoolFolder& folder) {
         support::write_bytes(folder.segment(1), support::read_bytes(folder.segment(1)) + kRubbish);
       },
       1,
       unfinished,
       0,
       true,
       72},
      {"zeros after the last block of all",
       {},
       [](SpoolFolder& folder) {
         support::write_bytes(folder.segment(4),
                              support::read_bytes(folder.segment(4)) + std::string(500, '\0'));
       },
       4,
       no_end,
       std::nullopt,
       false,
       72},
      {"a segment's header",
       {},
       [](SpoolFolder& folder) { folder.overwrite(4, 0, kRubbish); },
       4,
       "the segment's header is damaged; its blocks are found without it",
       0,
       false,
       72},
      {"all of the first segment",
       {},
       [](SpoolFolder& folder) { support::write_bytes(folder.segment(1), std::string(1000, '?')); },
       1,
       "nothing in the segment is good",
       std::nullopt,
       false,
       12},
      {"all of a segment between two",
       {},
       [](SpoolFolder& folder) {
         folder.fill({1});
         support::write_bytes(folder.segment(4), std::string(1000, '?'));
       },
       4,
       "nothing in the segment is good",
       12,
       false,
       61},
      {"an empty segment",
       {},
       [](SpoolFolder& folder) { support::write_bytes(folder.segment(6), ""); },
       6,
       unfinished,
       0,
       true,
       72},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const TempFolder directory;
    SpoolFolder folder(directory.path() + "/edge-1", "edge");
    folder.fill({10, 20, 30});
    folder.fill({5, 7});
    folder.settle(row.settled);
    row.spoil(folder);
    const SpoolView view = view_of(folder);
    REQUIRE(view.damage.size() == 1);
    CHECK(view.damage[0].file == folder.segment(row.segment));
    CHECK(view.damage[0].what == row.told);
    CHECK(view.damage[0].points == row.lost);
    CHECK(view.damage[0].is_unfinished == row.is_unfinished);
    CHECK(view.points_waiting == row.points_left);
  }
}

TEST_CASE("blocks lost together with their segment's header are counted by what stood before") {
  const TempFolder directory;
  SpoolFolder folder(directory.path() + "/edge-1", "edge");
  folder.fill({10, 20, 30});
  folder.fill({5, 7});
  folder.overwrite(4, offset_of(folder, 4), kRubbish);
  folder.overwrite(4, 0, kRubbish);
  const SpoolView view = view_of(folder);
  REQUIRE(view.damage.size() == 2);
  CHECK(view.damage[0].points == 0);
  CHECK(view.damage[1].points == 5);
  // With the segment before gone, nobody can know.
  std::filesystem::remove(folder.segment(1));
  CHECK(view_of(folder).damage[1].points == std::nullopt);
}

TEST_CASE("the end of a spool in use may be a block that is being written") {
  const TempFolder directory;
  SpoolFolder folder(directory.path() + "/edge-1", "edge");
  folder.fill({10, 20});
  const auto store = folder.open();
  folder.cut(1, 3);
  const SpoolView view = view_of(folder);
  REQUIRE(view.damage.size() == 1);
  CHECK(view.damage[0].is_unfinished);
  CHECK(view.damage[0].what ==
        "the beginning of a block that is being written, or was never finished");
}

TEST_CASE("a segment that is deleted while one looks is no error") {
  const TempFolder directory;
  SpoolFolder folder(directory.path() + "/edge-1", "edge");
  folder.fill({10, 20});
  folder.fill({5});
  const SpoolView view = view_of(folder);
  std::filesystem::remove(folder.segment(1));
  CHECK(waiting_in(view) == std::vector<std::uint64_t>{3});
}

TEST_CASE("another version is refused by the file's name, wherever it stands") {
  for (const std::string name : {"position", "0000000000000001.blocks"}) {
    CAPTURE(name);
    const TempFolder directory;
    SpoolFolder folder(directory.path() + "/edge-1", "edge");
    folder.fill({10});
    std::string bytes =
        name == "position" ? sinks::encode_slot({}) : sinks::encode(sinks::SegmentHeader{});
    bytes[8] = 2;
    support::reseal(bytes);
    support::write_bytes(folder.path() + "/" + name, bytes);
    const auto view = sinks::read_spool(folder.path());
    REQUIRE(!view.has_value());
    CHECK(view.error().code == base::ErrorCode::Version);
    CHECK(view.error().message.starts_with(folder.path() + "/" + name + ": format version 2,"));
  }
}

TEST_CASE("spools are found in a directory of several, and in one's own folder") {
  const TempFolder directory;
  const std::string& path = directory.path();
  const auto nothing = sinks::find_spools(path);
  REQUIRE(!nothing.has_value());
  CHECK(nothing.error().message == "there is no spool in " + path);
  SpoolFolder(path + "/b", "b").fill({1});
  SpoolFolder(path + "/a", "a").fill({1});
  std::filesystem::create_directory(path + "/lost+found");
  std::filesystem::create_directory(path + "/other");
  std::filesystem::create_directory(path + "/position");
  support::write_bytes(path + "/0000000000000001.blocks.old", "");
  const auto found = sinks::find_spools(path);
  REQUIRE(found.has_value());
  CHECK(found->folders == std::vector<std::string>{path + "/a", path + "/b"});
  CHECK(found->unreadable.empty());
  CHECK(sinks::find_spools(path + "/a//")->folders == std::vector<std::string>{path + "/a"});
  const auto missing = sinks::find_spools(path + "/none");
  REQUIRE(!missing.has_value());
  CHECK(missing.error().message == "there is no folder " + path + "/none");
  const auto file = sinks::find_spools(path + "/a/lock");
  REQUIRE(!file.has_value());
  CHECK(file.error().message ==
        path + "/a/lock is no folder; give spool.directory, or one sink's folder in it");
}

TEST_CASE("a block's lines count only when they are what its header says") {
  struct Row {
    std::string what;
    std::function<void(sinks::Block&)> spoil;
    std::string error;
  };
  const std::vector<Row> rows = {
      {"good", [](sinks::Block&) {}, ""},
      {"good, uncompressed", [](sinks::Block& block) { block = support::some_block(3, 0, false); },
       ""},
      {"a line less", [](sinks::Block& block) { block.points = 4; },
       "a block has 3 whole lines instead of 4"},
      {"a byte less", [](sinks::Block& block) { ++block.line_bytes; },
       "a block has 123 bytes of lines instead of 124"},
      {"more than said", [](sinks::Block& block) { --block.line_bytes; },
       "a block cannot be decompressed: "},
      {"no gzip", [](sinks::Block& block) { block.bytes = "rubbish"; },
       "a block cannot be decompressed: "},
      {"no end of line",
       [](sinks::Block& block) {
         block = support::some_block(3, 0, false);
         block.bytes.back() = ' ';
       },
       "a block has 2 whole lines instead of 3"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    sinks::Block block = support::some_block(3, 0);
    row.spoil(block);
    const auto lines = sinks::checked_lines(block);
    CHECK((lines ? "" : lines.error().message).substr(0, row.error.size()) == row.error);
    CHECK(lines.has_value() == row.error.empty());
    if (lines) CHECK(*lines == support::some_lines(3));
  }
}

TEST_CASE("whatever is damaged, what waits is what the store finds at its next start") {
  std::mt19937 random(1);
  const auto below = [&random](std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
  };
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    const TempFolder directory;
    SpoolFolder folder(directory.path() + "/edge-1", "edge");
    folder.fill({10, 20, 30});
    folder.fill({5, 7});
    folder.settle({1 + below(5)});
    folder.fill({3});
    std::vector<std::string> files;
    for (const auto& [path, bytes] : support::all_files(folder.path())) {
      if (!bytes.empty() && !path.ends_with("/lock")) files.push_back(path);
    }
    for (std::size_t i = 1 + below(4); i > 0; --i) {
      const std::string& path = files[below(files.size())];
      std::string bytes = support::read_bytes(path);
      if (bytes.empty()) continue;
      const std::size_t at = below(bytes.size());
      switch (below(4)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
          break;
        case 1:
          bytes.resize(at);
          break;
        case 2:
          bytes.insert(at, 1 + below(200), static_cast<char>(below(256)));
          break;
        default:
          bytes.replace(at, std::string::npos, bytes.size() - at, '\0');
      }
      support::write_bytes(path, bytes);
    }
    const SpoolView view = view_of(folder);
    for (const sinks::SpoolDamage& damage : view.damage) {
      // Nobody can have lost more than there was.
      CHECK(damage.points.value_or(0) <= 75);
    }
    CHECK(view.points_waiting == folder.open()->waiting().points);
  }
}
