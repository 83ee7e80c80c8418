// Streams that zlib wrote (tests/data/gzip), one of many small members among them, in every pair of
// pieces and with every kind of damage. tests/integration/support/gzip_streams.py made them.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

#include "relay/base/gzip.h"

using namespace fedwave;

namespace {

const std::string kData = FEDWAVE_TEST_DATA "/gzip/";
constexpr std::string_view kUnreadable = "the gzip stream cannot be read: ";
constexpr std::size_t kTrailerBytes = 8;
constexpr std::size_t kTextBytesMax = 4096;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

const std::string& text() {
  static const std::string kText = read_file(kData + "text.prom");
  return kText;
}

std::string stream(const std::string& name) {
  return read_file(kData + name + ".gz");
}

std::map<std::string, std::string> all_streams() {
  std::map<std::string, std::string> streams;
  for (const auto& entry : std::filesystem::directory_iterator(kData)) {
    const std::string name = entry.path().stem();
    if (entry.path().extension() == ".gz") streams[name] = stream(name);
  }
  return streams;
}

struct Fed {
  std::string text;
  std::string message;  // of the error; empty when there is none
  bool at_end = false;
};

// What comes of the stream when it arrives in pieces of `piece` bytes, the first of `first`.
Fed feed(base::GzipInflater& inflater, std::string_view bytes, std::size_t first,
         std::size_t piece) {
  Fed fed;
  inflater.reset();
  std::size_t size = first;
  while (true) {
    const auto result = inflater.feed(bytes.substr(0, size), [&](std::string_view inflated) {
      fed.text += inflated;
      return true;
    });
    if (!result) {
      fed.message = result.error().message;
      return fed;
    }
    if (size >= bytes.size()) break;
    bytes.remove_prefix(size);
    size = piece;
  }
  fed.at_end = inflater.at_end();
  return fed;
}

void check_whole(const Fed& fed) {
  CHECK(fed.message == "");
  CHECK(fed.at_end);
  CHECK(fed.text == text());
}

std::string unreadable(std::string_view why) {
  return std::string(kUnreadable) += why;
}

std::string message_for(std::string_view bytes) {
  const auto inflated = base::gunzip(bytes, kTextBytesMax);
  return inflated ? "" : inflated.error().message;
}

void flip_bit(std::string& bytes, std::size_t bit) {
  bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
}

}  // namespace

TEST_CASE("what zlib writes at any level and in any way is read, cut in two wherever it may be") {
  const auto streams = all_streams();
  REQUIRE(streams.size() >= 20);
  base::GzipInflater inflater;
  for (const auto& [name, bytes] : streams) {
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      CAPTURE(name);
      CAPTURE(cut);
      check_whole(feed(inflater, bytes, cut, bytes.size()));
    }
  }
}

TEST_CASE("a gzip stream may come byte by byte") {
  base::GzipInflater inflater;
  for (const auto& [name, bytes] : all_streams()) {
    CAPTURE(name);
    check_whole(feed(inflater, bytes, 1, 1));
  }
}

TEST_CASE("a gzip stream that ends early is no whole stream, and what came of it is right") {
  base::GzipInflater inflater;
  for (const auto& [name, bytes] : all_streams()) {
    const bool has_members = name == "members";
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CAPTURE(name);
      CAPTURE(size);
      const Fed fed = feed(inflater, std::string_view(bytes).substr(0, size), size, size);
      CHECK(fed.message == "");
      // Where a member ends nobody can tell that another should follow.
      CHECK((!fed.at_end || has_members));
      CHECK(text().starts_with(fed.text));
    }
  }
}

TEST_CASE("a wrong checksum and a wrong length are found, of any member") {
  for (const auto& [name, bytes] : all_streams()) {
    for (std::size_t back = 1; back <= kTrailerBytes; ++back) {
      CAPTURE(name);
      CAPTURE(back);
      std::string damaged = bytes;
      flip_bit(damaged, 8 * (bytes.size() - back));
      CHECK(message_for(damaged) == unreadable("its checksum is wrong"));
    }
  }
  std::string inner = stream("level_6") + stream("level_6");
  flip_bit(inner, 8 * (inner.size() / 2 - 1));
  CHECK(message_for(inner) == unreadable("its checksum is wrong"));
}

TEST_CASE("no flipped bit of a gzip stream gives another text") {
  for (const std::string name : {"level_6", "all_fields", "flushed", "level_0"}) {
    const std::string bytes = stream(name);
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      std::string damaged = bytes;
      flip_bit(damaged, bit);
      CAPTURE(name);
      CAPTURE(bit);
      const auto inflated = base::gunzip(damaged, kTextBytesMax);
      if (inflated) CHECK(*inflated == text());
    }
  }
}

TEST_CASE("the checksum of a gzip header is looked at where there is one") {
  constexpr std::size_t kTimeBit = 4 * 8;
  std::string checked = stream("all_fields");
  flip_bit(checked, kTimeBit);
  CHECK(message_for(checked) == unreadable("its checksum is wrong"));
  std::string unchecked = stream("level_6");
  flip_bit(unchecked, kTimeBit);
  CHECK(message_for(unchecked) == "");
}

TEST_CASE("what is no gzip after a gzip stream is an error, and the stream's text is kept") {
  // RFC 1952 knows nothing between members or after the last. gzip(1) forgives it, for tapes; where
  // HTTP frames a body nothing pads it, so somebody spoiled it.
  base::GzipInflater inflater;
  for (const std::string& tail : {std::string(512, '\0'), std::string("# and more text")}) {
    const Fed fed = feed(inflater, stream("level_6") + tail, 50, 50);
    CHECK(fed.message == unreadable("what follows its end is not another gzip stream"));
    CHECK(fed.text == text());
  }
  const Fed short_tail = feed(inflater, stream("level_6") + '\0', 50, 50);
  CHECK_FALSE(short_tail.at_end);
  CHECK(short_tail.text == text());
}
