#include "relay/filter.h"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/slow_glob.h"

using namespace fedwave;
using config::FilterRules;
using config::GlobCompat;
using config::PatternList;
using relay::Filter;
using relay::FilterVerdict;
using relay::TagDecision;
using sinks::PointTags;

namespace {

PatternList list(const std::vector<std::string>& globs, int line = 1) {
  PatternList patterns;
  for (const auto& glob : globs) {
    patterns.push_back({glob, {line, static_cast<int>(patterns.size()) + 1}});
  }
  return patterns;
}

// What a point with both would meet.
relay::FilterDecision decide(const Filter& filter, std::string_view name, const PointTags& tags) {
  const relay::FilterDecision decision = filter.decide_name(name);
  if (decision.verdict != FilterVerdict::Kept) return decision;
  const relay::FilterDecision by_tags = filter.decide_tags(tags);
  return by_tags.verdict != FilterVerdict::Kept || decision.pattern == nullptr ? by_tags : decision;
}

bool allowed(const Filter& filter, const std::string& name) {
  return decide(filter, name, {}).verdict == FilterVerdict::Kept;
}

Filter allow_filter(const std::vector<std::string>& globs,
                    GlobCompat compat = GlobCompat::Documented) {
  FilterRules rules;
  rules.metric_allow = list(globs);
  return Filter(rules, compat);
}

// Which pattern of a list decides, by its text; empty when none matches.
std::string deciding(const std::vector<std::string>& globs, const std::string& name) {
  const Filter filter = allow_filter(globs);
  const auto decision = decide(filter, name, {});
  return decision.pattern == nullptr ? "" : decision.pattern->text;
}

}  // namespace

TEST_CASE("without lists every point passes and every tag stays") {
  const Filter filter{FilterRules{}};
  const auto decision = decide(filter, "anything", {{"a", "b"}});
  CHECK(decision.verdict == FilterVerdict::Kept);
  CHECK(decision.pattern == nullptr);
  CHECK(filter.decide_tag("a").keeps());
}

TEST_CASE("deny lists and tag lists decide as the collector does") {
  FilterRules rules;
  rules.metric_deny = list({"*.bucket.value", "go.?c.*"}, 1);
  rules.metric_tag_allow["namespace"] = list({"istio-[a-m]*", "team-[!x]*"}, 2);
  rules.metric_tag_allow["app"] = list({"{productpage,reviews}"}, 3);
  rules.metric_tag_deny["destination_principal"] = list({"*"}, 4);
  rules.metric_tag_deny["code"] = list({"5??"}, 5);
  const Filter filter(rules);
  struct Row {
    std::string name;
    PointTags tags;
    FilterVerdict verdict;
    std::string pattern;
    std::string tag_key;
  };
  using enum FilterVerdict;
  const std::vector<Row> rows = {
      {"h.bucket.value", {{"app", "reviews"}}, DenyList, "*.bucket.value", ""},
      {"go.gc.x.value", {{"app", "reviews"}}, DenyList, "go.?c.*", ""},
      {"req.value", {{"app", "reviews"}}, Kept, "{productpage,reviews}", "app"},
      {"req.value", {{"app", "ratings"}}, NotInTagAllowList, "", ""},
      {"req.value", {{"namespace", "istio-gw"}}, Kept, "istio-[a-m]*", "namespace"},
      {"req.value", {{"namespace", "istio-system"}}, NotInTagAllowList, "", ""},
      {"req.value", {{"namespace", "team-a"}}, Kept, "team-[!x]*", "namespace"},
      {"req.value", {{"namespace", "team-x"}}, NotInTagAllowList, "", ""},
      {"req.value",
       {{"app", "reviews"}, {"destination_principal", "spiffe://x"}},
       TagDenyList,
       "*",
       "destination_principal"},
      {"req.value",
       {{"app", "reviews"}, {"destination_principal", ""}},
       Kept,
       "{productpage,reviews}",
       "app"},
      {"req.value", {{"app", "productpage"}, {"code", "503"}}, TagDenyList, "5??", "code"},
      {"req.value", {{"app", "productpage"}, {"code", "50"}}, Kept, "{productpage,reviews}", "app"},
      {"plain.value", {}, NotInTagAllowList, "", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.pattern);
    const auto decision = decide(filter, row.name, row.tags);
    CHECK(decision.verdict == row.verdict);
    CHECK((decision.pattern == nullptr ? "" : decision.pattern->text) == row.pattern);
    CHECK(decision.tag_key == row.tag_key);
  }
}

TEST_CASE("allow comes before deny, deny before the tags, tag-allow before tag-deny") {
  FilterRules rules;
  rules.metric_allow = list({"a*"});
  rules.metric_deny = list({"*z"});
  rules.metric_tag_allow["env"] = list({"prod*"});
  rules.metric_tag_deny["drop"] = list({"yes"});
  const Filter filter(rules);
  const PointTags bad = {{"drop", "yes"}};
  const PointTags mixed = {{"drop", "yes"}, {"env", "prod"}};
  CHECK(decide(filter, "bz", bad).verdict == FilterVerdict::NotInAllowList);
  CHECK(decide(filter, "az", bad).verdict == FilterVerdict::DenyList);
  CHECK(decide(filter, "a", bad).verdict == FilterVerdict::NotInTagAllowList);
  CHECK(decide(filter, "a", mixed).verdict == FilterVerdict::TagDenyList);
  const auto kept = decide(filter, "a", {{"env", "production"}});
  CHECK(kept.verdict == FilterVerdict::Kept);
  CHECK(kept.pattern->text == "a*");
  CHECK(kept.tag_key.empty());
}

TEST_CASE("the deciding pattern is the first of its list that matches") {
  struct Row {
    std::vector<std::string> globs;
    std::string name;
    std::string pattern;
  };
  const std::vector<Row> rows = {
      {{"x", "a*", "a.b", "*"}, "a.b", "a*"},
      {{"a.b", "a*", "*"}, "a.b", "a.b"},
      {{"*", "a.b"}, "a.b", "*"},
      {{"a.b.*", "a.*"}, "a.b.c", "a.b.*"},
      {{"a.*", "a.b.*"}, "a.b.c", "a.*"},
      {{"*.c", "*.b.c"}, "a.b.c", "*.c"},
      {{"*.b.c", "*.c"}, "a.b.c", "*.b.c"},
      {{"*z*", "*.b.*", "a*"}, "a.b.c", "*.b.*"},
      {{"a*c", "*.b.*"}, "a.b.c", "a*c"},
      {{"[z]*", "[a]*", "a*"}, "a.b.c", "[a]*"},
      {{"a?b?c", "[a]*"}, "a.b.c", "a?b?c"},
      {{"b", "c*"}, "a.b.c", ""},
      {{"a", "a"}, "a", "a"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.pattern);
    CHECK(deciding(row.globs, row.name) == row.pattern);
  }
}

TEST_CASE("of several tag keys the one written first decides") {
  FilterRules rules;
  rules.metric_tag_deny["aaa"] = list({"*"}, 9);
  rules.metric_tag_deny["zzz"] = list({"*"}, 4);
  const Filter filter(rules);
  CHECK(decide(filter, "m", {{"aaa", "1"}, {"zzz", "2"}}).tag_key == "zzz");
  CHECK(decide(filter, "m", {{"aaa", "1"}}).tag_key == "aaa");
}

TEST_CASE("a tag key with an empty list matches nothing, so alone it keeps nothing") {
  FilterRules rules;
  rules.metric_tag_allow["app"] = {};
  CHECK(decide(Filter(rules), "m", {{"app", "x"}}).verdict == FilterVerdict::NotInTagAllowList);
  FilterRules deny;
  deny.metric_tag_deny["app"] = {};
  CHECK(decide(Filter(deny), "m", {{"app", "x"}}).verdict == FilterVerdict::Kept);
}

TEST_CASE("lists that crash or mislead the collector's engine match as documented") {
  const Filter pod = allow_filter({"pod*", "pod"});
  CHECK(allowed(pod, "pod"));
  CHECK(allowed(pod, "pods.running"));
  const Filter suffixes = allow_filter({"*.x", ".x"});
  CHECK(allowed(suffixes, "a.x"));
  CHECK(allowed(suffixes, ".x"));
  const Filter middle = allow_filter({"*a*b*c*", "*d*"});
  CHECK(allowed(middle, "xaxbxcx"));
  CHECK(allowed(middle, "xdx"));
  CHECK_FALSE(allowed(middle, "xaxcxbx"));
}

TEST_CASE("with globCompat overlap a prefix and a suffix may share characters") {
  struct Row {
    std::string glob;
    std::string name;
    bool documented;
    bool overlap;
  };
  const std::vector<Row> rows = {
      {"a.*.b", "a.b", false, true},     {"a.*.b", "a..b", true, true},
      {"a.*.b", "a.x.b", true, true},    {"a.*.b", "ab", false, false},
      {"a.*.b", "a.", false, false},     {"aa*aa", "aa", false, true},
      {"aa*aa", "aaa", false, true},     {"aa*aa", "aaaa", true, true},
      {"aa*aa", "a", false, false},      {"abc*c", "abc", false, true},
      {"a*ab", "ab", false, true},       {"ab*cd", "abcd", true, true},
      {"a.*?b", "a.b", false, false},    {"a.*.b*", "a.b", false, false},
      {"a\\**\\*b", "a*b", false, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.glob);
    CAPTURE(row.name);
    CHECK(allowed(allow_filter({row.glob}), row.name) == row.documented);
    CHECK(allowed(allow_filter({row.glob}, GlobCompat::Overlap), row.name) == row.overlap);
  }
}

TEST_CASE("tags are kept by tagInclude and not tagExclude, guaranteed ones always") {
  FilterRules rules;
  rules.tag_include = list({"app", "source_*", "le"});
  rules.tag_exclude = list({"*_namespace"});
  rules.tag_guarantee = {"cluster", "kept_namespace"};
  const Filter filter(rules);
  PointTags tags = {
      {"app", "a"}, {"source_workload", "w"}, {"source_namespace", "n"}, {"other", "o"},
      {"le", "5"},  {"cluster", "c"},         {"kept_namespace", "k"}};
  filter.prune(tags);
  CHECK(tags == PointTags{{"app", "a"},
                          {"cluster", "c"},
                          {"kept_namespace", "k"},
                          {"le", "5"},
                          {"source_workload", "w"}});
  FilterRules exclude_only;
  exclude_only.tag_exclude = list({"dr*"});
  CHECK(Filter(exclude_only).decide_tag("keep").keeps());
  CHECK_FALSE(Filter(exclude_only).decide_tag("drop").keeps());
}

TEST_CASE("what is guaranteed may be a pattern") {
  FilterRules rules;
  rules.tag_exclude = list({"*"});
  rules.tag_guarantee = {"destination_*", "le", "{pod,node}_na?e"};
  const Filter filter(rules);
  PointTags tags = {{"destination_app", "a"}, {"destination", "b"},  {"le", "1"}, {"les", "2"},
                    {"node_name", "n"},       {"reporter", "source"}};
  filter.prune(tags);
  CHECK(tags == PointTags{{"destination_app", "a"}, {"le", "1"}, {"node_name", "n"}});
  CHECK(filter.decide_tag("pod_name").why == TagDecision::Why::Guaranteed);
  CHECK(filter.decide_tag("pod").why == TagDecision::Why::Excluded);
}

TEST_CASE("a decision outlives the rules it was built from, and the filter may be moved") {
  auto rules = std::make_unique<FilterRules>();
  rules->metric_allow = list({"some.rather.long.name.*"});
  Filter first(*rules);
  rules.reset();
  const Filter filter = std::move(first);
  CHECK(decide(filter, "some.rather.long.name.x", {}).pattern->text == "some.rather.long.name.*");
}

TEST_CASE("a list of any size agrees with matching its patterns one by one") {
  const std::vector<std::string> pattern_alphabet = {"a", "b",     ".",    "*",     "*",
                                                     "?", "[a-b]", "[!a]", "{a,.b}"};
  const std::vector<std::string> name_alphabet = {"a", "b", "."};
  std::mt19937 random(5);
  const auto text = [&random](const std::vector<std::string>& alphabet, std::size_t length_max) {
    std::string out;
    for (std::size_t i = random() % (length_max + 1); i > 0; --i)
      out += alphabet[random() % alphabet.size()];
    return out;
  };
  int matched = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> globs;
    for (std::size_t i = 1 + random() % 12; i > 0; --i) globs.push_back(text(pattern_alphabet, 6));
    FilterRules rules;
    rules.metric_allow = list(globs);
    const Filter filter(rules);
    for (int n = 0; n < 30; ++n) {
      const std::string name = text(name_alphabet, 6);
      CAPTURE(round);
      CAPTURE(name);
      std::size_t first = 0;
      while (first < globs.size() && !*test::slow_glob_match(globs[first], name)) ++first;
      const auto decision = decide(filter, name, {});
      REQUIRE((decision.pattern == nullptr) == (first == globs.size()));
      if (decision.pattern == nullptr) continue;
      REQUIRE(decision.pattern->where.column == static_cast<int>(first) + 1);
      ++matched;
    }
  }
  CHECK(matched > 1000);
}

TEST_CASE("a list too large for one set is still matched") {
  std::vector<std::string> globs;
  for (int i = 0; i < 12; ++i) globs.push_back(std::to_string(i) + std::string(4000, '?'));
  const Filter filter = allow_filter(globs);
  CHECK(decide(filter, "7" + std::string(4000, 'x'), {}).pattern->text == globs[7]);
  CHECK(decide(filter, "11" + std::string(4000, 'x'), {}).pattern->text == globs[11]);
  CHECK_FALSE(allowed(filter, "7" + std::string(3999, 'x')));
  CHECK_FALSE(allowed(filter, "x" + std::string(4000, 'x')));
}

TEST_CASE("thousands of patterns are one list") {
  std::vector<std::string> globs;
  for (int i = 0; i < 3000; ++i) globs.push_back("svc" + std::to_string(i) + ".?*.[a-f]");
  const Filter filter = allow_filter(globs);
  CHECK(decide(filter, "svc2999.requests.c", {}).pattern->text == globs[2999]);
  CHECK_FALSE(allowed(filter, "svc3000.requests.c"));
  CHECK_FALSE(allowed(filter, "svc7..c"));
}

TEST_CASE("threads share a filter") {
  const Filter filter = allow_filter({"[a-m]*.?x", "n*", "*zz*"});
  std::vector<int> kept(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kept.size(); ++t) {
      threads.emplace_back([&filter, &count = kept[t]] {
        for (int i = 0; i < 2000; ++i) {
          count += allowed(filter, std::string(1, static_cast<char>('a' + i % 26)) + ".ax") ? 1 : 0;
        }
      });
    }
  }
  // Thirteen letters of the first pattern and one of the second: 76 whole alphabets and 24 more.
  for (const int count : kept) CHECK(count == 76 * 14 + 14);
}
