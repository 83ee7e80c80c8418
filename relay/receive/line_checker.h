// What Wavefront makes of one line: the independent judge of everything fedwave sends. It parses a
// line as the proxy does (quirks included), then applies the proxy's checks in the proxy's order,
// and says what was understood, or which WF code the line is rejected with. It shares no code with
// the sinks, so that a mistake there is not repeated here.
//
// Pure functions, any thread. Lengths are counted as the proxy counts them, in UTF-16 units.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fedwave::receive {

enum class LineFormat : std::uint8_t {
  Autodetect,  // "!M ", "!H " or "!D " begins a distribution, anything else a metric
  Metric,
  Histogram,
};

// The defaults are those of a tenant. The maximum itself is still allowed.
struct LineLimits {
  std::size_t metric_name_max = 256;
  std::size_t histogram_name_max = 256;
  std::size_t source_max = 128;
  std::size_t tags_max = 20;
  std::size_t tag_key_max = 64;
  std::size_t tag_value_max = 255;
  std::size_t centroids_max = 100;
  std::int64_t past_ms_max = std::int64_t{8760} * 3'600'000;
  std::int64_t future_ms_max = std::int64_t{24} * 3'600'000;
};

// A tag's key and value together must stay below this, whatever the tenant's limits are.
inline constexpr std::size_t kTagPairLimit = 255;

struct LineRules {
  LineLimits limits;
  std::int64_t now_ms = 0;
  std::string default_source;         // of a line that names none; empty: such a line is rejected
  bool renames_reserved_tags = true;  // as the proxy does: host to _host, tag to _tag
};

struct ReceivedCentroid {
  double mean = 0;
  std::int32_t count = 0;
};

// Accepted, but worth a count.
struct LineNotes {
  bool not_finite = false;        // the proxy takes NaN and Infinity; nobody can chart them
  bool duplicate_tag = false;     // the last one won
  bool source_filled_in = false;  // from LineRules::default_source
  bool invalid_utf8 = false;      // the proxy puts U+FFFD in place
};

struct CheckedPoint {
  std::string name;
  double value = 0;                         // of a metric
  std::vector<ReceivedCentroid> centroids;  // of a distribution, positive counts only
  char granularity = 0;                     // 'M', 'H' or 'D' of a distribution, 0 of a metric
  std::int64_t timestamp_ms = 0;            // 0 when the line has none
  std::string source;
  std::map<std::string, std::string, std::less<>> tags;
  LineNotes notes;

  [[nodiscard]] bool is_distribution() const { return granularity != 0; }
};

struct Rejection {
  int code = 0;      // 300, 400 ... 414
  std::string text;  // "WF-408: Metric name is too long (312 characters, max: 256): …"
};
std::string rejection_code_name(int code);  // "WF-408"

// `line` is without its newline and not blank.
std::variant<CheckedPoint, Rejection> check_line(std::string_view line, LineFormat format,
                                                 const LineRules& rules);

}  // namespace fedwave::receive
