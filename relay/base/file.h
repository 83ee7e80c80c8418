// Reading whole files, and watching one small file that changes (tokens). Reads are ordinary
// blocking calls; an object belongs to one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "relay/base/expected.h"

namespace fedwave::base {

// Whether reading it comes to an end by itself: a pipe may keep its reader waiting for ever.
bool is_regular_file(const std::string& path);

// Reads a file piece by piece; false from `take` ends it early, which is no error. "-" is standard
// input.
Expected<void> read_pieces(const std::string& path,
                           const std::function<bool(std::string_view)>& take);

// The whole of it. A file above `bytes_max` is an error. Errors name the path, or call the file
// what `called` says: whoever has told the path already need not tell it twice.
Expected<std::string> read_file(const std::string& path, std::size_t bytes_max,
                                std::string_view called = {});

// The trimmed content of a small file, read again whenever it has changed on disk (kubelet swaps
// symlinks, so the file is told by device, inode, size and modification time). When a read fails
// after a good one, the last good content stays.
class WatchedFile {
 public:
  explicit WatchedFile(std::string path) : path_(std::move(path)) {}
  Expected<std::string> content();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::string content_;
  std::string version_;
};

}  // namespace fedwave::base
