#include "relay/orphaned_spools.h"

#include <filesystem>
#include <set>

#include "relay/sink_factory.h"
#include "sinks/spool/spool_reader.h"

namespace fedwave::relay {

std::vector<OrphanedSpool> orphaned_spools(const config::Config& config) {
  std::set<std::string> directories;
  std::set<std::string> in_use;
  for (const config::Sink& sink : config.sinks) {
    if (sink.spool.directory.empty()) continue;
    directories.insert(std::filesystem::path(sink.spool.directory).lexically_normal());
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
