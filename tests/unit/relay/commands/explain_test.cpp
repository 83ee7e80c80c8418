#include "relay/commands/explain.h"

#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

#include "relay/commands/asked_series.h"
#include "relay/commands/explain_report.h"
#include "relay/commands/fates.h"
#include "relay/commands/page_names.h"
#include "relay/commands/page_tags.h"
#include "tests/support/configs.h"

using namespace fedwave;
using namespace fedwave::relay;
using What = AskedSeries::What;
using parsers::Malformed;
using parsers::SampleKind;

namespace {

PageSeries series_of(const std::string& name, const std::string& labels = "",
                     const std::string& value = "1", SampleKind kind = SampleKind::Untyped) {
  return {.name = name, .series = name + labels, .value = value, .kind = kind};
}

const char* const kConfig =
    "sinks: [{name: first, proxyAddress: 'p:1', prefix: mesh.}]\n"
    "sources:\n"
    "  prometheus_sources:\n"
    "  - name: istio\n"
    "    url: http://x/federate?match[]=a\n"
    "    prefix: 'k8s.'\n"
    "    filters:\n"
    "      metricAllowList: ['*.requests.*', '*.tcp.*']\n"
    "      metricTagDenyList: {code: ['5*']}\n";

// A source with a page, ready to be asked.
struct Asking {
  explicit Asking(std::vector<PageSeries> series, const std::string& yaml = kConfig)
      : config(support::config_of(yaml)),
        explainer(config, config.sources[0]),
        page{.instance = "", .series = std::move(series)},
        names(config, config.sources[0]) {
    names.add(page, explainer);
  }

  std::vector<std::string> found(const std::string& name) const {
    std::vector<std::string> result;
    for (const PageMetric* metric : names.find(name)) {
      result.push_back(metric->name + " " + std::to_string(metric->series.size()));
    }
    return result;
  }

  config::Config config;
  Explainer explainer;
  SourcePage page;
  PageNames names;
};

}  // namespace

TEST_CASE("What is asked about is a series, a name of either side, or a pattern") {
  struct Row {
    std::string text;
    What what;
    std::string read;
    std::string value;
  };
  const std::vector<Row> rows = {
      {"istio_requests_total", What::Name, "istio_requests_total", ""},
      {" istio.requests.total.value ", What::Name, "istio.requests.total.value", ""},
      {"job:requests:rate5m", What::Name, "job:requests:rate5m", ""},
      {"~agent.points-per/second", What::Name, "~agent.points-per/second", ""},
      {"a{}", What::Series, "a{}", ""},
      {"a{b=\"c\"}", What::Series, "a{b=\"c\"}", ""},
      {"a{b=\"*\"} 1", What::Series, "a{b=\"*\"}", "1"},
      {"a 1 1767225600000", What::Series, "a", "1"},
      {"{\"a.b\",c=\"d\"} NaN", What::Series, "{\"a.b\",c=\"d\"}", "NaN"},
      {"istio.*", What::Pattern, "istio.*", ""},
      {"go.?c", What::Pattern, "go.?c", ""},
      {"istio.[rt]*", What::Pattern, "istio.[rt]*", ""},
      {"istio.{requests,tcp}.value", What::Pattern, "istio.{requests,tcp}.value", ""}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const AskedSeries asked = read_asked(row.text);
    CHECK(asked.what == row.what);
    CHECK(asked.text == row.read);
    CHECK(asked.value == row.value);
  }
}

TEST_CASE("What is no series is told why") {
  struct Row {
    std::string text;
    Malformed reason;
  };
  const std::vector<Row> rows = {{"", Malformed::MissingName},
                                 {"a{b=c}", Malformed::MissingQuote},
                                 {"a{b=\"c}", Malformed::UnterminatedString},
                                 {"a{b=\"c\"} x", Malformed::BadValue},
                                 {"a{b=\"c\"} 1 x", Malformed::BadTimestamp},
                                 {"a{b=\"c\",b=\"d\"}", Malformed::DuplicateLabel},
                                 {"some words", Malformed::BadValue}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const AskedSeries asked = read_asked(row.text);
    CHECK(asked.what == What::Malformed);
    CHECK(std::string(parsers::malformed_name(asked.malformed)) ==
          parsers::malformed_name(row.reason));
  }
}

TEST_CASE("A metric is found by its name on either side, with and without prefixes") {
  const Asking asking({series_of("requests_total", "{code=\"200\"}"),
                       series_of("requests_total", "{code=\"500\"}"), series_of("up"),
                       series_of("Up")});
  for (const char* name :
       {"requests_total", "k8s.requests.total.value", "requests.total.value",
        "mesh.k8s.requests.total.value", "mesh.requests.total.value", "REQUESTS_TOTAL"}) {
    CAPTURE(name);
    CHECK(asking.found(name) == std::vector<std::string>{"requests_total 2"});
  }
  // Dropped, but people look for it all the same.
  CHECK(asking.found("k8s.up.value") == std::vector<std::string>{"up 1"});
  CHECK(asking.found("up") == std::vector<std::string>{"up 1"});
  CHECK(asking.found("UP") == std::vector<std::string>{"Up 1", "up 1"});
  CHECK(asking.found("requests").empty());
}

TEST_CASE("The names nearest to one that is not there are of its side") {
  const Asking asking({series_of("requests_total"), series_of("request_bytes"), series_of("up")});
  using Names = std::vector<std::string>;
  CHECK(asking.names.nearest("requests_totl", 3) == Names{"requests_total"});
  CHECK(asking.names.nearest("request", 3) == Names{"request_bytes", "requests_total"});
  CHECK(asking.names.nearest("request", 1) == Names{"request_bytes"});
  CHECK(asking.names.nearest("k8s.requests.totl.value", 1) == Names{"k8s.requests.total.value"});
  CHECK(asking.names.nearest("something_else", 3).empty());
}

TEST_CASE("A pattern matches the names that filters see") {
  const Asking asking({series_of("requests_total"), series_of("tcp_sent_total"), series_of("up")});
  using Names = std::vector<std::string>;
  CHECK(asking.names.matching("k8s.*.total.value") ==
        Names{"k8s.requests.total.value", "k8s.tcp.sent.total.value"});
  CHECK(asking.names.matching("requests.*").empty());
  CHECK(asking.names.matching("k8s.tcp_sent.*").empty());
}

TEST_CASE("A Wavefront name alone says what the page may call it") {
  const config::Config config = support::config_of(kConfig);
  struct Row {
    std::string asked;
    std::string name;
    SampleKind kind;
  };
  const std::vector<Row> rows = {
      {"requests_total", "requests_total", SampleKind::Untyped},
      {"requests.total.value", "requests_total", SampleKind::Untyped},
      {"k8s.requests.total.counter", "requests_total", SampleKind::Counter},
      {"mesh.k8s.temperature.gauge", "temperature", SampleKind::Gauge},
      {"latency.bucket", "latency_bucket", SampleKind::Untyped}};
  for (const Row& row : rows) {
    CAPTURE(row.asked);
    const GuessedMetric guess = guess_metric(config, config.sources[0], row.asked);
    CHECK(guess.name == row.name);
    CHECK(guess.kind == row.kind);
  }
}

TEST_CASE("Series of one fate are counted together, the most first") {
  const Asking asking({});
  Fates fates;
  for (const PageSeries& series :
       {series_of("requests_total", "{code=\"500\"}"),
        series_of("requests_total", "{code=\"200\"}"),
        series_of("requests_total", "{code=\"201\"}"),
        series_of("requests_total", "{code=\"202\"}", "NaN"),
        series_of("requests_total", "{code=\"203\",empty=\"-\"}"), series_of("up")}) {
    fates.add(asking.explainer.explain(series.sample()));
  }
  const auto sorted = fates.by_count();
  REQUIRE(sorted.size() == 5);
  CHECK(sorted[0]->series == 2);
  CHECK(sorted[0]->example.series == "requests_total{code=\"200\"}");
  for (std::size_t i = 1; i < sorted.size(); ++i) CHECK(sorted[i]->series == 1);
}

TEST_CASE("A series stands for those of the page that have its labels, and perhaps more") {
  struct Row {
    std::string asked;
    bool is_it;
  };
  const std::vector<Row> rows = {
      {"a{}", true},
      {"a{code=\"200\"}", true},
      {"a{pod=\"x\\\"y\",code=\"200\"}", true},
      {"a{code=\"500\"}", false},
      {"a{code=\"20\"}", false},
      {"a{code=\"200\",zone=\"b\"}", false},
      {"a{zone=\"\"}", true},  // as good as not there
      {"a{code=\"\"}", false},
  };
  const PageSeries series = series_of("a", "{code=\"200\",pod=\"x\\\"y\"}");
  const config::Config config = support::config_of(kConfig);
  for (const Row& row : rows) {
    CAPTURE(row.asked);
    CHECK(has_labels(series, read_asked(row.asked), config.sources[0]) == row.is_it);
  }
}

TEST_CASE("A tag that a list looks at and no series has is told where another one is near") {
  const config::Config config = support::config_of(
      "clusterName: c\n"
      "sinks:\n"
      "- {name: first, proxyAddress: 'p:1', tags: {env: prod}, filters: {metricTagAllowList: "
      "{env: [a], cluster: [c], pood: [x]}}}\n"
      "sources:\n"
      "  prometheus_sources:\n"
      "  - {name: istio, url: 'http://x/metrics', tags: {team: a}, filters: {\n"
      "      metricTagDenyList: {responce_code: ['5*'], team: [b], unheard_of: [c]},\n"
      "      metricTagAllowList: {pod: [a]}}}\n");
  const auto told = [&](std::vector<PageSeries> series) {
    return misspelt_tags(config, config.sources[0], {{.instance = "", .series = std::move(series)}},
                         "mesh.yaml");
  };
  CHECK(told({series_of("a", "{pod=\"x\"}"), series_of("b", "{response_code=\"200\"}")}) ==
        std::vector<std::string>{
            "metricTagDenyList at mesh.yaml:7:43: no series has the tag \"responce_code\"; the "
            "nearest is response_code",
            "metricTagAllowList at mesh.yaml:3:119: no series has the tag \"pood\"; the nearest is "
            "pod"});
  CHECK(told({}).empty());  // an empty page says nothing
}

TEST_CASE("A hint of many metrics is the same hint") {
  std::string yaml = kConfig;
  yaml.replace(yaml.find("*.tcp.*"), 7, "k8s.tcp_*");
  const Asking asking({}, yaml);
  std::ostringstream out;
  const auto report = make_explain_report(ReportFormat::Text, out, "mesh.yaml", false);
  report->begin_page("istio");
  for (const char* name : {"tcp_a", "tcp_b", "tcp_c"}) {
    report->page_series(asking.explainer.explain(series_of(name).sample()), true);
  }
  report->end_page(true);
  const std::string hint = "hint: \"k8s.tcp.*\" would match k8s.tcp.a.value; you wrote";
  const std::size_t place = out.str().find(hint);
  REQUIRE(place != std::string::npos);
  CHECK(out.str().find("hint:", place + 1) == std::string::npos);
}

TEST_CASE("Decisions are told once where the source makes them, and of each sink where it does") {
  const std::string two_sinks =
      "sinks: [{name: first, proxyAddress: 'p:1'}, {name: second, proxyAddress: 'p:2', filters: "
      "{metricDenyList: ['*.b.value']}}]\n" +
      std::string(kConfig).substr(std::string(kConfig).find("sources:"));
  const Asking asking({}, two_sinks);
  DecisionCounts counts("mesh.yaml");
  for (const PageSeries& series :
       {series_of("up"), series_of("tcp_a"), series_of("tcp_b"), series_of("tcp_a", "{x=\"1\"}"),
        series_of("tcp_a", "{x=\"2\"}", "+Inf")}) {
    counts.add(asking.explainer.explain(series.sample()));
  }
  CHECK(counts.series() == 5);
  CHECK(counts.unsent() == 3);
  std::vector<std::string> told;
  for (const DecisionCounts::Group* group : counts.by_count()) {
    const Decision& decision = group->decision;
    told.push_back(std::to_string(group->series) + (decision.is_kept ? " kept " : " dropped ") +
                   decision.who + decision.why);
  }
  CHECK(told == std::vector<std::string>{
                    "3 kept sink \"first\": ", "2 kept sink \"second\": ",
                    "1 dropped sink \"first\": the value is infinite, which Wavefront refuses",
                    "1 dropped sink \"second\": the sink's metricDenyList matches the name",
                    "1 dropped sink \"second\": the value is infinite, which Wavefront refuses",
                    "1 dropped no pattern of the source's metricAllowList matches the name"});
}

TEST_CASE("Colours are written only where they are wanted") {
  const Asking asking({});
  const Explanation explanation = asking.explainer.explain(series_of("up").sample());
  for (const bool has_colour : {false, true}) {
    std::ostringstream out;
    const auto report = make_explain_report(ReportFormat::Text, out, "mesh.yaml", has_colour);
    report->series(explanation, 3);
    report->not_found("istio", "down", {"up"});
    report->begin_page("istio");
    report->page_series(explanation, true);
    report->end_page(true);
    CHECK((out.str().find('\x1b') != std::string::npos) == has_colour);
    CHECK(out.str().find("and 2 more like it") != std::string::npos);
  }
}
