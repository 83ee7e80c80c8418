#include "sinks/clean_tags.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <set>
#include <string_view>

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
    for (auto it = tags_.begin(); it != tags_.end() && at_most > 0;) {
      if (predicate(it->first, it->second)) {
        note(it->first, rule);
        it = tags_.erase(it);
        --at_most;
      } else {
        ++it;
      }
    }
  }

  // Tags that may go when there are too many: labels of Kubernetes objects, not guaranteed.
  void limit(const std::set<std::string_view>& guaranteed) {
    const auto spare = [&guaranteed](std::string_view key) {
      return is_label(key) && !guaranteed.contains(key);
    };
    std::size_t spares = 0;
    for (const auto& [key, value] : tags_) spares += spare(key) ? 1U : 0U;
    const std::size_t others = tags_.size() - spares;
    const std::size_t room = others < kTagsMax ? kTagsMax - others : 0;
    const auto excess = [&] {
      return tags_.size() > others + room ? tags_.size() - others - room : 0;
    };
    if (excess() == 0) return;
    remove_duplicate_values(spare);
    remove_if(TagRemoval::AlphaBeta, excess(),
              [&spare](const auto& key, const auto&) { return spare(key) && is_alpha_beta(key); });
    remove_if(TagRemoval::Provider, excess(),
              [&spare](const auto& key, const auto&) { return spare(key) && is_provider(key); });
    remove_if(TagRemoval::SpareLabel, excess(),
              [&spare](const auto& key, const auto&) { return spare(key); });
  }

 private:
  template <class Spare>
  void remove_duplicate_values(Spare spare) {
    std::map<std::string_view, PointTags::iterator> kept_by_value;
    for (auto it = tags_.begin(); it != tags_.end();) {
      const auto current = it++;
      if (!spare(current->first) || current->second.size() < kDuplicateBytesMin) continue;
      const auto kept = kept_by_value.find(current->second);
      if (kept == kept_by_value.end()) {
        kept_by_value.emplace(current->second, current);
        continue;
      }
      auto loser = current;
      if (later_wins(current->first, kept->second->first)) {
        loser = kept->second;
        kept_by_value.erase(kept);  // its key lives in the loser
        kept_by_value.emplace(current->second, current);
      }
      note(loser->first, TagRemoval::DuplicateValue);
      tags_.erase(loser);
    }
  }

  void note(const std::string& key, TagRemoval rule) {
    if (removed_ != nullptr) removed_->push_back({key, rule});
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
                    [](const auto&, const auto& value) { return is_empty(value); });
  // The guarantee does not save these.
  cleaner.remove_if(TagRemoval::AlwaysExcluded, all,
                    [](const auto& key, const auto&) { return is_always_excluded(key); });
  cleaner.limit({guaranteed.begin(), guaranteed.end()});
}

}  // namespace fedwave::sinks
