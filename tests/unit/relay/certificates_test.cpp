#include "relay/certificates.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "relay/base/clock.h"
#include "tests/support/certificates.h"
#include "tests/support/patience.h"
#include "tests/support/temp_folder.h"

namespace fedwave::relay {
namespace {

using base::ErrorCode;
using support::CertifiedKey;
using support::in_some_attempt;
using support::make_certified_key;

class PairFiles {
 public:
  [[nodiscard]] std::vector<std::string> paths() const { return {certificate_path, key_path}; }
  static void write(const std::string& path, std::string_view content) {
    std::ofstream(path + ".new") << content;
    std::filesystem::rename(path + ".new", path);
  }
  void write(const CertifiedKey& pair) const {
    write(certificate_path, pair.certificate);
    write(key_path, pair.key);
  }

 private:
  support::TempFolder folder_;

 public:
  const std::string certificate_path = folder_.path() + "/cert-chain.pem";
  const std::string key_path = folder_.path() + "/key.pem";
};

TEST_CASE("A pair counts once both files are there, in whichever order they come") {
  for (const bool key_is_first : {true, false}) {
    CAPTURE(key_is_first);
    const PairFiles files;
    const auto pair = make_certified_key();
    LastGood<CertificatePair> last_good(files.paths());
    CHECK(last_good.look().error().code == ErrorCode::NotFound);
    files.write(key_is_first ? files.key_path : files.certificate_path,
                key_is_first ? pair.key : pair.certificate);
    CHECK(last_good.look().error().code == ErrorCode::NotFound);
    CHECK(last_good.look().error().code == ErrorCode::NotFound);
    files.write(key_is_first ? files.certificate_path : files.key_path,
                key_is_first ? pair.certificate : pair.key);
    auto look = last_good.look();
    REQUIRE(look.has_value());
    CHECK(look->is_new);
    CHECK(last_good.content().certificates().text() == pair.certificate);
    CHECK(last_good.content().key().text() == pair.key);
    look = last_good.look();
    REQUIRE(look.has_value());
    CHECK(!look->is_new);
    CHECK(look->refusal.empty());
  }
}

TEST_CASE(
    "While a new pair arrives file by file the old one stays, and each refusal is told once") {
  const PairFiles files;
  const auto old_pair = make_certified_key();
  const auto new_pair = make_certified_key();
  files.write(old_pair);
  LastGood<CertificatePair> last_good(files.paths());
  REQUIRE(last_good.look().has_value());

  struct Step {
    const std::string& path;
    std::string content;
    std::string refusal;  // empty: the new pair is taken
  };
  const Step steps[] = {
      {files.key_path, new_pair.key, "does not belong to the first certificate in"},
      {files.certificate_path, new_pair.certificate.substr(0, 200), "(bad end line)"},
      {files.certificate_path, "", "(no start line)"},
      {files.certificate_path, new_pair.certificate, ""},
      {files.certificate_path, new_pair.certificate + old_pair.certificate.substr(0, 300),
       "(bad end line)"},
      {files.certificate_path, new_pair.certificate + old_pair.certificate, ""},
  };
  std::string in_use = old_pair.certificate;
  for (const Step& step : steps) {
    CAPTURE(step.refusal);
    files.write(step.path, step.content);
    const auto look = last_good.look();
    REQUIRE(look.has_value());
    CHECK(look->is_new == step.refusal.empty());
    if (step.refusal.empty()) in_use = step.content;
    CHECK(look->refusal.find(step.refusal) != std::string::npos);
    CHECK(look->refusal.empty() == step.refusal.empty());
    CHECK(last_good.content().certificates().text() == in_use);
    CHECK(last_good.look()->refusal.empty());
  }
  std::filesystem::remove(files.key_path);
  CHECK(last_good.look()->refusal.find("cannot open " + files.key_path) != std::string::npos);
  files.write(files.key_path, new_pair.key);
  CHECK(last_good.look()->is_new);
}

TEST_CASE("Files that have just changed are read again, and old ones only when they differ") {
  const PairFiles files;
  CHECK(settled_version(files.paths()) == "none;none;");
  // Just changed is what was changed a second ago at most.
  const auto version_at_once = [&](const std::vector<std::string>& paths) {
    return in_some_attempt(
        [&] {
          files.write(files.key_path, "one");
          return settled_version(paths);
        },
        "");
  };
  CHECK(version_at_once(files.paths()).empty());
  // These have been as they are for long.
  const std::string old = settled_version({"/bin/sh"});
  CHECK(!old.empty());
  CHECK(settled_version({"/bin/sh"}) == old);
  CHECK(settled_version({"/usr/bin/env"}) != old);
  CHECK(version_at_once({"/usr/bin/env", files.key_path}).empty());
}

TEST_CASE("A pair knows when its certificate ends") {
  const PairFiles files;
  const auto pair = make_certified_key({.good_for_s = 3600});
  files.write(pair);
  LastGood<CertificatePair> last_good(files.paths());
  REQUIRE(last_good.look().has_value());
  const std::int64_t left_ms = last_good.content().expires_ms() - base::system_clock().wall_ms();
  CHECK(left_ms > 3000'000);
  CHECK(left_ms <= 3600'000);
}

TEST_CASE(
    "A pair that is valid stays until the one after it is valid too, or its own time is over") {
  constexpr long kHourS = 3600;
  struct Look {
    long at_hour;
    bool is_new;
    const char* refusal;  // empty: there is none
  };
  struct Row {
    support::CertificateWish wish;  // the old one is good for a day
    std::vector<Look> looks;
  };
  const Row rows[] = {
      {{.good_for_s = kHourS},
       {{2, false, "was good until "}, {3, false, ""}, {25, true, "was good until "}}},
      {{.good_for_s = 48 * kHourS, .good_from_s = 12 * kHourS},
       {{0, false, "is good only from "}, {11, false, ""}, {13, true, ""}}},
      {{.good_for_s = 48 * kHourS, .good_from_s = 30 * kHourS},
       {{0, false, "is good only from "}, {23, false, ""}, {25, true, "is good only from "}}},
      {{.good_for_s = 48 * kHourS}, {{0, true, ""}}},
      {{.good_for_s = 48 * kHourS}, {{25, true, ""}}},
      {{.good_for_s = kHourS}, {{25, true, "was good until "}}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.wish.good_from_s);
    CAPTURE(row.wish.good_for_s);
    const PairFiles files;
    const auto old_pair = make_certified_key();
    const auto new_pair = make_certified_key(row.wish);
    files.write(old_pair);
    LastGood<CertificatePair> last_good(files.paths());
    const std::int64_t now_ms = base::system_clock().wall_ms();
    REQUIRE(last_good.look(now_ms).has_value());
    files.write(new_pair);
    bool is_taken = false;
    for (const Look& expected : row.looks) {
      CAPTURE(expected.at_hour);
      const std::int64_t wall_ms = now_ms + expected.at_hour * kHourS * 1000;
      const auto look = last_good.look(wall_ms);
      REQUIRE(look.has_value());
      CHECK(look->is_new == expected.is_new);
      CHECK(look->refusal.empty() == (*expected.refusal == '\0'));
      CHECK(
          look->refusal.find(files.certificate_path + ' ') ==
          (look->refusal.empty() ? std::string::npos : std::string("the certificate in ").size()));
      CHECK(look->refusal.find(expected.refusal) != std::string::npos);
      is_taken = is_taken || expected.is_new;
      const CertifiedKey& in_use = is_taken ? new_pair : old_pair;
      CHECK(last_good.content().certificates().text() == in_use.certificate);
      CHECK(last_good.content().key().text() == in_use.key);
      const auto again = last_good.look(wall_ms);
      CHECK(!again->is_new);
      CHECK(again->refusal.empty());
    }
  }
}

TEST_CASE("What waits for its time is forgotten when the files hold something else") {
  const PairFiles files;
  const auto old_pair = make_certified_key();
  const auto later = make_certified_key({.good_from_s = 3600});
  files.write(old_pair);
  LastGood<CertificatePair> last_good(files.paths());
  const std::int64_t now_ms = base::system_clock().wall_ms();
  REQUIRE(last_good.look(now_ms).has_value());
  files.write(later);
  CHECK(!last_good.look(now_ms)->is_new);
  files.write(files.key_path, old_pair.key);
  CHECK(last_good.look(now_ms)->refusal.find("does not belong to") != std::string::npos);
  CHECK(!last_good.look(now_ms + 7200'000)->is_new);
  CHECK(last_good.content().certificates().text() == old_pair.certificate);
}

TEST_CASE("Authorities are one or more certificates, and nothing else") {
  const auto one = make_certified_key();
  const auto other = make_certified_key();
  struct Row {
    std::string content;
    bool is_good;
  };
  const Row rows[] = {
      {one.certificate, true},
      {"A comment\n" + one.certificate + "and\n" + other.certificate, true},
      {one.key + one.certificate, true},
      {"", false},
      {"nothing", false},
      {one.key, false},
      {one.certificate + other.certificate.substr(0, 200), false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.content);
    std::vector<PemFile> files;
    files.emplace_back("/the/ca.pem", row.content);
    const auto parsed = Authorities::parse(std::move(files));
    REQUIRE(parsed.has_value() == row.is_good);
    if (row.is_good) {
      CHECK(parsed->certificates().text() == row.content);
    } else {
      CHECK(parsed.error().code == ErrorCode::Tls);
      CHECK(parsed.error().message.starts_with("cannot use the CA certificates in /the/ca.pem ("));
    }
  }
}

}  // namespace
}  // namespace fedwave::relay
