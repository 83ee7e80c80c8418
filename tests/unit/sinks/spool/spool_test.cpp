#include "sinks/spool/spool.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "sinks/spool/format.h"
#include "tests/support/crashing_folder.h"
#include "tests/support/fakes.h"
#include "tests/support/patience.h"
#include "tests/support/temp_folder.h"

using namespace fedwave;
using sinks::Block;
using sinks::Spool;
using sinks::SpoolFigures;
using sinks::SpoolOptions;
using sinks::Taken;
using sinks::Which;
using std::chrono::milliseconds;
using support::FakeClock;
using support::wait_until;

namespace {

constexpr std::int64_t kMinuteMs = 60'000;

std::string sink_folder(const support::TempFolder& folder) {
  return folder.path() + "/sink";
}

// A folder whose files take no more bytes while `is_full`.
class FillingFolder final : public sinks::Folder {
 public:
  FillingFolder(std::string path, std::atomic<bool>& is_full, std::atomic<int>* refusals = nullptr)
      : real_(sinks::posix_folder(std::move(path))), is_full_(is_full), refusals_(refusals) {}

  [[nodiscard]] const std::string& path() const override { return real_->path(); }
  base::Expected<void> make() override { return real_->make(); }
  base::Expected<std::vector<std::string>> names() override { return real_->names(); }
  base::Expected<std::unique_ptr<sinks::File>> open(const std::string& name,
                                                    sinks::OpenMode mode) override {
    auto file = real_->open(name, mode);
    if (!file) return file;
    return std::unique_ptr<sinks::File>(std::make_unique<FillingFile>(*std::move(file), *this));
  }
  base::Expected<void> remove(const std::string& name) override { return real_->remove(name); }
  base::Expected<void> sync() override { return real_->sync(); }
  base::Expected<std::unique_ptr<sinks::FolderLock>> lock() override { return real_->lock(); }

 private:
  class FillingFile final : public sinks::File {
   public:
    FillingFile(std::unique_ptr<sinks::File> real, FillingFolder& folder)
        : real_(std::move(real)), folder_(folder) {}
    base::Expected<void> append(std::string_view first, std::string_view second) override {
      if (!folder_.is_full_) return real_->append(first, second);
      // As a disk does: some of it fits.
      static_cast<void>(real_->append(first.substr(0, first.size() / 2), {}));
      return folder_.refuse();
    }
    // Only what has a place already can still be written.
    base::Expected<void> write_at(std::uint64_t offset, std::string_view bytes) override {
      const auto size = real_->size();
      if (folder_.is_full_ && size && offset + bytes.size() > *size) return folder_.refuse();
      return real_->write_at(offset, bytes);
    }
    base::Expected<std::string> read_at(std::uint64_t offset, std::size_t size) override {
      return real_->read_at(offset, size);
    }
    base::Expected<std::uint64_t> size() override { return real_->size(); }
    base::Expected<void> truncate(std::uint64_t size) override { return real_->truncate(size); }
    base::Expected<void> sync() override { return real_->sync(); }
    bool has_name() override { return real_->has_name(); }

   private:
    std::unique_ptr<sinks::File> real_;
    FillingFolder& folder_;
  };

  [[nodiscard]] base::Error refuse() const {
    if (refusals_ != nullptr) ++*refusals_;
    return {base::ErrorCode::Io, "No space left on device"};
  }

  std::unique_ptr<sinks::Folder> real_;
  std::atomic<bool>& is_full_;
  std::atomic<int>* refusals_;
};

Block block_of(std::uint32_t points, std::size_t bytes = 100) {
  return {.bytes = std::string(bytes, static_cast<char>('a' + points % 26)),
          .points = points,
          .line_bytes = bytes,
          .created_ms = base::system_clock().wall_ms()};
}

void check_sum(const Spool& spool) {
  const SpoolFigures figures = spool.figures();
  CHECK(figures.points_recovered + figures.points_spooled ==
        figures.points_delivered + figures.points_quarantined + figures.points_expired() +
            figures.points_waiting);
}

Taken take(Spool& spool, Which which = Which::Any) {
  return spool.take({}, milliseconds(0), which);
}

// The points of all blocks in the order in which they are given out, each delivered.
std::vector<std::uint32_t> deliver_all(Spool& spool) {
  std::vector<std::uint32_t> points;
  while (const Taken taken = take(spool)) {
    CHECK(taken.block->bytes == block_of(taken.block->points, taken.block->bytes.size()).bytes);
    points.push_back(taken.block->points);
    spool.settle(taken.block->points, 0);
  }
  check_sum(spool);
  return points;
}

using Points = std::vector<std::uint32_t>;

// A spool waits two seconds for its directory and then begins in memory; this waits as long as it
// takes.
void wait_for_disk(const Spool& spool) {
  wait_until([&] { return spool.keeps_all(); });
}

}  // namespace

TEST_CASE("blocks come out in order, and every point is accounted for") {
  Spool spool({.name = "test"}, base::system_clock());
  for (const std::uint32_t points : {1u, 2u, 3u}) spool.append(block_of(points));
  REQUIRE(take(spool).block->points == 1);
  CHECK(spool.figures().points_waiting == 6);
  spool.settle(1, 0);
  REQUIRE(take(spool).block->points == 2);
  spool.settle(1, 1);
  CHECK(spool.figures().points_delivered == 2);
  CHECK(spool.figures().points_quarantined == 1);
  CHECK(spool.figures().points_waiting == 3);
  CHECK(spool.figures().oldest_waiting_ms > 0);
  CHECK(deliver_all(spool) == Points{3});
  CHECK(spool.figures().oldest_waiting_ms == 0);
  CHECK_FALSE(take(spool));
}

TEST_CASE("a full queue in memory drops the oldest, but never the block in hand nor the newest") {
  Spool spool({.name = "test", .memory_bytes_max = 250}, base::system_clock());
  spool.append(block_of(1));
  REQUIRE(take(spool).block->points == 1);
  spool.append(block_of(2));
  spool.append(block_of(3));
  spool.append(block_of(4));
  CHECK(spool.figures().points_expired_full == 5);
  spool.settle(1, 0);
  spool.append(block_of(9, 1000));
  CHECK(spool.figures().points_expired_full == 9);
  CHECK(deliver_all(spool) == Points{9});
}

TEST_CASE("limits change while the spool is in use: less room drops the oldest, more drops none") {
  support::FakeClock clock;
  Spool spool({.name = "test", .memory_bytes_max = 1'000}, clock);
  const auto append = [&](int count) {
    for (int i = 0; i < count; ++i) {
      spool.append({.bytes = std::string(100, 'x'), .gzip = false, .points = 1, .line_bytes = 100});
    }
  };
  append(10);
  CHECK(spool.figures().points_waiting == 10);
  spool.change({.name = "test", .memory_bytes_max = 2'000});
  append(10);
  CHECK(spool.figures().points_waiting == 20);
  spool.change({.name = "test", .memory_bytes_max = 300});
  append(1);
  CHECK(spool.figures().points_waiting == 3);
  CHECK(spool.figures().points_expired_full == 18);
}

TEST_CASE("what is fresh goes first, the backlog after it, and what was put back is backlog") {
  FakeClock clock;
  for (const bool on_disk : {false, true}) {
    CAPTURE(on_disk);
    const support::TempFolder folder;
    Spool spool({.name = "test"}, clock,
                on_disk ? sinks::posix_folder(sink_folder(folder)) : nullptr);
    if (on_disk) wait_for_disk(spool);
    for (const std::uint32_t points : {1u, 2u, 3u}) spool.append(block_of(points));
    clock.now_ms += 2 * kMinuteMs;
    for (const std::uint32_t points : {4u, 5u, 6u}) spool.append(block_of(points));
    Taken taken = take(spool, Which::FreshOnly);
    REQUIRE(taken);
    CHECK(taken.block->points == 4);
    CHECK_FALSE(taken.is_backlog);
    spool.put_back();
    CHECK(deliver_all(spool) == Points{5, 6, 1, 2, 3, 4});
    spool.append(block_of(7));
    clock.now_ms += 2 * kMinuteMs;
    CHECK_FALSE(take(spool, Which::FreshOnly));
    taken = take(spool);
    REQUIRE(taken);
    CHECK(taken.is_backlog);
    spool.settle(7, 0);
  }
}

TEST_CASE("a sink that is too slow gets the newest in runs, the rest as a backlog") {
  FakeClock clock;
  Spool spool({.name = "test"}, clock);
  for (const std::uint32_t points : {1u, 2u, 3u}) spool.append(block_of(points));
  clock.now_ms += kMinuteMs / 2;
  for (const std::uint32_t points : {4u, 5u}) spool.append(block_of(points));
  REQUIRE(take(spool).block->points == 1);
  spool.settle(1, 0);
  clock.now_ms += kMinuteMs / 2 + 1;  // 2 is late, so 4 and 5 wait with it
  spool.append(block_of(6));
  CHECK(deliver_all(spool) == Points{6, 2, 3, 4, 5});
}

TEST_CASE("a wall clock that jumps ahead does not make everything too old") {
  class JumpyClock final : public base::Clock {
   public:
    std::atomic<std::int64_t> ahead_ms = 0;
    [[nodiscard]] std::int64_t wall_ms() const override {
      return base::system_clock().wall_ms() + ahead_ms;
    }
    [[nodiscard]] std::int64_t steady_ms() const override {
      return base::system_clock().steady_ms();
    }
  } clock;
  const support::TempFolder folder;
  std::atomic<bool> is_full = false;
  std::atomic<int> refusals = 0;
  Spool spool({.name = "test"}, clock,
              std::make_unique<FillingFolder>(sink_folder(folder), is_full, &refusals));
  wait_for_disk(spool);
  is_full = true;
  spool.append(block_of(1));
  clock.ahead_ms = std::int64_t{30} * 86'400'000;
  const int before = refusals;
  wait_until([&] { return refusals >= before + 2; });  // the keeper has been at work twice
  CHECK(spool.figures().points_expired() == 0);
  CHECK(spool.figures().points_waiting == 1);
}

TEST_CASE(
    "blocks that were put back let all others of the backlog go first, until one is settled") {
  FakeClock clock;
  Spool spool({.name = "test"}, clock);
  for (const std::uint32_t points : {1u, 2u, 3u, 4u}) spool.append(block_of(points));
  clock.now_ms += 2 * kMinuteMs;
  for (const std::uint32_t points : {1u, 2u, 3u, 4u, 1u, 2u}) {
    REQUIRE(take(spool).block->points == points);
    spool.put_back();
  }
  CHECK(deliver_all(spool) == Points{3, 1, 2, 4});
}

TEST_CASE("fresh blocks beyond those kept at hand are read back from the disk") {
  const support::TempFolder folder;
  Spool spool({.name = "test"}, base::system_clock(), sinks::posix_folder(sink_folder(folder)));
  wait_for_disk(spool);
  Points expected;
  for (std::uint32_t i = 1; i <= 30; ++i) {
    spool.append(block_of(i, 1'000'000));
    expected.push_back(i);
  }
  CHECK(deliver_all(spool) == expected);
}

TEST_CASE("what waits on disk is there for the next process, and what was settled is not") {
  const support::TempFolder folder;
  {
    Spool spool({.name = "test"}, base::system_clock(), sinks::posix_folder(sink_folder(folder)));
    wait_for_disk(spool);
    for (const std::uint32_t points : {1u, 2u, 3u, 4u}) spool.append(block_of(points));
    REQUIRE(take(spool));
    spool.settle(1, 0);
    REQUIRE(take(spool));  // in hand at the end, so its fate is not known
    spool.close();
    CHECK(spool.figures().points_waiting == 9);
    CHECK(spool.figures().points_expired() == 0);
    check_sum(spool);
  }
  Spool next({.name = "test"}, base::system_clock(), sinks::posix_folder(sink_folder(folder)));
  wait_for_disk(next);
  CHECK(next.figures().points_recovered == 9);
  const Taken taken = take(next);
  REQUIRE(taken);
  CHECK(taken.is_backlog);
  next.put_back();
  CHECK(deliver_all(next) == Points{3, 2, 4});  // the one put back lets another go first
}

TEST_CASE("what waits in memory at the end is counted as lost") {
  Spool spool({.name = "test"}, base::system_clock());
  spool.append(block_of(5));
  spool.close();
  CHECK(spool.figures().points_expired_at_end == 5);
  check_sum(spool);
}

TEST_CASE("a disk that takes no more is replaced by memory, and comes back by itself") {
  const support::TempFolder folder;
  std::atomic<bool> is_full = false;
  const auto make_folder = [&] {
    return std::make_unique<FillingFolder>(sink_folder(folder), is_full);
  };
  {
    Spool spool({.name = "test"}, base::system_clock(), make_folder());
    wait_for_disk(spool);
    spool.append(block_of(1));
    is_full = true;
    spool.append(block_of(2));
    spool.append(block_of(3));
    CHECK(spool.figures().points_in_memory == 5);
    CHECK(spool.figures().disk_trouble.find("No space left") != std::string::npos);
    const Taken taken = take(spool);
    REQUIRE(taken);
    CHECK(taken.block->points == 1);  // the disk can still be read
    spool.settle(1, 0);
    REQUIRE(take(spool).block->points == 2);
    is_full = false;
    wait_until([&] { return spool.figures().disk_trouble.empty(); });
    CHECK(spool.figures().points_in_memory == 0);  // nor is the block in hand
    spool.put_back();
    spool.append(block_of(4));
    check_sum(spool);
    CHECK(spool.figures().points_waiting == 9);
    spool.close();
    CHECK(spool.figures().points_expired() == 0);
  }
  Spool next({.name = "test"}, base::system_clock(), make_folder());
  wait_for_disk(next);
  CHECK(next.figures().points_recovered == 9);
  Points points = deliver_all(next);
  std::sort(points.begin(), points.end());
  CHECK(points == Points{2, 3, 4});
}

TEST_CASE("a full disk is not taken for a good one because nothing waits in memory") {
  const support::TempFolder folder;
  std::atomic<bool> is_full = false;
  std::atomic<int> refusals = 0;
  const support::CollectedLog log;
  Spool spool({.name = "test"}, base::system_clock(),
              std::make_unique<FillingFolder>(sink_folder(folder), is_full, &refusals));
  wait_for_disk(spool);
  is_full = true;
  spool.append(block_of(1));
  CHECK(deliver_all(spool) == Points{1});
  wait_until([&] { return refusals >= 3; });
  CHECK_FALSE(spool.figures().disk_trouble.empty());
  is_full = false;
  wait_until([&] { return spool.figures().disk_trouble.empty(); });
  Points told;
  for (const std::string_view what : {"cannot be used", "on disk again"}) {
    const std::vector<std::string> lines = log.lines();
    told.push_back(static_cast<std::uint32_t>(std::count_if(
        lines.begin(), lines.end(),
        [what](const std::string& line) { return line.find(what) != std::string::npos; })));
  }
  CHECK(told == Points{1, 1});
}

TEST_CASE("a folder that is deleted under the spool costs nothing and is made again") {
  const support::TempFolder folder;
  {
    Spool spool({.name = "test"}, base::system_clock(), sinks::posix_folder(sink_folder(folder)));
    wait_for_disk(spool);
    for (const std::uint32_t points : {1u, 2u, 3u}) spool.append(block_of(points));
    REQUIRE(take(spool).block->points == 1);
    std::filesystem::remove_all(sink_folder(folder));
    spool.append(block_of(4));
    spool.settle(1, 0);
    wait_until([&] {
      const SpoolFigures figures = spool.figures();
      return figures.disk_trouble.empty() && figures.points_in_memory == 0;
    });
    check_sum(spool);
    CHECK(spool.figures().points_waiting == 9);
    CHECK(spool.figures().points_expired() == 0);
  }
  Spool next({.name = "test"}, base::system_clock(), sinks::posix_folder(sink_folder(folder)));
  wait_for_disk(next);
  CHECK(next.figures().points_recovered == 9);
  Points points = deliver_all(next);
  std::sort(points.begin(), points.end());
  CHECK(points == Points{2, 3, 4});
}

TEST_CASE("one file that is deleted under the spool costs nothing, nor does it hide the others") {
  const support::TempFolder folder;
  Spool spool({.name = "test", .disk_bytes_max = std::uint64_t{16} << 20}, base::system_clock(),
              sinks::posix_folder(sink_folder(folder)));
  wait_for_disk(spool);
  Points expected;
  for (std::uint32_t i = 1; i <= 5; ++i) {
    spool.append(block_of(i, 700'000));  // a segment takes one of them
    expected.push_back(i);
  }
  std::filesystem::remove(sink_folder(folder) + "/" + sinks::segment_name(5));
  wait_until([&] {
    return !std::filesystem::exists(sink_folder(folder) + "/" + sinks::segment_name(5)) &&
           spool.figures().disk_trouble.empty() && spool.figures().points_in_memory == 0 &&
           std::filesystem::exists(sink_folder(folder) + "/" + sinks::segment_name(6));
  });
  CHECK(spool.figures().points_recovered == 0);
  CHECK(spool.figures().points_expired() == 0);
  Points points = deliver_all(spool);
  std::sort(points.begin(), points.end());
  CHECK(points == expected);
}

TEST_CASE("a spool that cannot be read for now gives nothing, and does not say so without end") {
  FakeClock clock;
  support::CrashingDisk disk;
  Spool spool({.name = "test", .fresh_ms = -1}, clock, disk.folder());
  wait_for_disk(spool);
  spool.append(block_of(1));
  disk.fail_reads(true);
  CHECK_FALSE(take(spool));
  disk.fail_reads(false);
  CHECK_FALSE(take(spool));  // not before a second has passed
  clock.now_ms += 1'000;
  CHECK(deliver_all(spool) == Points{1});
}

TEST_CASE("a folder that another one has is waited for, in memory") {
  const support::TempFolder folder;
  auto first = std::make_unique<Spool>(SpoolOptions{.name = "test"}, base::system_clock(),
                                       sinks::posix_folder(sink_folder(folder)));
  wait_for_disk(*first);
  first->append(block_of(1));
  Spool second({.name = "test"}, base::system_clock(), sinks::posix_folder(sink_folder(folder)));
  wait_until([&] { return !second.figures().disk_trouble.empty(); });
  second.append(block_of(2));
  CHECK(second.figures().disk_trouble.find("in use by process " + std::to_string(::getpid())) !=
        std::string::npos);
  CHECK(second.figures().points_in_memory == 2);
  first.reset();
  wait_until([&] { return second.figures().disk_trouble.empty(); });
  CHECK(second.figures().points_recovered == 1);
  CHECK(second.figures().points_in_memory == 0);
  Points points = deliver_all(second);
  std::sort(points.begin(), points.end());
  CHECK(points == Points{1, 2});
}

TEST_CASE("a folder of another version is left alone") {
  const support::TempFolder folder;
  std::string header = sinks::encode(sinks::SegmentHeader{.salt = 1, .first_sequence = 1});
  header[8] = 2;
  // The checksum of every version is where it is: made anew for the changed version.
  const std::uint64_t checksum = sinks::body_checksum(0, header.substr(0, 56));
  header.replace(56, 8, reinterpret_cast<const char*>(&checksum), 8);
  std::filesystem::create_directories(sink_folder(folder));
  const std::string name = sink_folder(folder) + "/" + sinks::segment_name(1);
  std::ofstream(name, std::ios::binary) << header << "something that only version 2 understands";
  const auto size = std::filesystem::file_size(name);
  {
    Spool spool({.name = "test"}, base::system_clock(), sinks::posix_folder(sink_folder(folder)));
    wait_until([&] { return !spool.figures().disk_trouble.empty(); });
    spool.append(block_of(1));
    CHECK(spool.figures().disk_trouble.find("version 2") != std::string::npos);
    CHECK(spool.figures().points_in_memory == 1);
    CHECK(deliver_all(spool) == Points{1});
  }
  CHECK(std::filesystem::file_size(name) == size);
}

TEST_CASE("a full spool on disk drops its oldest points and stays within its bound") {
  const support::TempFolder folder;
  constexpr std::uint64_t kBytesMax = std::uint64_t{16} << 20;
  Spool spool({.name = "test", .disk_bytes_max = kBytesMax}, base::system_clock(),
              sinks::posix_folder(sink_folder(folder)));
  wait_for_disk(spool);
  std::uint64_t spooled = 0;
  for (std::uint32_t i = 1; i <= 60; ++i) {
    spool.append(block_of(i, 500'000));
    spooled += i;
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(sink_folder(folder))) {
      bytes += entry.file_size();
    }
    CHECK(bytes <= kBytesMax);
  }
  const SpoolFigures figures = spool.figures();
  CHECK(figures.points_expired_full > 0);
  CHECK(figures.points_expired_full + figures.points_waiting == spooled);
  CHECK(figures.bytes_waiting <= kBytesMax);
  const Points points = deliver_all(spool);
  CHECK(points.back() == 60);
  std::uint64_t delivered = 0;
  for (const std::uint32_t each : points) delivered += each;
  CHECK(delivered == figures.points_waiting);
}
