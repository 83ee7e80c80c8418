#include "relay/base/edit_distance.h"

#include <algorithm>
#include <string>
#include <utility>

namespace fedwave::base {
namespace {

constexpr std::size_t kEditsMax = 2;
constexpr std::size_t kMeantBytesMax = 64;  // no word of ours is longer

// Lower case without '_' and '-': bearerToken, bearer_token and BEARER-TOKEN are the same word.
std::string plain_word(std::string_view word) {
  std::string plain;
  for (const char c : word) {
    if (c == '_' || c == '-') continue;
    plain += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return plain;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > most) return most + 1;
  std::vector<std::size_t> row(a.size() + 1);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
  for (std::size_t j = 1; j <= b.size(); ++j) {
    std::size_t diagonal = std::exchange(row[0], j);
    std::size_t least = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[i];
      row[i] = std::min({changed, row[i] + 1, row[i - 1] + 1});
      least = std::min(least, row[i]);
    }
    if (least > most) return most + 1;
  }
  return std::min(row[a.size()], most + 1);
}

std::string_view nearest_word(std::string_view word,
                              const std::vector<std::string_view>& candidates) {
  if (word.size() > kMeantBytesMax) return {};
  std::string_view best;
  std::size_t best_distance = kEditsMax + 1;
  for (const std::string_view candidate : candidates) {
    const bool same_word = plain_word(word) == plain_word(candidate);
    const std::size_t distance = same_word ? 0 : edit_distance(word, candidate, kEditsMax);
    // Two edits make any two-letter word out of any other: something has to remain.
    if (distance < best_distance && distance < std::min(word.size(), candidate.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace fedwave::base
