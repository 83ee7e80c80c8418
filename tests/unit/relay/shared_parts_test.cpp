// A series is a name's part and a label block's part, each shared with other series: whatever was
// learned of a name or of labels with one partner must be right with every other one.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "relay/transform.h"
#include "tests/support/scrape_bench.h"

using namespace fedwave;
using relay::ScrapeCounts;
using relay::Verdict;
using Bench = support::ScrapeBench;

namespace {

constexpr std::int64_t kStartMs = support::kScrapeStartMs;

// A line of the first sink of a plain configuration.
std::string plain_line(const std::string& name, const std::string& value, const std::string& tags) {
  return '"' + name + "\" " + value + " 1767225600 source=\"s\" \"cluster\"=\"c\"" + tags + '\n';
}

std::vector<std::string> sorted_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = text.find('\n', start) + 1;
    lines.push_back(text.substr(start, end - start));
    start = end;
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

std::uint64_t repaired(const ScrapeCounts& counts, sinks::Repair repair) {
  return counts.repaired[static_cast<std::size_t>(repair)];
}

std::uint64_t malformed(const ScrapeCounts& counts, parsers::Malformed reason) {
  return counts.malformed[static_cast<std::size_t>(reason)];
}

// For the sinks; what becomes of a name, and of labels, by itself. Kept: nothing to say against.
struct Half {
  std::string text;
  std::array<Verdict, 2> verdicts;
  bool is_long = false;  // too long for a line together with another such half
};

// Sink one is stricter than sink two.
const std::string kManyStagesSource =
    "filters: {metricAllowList: ['ok.*'], metricDenyList: ['*denied*'],"
    " metricTagAllowList: {env: ['prod', 'dev']}, metricTagDenyList: {drop: ['yes']}},"
    " limits: {labels: 1000}";
const std::string kManyStagesSinks =
    "[{type: stdout, name: one, prefix: one, tags: {t: '1'},"
    "  limits: {name: 4096, tags: 1000},"
    "  filters: {metricAllowList: ['*.one.*', '*.both.*'], metricDenyList: ['*.sinkdeny.*'],"
    "   metricTagAllowList: {env: ['prod']}, metricTagDenyList: {sinkdrop: ['yes']}}},"
    " {type: stdout, name: two, tags: {t: '2'}, limits: {name: 200, tags: 1000},"
    "  filters: {metricDenyList: ['*.one.*']}}]";

std::vector<Half> names() {
  using enum Verdict;
  return {{"ok_both", {Kept, Kept}},
          {"other", {SourceNotInAllowList, SourceNotInAllowList}},
          {"ok_denied_both", {SourceDenyList, SourceDenyList}},
          {"ok_two", {SinkNotInAllowList, Kept}},
          {"ok_one_", {Kept, SinkDenyList}},
          {"ok_both_sinkdeny_", {SinkDenyList, Kept}},
          {"ok_both_" + std::string(2'500, 'n'), {Kept, NameTooLong}, true},
          {"ok_both_" + std::string(5'000, 'n'), {NameTooLong, NameTooLong}}};
}

// Labels whose part of the line has about `bytes`.
std::string long_labels(std::size_t bytes) {
  std::string labels;
  for (std::size_t i = 0; labels.size() < bytes; ++i) {
    labels += ",l" + std::to_string(1000 + i) + "=\"" + std::string(190, 'v') + '"';
  }
  return labels;
}

std::vector<Half> label_blocks() {
  using enum Verdict;
  return {
      {"{env=\"prod\"}", {Kept, Kept}},
      {"{env=\"none\"}", {SourceNotInTagAllowList, SourceNotInTagAllowList}},
      {"{env=\"prod\",drop=\"yes\"}", {SourceTagDenyList, SourceTagDenyList}},
      {"{env=\"dev\"}", {SinkNotInTagAllowList, Kept}},
      {"{env=\"prod\",sinkdrop=\"yes\"}", {SinkTagDenyList, Kept}},
      {"{env=\"prod\",nodename=\" \"}", {EmptySource, EmptySource}},
      {"{env=\"prod\"" + long_labels(29'800) + "}", {Kept, Kept}, true},
      {"{env=\"prod\"" + long_labels(33'000) + "}", {LineTooLong, LineTooLong}},
  };
}

struct Whole {
  std::string series;
  std::array<Verdict, 2> verdicts;
};

// In the order of evaluation, which is the enumeration's.
std::vector<Whole> all_pairs() {
  std::vector<Whole> pairs;
  for (const Half& name : names()) {
    for (const Half& labels : label_blocks()) {
      Whole pair{name.text + labels.text, {}};
      for (std::size_t sink = 0; sink < 2; ++sink) {
        std::set<Verdict> objections = {name.verdicts[sink], labels.verdicts[sink]};
        if (name.is_long && labels.is_long) objections.insert(Verdict::LineTooLong);
        objections.erase(Verdict::Kept);
        pair.verdicts[sink] = objections.empty() ? Verdict::Kept : *objections.begin();
      }
      pairs.push_back(pair);
    }
  }
  return pairs;
}

void check_verdicts(Bench& bench, const std::vector<Whole>& series, std::size_t piece) {
  std::string page;
  std::array<std::array<std::uint64_t, relay::kVerdictCount>, 2> expected{};
  for (const Whole& one : series) {
    page += one.series + " 1\n";
    for (std::size_t sink = 0; sink < 2; ++sink) {
      ++expected[sink][static_cast<std::size_t>(one.verdicts[sink])];
    }
  }
  const ScrapeCounts counts = bench.scrape(page, kStartMs, true, piece);
  for (std::size_t sink = 0; sink < 2; ++sink) {
    const auto kept = static_cast<std::size_t>(Verdict::Kept);
    CHECK(counts.by_sink[sink].written == expected[sink][kept]);
    expected[sink][kept] = 0;
    CHECK(counts.by_sink[sink].by_verdict == expected[sink]);
  }
  // Which of them it was, now that all are known. Scrapes that fail make none of them older.
  std::int64_t start_ms = kStartMs;
  for (const Whole& one : series) {
    const ScrapeCounts known = bench.scrape(one.series + " 1\n", start_ms += 1'000, false);
    REQUIRE(known.new_series == 0);
    for (std::size_t sink = 0; sink < 2; ++sink) {
      CAPTURE(one.series.substr(0, 60));
      CAPTURE(sink);
      const Verdict verdict = one.verdicts[sink];
      const auto& found = known.by_sink[sink];
      const bool is_kept = verdict == Verdict::Kept;
      CHECK(found.written == (is_kept ? 1 : 0));
      CHECK(found.by_verdict[static_cast<std::size_t>(verdict)] == (is_kept ? 0 : 1));
    }
  }
}

}  // namespace

TEST_CASE("the earliest stage that objects decides, whichever partners were known before") {
  std::vector<Whole> series = all_pairs();
  std::mt19937 random(41);
  for (int round = 0; round < 8; ++round) {
    CAPTURE(round);
    Bench bench(kManyStagesSource, kManyStagesSinks);
    check_verdicts(bench, series, round % 2 == 0 ? 1 << 20 : 5'000);
    if (round == 0) {
      std::reverse(series.begin(), series.end());
    } else {
      std::shuffle(series.begin(), series.end(), random);
    }
  }
}

TEST_CASE("labels first seen behind a name that is dropped are right behind one that passes") {
  for (const char* deny : {"metricDenyList: ['gone.*']", "metricAllowList: ['a.*', 'b.*']"}) {
    CAPTURE(deny);
    Bench bench(std::string("filters: {") + deny + ", metricTagDenyList: {x: ['drop']}}");
    const ScrapeCounts counts = bench.scrape(
        "gone{x=\"1\"} 1\na{x=\"1\"} 2\ngone 3\na 4\n"
        "gone{x=\"drop\"} 5\na{x=\"drop\"} 6\nb{x=\"drop\"} 7\nb{x=\"1\"} 8\ngone{x=\"2\"} 9\n");
    CHECK(bench.lines() == plain_line("a.value", "2", " \"x\"=\"1\"") +
                               plain_line("a.value", "4", "") +
                               plain_line("b.value", "8", " \"x\"=\"1\""));
    const auto& verdicts = counts.by_sink[0].by_verdict;
    const bool is_deny = std::string(deny).starts_with("metricDeny");
    CHECK(verdicts[static_cast<std::size_t>(is_deny ? Verdict::SourceDenyList
                                                    : Verdict::SourceNotInAllowList)] == 4);
    CHECK(verdicts[static_cast<std::size_t>(Verdict::SourceTagDenyList)] == 2);
  }
}

TEST_CASE("each sink has its own text of a shared name and of shared labels") {
  Bench bench("tags: {from: src}",
              "[{type: stdout, name: one, prefix: p.q, tags: {t: '1', x: mine}},"
              " {type: stdout, name: two, tags: {t: '2'}, filters: {tagExclude: [y]}},"
              " {type: stdout, name: three, filters: {metricDenyList: ['b*']}}]");
  const std::string page =
      "a{x=\"1\",y=\"2\"} 1\nb{x=\"1\",y=\"2\"} 2\na{x=\"3\"} 3\nb{x=\"3\"} 4\n";
  for (std::int64_t scrape = 0; scrape < 2; ++scrape) {
    bench.scrape(page, kStartMs + scrape * 1'000);
    const std::string time = std::to_string(kStartMs / 1000 + scrape);
    const auto line = [&](const std::string& name, const char* value, const std::string& tags) {
      return '"' + name + ".value\" " + value + ' ' + time +
             " source=\"s\" \"cluster\"=\"c\" \"from\"=\"src\"" + tags + '\n';
    };
    CHECK(bench.lines(0) == line("p.q.a", "1", R"( "t"="1" "x"="mine" "y"="2")") +
                                line("p.q.b", "2", R"( "t"="1" "x"="mine" "y"="2")") +
                                line("p.q.a", "3", R"( "t"="1" "x"="mine")") +
                                line("p.q.b", "4", R"( "t"="1" "x"="mine")"));
    CHECK(bench.lines(1) ==
          line("a", "1", R"( "t"="2" "x"="1")") + line("b", "2", R"( "t"="2" "x"="1")") +
              line("a", "3", R"( "t"="2" "x"="3")") + line("b", "4", R"( "t"="2" "x"="3")"));
    CHECK(bench.lines(2) == line("a", "1", R"( "x"="1" "y"="2")") + line("a", "3", R"( "x"="3")"));
  }
}

TEST_CASE("the same label text is another part for a bucket, for a quantile and for the rest") {
  // Declared and sampled in every order.
  std::vector<std::string> families = {
      "u{le=\"1e6\",quantile=\"0.50\"} 1\n",
      "# TYPE h histogram\nh_bucket{le=\"1e6\",quantile=\"0.50\"} 2\n"
      "h_sum{le=\"1e6\",quantile=\"0.50\"} 3\n",
      "# TYPE q summary\nq{le=\"1e6\",quantile=\"0.50\"} 4\nq_count{le=\"1e6\",quantile=\"0.50\"} "
      "5\n",
      "# TYPE h2 histogram\nh2_bucket{le=\"1e6\",quantile=\"0.50\"} 6\n",
      "# TYPE q2 summary\nq2{le=\"1e6\",quantile=\"0.50\"} 7\n",
  };
  std::vector<std::string> expected = {
      plain_line("u.value", "1", R"( "le"="1e6" "quantile"="0.50")"),
      plain_line("h.bucket", "2", R"( "le"="1e+06" "quantile"="0.50")") +
          plain_line("h.sum", "3", R"( "le"="1e6" "quantile"="0.50")"),
      plain_line("q", "4", R"( "le"="1e6" "quantile"="0.5")") +
          plain_line("q.count", "5", R"( "le"="1e6" "quantile"="0.50")"),
      plain_line("h2.bucket", "6", R"( "le"="1e+06" "quantile"="0.50")"),
      plain_line("q2", "7", R"( "le"="1e6" "quantile"="0.5")"),
  };
  std::vector<std::size_t> order = {0, 1, 2, 3, 4};
  do {
    Bench bench("");
    std::string page;
    std::string lines;
    for (const std::size_t i : order) {
      page += families[i];
      lines += expected[i];
    }
    bench.scrape(page);
    CHECK(bench.lines() == lines);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("a name is another part for every type of its family") {
  Bench bench("");
  bench.scrape(
      "a{x=\"1\"} 1\n# TYPE a gauge\na{x=\"1\"} 2\n# TYPE a counter\na{x=\"1\"} 3.5\n"
      "# TYPE a untyped\na_count{x=\"1\"} 4.5\n# TYPE a summary\na_count{x=\"1\"} 5.5\n"
      "# TYPE a histogram\na_count{x=\"1\"} 6.5\na_bucket{x=\"1\"} 7.5\n");
  CHECK(bench.lines() == plain_line("a.value", "1", " \"x\"=\"1\"") +
                             plain_line("a.gauge", "2", " \"x\"=\"1\"") +
                             plain_line("a.counter", "3.5", " \"x\"=\"1\"") +
                             plain_line("a.count.value", "4.5", " \"x\"=\"1\"") +
                             plain_line("a.count", "5", " \"x\"=\"1\"") +
                             plain_line("a.count", "6", " \"x\"=\"1\"") +
                             plain_line("a.bucket.value", "7.5", " \"x\"=\"1\""));
}

TEST_CASE("a quoted name shares with nobody what would not be good behind a bare one") {
  const std::string quoted = "{\"a.b\",x=\"1\"} 1\n";
  const std::string expected = plain_line("a.b.value", "1", " \"x\"=\"1\"");
  {
    Bench bench("");
    const ScrapeCounts counts = bench.scrape(quoted + "c" + quoted + "{\"a.c\",x=\"1\"} 2\n");
    CHECK(malformed(counts, parsers::Malformed::NameLabel) == 1);
    CHECK(bench.lines() == expected + plain_line("a.c.value", "2", " \"x\"=\"1\""));
  }
  {
    Bench bench("");
    const ScrapeCounts counts = bench.scrape("c" + quoted + quoted + "c{x=\"1\"} 3\n{x=\"1\"} 4\n");
    CHECK(malformed(counts, parsers::Malformed::NameLabel) == 1);
    CHECK(malformed(counts, parsers::Malformed::MissingName) == 1);
    CHECK(bench.lines() == expected + plain_line("c.value", "3", " \"x\"=\"1\""));
  }
  // A bucket's and a plain sample's quoted series with the same text.
  Bench typed("");
  typed.scrape("{\"h_bucket\",le=\"1e6\"} 1\n# TYPE h histogram\n{\"h_bucket\",le=\"1e6\"} 2\n");
  CHECK(typed.lines() == plain_line("h.bucket.value", "1", " \"le\"=\"1e6\"") +
                             plain_line("h.bucket", "2", " \"le\"=\"1e+06\""));
}

TEST_CASE("what is malformed is so with every partner, and known labels excuse no name") {
  Bench bench("filters: {metricDenyList: ['gone.*']}, limits: {labels: 2}");
  const std::string bad =
      "a{x=1} 1\nb{x=1} 2\ngone{x=1} 3\na-b{x=\"1\"} 4\n1a{x=\"1\"} 5\n{x=\"1\"} 6\na.b 7\n"
      "gone{x=\"1\",x=\"2\"} 8\na{x=\"1\",x=\"2\"} 9\na{x=\"1\",y=\"2\",z=\"3\"} 10\n";
  constexpr std::uint64_t kBad = 10;
  CHECK(bench.scrape("a 1\n" + bad).malformed_total() == kBad);
  const std::string good = "a{x=\"1\"} 1\ngone{x=\"1\"} 2\na 3\nb 4\n";
  CHECK(bench.scrape(good, kStartMs + 1'000).new_series == 3);
  for (int i = 2; i < 4; ++i) {
    const ScrapeCounts counts = bench.scrape(bad + good + bad, kStartMs + i * 1'000);
    CHECK(counts.malformed_total() == 2 * kBad);
    CHECK(malformed(counts, parsers::Malformed::TooManyLabels) == 2);
    CHECK(malformed(counts, parsers::Malformed::MissingName) == 2);
    CHECK(counts.new_series == 0);
    CHECK(counts.read == 4);
    CHECK(counts.by_sink[0].written == 3);
  }
}

TEST_CASE("a new series that comes twice in one batch is one series") {
  Bench bench("repeats: send");
  std::string page;
  std::string expected;
  for (int i = 0; i < 30; ++i) {
    const std::string number = std::to_string(i % 10);
    page += "m{n=\"" + number + "\"} " + std::to_string(i) + "\n";
    expected += plain_line("m.value", std::to_string(i), " \"n\"=\"" + number + '"');
  }
  const ScrapeCounts counts = bench.scrape(page);
  CHECK(counts.new_series == 10);
  CHECK(bench.transform.series() == 10);
  CHECK(bench.lines() == expected);
  Bench once("");
  CHECK(once.scrape(page).by_sink[0].repeated == 20);
}

TEST_CASE("new series among known ones find their place, and the known ones theirs") {
  Bench bench("");
  // Every scrape knows the multiples of a smaller step: the table grows in the midst of batches.
  std::int64_t start_ms = kStartMs;
  std::size_t known = 0;
  for (const int step : {64, 16, 7, 5, 3, 2, 1}) {
    start_ms += 1'000;
    std::string page;
    std::string expected;
    for (int i = 0; i < 6'000; i += step) {
      const std::string labels = "{w=\"" + std::to_string(i / 20) + "\"}";
      page += "m" + std::to_string(i % 20) + labels + ' ' + std::to_string(i + step) + '\n';
      expected += "\"m" + std::to_string(i % 20) + ".value\" " + std::to_string(i + step) + ' ' +
                  std::to_string(start_ms / 1000) + " source=\"s\" \"cluster\"=\"c\" \"w\"=\"" +
                  std::to_string(i / 20) + "\"\n";
    }
    const ScrapeCounts counts = bench.scrape(page, start_ms, true, 10'000);
    CAPTURE(step);
    CHECK((bench.lines() == expected));
    CHECK(counts.new_series == bench.transform.series() - known);
    known = bench.transform.series();
  }
  CHECK(known == 6'000);
}

TEST_CASE("a repair counts once for each new series and sink that keeps it") {
  Bench bench("filters: {metricDenyList: ['gone.*']}",
              "[{type: stdout, name: one}, {type: stdout, name: two, limits: {tags: 1},"
              "  filters: {metricDenyList: ['b.*'], metricTagDenyList: {y: ['no']}}}]");
  const std::string value(300, 'v');
  const std::string labels = "{x=\"" + value + "\"} 1\n";
  struct Row {
    std::string page;
    std::uint64_t truncated;
    std::uint64_t over_limit;  // sink two has "cluster" already
  };
  const Row rows[] = {
      {"gone" + labels, 0, 0},
      {"a" + labels, 2, 1},
      {"a" + labels, 0, 0},
      {"b" + labels, 1, 0},
      {"a" + labels + "b" + labels + "gone" + labels, 0, 0},
      {"c" + labels + "d" + labels + "c" + labels, 4, 2},
      {"a{x=\"" + value + "\",y=\"no\"} 1\n", 1, 0},
      {"e" + std::string("{x=\"") + value + "\"} NaN\n", 2, 1},
      {"e" + labels, 0, 0},
      {"f{x=\"" + value + "\"} bad\n", 0, 0},
  };
  std::int64_t start_ms = kStartMs;
  for (const Row& row : rows) {
    CAPTURE(row.page);
    const ScrapeCounts counts = bench.scrape(row.page, start_ms += 1'000);
    CHECK(repaired(counts, sinks::Repair::TagValueTruncated) == row.truncated);
    CHECK(repaired(counts, sinks::Repair::TagsOverLimit) == row.over_limit);
  }
  // A line that is too long as a whole is not repaired, it is rejected.
  Bench narrow("limits: {labels: 1000}",
               "[{type: stdout, limits: {name: 4096, tags: 1000, tagValue: 180}}]");
  const std::string many = "{" + long_labels(32'500).substr(1) + "} 1\n";
  const std::uint64_t tags = static_cast<std::uint64_t>(std::count(many.begin(), many.end(), '='));
  CHECK(repaired(narrow.scrape("m" + many), sinks::Repair::TagValueTruncated) == tags);
  const ScrapeCounts counts = narrow.scrape(std::string(3'000, 'm') + many, kStartMs + 1'000);
  CHECK(repaired(counts, sinks::Repair::TagValueTruncated) == 0);
  CHECK(counts.by_sink[0].by_verdict[static_cast<std::size_t>(Verdict::LineTooLong)] == 1);
}

TEST_CASE("histograms with the same labels are converted each under its own name") {
  const std::string sinks =
      "[{type: stdout, name: one, prefix: p}, {type: stdout, name: two,"
      " filters: {metricDenyList: ['g*'], metricTagDenyList: {x: ['no']}}}]";
  Bench bench("convertHistograms: true", sinks);
  const auto page = [](int count) {
    const std::string n = std::to_string(count);
    std::string text = "# TYPE g histogram\n# TYPE h histogram\nu{x=\"1\",le=\"1.0\"} " + n + "\n";
    for (const char* name : {"g", "h"}) {
      for (const char* labels : {"x=\"1\"", "x=\"no\""}) {
        const std::string block = std::string("{") + labels;
        // What has no bound comes right behind a bucket of another histogram.
        text += std::string(name) + "_sum" + block + "} 1\n" +           //
                name + "_count" + block + "} " + n + "\n" +              //
                name + "_bucket" + block + ",le=\"1.0\"} " + n + "\n" +  //
                name + "_bucket" + block + ",le=\"nan\"} " + n + ".5\n" + name + "_bucket" + block +
                ",le=\"+Inf\"} " + n + "\n";
      }
    }
    // Not a bucket without a bound: a plain sample.
    return text + "h_bucket{x=\"1\"} " + n + ".5\n";
  };
  bench.scrape(page(4));
  const ScrapeCounts counts = bench.scrape(page(8), kStartMs + 60'000);
  CHECK(counts.new_series == 0);
  CHECK(counts.read == 22);
  const auto distribution = [](const char* name, const char* x) {
    return std::string("!M 1767225660 #1 0 #2 0.5 #1 1 \"") + name +
           "\" source=\"s\" \"cluster\"=\"c\" \"x\"=\"" + x + "\"\n";
  };
  const auto point = [](const char* name, const char* value, const char* tags) {
    return std::string("\"") + name + "\" " + value +
           " 1767225660 source=\"s\" \"cluster\"=\"c\" " + tags + '\n';
  };
  CHECK(joined(sorted_lines(bench.lines(0))) ==
        joined(sorted_lines(distribution("p.g", "1") + distribution("p.g", "no") +
                            distribution("p.h", "1") + distribution("p.h", "no") +
                            point("p.u.value", "8", R"("le"="1.0" "x"="1")") +
                            point("p.g.bucket", "8", R"("le"="nan" "x"="1")") +
                            point("p.g.bucket", "8", R"("le"="nan" "x"="no")") +
                            point("p.h.bucket", "8", R"("le"="nan" "x"="1")") +
                            point("p.h.bucket", "8", R"("le"="nan" "x"="no")") +
                            point("p.h.bucket.value", "8.5", R"("x"="1")"))));
  CHECK(
      joined(sorted_lines(bench.lines(1))) ==
      joined(sorted_lines(distribution("h", "1") + point("u.value", "8", R"("le"="1.0" "x"="1")") +
                          point("h.bucket", "8", R"("le"="nan" "x"="1")") +
                          point("h.bucket.value", "8.5", R"("x"="1")"))));
  CHECK(counts.by_sink[0].converted == 16);
  CHECK(counts.by_sink[0].distributions == 4);
  CHECK(counts.by_sink[1].converted == 4);
  CHECK(counts.by_sink[1].distributions == 1);
  const auto& verdicts = counts.by_sink[1].by_verdict;
  CHECK(verdicts[static_cast<std::size_t>(Verdict::SinkDenyList)] == 10);
  CHECK(verdicts[static_cast<std::size_t>(Verdict::SinkTagDenyList)] == 5);
}

TEST_CASE("a distribution's line is held to the limit as a whole") {
  Bench bench("convertHistograms: true, limits: {labels: 1000}",
              "[{type: stdout, name: one, limits: {name: 4096, tags: 1000}}, {type: stdout}]");
  const std::string name = "h_" + std::string(2'500, 'n');
  const std::string labels = "{le=\"1\"" + long_labels(29'800) + "} 1\n";
  const std::string page = "# TYPE h histogram\n# TYPE " + name + " histogram\n" +  //
                           "h_bucket" + labels + name + "_bucket" + labels;
  bench.scrape(page);
  const ScrapeCounts counts = bench.scrape(page, kStartMs + 60'000);
  CHECK(counts.by_sink[0].converted == 1);
  CHECK(counts.by_sink[0].by_verdict[static_cast<std::size_t>(Verdict::LineTooLong)] == 1);
  CHECK(counts.by_sink[1].by_verdict[static_cast<std::size_t>(Verdict::NameTooLong)] == 1);
}

TEST_CASE("series that went and come again find the parts that others have kept") {
  const auto page_of = [](const std::vector<std::string>& names) {
    std::string page = "stays 1\n";
    for (int i = 0; i < 2'000; ++i) {
      for (const std::string& name : names) page += name + "{w=\"" + std::to_string(i) + "\"} 1\n";
    }
    return page;
  };
  Bench bench("");
  std::int64_t start_ms = kStartMs;
  CHECK(bench.scrape(page_of({"a", "b", "c"}), start_ms).new_series == 6'001);
  // Half of the label blocks go, and the name a.
  std::string half = "stays 1\n";
  for (int i = 0; i < 2'000; i += 2) half += "b{w=\"" + std::to_string(i) + "\"} 1\n";
  for (int i = 0; i < 12; ++i) bench.scrape(half, start_ms += 60'000);
  CHECK(bench.transform.series() == 1'001);
  const ScrapeCounts counts = bench.scrape(page_of({"c", "b", "a"}), start_ms += 60'000);
  CHECK(counts.new_series == 5'000);
  CHECK(counts.by_sink[0].written == 6'001);
  const auto alone = bench.lines();
  Bench fresh("");
  fresh.scrape(page_of({"c", "b", "a"}), start_ms);
  CHECK((alone == fresh.lines()));
  // And all of it goes.
  for (int i = 0; i < 12; ++i) bench.scrape("stays 1\n", start_ms += 60'000);
  CHECK(bench.transform.series() == 1);
  bench.scrape(page_of({"a"}), start_ms += 60'000);
  fresh.scrape(page_of({"a"}), start_ms);
  CHECK((bench.lines() == fresh.lines()));
}
