// Whatever a line holds, the checker takes or rejects it, and both by its own rules: what it
// accepts is within the limits, what it rejects has a code and a text that is valid to print.
#include <cstdint>
#include <string_view>

#include "relay/base/check.h"
#include "relay/receive/line_checker.h"

namespace {

using fedwave::receive::CheckedPoint;
using fedwave::receive::LineFormat;
using fedwave::receive::LineRules;
using fedwave::receive::Rejection;

void check_accepted(const CheckedPoint& point, const LineRules& rules) {
  FEDWAVE_CHECK(!point.name.empty());
  FEDWAVE_CHECK(!point.source.empty());
  FEDWAVE_CHECK(point.tags.size() <= rules.limits.tags_max);
  FEDWAVE_CHECK(point.centroids.size() <= rules.limits.centroids_max);
  FEDWAVE_CHECK(point.is_distribution() != point.centroids.empty());
  for (const auto& [key, value] : point.tags) {
    FEDWAVE_CHECK(!key.empty() && !value.empty());
    FEDWAVE_CHECK(key != "source" && key != "host" && key != "tag");
  }
}

void check_rejected(const Rejection& rejection) {
  FEDWAVE_CHECK(rejection.code == 300 || (rejection.code >= 400 && rejection.code <= 414));
  FEDWAVE_CHECK(rejection.text.starts_with(fedwave::receive::rejection_code_name(rejection.code)));
  for (const char c : rejection.text) {
    FEDWAVE_CHECK(static_cast<unsigned char>(c) >= ' ');
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  LineRules rules;
  rules.now_ms = 1'700'000'000'000;
  for (const LineFormat format :
       {LineFormat::Autodetect, LineFormat::Metric, LineFormat::Histogram}) {
    const auto result = fedwave::receive::check_line(line, format, rules);
    if (const auto* point = std::get_if<CheckedPoint>(&result)) {
      check_accepted(*point, rules);
    } else {
      check_rejected(std::get<Rejection>(result));
    }
  }
  return 0;
}
