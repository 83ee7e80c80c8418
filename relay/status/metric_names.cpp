#include "relay/status/metric_names.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "relay/base/edit_distance.h"
#include "relay/base/text.h"

namespace fedwave::relay {
namespace {

using parsers::SampleKind;

constexpr std::size_t kNearestMax = 3;
constexpr std::size_t kNearestNameBytes = 256;

struct TypeSuffix {
  std::string_view text;
  SampleKind kind;
};
constexpr std::array<TypeSuffix, 3> kTypeSuffixes = {{{".value", SampleKind::Untyped},
                                                      {".gauge", SampleKind::Gauge},
                                                      {".counter", SampleKind::Counter}}};

std::string underscored(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), '.', '_');
  return out;
}

// The same for the names of both sides, apart from prefix and type.
std::string canonical(std::string_view name) {
  return underscored(base::lower(name));
}

bool is_called(const SurveyedMetric& metric, const std::string& name) {
  return canonical(metric.name) == name ||
         std::any_of(metric.sinks.begin(), metric.sinks.end(),
                     [&](const SurveyedMetric::AtSink& sink) {
                       return !sink.sent_as.empty() && canonical(sink.sent_as) == name;
                     });
}

void add_without_prefix(std::vector<std::string>& names, std::string_view prefix) {
  std::string start = canonical(prefix);
  while (start.starts_with('_')) start.erase(0, 1);
  if (start.empty()) return;
  for (std::size_t i = 0, size = names.size(); i < size; ++i) {
    if (!names[i].starts_with(start)) continue;
    std::string rest = names[i].substr(start.size());
    while (rest.starts_with('_')) rest.erase(0, 1);
    if (!rest.empty()) names.push_back(std::move(rest));
  }
}

// What the metric may be called on the page when `name` is its name in Wavefront.
std::vector<std::string> page_names(std::string_view name, const config::Config& config,
                                    const config::Source& source) {
  std::vector<std::string> names = {canonical(name)};
  for (const config::Sink& sink : config.sinks) add_without_prefix(names, sink.prefix);
  add_without_prefix(names, source.prefix);
  for (std::size_t i = 0, size = names.size(); i < size; ++i) {
    for (const TypeSuffix& suffix : kTypeSuffixes) {
      const std::string end = canonical(suffix.text);
      if (names[i].size() > end.size() && names[i].ends_with(end)) {
        names.push_back(names[i].substr(0, names[i].size() - end.size()));
      }
    }
  }
  return names;
}

template <class Predicate>
std::vector<const SurveyedMetric*> metrics_where(const Survey& survey, const Predicate& is_meant) {
  std::vector<const SurveyedMetric*> metrics;
  for (const SurveyedMetric& metric : survey.metrics) {
    if (is_meant(metric)) metrics.push_back(&metric);
  }
  return metrics;
}

}  // namespace

std::vector<const SurveyedMetric*> metrics_called(std::string_view name, const Survey& survey,
                                                  const config::Config& config,
                                                  const config::Source& source) {
  const std::string exact = canonical(name);
  auto metrics =
      metrics_where(survey, [&](const SurveyedMetric& metric) { return is_called(metric, exact); });
  if (!metrics.empty()) return metrics;
  const std::vector<std::string> names = page_names(name, config, source);
  return metrics_where(survey, [&](const SurveyedMetric& metric) {
    return std::find(names.begin(), names.end(), canonical(metric.name)) != names.end();
  });
}

std::vector<std::string> nearest_names(std::string_view name,
                                       const std::vector<const Survey*>& surveys) {
  const bool is_dotted = name.find('.') != std::string_view::npos;
  const std::string wanted = canonical(name.substr(0, kNearestNameBytes));
  const std::size_t most = std::max<std::size_t>(3, wanted.size() / 3);
  std::set<std::pair<std::size_t, std::string>> nearest;
  const auto consider = [&](const std::string& candidate) {
    if (candidate.empty()) return;
    const std::string known = canonical(candidate);
    // A part of a name that is long enough to mean something.
    const bool is_part = wanted.size() >= 3 && known.find(wanted) != std::string::npos;
    const std::size_t distance = is_part ? 0 : base::edit_distance(wanted, known, most);
    if (distance > most) return;
    nearest.emplace(distance, candidate);
    if (nearest.size() > kNearestMax) nearest.erase(std::prev(nearest.end()));
  };
  for (const Survey* survey : surveys) {
    for (const SurveyedMetric& metric : survey->metrics) {
      const bool is_sent = is_dotted && !metric.sinks.empty() && !metric.sinks[0].sent_as.empty();
      consider(is_sent ? metric.sinks[0].sent_as : metric.name);
    }
  }
  std::vector<std::string> names;
  for (const auto& [distance, candidate] : nearest) names.push_back(candidate);
  return names;
}

PageName page_name(std::string_view name) {
  PageName page;
  for (const TypeSuffix& suffix : kTypeSuffixes) {
    if (name.size() > suffix.text.size() && name.ends_with(suffix.text)) {
      name.remove_suffix(suffix.text.size());
      page.kind = suffix.kind;
      break;
    }
  }
  page.name = underscored(name);
  return page;
}

}  // namespace fedwave::relay
