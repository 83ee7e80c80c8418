// Renders points in Wavefront's line format, repairing by stated rules what the backend would
// reject and refusing what cannot be repaired. A metric line is
//     "name" VALUE TIMESTAMP source="…" "key"="value"…\n
// so a series is rendered once as the text before the value and the text after the timestamp.
// Pure functions, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "sinks/point.h"

namespace fedwave::sinks {

// Why a point cannot go out at all.
enum class Rejection : std::uint8_t { EmptyName, NameTooLong, EmptySource, NotANumber, Infinite };
inline constexpr std::size_t kRejectionCount = 5;
const char* rejection_name(Rejection rejection);  // snake_case, for counters

// What was changed so that the backend takes the point.
enum class Repair : std::uint8_t {
  TagsOverLimit,       // tags removed, the least important first
  TagKeyTooLong,       // the tag is removed
  TagValueTruncated,   // cut and ended with a hash, so that different values stay different
  TagValueBlank,       // nothing left after trimming: the tag is removed
  TrailingBackslash,   // would swallow the closing quote: replaced by '/'
  SourceTagRenamed,    // tag "source" would replace the point's source: "_source"
  TagKeyCollision,     // two keys became one by sanitising: the first is kept
  SourceTruncated,
  TimestampOutOfRange, // not within the proxy's -8760 h … +24 h: the scrape's start instead
};
inline constexpr std::size_t kRepairCount = 9;
const char* repair_name(Repair repair);
using RepairCounts = std::array<std::uint32_t, kRepairCount>;

struct LineLimits {
  std::size_t name_bytes = 256;
  std::size_t source_bytes = 128;
  std::size_t tags = 20;
  std::size_t tag_key_bytes = 64;
  std::size_t tag_value_bytes = 255;
};

struct RenderedSeries {
  std::string head;  // `"name" `
  std::string tail;  // ` source="…" "k"="v"…\n`, tags sorted by key
  RepairCounts repairs{};
};

// `keep_first`: keys in their order of importance when there are more tags than the limit; keys not
// listed come after them, in lexical order.
struct RenderRejected {
  Rejection reason;
};
std::variant<RenderedSeries, RenderRejected> render_series(const Point& point,
                                                           const LineLimits& limits,
                                                           std::span<const std::string> keep_first);

// Appends the shortest decimal that reads back as `value`, without an exponent. `value` is finite.
void append_value(std::string& out, double value);

// True when `text` (a valid number) is already what the wire wants, so that it can be copied:
// plain decimal, canonical, at most 17 significant digits.
bool is_wire_number(std::string_view text);

// One centroid of a distribution: `count` observations with the mean `value`.
struct Centroid {
  double value = 0;
  std::int64_t count = 0;
};

// `!M TIMESTAMP #count mean… "name" source=… tags\n`. Equal means are merged, zero counts left out,
// the means ascend; nothing is appended and false returned when no centroid is left.
bool append_distribution(std::string& out, std::int64_t timestamp_s,
                         std::span<const Centroid> centroids, const RenderedSeries& series);

}  // namespace fedwave::sinks
