#include "relay/certificates.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "relay/base/clock.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_folder.h"

namespace fedwave::relay {
namespace {

using base::ErrorCode;
using support::make_certified_key;

class PairFiles {
 public:
  [[nodiscard]] std::vector<std::string> paths() const { return {certificate_path, key_path}; }
  static void write(const std::string& path, std::string_view content) {
    std::ofstream(path + ".new") << content;
    std::filesystem::rename(path + ".new", path);
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
  files.write(files.certificate_path, old_pair.certificate);
  files.write(files.key_path, old_pair.key);
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
  files.write(files.key_path, "one");
  CHECK(settled_version(files.paths()).empty());
  // These have been as they are for long.
  const std::string old = settled_version({"/bin/sh"});
  CHECK(!old.empty());
  CHECK(settled_version({"/bin/sh"}) == old);
  CHECK(settled_version({"/usr/bin/env"}) != old);
  CHECK(settled_version({"/usr/bin/env", files.key_path}).empty());
}

TEST_CASE("A pair knows when its certificate ends") {
  const PairFiles files;
  const auto pair = make_certified_key({.good_for_s = 3600});
  files.write(files.certificate_path, pair.certificate);
  files.write(files.key_path, pair.key);
  LastGood<CertificatePair> last_good(files.paths());
  REQUIRE(last_good.look().has_value());
  const std::int64_t left_ms = last_good.content().expires_ms() - base::system_clock().wall_ms();
  CHECK(left_ms > 3000'000);
  CHECK(left_ms <= 3600'000);
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
