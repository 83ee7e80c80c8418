// A source whose series are shared out: whatever one relay alone would send, several send together,
// each series by one of them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "relay/explain/explainer.h"
#include "relay/survey.h"
#include "tests/support/scrape_bench.h"

using namespace fedwave;
using relay::ScrapeCounts;
using relay::Shard;
using relay::Verdict;
using Bench = support::ScrapeBench;

namespace {

constexpr std::int64_t kStartMs = support::kScrapeStartMs;
constexpr std::int64_t kIntervalMs = 60'000;
constexpr std::uint32_t kShards = 3;
const std::filesystem::path kGolden = std::string(FEDWAVE_TEST_DATA) + "/golden";

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

config::Config sharded(const std::string& yaml) {
  config::Config config = support::config_of(yaml);
  config.sources.at(0).shard_by = config::ShardBy::Series;
  return config;
}

std::string yaml_of(const std::string& source_yaml) {
  return "clusterName: c\n"
         "sinks: [{type: stdout, name: one}, {type: stdout, name: two, filters:"
         " {metricDenyList: ['*.b.*']}}]\n"
         "sources: {prometheus_sources: [{url: 'http://x/metrics', source: s, " +
         source_yaml + "}]}\n";
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// Some relays that share a source, and one that has it all to itself.
class Relays {
 public:
  explicit Relays(const config::Config& config) : alone_(config) {
    for (std::uint32_t i = 0; i < kShards; ++i) {
      shards_.push_back(std::make_unique<Bench>(config, Shard{i, kShards}));
    }
  }

  // How many series of the page each shard has sent to the first sink.
  std::vector<std::uint64_t> scrape(const std::string& page, std::int64_t start_ms = kStartMs) {
    const ScrapeCounts whole = alone_.scrape(page, start_ms);
    std::vector<ScrapeCounts> parts;
    std::vector<std::uint64_t> sent;
    for (auto& shard : shards_) {
      parts.push_back(shard->scrape(page, start_ms));
      sent.push_back(parts.back().by_sink[0].written);
      CHECK(parts.back().read == whole.read);
    }
    for (std::size_t sink = 0; sink < whole.by_sink.size(); ++sink) {
      CAPTURE(sink);
      check_sums(whole.by_sink[sink], parts, sink);
      std::string together;
      for (auto& shard : shards_) together += shard->lines(sink);
      CHECK(lines_of(together) == lines_of(alone_.lines(sink)));
    }
    return sent;
  }

  Bench& shard(std::size_t number) { return *shards_.at(number); }

 private:
  // What one relay counts alone, the shards count together; all but one leave a series to it.
  static void check_sums(const relay::SinkCounts& whole, const std::vector<ScrapeCounts>& parts,
                         std::size_t sink) {
    relay::SinkCounts sum;
    std::uint64_t read = 0;
    for (const ScrapeCounts& part : parts) {
      sum += part.by_sink[sink];
      read += part.read;
    }
    std::uint64_t& elsewhere = sum.by_verdict[static_cast<std::size_t>(Verdict::OtherShard)];
    CHECK(elsewhere * kShards == read * (kShards - 1));
    elsewhere = 0;
    CHECK(sum.by_verdict == whole.by_verdict);
    CHECK(sum.written == whole.written);
    CHECK(sum.converted == whole.converted);
    CHECK(sum.repeated == whole.repeated);
    CHECK(sum.distributions == whole.distributions);
    CHECK(sum.rejected() == whole.rejected());
  }

  Bench alone_;
  std::vector<std::unique_ptr<Bench>> shards_;
};

// Typed families whose numbers grow with `scrape`, and untyped series as a federation has them.
std::string generated_page(int scrape) {
  std::mt19937 random(static_cast<unsigned>(scrape));
  const auto more = [&] { return std::to_string(scrape * 100 + static_cast<int>(random() % 50)); };
  std::string page = "# TYPE latency histogram\n";
  for (int pod = 0; pod < 60; ++pod) {
    const std::string labels = "pod=\"" + std::to_string(pod) + "\"";
    for (const char* bound : {"1", "5", "+Inf"}) {
      page += "latency_bucket{" + labels + ",le=\"" + bound + "\"} " +
              std::to_string(scrape * 100 + pod) + '\n';
    }
    page += "latency_sum{" + labels + "} " + more() + "\nlatency_count{" + labels + "} " + more() +
            '\n';
  }
  page += "# TYPE size summary\n";
  for (int pod = 0; pod < 40; ++pod) {
    const std::string labels = "pod=\"" + std::to_string(pod) + "\"";
    page += "size{" + labels + ",quantile=\"0.5\"} 1\nsize_sum{" + labels + "} 2\nsize_count{" +
            labels + "} 3\n";
  }
  page += "# TYPE up gauge\n";
  for (int pod = 0; pod < 100; ++pod) {
    page += (pod % 3 == 0 ? "up_b{pod=\"" : "up{drop=\"no\",pod=\"") + std::to_string(pod) +
            "\"} " + more() + '\n';
    page += "{\"requests.total\",drop=\"yes\",pod=\"" + std::to_string(pod) + "\"} NaN\n";
  }
  return page;
}

}  // namespace

TEST_CASE("shards of each golden page send together what one relay sends alone") {
  std::size_t pages = 0;
  for (const auto& folder : std::filesystem::directory_iterator(kGolden)) {
    CAPTURE(folder.path());
    Relays relays(sharded(content_of(folder.path() / "config.yaml")));
    for (int scrape = 0;; ++scrape) {
      const auto page = folder.path() / ("scrape-" + std::to_string(scrape) + ".prom");
      if (!std::filesystem::exists(page)) break;
      relays.scrape(content_of(page), kStartMs + scrape * kIntervalMs);
      ++pages;
    }
  }
  CHECK(pages >= 10);
}

TEST_CASE("shards send together what one relay sends alone, scrape after scrape, in fair shares") {
  for (const char* convert : {"no", "yes"}) {
    CAPTURE(convert);
    Relays relays(sharded(yaml_of(std::string("convertHistograms: ") + convert +
                                  ", filters: {metricTagDenyList: {drop: ['yes']}}")));
    for (int scrape = 1; scrape < 4; ++scrape) {
      CAPTURE(scrape);
      const auto sent = relays.scrape(generated_page(scrape), kStartMs + scrape * kIntervalMs);
      const std::uint64_t all = sent[0] + sent[1] + sent[2];
      CHECK(all > 0);
      const bool has_distributions = relays.shard(0).lines().find("!M") != std::string::npos;
      CHECK(has_distributions == (convert == std::string("yes") && scrape > 1));
      for (const std::uint64_t share : sent) CHECK(share * 5 > all);
    }
  }
}

TEST_CASE(
    "all series of a histogram or summary are sent by one shard, also where nobody tells of "
    "types") {
  for (const bool is_typed : {true, false}) {
    CAPTURE(is_typed);
    std::string page = generated_page(1);
    for (std::size_t at = page.find('#'); !is_typed && at != std::string::npos;
         at = page.find('#')) {
      page.erase(at, page.find('\n', at) + 1 - at);
    }
    Relays relays(sharded(yaml_of("convertHistograms: no")));
    relays.scrape(page);
    std::map<std::string, std::set<std::size_t>> senders;  // by family and pod
    std::size_t sent = 0;
    for (std::size_t i = 0; i < kShards; ++i) {
      for (const std::string& line : lines_of(relays.shard(i).lines())) {
        if (!line.starts_with("\"latency.") && !line.starts_with("\"size")) continue;
        ++sent;
        const std::size_t pod = line.find("\"pod\"=\"") + 7;
        senders[line.substr(0, 5) + line.substr(pod, line.find('"', pod) - pod)].insert(i);
      }
    }
    CHECK(sent == 60 * 5 + 40 * 3);
    CHECK(senders.size() == 100);
    for (const auto& [what, shards] : senders) CHECK(shards.size() == 1);
  }
}

TEST_CASE("a series belongs to the same shard whatever stood before it on the page") {
  std::vector<std::string> lines = lines_of(
      "a{x=\"1\"} 1\na{x=\"2\"} 1\nb{x=\"1\"} 1\nb{x=\"2\"} 1\nc 1\nd 1\n{\"e\",x=\"1\"} 1\nf{} "
      "1\n");
  Relays relays(sharded(yaml_of("repeats: send")));
  std::mt19937 random(5);
  for (int round = 0; round < 6; ++round) {
    std::string page;
    for (const std::string& line : lines) page += line;
    Relays fresh(sharded(yaml_of("repeats: send")));
    fresh.scrape(page);
    relays.scrape(page);
    for (std::size_t i = 0; i < kShards; ++i) {
      CHECK(lines_of(fresh.shard(i).lines()) == lines_of(relays.shard(i).lines()));
    }
    std::shuffle(lines.begin(), lines.end(), random);
  }
}

TEST_CASE("a line that is malformed is so for every shard, also behind labels that are known") {
  Relays relays(sharded(yaml_of("limits: {labels: 2}")));
  const std::string page = "a{x=\"1\"} 1\n1b{x=\"1\"} 1\nb{x=\"1\",y=\"2\",z=\"3\"} 1\nc{x=} 1\n";
  for (int scrape = 0; scrape < 2; ++scrape) {
    relays.scrape(page, kStartMs + scrape * kIntervalMs);
    for (std::size_t i = 0; i < kShards; ++i) {
      CHECK(relays.shard(i).scrape(page, kStartMs).malformed_total() == 3);
    }
  }
}

TEST_CASE("a source that is not shared out by series has all of them, whichever shard it is") {
  Bench bench(support::config_of(yaml_of("shardBy: job")), Shard{1, kShards});
  CHECK(bench.scrape("a 1\nb 1\nc 1\nd 1\n").by_sink[0].written == 4);
}

TEST_CASE("a series of another shard is told as such, by the survey and by its explanation") {
  const config::Config config = sharded(yaml_of("filters: {metricAllowList: ['a.*']}"));
  Bench bench(config, Shard{0, kShards});
  std::string page;
  for (int i = 0; i < 30; ++i) page += "a{n=\"" + std::to_string(i) + "\"} 1\n";
  page += "other 1\n";
  const ScrapeCounts counts = bench.scrape(page);
  relay::SurveyBuilder builder(config.sinks.size());
  bench.transform.survey(builder);
  const relay::Survey survey = builder.finish(kStartMs);
  const auto place = static_cast<std::size_t>(Verdict::OtherShard);
  REQUIRE(survey.metrics.size() == 2);
  CHECK(survey.metrics[0].sinks[0].series[place] + survey.metrics[1].sinks[0].series[place] ==
        counts.by_sink[0].by_verdict[place]);
  CHECK(survey.metrics[0].sinks[0].sent_as == "a.value");
  const relay::Explainer explainer(config, config.sources[0], "", Shard{0, kShards});
  std::uint64_t elsewhere = 0;
  for (const std::string& line : lines_of(page)) {
    const std::string series = line.substr(0, line.size() - 3);
    parsers::SampleLineView sample;
    sample.series = series;
    const relay::Explanation explanation = explainer.explain(sample);
    for (const relay::SinkExplanation& sink : explanation.sinks) {
      CHECK(sink.verdict == explanation.sinks[0].verdict);
    }
    if (explanation.sinks.at(0).verdict != Verdict::OtherShard) continue;
    ++elsewhere;
    CHECK(explanation.name_rule.list.empty());
    CHECK(explanation.hint.empty());
    CHECK(explanation.sinks[1].sink == "two");
    CHECK(explanation.sinks[1].tags.empty());
  }
  CHECK(elsewhere == counts.by_sink[0].by_verdict[place]);
  CHECK(survey.metrics[0].examples[place].series.starts_with("a{"));
}
