#include "sinks/spool/disk_store.h"

#include <doctest/doctest.h>

#include "tests/support/crashing_folder.h"
#include "tests/support/fakes.h"

using namespace fedwave;
using base::ErrorCode;
using sinks::Block;
using sinks::DiskOptions;
using sinks::DiskStore;
using sinks::SyncPolicy;
using support::Crash;
using support::CrashingDisk;
using support::Fault;

namespace {

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
const std::string kFirstSegment = "0000000000000001.blocks";

// One disk, and one process after the other on it.
class Processes {
 public:
  explicit Processes(DiskOptions options = {}, std::uint64_t seed = 1)
      : disk(seed), options_(std::move(options)) {
    options_.sink = "test";
  }
  CrashingDisk disk;
  support::FakeClock clock;

  base::Expected<std::unique_ptr<DiskStore>> try_open() {
    folder_ = disk.folder();
    return DiskStore::open(*folder_, options_, clock);
  }
  DiskStore& open() {
    store_.reset();
    auto opened = try_open();
    REQUIRE(opened);
    store_ = *std::move(opened);
    return *store_;
  }
  DiskStore& open_after(Crash crash) {
    disk.crash_now();
    store_.reset();
    disk.restart(crash);
    return open();
  }
  void end() { store_.reset(); }

  std::uint64_t append(std::uint32_t points, std::size_t bytes = 100) {
    const auto appended = store_->append(block(points, bytes));
    REQUIRE(appended);
    return *appended;
  }
  std::shared_ptr<const Block> block(std::uint32_t points, std::size_t bytes = 100) const {
    return std::make_shared<const Block>(Block{.bytes = std::string(bytes, 'x'),
                                               .points = points,
                                               .line_bytes = bytes,
                                               .created_ms = clock.now_ms});
  }
  void spoil(const std::string& name, std::uint64_t offset) { disk.flip(name, offset, 3); }

 private:
  DiskOptions options_;
  std::unique_ptr<sinks::Folder> folder_;
  std::unique_ptr<DiskStore> store_;
};

std::vector<std::uint64_t> drain(DiskStore& store) {
  std::vector<std::uint64_t> points;
  while (const auto oldest = store.oldest()) {
    points.push_back(oldest->block->points);
    store.settle(oldest->sequence);
  }
  return points;
}

// Bytes that say version 2, with the right checksum.
std::string of_version_2(std::string bytes, std::size_t sealed) {
  bytes.replace(8, 1, "\2");
  const std::uint64_t checksum = sinks::body_checksum(0, std::string_view(bytes).substr(0, sealed));
  return bytes.replace(sealed, 8, reinterpret_cast<const char*>(&checksum), 8);
}

}  // namespace

TEST_CASE("a folder is one sink's, with its lock, its name, a position and segments") {
  Processes on;
  on.open();
  on.append(1);
  CHECK(on.disk.names() == std::vector<std::string>{kFirstSegment, "position", "sink"});
  CHECK(on.disk.content("sink") == "test\n");
  const auto second = on.try_open();
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::InUse);
}

TEST_CASE("what waits is there for the next process, and what is settled is not") {
  Processes on;
  on.open();
  for (const std::uint32_t points : {1, 2, 4, 8}) on.append(points);
  {
    DiskStore& store = on.open();
    CHECK(store.recovery().points == 15);
    CHECK(store.recovery().blocks == 4);
    CHECK_FALSE(store.recovery().position_lost);
    CHECK(store.oldest()->block->points == 1);
    store.settle(1);
    store.settle(3);
  }
  DiskStore& store = on.open_after(Crash::Process);
  CHECK(store.recovery().points == 10);
  CHECK(store.read(1) == nullptr);
  CHECK(store.read(2)->points == 2);
  // A new process never appends to an old segment, and never takes a number again.
  CHECK(on.append(16) == 5);
  CHECK(on.disk.has("0000000000000005.blocks"));
  CHECK(drain(store) == std::vector<std::uint64_t>{2, 8, 16});
  CHECK_FALSE(on.disk.has(kFirstSegment));
  CHECK(store.waiting().points == 0);
  CHECK(store.waiting().oldest_created_ms == 0);
  CHECK(on.open().recovery().points == 0);
  CHECK(on.append(1) == 6);
}

TEST_CASE("a position that is lost brings back what is still there, and says so") {
  Processes on;
  on.open();
  for (const std::uint32_t points : {1, 2, 4}) on.append(points);
  on.open().settle(2);
  on.end();
  for (const std::uint64_t slot : {0, 1}) on.spoil("position", slot * 4096 + 30);
  CHECK(on.open().recovery().position_lost);
  CHECK(drain(on.open()) == std::vector<std::uint64_t>{1, 2, 4});
}

TEST_CASE("the position's two slots are written in turn, but for one that could not be written") {
  Processes on;
  DiskStore& store = on.open();
  for (const std::uint32_t points : {1, 2, 4, 8}) on.append(points);
  const auto generation = [&](std::size_t slot) {
    const auto position =
        sinks::decode_position(on.disk.content("position").substr(4096 * slot, 4096));
    return position && *position ? (*position)->generation : 0;
  };
  store.settle(1);
  const auto before = std::max(generation(0), generation(1));
  store.settle(2);
  CHECK(std::max(generation(0), generation(1)) == before + 1);
  CHECK(std::min(generation(0), generation(1)) == before);
  on.disk.plan_fault(0, 1, Fault::NoSpace);
  store.settle(3);
  CHECK(on.disk.faults_met() == 1);
  CHECK(std::max(generation(0), generation(1)) == before + 1);
  on.disk.plan_fault(0, 1, Fault::NoSpace);
  store.settle(4);
  CHECK(on.disk.faults_met() == 2);
  // Both times the same slot: the good one is there.
  CHECK(std::max(generation(0), generation(1)) == before + 1);
  CHECK(on.open_after(Crash::Process).recovery().points == 12);
}

TEST_CASE("another version is left alone, whatever file has it") {
  for (const char* name : {"position", kFirstSegment.c_str(), "0000000000000003.blocks"}) {
    CAPTURE(name);
    Processes on;
    on.open();
    on.append(1);
    on.append(2);
    on.open();
    on.append(4);
    on.end();
    const bool is_position = std::string(name) == "position";
    const std::string_view content = on.disk.content(name);
    on.disk.put(name, of_version_2(std::string(content), is_position ? 4088 : 56));
    std::map<std::string, std::string> before;
    for (const auto& each : on.disk.names()) before[each] = on.disk.content(each);
    const auto opened = on.try_open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == ErrorCode::Version);
    CHECK(opened.error().message.find(name) != std::string::npos);
    std::map<std::string, std::string> after;
    for (const auto& each : on.disk.names()) after[each] = on.disk.content(each);
    CHECK(after == before);
  }
}

TEST_CASE("damage costs the blocks that were hit, and their points are counted") {
  // Three blocks of 1, 2 and 4 points in one segment, one of 8 in the next; 164 bytes each.
  struct Row {
    const char* what;
    std::vector<std::uint64_t> flips;
    std::size_t cut;  // bytes off the first segment's end
    std::uint64_t told_at_start;
    std::uint64_t told_later;
    std::vector<std::uint64_t> left;
  };
  const Row rows[] = {
      {"nothing", {}, 0, 0, 0, {1, 2, 4, 8}},
      {"the segment's header", {16}, 0, 0, 0, {1, 2, 4, 8}},
      {"the first header", {64}, 0, 1, 0, {2, 4, 8}},
      {"a header in the middle", {64 + 164 + 20}, 0, 2, 0, {1, 4, 8}},
      {"the last header, told by the next segment", {64 + 328 + 63}, 0, 4, 0, {1, 2, 8}},
      {"all headers", {64, 64 + 164, 64 + 328}, 0, 7, 0, {8}},
      {"a body", {64 + 164 + 64}, 0, 0, 2, {1, 4, 8}},
      {"header and body", {70, 64 + 164 + 163}, 0, 1, 2, {4, 8}},
      {"the end is gone", {}, 10, 4, 0, {1, 2, 8}},
      {"a whole block at the end is gone", {}, 164, 4, 0, {1, 2, 8}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Processes on;
    on.open();
    for (const std::uint32_t points : {1, 2, 4}) on.append(points);
    on.open();
    on.append(8);
    on.end();
    for (const std::uint64_t offset : row.flips) on.spoil(kFirstSegment, offset);
    std::string bytes(on.disk.content(kFirstSegment));
    on.disk.put(kFirstSegment, bytes.substr(0, bytes.size() - row.cut));
    DiskStore& store = on.open();
    CHECK(store.recovery().damaged_points == row.told_at_start);
    CHECK(store.recovery().points == 15 - row.told_at_start);
    CHECK(store.waiting().points == 15 - row.told_at_start);
    CHECK(drain(store) == row.left);
    const auto dropped = store.take_dropped();
    CHECK(dropped.damaged == row.told_later);
    CHECK(dropped.damage.empty() == (row.told_later == 0));
    CHECK(store.waiting().points == 0);
    CHECK(on.open().recovery().damaged_points == 0);
  }
}

TEST_CASE("a disk that does not answer is asked again for a minute before blocks are given up") {
  Processes processes;
  DiskStore& store = processes.open();
  processes.append(1);
  processes.append(2);
  processes.disk.fail_reads(true);
  CHECK_FALSE(store.oldest());
  CHECK(store.take_dropped().damaged == 0);
  CHECK(store.waiting().points == 3);
  processes.clock.now_ms += 59'999;
  CHECK_FALSE(store.oldest());
  processes.disk.fail_reads(false);
  CHECK(store.oldest()->block->points == 1);
  // That was well in between: the minute begins anew.
  processes.disk.fail_reads(true);
  processes.clock.now_ms += 1;
  CHECK_FALSE(store.oldest());
  CHECK(store.waiting().points == 3);
  processes.clock.now_ms += 60'000;
  CHECK_FALSE(store.oldest());
  CHECK(store.take_dropped().damaged == 3);
  CHECK(store.waiting().points == 0);
}

TEST_CASE("blocks that come late, after trouble with the disk, do not get a file each") {
  Processes processes({.age_max_ms = 3'600'000});
  DiskStore& store = processes.open();
  std::vector<std::shared_ptr<const Block>> late;
  for (std::uint32_t i = 1; i <= 100; ++i) late.push_back(processes.block(i));
  processes.clock.now_ms += 1'800'000;
  for (const auto& block : late) REQUIRE(store.append(block));
  CHECK(processes.disk.folder()->names()->size() == 3);  // position, sink, one segment
}

TEST_CASE("a smaller bound takes effect at the start") {
  CrashingDisk disk;
  const support::FakeClock clock;
  const auto folder = disk.folder();
  const auto open = [&](std::uint64_t bytes_max) {
    return DiskStore::open(*folder, {.sink = "test", .bytes_max = bytes_max}, clock);
  };
  const auto block = std::make_shared<const Block>(
      Block{.bytes = std::string(700'000, 'x'), .points = 1, .line_bytes = 700'000});
  {
    const auto store = open(32 * kMebibyte);
    for (int i = 0; i < 40; ++i) REQUIRE((*store)->append(block));
  }
  const auto store = open(16 * kMebibyte);
  CHECK((*store)->recovery().points == 40);
  (*store)->drop_beyond_bound();
  const std::uint64_t dropped = (*store)->take_dropped().for_room;
  CHECK(dropped > 0);
  CHECK((*store)->waiting().points == 40 - dropped);
  CHECK((*store)->waiting().bytes <= 16 * kMebibyte);
}

TEST_CASE("a block that was being written when the process ended is no loss") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Processes on({}, seed);
    DiskStore& store = on.open();
    on.append(1);
    on.disk.plan_crash(0);
    const bool is_appended = store.append(on.block(2)).has_value();
    DiskStore& next = on.open_after(Crash::Process);
    CHECK(next.recovery().damaged_points == 0);
    CHECK(next.read(1)->points == 1);
    // It may be there without anybody knowing, but not the other way round.
    CHECK(next.recovery().points >= (is_appended ? 3 : 1));
  }
}

TEST_CASE("an append that fails changes nothing, and the next one begins a segment") {
  for (const Fault fault : {Fault::NoSpace, Fault::Io, Fault::ReadOnly}) {
    CAPTURE(static_cast<int>(fault));
    Processes on;
    DiskStore& store = on.open();
    on.append(1);
    on.disk.plan_fault(0, 20, fault);
    for (int i = 0; i < 3; ++i) {
      const auto failed = store.append(on.block(2));
      REQUIRE_FALSE(failed);
      CHECK(failed.error().code == ErrorCode::Io);
      CHECK(store.waiting().points == 1);
      CHECK(store.oldest()->block->points == 1);
    }
    on.disk.end_faults();
    const std::uint64_t sequence = on.append(4);
    CHECK(on.disk.has(sinks::segment_name(sequence)));
    CHECK(store.waiting().points == 5);
    DiskStore& next = on.open_after(Crash::Process);
    CHECK(next.recovery().damaged_points == 0);
    CHECK(next.read(sequence)->points == 4);
    CHECK(next.read(1)->points == 1);
  }
}

TEST_CASE("a full folder drops its oldest segment, and never grows beyond its bound") {
  Processes on({.bytes_max = 16 * kMebibyte});
  DiskStore& store = on.open();
  std::uint64_t appended = 0;
  std::uint64_t dropped = 0;
  for (int i = 0; i < 300; ++i) {
    on.append(1, 100'000);
    ++appended;
    dropped += store.take_dropped().for_room;
    REQUIRE(on.disk.used_max() <= 16 * kMebibyte);
  }
  CHECK(dropped > 100);
  // A segment has ten of these blocks: no more than one is empty to make room.
  CHECK(on.disk.used() > 14 * kMebibyte);
  CHECK(store.waiting().points == appended - dropped);
  CHECK(store.oldest()->sequence == dropped + 1);
  CHECK(dropped % 10 == 0);
  CHECK(on.open().recovery().points == appended - dropped);
}

TEST_CASE("a block that can never fit is refused, and drops nothing") {
  Processes on({.bytes_max = 2 * kMebibyte});
  DiskStore& store = on.open();
  on.append(1);
  const auto refused = store.append(on.block(2, 2 * kMebibyte));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::Io);
  CHECK(store.take_dropped().for_room == 0);
  CHECK(store.waiting().points == 1);
}

TEST_CASE("a folder with a smaller bound than it had is brought below it by the next block") {
  CrashingDisk disk;
  support::FakeClock clock;
  const auto folder = disk.folder();
  for (const std::uint64_t bytes_max : {16 * kMebibyte, 4 * kMebibyte}) {
    auto store = *DiskStore::open(*folder, {.sink = "test", .bytes_max = bytes_max}, clock);
    for (int i = 0; i < 100; ++i) {
      const auto block = std::make_shared<const Block>(
          Block{.bytes = std::string(100'000, 'x'), .points = 1, .created_ms = clock.now_ms});
      REQUIRE(store->append(block));
      REQUIRE((bytes_max > 4 * kMebibyte || disk.used() <= bytes_max));
    }
  }
}

TEST_CASE("segments go when all in them is too old, and not before") {
  Processes on({.age_max_ms = 16'000});
  DiskStore& store = on.open();
  const std::int64_t begun_ms = on.clock.now_ms;
  on.append(1);
  on.clock.now_ms += 900;
  on.append(2);
  on.clock.now_ms += 200;  // the segment is older than a sixteenth now
  CHECK(on.append(4) == 3);
  CHECK(on.disk.has("0000000000000003.blocks"));
  store.drop_older_than(begun_ms + 900);
  CHECK(store.take_dropped().for_age == 0);
  store.drop_older_than(begun_ms + 901);
  CHECK(store.take_dropped().for_age == 3);
  CHECK_FALSE(on.disk.has(kFirstSegment));
  CHECK(store.waiting().points == 4);
  store.drop_older_than(begun_ms + 5000);
  const auto dropped = store.take_dropped();
  CHECK(dropped.for_age == 4);
  CHECK(dropped.for_room == 0);
  CHECK(store.waiting().points == 0);
  CHECK(on.append(8) == 4);
  CHECK(on.open().recovery().points == 8);
}

TEST_CASE("a block in hand is counted as dropped only when it is put back") {
  struct Row {
    bool is_settled;
    std::uint64_t for_age;
  };
  for (const Row& row : {Row{true, 0}, Row{false, 2}}) {
    CAPTURE(row.is_settled);
    Processes on;
    DiskStore& store = on.open();
    for (const std::uint32_t points : {1, 2, 4}) on.append(points);
    store.hold(2);
    CHECK(store.oldest()->sequence == 1);
    store.drop_older_than(on.clock.now_ms + 1);
    CHECK(store.take_dropped().for_age == 5);
    CHECK(store.waiting().points == 2);
    CHECK(store.waiting().blocks == 1);
    store.hold(2);
    CHECK_FALSE(store.oldest());
    if (row.is_settled) store.settle(2);
    store.hold(std::nullopt);
    const auto dropped = store.take_dropped();
    CHECK(dropped.for_age == row.for_age);
    CHECK(dropped.for_room == 0);
    CHECK(store.waiting().points == 0);
  }
}

TEST_CASE("a block that was settled in hand is not counted when its segment goes") {
  Processes on;
  DiskStore& store = on.open();
  for (const std::uint32_t points : {1, 2, 4}) on.append(points);
  store.hold(2);
  store.settle(2);
  store.drop_older_than(on.clock.now_ms + 1);
  CHECK(store.take_dropped().for_age == 5);
  store.hold(std::nullopt);
  CHECK(store.take_dropped().for_age == 0);
  CHECK(store.waiting().points == 0);
}

TEST_CASE("what is synced survives a power failure, and with EveryBlock so do the names") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    CrashingDisk disk(seed);
    support::FakeClock clock;
    auto folder = disk.folder();
    auto store = *DiskStore::open(*folder, {.sink = "test", .sync = SyncPolicy::EveryBlock}, clock);
    for (const std::uint32_t points : {1, 2, 4}) {
      REQUIRE(store->append(std::make_shared<const Block>(
          Block{.bytes = std::string(1000, 'x'), .points = points, .created_ms = 1})));
      for (const auto& file : store->to_sync()) REQUIRE(file->sync());
    }
    REQUIRE(store->append(std::make_shared<const Block>(
        Block{.bytes = std::string(1000, 'x'), .points = 8, .created_ms = 1})));
    disk.crash_now();
    store.reset();
    disk.restart(Crash::Power);
    folder = disk.folder();
    store = *DiskStore::open(*folder, {.sink = "test", .sync = SyncPolicy::EveryBlock}, clock);
    for (const std::uint64_t sequence : {1, 2, 3}) {
      CAPTURE(sequence);
      const auto block = store->read(sequence);
      REQUIRE(block != nullptr);
      CHECK(block->points == 1U << (sequence - 1));
    }
  }
}

TEST_CASE("a folder that is deleted takes no more blocks, and what is open can still be read") {
  Processes on;
  DiskStore& store = on.open();
  on.append(1);
  CHECK_FALSE(store.is_gone());
  on.disk.remove_folder();
  CHECK(store.is_gone());
  const auto failed = store.append(on.block(2));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == ErrorCode::NotFound);
  CHECK(store.oldest()->block->points == 1);
}
