#include "relay/distributions.h"

#include <algorithm>
#include <utility>

namespace fedwave::relay {
namespace {

// Ascending. A bound comes again when its line does, or in another spelling (1 and 1.0).
void keep_first_of_each_bound(std::vector<sinks::Bucket>& buckets) {
  const auto below = [](const sinks::Bucket& a, const sinks::Bucket& b) {
    return a.upper_bound < b.upper_bound;
  };
  const auto same = [](const sinks::Bucket& a, const sinks::Bucket& b) {
    return a.upper_bound == b.upper_bound;
  };
  std::stable_sort(buckets.begin(), buckets.end(), below);
  buckets.erase(std::unique(buckets.begin(), buckets.end(), same), buckets.end());
}

}  // namespace

std::uint32_t Distributions::group_of(const base::Hash128& key,
                                      std::vector<DistributionLine> lines) {
  if (const auto known = by_key_.find(key); known != by_key_.end()) return known->second;
  std::uint32_t number = static_cast<std::uint32_t>(groups_.size());
  if (free_.empty()) {
    groups_.emplace_back();
  } else {
    number = free_.back();
    free_.pop_back();
  }
  groups_[number] = std::make_unique<Group>();
  groups_[number]->key = key;
  groups_[number]->sinks = std::move(lines);
  if (const auto before = before_.find(key); before != before_.end()) {
    groups_[number]->previous = std::move(before->second.buckets);
    groups_[number]->previous_ms = before->second.time_ms;
    before_.erase(before);
  }
  by_key_.emplace(key, number);
  return number;
}

void Distributions::take_over(Distributions& before) {
  before_ = std::move(before.before_);  // of an earlier change that nothing has come up for yet
  for (const auto& group : before.groups_) {
    if (!group || group->previous_ms == 0) continue;
    before_[group->key] = {std::move(group->previous), group->previous_ms};
  }
  before.forget_before();
  before.clear();
}

void Distributions::touch(std::uint32_t group, std::uint32_t scrape, std::uint32_t age) {
  Group& touched = *groups_[group];
  touched.last_seen = age;
  if (touched.last_scrape == scrape) return;
  touched.last_scrape = scrape;
  touched.current.clear();
}

void Distributions::add_bucket(std::uint32_t group, double bound, double cumulative_count) {
  groups_[group]->current.push_back({bound, cumulative_count});
}

void Distributions::finish(std::uint32_t scrape, std::int64_t now_ms,
                           const std::vector<sinks::BlockWriter*>& writers, ScrapeCounts& counts) {
  for (const auto& group : groups_) {
    if (group && group->last_scrape == scrape) finish_group(*group, now_ms, writers, counts);
  }
}

void Distributions::finish_group(Group& group, std::int64_t now_ms,
                                 const std::vector<sinks::BlockWriter*>& writers,
                                 ScrapeCounts& counts) {
  keep_first_of_each_bound(group.current);
  std::optional<std::span<const sinks::Bucket>> previous;
  if (group.previous_ms != 0) previous = group.previous;
  const auto converted =
      sinks::convert_histogram(previous, group.current, now_ms - group.previous_ms);
  if (const auto* drop = std::get_if<sinks::DistributionDrop>(&converted)) {
    ++counts.distribution_drops[static_cast<std::size_t>(*drop)];
  } else {
    std::string line;
    sinks::RepairCounts repairs{};
    for (std::size_t i = 0; i < writers.size(); ++i) {
      line.clear();
      if (group.sinks[i].verdict != Verdict::Kept) continue;
      if (!sinks::append_distribution(line, now_ms / 1000, std::get<0>(converted),
                                      group.sinks[i].series, &repairs)) {
        continue;
      }
      writers[i]->append_histogram(line);
      ++counts.by_sink[i].distributions;
    }
    for (std::size_t r = 0; r < sinks::kRepairCount; ++r) counts.repaired[r] += repairs[r];
  }
  group.previous.swap(group.current);
  group.previous_ms = now_ms;
}

void Distributions::evict(std::uint32_t oldest) {
  for (std::uint32_t number = 0; number < groups_.size(); ++number) {
    if (!groups_[number] || groups_[number]->last_seen >= oldest) continue;
    by_key_.erase(groups_[number]->key);
    groups_[number].reset();
    free_.push_back(number);
  }
}

void Distributions::clear() {
  groups_.clear();
  free_.clear();
  by_key_.clear();
}

}  // namespace fedwave::relay
