#include "relay/commands/page_names.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "relay/base/edit_distance.h"
#include "relay/base/text.h"
#include "relay/explain/pattern_hint.h"
#include "relay/filter.h"

namespace fedwave::relay {
namespace {

using parsers::SampleKind;

bool remove_prefix(std::string& text, const std::string& prefix) {
  if (prefix.empty() || !text.starts_with(prefix)) return false;
  text.erase(0, prefix.size());
  return true;
}

bool has_name(const PageMetric& metric, const std::string& name, bool any_case) {
  const auto is_it = [&](const std::string& known) {
    return any_case ? base::lower(known) == name : known == name;
  };
  return is_it(metric.name) || std::any_of(metric.names.begin(), metric.names.end(), is_it);
}

}  // namespace

PageNames::PageNames(const config::Config& config, const config::Source& source)
    : config_(config), source_(source) {}

void PageNames::add(const SourcePage& page, const Explainer& explainer) {
  std::map<std::pair<std::string_view, SampleKind>, std::size_t> places;
  for (const PageSeries& series : page.series) {
    const auto [place, is_new] =
        places.try_emplace({std::string_view(series.name), series.kind}, metrics_.size());
    if (is_new) {
      PageMetric& metric = metrics_.emplace_back();
      metric.name = series.name;
      metric.explainer = &explainer;
      const Explanation explanation = explainer.explain(series.sample());
      metric.dotted = explanation.name;
      for (const SinkExplanation& sink : explanation.sinks) {
        if (!sink.sent_as.empty()) metric.names.push_back(sink.sent_as);
      }
      add_names(metric);
    }
    metrics_[place->second].series.push_back(&series);
  }
  std::stable_sort(metrics_.begin(), metrics_.end(),
                   [](const PageMetric& a, const PageMetric& b) { return a.name < b.name; });
}

// A series that is dropped has a name in Wavefront all the same: the one that people look for.
void PageNames::add_names(PageMetric& metric) const {
  std::string bare = metric.dotted;
  const bool has_prefix = remove_prefix(bare, source_.prefix);
  metric.names.push_back(metric.dotted);
  if (has_prefix) metric.names.push_back(bare);
  for (const config::Sink& sink : config_.sinks) {
    const std::string prefix = sink_prefix(sink);
    if (prefix.empty()) continue;
    metric.names.push_back(prefix + metric.dotted);
    if (has_prefix) metric.names.push_back(prefix + bare);
  }
}

std::vector<const PageMetric*> PageNames::find(const std::string& name) const {
  std::vector<const PageMetric*> found;
  for (const bool any_case : {false, true}) {
    const std::string wanted = any_case ? base::lower(name) : name;
    for (const PageMetric& metric : metrics_) {
      if (has_name(metric, wanted, any_case)) found.push_back(&metric);
    }
    if (!found.empty()) break;
  }
  return found;
}

std::vector<std::string> PageNames::nearest(const std::string& name, std::size_t count) const {
  const bool is_dotted = name.find('.') != std::string::npos;
  const std::string wanted = base::lower(name);
  const std::size_t most = name.size() / 4 + 1;
  std::set<std::pair<std::size_t, std::string>> near;
  for (const PageMetric& metric : metrics_) {
    for (const std::string& known : is_dotted ? metric.names : std::vector{metric.name}) {
      const std::string lowered = base::lower(known);
      // A part of a name is nearer than most misspellings.
      const bool is_part = lowered.find(wanted) != std::string::npos;
      const std::size_t distance = is_part ? 1 : base::edit_distance(wanted, lowered, most);
      if (distance <= most) near.emplace(distance, known);
    }
  }
  std::vector<std::string> names;
  for (const auto& [distance, known] : near) {
    if (names.size() < count) names.push_back(known);
  }
  return names;
}

std::vector<std::string> PageNames::matching(const std::string& pattern) const {
  config::FilterRules rules;
  rules.metric_allow.push_back({pattern, {}});
  const Filter filter(rules, config_.glob_compat);
  std::vector<std::string> names;
  for (const PageMetric& metric : metrics_) {
    if (filter.decide_name(metric.dotted).verdict == FilterVerdict::Kept) {
      names.push_back(metric.dotted);
    }
  }
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

GuessedMetric guess_metric(const config::Config& config, const config::Source& source,
                           std::string name) {
  static const std::array<std::pair<std::string_view, SampleKind>, 3> kTypes{
      {{".value", SampleKind::Untyped},
       {".gauge", SampleKind::Gauge},
       {".counter", SampleKind::Counter}}};
  if (name.find('.') == std::string::npos) return {std::move(name), SampleKind::Untyped};
  for (const config::Sink& sink : config.sinks) {
    if (remove_prefix(name, sink_prefix(sink))) break;
  }
  remove_prefix(name, source.prefix);
  GuessedMetric guess{std::move(name), SampleKind::Untyped};
  for (const auto& [suffix, kind] : kTypes) {
    if (!guess.name.ends_with(suffix)) continue;
    guess.name.resize(guess.name.size() - suffix.size());
    guess.kind = kind;
    break;
  }
  std::replace(guess.name.begin(), guess.name.end(), '.', '_');
  return guess;
}

}  // namespace fedwave::relay
