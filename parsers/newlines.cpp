#include "parsers/newlines.h"

#include <bit>
#include <cstring>

#include "relay/base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fedwave::parsers {
namespace {

using Search = std::size_t (*)(std::string_view text, std::span<std::uint32_t> found);

std::size_t find_portable(std::string_view text, std::span<std::uint32_t> found) {
  std::size_t count = 0;
  for (std::size_t at = 0; count < found.size() && at < text.size(); ++at) {
    const void* newline = std::memchr(text.data() + at, '\n', text.size() - at);
    if (newline == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const char*>(newline) - text.data());
    found[count++] = static_cast<std::uint32_t>(at);
  }
  return count;
}

#if defined(__x86_64__)

constexpr std::size_t kBlockBytes = 64;

// A kernel's mask() has a bit for each newline in 64 bytes.
struct Sse2Kernel {
  static std::uint64_t mask(const char* block) {
    const __m128i newline = _mm_set1_epi8('\n');
    const auto* lanes = reinterpret_cast<const __m128i*>(block);
    std::uint64_t bits = 0;
    for (int i = 0; i < 4; ++i) {
      const __m128i equal = _mm_cmpeq_epi8(_mm_loadu_si128(lanes + i), newline);
      bits |= std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(equal))} << (16 * i);
    }
    return bits;
  }
};

struct Avx2Kernel {
  __attribute__((target("avx2,bmi"))) static std::uint64_t mask(const char* block) {
    const __m256i newline = _mm256_set1_epi8('\n');
    const auto* lanes = reinterpret_cast<const __m256i*>(block);
    std::uint64_t bits = 0;
    for (int i = 0; i < 2; ++i) {
      const __m256i equal = _mm256_cmpeq_epi8(_mm256_loadu_si256(lanes + i), newline);
      bits |= std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(equal))} << (32 * i);
    }
    return bits;
  }
};

struct Avx512Kernel {
  __attribute__((target("avx512bw,bmi"))) static std::uint64_t mask(const char* block) {
    return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(block), _mm512_set1_epi8('\n'));
  }
};

// Most blocks of a page hold no newline and the others one, in no order that a branch could learn.
// So the first bit's offset is written whether there is one or not, and counted when there is.
[[gnu::always_inline]] inline std::size_t take_newlines(std::uint64_t mask, std::size_t at,
                                                        std::span<std::uint32_t> found,
                                                        std::size_t count) {
  constexpr std::uint64_t kNeverEmpty = std::uint64_t{1} << 63;
  found[count] = static_cast<std::uint32_t>(at) +
                 static_cast<std::uint32_t>(std::countr_zero(mask | kNeverEmpty));
  count += mask != 0 ? 1 : 0;
  for (mask &= mask - 1; mask != 0 && count < found.size(); mask &= mask - 1) {
    found[count++] =
        static_cast<std::uint32_t>(at) + static_cast<std::uint32_t>(std::countr_zero(mask));
  }
  return count;
}

// Inlined into a function for the kernel's target, or the kernel would be called for each block.
template <class Kernel>
[[gnu::always_inline]] inline std::size_t find_in_blocks(std::string_view text,
                                                         std::span<std::uint32_t> found) {
  if (text.size() < kBlockBytes) return find_portable(text, found);
  std::size_t count = 0;
  std::size_t at = 0;
  for (; at + kBlockBytes <= text.size() && count < found.size(); at += kBlockBytes) {
    count = take_newlines(Kernel::mask(text.data() + at), at, found, count);
  }
  const std::size_t rest = text.size() - at;
  if (rest == 0 || rest >= kBlockBytes || count == found.size()) return count;
  // The last whole block again; the bits of what was seen before are shifted out.
  const std::uint64_t mask = Kernel::mask(text.data() + text.size() - kBlockBytes);
  return take_newlines(mask >> (kBlockBytes - rest), at, found, count);
}

std::size_t find_sse2(std::string_view text, std::span<std::uint32_t> found) {
  return find_in_blocks<Sse2Kernel>(text, found);
}

__attribute__((target("avx2,bmi"))) std::size_t find_avx2(std::string_view text,
                                                          std::span<std::uint32_t> found) {
  return find_in_blocks<Avx2Kernel>(text, found);
}

__attribute__((target("avx512bw,bmi"))) std::size_t find_avx512(std::string_view text,
                                                                std::span<std::uint32_t> found) {
  return find_in_blocks<Avx512Kernel>(text, found);
}

#endif  // __x86_64__

Search function_of(NewlineSearch search) {
  switch (search) {
#if defined(__x86_64__)
    case NewlineSearch::Sse2:
      return find_sse2;
    case NewlineSearch::Avx2:
      return find_avx2;
    case NewlineSearch::Avx512:
      return find_avx512;
#endif
    default:
      return find_portable;
  }
}

}  // namespace

std::vector<NewlineSearch> newline_searches() {
  std::vector<NewlineSearch> searches = {NewlineSearch::Portable};
#if defined(__x86_64__)
  searches.push_back(NewlineSearch::Sse2);
  // These ask the processor and also (XGETBV) whether the system saves the wide registers.
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")) {
    searches.push_back(NewlineSearch::Avx2);
    if (__builtin_cpu_supports("avx512bw")) searches.push_back(NewlineSearch::Avx512);
  }
#endif
  return searches;
}

std::size_t find_newlines_by(NewlineSearch search, std::string_view text,
                             std::span<std::uint32_t> found) {
  FEDWAVE_CHECK(text.size() <= std::size_t{1} << 32);
  return function_of(search)(text, found);
}

std::size_t find_newlines(std::string_view text, std::span<std::uint32_t> found) {
  static const NewlineSearch kFastest = newline_searches().back();
  return find_newlines_by(kFastest, text, found);
}

}  // namespace fedwave::parsers
