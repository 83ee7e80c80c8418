// A page read at once, where series share names and labels and come in batches, against the same
// page a line at a time, each by a Transform that has seen nothing before: what is shared must not
// show.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "relay/transform.h"
#include "tests/support/reference_text_parser.h"
#include "tests/support/scrape_bench.h"

using namespace fedwave;
using relay::ScrapeCounts;
using Bench = support::ScrapeBench;

namespace {

// Few names and few label blocks, so that each comes with many partners.
class MeshPage {
 public:
  explicit MeshPage(unsigned seed) : random_(seed) {}

  struct Line {
    std::string types;  // the TYPE lines before it
    std::string series;
    std::string text;
  };
  std::vector<Line> make(std::size_t count) {
    std::vector<Line> lines;
    std::string types;
    for (std::size_t i = 0; i < count; ++i) {
      if (pick(15) == 0) {
        types += "# TYPE " + any({"a", "b", "a_b", "\"q.r\"", "gone"}) + ' ' +
                 any({"counter", "gauge", "histogram", "histogram", "summary", "untyped"}) + '\n';
      }
      const std::string series = make_series();
      lines.push_back({types, series, series + ' ' + value() + timestamp() + '\n'});
    }
    return lines;
  }

 private:
  std::size_t pick(std::size_t bound) { return random_() % bound; }
  std::string any(const std::vector<std::string>& choices) { return choices[pick(choices.size())]; }

  std::string make_series() {
    const std::string name =
        any({"a", "b", "a_b", "a_count", "a_sum", "a_bucket", "b_bucket", "gone", "gone_bucket",
             "d_sinkdeny", std::string(260, 'n'), "1bad", "c.d"});
    std::string labels;
    const std::size_t count = pick(4);
    for (std::size_t i = 0; i < count; ++i) {
      labels += any({"x", "y", "le", "le", "quantile", "env", "drop", "nodename", "v", "\"l.m\""}) +
                '=' +
                any({"\"1\"", "\"2.0\"", "\"\"", "\"1e6\"", "\"+Inf\"", "\"yes\"", "\"nan\"",
                     "\" \"", "\"a\\nb\"", "\"" + std::string(300, 'v') + "\"", "bad", "\"/\""}) +
                any({",", ",", ",", ""});
    }
    if (pick(12) == 0) return "{\"q.r\"," + labels + '}';
    if (pick(20) == 0) return name + "{\"q.r\"," + labels + '}';
    if (count == 0 && pick(2) == 0) return name;
    return name + any({"", "", "", " "}) + '{' + labels + '}';
  }
  std::string value() {
    return any({"1", "2.50", "-0.5", "1.0867e+06", "1e300", "NaN", "+Inf", "bad", "17"});
  }
  std::string timestamp() { return any({"", " 1767225590123", " 1767225591000"}); }

  std::mt19937 random_;
};

std::string page_of(const std::vector<MeshPage::Line>& lines) {
  std::string page;
  std::size_t types = 0;
  for (const MeshPage::Line& line : lines) {
    page += line.types.substr(types) + line.text;
    types = line.types.size();
  }
  return page;
}

// What a page, read at once, must add up to.
struct Sum {
  std::vector<std::string> lines;  // by sink
  ScrapeCounts counts;

  explicit Sum(std::size_t sinks) : lines(sinks), counts(sinks) {}
};

// Each line by itself, with a memory of its own; repairs and new series count the first time.
Sum read_line_by_line(Bench& bench, const std::vector<MeshPage::Line>& page) {
  Sum sum(bench.spools.size());
  std::set<std::pair<std::string, parsers::SampleKind>> known;
  for (const MeshPage::Line& line : page) {
    const std::string text = line.types + line.text;
    ScrapeCounts counts = bench.scrape_alone(text);
    for (std::size_t sink = 0; sink < sum.lines.size(); ++sink) {
      sum.lines[sink] += bench.lines(sink);
    }
    const auto read = support::parse_reference(text, 1 << 20, true);
    const bool is_new =
        counts.new_series > 0 && known.emplace(line.series, read.samples.at(0).kind).second;
    if (!is_new) counts.repaired = {};
    sum.counts += counts;
  }
  return sum;
}

void check_sums(const Bench& bench, const ScrapeCounts& counts, const Sum& expected) {
  REQUIRE(counts.read == expected.counts.read);
  REQUIRE(counts.malformed == expected.counts.malformed);
  for (std::size_t sink = 0; sink < bench.spools.size(); ++sink) {
    CAPTURE(sink);
    const relay::SinkCounts& ours = counts.by_sink[sink];
    const relay::SinkCounts& theirs = expected.counts.by_sink[sink];
    REQUIRE(ours.by_verdict == theirs.by_verdict);
    REQUIRE(ours.not_a_number == theirs.not_a_number);
    REQUIRE(ours.infinite == theirs.infinite);
    REQUIRE(ours.converted == theirs.converted);
    const std::string sent = bench.lines(sink);
    const std::size_t distributions = sent.find("!M ");  // after the points, and of whole pages
    REQUIRE((sent.substr(0, distributions) == expected.lines[sink]));
  }
}

const std::string kSources[] = {
    "repeats: send",
    "repeats: send, prefix: f, tags: {x: tagged, z: ''},"
    " filters: {metricDenyList: ['*gone*'], metricTagDenyList: {drop: ['yes', '1']}}",
    "repeats: send, convertHistograms: true, limits: {labels: 2},"
    " filters: {metricAllowList: ['a*', 'b*', 'nnn*', 'q*'], tagInclude: [x, 'l*', le, env]}",
};
const std::string kSinks =
    "[{type: stdout, name: one, prefix: p, tags: {t: '1'}, limits: {tags: 3},"
    "  filters: {metricDenyList: ['*sinkdeny*'], metricTagDenyList: {y: ['yes']}}},"
    " {type: stdout, name: two, filters: {metricAllowList: ['a*', 'f*', 'q*'], tagExclude: [v],"
    "  metricTagAllowList: {env: ['1', 'yes'], x: ['*'], y: ['2*']}}},"
    " {type: stdout, name: three}]";

}  // namespace

TEST_CASE("a page read at once gives what its lines give one by one, nothing shared") {
  ScrapeCounts all(3);
  for (const std::string& source : kSources) {
    for (unsigned seed = 0; seed < 12; ++seed) {
      CAPTURE(source);
      CAPTURE(seed);
      const std::vector<MeshPage::Line> lines = MeshPage(seed).make(400);
      Bench bench(source, kSinks);
      const Sum expected = read_line_by_line(bench, lines);
      const std::string page = page_of(lines);
      const ScrapeCounts first = bench.scrape(page);
      check_sums(bench, first, expected);
      REQUIRE(first.repaired == expected.counts.repaired);
      // Again, now that everything is known, and in other batches.
      const ScrapeCounts second =
          bench.scrape(page, support::kScrapeStartMs, true, 500 + 100 * seed);
      check_sums(bench, second, expected);
      REQUIRE(second.new_series == 0);
      all += first;
    }
  }
  // The generator must reach all sides for the comparison to mean something.
  CHECK(all.malformed_total() > 2'000);
  for (const relay::SinkCounts& sink : all.by_sink) CHECK(sink.written > 500);
  CHECK(all.by_sink[0].filtered() > 1'000);
  CHECK(all.by_sink[1].filtered() > 1'000);
  CHECK(all.by_sink[0].rejected() > 500);
  CHECK(all.by_sink[0].converted > 100);
}
