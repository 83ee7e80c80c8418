// `fedwave dump`: one scrape (or pages from files), filtered and named, to standard output. The
// same transform as `run`; only the end of the path differs. Runs on main's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fedwave::relay {

enum class DumpFormat { Wavefront, Json, Table };

struct DumpOptions {
  std::string config_file;
  std::string url;
  std::vector<std::string> inputs;
  std::string source;  // only this one
  std::string sink;    // as this one would send it; the first by default
  DumpFormat format = DumpFormat::Wavefront;
  std::int64_t interval_ms = 0;  // between inputs; 0: the source's
  bool strict = false;
};

int dump_command(const DumpOptions& options);

}  // namespace fedwave::relay
