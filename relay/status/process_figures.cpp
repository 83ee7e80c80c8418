#include "relay/status/process_figures.h"

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace fedwave::relay {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::uint64_t entries(const char* folder) {
  std::error_code error;
  const std::filesystem::directory_iterator found(folder, error);
  return error ? 0 : static_cast<std::uint64_t>(std::distance(begin(found), end(found)));
}

}  // namespace

ProcessFigures process_figures() {
  ProcessFigures figures;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    figures.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  }
  std::uint64_t virtual_pages = 0;
  std::uint64_t resident_pages = 0;
  if (std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages) {
    const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    figures.virtual_bytes = virtual_pages * page_bytes;
    figures.resident_bytes = resident_pages * page_bytes;
  }
  const std::uint64_t fds = entries("/proc/self/fd");
  figures.open_fds = fds - (fds > 0 ? 1 : 0);  // one is ours, to look
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.max_fds = limit.rlim_cur;
  figures.threads = entries("/proc/self/task");
  return figures;
}

}  // namespace fedwave::relay
