#include "relay/transform.h"

#include <doctest/doctest.h>

#include "tests/support/scrape_bench.h"

using namespace fedwave;
using relay::ScrapeCounts;
using Bench = support::ScrapeBench;

namespace {

constexpr std::int64_t kStartMs = support::kScrapeStartMs;

}  // namespace

TEST_CASE("a page becomes the same lines however it is cut into pieces") {
  const std::string page =
      "# TYPE a_b untyped\na_b{x=\"1\",y=\"\"} 4 1767225590123\na_b{x=\"2\"} 1e3\n\nc 0.5 "
      "1767225590999";
  for (std::size_t piece = 1; piece < page.size(); ++piece) {
    CAPTURE(piece);
    Bench bench("");
    const ScrapeCounts counts = bench.scrape(page, kStartMs, true, piece);
    CHECK(counts.read == 3);
    CHECK(bench.lines() ==
          "\"a.b.value\" 4 1767225590 source=\"s\" \"cluster\"=\"c\" \"x\"=\"1\"\n"
          "\"a.b.value\" 1000 1767225600 source=\"s\" \"cluster\"=\"c\" \"x\"=\"2\"\n"
          "\"c.value\" 0.5 1767225590 source=\"s\" \"cluster\"=\"c\"\n");
  }
}

TEST_CASE("the second scrape of a page takes the prepared lines with the new values and times") {
  Bench bench("");
  CHECK(bench.scrape("a 1 1767225590000\nb 2\n").new_series == 2);
  const ScrapeCounts second = bench.scrape("a 7 1767225605000\nb 8\n", kStartMs + 15'000);
  CHECK(second.new_series == 0);
  CHECK(bench.lines() ==
        "\"a.value\" 7 1767225605 source=\"s\" \"cluster\"=\"c\"\n"
        "\"b.value\" 8 1767225615 source=\"s\" \"cluster\"=\"c\"\n");
}

TEST_CASE("a sample repeated with its timestamp is sent once, unless the source says otherwise") {
  const std::string page = "a 1 1767225590000\na 1 1767225590000\nb 2\nb 3\n";
  Bench once("");
  CHECK(once.scrape(page).by_sink[0].repeated == 2);
  CHECK(once.lines() ==
        "\"a.value\" 1 1767225590 source=\"s\" \"cluster\"=\"c\"\n"
        "\"b.value\" 2 1767225600 source=\"s\" \"cluster\"=\"c\"\n");
  CHECK(once.scrape("a 1 1767225590000\nb 2\n", kStartMs + 60'000).by_sink[0].repeated == 1);
  Bench always("repeats: send");
  CHECK(always.scrape(page).by_sink[0].written == 4);
  CHECK(always.scrape(page, kStartMs + 60'000).by_sink[0].written == 4);
}

TEST_CASE("a transform that takes over knows what was sent and where distributions count from") {
  const std::string histogram =
      "# TYPE h histogram\nh_bucket{le=\"1\"} %\nh_bucket{le=\"+Inf\"} %\nh_sum 1\nh_count %\n";
  const auto page = [&](const std::string& count, const std::string& rest) {
    std::string text = histogram;
    for (auto at = text.find('%'); at != std::string::npos; at = text.find('%')) {
      text.replace(at, 1, count);
    }
    return text + rest;
  };
  constexpr const char* kConverts = "convertHistograms: true";
  Bench first(kConverts);
  first.scrape(page("10", "a 1 1767225590000\nb 1 1767225590000\n"));
  // Of two edits in a row the second one comes before any page does.
  Bench second(std::string(kConverts) + ", filters: {metricDenyList: [x.*]}");
  Bench third(std::string(kConverts) + ", filters: {metricDenyList: [y.*]}");
  second.transform.take_over(first.transform);
  third.transform.take_over(second.transform);
  const ScrapeCounts counts =
      third.scrape(page("14", "a 1 1767225590000\nb 2 1767225605000\n"), kStartMs + 60'000);
  CHECK(counts.by_sink[0].repeated == 1);
  CHECK(counts.by_sink[0].distributions == 1);
  // Four more than the first had seen.
  CHECK(third.lines().find("!M 1767225660 #1 0 #2 0.5 #1 1 \"h\"") != std::string::npos);
  CHECK(third.lines().find("\"a.value\"") == std::string::npos);
  CHECK(third.lines().find("\"b.value\" 2 1767225605") != std::string::npos);
  // What it has not seen since then is forgotten with the first whole page.
  Bench fourth("");
  fourth.transform.take_over(third.transform);
  CHECK(fourth.scrape("c 1\n").by_sink[0].written == 1);
  CHECK(fourth.scrape("b 2 1767225605000\n").by_sink[0].written == 1);
}

TEST_CASE(
    "timestamps: the sample's own, the scrape's where there is none, where it is absurd, or where "
    "the source says so") {
  Bench bench("");
  const ScrapeCounts counts =
      bench.scrape("a 1 1767225590000\nb 1\nold 1 1000\nnew 1 9000000000000\n");
  CHECK(bench.lines() ==
        "\"a.value\" 1 1767225590 source=\"s\" \"cluster\"=\"c\"\n"
        "\"b.value\" 1 1767225600 source=\"s\" \"cluster\"=\"c\"\n"
        "\"old.value\" 1 1767225600 source=\"s\" \"cluster\"=\"c\"\n"
        "\"new.value\" 1 1767225600 source=\"s\" \"cluster\"=\"c\"\n");
  CHECK(counts.repaired[static_cast<std::size_t>(sinks::Repair::TimestampOutOfRange)] == 2);
  Bench ignoring("honorTimestamps: false");
  ignoring.scrape("a 1 1767225590000\n");
  CHECK(ignoring.lines() == "\"a.value\" 1 1767225600 source=\"s\" \"cluster\"=\"c\"\n");
}

TEST_CASE("values that cannot go out are counted by reason, malformed lines harm only themselves") {
  Bench bench("");
  std::vector<std::uint64_t> lines;
  bench.transform.on_malformed_line(
      [&](std::uint64_t line, parsers::Malformed, std::string_view) { lines.push_back(line); });
  const ScrapeCounts counts = bench.scrape("a NaN\nb +Inf\nc -inf\nd{ 1\ne 1f\nf 2\n");
  CHECK(counts.read == 4);
  CHECK(counts.by_sink[0].not_a_number == 1);
  CHECK(counts.by_sink[0].infinite == 2);
  CHECK(counts.malformed_total() == 2);
  CHECK(lines == std::vector<std::uint64_t>{4, 5});
  CHECK(bench.lines() == "\"f.value\" 2 1767225600 source=\"s\" \"cluster\"=\"c\"\n");
  CHECK(bench.transform.failure() == nullptr);
}

TEST_CASE("a bad value does not make a series known, and a known series may get a bad value") {
  Bench bench("");
  CHECK(bench.scrape("a x\n").new_series == 0);
  CHECK(bench.scrape("a 1\n", kStartMs + 1000).new_series == 1);
  const ScrapeCounts counts = bench.scrape("a 1e999\n", kStartMs + 2000);
  CHECK(counts.read == 0);
  CHECK(counts.malformed[static_cast<std::size_t>(parsers::Malformed::ValueOverflow)] == 1);
}

TEST_CASE("every sink has its own filter, prefix and tags, and its own account") {
  Bench bench("filters: {metricDenyList: ['gone.*']}",
              "[{type: stdout, name: one, prefix: .p., tags: {t: v}},"
              " {type: stdout, name: two, filters: {metricAllowList: ['b.*']}}]");
  const ScrapeCounts counts = bench.scrape("a 1\nb 2\ngone 3\n");
  CHECK(bench.lines(0) ==
        "\"p.a.value\" 1 1767225600 source=\"s\" \"cluster\"=\"c\" \"t\"=\"v\"\n"
        "\"p.b.value\" 2 1767225600 source=\"s\" \"cluster\"=\"c\" \"t\"=\"v\"\n");
  CHECK(bench.lines(1) == "\"b.value\" 2 1767225600 source=\"s\" \"cluster\"=\"c\"\n");
  CHECK(counts.by_sink[0].filtered() == 1);
  CHECK(counts.by_sink[1].filtered() == 2);
  CHECK(
      counts.by_sink[1].by_verdict[static_cast<std::size_t>(relay::Verdict::SinkNotInAllowList)] ==
      1);
  CHECK(counts.by_sink[1].by_verdict[static_cast<std::size_t>(relay::Verdict::SourceDenyList)] ==
        1);
}

TEST_CASE("typed families are named by their type, their counts cut to whole numbers") {
  Bench bench("");
  bench.scrape(
      "# TYPE g gauge\ng 1.5\n# TYPE t counter\nt 2.5\n# TYPE h histogram\nh_bucket{le=\"1e6\"} "
      "3.9\n"
      "h_sum 7.5\nh_count 3.9\n# TYPE q summary\nq{quantile=\"0.50\"} 1.5\nq_sum 2.5\nq_count "
      "-0.5\n");
  CHECK(bench.lines() ==
        "\"g.gauge\" 1.5 1767225600 source=\"s\" \"cluster\"=\"c\"\n"
        "\"t.counter\" 2.5 1767225600 source=\"s\" \"cluster\"=\"c\"\n"
        "\"h.bucket\" 3 1767225600 source=\"s\" \"cluster\"=\"c\" \"le\"=\"1e+06\"\n"
        "\"h.sum\" 7.5 1767225600 source=\"s\" \"cluster\"=\"c\"\n"
        "\"h.count\" 3 1767225600 source=\"s\" \"cluster\"=\"c\"\n"
        "\"q\" 1.5 1767225600 source=\"s\" \"cluster\"=\"c\" \"quantile\"=\"0.5\"\n"
        "\"q.sum\" 2.5 1767225600 source=\"s\" \"cluster\"=\"c\"\n"
        "\"q.count\" 0 1767225600 source=\"s\" \"cluster\"=\"c\"\n");
}

TEST_CASE("a family that changes its type is another series from then on") {
  Bench bench("");
  bench.scrape("# TYPE a gauge\na 1\n");
  bench.scrape("# TYPE a counter\na 2\n", kStartMs + 60'000);
  CHECK(bench.lines() == "\"a.counter\" 2 1767225660 source=\"s\" \"cluster\"=\"c\"\n");
}

TEST_CASE(
    "converted histograms take in their parts and come out once there is something to compare") {
  Bench bench("convertHistograms: true");
  const std::string first =
      "# TYPE h histogram\nh_bucket{le=\"1\"} 4\nh_bucket{le=\"+Inf\"} 4\nh_sum 1\nh_count 4\n";
  const std::string second =
      "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 8\nh_bucket{le=\"1\"} 8\nh_sum 1\nh_count 8\n";
  CHECK(bench.scrape(first).by_sink[0].converted == 4);
  CHECK(bench.lines().empty());
  const ScrapeCounts counts = bench.scrape(second, kStartMs + 60'000);
  CHECK(counts.by_sink[0].converted == 4);
  CHECK(counts.by_sink[0].distributions == 1);
  CHECK(bench.lines() == "!M 1767225660 #1 0 #2 0.5 #1 1 \"h\" source=\"s\" \"cluster\"=\"c\"\n");
  CHECK(bench.scrape(first, kStartMs + 120'000)
            .distribution_drops[static_cast<std::size_t>(sinks::DistributionDrop::CountFell)] == 1);
}

TEST_CASE("of buckets with the same bound the first one counts") {
  Bench bench("convertHistograms: true");
  const std::string type = "# TYPE h histogram\n";
  bench.scrape(type +
               "h_bucket{le=\"2\"} 4\nh_bucket{le=\"1\"} 4\nh_bucket{le=\"1.0\"} 0\n"
               "h_bucket{le=\"2\"} 0\n");
  bench.scrape(type +
                   "h_bucket{le=\"2\"} 8\nh_bucket{le=\"1\"} 8\nh_bucket{le=\"1.0\"} 99\n"
                   "h_bucket{le=\"2\"} 99\n",
               kStartMs + 60'000);
  CHECK(bench.lines() == "!M 1767225660 #1 0 #2 0.5 #1 1 \"h\" source=\"s\" \"cluster\"=\"c\"\n");
}

TEST_CASE("a bucket whose bound is not a number is no part of a distribution and keeps its text") {
  Bench bench("convertHistograms: true");
  const ScrapeCounts counts =
      bench.scrape("# TYPE h histogram\nh_bucket{le=\"nan\"} 4.5\nh_bucket{le=\"1\"} 4\n");
  CHECK(counts.by_sink[0].converted == 1);
  CHECK(bench.lines() ==
        "\"h.bucket\" 4 1767225600 source=\"s\" \"cluster\"=\"c\" \"le\"=\"nan\"\n");
}

TEST_CASE("the tag nodename is the source of a point, unless it is empty") {
  Bench bench("", "[{type: stdout, name: one}, {type: stdout, name: two, tags: {nodename: ''}}]");
  bench.scrape("a{nodename=\"n\"} 1\n");
  CHECK(bench.lines(0).find("source=\"n\"") != std::string::npos);
  CHECK(bench.lines(1) == "\"a.value\" 1 1767225600 source=\"s\" \"cluster\"=\"c\"\n");
}

TEST_CASE("series and distributions that are gone for a while are forgotten, whatever else stays") {
  Bench bench("convertHistograms: true");
  std::string many = "# TYPE h histogram\n";
  for (int i = 0; i < 4000; ++i)
    many += "h_bucket{i=\"" + std::to_string(i) + "\",le=\"+Inf\"} NaN\n";
  bench.scrape(many + "stays 1\n");
  CHECK(bench.transform.series() == 4001);
  for (int i = 1; i < 20; ++i) bench.scrape("stays 1\n", kStartMs + i * 60'000);
  CHECK(bench.transform.series() == 1);
  const ScrapeCounts again = bench.scrape(many, kStartMs + 20 * 60'000);
  CHECK(again.new_series == 4000);
  CHECK(again.by_sink[0].not_a_number == 4000);
}

TEST_CASE("a page whose series are new in every scrape does not make the table grow without end") {
  for (const int complete_every : {1, 2, 1000}) {
    CAPTURE(complete_every);
    Bench bench("");
    for (int n = 1; n <= 12; ++n) {
      std::string page;
      for (int i = 0; i < 2'000; ++i) {
        page += "m{n=\"" + std::to_string(n * 10'000 + i) + "\"} 1\n";
      }
      bench.scrape(page, kStartMs + n * 60'000, n % complete_every == 0);
      CAPTURE(n);
      CHECK(bench.transform.series() <= 5'000);
    }
  }
}

TEST_CASE("scrapes that fail make no series older") {
  Bench bench("");
  bench.scrape("a 1 1767225590000\nb 1\n");
  for (int n = 1; n < 30; ++n) bench.scrape("", kStartMs + n * 60'000, false);
  const ScrapeCounts counts = bench.scrape("a 1 1767225590000\nb 1\n", kStartMs + 60 * 60'000);
  CHECK(counts.new_series == 0);
  CHECK(counts.by_sink[0].repeated == 1);
}

TEST_CASE("each limit ends in an error of its own and keeps what was complete") {
  using config::SourceLimits;
  struct Row {
    std::int64_t SourceLimits::*limit;
    std::int64_t value;
    std::string page;
    base::ErrorCode code;
    std::uint64_t read;
  };
  std::string labels;
  for (int i = 0; i < 300; ++i) labels += "l" + std::to_string(i) + "=\"v\",";
  const Row rows[] = {
      {&SourceLimits::body_bytes, 20, "a 1\nb 2\nc 3\nd 4\ne 5\nf 6\n", base::ErrorCode::BodyLimit,
       5},
      {&SourceLimits::samples, 2, "a 1\nb 2\nc 3\nd 4\n", base::ErrorCode::SampleLimit, 2},
      {&SourceLimits::line_bytes, 10, "a 1\n" + std::string(50, 'x') + " 1\nb 2\n",
       base::ErrorCode::LineLimit, 2},
      {&SourceLimits::labels, 256, "a 1\nx{" + labels + "} 1\nb 2\n", base::ErrorCode::LabelLimit,
       2},
  };
  for (const Row& row : rows) {
    CAPTURE(base::error_code_name(row.code));
    Bench bench("");
    bench.config.sources[0].limits.*row.limit = row.value;
    const ScrapeCounts counts = bench.scrape(row.page, kStartMs, true, 4);
    REQUIRE(bench.transform.failure() != nullptr);
    CHECK(bench.transform.failure()->code == row.code);
    CHECK(counts.read == row.read);
    CHECK(counts.by_sink[0].written == row.read);
    bench.scrape("a 1\n", kStartMs + 60'000);
    CHECK(bench.transform.failure() == nullptr);
  }
}

TEST_CASE("a page without a single sample among its lines is no metrics page, an empty one is") {
  Bench bench("");
  bench.scrape("<html>\n<p>hello</p>\n");
  REQUIRE(bench.transform.failure() != nullptr);
  CHECK(bench.transform.failure()->code == base::ErrorCode::NotMetrics);
  bench.scrape("");
  CHECK(bench.transform.failure() == nullptr);
  bench.scrape("# only a comment\n");
  CHECK(bench.transform.failure() == nullptr);
}

TEST_CASE("the last half line of a page that was cut off is thrown away") {
  Bench bench("");
  CHECK(bench.scrape("a 1\nb 12", kStartMs, false).read == 1);
  CHECK(bench.scrape("a 1\nb 12", kStartMs + 60'000, true).read == 2);
}

TEST_CASE("labels that hold a quoted name are bad behind a bare one, wherever they came from") {
  Bench bench("");
  const ScrapeCounts counts = bench.scrape("{\"q\",x=\"1\"} 1\nbare{\"q\",x=\"1\"} 2\n");
  CHECK(counts.read == 1);
  CHECK(counts.malformed[static_cast<std::size_t>(parsers::Malformed::NameLabel)] == 1);
  CHECK(bench.lines() == "\"q.value\" 1 1767225600 source=\"s\" \"cluster\"=\"c\" \"x\"=\"1\"\n");
}
