// The tags of a point on their way through the stages: sorted by key, each key once. They borrow
// their texts from the scraped line, the configuration or the caller's scratch space, so that a tag
// costs two views and no allocation; whoever fills them keeps those alive. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace fedwave::sinks {

struct PointTag {
  std::string_view key;
  std::string_view value;
  friend bool operator==(const PointTag&, const PointTag&) = default;
};

class PointTags {
 public:
  PointTags() = default;
  PointTags(std::initializer_list<PointTag> tags) {
    for (const PointTag& tag : tags) set(tag.key, tag.value);
  }

  void clear() { tags_.clear(); }

  // The labels of a page come sorted, so that most keys go to the end.
  void set(std::string_view key, std::string_view value) {
    if (tags_.empty() || tags_.back().key < key) {
      tags_.push_back({key, value});
      return;
    }
    const auto place = lower_bound(key);
    if (place != tags_.end() && place->key == key) {
      place->value = value;
    } else {
      tags_.insert(place, {key, value});
    }
  }

  // As set(), but a key that is there keeps its value.
  void add(std::string_view key, std::string_view value) {
    if (find(key) == nullptr) set(key, value);
  }

  void erase(std::string_view key) {
    const auto place = lower_bound(key);
    if (place != tags_.end() && place->key == key) tags_.erase(place);
  }

  template <class Predicate>
  void erase_if(Predicate predicate) {
    std::erase_if(tags_, predicate);
  }

  // Null when there is no such key. Good until the tags change.
  [[nodiscard]] const PointTag* find(std::string_view key) const {
    const auto place = std::lower_bound(tags_.begin(), tags_.end(), key, before);
    return place != tags_.end() && place->key == key ? &*place : nullptr;
  }

  [[nodiscard]] std::size_t size() const { return tags_.size(); }
  [[nodiscard]] auto begin() const { return tags_.begin(); }
  [[nodiscard]] auto end() const { return tags_.end(); }

  friend bool operator==(const PointTags&, const PointTags&) = default;

 private:
  static bool before(const PointTag& tag, std::string_view key) { return tag.key < key; }
  [[nodiscard]] std::vector<PointTag>::iterator lower_bound(std::string_view key) {
    return std::lower_bound(tags_.begin(), tags_.end(), key, before);
  }

  std::vector<PointTag> tags_;
};

}  // namespace fedwave::sinks
