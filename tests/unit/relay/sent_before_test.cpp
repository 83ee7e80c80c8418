#include "relay/sent_before.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "relay/base/clock.h"
#include "relay/transform.h"
#include "sinks/block_writer.h"
#include "tests/support/configs.h"
#include "tests/support/lending_output.h"

namespace {

using namespace fedwave;
using relay::ScrapeCounts;

constexpr std::int64_t kStartMs = 1'767'225'600'000;

// One source under one configuration, with as many sinks as that has.
class Scraped {
 public:
  explicit Scraped(const std::string& sinks, const std::string& filters = "")
      : config_(support::config_of("sinks: [" + sinks +
                                   "]\nsources: {prometheus_sources: [{name: s, url: "
                                   "'http://h/m', filters: {" +
                                   filters + "}}]}\n")),
        stages_(config_.sources[0], config_, ""),
        transform_(config_.sources[0], stages_),
        output_(config_.sinks.size()) {
    for (support::LendingOutput& output : output_) {
      writers_.push_back(
          std::make_unique<sinks::BlockWriter>(output, false, 1'000'000U, base::system_clock()));
    }
  }

  ScrapeCounts scrape(const std::string& page) {
    std::vector<sinks::BlockWriter*> writers;
    for (const auto& writer : writers_) writers.push_back(writer.get());
    transform_.begin(kStartMs, writers);
    transform_.feed(page);
    return transform_.finish(true);
  }
  // How many points of the page each sink gets.
  std::vector<std::uint64_t> written(const std::string& page) {
    std::vector<std::uint64_t> counts;
    for (const relay::SinkCounts& sink : scrape(page).by_sink) counts.push_back(sink.written);
    return counts;
  }
  void take_over(Scraped& before) { transform_.take_over(before.transform_); }

 private:
  const config::Config config_;
  const relay::SeriesStages stages_;
  relay::Transform transform_;
  std::vector<support::LendingOutput> output_;
  std::vector<std::unique_ptr<sinks::BlockWriter>> writers_;
};

using Counts = std::vector<std::uint64_t>;

const std::string kPage = "a 1 1767225590000\nb 1 1767225590000\n";
const std::string kOne = "{name: one, proxyAddress: 'a:1'}";
const std::string kTwo = "{name: two, proxyAddress: 'b:1'}";

}  // namespace

TEST_CASE("a sample that stands still reaches a sink that an edit has added, and no other again") {
  Scraped before(kOne);
  CHECK(before.written(kPage) == Counts{2});
  Scraped after(kTwo + "," + kOne);
  after.take_over(before);
  CHECK(after.written(kPage) == Counts{2, 0});
  CHECK(after.written(kPage) == Counts{0, 0});
}

TEST_CASE("a sample that a filter kept back is sent when an edit lets it through") {
  Scraped before(kOne, "metricDenyList: ['a.*']");
  CHECK(before.written(kPage) == Counts{1});
  Scraped after(kOne);
  after.take_over(before);
  CHECK(after.written(kPage) == Counts{1});
  CHECK(after.written(kPage) == Counts{0});
}

TEST_CASE("what was sent is known over several edits before the next page, sink by sink") {
  Scraped first(kOne + "," + kTwo, "metricDenyList: ['b.*']");
  CHECK(first.written(kPage) == Counts{1, 1});
  Scraped second(kTwo);
  Scraped third(kOne + "," + kTwo);
  second.take_over(first);
  third.take_over(second);
  // The second one had no sink of the first name: what that has had is not known any more.
  CHECK(third.written(kPage) == Counts{2, 1});
}
