#include "config/quoted_text.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace fedwave::config {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

// Goes through what stands between the quotes side by side with the text that it says.
class Alignment {
 public:
  Alignment(std::string_view file, std::size_t quote_at, std::string_view text)
      : file_(file), text_(text), quote_(file[quote_at]), at_(quote_at + 1) {}

  std::optional<std::vector<std::uint32_t>> run() {
    bytes_.reserve(text_.size() + 1);
    while (bytes_.size() < text_.size()) {
      if (at_ >= file_.size() || !step()) return std::nullopt;
    }
    bytes_.push_back(static_cast<std::uint32_t>(at_));
    return std::move(bytes_);
  }

 private:
  bool step() {
    const char c = file_[at_];
    if (kBlanks.find(c) != std::string_view::npos) return take_blanks();
    if (quote_ == '"' && c == '\\') return take_escape();
    const bool is_quote = c == quote_;
    if (is_quote && (quote_ == '"' || file_.substr(at_, 2) != "''")) return false;
    return take(1, is_quote ? 2 : 1, c);
  }

  // A line end and the blanks around it are one blank; empty lines in between are line ends.
  bool take_blanks() {
    const std::size_t end = std::min(file_.find_first_not_of(kBlanks, at_), file_.size());
    const std::string_view run = file_.substr(at_, end - at_);
    const auto breaks = static_cast<std::size_t>(std::count(run.begin(), run.end(), '\n'));
    if (breaks == 1) return take(1, run.size(), ' ');
    if (breaks > 1) return take(breaks - 1, run.size(), '\n');
    for (const char blank : run) {
      if (!take(1, 1, blank)) return false;
    }
    return true;
  }

  bool take_escape() {
    const std::string_view rest = file_.substr(at_ + 1);
    if (rest.empty()) return false;
    const std::size_t line_end = rest.find('\n');
    if (line_end == 0 || (line_end == 1 && rest[0] == '\r')) {  // says nothing
      at_ = std::min(file_.find_first_not_of(" \t", at_ + line_end + 2), file_.size());
      return true;
    }
    const std::size_t digits = rest[0] == 'x' ? 2 : rest[0] == 'u' ? 4 : rest[0] == 'U' ? 8 : 0;
    const auto lead = static_cast<unsigned char>(text_[bytes_.size()]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return take(length, 2 + digits, std::nullopt);
  }

  // So many bytes of the text stand at so many of the file; each is `byte` where that is known.
  bool take(std::size_t of_text, std::size_t of_file, std::optional<char> byte) {
    if (text_.size() - bytes_.size() < of_text) return false;
    const std::string_view part = text_.substr(bytes_.size(), of_text);
    if (byte && part.find_first_not_of(*byte) != std::string_view::npos) return false;
    bytes_.insert(bytes_.end(), of_text, static_cast<std::uint32_t>(at_));
    at_ += of_file;
    return true;
  }

  std::string_view file_;
  std::string_view text_;
  char quote_;
  std::size_t at_;
  std::vector<std::uint32_t> bytes_;
};

}  // namespace

std::optional<QuotedText> QuotedText::find(std::string_view file, Position where,
                                           std::string_view text) {
  TextLines lines(file);
  const std::size_t quote_at = lines.offset(where);
  if (quote_at >= file.size() || file.size() > std::numeric_limits<std::uint32_t>::max() ||
      (file[quote_at] != '"' && file[quote_at] != '\'')) {
    return std::nullopt;
  }
  auto bytes = Alignment(file, quote_at, text).run();
  if (!bytes) return std::nullopt;
  return QuotedText(std::move(lines), text, *std::move(bytes));
}

QuotedText::QuotedText(TextLines file_lines, std::string_view text,
                       std::vector<std::uint32_t> bytes)
    : file_lines_(std::move(file_lines)), text_lines_(text), bytes_(std::move(bytes)) {}

Position QuotedText::in_file(Position in_text) const {
  return file_lines_.place(bytes_[text_lines_.offset(in_text)]);
}

std::optional<Position> QuotedText::in_text(Position in_file) const {
  const std::size_t at = file_lines_.offset(in_file);
  const auto byte = std::lower_bound(bytes_.begin(), bytes_.end(), at);
  if (in_file.line == 0 || at < bytes_.front() || byte == bytes_.end()) return std::nullopt;
  return text_lines_.place(static_cast<std::size_t>(byte - bytes_.begin()));
}

}  // namespace fedwave::config
