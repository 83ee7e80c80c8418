// A disk in memory for tests of the spool. It outlives the "processes" that write on it, and does
// to them what disks do: it fails, fills up, ends the process in the middle of anything, and after
// a power failure it has of what was not synced whatever it likes. All choices come from the seed.
//
// A test makes one CrashingDisk, gives folder() to the store, and after crash_now() or a crash that
// was planned calls restart(). Handles from before only fail then. Safe from any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sinks/spool/folder.h"

namespace fedwave::support {

enum class Fault : std::uint8_t {
  NoSpace,   // what needs room fails; any part of an append may be there, but not all of it
  Io,        // everything that changes something fails; an append may even be there as a whole
  ReadOnly,  // likewise, and nothing at all is written
};

enum class Crash : std::uint8_t {
  Process,  // what was written is there
  Power,    // what was not synced is there, or not, or in part, or as zeros, or as other bytes
};

class CrashingDisk {
 public:
  explicit CrashingDisk(std::uint64_t seed = 1) : random_(seed) {}

  // The folder as one process sees it; the disk outlives it.
  std::unique_ptr<sinks::Folder> folder();

  // --- what goes wrong; an operation here is one that changes something -----------------------
  // The operation after `skip` further ones fails, and those after it, `count` of them.
  void plan_fault(std::uint64_t skip, std::uint64_t count, Fault fault) {
    const std::lock_guard lock(mutex_);
    fault_from_ = operations_ + skip;
    fault_end_ = count == kForever ? kForever : fault_from_ + count;
    fault_ = fault;
  }
  void end_faults() { plan_fault(0, 0, Fault::Io); }
  void fail_reads(bool fails) {
    const std::lock_guard lock(mutex_);
    reads_fail_ = fails;
  }
  // The process ends in the operation after `skip` further ones: before it, in it or after it.
  void plan_crash(std::uint64_t skip) {
    const std::lock_guard lock(mutex_);
    crash_at_ = operations_ + skip;
  }
  void unplan_crash() {
    const std::lock_guard lock(mutex_);
    crash_at_ = kForever;
  }
  void crash_now() {
    const std::lock_guard lock(mutex_);
    crashed_ = true;
  }
  // A file system with a journal: of names made and removed, the later ones are lost first.
  // Without, each is lost or kept by itself.
  void keep_names_in_order() {
    const std::lock_guard lock(mutex_);
    names_in_order_ = true;
  }
  // What the next process finds. Every plan is over, the lock is free.
  void restart(Crash crash) {
    const std::lock_guard lock(mutex_);
    if (crash == Crash::Power) lose_power();
    ++process_;
    crashed_ = false;
    locked_ = false;
    crash_at_ = kForever;
    fault_from_ = fault_end_ = 0;
    failed_position_write_ = false;
  }
  // Somebody deletes the folder.
  void remove_folder() {
    const std::lock_guard lock(mutex_);
    names_.clear();
    durable_names_.clear();
    names_history_ = {{}};
    made_ = false;
  }

  // --- what there is ---------------------------------------------------------------------------
  [[nodiscard]] bool crashed() const {
    const std::lock_guard lock(mutex_);
    return crashed_;
  }
  [[nodiscard]] std::uint64_t operations() const {
    const std::lock_guard lock(mutex_);
    return operations_;
  }
  [[nodiscard]] std::uint64_t faults_met() const {
    const std::lock_guard lock(mutex_);
    return faults_met_;
  }
  [[nodiscard]] bool failed_position_write() const {
    const std::lock_guard lock(mutex_);
    return failed_position_write_;
  }
  [[nodiscard]] std::vector<std::string> names() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    for (const auto& [name, file] : names_) all.push_back(name);
    return all;
  }
  [[nodiscard]] bool has(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return names_.contains(name);
  }
  // Of a file that is there; valid until something changes it.
  [[nodiscard]] std::string_view content(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    return names_.at(name)->bytes;
  }
  // As if somebody else had written it long ago.
  void put(const std::string& name, std::string bytes) {
    const std::lock_guard lock(mutex_);
    made_ = true;
    auto file = std::make_shared<Content>();
    file->bytes = std::move(bytes);
    file->durable_bytes = file->bytes.size();
    durable_names_[name] = names_[name] = std::move(file);
    names_history_ = {names_};
  }
  // In all there is of the byte. What had been overwritten is gone for good.
  void flip(const std::string& name, std::uint64_t offset, unsigned bit) {
    const std::lock_guard lock(mutex_);
    Content& file = *names_.at(name);
    char& byte = file.bytes.at(offset);
    byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << bit));
    file.overwritten.erase(offset / kSectorBytes * kSectorBytes);
  }
  // Bytes of the segments and the position, now and at most since the last reset.
  [[nodiscard]] std::uint64_t used() const {
    const std::lock_guard lock(mutex_);
    return used_locked();
  }
  [[nodiscard]] std::uint64_t used_max() const {
    const std::lock_guard lock(mutex_);
    return used_max_;
  }
  void reset_used_max() {
    const std::lock_guard lock(mutex_);
    used_max_ = used_locked();
  }

  static constexpr std::uint64_t kForever = std::numeric_limits<std::uint64_t>::max();

 private:
  friend class CrashingFile;
  friend class CrashingFolder;
  friend class CrashingLock;

  static constexpr std::size_t kSectorBytes = 512;
  static constexpr std::size_t kPageBytes = 4096;

  struct Content {
    std::string bytes;
    std::uint64_t durable_bytes = 0;                   // synced, and so there after anything
    std::map<std::uint64_t, std::string> overwritten;  // sectors below that, as they were synced
    std::string cut;                                   // by a truncate that is not synced
    // Bytes whose sync failed: later ones succeed without them.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> forsaken;
  };
  using Names = std::map<std::string, std::shared_ptr<Content>>;

  enum class Fate : std::uint8_t { Done, DoneThenCrash, Failed, Crashed };

  std::uint64_t pick(std::uint64_t bound) { return bound == 0 ? 0 : random_() % bound; }

  static base::Error io_error(std::string text) {
    return base::Error{base::ErrorCode::Io, std::move(text)};
  }
  base::Expected<void> alive(std::uint64_t process) const {
    if (crashed_ || process != process_) return io_error("the process is gone");
    return {};
  }
  // Counts one operation; with an error, how much of it is to be done is the caller's choice.
  Fate next_operation(bool needs_room) {
    const std::uint64_t number = operations_++;
    if (number >= crash_at_) {
      crashed_ = true;
      return pick(2) == 0 ? Fate::DoneThenCrash : Fate::Crashed;
    }
    if (number < fault_from_ || number >= fault_end_) return Fate::Done;
    if (fault_ == Fault::NoSpace && !needs_room) return Fate::Done;
    ++faults_met_;
    return Fate::Failed;
  }
  [[nodiscard]] base::Error fault_error(Fate fate) const {
    if (fate == Fate::Crashed) return io_error("the process is gone");
    if (fault_ == Fault::NoSpace) return io_error("No space left on device");
    return io_error(fault_ == Fault::ReadOnly ? "Read-only file system" : "Input/output error");
  }
  template <class Change>
  base::Expected<void> change(bool needs_room, const Change& make_change) {
    const Fate fate = next_operation(needs_room);
    if (fate != Fate::Done && fate != Fate::DoneThenCrash) return fault_error(fate);
    make_change();
    return {};
  }
  // How much of a write that fails is there.
  std::uint64_t part_of(std::uint64_t bytes, Fate fate) {
    if (fate == Fate::Failed && fault_ == Fault::ReadOnly) return 0;
    const bool may_be_whole = fate == Fate::Crashed || fault_ == Fault::Io;
    if (may_be_whole && pick(3) == 0) return bytes;
    return pick(bytes);
  }

  void write(Content& file, std::uint64_t offset, std::string_view bytes) {
    file.cut.clear();
    if (offset + bytes.size() > file.bytes.size()) file.bytes.resize(offset + bytes.size(), '\0');
    const std::uint64_t end = std::min<std::uint64_t>(offset + bytes.size(), file.durable_bytes);
    for (std::uint64_t at = offset; at < end; at = (at / kSectorBytes + 1) * kSectorBytes) {
      const std::uint64_t sector = at / kSectorBytes * kSectorBytes;
      file.overwritten.try_emplace(sector, file.bytes, sector, kSectorBytes);
    }
    file.bytes.replace(offset, bytes.size(), bytes);
    used_max_ = std::max(used_max_, used_locked());
  }
  void truncate(Content& file, std::uint64_t size) {
    if (size < file.bytes.size()) file.cut = file.bytes.substr(size) + file.cut;
    file.bytes.resize(size, '\0');
    file.durable_bytes = std::min(file.durable_bytes, size);
  }
  static void sync(Content& file) {
    file.durable_bytes = file.bytes.size();
    file.overwritten.clear();
    file.cut.clear();
  }
  void forsake(Content& file) {
    const std::uint64_t bytes = file.bytes.size() - file.durable_bytes;
    if (bytes > 0 && pick(2) == 0) file.forsaken.emplace_back(file.durable_bytes, bytes);
  }

  [[nodiscard]] std::uint64_t used_locked() const {
    std::uint64_t bytes = 0;
    for (const auto& [name, file] : names_) {
      if (name == "position" || name.ends_with(".blocks")) bytes += file->bytes.size();
    }
    return bytes;
  }

  // --- power failure ---------------------------------------------------------------------------
  void lose_power() {
    Names after = names_in_order_ ? names_history_.at(pick(names_history_.size())) : mixed_names();
    for (auto& [name, file] : after) {
      // What a block of the disk may hold from before: bytes of an older file.
      const auto older = names_.begin();
      const bool is_older = older != names_.end() && older->first < name;
      lose_power(*file, is_older ? std::string(older->second->bytes) : "");
    }
    names_ = durable_names_ = std::move(after);
    names_history_ = {names_};
  }
  Names mixed_names() {
    Names mixed;
    for (const auto& [name, file] : names_) {
      const auto durable = durable_names_.find(name);
      const bool is_durable = durable != durable_names_.end() && durable->second == file;
      if (is_durable || pick(2) == 0) mixed[name] = file;
    }
    for (const auto& [name, file] : durable_names_) {
      if (!mixed.contains(name) && (names_.contains(name) || pick(2) == 0)) mixed[name] = file;
    }
    return mixed;
  }
  void lose_power(Content& file, std::string_view older) {
    lose_overwritten(file);
    if (!file.cut.empty() && pick(2) == 0) file.bytes += file.cut;
    for (const auto& [offset, bytes] : file.forsaken) spoil(file, offset, bytes, older);
    lose_tail(file, older);
    file.forsaken.clear();
    sync(file);
  }
  // Page by page as they were, as they are, or a mixture.
  void lose_overwritten(Content& file) {
    std::map<std::uint64_t, std::uint64_t> page_choice;
    for (const auto& [at, old] : file.overwritten) {
      const std::uint64_t choice = page_choice.try_emplace(at / kPageBytes, pick(3)).first->second;
      const bool stays_new = choice == 0 || (choice == 1 && pick(2) == 0);
      if (stays_new || at >= file.bytes.size()) continue;
      file.bytes.replace(at, old.size(), old, 0, std::min(old.size(), file.bytes.size() - at));
    }
  }
  void lose_tail(Content& file, std::string_view older) {
    if (file.bytes.size() <= file.durable_bytes) return;
    const std::uint64_t fresh = file.bytes.size() - file.durable_bytes;
    const std::array<std::uint64_t, 4> kept{fresh, 0, pick(fresh + 1), pick(fresh + 1)};
    const std::uint64_t keep = file.durable_bytes + kept.at(pick(kept.size()));
    if (pick(2) == 0) {
      file.bytes.resize(keep);
    } else {
      spoil(file, keep, file.bytes.size() - keep, older);
    }
  }
  // Zeros, noise, bytes of another file, or some sectors that are right and some zeros.
  void spoil(Content& file, std::uint64_t offset, std::uint64_t bytes, std::string_view older) {
    const std::uint64_t end = std::min<std::uint64_t>(offset + bytes, file.bytes.size());
    const std::uint64_t how = pick(4);
    // Never a whole file that could pass for another.
    const bool has_older = !older.empty() && offset >= kSectorBytes;
    bool sector_is_right = false;
    for (std::uint64_t at = offset; at < end; ++at) {
      if (at == offset || at % kSectorBytes == 0) sector_is_right = pick(2) == 0;
      char& byte = file.bytes[at];
      if (how == 0) byte = '\0';
      if (how == 1) byte = static_cast<char>(random_());
      if (how == 2) byte = has_older ? older[(at - offset) % older.size()] : '\0';
      if (how == 3 && !sector_is_right) byte = '\0';
    }
  }

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  bool made_ = false;
  Names names_;
  Names durable_names_;                      // as of the last sync of the folder
  std::vector<Names> names_history_ = {{}};  // since then
  bool names_in_order_ = false;
  std::uint64_t process_ = 0;
  std::uint64_t operations_ = 0;
  std::uint64_t faults_met_ = 0;
  std::uint64_t fault_from_ = 0;
  std::uint64_t fault_end_ = 0;
  Fault fault_ = Fault::Io;
  std::uint64_t crash_at_ = kForever;
  std::uint64_t used_max_ = 0;
  bool crashed_ = false;
  bool reads_fail_ = false;
  bool locked_ = false;
  bool failed_position_write_ = false;  // the last one, that is
};

class CrashingFile final : public sinks::File {
 public:
  CrashingFile(CrashingDisk& disk, std::string name, std::shared_ptr<CrashingDisk::Content> file)
      : disk_(disk), process_(disk.process_), name_(std::move(name)), file_(std::move(file)) {}

  base::Expected<void> append(std::string_view first, std::string_view second) override {
    const std::lock_guard lock(disk_.mutex_);
    return write(file_->bytes.size(), std::string(first).append(second));
  }
  base::Expected<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    const std::lock_guard lock(disk_.mutex_);
    return write(offset, bytes);
  }
  base::Expected<std::string> read_at(std::uint64_t offset, std::size_t size) override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto alive = disk_.alive(process_); !alive) return alive.error();
    if (disk_.reads_fail_) return disk_.io_error("Input/output error");
    if (offset >= file_->bytes.size()) return std::string();
    return file_->bytes.substr(offset, size);
  }
  base::Expected<std::uint64_t> size() override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto alive = disk_.alive(process_); !alive) return alive.error();
    return std::uint64_t{file_->bytes.size()};
  }
  base::Expected<void> truncate(std::uint64_t size) override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto alive = disk_.alive(process_); !alive) return alive;
    return disk_.change(false, [&] { disk_.truncate(*file_, size); });
  }
  base::Expected<void> sync() override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto alive = disk_.alive(process_); !alive) return alive;
    const auto synced = disk_.change(false, [&] { CrashingDisk::sync(*file_); });
    if (!synced) disk_.forsake(*file_);
    return synced;
  }
  bool has_name() override {
    const std::lock_guard lock(disk_.mutex_);
    const auto found = disk_.names_.find(name_);
    return disk_.alive(process_) && found != disk_.names_.end() && found->second == file_;
  }

 private:
  base::Expected<void> write(std::uint64_t offset, std::string_view bytes) {
    if (name_ == "position") disk_.failed_position_write_ = true;
    if (auto alive = disk_.alive(process_); !alive) return alive;
    const auto fate = disk_.next_operation(true);
    const bool is_done =
        fate == CrashingDisk::Fate::Done || fate == CrashingDisk::Fate::DoneThenCrash;
    if (is_done && name_ == "position") disk_.failed_position_write_ = false;
    if (!is_done) bytes = bytes.substr(0, disk_.part_of(bytes.size(), fate));
    if (!bytes.empty()) disk_.write(*file_, offset, bytes);
    if (!is_done) return disk_.fault_error(fate);
    return {};
  }

  CrashingDisk& disk_;
  const std::uint64_t process_;
  const std::string name_;
  const std::shared_ptr<CrashingDisk::Content> file_;
};

class CrashingLock final : public sinks::FolderLock {
 public:
  explicit CrashingLock(CrashingDisk& disk) : disk_(disk), process_(disk.process_) {
    disk_.locked_ = true;
  }
  CrashingLock(const CrashingLock&) = delete;
  CrashingLock& operator=(const CrashingLock&) = delete;
  ~CrashingLock() override {
    const std::lock_guard lock(disk_.mutex_);
    if (process_ == disk_.process_) disk_.locked_ = false;
  }

 private:
  CrashingDisk& disk_;
  const std::uint64_t process_;
};

class CrashingFolder final : public sinks::Folder {
 public:
  explicit CrashingFolder(CrashingDisk& disk) : disk_(disk), process_(disk.process_) {}

  [[nodiscard]] const std::string& path() const override { return path_; }

  base::Expected<void> make() override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto alive = disk_.alive(process_); !alive || disk_.made_) return alive;
    return disk_.change(true, [&] { disk_.made_ = true; });
  }
  base::Expected<std::vector<std::string>> names() override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto usable = usable_folder(); !usable) return usable.error();
    std::vector<std::string> all;
    for (const auto& [name, file] : disk_.names_) all.push_back(name);
    return all;
  }
  base::Expected<std::unique_ptr<sinks::File>> open(const std::string& name,
                                                    sinks::OpenMode mode) override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto usable = usable_folder(); !usable) return usable.error();
    const bool is_there = disk_.names_.contains(name);
    if (is_there && mode == sinks::OpenMode::CreateNew) return disk_.io_error(name + " is there");
    if (!is_there && mode == sinks::OpenMode::Read) {
      return base::Error{base::ErrorCode::NotFound, name + " is not there"};
    }
    if (!is_there) {
      const auto made = disk_.change(true, [&] {
        disk_.names_[name] = std::make_shared<CrashingDisk::Content>();
        disk_.names_history_.push_back(disk_.names_);
      });
      if (!made) return made.error();
    }
    return std::unique_ptr<sinks::File>(
        std::make_unique<CrashingFile>(disk_, name, disk_.names_.at(name)));
  }
  base::Expected<void> remove(const std::string& name) override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto usable = usable_folder(); !usable) return usable;
    if (!disk_.names_.contains(name)) {
      return base::Error{base::ErrorCode::NotFound, name + " is not there"};
    }
    return disk_.change(false, [&] {
      disk_.names_.erase(name);
      disk_.names_history_.push_back(disk_.names_);
    });
  }
  base::Expected<void> sync() override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto usable = usable_folder(); !usable) return usable;
    return disk_.change(false, [&] {
      disk_.durable_names_ = disk_.names_;
      disk_.names_history_ = {disk_.names_};
    });
  }
  base::Expected<std::unique_ptr<sinks::FolderLock>> lock() override {
    const std::lock_guard lock(disk_.mutex_);
    if (auto usable = usable_folder(); !usable) return usable.error();
    if (disk_.locked_) return base::Error{base::ErrorCode::InUse, "another process has " + path_};
    return std::unique_ptr<sinks::FolderLock>(std::make_unique<CrashingLock>(disk_));
  }

 private:
  [[nodiscard]] base::Expected<void> usable_folder() const {
    if (auto alive = disk_.alive(process_); !alive) return alive;
    if (!disk_.made_) return base::Error{base::ErrorCode::NotFound, path_ + " is not there"};
    return {};
  }

  CrashingDisk& disk_;
  const std::uint64_t process_;
  const std::string path_ = "/spool/sink";
};

inline std::unique_ptr<sinks::Folder> CrashingDisk::folder() {
  const std::lock_guard lock(mutex_);
  return std::make_unique<CrashingFolder>(*this);
}

}  // namespace fedwave::support
