#include "sinks/quarantine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "relay/base/clock.h"
#include "relay/base/descriptor.h"
#include "relay/base/log.h"
#include "relay/base/text.h"

namespace fedwave::sinks {
namespace {

constexpr mode_t kFileMode = 0600;  // lines of a mesh are nobody else's business

base::Error failed(const char* what, const std::string& path) {
  return {base::ErrorCode::Io, std::string(what) + " " + path + ": " + std::strerror(errno)};
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// A new name is on the disk once its folder is.
bool sync_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const base::Descriptor opened(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened.get() >= 0 && ::fsync(opened.get()) == 0;
}

}  // namespace

bool Quarantine::append(std::string_view lines, std::string_view reason, std::int64_t wall_ms) {
  if (options_.path.empty()) return false;
  std::string text = "# " + base::utc_text(wall_ms) + ' ' + base::printable(reason) + '\n';
  text += lines;
  if (text.back() != '\n') text += '\n';
  const base::Expected<void> written = write(text);
  if (written) {
    is_failing_ = false;
    lines_written_ += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')) - 1;
    return true;
  }
  ++write_failures_;
  if (!is_failing_) {
    base::log(base::LogLevel::Error, "the quarantine file cannot be written",
              {{"sink", options_.sink}, {"error", written.error().message}});
  }
  is_failing_ = true;
  return false;
}

// The file is opened anew each time: whoever looks after it may move or empty it at any moment.
base::Expected<void> Quarantine::write(std::string_view text) const {
  const std::string& path = options_.path;
  struct stat status {};
  bool is_new = ::stat(path.c_str(), &status) != 0;
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  if (!is_new && bytes > 0 && bytes + text.size() > options_.bytes_max) {
    if (std::rename(path.c_str(), (path + ".1").c_str()) != 0) return failed("cannot rename", path);
    is_new = true;
  }
  const base::Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kFileMode));
  if (file.get() < 0) return failed("cannot open", path);
  if (!write_all(file.get(), text)) {
    const base::Error error = failed("cannot write", path);
    // Half a line must not be there for the next one to be added to.
    [[maybe_unused]] const int undone = ::ftruncate(file.get(), is_new ? 0 : status.st_size);
    return error;
  }
  if (::fsync(file.get()) != 0) return failed("cannot sync", path);
  if (is_new && !sync_folder_of(path)) return failed("cannot sync the folder of", path);
  return {};
}

}  // namespace fedwave::sinks
