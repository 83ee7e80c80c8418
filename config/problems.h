// Collects what is wrong with a file while it is read, so that one run names everything. Belongs to
// one load and one thread. Also holds the words every message is made of: quoting, near misses.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "config/load.h"
#include "config/quoted_text.h"

namespace fedwave::config {

class Problems {
 public:
  // What comes from now on stands in a text within the file: each problem also says at which line
  // and column of that text, which is called `name`. Valid as long as the Problems.
  const QuotedText& enter(QuotedText text, std::string_view name);

  void error(Position where, std::string what, std::string advice = {});
  void warning(Position where, std::string what, std::string advice = {});

  // The line that people know the place by.
  [[nodiscard]] int line_of(Position where) const;

  [[nodiscard]] bool has_errors() const { return has_errors_; }

  // Nothing more is kept: a file of nothing but mistakes need not be read to its end.
  [[nodiscard]] bool full() const;

  // All of them in the order of the file; nothing stays behind.
  std::vector<Problem> take();

 private:
  void add(Severity severity, Position where, std::string what, std::string advice);

  [[nodiscard]] std::optional<Position> within_text(Position where) const;

  std::vector<Problem> problems_;
  std::unique_ptr<const QuotedText> quoted_text_;
  std::string quoted_text_name_;
  // An anchor used at several places is read as often; its problems are told once.
  std::set<std::tuple<int, int, std::string>> seen_;
  bool has_errors_ = false;
};

// The text as messages show it: without control characters and not endless.
std::string one_line(std::string_view text);

// The same between double quotes.
std::string in_quotes(std::string_view text);

// A key that nobody knows, between double quotes. In a flow map `{token:secret}` is one key without
// a value, so that only what stands before its first ':' is fit to be shown.
std::string key_in_quotes(std::string_view key);
// What to do about such a key; empty when it has no ':'.
std::string key_advice(std::string_view key);

// `did you mean "x"?` for the nearest candidate: same but for case, '_' and '-', or at most two
// edits away. Empty when nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);

// "a, b, c".
std::string joined(const std::vector<std::string_view>& words);

}  // namespace fedwave::config
