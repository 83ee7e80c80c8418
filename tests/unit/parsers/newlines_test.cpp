#include "parsers/newlines.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fenced_pages.h"

using namespace fedwave::parsers;

namespace {

constexpr std::size_t kLengthMax = 300;
constexpr std::size_t kBlockBytes = 64;

std::vector<std::uint32_t> naive_newlines(std::string_view text, std::size_t room) {
  std::vector<std::uint32_t> offsets;
  for (std::size_t at = 0; at < text.size() && offsets.size() < room; ++at) {
    if (text[at] == '\n') offsets.push_back(static_cast<std::uint32_t>(at));
  }
  return offsets;
}

// Each search over `text`, with room for `room` offsets and not one more.
void check_all_searches(std::string_view text, std::size_t room) {
  const std::vector<std::uint32_t> expected = naive_newlines(text, room);
  constexpr std::uint32_t kUntouched = 0xFEEDBEEF;
  std::vector<std::uint32_t> found(room + 1);
  for (const NewlineSearch search : newline_searches()) {
    found.assign(room + 1, kUntouched);
    const std::size_t count = find_newlines_by(search, text, std::span(found.data(), room));
    const bool agrees = count == expected.size() &&
                        std::equal(expected.begin(), expected.end(), found.begin()) &&
                        found[room] == kUntouched;
    if (agrees) continue;
    CAPTURE(static_cast<int>(search));
    CAPTURE(text.size());
    CAPTURE(reinterpret_cast<std::uintptr_t>(text.data()) % kBlockBytes);
    CAPTURE(room);
    REQUIRE(count == expected.size());
    found.resize(count);
    REQUIRE(found == expected);
    FAIL("an offset was written past the room");
  }
}

using Fill = void (*)(std::span<char> text, std::mt19937& random);

// Bytes that a sloppy comparison takes for a newline: neighbours, and 0x0A with a high bit.
char other_byte(std::mt19937& random) {
  constexpr std::array<unsigned char, 8> kOthers = {0x09, 0x0B, 0x8A, 0x4A, 0x2A, 0x00, 0xFF, 'x'};
  return static_cast<char>(kOthers[random() % kOthers.size()]);
}

constexpr std::array<Fill, 4> kFills = {
    [](std::span<char> text, std::mt19937&) { std::fill(text.begin(), text.end(), '\n'); },
    [](std::span<char> text, std::mt19937& random) {
      for (char& c : text) c = other_byte(random);
    },
    [](std::span<char> text, std::mt19937& random) {
      for (char& c : text) c = random() % 8 == 0 ? '\n' : other_byte(random);
    },
    // At the edges of blocks counted from the text's begin, from its end and from its address.
    [](std::span<char> text, std::mt19937& random) {
      const auto address = reinterpret_cast<std::uintptr_t>(text.data());
      for (std::size_t at = 0; at < text.size(); ++at) {
        bool at_edge = false;
        for (const std::size_t offset : {at, text.size() - at, address + at}) {
          at_edge = at_edge || offset % kBlockBytes == 0 || offset % kBlockBytes == kBlockBytes - 1;
        }
        text[at] = at_edge ? '\n' : other_byte(random);
      }
    },
};

}  // namespace

TEST_CASE("every search finds what a plain loop finds, whatever the length and the alignment") {
  std::mt19937 random(7);
  alignas(kBlockBytes) std::array<char, kLengthMax + 2 * kBlockBytes> bytes{};
  for (std::size_t alignment = 0; alignment < kBlockBytes; ++alignment) {
    for (std::size_t length = 0; length <= kLengthMax; ++length) {
      // Newlines all around, which are not the text's.
      bytes.fill('\n');
      const std::span<char> text(bytes.data() + alignment, length);
      for (const Fill fill : kFills) {
        fill(text, random);
        check_all_searches({text.data(), text.size()}, length);
      }
    }
  }
}

TEST_CASE("a search stops when there is no more room, and writes nothing past it") {
  std::mt19937 random(8);
  std::string bytes(kLengthMax, 'x');
  for (const Fill fill : kFills) {
    for (std::size_t length = 0; length <= kLengthMax; length += 1 + random() % 3) {
      fill(std::span(bytes.data(), length), random);
      for (const std::size_t room : {0, 1, 2, 3, 5, 63, 64, 65, 130}) {
        check_all_searches(std::string_view(bytes).substr(0, length), room);
      }
    }
  }
}

TEST_CASE("no search reads a byte before or after the text") {
  const fedwave::support::FencedPages pages;
  std::mt19937 random(9);
  for (const Fill fill : kFills) {
    for (std::size_t length = 0; length <= kLengthMax; ++length) {
      for (char* begin : {pages.begin(), pages.end() - length}) {
        fill(std::span(begin, length), random);
        check_all_searches({begin, length}, length);
      }
    }
  }
}

TEST_CASE("the search taken by default finds the lines of a page in pieces of any room") {
  std::mt19937 random(10);
  std::string page;
  for (int line = 0; line < 500; ++line) page += std::string(random() % 700, 'x') + '\n';
  const std::vector<std::uint32_t> expected = naive_newlines(page, page.size());
  for (const std::size_t room : {1, 7, 64, 1000}) {
    std::vector<std::uint32_t> found(room);
    std::vector<std::uint32_t> all;
    std::size_t at = 0;
    while (const std::size_t count = find_newlines(std::string_view(page).substr(at), found)) {
      for (std::size_t i = 0; i < count; ++i) {
        all.push_back(static_cast<std::uint32_t>(at) + found[i]);
      }
      at = all.back() + 1;
    }
    CAPTURE(room);
    CHECK(all == expected);
  }
}
