// What the series table keeps of names and of label blocks, each in one piece of memory: a verdict
// and a text per sink. A series is one name part and one labels part; both are shared, because a
// metric's name comes back with every label block, and a label block with every metric of the same
// workload: of an Istio mesh's series four in five have labels that another one has, too.
//
// Parts lie in an arena and are only ever added; what is in use is moved to another arena to get
// rid of the rest. Same owner and thread as the series table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "relay/series_stages.h"

namespace fedwave::relay {

// Copies may read this much beyond the end of a part's text: they go in wide steps.
inline constexpr std::size_t kPartSlackBytes = 32;

constexpr std::uint16_t example_bit(Verdict verdict) {
  static_assert(kVerdictCount <= 16);
  return static_cast<std::uint16_t>(1U << static_cast<unsigned>(verdict));
}

// Reads one part. Good until its arena is gone.
class PartView {
 public:
  struct Head {
    double bound;         // of a distribution's bucket
    std::uint32_t group;  // of a distribution's part
    bool truncates : 1;
    bool converts : 1;
    bool is_bucket : 1;
    std::uint16_t examples;  // of a name's part: by verdict, whether the table has an example
  };
  struct SinkText {
    std::uint32_t at;  // from the beginning of the part
    std::uint16_t bytes;
    Verdict verdict;
    std::uint8_t repairs;  // how many kinds; they lie before the text, see repairs()
  };

  explicit PartView(const char* bytes) : bytes_(bytes) {}

  [[nodiscard]] const Head& head() const { return *reinterpret_cast<const Head*>(bytes_); }
  [[nodiscard]] Verdict verdict(std::size_t sink) const { return sink_text(sink).verdict; }
  [[nodiscard]] std::string_view text(std::size_t sink) const {
    return {bytes_ + sink_text(sink).at, sink_text(sink).bytes};
  }
  // PartPlan's; it lies behind the texts of all sinks, as if it were one more.
  [[nodiscard]] std::string_view origin(std::size_t sinks) const { return text(sinks); }
  // By Repair.
  void add_repairs(std::size_t sink, std::span<std::uint64_t> counts) const;
  [[nodiscard]] const char* bytes() const { return bytes_; }

 private:
  [[nodiscard]] const SinkText& sink_text(std::size_t sink) const {
    return reinterpret_cast<const SinkText*>(bytes_ + sizeof(Head))[sink];
  }
  const char* bytes_;
};

// The labels have no say then.
inline bool is_sources_name_verdict(Verdict verdict) {
  return verdict == Verdict::SourceNotInAllowList || verdict == Verdict::SourceDenyList;
}

// The name in a name part's text, which is `"name" `; empty for no text.
inline std::string_view name_in_head(std::string_view head) {
  return head.size() < 3 ? std::string_view() : head.substr(1, head.size() - 3);
}

// What becomes of a line that is put together of a name's and a label block's part.
inline Verdict line_verdict(Verdict name, std::size_t head_bytes, Verdict labels,
                            std::size_t tail_bytes) {
  const Verdict verdict = first_verdict(name, labels);
  const bool is_too_long = head_bytes + tail_bytes > kSeriesBytesMax;
  return verdict == Verdict::Kept && is_too_long ? Verdict::LineTooLong : verdict;
}
inline Verdict line_verdict(const PartView& name, const PartView& labels, std::size_t sink) {
  return line_verdict(name.verdict(sink), name.text(sink).size(), labels.verdict(sink),
                      labels.text(sink).size());
}

class PartArena {
 public:
  // Says which part; never 0.
  using Id = std::uint32_t;

  Id add(const PartPlan& plan, std::uint32_t group = 0);
  [[nodiscard]] PartView at(Id id) const { return PartView(address(id)); }
  void note_example(Id id, Verdict verdict) {
    char* const part = chunks_[id / kUnitsPerChunk] + id % kUnitsPerChunk * kUnit;
    reinterpret_cast<PartView::Head*>(part)->examples |= example_bit(verdict);
  }
  void prefetch(Id id) const {
    const char* part = address(id);
    for (std::size_t line = 0; line < kPrefetchedLines; ++line) {
      __builtin_prefetch(part + line * kCacheLineBytes);
    }
  }

  // Copies a part of another arena into this one.
  Id copy(const PartArena& from, Id id, std::size_t sinks);

  [[nodiscard]] std::size_t bytes() const { return chunks_.size() * kChunkBytes; }

 private:
  static constexpr std::size_t kUnit = 8;  // Ids count these, so that four bytes reach 32 GiB
  static constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
  static constexpr std::size_t kUnitsPerChunk = kChunkBytes / kUnit;
  static constexpr std::size_t kCacheLineBytes = 64;
  static constexpr std::size_t kPrefetchedLines = 5;  // of an aggregated series everything

  [[nodiscard]] const char* address(Id id) const {
    return chunks_[id / kUnitsPerChunk] + (id % kUnitsPerChunk) * kUnit;
  }
  char* allocate(std::size_t bytes, Id& id);
  void add_chunks(std::size_t count);

  std::vector<std::unique_ptr<char[]>> memory_;
  std::vector<char*> chunks_;  // where each begins; a part larger than a chunk lies in several
  std::size_t next_unit_ = 0;
  std::size_t end_unit_ = 0;
};

}  // namespace fedwave::relay
