// Where the lines of a text begin: turns a byte into its line and column and back. Borrows nothing
// of the text; any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace fedwave::config {

class TextLines {
 public:
  explicit TextLines(std::string_view text) : size_(text.size()) {
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '\n') starts_.push_back(at + 1);
    }
  }

  // Of a place that counts from 1; the end of the text for one beyond it.
  [[nodiscard]] std::size_t offset(Position where) const {
    const auto line = static_cast<std::size_t>(std::max(where.line, 1)) - 1;
    if (line >= starts_.size()) return size_;
    return std::min(starts_[line] + static_cast<std::size_t>(std::max(where.column, 1)) - 1, size_);
  }

  [[nodiscard]] Position place(std::size_t offset) const {
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
    return {static_cast<int>(next - starts_.begin()), static_cast<int>(offset - *(next - 1)) + 1};
  }

 private:
  std::size_t size_;
  std::vector<std::size_t> starts_ = {0};
};

}  // namespace fedwave::config
