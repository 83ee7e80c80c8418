#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "sinks/spool/folder.h"
#include "tests/support/spool_folder.h"

using namespace fedwave;
using base::ErrorCode;
using sinks::OpenMode;

namespace {

unsigned mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

}  // namespace

TEST_CASE("a folder is made with those above it, for its owner only") {
  const support::TempFolder directory;
  const std::string path = directory.path() + "/a/b/c";
  const auto folder = sinks::posix_folder(path);
  CHECK(folder->path() == path);
  CHECK(folder->names().error().code == ErrorCode::NotFound);
  CHECK(folder->lock().error().code == ErrorCode::NotFound);
  REQUIRE(folder->make());
  REQUIRE(folder->make());
  CHECK(mode_of(path) == 0700);
  CHECK(folder->names()->empty());
  CHECK(folder->sync());
  support::write_bytes(path + "/file", "x");
  const auto blocked = sinks::posix_folder(path + "/file/d");
  CHECK_FALSE(blocked->make());
}

TEST_CASE("a file is opened as the mode says") {
  const support::TempFolder directory;
  const auto folder = sinks::posix_folder(directory.path());
  CHECK(folder->open("a", OpenMode::Read).error().code == ErrorCode::NotFound);
  REQUIRE(folder->open("a", OpenMode::CreateNew));
  CHECK(folder->open("a", OpenMode::CreateNew).error().code == ErrorCode::Io);
  REQUIRE(folder->open("a", OpenMode::ReadWrite));
  REQUIRE(folder->open("b", OpenMode::ReadWrite));
  REQUIRE(folder->open("a", OpenMode::Read));
  CHECK(*folder->names() == std::vector<std::string>{"a", "b"});
  CHECK(mode_of(directory.path() + "/a") == 0600);
  REQUIRE(folder->remove("a"));
  CHECK(folder->remove("a").error().code == ErrorCode::NotFound);
  CHECK(*folder->names() == std::vector<std::string>{"b"});
}

TEST_CASE("a file is appended to, written, read, cut and synced") {
  const support::TempFolder directory;
  const auto folder = sinks::posix_folder(directory.path());
  const auto file = *folder->open("a", OpenMode::CreateNew);
  REQUIRE(file->append("one ", "two "));
  REQUIRE(file->append("three", ""));
  REQUIRE(file->append("", ""));
  CHECK(support::read_bytes(directory.path() + "/a") == "one two three");
  CHECK(*file->size() == 13);
  CHECK(*file->read_at(4, 3) == "two");
  CHECK(*file->read_at(8, 100) == "three");
  CHECK(file->read_at(13, 1)->empty());
  CHECK(file->read_at(1000, 1)->empty());
  REQUIRE(file->write_at(4, "TWO"));
  REQUIRE(file->write_at(15, "far"));
  CHECK(*file->read_at(0, 100) == std::string("one TWO three\0\0far", 18));
  REQUIRE(file->truncate(7));
  CHECK(*file->read_at(0, 100) == "one TWO");
  REQUIRE(file->append("!", ""));
  CHECK(file->sync());
  CHECK(support::read_bytes(directory.path() + "/a") == "one TWO!");
  const auto reader = *folder->open("a", OpenMode::Read);
  CHECK(*reader->read_at(0, 3) == "one");
  CHECK_FALSE(reader->append("no", ""));
  CHECK(*reader->size() == 8);
}

TEST_CASE("large appends are whole") {
  const support::TempFolder directory;
  const auto folder = sinks::posix_folder(directory.path());
  const auto file = *folder->open("a", OpenMode::CreateNew);
  const std::string large(3 << 20, 'y');
  REQUIRE(file->append("header", large));
  CHECK(*file->size() == 6 + large.size());
  CHECK(*file->read_at(6, large.size()) == large);
}

TEST_CASE("a file without a name is told") {
  const support::TempFolder directory;
  const std::string path = directory.path() + "/sink";
  const auto folder = sinks::posix_folder(path);
  REQUIRE(folder->make());
  const auto first = *folder->open("a", OpenMode::CreateNew);
  const auto second = *folder->open("b", OpenMode::CreateNew);
  REQUIRE(first->append("still there", ""));
  CHECK(first->has_name());
  REQUIRE(folder->remove("a"));
  CHECK_FALSE(first->has_name());
  CHECK(second->has_name());
  CHECK(*first->read_at(0, 100) == "still there");
  std::filesystem::remove_all(path);
  CHECK_FALSE(second->has_name());
}

TEST_CASE("a folder has one user at a time, and whoever comes second is told who") {
  const support::TempFolder directory;
  const auto first = sinks::posix_folder(directory.path());
  const auto second = sinks::posix_folder(directory.path());
  auto held = first->lock();
  REQUIRE(held);
  const auto refused = second->lock();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::InUse);
  CHECK(refused.error().message.find("process " + std::to_string(::getpid())) != std::string::npos);
  CHECK(refused.error().message.find(directory.path()) != std::string::npos);
  held->reset();
  CHECK(second->lock());
}

TEST_CASE("the store on a real folder refuses a second one, and finds its blocks again") {
  const support::TempFolder directory;
  support::SpoolFolder spool(directory.path() + "/sink", "sink");
  spool.fill({1, 2, 4});
  const auto store = spool.open();
  CHECK(store->recovery().points == 7);
  support::FakeClock clock;
  const auto other = sinks::posix_folder(spool.path());
  const auto second = sinks::DiskStore::open(*other, {.sink = "sink"}, clock);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::InUse);
  CHECK(store->oldest()->block->points == 1);
}

TEST_CASE("a folder that may not be written is an Io error that names it" *
          doctest::skip(::geteuid() == 0)) {
  const support::TempFolder directory;
  const std::string path = directory.path() + "/sink";
  const auto folder = sinks::posix_folder(path);
  REQUIRE(folder->make());
  REQUIRE(::chmod(path.c_str(), 0500) == 0);
  const auto lock = folder->lock();
  const auto file = folder->open("a", OpenMode::CreateNew);
  const auto below = sinks::posix_folder(path + "/below")->make();
  REQUIRE(::chmod(path.c_str(), 0700) == 0);
  REQUIRE_FALSE(lock);
  CHECK(lock.error().code == ErrorCode::Io);
  REQUIRE_FALSE(file);
  CHECK(file.error().code == ErrorCode::Io);
  CHECK(file.error().message.find(path) != std::string::npos);
  CHECK_FALSE(below);
}
