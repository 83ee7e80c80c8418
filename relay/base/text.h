// Text from outside: made fit to be shown in a log, an error, a terminal, and the small encodings
// of HTTP. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace fedwave::base {

// Control characters become spaces, bytes that are not UTF-8 question marks.
std::string printable(std::string_view text);

// ASCII only; what HTTP's header names and values need.
std::string lower(std::string_view text);

std::string base64(std::string_view bytes);

// Does it begin with '%' and two hexadecimal digits?
bool begins_with_percent_escape(std::string_view text);

// A '%' that no two hexadecimal digits follow stays as it is, and so does '+'.
std::string percent_decoded(std::string_view text);

// The beginning of what a server answered, to be quoted in an error: kept while it arrives, and
// shown only when it does not repeat a secret that it was sent.
class AnswerExcerpt {
 public:
  void append(std::string_view bytes);
  // The first line (of a web page: its title), printable and short; empty when there is nothing to
  // show.
  [[nodiscard]] std::string first_line(std::span<const std::string> secrets) const;

 private:
  std::string text_;
};

}  // namespace fedwave::base
