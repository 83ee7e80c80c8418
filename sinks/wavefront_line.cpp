#include "sinks/wavefront_line.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <forward_list>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

namespace fedwave::sinks {
namespace {

// The receiver refuses a tag whose key and value have 255 bytes or more together.
constexpr std::size_t kKeyAndValueBytesMax = 254;
constexpr std::size_t kHashSuffixBytes = 9;  // '~' and eight hexadecimal digits

void count(RepairCounts& repairs, Repair repair, std::size_t times = 1) {
  repairs[static_cast<std::size_t>(repair)] += static_cast<std::uint32_t>(times);
}

bool is_name_byte(char c) {
  return (c >= ',' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' || (c >= 'a' && c <= 'z');
}

void sanitise(std::string& text, std::size_t from) {
  for (std::size_t i = from; i < text.size(); ++i) {
    if (!is_name_byte(text[i])) text[i] = '-';
  }
}

bool is_sane(std::string_view text) {
  return std::all_of(text.begin(), text.end(), is_name_byte);
}

// Bytes of what may stand before a name: a delta sign, '~', or both.
std::size_t name_marker_bytes(std::string_view name) {
  std::size_t bytes = 0;
  for (const std::string_view delta : {"\xE2\x88\x86", "\xCE\x94"}) {
    if (name.starts_with(delta)) bytes = delta.size();
  }
  return bytes < name.size() && name[bytes] == '~' ? bytes + 1 : bytes;
}

// What Go's strings.TrimSpace takes away, in UTF-8.
constexpr std::array<std::string_view, 25> kSpaces = {" ",
                                                      "\t",
                                                      "\n",
                                                      "\v",
                                                      "\f",
                                                      "\r",
                                                      "\xC2\x85",
                                                      "\xC2\xA0",
                                                      "\xE1\x9A\x80",
                                                      "\xE2\x80\x80",
                                                      "\xE2\x80\x81",
                                                      "\xE2\x80\x82",
                                                      "\xE2\x80\x83",
                                                      "\xE2\x80\x84",
                                                      "\xE2\x80\x85",
                                                      "\xE2\x80\x86",
                                                      "\xE2\x80\x87",
                                                      "\xE2\x80\x88",
                                                      "\xE2\x80\x89",
                                                      "\xE2\x80\x8A",
                                                      "\xE2\x80\xA8",
                                                      "\xE2\x80\xA9",
                                                      "\xE2\x80\xAF",
                                                      "\xE2\x81\x9F",
                                                      "\xE3\x80\x80"};

bool is_visible_ascii(char c) {
  return c > 0x20 && c < 0x7F;
}

std::string_view trim(std::string_view text) {
  // Nearly every value: measured to be half of the time of a first scrape without this.
  if (text.empty() || (is_visible_ascii(text.front()) && is_visible_ascii(text.back())))
    return text;
  const auto find_space = [](auto at_edge) {
    const auto* found = std::find_if(kSpaces.begin(), kSpaces.end(), at_edge);
    return found == kSpaces.end() ? std::size_t{0} : found->size();
  };
  while (const auto bytes = find_space([&](std::string_view s) { return text.starts_with(s); })) {
    text.remove_prefix(bytes);
  }
  while (const auto bytes = find_space([&](std::string_view s) { return text.ends_with(s); })) {
    text.remove_suffix(bytes);
  }
  return text;
}

// Only newline has an escape; a carriage return or an escape sequence would go through raw.
std::string without_control_characters(std::string_view text, RepairCounts& repairs) {
  std::string clean(text);
  bool replaced = false;
  for (char& c : clean) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t' && c != '\n') || byte == 0x7F) {
      c = ' ';
      replaced = true;
    }
  }
  if (replaced) count(repairs, Repair::ControlCharacter);
  return clean;
}

// Cuts at a UTF-8 boundary and ends with a hash of the whole. Where not even the hash has room, the
// text is only cut.
void cut(std::string& text, std::size_t bytes_max) {
  const bool room_for_hash = bytes_max > kHashSuffixBytes;
  std::size_t keep = room_for_hash ? bytes_max - kHashSuffixBytes : bytes_max;
  const auto hash = static_cast<std::uint32_t>(XXH3_64bits(text.data(), text.size()) >> 32U);
  while (keep > 0 && (static_cast<unsigned char>(text[keep]) & 0xC0U) == 0x80U) --keep;
  text.resize(keep);
  if (!room_for_hash) return;
  text += '~';
  for (unsigned shift = 32; shift > 0; shift -= 4) {
    text += "0123456789abcdef"[(hash >> (shift - 4)) & 0xFU];
  }
}

// True for nearly every value: nothing to trim, to repair or to escape.
bool is_plain(std::string_view value, std::size_t bytes_max) {
  if (value.empty() || value.size() > bytes_max || value.back() == '\\') return false;
  if (!is_visible_ascii(value.front()) || !is_visible_ascii(value.back())) return false;
  bool special = false;
  for (const char c : value) {
    special = special | (static_cast<unsigned char>(c) < 0x20) | (c == 0x7F) | (c == '"');
  }
  return !special;
}

// A source or tag value as it may go out, not yet escaped. Empty when nothing is left.
std::string clean_value(std::string_view raw, std::size_t bytes_max, Repair too_long,
                        RepairCounts& repairs) {
  std::string value(trim(without_control_characters(trim(raw), repairs)));
  if (value.size() > bytes_max) {
    cut(value, bytes_max);
    count(repairs, too_long);
  }
  if (!value.empty() && value.back() == '\\') {
    value.back() = '/';
    count(repairs, Repair::TrailingBackslash);
  }
  return value;
}

// A backslash itself is not escaped: the receiver does not know "\\".
std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '"') {
      out += "\\\"";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

void note_increases(const RepairCounts& before, const RepairCounts& after, std::string_view key,
                    std::vector<RepairedTag>& repaired) {
  for (std::size_t i = 0; i < kRepairCount; ++i) {
    if (after[i] > before[i]) repaired.push_back({std::string(key), static_cast<Repair>(i)});
  }
}

struct CleanTag {
  std::string_view key;
  std::string_view value;  // escaped
  std::string_view original_key;
};

// The tags of one series as they may go out. Borrows what is clean already, which is nearly
// everything, and owns the rest.
class CleanTags {
 public:
  CleanTags(const PointTags& tags, const LineLimits& limits, RepairCounts& repairs,
            std::vector<RepairedTag>* repaired)
      : limits_(limits), repairs_(repairs), repaired_(repaired) {
    tags_.reserve(tags.size());
    for (const PointTag& tag : tags) add(tag);
    // They come in the order of their keys, unless sanitising has changed one.
    if (!std::is_sorted(tags_.begin(), tags_.end(), by_key)) {
      std::stable_sort(tags_.begin(), tags_.end(), by_key);
    }
    const auto same_key = [this](const CleanTag& a, const CleanTag& b) {
      if (a.key == b.key) note(b.original_key, Repair::TagKeyCollision);
      return a.key == b.key;
    };
    const auto collided = std::unique(tags_.begin(), tags_.end(), same_key);
    count(repairs, Repair::TagKeyCollision, static_cast<std::size_t>(tags_.end() - collided));
    tags_.erase(collided, tags_.end());
  }

  // Keeps the most important ones up to the limit; the order by key stays.
  void enforce_limit(const TagPriority& priority) {
    if (tags_.size() <= limits_.tags) return;
    count(repairs_, Repair::TagsOverLimit, tags_.size() - limits_.tags);
    std::vector<std::pair<std::size_t, std::size_t>> order;  // rank, place
    order.reserve(tags_.size());
    std::size_t hint = 0;
    for (std::size_t i = 0; i < tags_.size(); ++i) {
      order.emplace_back(priority.rank(tags_[i].original_key, hint), i);
    }
    const auto first_gone = order.begin() + static_cast<std::ptrdiff_t>(limits_.tags);
    std::nth_element(order.begin(), first_gone, order.end());
    if (repaired_ != nullptr) std::sort(first_gone, order.end());
    for (auto gone = first_gone; gone != order.end(); ++gone) {
      note(tags_[gone->second].original_key, Repair::TagsOverLimit);
      tags_[gone->second].key = {};
    }
    std::erase_if(tags_, [](const CleanTag& tag) { return tag.key.empty(); });
  }

  [[nodiscard]] const std::vector<CleanTag>& tags() const { return tags_; }

 private:
  static bool by_key(const CleanTag& a, const CleanTag& b) { return a.key < b.key; }

  std::string_view own(std::string text) { return owned_.emplace_front(std::move(text)); }

  std::string_view sane_key(std::string_view raw) {
    if (is_sane(raw)) return raw;
    std::string key(raw);
    sanitise(key, 0);
    return own(std::move(key));
  }

  void note(std::string_view key, Repair repair) {
    if (repaired_ != nullptr) repaired_->push_back({std::string(key), repair});
  }

  void add(const PointTag& raw) {
    if (repaired_ == nullptr) return add_clean(raw);
    const RepairCounts before = repairs_;
    add_clean(raw);
    note_increases(before, repairs_, raw.key, *repaired_);
  }

  void add_clean(const PointTag& raw) {
    CleanTag tag{sane_key(raw.key), raw.value, raw.key};
    if (tag.key == "source") {
      tag.key = "_source";
      count(repairs_, Repair::SourceTagRenamed);
    }
    if (tag.key.empty() || trim(raw.value).empty()) return count(repairs_, Repair::TagValueBlank);
    if (tag.key.size() > limits_.tag_key_bytes || tag.key.size() >= kKeyAndValueBytesMax) {
      return count(repairs_, Repair::TagKeyTooLong);
    }
    const std::size_t value_bytes_max =
        std::min(limits_.tag_value_bytes, kKeyAndValueBytesMax - tag.key.size());
    if (!is_plain(raw.value, value_bytes_max)) {
      const std::string value =
          clean_value(raw.value, value_bytes_max, Repair::TagValueTruncated, repairs_);
      if (value.empty()) return count(repairs_, Repair::TagValueBlank);
      tag.value = own(escaped(value));
    }
    tags_.push_back(tag);
  }

  const LineLimits& limits_;
  RepairCounts& repairs_;
  std::vector<RepairedTag>* const repaired_;
  std::vector<CleanTag> tags_;
  std::forward_list<std::string> owned_;
};

std::string tail_text(std::string_view source, const std::vector<CleanTag>& tags) {
  constexpr std::string_view kSource = " source=\"";
  std::size_t bytes = kSource.size() + source.size() + 2;
  for (const CleanTag& tag : tags) bytes += tag.key.size() + tag.value.size() + 6;
  std::string text;
  text.reserve(bytes);
  text.append(kSource).append(source).append(1, '"');
  for (const CleanTag& tag : tags) {
    text.append(" \"").append(tag.key).append("\"=\"").append(tag.value).append(1, '"');
  }
  text += '\n';
  return text;
}

std::int64_t add_counts(std::int64_t a, std::int64_t b) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  return a > kMax - b ? kMax : a + b;
}

// Ascending, without duplicates and without what the receiver does not take.
std::vector<Centroid> normalise(std::span<const Centroid> centroids) {
  std::vector<Centroid> sorted;
  std::copy_if(centroids.begin(), centroids.end(), std::back_inserter(sorted),
               [](const Centroid& c) { return c.count > 0 && std::isfinite(c.value); });
  std::sort(sorted.begin(), sorted.end(),
            [](const Centroid& a, const Centroid& b) { return a.value < b.value; });
  std::vector<Centroid> merged;
  for (const Centroid& centroid : sorted) {
    if (!merged.empty() && merged.back().value == centroid.value) {
      merged.back().count = add_counts(merged.back().count, centroid.count);
    } else {
      merged.push_back(centroid);
    }
  }
  return merged;
}

// Exactly kCentroidsMax groups of neighbours, each with the mean of its members.
std::vector<Centroid> merge_neighbours(const std::vector<Centroid>& centroids) {
  std::vector<Centroid> merged;
  for (std::size_t group = 0; group < kCentroidsMax; ++group) {
    const std::size_t begin = group * centroids.size() / kCentroidsMax;
    const std::size_t end = (group + 1) * centroids.size() / kCentroidsMax;
    Centroid sum = centroids[begin];
    for (std::size_t i = begin + 1; i < end; ++i) {
      const Centroid& next = centroids[i];
      sum.count = add_counts(sum.count, next.count);
      const double share = static_cast<double>(next.count) / static_cast<double>(sum.count);
      sum.value = sum.value * (1 - share) + next.value * share;
    }
    merged.push_back(sum);
  }
  return merged;
}

// How many counts it had to change.
std::size_t cap_counts(std::vector<Centroid>& centroids) {
  std::size_t capped = 0;
  for (Centroid& centroid : centroids) {
    if (centroid.count <= kCentroidCountMax) continue;
    centroid.count = kCentroidCountMax;
    ++capped;
  }
  return capped;
}

}  // namespace

const char* repair_name(Repair repair) {
  switch (repair) {
    case Repair::TagsOverLimit:
      return "tags_over_limit";
    case Repair::TagKeyTooLong:
      return "tag_key_too_long";
    case Repair::TagValueTruncated:
      return "tag_value_truncated";
    case Repair::TagValueBlank:
      return "tag_value_blank";
    case Repair::TrailingBackslash:
      return "trailing_backslash";
    case Repair::SourceTagRenamed:
      return "source_tag_renamed";
    case Repair::TagKeyCollision:
      return "tag_key_collision";
    case Repair::SourceTruncated:
      return "source_truncated";
    case Repair::TimestampOutOfRange:
      return "timestamp_out_of_range";
    case Repair::ControlCharacter:
      return "control_character";
    case Repair::CentroidsMerged:
      return "centroids_merged";
    case Repair::CentroidCountCapped:
      return "centroid_count_capped";
  }
  return "";
}

TagPriority::TagPriority(std::span<const std::string> keys) {
  for (const std::string& key : keys) ranks_.emplace_back(key, ranks_.size());
  std::sort(ranks_.begin(), ranks_.end());  // of a key listed twice its better rank comes first
}

std::size_t TagPriority::rank(std::string_view key, std::size_t& hint) const {
  if (hint > 0 && ranks_[hint - 1].first >= key) hint = 0;
  while (hint < ranks_.size() && ranks_[hint].first < key) ++hint;
  const bool is_listed = hint < ranks_.size() && ranks_[hint].first == key;
  return is_listed ? ranks_[hint].second : ranks_.size();
}

std::variant<std::string, Rejection> render_head(std::string_view name, const LineLimits& limits) {
  const std::size_t marker_bytes = name_marker_bytes(name);
  if (name.size() == marker_bytes) return Rejection::EmptyName;
  if (name.size() > limits.name_bytes) return Rejection::NameTooLong;
  std::string sane(name);
  sanitise(sane, marker_bytes);
  return '"' + sane + "\" ";
}

std::variant<RenderedTail, Rejection> render_tail(std::string_view source, const PointTags& tags,
                                                  const LineLimits& limits,
                                                  const TagPriority& priority,
                                                  std::vector<RepairedTag>* repaired) {
  RenderedTail tail;
  const std::string clean_source =
      clean_value(source, limits.source_bytes, Repair::SourceTruncated, tail.repairs);
  if (clean_source.empty()) return Rejection::EmptySource;
  if (repaired != nullptr) note_increases({}, tail.repairs, "", *repaired);
  CleanTags clean(tags, limits, tail.repairs, repaired);
  clean.enforce_limit(priority);
  tail.text = tail_text(escaped(clean_source), clean.tags());
  return tail;
}

bool append_distribution(std::string& out, std::int64_t timestamp_s,
                         std::span<const Centroid> centroids, const RenderedSeries& series,
                         RepairCounts* repairs) {
  std::vector<Centroid> sent = normalise(centroids);
  if (sent.empty()) return false;
  if (sent.size() > kCentroidsMax) {
    sent = merge_neighbours(sent);
    if (repairs != nullptr) count(*repairs, Repair::CentroidsMerged);
  }
  const std::size_t capped = cap_counts(sent);
  if (repairs != nullptr) count(*repairs, Repair::CentroidCountCapped, capped);
  out += "!M " + std::to_string(timestamp_s);
  for (const Centroid& centroid : sent) {
    out += " #" + std::to_string(centroid.count) + ' ';
    append_value(out, centroid.value);
  }
  out += ' ';
  out.append(series.head, 0, series.head.size() - 1);  // the tail brings its own space
  out += series.tail;
  return true;
}

}  // namespace fedwave::sinks
