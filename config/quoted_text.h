// A text between quotes in a YAML file, its line ends written as \n, as kubectl writes a ConfigMap
// whose lines end in blanks. Knows which byte of the file each byte of the text is, so that a place
// in the text has a place in the file and the other way round. Immutable; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/text_lines.h"

namespace fedwave::config {

class QuotedText {
 public:
  // The text whose opening quote stands at `where` in the file. Nothing where there is no quote, or
  // where the two do not agree.
  static std::optional<QuotedText> find(std::string_view file, Position where,
                                        std::string_view text);

  [[nodiscard]] Position in_file(Position in_text) const;

  // Nothing for a place outside the text.
  [[nodiscard]] std::optional<Position> in_text(Position in_file) const;

 private:
  QuotedText(TextLines file_lines, std::string_view text, std::vector<std::uint32_t> bytes);

  TextLines file_lines_;
  TextLines text_lines_;
  std::vector<std::uint32_t> bytes_;  // the file's byte of each of the text's, and of its end
};

}  // namespace fedwave::config
