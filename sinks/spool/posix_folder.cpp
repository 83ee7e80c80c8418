#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "relay/base/descriptor.h"
#include "sinks/spool/folder.h"

namespace fedwave::sinks {
namespace {

using base::Descriptor;
using base::Error;
using base::ErrorCode;
using base::Expected;

constexpr mode_t kFileMode = 0600;  // lines of a mesh are nobody else's business
constexpr mode_t kFolderMode = 0700;

Error system_error(const std::string& what, int code) {
  return {code == ENOENT ? ErrorCode::NotFound : ErrorCode::Io, what + ": " + std::strerror(code)};
}

class PosixFile final : public File {
 public:
  PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

  Expected<void> append(std::string_view first, std::string_view second) override {
    const auto end = size();
    if (!end) return end.error();
    std::uint64_t at = *end;
    while (!first.empty() || !second.empty()) {
      const iovec pieces[] = {{const_cast<char*>(first.data()), first.size()},
                              {const_cast<char*>(second.data()), second.size()}};
      const ssize_t count = ::pwritev(descriptor_.get(), pieces, 2, static_cast<off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return failed("cannot write", count < 0 ? errno : ENOSPC);
      at += static_cast<std::uint64_t>(count);
      const std::size_t of_first = std::min(first.size(), static_cast<std::size_t>(count));
      first.remove_prefix(of_first);
      second.remove_prefix(static_cast<std::size_t>(count) - of_first);
    }
    return {};
  }

  Expected<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count =
          ::pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return failed("cannot write", count < 0 ? errno : ENOSPC);
      bytes.remove_prefix(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    }
    return {};
  }

  Expected<std::string> read_at(std::uint64_t offset, std::size_t size) override {
    std::string bytes(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      const ssize_t count = ::pread(descriptor_.get(), bytes.data() + have, size - have,
                                    static_cast<off_t>(offset + have));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failed("cannot read", errno);
      if (count == 0) break;
      have += static_cast<std::size_t>(count);
    }
    bytes.resize(have);
    return bytes;
  }

  Expected<std::uint64_t> size() override {
    struct stat status {};
    if (::fstat(descriptor_.get(), &status) != 0) return failed("cannot look at", errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Expected<void> truncate(std::uint64_t size) override {
    if (::ftruncate(descriptor_.get(), static_cast<off_t>(size)) != 0) {
      return failed("cannot shorten", errno);
    }
    return {};
  }

  Expected<void> sync() override {
    if (::fdatasync(descriptor_.get()) != 0) return failed("cannot sync", errno);
    return {};
  }

  bool has_name() override {
    struct stat status {};
    return ::fstat(descriptor_.get(), &status) == 0 && status.st_nlink > 0;
  }

 private:
  [[nodiscard]] Error failed(const char* what, int code) const {
    return system_error(std::string(what) + " " + path_, code);
  }

  Descriptor descriptor_;
  const std::string path_;
};

class PosixLock final : public FolderLock {
 public:
  explicit PosixLock(int descriptor) : descriptor_(descriptor) {}

 private:
  Descriptor descriptor_;  // closing it releases the lock
};

class PosixFolder final : public Folder {
 public:
  explicit PosixFolder(std::string path) : path_(std::move(path)) {}

  [[nodiscard]] const std::string& path() const override { return path_; }

  Expected<void> make() override {
    // Not create_directories(): the mode is ours, and a symbolic link to a folder is one.
    for (std::size_t at = path_.find('/', 1);; at = path_.find('/', at + 1)) {
      const std::string part = path_.substr(0, at);
      if (::mkdir(part.c_str(), kFolderMode) != 0 && errno != EEXIST) {
        const int code = errno;
        struct stat status {};
        if (::stat(part.c_str(), &status) != 0) return system_error("cannot make " + part, code);
      }
      if (at == std::string::npos) return {};
    }
  }

  Expected<std::vector<std::string>> names() override {
    std::error_code error;
    std::vector<std::string> found;
    std::filesystem::directory_iterator entries(path_, error);
    for (const std::filesystem::directory_iterator end; !error && entries != end;
         entries.increment(error)) {
      found.push_back(entries->path().filename().string());
    }
    if (error) return system_error("cannot list " + path_, error.value());
    std::sort(found.begin(), found.end());
    return found;
  }

  Expected<std::unique_ptr<File>> open(const std::string& name, OpenMode mode) override {
    int flags = O_CLOEXEC;
    switch (mode) {
      case OpenMode::Read:
        flags |= O_RDONLY;
        break;
      case OpenMode::ReadWrite:
        flags |= O_RDWR | O_CREAT;
        break;
      case OpenMode::CreateNew:
        flags |= O_RDWR | O_CREAT | O_EXCL;
        break;
    }
    const std::string path = path_ + "/" + name;
    const int descriptor = ::open(path.c_str(), flags, kFileMode);
    if (descriptor < 0) return system_error("cannot open " + path, errno);
    return std::unique_ptr<File>(std::make_unique<PosixFile>(descriptor, path));
  }

  Expected<void> remove(const std::string& name) override {
    const std::string path = path_ + "/" + name;
    if (::unlink(path.c_str()) != 0) return system_error("cannot remove " + path, errno);
    return {};
  }

  Expected<void> sync() override {
    const Descriptor folder(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || ::fsync(folder.get()) != 0) {
      return system_error("cannot sync " + path_, errno);
    }
    return {};
  }

  Expected<std::unique_ptr<FolderLock>> lock() override {
    const std::string path = path_ + "/lock";
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
    if (descriptor < 0) return system_error("cannot open " + path, errno);
    auto lock = std::make_unique<PosixLock>(descriptor);
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return system_error("cannot lock " + path, errno);
      return Error{ErrorCode::InUse, path_ + " is in use by " + owner_of(descriptor)};
    }
    const std::string owner = std::to_string(::getpid()) + "\n";
    // Only for the message above; nothing depends on it, so a full disk is no reason to refuse.
    if (::ftruncate(descriptor, 0) == 0) {
      static_cast<void>(::pwrite(descriptor, owner.data(), owner.size(), 0) < 0);
    }
    return std::unique_ptr<FolderLock>(std::move(lock));
  }

 private:
  static std::string owner_of(int descriptor) {
    char text[24] = {};
    const ssize_t count = ::pread(descriptor, text, sizeof text - 1, 0);
    const std::string_view digits(text, count > 0 ? static_cast<std::size_t>(count) : 0);
    const std::string_view number = digits.substr(0, digits.find('\n'));
    return number.empty() ? "another process" : "process " + std::string(number);
  }

  const std::string path_;
};

}  // namespace

std::unique_ptr<Folder> posix_folder(std::string path) {
  return std::make_unique<PosixFolder>(std::move(path));
}

}  // namespace fedwave::sinks
