#include "relay/spool_directories.h"

#include <filesystem>
#include <map>
#include <set>
#include <system_error>

#include "relay/sink_factory.h"
#include "sinks/spool/spool_reader.h"

namespace fedwave::relay {
namespace {

std::uint64_t bytes_below(const std::string& directory) {
  std::error_code error;
  std::uint64_t bytes = 0;
  std::filesystem::recursive_directory_iterator entries(directory, error);
  for (const std::filesystem::recursive_directory_iterator end; !error && entries != end;
       entries.increment(error)) {
    std::error_code is_gone;
    const auto size = entries->is_regular_file(is_gone) ? entries->file_size(is_gone) : 0;
    if (!is_gone) bytes += size;
  }
  return bytes;
}

}  // namespace

std::vector<TightDirectory> tight_directories(const config::Config& config) {
  std::map<std::string, std::uint64_t> wanted;
  for (const config::Sink& sink : config.sinks) {
    if (sink.spool.directory.empty()) continue;
    wanted[sink.spool.directory] += static_cast<std::uint64_t>(sink.spool.bytes);
  }
  std::vector<TightDirectory> tight;
  for (const auto& [directory, bytes] : wanted) {
    std::error_code error;
    const auto space = std::filesystem::space(directory, error);
    if (error) continue;  // it has its own message elsewhere
    const std::uint64_t there = space.available + bytes_below(directory);
    if (there < bytes) tight.push_back({directory, bytes, there});
  }
  return tight;
}

std::vector<OrphanedSpool> orphaned_spools(const config::Config& config) {
  std::set<std::string> directories;
  std::set<std::string> in_use;
  for (const config::Sink& sink : config.sinks) {
    if (sink.spool.directory.empty()) continue;
    directories.insert(sink.spool.directory);
    in_use.insert(spool_folder(sink));
  }
  std::vector<OrphanedSpool> orphans;
  for (const std::string& directory : directories) {
    // A directory that is not there yet, or cannot be read, has its own message elsewhere.
    const auto found = sinks::find_spools(directory);
    if (!found) continue;
    for (const std::string& folder : found->folders) {
      if (in_use.contains(folder)) continue;
      const auto spool = sinks::read_spool(folder);
      if (!spool || spool->points_waiting == 0) continue;
      orphans.push_back({folder, spool->sink, spool->points_waiting});
    }
  }
  return orphans;
}

}  // namespace fedwave::relay
