// What another configuration makes of the series of a page: which of them a sink gets or loses,
// which get another name or other tags, by metric and by reason. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/explain/explanation.h"

namespace fedwave::relay {

enum class ChangeKind : std::uint8_t { Added, Dropped, Renamed, Retagged };
inline constexpr std::size_t kChangeKindCount = 4;
const char* change_text(ChangeKind kind);  // "added", …

// One series for one sink. A line is what stands on the wire but for value and timestamp; empty
// where there is none.
struct SeriesChange {
  std::string series;
  std::string old_line;
  std::string new_line;
};

struct MetricChange {
  std::string old_name;  // in Wavefront; empty where it is not sent
  std::string new_name;
  std::uint64_t series = 0;
  double points_per_s = 0;  // more, or less
  std::vector<SeriesChange> examples;
};

// Changes of one kind for one reason, of one source at one sink.
struct ChangeGroup {
  std::string source;
  std::string sink;
  ChangeKind kind = ChangeKind::Added;
  std::string why;      // what keeps them away on one side, or what differs
  std::string kept_by;  // the rules that let them pass on the other side; empty for none
  std::uint64_t series = 0;
  double points_per_s = 0;
  std::map<std::string, MetricChange> metrics;  // by the page's name
};

// One configuration's view of a series; null stands for a side that does not have it.
struct ChangeSide {
  const Explanation* explanation = nullptr;
  std::optional<std::size_t> sink;  // none: this side has no such sink
  std::string_view file;            // of its configuration
  std::string_view absence;         // why there is no explanation: "the source is gone"
  double points_per_s = 0;          // of one series
};

class SeriesChanges {
 public:
  // `examples`: how many to keep of each metric.
  explicit SeriesChanges(std::size_t examples) : examples_(examples) {}

  void compare(const std::string& source, const std::string& sink, const ChangeSide& before,
               const ChangeSide& after);

  // By source and sink, then by kind, the most series first.
  [[nodiscard]] std::vector<const ChangeGroup*> groups() const;
  [[nodiscard]] std::uint64_t count(ChangeKind kind) const {
    return counts_[static_cast<std::size_t>(kind)];
  }
  // That would differ, but have no value now that could be sent.
  [[nodiscard]] std::uint64_t without_value() const { return without_value_; }
  [[nodiscard]] double old_points_per_s() const { return old_points_per_s_; }
  [[nodiscard]] double new_points_per_s() const { return new_points_per_s_; }
  [[nodiscard]] bool empty() const;

 private:
  void note(const ChangeGroup& what, const ChangeSide& before, const ChangeSide& after,
            const SinkExplanation* old_point, const SinkExplanation* new_point);

  const std::size_t examples_;
  std::map<std::string, ChangeGroup> groups_;
  std::array<std::uint64_t, kChangeKindCount> counts_{};
  std::uint64_t without_value_ = 0;
  double old_points_per_s_ = 0;
  double new_points_per_s_ = 0;
};

}  // namespace fedwave::relay
