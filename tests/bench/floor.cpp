#include "tests/bench/floor.h"

#include <xxhash.h>

#include <cstring>

namespace fedwave::bench {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr std::size_t kSlotsMin = 1024;
constexpr std::ptrdiff_t kMillisecondDigits = 3;

// Where the parts of one line end; each begins a blank after the end of the one before.
struct LineEnds {
  const char* series;
  const char* value;
  const char* timestamp;
};

LineEnds cut(const char* end) {
  LineEnds ends{.series = end, .value = end, .timestamp = end};
  do {
    --ends.value;
  } while (*ends.value != ' ');
  ends.series = ends.value;
  do {
    --ends.series;
  } while (*ends.series != ' ');
  return ends;
}

template <class Visit>
std::size_t each_sample(std::string_view text, Visit visit) {
  std::size_t samples = 0;
  const char* const text_end = text.data() + text.size();
  for (const char* line = text.data(); line < text_end;) {
    const auto* end = static_cast<const char*>(
        std::memchr(line, '\n', static_cast<std::size_t>(text_end - line)));
    if (end == nullptr) end = text_end;
    if (*line != '#' && line != end) {
      visit(line, cut(end));
      ++samples;
    }
    line = end + 1;
  }
  return samples;
}

std::uint64_t hash_of(const char* begin, const char* end) {
  return XXH3_64bits(begin, static_cast<std::size_t>(end - begin));
}

char* put(char* out, const char* bytes, std::size_t count) {
  std::memcpy(out, bytes, count);
  return out + count;
}

}  // namespace

Floor::Floor() : slots_(kSlotsMin), buffer_(kBufferBytes, '\0') {}

Floor::Slot& Floor::slot_of(std::uint64_t hash) {
  for (std::size_t i = hash;; ++i) {
    Slot& slot = slots_[i & (slots_.size() - 1)];
    if (slot.tail_bytes == 0 || slot.hash == hash) return slot;
  }
}

void Floor::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.tail_bytes > 0) slot_of(slot.hash) = slot;
  }
}

void Floor::learn(std::string_view text, const Prepare& prepare) {
  each_sample(text, [&](const char* line, const LineEnds& ends) {
    const std::uint64_t hash = hash_of(line, ends.series);
    if (slot_of(hash).tail_bytes > 0) return;
    if (++used_ * 2 > slots_.size()) grow();
    const PreparedLine prepared = prepare({line, static_cast<std::size_t>(ends.series - line)});
    slot_of(hash) = {.hash = hash,
                     .at = arena_.size(),
                     .head_bytes = static_cast<std::uint32_t>(prepared.head.size()),
                     .tail_bytes = static_cast<std::uint32_t>(prepared.tail.size())};
    arena_ += prepared.head;
    arena_ += prepared.tail;
  });
}

std::size_t Floor::pass(std::string_view text, const Take& take) {
  char* const begin = buffer_.data();
  char* out = begin;
  const std::size_t samples = each_sample(text, [&](const char* line, const LineEnds& ends) {
    const Slot& slot = slot_of(hash_of(line, ends.series));
    const char* const prepared = arena_.data() + slot.at;
    // Blank, value, blank and timestamp as they stand, but for the first and the milliseconds.
    const char* const sample = ends.series + 1;
    const auto sample_bytes =
        static_cast<std::size_t>(ends.timestamp - sample - kMillisecondDigits);
    const std::size_t line_bytes = slot.head_bytes + sample_bytes + slot.tail_bytes;
    if (static_cast<std::size_t>(out - begin) + line_bytes > kBufferBytes) {
      take({begin, static_cast<std::size_t>(out - begin)});
      out = begin;
    }
    out = put(out, prepared, slot.head_bytes);
    out = put(out, sample, sample_bytes);
    out = put(out, prepared + slot.head_bytes, slot.tail_bytes);
  });
  take({begin, static_cast<std::size_t>(out - begin)});
  return samples;
}

}  // namespace fedwave::bench
