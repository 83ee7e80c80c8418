// The disk store against a plain model, over a disk that fails, ends the process anywhere, loses
// power and flips bits. Every history follows from its seed. FEDWAVE_MODEL_SEEDS says how many to
// run; FEDWAVE_MODEL_SEED runs one and tells each of its operations.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "sinks/spool/disk_store.h"
#include "tests/support/crashing_folder.h"
#include "tests/support/fakes.h"

using namespace fedwave;
using sinks::Block;
using sinks::DiskStore;
using sinks::SyncPolicy;
using support::Crash;
using support::CrashingDisk;
using support::Fault;

namespace {

constexpr std::uint64_t kSeedsUnlessTold = 3000;
constexpr std::int64_t kAgeMaxMs = 16 * 60'000;
constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{1} << 20;
constexpr std::uint64_t kPositionBytes = 2 * 4096;
constexpr std::uint64_t kKeptFreeMax = 128 * 1024;  // for the files that are no segments

template <class T>
T number_at(std::string_view bytes, std::size_t offset) {
  T number = 0;
  for (std::size_t i = sizeof(T); i > 0; --i) {
    number = static_cast<T>(number << 8 | static_cast<unsigned char>(bytes[offset + i - 1]));
  }
  return number;
}

bool same(const Block& a, const Block& b) {
  return a.bytes == b.bytes && a.gzip == b.gzip && a.format == b.format && a.points == b.points &&
         a.line_bytes == b.line_bytes && a.created_ms == b.created_ms;
}

// What a history is like as a whole.
struct Character {
  SyncPolicy sync = SyncPolicy::Interval;
  std::uint64_t bytes_max = 0;
  std::size_t body_bytes_max = 0;
  int operations = 0;
  bool flips = false;
  bool faults = false;
  bool crashes = false;
  bool power = false;  // some of the crashes are power failures
};

class History {
 public:
  History(std::uint64_t seed, bool is_told)
      : seed_(seed), is_told_(is_told), random_(seed), disk_(seed + 1), is_(character()) {
    // Without any sync a file that comes back could have the numbers of a newer one.
    if (is_.sync == SyncPolicy::Never) disk_.keep_names_in_order();
    while (pool_.size() < is_.body_bytes_max) {
      const std::uint64_t number = random_();
      pool_.append(reinterpret_cast<const char*>(&number), sizeof number);
    }
  }

  void run() {
    open_again(false);
    for (int i = 0; i < is_.operations; ++i) {
      plan_trouble();
      step();
      if (disk_.crashed()) {
        restart_after_crash();
      } else {
        check_figures();
      }
    }
    end_well();
    drain();
  }

 private:
  enum class State : std::uint8_t {
    Waiting,
    HeldDropped,  // its segment is gone, but it is in hand
    Settled,
  };
  struct Entry {
    std::shared_ptr<const Block> block;
    State state = State::Waiting;
    bool durable = false;       // has to survive a power failure
    bool may_return = false;    // its settlement is perhaps not in the file
    bool has_returned = false;  // so that it is settled in some older position
    bool header_good = true;
    bool body_good = true;
    bool was_damaged = false;  // at the last start already
    std::string segment;
    std::uint64_t offset = 0;
    std::string header;  // its 64 bytes
  };
  using Entries = std::map<std::uint64_t, Entry>;

  std::uint64_t pick(std::uint64_t bound) { return bound == 0 ? 0 : random_() % bound; }
  bool chance(std::uint64_t percent) { return pick(100) < percent; }

  Character character() {
    Character is;
    is.sync = std::array{SyncPolicy::EveryBlock, SyncPolicy::Interval, SyncPolicy::Never}[pick(3)];
    const bool is_large = pick(50) == 0;
    is.bytes_max = is_large ? std::uint64_t{2} << 20 : std::uint64_t{16} << 20;
    is.body_bytes_max = is_large ? 400'000 : 600;
    is.operations = is_large ? 300 : 120;
    is.flips = chance(40);
    is.faults = chance(60);
    is.crashes = chance(80);
    is.power = chance(70);
    return is;
  }

  void expect(bool holds, const char* what) {
    if (holds) return;
    FAIL("seed " << seed_ << ", operation " << operation_ << ": " << std::string(what)
                 << " (FEDWAVE_MODEL_SEED=" << seed_ << " tells the whole history)");
  }
  template <class... Parts>
  void tell(const Parts&... parts) {
    if (!is_told_) return;
    std::fprintf(stderr, "%4d", operation_);
    ((std::fprintf(stderr, " %s", text_of(parts).c_str())), ...);
    std::fprintf(stderr, "\n");
  }
  static std::string text_of(const char* text) { return text; }
  static std::string text_of(const std::string& text) { return text; }
  static std::string text_of(std::uint64_t number) { return std::to_string(number); }

  // --- operations ------------------------------------------------------------------------------

  void plan_trouble() {
    if (is_.faults && chance(4)) {
      const Fault fault = std::array{Fault::NoSpace, Fault::Io, Fault::ReadOnly}[pick(3)];
      const std::uint64_t skip = pick(4);
      const std::uint64_t count = 1 + pick(pick(2) == 0 ? 1 : 12);
      tell("fault", std::uint64_t{static_cast<std::uint8_t>(fault)}, "after", skip, "count", count);
      disk_.plan_fault(skip, count, fault);
    }
    if (is_.crashes && chance(4)) {
      const std::uint64_t skip = pick(6);
      tell("crash after", skip);
      disk_.plan_crash(skip);
    }
  }

  void step() {
    ++operation_;
    const std::uint64_t what = pick(100);
    if (what < 42) {
      append();
    } else if (what < 60) {
      take_oldest();
    } else if (what < 70) {
      take_any();
    } else if (what < 76) {
      hold();
    } else if (what < 79) {
      drop_old();
    } else if (what < 88) {
      clock_.now_ms += static_cast<std::int64_t>(pick(120'000));
    } else if (what < 95) {
      sync();
    } else if (what < 97) {
      settle_again();
    } else if (what < 98 && is_.crashes) {
      disk_.crash_now();
    } else {
      end_well();
    }
  }

  std::shared_ptr<const Block> make_block() {
    // Mostly small ones, now and then one near the largest.
    const std::size_t bound = chance(70) ? is_.body_bytes_max / 4 : is_.body_bytes_max;
    Block block{.gzip = chance(50),
                .format = chance(20) ? sinks::PointFormat::Histogram : sinks::PointFormat::Metric,
                .points = 1 + static_cast<std::uint32_t>(pick(2000)),
                .line_bytes = pick(std::size_t{1} << 20),
                .created_ms = clock_.now_ms};
    block.bytes = "block " + std::to_string(++blocks_made_) + "\n";
    const std::size_t bytes = pick(bound);
    block.bytes.append(pool_, pick(pool_.size() - bytes + 1), bytes);
    if (chance(5)) block.bytes += foreign_record();
    return std::make_shared<const Block>(std::move(block));
  }
  // What looks like a block of a spool, with its right checksums, within a block. (With a number
  // that is near it would be taken for one where all headers before it are lost, the segment's
  // included.)
  std::string foreign_record() {
    const std::string body = "invented";
    const sinks::RecordHeader header{.points = 7,
                                     .body_bytes = static_cast<std::uint32_t>(body.size()),
                                     .sequence = std::uint64_t{1} << 40,
                                     .points_before = std::uint64_t{1} << 40,
                                     .body_checksum = sinks::body_checksum(1, body)};
    return "FWB1" + sinks::encode(header, 1) + body;
  }

  void append() {
    auto block = make_block();
    const std::uint64_t faults = disk_.faults_met();
    const auto appended = store_->append(block);
    const bool is_undisturbed = disk_.faults_met() == faults && !disk_.crashed();
    note_drops(false, 0, appended ? 0 : 64 + block->bytes.size());
    if (!appended) {
      tell("append failed:", appended.error().message);
      expect(!is_undisturbed, "an append fails although nothing is wrong with the disk");
      expect(appended.error().code == base::ErrorCode::Io, "a failed append is not an Io error");
      doubtful_.push_back(std::move(block));
      has_failed_appends_ = true;
      return;
    }
    tell("append", *appended, "points", std::uint64_t{block->points}, "bytes",
         std::uint64_t{block->bytes.size()});
    expect(*appended > last_sequence_, "a sequence number that does not go up");
    last_sequence_ = *appended;
    Entry entry{.block = std::move(block)};
    find_on_disk(*appended, entry);
    entries_.emplace(*appended, std::move(entry));
    add(*appended);
    unsynced_.push_back(*appended);
    if (is_.sync == SyncPolicy::EveryBlock && chance(85)) sync();
    if (is_undisturbed && !has_leftovers_) {
      expect(disk_.used() <= is_.bytes_max, "the folder is larger than it may be");
    }
  }

  // A block that was appended is at the end of the newest segment, byte by byte.
  void find_on_disk(std::uint64_t sequence, Entry& entry) {
    for (const auto& name : disk_.names()) {
      if (name.ends_with(".blocks")) entry.segment = name;
    }
    const std::string_view file = disk_.content(entry.segment);
    const std::string& body = entry.block->bytes;
    expect(file.size() >= 128 + body.size(), "the newest segment has no room for the block");
    entry.offset = file.size() - body.size() - 64;
    entry.header = file.substr(entry.offset, 64);
    expect(entry.header.starts_with("FWB1"), "the newest segment does not end with a record");
    expect(file.substr(entry.offset + 64) == body,
           "the newest segment does not end with the block");
    expect(number_at<std::uint32_t>(entry.header, 8) == entry.block->points, "points in the file");
    expect(number_at<std::uint64_t>(entry.header, 16) == sequence, "the number in the file");
    ends_[entry.segment] = file.size();
  }

  void take_oldest() {
    std::uint64_t damaged = 0;
    std::uint64_t expected = 0;
    std::vector<std::uint64_t> lost;
    for (const std::uint64_t sequence : waiting_) {
      const Entry& entry = entries_.at(sequence);
      if (sequence == held_) continue;
      if (entry.body_good) {
        expected = sequence;
        break;
      }
      damaged += entry.block->points;
      lost.push_back(sequence);
    }
    const auto oldest = store_->oldest();
    const auto dropped = store_->take_dropped();
    for (const std::uint64_t sequence : lost) remove(sequence);
    if (disk_.crashed()) return;
    tell("oldest", oldest ? oldest->sequence : 0, "damaged", dropped.damaged);
    expect(dropped.damaged == damaged, "damaged points are not counted exactly");
    expect(dropped.for_room + dropped.for_age == 0, "reading drops blocks");
    expect(oldest.has_value() == (expected != 0), "there is an oldest block or there is none");
    if (!oldest) return;
    expect(oldest->sequence == expected, "the oldest block is another one");
    expect(same(*oldest->block, *entries_.at(expected).block), "the oldest block is not as it was");
    if (chance(80)) settle(expected);
  }

  void take_any() {
    const auto at = waiting_.lower_bound(1 + pick(last_sequence_ + 1));
    if (at == waiting_.end()) return;
    const std::uint64_t sequence = *at;
    const Entry& entry = entries_.at(sequence);
    const auto block = store_->read(sequence);
    const auto dropped = store_->take_dropped();
    tell("read", sequence, block ? "" : "in vain");
    if (!entry.body_good) {
      expect(block == nullptr, "a damaged block is given out");
      expect(dropped.damaged == entry.block->points, "damaged points are not counted exactly");
      remove(sequence);
      return;
    }
    expect(block != nullptr, "a block that waits cannot be read");
    expect(store_->waits(sequence), "a block that can be read does not wait");
    expect(same(*block, *entry.block), "a block is not as it was");
    if (chance(60)) settle(sequence);
  }

  void settle(std::uint64_t sequence) {
    tell("settle", sequence);
    store_->settle(sequence);
    remove(sequence);
  }

  // What is settled, or never was, cannot be settled again.
  void settle_again() {
    const std::uint64_t sequence = pick(last_sequence_ + 10);
    const auto found = entries_.find(sequence);
    if (found != entries_.end() && found->second.state != State::Settled) return;
    store_->settle(sequence);
    expect(store_->read(sequence) == nullptr, "a settled block can be read");
    expect(!store_->waits(sequence), "a settled block waits");
  }

  void hold() {
    std::optional<std::uint64_t> next;
    const auto at = waiting_.lower_bound(1 + pick(last_sequence_ + 1));
    if (chance(70) && at != waiting_.end() && entries_.at(*at).body_good) next = *at;
    if (held_ && chance(20)) next = held_;
    tell("hold", next.value_or(0));
    store_->hold(next);
    const auto dropped = store_->take_dropped();
    std::uint64_t points = 0;
    if (held_ && held_ != next && entries_.at(*held_).state == State::HeldDropped) {
      points = entries_.at(*held_).block->points;
      remove(*held_);
    }
    const std::uint64_t by_age = held_drop_was_age_ ? points : 0;
    expect(dropped.for_room == points - by_age,
           "points dropped for room, of a block that was held");
    expect(dropped.for_age == by_age, "points dropped for age, of a block that was held");
    held_ = next;
  }

  void drop_old() {
    const std::int64_t before_ms =
        clock_.now_ms - kAgeMaxMs / static_cast<std::int64_t>(1 + pick(8));
    tell("drop older than", static_cast<std::uint64_t>(clock_.now_ms - before_ms));
    store_->drop_older_than(before_ms);
    note_drops(true, before_ms);
    if (disk_.crashed()) return;
    for (const std::uint64_t sequence : waiting_) {
      expect(entries_.at(sequence).block->created_ms >= before_ms - kAgeMaxMs / 16,
             "a block stays although its whole segment is too old");
    }
  }

  // The blocks that the store says it has dropped are the oldest, and no others. `unused_bytes` is
  // room that was made in vain.
  void note_drops(bool for_age, std::int64_t before_ms, std::uint64_t unused_bytes = 0) {
    const auto dropped = store_->take_dropped();
    expect(dropped.damaged == 0, "damaged points where nothing is read");
    expect((for_age ? dropped.for_room : dropped.for_age) == 0, "dropped for the wrong reason");
    std::uint64_t points = dropped.for_room + dropped.for_age;
    const bool any = points > 0;
    if (any) tell("dropped", points);
    for (auto at = waiting_.begin(); points > 0 && at != waiting_.end();) {
      const std::uint64_t sequence = *at++;
      if (sequence == held_) continue;
      const Entry& entry = entries_.at(sequence);
      expect(entry.block->points <= points, "dropped points that are no sum of the oldest blocks");
      expect(!for_age || entry.block->created_ms < before_ms, "a block is dropped before its age");
      points -= entry.block->points;
      remove(sequence);
    }
    expect(points == 0, "more points dropped than there were");
    if (any && !for_age && !disk_.crashed()) {
      expect(disk_.used() + unused_bytes + kKeptFreeMax + kSegmentBytesMax + 256 >= is_.bytes_max,
             "blocks are dropped although there is room");
    }
    if (!held_ || entries_.at(*held_).state != State::Waiting || store_->waits(*held_)) return;
    tell("dropped while held", *held_);
    entries_.at(*held_).state = State::HeldDropped;
    waiting_.erase(*held_);
    unsure_.push_back(*held_);
    held_drop_was_age_ = for_age;
  }

  void sync() {
    bool all = true;
    for (const auto& file : store_->to_sync()) all = file->sync().has_value() && all;
    tell("sync", all ? "" : "failed");
    for (const std::uint64_t sequence : unsynced_) {
      const auto found = entries_.find(sequence);
      if (all && found != entries_.end() && is_.sync != SyncPolicy::Never) {
        found->second.durable = true;
      }
    }
    unsynced_.clear();
  }

  // --- the model -------------------------------------------------------------------------------

  void add(std::uint64_t sequence) {
    const Entry& entry = entries_.at(sequence);
    waiting_.insert(sequence);
    points_ += entry.block->points;
    ++blocks_;
  }
  // Settled, dropped or lost: it is not to come again.
  void remove(std::uint64_t sequence) {
    Entry& entry = entries_.at(sequence);
    entry.state = State::Settled;
    waiting_.erase(sequence);
    points_ -= entry.block->points;
    --blocks_;
    if (held_ == sequence) held_.reset();
    unsure_.push_back(sequence);
  }

  void check_figures() {
    // A position that was written holds everything up to then.
    if (!disk_.failed_position_write()) unsure_.clear();
    const auto waiting = store_->waiting();
    if (waiting.points != points_) tell_difference();
    expect(waiting.points == points_, "the points that wait are not the model's");
    expect(waiting.blocks == blocks_, "the blocks that wait are not the model's");
    const std::int64_t oldest_ms =
        waiting_.empty() ? 0 : entries_.at(*waiting_.begin()).block->created_ms;
    expect(waiting.oldest_created_ms == oldest_ms, "the oldest block's time is not the model's");
    if (disk_.faults_met() != faults_seen_) has_leftovers_ = true;
    faults_seen_ = disk_.faults_met();
    if (has_leftovers_) return;
    expect(disk_.used_max() <= std::max(is_.bytes_max, used_at_open_), "the folder was too large");
    expect(waiting.bytes <= disk_.used() && waiting.bytes + kPositionBytes >= disk_.used(),
           "the bytes it says it takes are not those of its files");
  }

  void tell_difference() {
    for (std::uint64_t sequence = 1; sequence < last_sequence_ + 100; ++sequence) {
      const bool waits = waiting_.contains(sequence);
      if (waits == store_->waits(sequence)) continue;
      tell("difference: block", sequence, waits ? "waits" : "does not wait", "in the model");
    }
  }

  // --- ends and beginnings ---------------------------------------------------------------------

  void end_well() {
    tell("a good end");
    disk_.end_faults();
    disk_.unplan_crash();
    store_.reset();
    reopen(Crash::Process);
  }

  void restart_after_crash() {
    const Crash crash = is_.power && chance(50) ? Crash::Power : Crash::Process;
    tell("CRASH", crash == Crash::Power ? "power" : "process");
    store_.reset();
    const bool position_failed = disk_.failed_position_write();
    if (!position_failed) unsure_.clear();
    disk_.restart(crash);
    reopen(crash);
  }

  void reopen(Crash crash) {
    for (const std::uint64_t sequence : unsure_) {
      const auto found = entries_.find(sequence);
      if (found != entries_.end()) found->second.may_return = true;
    }
    unsure_.clear();
    held_.reset();
    unsynced_.clear();
    look_at_disk();
    check_nothing_lost(crash);
    const bool position_hit = is_.flips && chance(40) && flip();
    look_at_disk();
    note_damage();
    open_again(crash == Crash::Power || position_hit);
  }

  // Which records are whole, told from the bytes that they had.
  void look_at(Entry& entry) const {
    const std::string_view file =
        disk_.has(entry.segment) ? disk_.content(entry.segment) : std::string_view();
    const std::string& body = entry.block->bytes;
    const bool is_within = entry.offset + 64 + body.size() <= file.size();
    entry.header_good = is_within && file.substr(entry.offset, 64) == entry.header;
    entry.body_good = entry.header_good && file.substr(entry.offset + 64, body.size()) == body;
  }
  void look_at_disk() {
    for (auto& [sequence, entry] : entries_) look_at(entry);
  }
  // Blocks of files whose removal did not last; the number may be another block's by now.
  void bring_back_gone() {
    auto gone = std::move(gone_);
    gone_.clear();
    for (auto& [sequence, entry] : gone) {
      look_at(entry);
      const auto present = entries_.find(sequence);
      const bool is_free = present == entries_.end() || !present->second.header_good;
      if (!is_free || !entry.header_good) {
        gone_.emplace(sequence, std::move(entry));
      } else {
        if (present != entries_.end()) gone_.emplace(sequence, std::move(present->second));
        entries_[sequence] = std::move(entry);
      }
    }
  }

  void note_damage() {
    for (auto& [sequence, entry] : entries_) entry.was_damaged = !entry.body_good;
  }

  void check_nothing_lost(Crash crash) {
    for (const auto& [sequence, entry] : entries_) {
      if (entry.state != State::Waiting || entry.was_damaged) continue;
      if (crash == Crash::Power && !entry.durable) continue;
      if (entry.header_good && entry.body_good) continue;
      tell("LOST", sequence, entry.segment, disk_.has(entry.segment) ? "" : "(no file)");
      expect(false, "a block that has to be on the disk is not there");
    }
    bring_back_gone();
    note_damage();
  }

  // True when the position was hit.
  bool flip() {
    const auto names = disk_.names();
    if (names.empty()) return false;
    bool position_hit = false;
    for (std::uint64_t flips = 1 + pick(3); flips > 0; --flips) {
      const std::string& name = names[pick(names.size())];
      const std::uint64_t bytes = disk_.content(name).size();
      const bool may_flip = name == "position" || name.ends_with(".blocks");
      if (!may_flip || bytes == 0) continue;
      std::uint64_t offset = pick(bytes);
      if (name != "position" && chance(20)) offset = pick(std::min<std::uint64_t>(bytes, 64));
      if (name != "position" && chance(50)) offset = header_of_any(name).value_or(offset);
      tell("flip", name, offset);
      disk_.flip(name, offset, static_cast<unsigned>(pick(8)));
      position_hit = position_hit || name == "position";
    }
    return position_hit;
  }
  std::optional<std::uint64_t> header_of_any(const std::string& segment) {
    for (const auto& [sequence, entry] : entries_) {
      if (entry.segment == segment && entry.header_good && chance(30))
        return entry.offset + pick(64);
    }
    return std::nullopt;
  }

  void open_again(bool all_may_return) {
    if (is_.crashes && chance(20)) disk_.plan_crash(pick(8));
    bool is_first = true;
    for (;; is_first = false) {
      folder_ = disk_.folder();
      auto opened = DiskStore::open(
          *folder_,
          {.sink = "model", .bytes_max = is_.bytes_max, .age_max_ms = kAgeMaxMs, .sync = is_.sync},
          clock_);
      if (opened && !disk_.crashed()) {
        store_ = *std::move(opened);
        break;
      }
      expect(disk_.crashed(), "the store does not open");
      const Crash crash = is_.power && chance(50) ? Crash::Power : Crash::Process;
      tell("CRASH while it opens", crash == Crash::Power ? "power" : "process");
      all_may_return = all_may_return || crash == Crash::Power;
      if (opened) opened = base::Error{base::ErrorCode::Io, ""};  // the process is gone
      disk_.restart(crash);
      look_at_disk();
      check_nothing_lost(crash);
    }
    disk_.unplan_crash();
    check_recovery(all_may_return, is_first);
  }

  void check_recovery(bool all_may_return, bool is_first) {
    const auto at_open = store_->waiting();
    const auto& recovery = store_->recovery();
    tell("open: points", recovery.points, "blocks", recovery.blocks, "damaged",
         recovery.damaged_points);
    expect(recovery.points == at_open.points, "the recovery does not tell the points that wait");
    expect(recovery.blocks == at_open.blocks, "the recovery does not tell the blocks that wait");
    expect(all_may_return || !recovery.position_lost || entries_.empty(), "the position is lost");
    check_damage(recovery, all_may_return, is_first);
    waiting_.clear();
    points_ = blocks_ = 0;
    for (auto at = entries_.begin(); at != entries_.end();) {
      Entry& entry = at->second;
      if (entry.header_good) {
        settle_or_wait(at->first, entry, all_may_return);
        ++at;
      } else {
        entry.state = State::Settled;
        if (!disk_.has(entry.segment)) gone_.insert(*at);
        at = entries_.erase(at);
      }
    }
    adopt_doubtful();
    last_sequence_ = entries_.empty() ? 0 : entries_.rbegin()->first;
    used_at_open_ = disk_.used();
    disk_.reset_used_max();
    has_leftovers_ = false;
    has_failed_appends_ = false;
    faults_seen_ = disk_.faults_met();
    check_figures();
  }

  // Whether a block that can be read waits; of one whose settlement may be lost, as the store says.
  void settle_or_wait(std::uint64_t sequence, Entry& entry, bool all_may_return) {
    bool waits = entry.state == State::Waiting;
    if ((!waits || entry.has_returned) && (all_may_return || entry.may_return)) {
      const auto block = store_->read(sequence);
      waits = block != nullptr;
      if (waits) tell("returns", sequence);
      entry.has_returned = true;
      expect(!block || (entry.body_good && same(*block, *entry.block)), "a block returns changed");
      const std::uint64_t damaged = store_->take_dropped().damaged;
      expect(damaged == 0 || (!entry.body_good && damaged == entry.block->points),
             "damaged points where there are none");
    }
    entry.state = waits ? State::Waiting : State::Settled;
    entry.may_return = false;
    if (waits) add(sequence);
  }

  // Points are damaged where a header is gone that was there, and a later one tells. Where there
  // was damage before, both are told as one; and a position that is lost makes old damage new. A
  // start that was cut short may have settled it already.
  void check_damage(const sinks::Recovery& recovery, bool all_may_return, bool is_first) {
    std::uint64_t may = 0;
    std::uint64_t must = 0;
    std::set<std::string> hit;
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
      const Entry& entry = at->second;
      if (entry.header_good) continue;
      hit.insert(entry.segment);
      damaged_[entry.segment] += entry.block->points;
      if (is_first && entry.state == State::Waiting && is_told(at)) must += entry.block->points;
    }
    // The running count goes wrong by blocks that came to the disk although their append failed.
    for (const auto& block : doubtful_) may += hit.empty() ? 0 : block->points;
    for (const auto& [segment, points] : damaged_) {
      if (all_may_return || has_failed_appends_ || hit.contains(segment)) may += points;
    }
    expect(recovery.damaged_points <= may, "more points are said to be damaged than are");
    expect(recovery.damaged_points >= must, "fewer points are said to be damaged than are");
  }
  // By a good header later in its segment; the segment's own has to be good too, or one before.
  bool is_told(Entries::const_iterator lost) const {
    const std::string& segment = lost->second.segment;
    if (!disk_.has(segment)) return false;
    bool before = sinks::decode_segment_header(disk_.content(segment)).has_value();
    bool after = false;
    for (const auto& [sequence, entry] : entries_) {
      if (entry.segment != segment || !entry.header_good) continue;
      before = before || sequence < lost->first;
      after = after || sequence > lost->first;
    }
    return before && after;
  }

  // An append that failed may have come to the disk as a whole: the first or the last of its
  // segment.
  void adopt_doubtful() {
    auto names = disk_.names();
    std::reverse(names.begin(), names.end());  // of one number the newest block counts
    for (const auto& name : names) {
      if (!name.ends_with(".blocks")) continue;
      adopt_doubtful(name, 64);
      if (const auto end = ends_.find(name); end != ends_.end()) adopt_doubtful(name, end->second);
    }
  }
  void adopt_doubtful(const std::string& name, std::uint64_t end) {
    if (!disk_.has(name)) return;  // nothing in it waited
    const std::string_view file = disk_.content(name);
    if (file.size() < end + 64) return;
    const auto salt = sinks::salt_of_record_header(file.substr(end));
    if (!salt) return;
    const auto header = sinks::decode_record_header(file.substr(end), *salt);
    if (entries_.contains(header->sequence) || end + 64 + header->body_bytes > file.size()) return;
    const auto found = std::find_if(doubtful_.begin(), doubtful_.end(), [&](const auto& block) {
      return block->points == header->points &&
             sinks::body_checksum(*salt, block->bytes) == header->body_checksum;
    });
    if (found == doubtful_.end()) return;  // of an older file
    Entry entry{.block = *found, .state = State::Settled, .may_return = true};
    entry.segment = name;
    entry.offset = end;
    entry.header = file.substr(end, 64);
    entry.body_good = file.substr(end + 64, header->body_bytes) == entry.block->bytes;
    tell("doubtful", header->sequence);
    const auto at = entries_.emplace(header->sequence, std::move(entry)).first;
    settle_or_wait(at->first, at->second, true);
    if (at->second.state != State::Waiting) entries_.erase(at);
  }

  // At the end everything that waits comes out, in order.
  void drain() {
    while (!waiting_.empty()) {
      const std::size_t before = waiting_.size();
      take_oldest();
      check_figures();
      if (waiting_.size() == before) settle(*waiting_.begin());
    }
    expect(!store_->oldest(), "a block that the model does not know");
    check_figures();
  }

  const std::uint64_t seed_;
  const bool is_told_;
  std::mt19937_64 random_;
  CrashingDisk disk_;
  const Character is_;
  support::FakeClock clock_;
  std::string pool_;
  std::unique_ptr<sinks::Folder> folder_;  // as the present process has it
  std::unique_ptr<DiskStore> store_;

  Entries entries_;                           // all that may be on the disk
  std::multimap<std::uint64_t, Entry> gone_;  // in files that are removed, but not for certain yet
  std::vector<std::shared_ptr<const Block>> doubtful_;  // whose append failed
  std::set<std::uint64_t> waiting_;                     // without one that is dropped in hand
  std::vector<std::uint64_t> unsure_;    // settled since the position was last written
  std::vector<std::uint64_t> unsynced_;  // appended since the last sync
  std::uint64_t points_ = 0;
  std::uint64_t blocks_ = 0;
  std::optional<std::uint64_t> held_;
  bool held_drop_was_age_ = false;
  std::uint64_t last_sequence_ = 0;
  std::uint64_t blocks_made_ = 0;
  std::map<std::string, std::uint64_t> ends_;  // of the last block that was appended to a segment
  std::map<std::string, std::uint64_t> damaged_;  // points whose headers are gone, by segment
  std::uint64_t used_at_open_ = 0;
  std::uint64_t faults_seen_ = 0;
  bool has_leftovers_ = false;       // a fault may have kept files that should be gone
  bool has_failed_appends_ = false;  // since the store was opened
  int operation_ = 0;
};

}  // namespace

TEST_CASE("whatever befalls the disk, the store loses and invents nothing that it could know") {
  if (const char* seed = std::getenv("FEDWAVE_MODEL_SEED")) {
    History(std::strtoull(seed, nullptr, 10), true).run();
    return;
  }
  const char* told = std::getenv("FEDWAVE_MODEL_SEEDS");
  const std::uint64_t seeds = told ? std::strtoull(told, nullptr, 10) : kSeedsUnlessTold;
  REQUIRE(seeds > 0);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) History(seed, false).run();
}
