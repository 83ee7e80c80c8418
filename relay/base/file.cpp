#include "relay/base/file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace fedwave::base {
namespace {

constexpr std::size_t kTokenBytesMax = 64 * 1024;
constexpr std::size_t kPieceBytes = 256 * 1024;

Error io_error(const std::string& called, const char* what) {
  const int reason = errno;
  const auto code = reason == ENOENT ? ErrorCode::NotFound : ErrorCode::Io;
  return {code, std::string(what) + " " + called + ": " + std::strerror(reason) +
                    (reason == EISDIR ? "; name the file in it" : "")};
}

std::string trimmed(const std::string& text) {
  constexpr const char* kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

Expected<void> read_called(const std::string& path, const std::string& called,
                           const std::function<bool(std::string_view)>& take) {
  const bool is_stdin = path == "-";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(
      is_stdin ? nullptr : std::fopen(path.c_str(), "rb"),
      [](std::FILE* file) { return std::fclose(file); });
  std::FILE* file = is_stdin ? stdin : opened.get();
  if (file == nullptr) return io_error(called, "cannot open");
  std::vector<char> buffer(kPieceBytes);
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), file)) {
    if (!take({buffer.data(), count})) return {};
  }
  if (std::ferror(file) != 0) return io_error(called, "cannot read");
  return {};
}

}  // namespace

bool is_regular_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

Expected<void> read_pieces(const std::string& path,
                           const std::function<bool(std::string_view)>& take) {
  return read_called(path, path, take);
}

Expected<std::string> read_file(const std::string& path, std::size_t bytes_max,
                                std::string_view called) {
  const std::string name(called.empty() ? path : called);
  std::string content;
  const auto read = read_called(path, name, [&](std::string_view piece) {
    content.append(piece);
    return content.size() <= bytes_max;
  });
  if (!read) return read.error();
  if (content.size() > bytes_max) {
    return Error{ErrorCode::BodyLimit, name + " is larger than the " + std::to_string(bytes_max) +
                                           " bytes allowed; is it the right file?"};
  }
  return content;
}

Expected<std::string> WatchedFile::content() {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) {
    if (!version_.empty()) return content_;
    return io_error(path_, "cannot read");
  }
  const std::string version = std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino) +
                              ':' + std::to_string(status.st_size) + ':' +
                              std::to_string(status.st_mtim.tv_sec) + '.' +
                              std::to_string(status.st_mtim.tv_nsec);
  if (version == version_) return content_;
  Expected<std::string> read = read_file(path_, kTokenBytesMax);
  if (!read) return version_.empty() ? std::move(read) : Expected<std::string>(content_);
  content_ = trimmed(*read);
  version_ = version;
  return content_;
}

}  // namespace fedwave::base
