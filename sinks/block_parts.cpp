#include "sinks/block_parts.h"

#include <algorithm>

namespace fedwave::sinks {
namespace {

// Where the line after the first `count` ones begins; npos when there are not as many.
std::size_t after_lines(std::string_view lines, std::uint32_t count) {
  std::size_t at = 0;
  for (; count > 0; --count) {
    at = lines.find('\n', at);
    if (at == std::string_view::npos) return at;
    ++at;
  }
  return at;
}

}  // namespace

BlockParts::BlockParts(const Block& block)
    : block_(block), parts_{{.begin = 0, .end = block.line_bytes, .points = block.points}} {}

const Block& BlockParts::next(std::uint32_t points_max) {
  if (points_max > 0 && current().points > points_max) {
    if (const auto first = first_lines(*current_, points_max)) {
      current_ = first;
      made_.reset();
    }
  }
  if (current().points == block_.points) return block_;
  if (!made_) {
    const std::string_view text = lines();
    if (block_.gzip && !deflater_) deflater_.emplace();
    made_ = Block{.bytes = block_.gzip ? deflater_->deflate(text) : std::string(text),
                  .gzip = block_.gzip,
                  .format = block_.format,
                  .points = current_->points,
                  .line_bytes = text.size(),
                  .created_ms = block_.created_ms};
  }
  return *made_;
}

void BlockParts::pop() {
  Part& whole = parts_.back();
  whole.begin = current().end;
  whole.points -= current_->points;
  if (whole.points == 0) parts_.pop_back();
  current_.reset();
  made_.reset();
}

bool BlockParts::halve(bool last_first) {
  const Part both = current();
  const auto first = both.points > 1 ? first_lines(both, both.points / 2) : std::nullopt;
  if (!first) return false;
  pop();
  parts_.push_back({first->end, both.end, both.points - first->points});
  parts_.push_back(*first);
  if (last_first) std::swap(parts_.back(), parts_[parts_.size() - 2]);
  return true;
}

bool BlockParts::turn() {
  if (parts_.size() < 2) return false;
  std::rotate(parts_.begin(), parts_.begin() + 1, parts_.end());
  current_.reset();
  made_.reset();
  return true;
}

std::string_view BlockParts::lines() {
  return text_of(current());
}

const BlockParts::Part& BlockParts::current() {
  if (!current_) current_ = parts_.back();
  return *current_;
}

std::optional<BlockParts::Part> BlockParts::first_lines(const Part& part, std::uint32_t points) {
  const std::size_t bytes = after_lines(text_of(part), points);
  if (bytes == std::string_view::npos || part.begin + bytes >= part.end) return std::nullopt;
  return Part{part.begin, part.begin + bytes, points};
}

std::string_view BlockParts::text_of(const Part& part) {
  const std::string_view text = all_lines();
  return part.begin < text.size() ? text.substr(part.begin, part.end - part.begin)
                                  : std::string_view();
}

std::string_view BlockParts::all_lines() {
  if (!block_.gzip) return block_.bytes;
  if (!inflated_) {
    base::Expected<std::string> lines = block_lines(block_);
    inflated_ = lines ? *std::move(lines) : std::string();
  }
  return *inflated_;
}

}  // namespace fedwave::sinks
