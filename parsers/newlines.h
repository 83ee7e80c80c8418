// Where the lines of a page end: a wide search, by the widest registers that the machine and its
// system have, chosen once while running. Owns nothing, never reads outside the text, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace fedwave::parsers {

// Writes the offsets of the newlines in `text` (at most 4 GiB), ascending, as many as `found` has
// room for, and returns how many. It looks no further once `found` is full. What it leaves in
// `found` past that number has no meaning.
std::size_t find_newlines(std::string_view text, std::span<std::uint32_t> found);

// The ways to search, so that tests and benches can name one. All give the same offsets.
enum class NewlineSearch : std::uint8_t { Portable, Sse2, Avx2, Avx512 };

// Those that run here, the fastest last: that is the one find_newlines takes.
std::vector<NewlineSearch> newline_searches();

// By the given one, which must be among newline_searches().
std::size_t find_newlines_by(NewlineSearch search, std::string_view text,
                             std::span<std::uint32_t> found);

}  // namespace fedwave::parsers
