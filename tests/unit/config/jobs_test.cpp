// Where a source is split: each series that one of the match[] asks for is in exactly one request.
#include "config/jobs.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <random>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "config/selector.h"
#include "config/url.h"

using namespace fedwave;
using config::Job;
using config::Matcher;
using config::Selector;
using config::split_url;
using config::SplitUrl;

namespace {

using Series = std::map<std::string, std::string>;  // its labels

std::string url_of(const std::vector<std::string>& matches) {
  std::string url = "http://p:9090/federate?x=1";
  for (const std::string& match : matches) url += "&match[]=" + config::percent_encoded(match);
  return url;
}

// What a job's request asks for, in the canonical spelling.
std::vector<Selector> asked(const Job& job) {
  std::vector<Selector> selectors;
  const auto query = config::query_parameters(job.url.substr(job.url.find('?') + 1));
  for (const config::Parameter& parameter : query) {
    if (parameter.name != "match[]") continue;
    const auto selector = config::parse_selector(parameter.value);
    REQUIRE(selector.has_value());
    selectors.push_back(*selector);
  }
  return selectors;
}

std::vector<std::string> asked_texts(const Job& job) {
  std::vector<std::string> texts;
  for (const Selector& selector : asked(job)) texts.push_back(selector_text(selector));
  return texts;
}

// As Prometheus does it: a regex has to match all of the value.
bool matches(const Matcher& matcher, const std::string& value) {
  static std::map<std::pair<std::string, std::string>, bool> known;
  switch (matcher.op) {
    case Matcher::Op::Equal:
      return value == matcher.value;
    case Matcher::Op::NotEqual:
      return value != matcher.value;
    case Matcher::Op::Matches:
    case Matcher::Op::MatchesNot:
      break;
  }
  const auto [found, is_new] = known.try_emplace({matcher.value, value}, false);
  if (is_new) found->second = std::regex_match(value, std::regex(matcher.value));
  return found->second == (matcher.op == Matcher::Op::Matches);
}

bool matches(const Selector& selector, const Series& series) {
  return std::all_of(selector.matchers.begin(), selector.matchers.end(), [&](const Matcher& m) {
    const auto label = series.find(m.label);
    return matches(m, label == series.end() ? "" : label->second);
  });
}

bool matches(const std::vector<Selector>& selectors, const Series& series) {
  return std::any_of(selectors.begin(), selectors.end(),
                     [&](const Selector& selector) { return matches(selector, series); });
}

// Prometheus refuses a selector that every series without labels would match.
bool is_acceptable(const Selector& selector) {
  return !matches(selector, {});
}

const std::vector<std::string> kLabels = {"__name__", "a", "b", "c"};
const std::vector<std::string> kValues = {"", "x", "y", "xy", "z"};
const std::vector<std::string> kRegexes = {"x|y", "x.*", ".*",    ".+",   "z",
                                           "",    "z|",  "[xy]+", "(x|z)"};

std::vector<Series> every_series() {
  std::vector<Series> all = {{}};
  for (const std::string& label : kLabels) {
    std::vector<Series> longer;
    for (const Series& series : all) {
      for (const std::string& value : kValues) {
        longer.push_back(series);
        if (!value.empty()) longer.back()[label] = value;
      }
    }
    all = std::move(longer);
  }
  return all;
}

class RandomSelectors {
 public:
  explicit RandomSelectors(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
  }

  std::string selector() {
    Selector selector;
    const std::size_t count = 1 + below(3);
    while (selector.matchers.size() < count) {
      const auto op = static_cast<Matcher::Op>(below(4));
      const bool is_text = op == Matcher::Op::Equal || op == Matcher::Op::NotEqual;
      const auto& values = is_text ? kValues : kRegexes;
      selector.matchers.push_back(
          {kLabels[below(kLabels.size())], op, values[below(values.size())]});
    }
    return selector_text(selector);
  }

 private:
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("every series of the match[] is in exactly one request, and no other series is in any") {
  const std::vector<Series> all = every_series();
  RandomSelectors random(7);
  std::size_t refused = 0;
  std::size_t widened = 0;  // jobs that need several selectors
  for (int round = 0; round < 1500; ++round) {
    std::vector<std::string> texts(1 + random.below(6));
    for (std::string& text : texts) text = random.selector();
    CAPTURE(url_of(texts));
    const SplitUrl split = split_url(url_of(texts));
    if (std::any_of(split.problems.begin(), split.problems.end(),
                    [](const auto& problem) { return problem.is_error; })) {
      ++refused;
      continue;
    }
    std::vector<Selector> groups;
    for (const std::string& text : texts) groups.push_back(*config::parse_selector(text));
    std::vector<std::vector<Selector>> jobs;
    for (const Job& job : split.jobs) {
      jobs.push_back(asked(job));
      widened += jobs.back().size() > 1 ? 1 : 0;
      for (const Selector& selector : jobs.back()) {
        const bool is_own_fault = !is_acceptable(*config::parse_selector(job.match));
        CHECK((is_own_fault || is_acceptable(selector)));
      }
    }
    std::size_t wrong = 0;
    for (const Series& series : all) {
      const auto count = std::count_if(jobs.begin(), jobs.end(),
                                       [&](const auto& job) { return matches(job, series); });
      wrong += count == (matches(groups, series) ? 1 : 0) ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
  CHECK(refused < 30);
  CHECK(widened > 500);
}

TEST_CASE("a series is in the request of the first match[] that asks for it") {
  const SplitUrl split = split_url(
      url_of({"{job=\"federate\"}", "{__name__=~\"istio_.*\"}", "up", "{job=~\"federate|pods\"}"}));
  CHECK(split.problems.empty());
  CHECK(split.matches == 4);
  REQUIRE(split.jobs.size() == 4);
  CHECK(split.jobs[0].match == "{job=\"federate\"}");
  CHECK(split.jobs[0].url == "http://p:9090/federate?x=1&match[]=%7Bjob%3D%22federate%22%7D");
  CHECK(asked_texts(split.jobs[1]) ==
        std::vector<std::string>{"{__name__=~\"istio_.*\",job!=\"federate\"}"});
  CHECK(split.jobs[2].match == "up");
  CHECK(asked_texts(split.jobs[2]) ==
        std::vector<std::string>{"{__name__=\"up\",job!=\"federate\",__name__!~\"istio_.*\"}"});
  CHECK(asked_texts(split.jobs[3]) ==
        std::vector<std::string>{"{job=~\"federate|pods\",job!=\"federate\",__name__!~\"istio_.*\","
                                 "__name__!=\"up\"}"});
}

TEST_CASE("match[] that have nothing in common are asked for as they are written") {
  const std::string url =
      "http://p/federate?match[]=a%7B%7d&limit=5&match%5B%5D=b%20&match[]={x='1',__name__='c'}";
  const SplitUrl split = split_url(url);
  CHECK(split.problems.empty());
  REQUIRE(split.jobs.size() == 3);
  CHECK(split.jobs[0].url == "http://p/federate?limit=5&match[]=a%7B%7d");
  CHECK(split.jobs[1].url == "http://p/federate?limit=5&match%5B%5D=b%20");
  CHECK(split.jobs[1].match == "b ");
  CHECK(split.jobs[2].url == "http://p/federate?limit=5&match[]={x='1',__name__='c'}");
}

TEST_CASE("a match[] that adds nothing has no request") {
  const SplitUrl split = split_url(
      url_of({"a", "{__name__='a'}", "b", "a{x=\"1\"}", "{__name__=~\"b|a\",x!~\"y.*\"}"}));
  // The last one is covered by two together, which nobody has to see.
  REQUIRE(split.jobs.size() == 3);
  CHECK(split.jobs[0].match == "a");
  CHECK(split.jobs[1].match == "b");
  REQUIRE(split.problems.size() == 2);
  CHECK(split.problems[0].match == 1);
  CHECK_FALSE(split.problems[0].is_error);
  CHECK(split.problems[0].what ==
        "match[] \"{__name__='a'}\" adds nothing to those before it and is left out");
  CHECK(split.problems[1].match == 3);
}

TEST_CASE("match[] with so much in common that the rest is too long to ask for are refused") {
  // Three ways to fail each of those before: 3, 9, 27, 81.
  std::vector<std::string> texts;
  for (int i = 0; i < 5; ++i) {
    const std::string n = std::to_string(i);
    texts.push_back("{a" + n + "=\"1\",b" + n + "=\"1\",c" + n + "=\"1\"}");
  }
  const SplitUrl split = split_url(url_of(texts));
  CHECK(split.jobs.size() == 4);
  CHECK(asked(split.jobs[3]).size() == 27);
  REQUIRE(split.problems.size() == 1);
  CHECK(split.problems[0].match == 4);
  CHECK(split.problems[0].is_error);
  CHECK(split.problems[0].what ==
        "match[] \"{a4=\"1\",b4=\"1\",c4=\"1\"}\" has too much in common with "
        "\"{a0=\"1\",b0=\"1\",c0=\"1\"}\", \"{a1=\"1\",b1=\"1\",c1=\"1\"}\", "
        "\"{a2=\"1\",b2=\"1\",c2=\"1\"}\" and 1 more: a request for the rest of it would be too "
        "long");
  // Few selectors, but long ones.
  const std::string longest(6'000, 'v');
  const SplitUrl wide = split_url(
      url_of({"{a=\"" + longest + "\"}", "{b=\"" + longest + "\"}", "{c=\"" + longest + "\"}"}));
  CHECK(wide.jobs.size() == 2);
  CHECK(wide.problems.size() == 1);
}

TEST_CASE("the number of requests has a limit") {
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) texts.push_back("m" + std::to_string(i));
  CHECK(split_url(url_of(texts)).jobs.size() == 200);
  texts.push_back("one_more");
  const SplitUrl split = split_url(url_of(texts));
  CHECK(split.jobs.empty());
  REQUIRE(split.problems.size() == 1);
  CHECK(split.problems[0].is_error);
}

TEST_CASE("a source that is not split is one job, and so is one without a match[]") {
  config::Source source;
  source.url = url_of({"a", "b"});
  REQUIRE(config::jobs_of(source).size() == 1);
  CHECK(config::jobs_of(source)[0].match.empty());
  CHECK(config::jobs_of(source)[0].url == source.url);
  source.split_matches = true;
  CHECK(config::jobs_of(source).size() == 2);
  for (const std::string url : {"http://p/metrics", "http://p/metrics?", "http://p/metrics?x=1"}) {
    CAPTURE(url);
    source.url = url;
    REQUIRE(config::jobs_of(source).size() == 1);
    CHECK(config::jobs_of(source)[0].url == url);
  }
}
