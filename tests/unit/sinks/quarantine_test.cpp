#include "sinks/quarantine.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "relay/base/file.h"
#include "tests/support/fakes.h"
#include "tests/support/temp_folder.h"

using namespace fedwave;
using sinks::Quarantine;

namespace {

constexpr std::int64_t kWallMs = 1'795'255'200'123;  // 2026-11-21T10:00:00Z

std::string content(const std::string& path) {
  const auto read = base::read_file(path, 1 << 20);
  return read ? *read : read.error().message;
}

}  // namespace

TEST_CASE("refused lines are added to the file below what the receiver said, on one line") {
  const support::TempFolder folder;
  const std::string file = folder.path() + "/quarantine.txt";
  Quarantine quarantine({.sink = "test", .path = file});
  CHECK(quarantine.append("one 1\ntwo 2\n", "HTTP 400 \"bad\nline\x1b\"", kWallMs));
  CHECK(quarantine.append("three 3", "HTTP 413", kWallMs + 60'000));
  CHECK(content(file) ==
        "# 2026-11-21T10:00:00Z HTTP 400 \"bad line \"\none 1\ntwo 2\n"
        "# 2026-11-21T10:01:00Z HTTP 413\nthree 3\n");
  CHECK(quarantine.figures().lines_written == 3);
  CHECK(quarantine.figures().write_failures == 0);
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("a later process adds to the file") {
  const support::TempFolder folder;
  const std::string file = folder.path() + "/quarantine.txt";
  CHECK(Quarantine({.sink = "a", .path = file}).append("one 1\n", "no", kWallMs));
  CHECK(Quarantine({.sink = "a", .path = file}).append("two 2\n", "no", kWallMs));
  CHECK(content(file) == "# 2026-11-21T10:00:00Z no\none 1\n# 2026-11-21T10:00:00Z no\ntwo 2\n");
}

TEST_CASE("a full file makes room for a new one, and takes the place of the one before it") {
  const support::TempFolder folder;
  const std::string file = folder.path() + "/quarantine.txt";
  const std::string line(60, 'x');
  const auto entry = [&](char mark) {
    return std::string("# 2026-11-21T10:00:00Z no\n") + mark + line + "\n";
  };
  Quarantine quarantine({.sink = "test", .path = file, .bytes_max = 2 * entry('a').size()});
  for (const char mark : {'a', 'b', 'c', 'd', 'e'}) {
    CHECK(quarantine.append(mark + line + "\n", "no", kWallMs));
  }
  CHECK(content(file) == entry('e'));
  CHECK(content(file + ".1") == entry('c') + entry('d'));
  CHECK_FALSE(std::filesystem::exists(file + ".2"));
  // Too large for any file, but not to be lost for that.
  CHECK(quarantine.append(std::string(1'000, 'y') + "\n", "no", kWallMs));
  CHECK(content(file).size() == 1'000 + 27);
  CHECK(quarantine.figures().lines_written == 6);
}

TEST_CASE(
    "a file that cannot be written is told once and counted each time, until it works again") {
  const support::TempFolder folder;
  const std::string missing = folder.path() + "/sub";
  const support::CollectedLog log;
  Quarantine quarantine({.sink = "test", .path = missing + "/quarantine.txt"});
  for (int i = 0; i < 3; ++i) CHECK_FALSE(quarantine.append("one 1\n", "no", kWallMs));
  CHECK(quarantine.figures().write_failures == 3);
  REQUIRE(log.lines().size() == 1);
  CHECK(log.lines()[0] == "the quarantine file cannot be written sink=test error=cannot open " +
                              missing + "/quarantine.txt: No such file or directory");
  std::filesystem::create_directory(missing);
  CHECK(quarantine.append("one 1\n", "no", kWallMs));
  CHECK(quarantine.figures().lines_written == 1);
  std::filesystem::remove_all(missing);
  CHECK_FALSE(quarantine.append("one 1\n", "no", kWallMs));
  CHECK(log.lines().size() == 2);
}

TEST_CASE("without a file there is nothing to fail") {
  Quarantine quarantine({.sink = "test"});
  CHECK_FALSE(quarantine.append("one 1\n", "no", kWallMs));
  CHECK(quarantine.figures().lines_written == 0);
  CHECK(quarantine.figures().write_failures == 0);
}

TEST_CASE("a write that fails half-way leaves no half of a line behind") {
  const support::TempFolder folder;
  const std::string file = folder.path() + "/quarantine.txt";
  Quarantine quarantine({.sink = "test", .path = file});
  REQUIRE(quarantine.append("one 1\n", "no", kWallMs));
  const std::string before = content(file);

  // As on a disk that is almost full: ten more bytes fit.
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_limit) == 0);
  rlimit limit = old_limit;
  limit.rlim_cur = before.size() + 10;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  const bool fitted = quarantine.append("two 2\n", "no", kWallMs);
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);

  CHECK_FALSE(fitted);
  CHECK(quarantine.figures().write_failures == 1);
  CHECK(content(file) == before);
}
