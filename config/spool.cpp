// Reads `spool`.
#include <filesystem>

#include "config/sections.h"
#include "relay/base/duration.h"

namespace fedwave::config {
namespace {

constexpr std::int64_t kMebibyte = std::int64_t{1} << 20;
// A file of the spool is at least 1 MiB, and room is made by deleting one: it should not be half of
// everything.
constexpr std::int64_t kDiskBytesMin = 16 * kMebibyte;
constexpr std::int64_t kMaxAgeMinMs = 60'000;
constexpr std::int64_t kSyncIntervalMinMs = 10;
constexpr std::int64_t kSyncIntervalMaxMs = 3'600'000;
constexpr std::int64_t kDrainRateMax = 1'000'000'000;
constexpr std::string_view kDiskKeys[] = {"bytes", "sync", "syncInterval"};

}  // namespace

SpoolReader::SpoolReader(const Node* node, const Spool& defaults, Reading& reading)
    : fields_(node, "spool", reading.problems), problems_(reading.problems), spool_(defaults) {
  read_directory(reading.environment);
  fields_.bytes("bytes", spool_.bytes, kDiskBytesMin, kMebibyte << 30);
  // A block of lines is up to 1 MiB, and less than one block is no queue.
  fields_.bytes("memoryBytes", spool_.memory_bytes, kMebibyte, kMebibyte << 20);
  read_max_age();
  read_sync();
  fields_.integer("drainRate", spool_.drain_rate, 0, kDrainRateMax);
  fields_.done();
}

void SpoolReader::warn_without_directory() {
  for (const std::string_view key : kDiskKeys) {
    if (fields_.get(key) == nullptr) continue;
    problems_.warning(fields_.where(key), in_quotes(key) + " has no effect without \"directory\"",
                      "write spool: {directory: /var/spool/fedwave}, or remove it");
  }
}

void SpoolReader::read_directory(const Environment& environment) {
  if (!fields_.text("directory", spool_.directory)) return;
  const Position where = fields_.where("directory");
  if (!expand_environment(spool_.directory, where, environment, problems_)) return;
  // An empty one is how a sink stays in memory where the file has a directory for all.
  if (spool_.directory.empty()) return;
  if (spool_.directory.front() == '/') {
    // One spelling for one place: it is compared with others, and with what is found there.
    spool_.directory = std::filesystem::path(spool_.directory).lexically_normal();
    if (spool_.directory.size() > 1 && spool_.directory.back() == '/') spool_.directory.pop_back();
    return;
  }
  problems_.error(where, "\"directory\" is not an absolute path: " + in_quotes(spool_.directory),
                  "write for example /var/spool/fedwave");
}

void SpoolReader::read_max_age() {
  std::int64_t max_age_ms = 0;
  if (!fields_.duration("maxAge", max_age_ms)) return;
  if (max_age_ms < kMaxAgeMinMs) {
    problems_.error(fields_.where("maxAge"), "\"maxAge\" is below 1m", "write for example 7d");
  } else {
    spool_.max_age_ms = max_age_ms;
  }
}

void SpoolReader::read_sync() {
  fields_.choice<SpoolSync>("sync", spool_.sync,
                            {{"block", SpoolSync::Block},
                             {"interval", SpoolSync::Interval},
                             {"never", SpoolSync::Never}});
  std::int64_t interval_ms = 0;
  if (!fields_.duration("syncInterval", interval_ms)) return;
  if (interval_ms < kSyncIntervalMinMs || interval_ms > kSyncIntervalMaxMs) {
    problems_.error(fields_.where("syncInterval"),
                    "\"syncInterval\" is out of range: " + base::format_duration_ms(interval_ms),
                    "write a duration from 10ms to 1h");
    return;
  }
  spool_.sync_interval_ms = interval_ms;
  if (spool_.sync != SpoolSync::Interval) {
    problems_.warning(fields_.where("syncInterval"),
                      "\"syncInterval\" has no effect with another \"sync\" than interval",
                      "write sync: interval, or remove it");
  }
}

}  // namespace fedwave::config
