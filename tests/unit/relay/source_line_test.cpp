#include "relay/source_line.h"

#include <doctest/doctest.h>

#include "relay/curl_client.h"
#include "tests/support/configs.h"

using namespace fedwave;
using base::Error;
using base::ErrorCode;
using relay::SourceLine;

namespace {

std::shared_ptr<const config::Config> config_with(const std::string& sinks) {
  return std::make_shared<const config::Config>(support::config_of(
      "sinks: [" + sinks +
      "]\nsources: {prometheus_sources: [{name: s, url: 'http://127.0.0.1:1/'}]}\n"));
}

constexpr const char* kOneSink = "{name: a, proxyAddress: '127.0.0.1:1'}";

std::shared_ptr<SourceLine> line_of(std::shared_ptr<const config::Config> config) {
  auto outputs = std::make_shared<relay::Outputs>();
  outputs->sinks.resize(config->sinks.size());
  const config::Source& source = config->sources[0];
  return std::make_shared<SourceLine>(std::move(config), source, outputs, relay::Shard{});
}

relay::ScrapeCounts counts_of(const std::vector<std::uint64_t>& written, std::uint64_t read) {
  relay::ScrapeCounts counts(written.size());
  counts.read = read;
  for (std::size_t i = 0; i < written.size(); ++i) counts.by_sink[i].written = written[i];
  return counts;
}

}  // namespace

TEST_CASE("a failure is news when it is another one, of what is waited for by its words as well") {
  const auto line = line_of(config_with(kOneSink));
  std::mutex lock;
  line->add_targets({{0, ""}}, relay::make_curl_client, base::system_clock(), lock);
  relay::TargetSlot& slot = *line->targets.begin()->second;
  struct Row {
    std::optional<Error> error;
    bool is_news;
  };
  const std::vector<Row> rows = {
      {{}, false},
      {Error{ErrorCode::Tls, "a"}, true},
      {Error{ErrorCode::Tls, "a"}, false},
      {Error{ErrorCode::Tls, "b"}, true},
      {Error{ErrorCode::NotReady, "b"}, true},
      {Error{ErrorCode::NotReady, "c"}, true},
      {Error{ErrorCode::Timeout, "c"}, true},
      {Error{ErrorCode::Timeout, "d"}, false},
      {{}, true},
      {{}, false},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i);
    const relay::ScrapeResult result{.error = rows[i].error, .counts = relay::ScrapeCounts(1)};
    CHECK(line->count(slot, result) == rows[i].is_news);
  }
  CHECK(line->figures.failures == 7);
}

TEST_CASE("what a line counts late is the last line's, by the names of the sinks") {
  const auto first = line_of(config_with(kOneSink));
  first->count(counts_of({3}, 5));
  auto second = line_of(config_with("{name: b, proxyAddress: '127.0.0.1:1'}"));
  second->follow(first);
  const auto third =
      line_of(config_with(std::string("{name: new, proxyAddress: '127.0.0.1:1'}, ") + kOneSink));
  third->follow(second);
  second.reset();  // an edit came before it did anything
  first->count(counts_of({4}, 6));
  const relay::ScrapeCounts& counts = third->figures.counts;
  CHECK(counts.read == 11);
  REQUIRE(counts.by_sink.size() == 2);
  CHECK(counts.by_sink[0].before == 11);
  CHECK(counts.by_sink[1].written == 4);
  CHECK(counts.by_sink[1].before == 5);  // it was not among the second one's sinks
}

TEST_CASE("addresses are known from the last line that was scraped, however many edits ago") {
  std::mutex lock;
  const auto first = line_of(config_with(kOneSink));
  CHECK(first->known_addresses(lock).empty());
  first->add_targets({{0, "10.0.0.1"}, {0, "10.0.0.2"}}, relay::make_curl_client,
                     base::system_clock(), lock);
  const auto second = line_of(config_with(kOneSink));
  second->follow(first);
  const auto third = line_of(config_with(kOneSink));
  third->follow(second);
  const std::set<std::string> both = {"10.0.0.1", "10.0.0.2"};
  CHECK(third->known_addresses(lock) == both);
  third->add_targets({{0, "10.0.0.2"}}, relay::make_curl_client, base::system_clock(), lock);
  CHECK(third->known_addresses(lock) == std::set<std::string>{"10.0.0.2"});
}
