#include "relay/status/explain_view.h"

#include "relay/base/text.h"
#include "relay/status/metric_names.h"
#include "tests/unit/relay/status/fake_relay.h"

namespace fedwave::relay {
namespace {

using tests::FakeRelay;
using tests::number;
using tests::parse_json;
using tests::text;

constexpr const char* kYaml =
    "sinks: [{name: proxy, proxyAddress: 'p:1', prefix: mesh}]\n"
    "sources:\n"
    "  internal_stats_source: {}\n"
    "  prometheus_sources:\n"
    "  - name: istio\n"
    "    url: http://h/m\n"
    "    prefix: k8s.\n"
    "    filters:\n"
    "      metricAllowList: ['k8s.istio.*', 'k8s.go.*']\n"
    "      metricTagDenyList: {app: [noisy]}\n"
    "  - {name: other, url: 'http://i/m'}\n";

SurveyedMetric metric(const std::string& name, const std::string& sent_as, std::uint64_t kept,
                      std::uint64_t dropped, Verdict verdict) {
  SurveyedMetric metric;
  metric.name = name;
  metric.sinks.resize(1);
  metric.sinks[0].sent_as = sent_as;
  metric.sinks[0].series[0] = kept;
  metric.sinks[0].series[static_cast<std::size_t>(verdict)] += dropped;
  if (kept > 0) metric.examples[0].series = name + "{app=\"web\"}";
  if (dropped > 0)
    metric.examples[static_cast<std::size_t>(verdict)].series = name + "{app=\"noisy\"}";
  if (sent_as.ends_with(".gauge")) {
    for (auto& example : metric.examples) example.kind = parsers::SampleKind::Gauge;
  }
  return metric;
}

struct Asking {
  Asking() : relay(kYaml), view(relay) {
    const auto survey = std::make_shared<Survey>();
    survey->metrics = {
        metric("go_threads", "mesh.k8s.go.threads.gauge", 3, 0, Verdict::Kept),
        metric("istio_requests_total", "mesh.k8s.istio.requests.total.value", 40, 2,
               Verdict::SourceTagDenyList),
        metric("pilot_xds", "", 0, 7, Verdict::SourceNotInAllowList),
    };
    relay.surveys["istio"] = survey;
  }

  rapidjson::Document ask(const std::string& series, const std::string& more = "") {
    const auto answer = view.json("series=" + encoded(series) + more);
    REQUIRE(answer.has_value());
    return parse_json(*answer);
  }
  static std::string encoded(const std::string& text) {
    std::string out;
    for (const char c : text) {
      char code[4];
      std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
      out += code;
    }
    return out;
  }

  FakeRelay relay;
  ExplainView view;
};

TEST_CASE("A series as text is explained as written, beside what became of its name") {
  Asking asking;
  const auto json = asking.ask("istio_requests_total{app=\"a } b\"} 12 1767225600000");
  CHECK(text(json, "matched_by") == "series");
  const std::string note = text(json, "note");
  CHECK(note.find("as written; labels that are left out may decide otherwise") !=
        std::string::npos);
  CHECK(note.find("of the 42 known series of this name 40 are sent, 2 dropped") !=
        std::string::npos);
  // The other source has never read a page.
  REQUIRE(json["explanations"].Size() == 1);
  const auto& istio = json["explanations"][0];
  CHECK(text(istio, "source") == "istio");
  CHECK(text(istio, "series") == "istio_requests_total{app=\"a } b\"}");
  CHECK(text(istio, "value") == "12");
  CHECK(text(istio, "type") == "untyped");
  CHECK(text(istio["labels"], "app") == "a } b");
  CHECK(text(istio, "verdict") == "kept");
  CHECK(text(istio["sinks"][0], "sent_as") == "mesh.k8s.istio.requests.total.value");
  CHECK(istio["series_count"].IsNull());
  // There may be no such series; of the examples it is known that there are.
  CHECK(istio["hypothetical"].IsTrue());
  CHECK(
      asking.ask("istio_requests_total{app=\"web\"}")["explanations"][0]["hypothetical"].IsFalse());
}

TEST_CASE("A series is explained by the sources that know its name, each with its counts") {
  Asking asking;
  const auto survey = std::make_shared<Survey>();
  survey->metrics = {
      metric("istio_requests_total", "mesh.istio.requests.total.value", 1'500, 0, Verdict::Kept),
      metric("lonely", "", 0, 1, Verdict::SinkDenyList)};
  asking.relay.surveys["other"] = survey;
  const auto both = asking.ask("istio_requests_total{code=\"503\"}");
  REQUIRE(both["explanations"].Size() == 2);
  CHECK(text(both, "note").find("source \"istio\": of the 42 known") != std::string::npos);
  CHECK(text(both, "note").find("source \"other\": all 1,500 known series of this name are sent") !=
        std::string::npos);
  const auto one = asking.ask("lonely{}");
  REQUIRE(one["explanations"].Size() == 1);
  CHECK(text(one["explanations"][0], "source") == "other");
  CHECK(text(one, "note").find("the one known series of this name is dropped") !=
        std::string::npos);
}

TEST_CASE("Of several sinks each tells how many series of a name it gets") {
  FakeRelay relay(
      "sinks: [{name: a, proxyAddress: 'p:1'}, {name: b, proxyAddress: 'q:1'}]\n"
      "sources: {prometheus_sources: [{name: istio, url: 'http://h/m'}]}\n");
  SurveyedMetric both = metric("up", "up.value", 3, 1, Verdict::SinkDenyList);
  both.sinks.push_back(both.sinks[0]);
  both.sinks[1].series = {4};
  const auto survey = std::make_shared<Survey>();
  survey->metrics = {both};
  relay.surveys["istio"] = survey;
  ExplainView view(relay);
  const auto json = parse_json(*view.json("series=up%7Ba%3D%22b%22%7D"));
  CHECK(text(json, "note")
            .find("of the 4 known series of this name sink \"a\" gets 3, sink \"b\" gets 4") !=
        std::string::npos);
}

TEST_CASE("A series whose name nobody knows gets no verdict but a hypothetical one") {
  Asking asking;
  for (const std::string source : {"", "&source=other"}) {
    const auto json = asking.ask("istio_request_total{app=\"web\"}", source);
    CHECK(text(json, "matched_by") == "none");
    CHECK(text(json, "note").find("no series called \"istio_request_total\" is known") == 0);
    REQUIRE(json["explanations"].Size() == (source.empty() ? 2 : 1));
    for (const auto& one : json["explanations"].GetArray()) {
      CHECK(one["hypothetical"].IsTrue());
      CHECK(text(one, "series") == "istio_request_total{app=\"web\"}");
      CHECK(one["series_count"].IsNull());
    }
  }
  CHECK(
      text(asking.ask("istio_request_total{}"), "note").find("the nearest: istio_requests_total") !=
      std::string::npos);
}

TEST_CASE("The type of a pasted series is that of those that are known") {
  Asking asking;
  const auto json = asking.ask("go_threads{app=\"x\"}", "&source=istio");
  REQUIRE(json["explanations"].Size() == 1);
  CHECK(text(json["explanations"][0], "type") == "gauge");
  CHECK(text(json["explanations"][0], "named") == "k8s.go.threads.gauge");
  const auto unknown = asking.ask("nobody_knows{app=\"x\"}", "&source=istio");
  CHECK(text(unknown["explanations"][0], "type") == "untyped");
  CHECK(text(unknown, "note").find("untyped") != std::string::npos);
}

TEST_CASE("A malformed series says what is wrong with it") {
  Asking asking;
  const auto json = asking.ask("up{app=\"x\"", "&source=istio");
  REQUIRE(json["explanations"].Size() == 1);
  CHECK(json["explanations"][0]["malformed"].IsString());
  CHECK(text(json["explanations"][0], "verdict") == "dropped");
  CHECK(text(json, "note") == "");
  CHECK(text(asking.ask("istio.["), "note").find("as a pattern: ") == 0);
  CHECK(text(asking.ask("up{app=\"x\"} five")["explanations"][0], "malformed").find("value") !=
        std::string::npos);
}

TEST_CASE("A metric is found by its name of either side, with or without prefixes, in any case") {
  Asking asking;
  for (const std::string name :
       {"istio_requests_total", "ISTIO_Requests_Total", "istio.requests.total.value",
        "mesh.k8s.istio.requests.total.value", "k8s.istio.requests.total.value",
        "istio.requests.total", "k8s_istio_requests_total"}) {
    CAPTURE(name);
    const auto json = asking.ask(name);
    CHECK(text(json, "matched_by") == "name");
    REQUIRE(json["explanations"].Size() == 2);
    const auto& kept = json["explanations"][0];
    CHECK(kept["hypothetical"].IsFalse());
    CHECK(text(kept, "verdict") == "kept");
    CHECK(number(kept, "series_count") == 40);
    const auto& dropped = json["explanations"][1];
    CHECK(text(dropped, "verdict") == "dropped");
    CHECK(text(dropped, "series") == "istio_requests_total{app=\"noisy\"}");
    CHECK(number(dropped, "series_count") == 2);
    CHECK(text(dropped["source_stage"]["tags_rule"], "list") == "metricTagDenyList");
    CHECK(text(dropped["source_stage"]["tags_rule"], "where") == "test.yaml:10:33");
  }
}

TEST_CASE("A metric whose name no list takes is found by the name it would have had") {
  Asking asking;
  for (const std::string name : {"pilot_xds", "pilot.xds.value", "k8s.pilot.xds.value"}) {
    const auto json = asking.ask(name);
    REQUIRE(json["explanations"].Size() == 1);
    CHECK(text(json["explanations"][0], "verdict") == "dropped");
    CHECK(number(json["explanations"][0], "series_count") == 7);
  }
}

TEST_CASE("A name that nobody knows is explained as hypothetical, beside the nearest ones") {
  Asking asking;
  const auto json = asking.ask("istio_request_total");
  CHECK(text(json, "matched_by") == "none");
  const std::string note = text(json, "note");
  CHECK(note.find("\"istio_request_total\" is known") != std::string::npos);
  CHECK(note.find("nothing has been read yet of \"other\"") != std::string::npos);
  CHECK(note.find("the nearest: istio_requests_total") != std::string::npos);
  REQUIRE(json["explanations"].Size() == 2);
  CHECK(text(json["explanations"][0], "series") == "istio_request_total");
  CHECK(text(json["explanations"][0], "verdict") == "kept");
  CHECK(json["explanations"][0]["series_count"].IsNull());
  CHECK(json["explanations"][0]["hypothetical"].IsTrue());
  const auto dotted = asking.ask("istio.request.total.gauge", "&source=istio");
  CHECK(text(dotted["explanations"][0], "series") == "istio_request_total");
  CHECK(text(dotted["explanations"][0], "type") == "gauge");
}

TEST_CASE("A pattern tells which names it matches, and which it would with dots") {
  Asking asking;
  const auto note_on = [&](const std::string& pattern) {
    const auto json = asking.ask(pattern);
    CHECK(text(json, "matched_by") == "pattern");
    CHECK(json["explanations"].Empty());
    return text(json, "note");
  };
  const auto has = [](const std::string& note, const std::string& part) {
    CAPTURE(note);
    CHECK(note.find(part) != std::string::npos);
  };
  const std::string written = note_on("k8s.istio_*");
  has(written, "It matches no name of source \"istio\"");
  has(written,
      "\"k8s.istio.*\" would match 1 name, for patterns see the dotted name: "
      "k8s.istio.requests.total.value");
  has(written, "Nothing has been read yet of source \"other\"");
  // With the source's prefix and without the sink's; what is dropped has a name, too.
  has(note_on("k8s.*"),
      "It matches 3 names of source \"istio\": k8s.go.threads.gauge, "
      "k8s.istio.requests.total.value, k8s.pilot.xds.value");
  CHECK(note_on("k8s.*").find("would match") == std::string::npos);
  has(note_on("*.{gauge,counter}"), "It matches 1 name of source \"istio\": k8s.go.threads.gauge");
  has(note_on("mesh.*"), "It matches no name of source \"istio\"");
}

TEST_CASE("Of the names that a pattern matches ten are listed") {
  Asking asking;
  const auto survey = std::make_shared<Survey>();
  for (int i = 10; i < 23; ++i) {
    const std::string name = "m" + std::to_string(i);
    survey->metrics.push_back(metric(name, "mesh." + name + ".value", 1, 0, Verdict::Kept));
  }
  asking.relay.surveys["other"] = survey;
  const std::string note = text(asking.ask("m??.value", "&source=other"), "note");
  CHECK(note.find("It matches 13 names of source \"other\": m10.value, ") != std::string::npos);
  CHECK(note.find("m19.value and 3 more") != std::string::npos);
}

TEST_CASE("Fedwave's own points are known by their names") {
  Asking asking;
  const auto survey = std::make_shared<Survey>();
  survey->metrics = {
      metric("collector.version", "mesh.kubernetes.collector.version", 1, 0, Verdict::Kept)};
  survey->metrics[0].examples[0].series = "{\"collector.version\"}";
  asking.relay.surveys["internal_stats"] = survey;
  for (const std::string name :
       {"kubernetes.collector.version", "mesh.kubernetes.collector.version"}) {
    const auto json = asking.ask(name);
    CHECK(text(json, "matched_by") == "name");
    CHECK(text(json, "note").find("one of fedwave's own points (internal_stats_source)") !=
          std::string::npos);
    REQUIRE(json["explanations"].Size() == 1);
    const auto& own = json["explanations"][0];
    CHECK(text(own, "source") == "internal_stats");
    CHECK(text(own, "type") == "the relay's own");
    CHECK(text(own["sinks"][0], "sent_as") == "mesh.kubernetes.collector.version");
    CHECK(own["hypothetical"].IsFalse());
    CHECK(number(own, "series_count") == 1);
  }
  const auto heartbeat = asking.ask("~wavefront.kubernetes.collector.version");
  CHECK(text(heartbeat, "matched_by") == "name");
  CHECK(text(heartbeat, "note").find("heartbeat") != std::string::npos);
  CHECK(heartbeat["explanations"].Empty());
}

TEST_CASE("A name like those of fedwave's own points is explained as one of them") {
  Asking asking;
  for (const std::string name :
       {"kubernetes.collector.versoin", "mesh.kubernetes.collector.versoin"}) {
    const auto json = asking.ask(name);
    CHECK(text(json, "matched_by") == "none");
    CHECK(text(json, "note").find("docs/own-points.md lists them") != std::string::npos);
    CHECK(text(json, "note").find("untyped") == std::string::npos);
    REQUIRE(json["explanations"].Size() == 1);
    CHECK(text(json["explanations"][0], "source") == "internal_stats");
    CHECK(text(json["explanations"][0]["sinks"][0], "sent_as") ==
          "mesh.kubernetes.collector.versoin");
    CHECK(json["explanations"][0]["hypothetical"].IsTrue());
  }
  // Asked of another source, and what only looks like one.
  for (const auto& json : {asking.ask("kubernetes.collector.version", "&source=istio"),
                           asking.ask("kubernetes.collectors.version")}) {
    CHECK(text(json, "matched_by") == "none");
    CHECK(text(json, "note").find("own points") == std::string::npos);
  }
}

TEST_CASE("After an edit a series is explained by the configuration that is in force then") {
  Asking asking;
  const std::string noisy = "istio_requests_total{app=\"noisy\"}";
  CHECK(text(asking.ask(noisy)["explanations"][0], "verdict") == "dropped");
  std::string edited = kYaml;
  edited.replace(edited.find("[noisy]"), 7, "[silent]");
  asking.relay.take_edit(edited);
  const auto after = asking.ask(noisy);
  CHECK(text(after["explanations"][0], "verdict") == "kept");
  // Without the source that came first, and with another sink: the survey is of the one before.
  asking.relay.take_edit(
      "sinks: [{type: stdout}, {name: b, proxyAddress: 'q:1'}]\n"
      "sources: {prometheus_sources: [{name: other, url: 'http://i/m'}]}\n");
  asking.relay.surveys["other"] = asking.relay.surveys["istio"];
  const auto moved = asking.ask(noisy);
  REQUIRE(moved["explanations"].Size() == 1);
  CHECK(text(moved["explanations"][0], "source") == "other");
  CHECK(moved["explanations"][0]["sinks"].Size() == 2);
  CHECK(text(moved, "note").find("nothing has been read yet of \"other\"") != std::string::npos);
}

TEST_CASE("What cannot be asked is refused with what can") {
  Asking asking;
  struct Row {
    std::string query;
    std::string message;
  };
  const std::vector<Row> rows = {
      {"", "series= is missing"},
      {"series=", "series= is missing"},
      {"series=%20%0A", "series= is missing"},
      {"series=" + std::string(9'000, 'x'), "series= is longer than 8192 bytes"},
      {"series=a%FF", "series= is not UTF-8"},
      {"series=up&sorce=istio", "there is no parameter \"sorce\"; there is series, source"},
      {"series=up&source=no", "source=\"no\" is not known; there is istio, other, internal_stats"},
  };
  for (const Row& row : rows) {
    const auto answer = asking.view.json(row.query);
    REQUIRE(!answer.has_value());
    CHECK(answer.error().message.substr(0, row.message.size()) == row.message);
  }
}

TEST_CASE("Near names are those that contain the text, then those spelt most like it") {
  Survey survey;
  for (const std::string name :
       {"istio_requests_total", "istio_tcp_sent_bytes_total", "up", "zz"}) {
    survey.metrics.push_back(metric(name, "", 1, 0, Verdict::Kept));
  }
  const auto nearest = [&](const std::string& name) { return nearest_names(name, {&survey}); };
  CHECK(nearest("tcp_sent") == std::vector<std::string>{"istio_tcp_sent_bytes_total"});
  CHECK(nearest("istio_reqests_total") == std::vector<std::string>{"istio_requests_total"});
  CHECK(nearest("something_else_altogether").empty());
  CHECK(nearest(std::string(8'000, 'x')).empty());
}

}  // namespace
}  // namespace fedwave::relay
