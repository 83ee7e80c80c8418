#include "relay/commands/spool.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <tuple>
#include <utility>
#include <vector>

#include "relay/base/text.h"
#include "relay/commands/exit_code.h"
#include "relay/commands/progress_line.h"
#include "relay/commands/readable.h"
#include "relay/commands/terminal.h"
#include "relay/commands/text_table.h"
#include "relay/json.h"

namespace fedwave::relay {
namespace {

using sinks::BlockView;
using sinks::SegmentView;
using sinks::SpoolDamage;
using sinks::SpoolView;
using Align = TextTable::Align;

// What is lost in several places.
struct Loss {
  std::uint64_t places = 0;
  std::uint64_t points = 0;
  bool is_more = false;  // somewhere nobody can know

  void add(const SpoolDamage& damage) {
    if (damage.is_unfinished) return;
    ++places;
    points += damage.points.value_or(0);
    is_more = is_more || !damage.points;
  }
  [[nodiscard]] std::string points_text() const {
    if (!is_more) return counted(points, "point");
    return points == 0 ? "an unknown number of points" : counted(points, "point") + " and more";
  }
};

Loss loss_of(const SpoolView& spool) {
  Loss loss;
  for (const SpoolDamage& damage : spool.damage) loss.add(damage);
  return loss;
}

std::string place_text(const SpoolDamage& damage) {
  return base::printable(damage.file + ", byte " + std::to_string(damage.offset) + ": " +
                         damage.what + " (" + counted(damage.bytes, "byte") + ")");
}

// ---- ls
// ------------------------------------------------------------------------------------------

std::string when_text(std::int64_t wall_ms, std::int64_t now_ms) {
  if (wall_ms == 0) return "-";
  return base::utc_text(wall_ms) + " (" + age_text(std::max<std::int64_t>(now_ms - wall_ms, 0)) +
         " ago)";
}

std::string damage_text(const Loss& loss) {
  return loss.places == 0 ? "-" : counted(loss.places, "place") + ", " + loss.points_text();
}

void print_spools(const std::vector<SpoolView>& spools, std::int64_t now_ms, std::ostream& out) {
  TextTable table({{"SINK"},
                   {"STATE"},
                   {"BLOCKS", Align::Right},
                   {"POINTS", Align::Right},
                   {"ON DISK", Align::Right},
                   {"OLDEST"},
                   {"NEWEST"},
                   {"SETTLED BELOW", Align::Right},
                   {"DAMAGED"}});
  for (const SpoolView& spool : spools) {
    table.add({base::printable(spool.sink),
               spool.user.empty() ? "free" : "in use by " + base::printable(spool.user),
               std::to_string(spool.blocks_waiting), std::to_string(spool.points_waiting),
               bytes_text(spool.bytes), when_text(spool.oldest_ms, now_ms),
               when_text(spool.newest_ms, now_ms), std::to_string(spool.settled_below),
               damage_text(loss_of(spool))});
  }
  table.print(out);
}

void print_segments(const std::vector<SpoolView>& spools, std::ostream& out) {
  TextTable table({{"SINK"},
                   {"SEGMENT"},
                   {"BEGUN"},
                   {"ON DISK", Align::Right},
                   {"BLOCKS", Align::Right},
                   {"WAITING", Align::Right},
                   {"POINTS WAITING", Align::Right}});
  for (const SpoolView& spool : spools) {
    for (const SegmentView& segment : spool.segments) {
      const std::int64_t begun_ms = segment.scan.header.created_ms;
      table.add({base::printable(spool.sink), segment.name,
                 begun_ms == 0 ? "-" : base::utc_text(begun_ms), bytes_text(segment.scan.bytes),
                 std::to_string(segment.blocks), std::to_string(segment.blocks_waiting),
                 std::to_string(segment.points_waiting)});
    }
  }
  out << '\n';
  table.print(out);
}

// What a table has no room for.
void print_notes(const SpoolView& spool, std::ostream& out) {
  const std::string sink = base::printable(spool.sink) + ": ";
  if (spool.quarantined_lines > 0) {
    out << sink << counted(spool.quarantined_lines, "quarantined line") << " in";
    for (const std::string& file : spool.quarantine_files) out << ' ' << base::printable(file);
    out << '\n';
  }
  if (spool.position_lost) {
    out << sink
        << "the position is lost: all that is there counts as waiting and is delivered again\n";
  }
  for (const SpoolDamage& damage : spool.damage) out << sink << place_text(damage) << '\n';
}

// Null for none.
void add_time_json(JsonWriter& json, const char* key, std::int64_t wall_ms) {
  json.Key(key);
  wall_ms == 0 ? json.Null() : json.Int64(wall_ms);
}

void add_segments_json(JsonWriter& json, const SpoolView& spool) {
  json.Key("segments");
  json.StartArray();
  for (const SegmentView& segment : spool.segments) {
    json.StartObject();
    add(json, "file", segment.name);
    add_time_json(json, "begun_ms", segment.scan.header.created_ms);
    add(json, "bytes", segment.scan.bytes);
    add(json, "blocks", segment.blocks);
    add(json, "blocks_waiting", segment.blocks_waiting);
    add(json, "points_waiting", segment.points_waiting);
    json.EndObject();
  }
  json.EndArray();
}

std::string spool_json(const SpoolView& spool, bool segments) {
  const Loss loss = loss_of(spool);
  rapidjson::StringBuffer buffer;
  JsonWriter json(buffer);
  json.StartObject();
  add(json, "sink", spool.sink);
  add(json, "folder", spool.folder);
  add(json, "in_use", !spool.user.empty());
  add(json, "in_use_by", spool.user);
  add(json, "blocks_waiting", spool.blocks_waiting);
  add(json, "points_waiting", spool.points_waiting);
  add(json, "bytes", spool.bytes);
  add_time_json(json, "oldest_ms", spool.oldest_ms);
  add_time_json(json, "newest_ms", spool.newest_ms);
  add(json, "settled_below", spool.settled_below);
  add(json, "position_lost", spool.position_lost);
  add(json, "damaged_places", loss.places);
  add(json, "damaged_points", loss.points);
  add(json, "damaged_points_exact", !loss.is_more);
  add(json, "quarantined_lines", spool.quarantined_lines);
  if (segments) add_segments_json(json, spool);
  json.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

// ---- cat
// -----------------------------------------------------------------------------------------

// Writes the blocks of one spool after the other.
class Cat {
 public:
  Cat(const SpoolCatOptions& options, std::ostream& out, std::ostream& err)
      : options_(options), out_(out), err_(err) {}

  base::Expected<void> add(const SpoolView& spool) {
    spool_ = &spool;
    return sinks::for_each_block(spool, [this](const BlockView& block, sinks::File& file) {
      if (block.waits || options_.all) options_.blocks ? add_row(block, file) : print(block, file);
      return !out_.fail();
    });
  }

  void end() {
    if (options_.blocks) table_.print(out_);
  }

  [[nodiscard]] bool has_damage() const { return has_damage_; }

 private:
  void note_damage(const BlockView& block, const base::Error& error) {
    has_damage_ = true;
    err_ << "fedwave: " << base::printable(spool_->folder) << '/' << block.segment.name << ", byte "
         << block.place.offset << ": " << error.message << "; its "
         << counted(block.place.points, "point") << " cannot be shown\n";
  }

  void print(const BlockView& block, sinks::File& file) {
    const auto stored = sinks::stored_block(block, file);
    if (!stored) return note_damage(block, stored.error());
    const auto lines = sinks::checked_lines(stored->block);
    if (!lines) return note_damage(block, lines.error());
    out_ << *lines;
  }

  void add_row(const BlockView& block, sinks::File& file) {
    const auto stored = sinks::stored_block(block, file);
    if (!stored) note_damage(block, stored.error());
    const bool is_histogram = stored && stored->block.format == sinks::PointFormat::Histogram;
    const std::string format = is_histogram ? "histogram" : "metric";
    const std::string gzip = stored && stored->block.gzip ? ", gzip" : "";
    const std::string state = block.waits ? "waiting" : "settled";
    table_.add({base::printable(spool_->sink), std::to_string(block.sequence),
                base::utc_text(block.place.created_ms), std::to_string(block.place.points),
                stored ? std::to_string(stored->block.bytes.size()) : "-",
                stored ? format + gzip : "-", stored ? state : state + ", damaged"});
  }

  const SpoolCatOptions& options_;
  std::ostream& out_;
  std::ostream& err_;
  const SpoolView* spool_ = nullptr;
  bool has_damage_ = false;
  TextTable table_{{{"SINK"},
                    {"SEQUENCE", Align::Right},
                    {"TIME"},
                    {"POINTS", Align::Right},
                    {"BYTES", Align::Right},
                    {"FORMAT"},
                    {"STATE"}}};
};

// ---- verify
// --------------------------------------------------------------------------------------

// Reads every byte of one spool after the other and tells of each place that is not good.
class Verify {
 public:
  Verify(const SpoolVerifyOptions& options, const base::Clock& clock, std::ostream& out,
         std::ostream& err)
      : out_(out), progress_(err, options.shows_progress, clock) {}

  base::Expected<void> add(const SpoolView& spool) {
    ++spools_;
    segments_ += spool.segments.size();
    std::vector<SpoolDamage> damage = spool.damage;
    auto read = sinks::for_each_block(spool, [&](const BlockView& block, sinks::File& file) {
      if (auto found = look_at(spool, block, file)) damage.push_back(*std::move(found));
      progress_.show([&] {
        return "verifying " + base::printable(spool.sink) + ": " +
               bytes_text(bytes_before(spool, block)) + " of " + bytes_text(spool.bytes);
      });
      return true;
    });
    progress_.clear();
    print(spool, std::move(damage));
    return read;
  }

  void end() {
    out_ << "verified " << counted(spools_, "spool") << ": " << counted(segments_, "segment")
         << ", " << counted(blocks_, "block") << ", " << counted(points_, "point") << ", "
         << bytes_text(bytes_) << ": ";
    if (loss_.places == 0) {
      out_ << "all good\n";
    } else {
      out_ << counted(loss_.places, "damaged place") << ", " << loss_.points_text() << " lost\n";
    }
  }

  [[nodiscard]] bool has_damage() const { return loss_.places > 0; }

 private:
  static std::uint64_t bytes_before(const SpoolView& spool, const BlockView& block) {
    std::uint64_t bytes = block.place.offset;
    for (const SegmentView& each : spool.segments) {
      if (&each == &block.segment) break;
      bytes += each.scan.bytes;
    }
    return bytes;
  }

  std::optional<SpoolDamage> look_at(const SpoolView& spool, const BlockView& block,
                                     sinks::File& file) {
    const auto stored = sinks::stored_block(block, file);
    std::string trouble = stored ? "" : stored.error().message;
    const std::uint64_t bytes = sinks::record_bytes(block, file);
    if (stored) {
      const auto lines = sinks::checked_lines(stored->block);
      if (!lines) trouble = lines.error().message;
    }
    ++blocks_;
    points_ += block.place.points;
    bytes_ += bytes;
    if (trouble.empty()) return std::nullopt;
    if (!block.waits) trouble += ", but it is settled";
    return SpoolDamage{.file = spool.folder + "/" + block.segment.name,
                       .offset = block.place.offset,
                       .bytes = bytes,
                       .what = trouble,
                       .points = block.waits ? block.place.points : 0};
  }

  void print(const SpoolView& spool, std::vector<SpoolDamage> damage) {
    if (spool.position_lost) {
      out_ << "note: " << base::printable(spool.folder)
           << ": the position is lost: all that is there is delivered again\n";
    }
    std::stable_sort(damage.begin(), damage.end(), [](const auto& a, const auto& b) {
      return std::tie(a.file, a.offset) < std::tie(b.file, b.offset);
    });
    for (const SpoolDamage& each : damage) {
      loss_.add(each);
      if (each.is_unfinished) {
        out_ << "note: " << place_text(each) << "; nothing is lost\n";
        continue;
      }
      out_ << place_text(each) << ": "
           << (each.points ? counted(*each.points, "point") : "an unknown number of points")
           << " lost\n";
    }
  }

  std::ostream& out_;
  ProgressLine progress_;
  Loss loss_;
  std::uint64_t spools_ = 0;
  std::uint64_t segments_ = 0;
  std::uint64_t blocks_ = 0;
  std::uint64_t points_ = 0;
  std::uint64_t bytes_ = 0;
};

// `each` may fail, which is told of, and the next spool is next.
bool go_through(const std::vector<SpoolView>& spools, std::ostream& err,
                const std::function<base::Expected<void>(const SpoolView&)>& each) {
  bool is_complete = true;
  for (const SpoolView& spool : spools) {
    const auto done = each(spool);
    if (done) continue;
    is_complete = false;
    err << "fedwave: " << base::printable(done.error().message) << '\n';
  }
  return is_complete;
}

}  // namespace

ReadSpools read_spools(const std::string& directory, std::ostream& err) {
  ReadSpools read;
  const auto fail = [&](const base::Error& error) {
    read.is_complete = false;
    err << "fedwave: " << base::printable(error.message) << '\n';
  };
  const auto found = sinks::find_spools(directory);
  if (!found) {
    fail(found.error());
    return read;
  }
  for (const base::Error& error : found->unreadable) fail(error);
  for (const std::string& folder : found->folders) {
    auto spool = sinks::read_spool(folder);
    if (spool) {
      read.spools.push_back(*std::move(spool));
    } else {
      fail(spool.error());
    }
  }
  return read;
}

int spool_ls_command(const SpoolListOptions& options, const base::Clock& clock, std::ostream& out,
                     std::ostream& err) {
  const ReadSpools read = read_spools(options.directory, err);
  if (options.json) {
    for (const SpoolView& spool : read.spools) out << spool_json(spool, options.segments) << '\n';
  } else if (!read.spools.empty()) {
    print_spools(read.spools, clock.wall_ms(), out);
    if (options.segments) print_segments(read.spools, out);
    for (const SpoolView& spool : read.spools) print_notes(spool, out);
  }
  if (!flush_output(out, err)) return kExitUnreadable;
  return read.is_complete ? kExitOk : kExitUnreadable;
}

int spool_cat_command(const SpoolCatOptions& options, std::ostream& out, std::ostream& err) {
  const ReadSpools read = read_spools(options.directory, err);
  Cat cat(options, out, err);
  const bool is_complete =
      go_through(read.spools, err, [&cat](const SpoolView& spool) { return cat.add(spool); });
  if (!read.spools.empty()) cat.end();
  if (!flush_output(out, err)) return kExitUnreadable;
  if (!read.is_complete || !is_complete) return kExitUnreadable;
  return cat.has_damage() ? kExitMalformed : kExitOk;
}

int spool_verify_command(const SpoolVerifyOptions& options, const base::Clock& clock,
                         std::ostream& out, std::ostream& err) {
  const ReadSpools read = read_spools(options.directory, err);
  Verify verify(options, clock, out, err);
  const bool is_complete =
      go_through(read.spools, err, [&verify](const SpoolView& spool) { return verify.add(spool); });
  if (!read.spools.empty()) verify.end();
  if (!flush_output(out, err)) return kExitUnreadable;
  if (!read.is_complete || !is_complete) return kExitUnreadable;
  return verify.has_damage() ? kExitMalformed : kExitOk;
}

}  // namespace fedwave::relay
