// Renders points in Wavefront's line format, repairing by stated rules what the backend would
// reject and refusing what cannot be repaired. A metric line is
//     "name" VALUE TIMESTAMP source="…" "key"="value"…\n
// so a series is rendered once as the text before the value and the text after the timestamp.
// Lengths are counted in bytes before escaping: the receiver counts characters after unescaping, so
// what passes here passes there. Pure functions, any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sinks/number_format.h"
#include "sinks/point_tags.h"

namespace fedwave::sinks {

// Why a point cannot go out at all.
enum class Rejection : std::uint8_t { EmptyName, NameTooLong, EmptySource };

// What was changed so that the backend takes the point.
enum class Repair : std::uint8_t {
  TagsOverLimit,        // tags removed, the least important first
  TagKeyTooLong,        // the tag is removed
  TagValueTruncated,    // cut and ended with a hash, so that different values stay different
  TagValueBlank,        // nothing left after trimming, or no key: the tag is removed
  TrailingBackslash,    // would swallow the closing quote: replaced by '/'
  SourceTagRenamed,     // tag "source" would replace the point's source: "_source"
  TagKeyCollision,      // two keys became one by sanitising: the first is kept
  SourceTruncated,      // as TagValueTruncated
  TimestampOutOfRange,  // not within the proxy's -8760 h … +24 h: the scrape's start instead
  ControlCharacter,     // in a value, other than tab and newline: replaced by a space
  CentroidsMerged,      // a distribution of more than kCentroidsMax: neighbours are merged
  CentroidCountCapped,  // a count above kCentroidCountMax
};
inline constexpr std::size_t kRepairCount = 12;
const char* repair_name(Repair repair);  // snake_case, for counters
using RepairCounts = std::array<std::uint32_t, kRepairCount>;

struct LineLimits {
  std::size_t name_bytes = 256;
  std::size_t source_bytes = 128;
  std::size_t tags = 20;
  std::size_t tag_key_bytes = 64;
  std::size_t tag_value_bytes = 255;
};

// The order in which tags are kept when there are more than the limit: the listed keys in their
// order, the others after them, by key.
class TagPriority {
 public:
  explicit TagPriority(std::span<const std::string> keys);

  // How many of the listed keys go first. `hint` is where the search begins: keys that ascend from
  // call to call cost one comparison each. Start it at 0.
  [[nodiscard]] std::size_t rank(std::string_view key, std::size_t& hint) const;

 private:
  std::vector<std::pair<std::string, std::size_t>> ranks_;  // sorted by key
};

// A series is rendered in two parts, because its name and its labels are each shared with others.
struct RenderedSeries {
  std::string head;  // `"name" `
  std::string tail;  // ` source="…" "k"="v"…\n`, tags sorted by key
};

std::variant<std::string, Rejection> render_head(std::string_view name, const LineLimits& limits);

struct RenderedTail {
  std::string text;
  RepairCounts repairs{};
};
// What a repair was about, for explain.
struct RepairedTag {
  std::string key;  // as it was before; empty: the point's source
  Repair repair;
};
// `repaired` may be null.
std::variant<RenderedTail, Rejection> render_tail(std::string_view source, const PointTags& tags,
                                                  const LineLimits& limits,
                                                  const TagPriority& priority,
                                                  std::vector<RepairedTag>* repaired = nullptr);

// One centroid of a distribution: `count` observations with the mean `value`.
struct Centroid {
  double value = 0;
  std::int64_t count = 0;
};

inline constexpr std::size_t kCentroidsMax = 100;             // the receiver refuses more
inline constexpr std::int64_t kCentroidCountMax = INT32_MAX;  // the receiver's type for a count

// `!M TIMESTAMP #count mean… "name" source=… tags\n`. Equal means are merged, counts below one and
// means that are not finite left out, the means ascend. Above kCentroidsMax neighbours are merged
// evenly along the scale, which keeps the total count and the mean; then counts are capped. Both
// are counted in `repairs`, which may be null. Nothing is appended and false returned when no
// centroid is left.
bool append_distribution(std::string& out, std::int64_t timestamp_s,
                         std::span<const Centroid> centroids, const RenderedSeries& series,
                         RepairCounts* repairs = nullptr);

}  // namespace fedwave::sinks
