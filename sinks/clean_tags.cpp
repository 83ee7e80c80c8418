#include "sinks/clean_tags.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace fedwave::sinks {
namespace {

constexpr std::size_t kTagsMax = 17;
constexpr std::size_t kDuplicateBytesMin = 5;  // shorter values are equal by chance
constexpr std::string_view kLabel = "label";
constexpr std::array<std::string_view, 4> kAlwaysExcluded = {"namespace_id", "host_id", "pod_id",
                                                             "hostname"};

bool contains(std::string_view text, std::string_view part, std::size_t from = 0) {
  return text.find(part, from) != std::string_view::npos;
}

bool is_label(std::string_view key) {
  return key.starts_with(kLabel);
}

// The collector searches for ^label.*beta|alpha*, whose alternatives are "label…beta" at the start
// and "alph" followed by any number of 'a' anywhere.
bool is_alpha_beta(std::string_view key) {
  return (is_label(key) && contains(key, "beta", kLabel.size())) || contains(key, "alph");
}

// ^label.*gke|azure|eks* likewise: "label…gke" at the start, "azure" or "ek" anywhere.
bool is_provider(std::string_view key) {
  return (is_label(key) && contains(key, "gke", kLabel.size())) || contains(key, "azure") ||
         contains(key, "ek");
}

bool is_empty(std::string_view value) {
  return value.empty() || value == "/" || value == "-";
}

bool is_always_excluded(std::string_view key) {
  return std::find(kAlwaysExcluded.begin(), kAlwaysExcluded.end(), key) != kAlwaysExcluded.end();
}

// Which of two keys with the same value stays. `later` comes after `earlier` in key order, so that
// at equal length the earlier one, being the smaller, stays.
bool later_wins(std::string_view later, std::string_view earlier) {
  if (is_alpha_beta(later)) return false;
  if (is_alpha_beta(earlier)) return true;
  return later.size() < earlier.size();
}

class Cleaner {
 public:
  Cleaner(PointTags& tags, std::vector<RemovedTag>* removed) : tags_(tags), removed_(removed) {}

  template <class Predicate>
  void remove_if(TagRemoval rule, std::size_t at_most, Predicate predicate) {
    tags_.erase_if([&](const PointTag& tag) {
      if (at_most == 0 || !predicate(tag)) return false;
      note(tag.key, rule);
      --at_most;
      return true;
    });
  }

  // Tags that may go when there are too many: labels of Kubernetes objects, not guaranteed.
  void limit(std::span<const std::string> guaranteed) {
    const auto spare = [guaranteed](const PointTag& tag) {
      return is_label(tag.key) &&
             std::find(guaranteed.begin(), guaranteed.end(), tag.key) == guaranteed.end();
    };
    const auto spares = static_cast<std::size_t>(std::count_if(tags_.begin(), tags_.end(), spare));
    const std::size_t others = tags_.size() - spares;
    const std::size_t room = others < kTagsMax ? kTagsMax - others : 0;
    const auto excess = [&] {
      return tags_.size() > others + room ? tags_.size() - others - room : 0;
    };
    if (excess() == 0) return;
    remove_duplicate_values(spare);
    remove_if(TagRemoval::AlphaBeta, excess(),
              [&](const PointTag& tag) { return spare(tag) && is_alpha_beta(tag.key); });
    remove_if(TagRemoval::Provider, excess(),
              [&](const PointTag& tag) { return spare(tag) && is_provider(tag.key); });
    remove_if(TagRemoval::SpareLabel, excess(), spare);
  }

 private:
  template <class Spare>
  void remove_duplicate_values(Spare spare) {
    std::map<std::string_view, std::string_view> kept_key_by_value;
    std::set<std::string_view> losers;
    for (const PointTag& tag : tags_) {
      if (!spare(tag) || tag.value.size() < kDuplicateBytesMin) continue;
      const auto [kept, is_first] = kept_key_by_value.try_emplace(tag.value, tag.key);
      if (is_first) continue;
      std::string_view loser = tag.key;
      if (later_wins(tag.key, kept->second)) std::swap(loser, kept->second);
      note(loser, TagRemoval::DuplicateValue);
      losers.insert(loser);
    }
    tags_.erase_if([&losers](const PointTag& tag) { return losers.contains(tag.key); });
  }

  void note(std::string_view key, TagRemoval rule) {
    if (removed_ != nullptr) removed_->push_back({std::string(key), rule});
  }

  PointTags& tags_;
  std::vector<RemovedTag>* removed_;
};

}  // namespace

const char* tag_removal_name(TagRemoval removal) {
  switch (removal) {
    case TagRemoval::Empty:
      return "empty";
    case TagRemoval::AlwaysExcluded:
      return "always_excluded";
    case TagRemoval::DuplicateValue:
      return "duplicate_value";
    case TagRemoval::AlphaBeta:
      return "alpha_beta";
    case TagRemoval::Provider:
      return "provider";
    case TagRemoval::SpareLabel:
      return "spare_label";
  }
  return "";
}

void clean_tags(PointTags& tags, std::span<const std::string> guaranteed,
                std::vector<RemovedTag>* removed) {
  const std::size_t all = tags.size();
  Cleaner cleaner(tags, removed);
  cleaner.remove_if(TagRemoval::Empty, all,
                    [](const PointTag& tag) { return is_empty(tag.value); });
  // The guarantee does not save these.
  cleaner.remove_if(TagRemoval::AlwaysExcluded, all,
                    [](const PointTag& tag) { return is_always_excluded(tag.key); });
  cleaner.limit(guaranteed);
}

}  // namespace fedwave::sinks
