#include "relay/base/gzip.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

using namespace fedwave;

namespace {

std::string sample_text(std::size_t bytes) {
  std::mt19937 random(3);
  std::string text;
  while (text.size() < bytes)
    text += "istio_requests_total{code=\"" + std::to_string(random() % 1000) + "\"} 1\n";
  text.resize(bytes);
  return text;
}

}  // namespace

TEST_CASE("what was deflated inflates to the same bytes, whatever the pieces") {
  base::GzipDeflater deflater;
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{5000}, std::size_t{3'000'000}}) {
    const std::string text = sample_text(bytes);
    const std::string packed = deflater.deflate(text);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{13}, std::size_t{70'000}}) {
      if (packed.size() / piece > 500'000) continue;
      CAPTURE(bytes);
      CAPTURE(piece);
      base::GzipInflater inflater;
      std::string out;
      for (std::size_t at = 0; at < packed.size(); at += piece) {
        const auto fed =
            inflater.feed(std::string_view(packed).substr(at, piece), [&](std::string_view t) {
              out.append(t);
              return true;
            });
        REQUIRE(fed.has_value());
        if (at + piece < packed.size()) CHECK_FALSE(inflater.at_end());
      }
      CHECK(inflater.at_end());
      CHECK(out == text);
    }
  }
}

TEST_CASE("several gzip members in a row are one stream, and a reset begins a new one") {
  base::GzipDeflater deflater;
  const std::string both = deflater.deflate("first,") + deflater.deflate("second");
  base::GzipInflater inflater;
  for (int round = 0; round < 2; ++round) {
    for (const std::size_t piece : {std::size_t{1}, both.size()}) {
      inflater.reset();
      std::string out;
      for (std::size_t at = 0; at < both.size(); at += piece) {
        REQUIRE(inflater
                    .feed(std::string_view(both).substr(at, piece),
                          [&](std::string_view t) {
                            out.append(t);
                            return true;
                          })
                    .has_value());
      }
      CHECK(out == "first,second");
      CHECK(inflater.at_end());
    }
  }
}

TEST_CASE("damage and shortage are told apart from a good end") {
  base::GzipDeflater deflater;
  const std::string packed = deflater.deflate(sample_text(20'000));
  const auto keep = [](std::string_view) { return true; };

  base::GzipInflater cut;
  REQUIRE(cut.feed(std::string_view(packed).substr(0, packed.size() - 3), keep).has_value());
  CHECK_FALSE(cut.at_end());

  std::string wrong_checksum = packed;
  wrong_checksum[packed.size() - 6] = static_cast<char>(wrong_checksum[packed.size() - 6] ^ 1);
  base::GzipInflater checked;
  const auto fed = checked.feed(wrong_checksum, keep);
  REQUIRE_FALSE(fed.has_value());
  CHECK(fed.error().code == base::ErrorCode::BadEncoding);
  CHECK(fed.error().message == "the gzip stream cannot be read: its checksum is wrong");

  base::GzipInflater text;
  const auto not_gzip = text.feed("a_metric 1\n# more text that is no gzip at all", keep);
  REQUIRE_FALSE(not_gzip.has_value());
  CHECK(not_gzip.error().message ==
        "the gzip stream cannot be read: it does not start with a gzip header");

  CHECK(base::gunzip(std::string_view(packed).substr(0, 50), 1 << 20).error().code ==
        base::ErrorCode::Truncated);
  CHECK(base::gunzip(packed, 19'999).error().code == base::ErrorCode::BodyLimit);
  CHECK(base::gunzip(packed, 20'000).value() == sample_text(20'000));
}

TEST_CASE("a reader that stops ends the inflation") {
  base::GzipDeflater deflater;
  base::GzipInflater inflater;
  const auto fed = inflater.feed(deflater.deflate(sample_text(4'000'000)),
                                 [](std::string_view) { return false; });
  REQUIRE_FALSE(fed.has_value());
  CHECK(fed.error().code == base::ErrorCode::Cancelled);
}
