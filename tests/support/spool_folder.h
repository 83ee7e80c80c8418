// A spool's folder on the real disk for a test, gone with it: filled through the store itself, one
// segment for each fill(), and spoiled by hand.
#pragma once

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/check.h"
#include "relay/base/gzip.h"
#include "sinks/spool/disk_store.h"
#include "tests/support/fakes.h"
#include "tests/support/temp_folder.h"

namespace fedwave::support {

inline std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
inline void write_bytes(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
}
// What all files below a folder hold, by path.
inline std::map<std::string, std::string> all_files(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files[entry.path()] = read_bytes(entry.path());
  }
  return files;
}

inline std::string some_lines(std::uint32_t points, std::uint32_t first = 0) {
  std::string lines;
  for (std::uint32_t i = 0; i < points; ++i) {
    lines += "\"requests.value\" " + std::to_string(first + i) + " 1767225600 source=\"s\"\n";
  }
  return lines;
}

inline sinks::Block some_block(std::uint32_t points, std::int64_t created_ms, bool gzip = true,
                               std::uint32_t first = 0) {
  const std::string lines = some_lines(points, first);
  return {.bytes = gzip ? base::GzipDeflater().deflate(lines) : lines,
          .gzip = gzip,
          .points = points,
          .line_bytes = lines.size(),
          .created_ms = created_ms};
}

// Makes the checksum at the end of a segment's header or a position's slot right again.
inline void reseal(std::string& bytes) {
  const std::string_view sealed = std::string_view(bytes).substr(0, bytes.size() - 8);
  const std::uint64_t checksum = sinks::body_checksum(0, sealed);
  std::memcpy(bytes.data() + sealed.size(), &checksum, sizeof checksum);
}

// One sink's folder. Nobody has it open but during a call.
class SpoolFolder {
 public:
  SpoolFolder(std::string path, std::string sink, bool gzip = true)
      : folder_(sinks::posix_folder(std::move(path))), sink_(std::move(sink)), gzip_(gzip) {}

  [[nodiscard]] const std::string& path() const { return folder_->path(); }
  FakeClock& clock() { return clock_; }

  std::unique_ptr<sinks::DiskStore> open() {
    auto store = sinks::DiskStore::open(*folder_, {.sink = sink_}, clock_);
    FEDWAVE_CHECK(store.has_value());
    return *std::move(store);
  }

  // A segment of blocks with so many points; a second passes with each.
  void fill(const std::vector<std::uint32_t>& blocks) {
    const auto store = open();
    for (const std::uint32_t points : blocks) {
      auto block = some_block(points, clock_.now_ms, gzip_, points_);
      FEDWAVE_CHECK(store->append(std::make_shared<const sinks::Block>(std::move(block))));
      clock_.now_ms += 1000;
      points_ += points;
    }
  }
  void settle(const std::vector<std::uint64_t>& sequences) {
    const auto store = open();
    for (const std::uint64_t sequence : sequences) store->settle(sequence);
  }

  [[nodiscard]] std::string segment(std::uint64_t first_sequence) const {
    return path() + "/" + sinks::segment_name(first_sequence);
  }
  void overwrite(std::uint64_t first_sequence, std::size_t offset, std::string_view bytes) {
    std::string all = read_bytes(segment(first_sequence));
    FEDWAVE_CHECK(offset + bytes.size() <= all.size());
    write_bytes(segment(first_sequence), all.replace(offset, bytes.size(), bytes));
  }
  // Takes bytes off the end.
  void cut(std::uint64_t first_sequence, std::size_t bytes) {
    const std::string all = read_bytes(segment(first_sequence));
    write_bytes(segment(first_sequence), std::string_view(all).substr(0, all.size() - bytes));
  }

 private:
  const std::unique_ptr<sinks::Folder> folder_;
  const std::string sink_;
  const bool gzip_;
  FakeClock clock_;
  std::uint32_t points_ = 0;
};

}  // namespace fedwave::support
