#include "relay/base/file.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace fedwave;
namespace fs = std::filesystem;

namespace {

struct TemporaryFolder {
  fs::path path = fs::temp_directory_path() / ("fedwave-file-test-" + std::to_string(::getpid()));
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
};

void write(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("a file is read whole, and one that is too large or missing is an error with its name") {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "page";
  write(path, std::string(100'000, 'x'));
  CHECK(base::read_file(path, 100'000).value().size() == 100'000);
  const auto large = base::read_file(path, 99'999);
  CHECK(large.error().code == base::ErrorCode::BodyLimit);
  CHECK(large.error().message ==
        path.string() + " is larger than the 99999 bytes allowed; is it the right file?");
  CHECK(base::read_file(path, 99'999, "the file").error().message ==
        "the file is larger than the 99999 bytes allowed; is it the right file?");
  CHECK(base::read_file(folder.path / "nothing", 10, "the file").error().message ==
        "cannot open the file: No such file or directory");
  const auto missing = base::read_file(folder.path / "nothing", 10);
  CHECK(missing.error().code == base::ErrorCode::NotFound);
  CHECK(missing.error().message ==
        "cannot open " + (folder.path / "nothing").string() + ": No such file or directory");
  const auto directory = base::read_file(folder.path, 10);
  CHECK(directory.error().code == base::ErrorCode::Io);
  CHECK(directory.error().message ==
        "cannot read " + folder.path.string() + ": Is a directory; name the file in it");
}

TEST_CASE("a watched file is trimmed, read again after a change, and survives its disappearance") {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "token";
  base::WatchedFile token(path);
  CHECK(token.content().error().code == base::ErrorCode::NotFound);
  write(path, "  first\n");
  CHECK(token.content().value() == "first");
  write(folder.path / "next", "second-token\n");
  fs::rename(folder.path / "next", path);  // as kubelet does: a new inode
  CHECK(token.content().value() == "second-token");
  fs::remove(path);
  CHECK(token.content().value() == "second-token");
}
