#include "relay/reloader.h"

#include <doctest/doctest.h>

#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>

#include "relay/base/clock.h"
#include "tests/support/fakes.h"
#include "tests/support/temp_folder.h"

namespace {

using namespace fedwave;
using relay::ConfigChange;
using relay::Reloader;
using Why = Reloader::Why;

const std::string kGood =
    "sinks: [{proxyAddress: 'a:1'}]\nsources: {prometheus_sources: [{url: 'http://a/m'}]}\n";
const std::string kOther =
    "sinks: [{proxyAddress: 'a:1'}]\nsources: {prometheus_sources: [{url: 'http://b/m'}]}\n";
const std::string kBad = "sinks: [{proxyAddress: 'a:1'}]\nsuorces: {}\n";

// A file that is in force, and what the pipeline says of its edits.
struct Edits {
  Edits() : file(folder.path() + "/relay.yaml") {
    write(kGood);
    reloader.emplace(
        relay::read_config(file),
        [this](const config::Config& config) -> base::Expected<ConfigChange> {
          ++asked;
          if (throws) throw std::runtime_error("no thread is left");
          if (!refusal.empty()) return base::Error{base::ErrorCode::Io, refusal};
          url = config.sources.at(0).url;
          return ConfigChange{};
        },
        base::system_clock());
  }
  void write(const std::string& text) const { std::ofstream(file) << text; }

  const support::TempFolder folder;
  const std::string file;
  int asked = 0;
  bool throws = false;
  std::string refusal;
  std::string url;
  std::optional<Reloader> reloader;
};

}  // namespace

TEST_CASE("a good edit is put in force once, and who asks again is told that nothing changed") {
  Edits edits;
  edits.write(kOther);
  CHECK(edits.reloader->reload(Why::Noticed).has_value());
  CHECK(edits.url == "http://b/m");
  const auto again = edits.reloader->reload(Why::Asked);
  REQUIRE(again.has_value());
  CHECK(*again ==
        "the configuration has not changed (hash " + edits.reloader->figures().hash + ")");
  CHECK(edits.asked == 1);
  CHECK(edits.reloader->figures().applied == 1);
  CHECK(edits.reloader->figures().unchanged == 1);
}

TEST_CASE("a bad edit is told with its places, and the way back counts as no change") {
  Edits edits;
  edits.write(kBad);
  const auto refused = edits.reloader->reload(Why::Noticed);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == base::ErrorCode::InvalidArgument);
  CHECK(refused.error().message.find("relay.yaml:2:1: error: ") != std::string::npos);
  CHECK_FALSE(edits.reloader->figures().is_current);
  edits.write(kGood);
  REQUIRE(edits.reloader->reload(Why::Noticed).has_value());
  CHECK(edits.reloader->figures().is_current);
  CHECK(edits.reloader->figures().problems.empty());
  CHECK(edits.asked == 0);
}

TEST_CASE("an edit that cannot be put in force now is refused with the reason, and tried again") {
  Edits edits;
  edits.write(kOther);
  const auto check_refused = [&](Why why, const std::string& reason) {
    const auto refused = edits.reloader->reload(why);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find("it cannot be put in force now: " + reason) !=
          std::string::npos);
    CHECK_FALSE(edits.reloader->figures().is_current);
    CHECK(edits.reloader->figures().problems.size() == 1);
  };
  edits.refusal = "the port is taken";
  check_refused(Why::Noticed, "the port is taken");
  check_refused(Why::TryAgain, "the port is taken");
  CHECK(edits.reloader->figures().refused == 1);  // the same again is no news
  edits.throws = true;
  check_refused(Why::TryAgain, "no thread is left");
  CHECK(edits.reloader->figures().refused == 2);
  edits.throws = false;
  edits.refusal.clear();
  CHECK(edits.reloader->reload(Why::TryAgain).has_value());
  CHECK(edits.url == "http://b/m");
  CHECK(edits.reloader->figures().is_current);
}

TEST_CASE("every edit and every signal has its word in the log, repeated requests have not") {
  support::CollectedLog log;
  Edits edits;
  const auto told = [&log](const std::string& what) {
    std::size_t count = 0;
    for (const std::string& line : log.lines()) count += line.find(what) != std::string::npos;
    return count;
  };
  for (int i = 0; i < 15; ++i) {
    edits.write(kBad + std::string(static_cast<std::size_t>(i), '\n') + "other" +
                std::to_string(i) + ": 1\n");
    CHECK_FALSE(edits.reloader->reload(Why::Noticed).has_value());
  }
  CHECK(told("the configuration is not used") == 15);
  for (int i = 0; i < 15; ++i) CHECK_FALSE(edits.reloader->reload(Why::Asked).has_value());
  CHECK(told("the configuration is not used") < 30);
  edits.write(kGood);
  CHECK(edits.reloader->reload(Why::Noticed).has_value());
  for (int i = 0; i < 15; ++i) CHECK(edits.reloader->reload(Why::Signalled).has_value());
  CHECK(told("the configuration has not changed") == 15);
}

TEST_CASE("after the end nothing is read again") {
  Edits edits;
  edits.write(kOther);
  edits.reloader->close();
  const auto late = edits.reloader->reload(Why::Asked);
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == base::ErrorCode::Cancelled);
  CHECK(edits.asked == 0);
}
