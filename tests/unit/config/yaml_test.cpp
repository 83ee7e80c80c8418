// Documents as they come: within ConfigMaps, with byte order marks, as bombs.
#include "config/yaml.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/config/loading.h"

using fedwave::config::LoadResult;
using loading::in_file;
using loading::lines;
using loading::load;

namespace {

// Nine levels of ten aliases each: a billion values in a few hundred bytes.
std::string alias_bomb() {
  std::string yaml = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int level = 1; level < 10; ++level) {
    const std::string below = "*a" + std::to_string(level - 1);
    std::string list = below;
    for (int i = 1; i < 10; ++i) list += "," + below;
    const std::string name = "a" + std::to_string(level);
    yaml += name + ": &" + name + " [" + list + "]\n";
  }
  return yaml;
}

}  // namespace

TEST_CASE("a ConfigMap's configuration has its problems at the ConfigMap's own lines") {
  const std::string manifest =
      "apiVersion: v1\n"
      "kind: ConfigMap\n"
      "metadata:\n"
      "  name: collector\n"
      "data:\n"
      "  # the configuration\n"
      "  other.txt: hello\n"
      "  collector.yaml: |-\n"
      "\n"
      "    clusterName: x\n"
      "    sinks:\n"
      "    - proxyAdress: p:1\n"
      "      proxyAddress: p:1\n"
      "    sources:\n"
      "      prometheus_sources:\n"
      "      - url: http://h/m\n"
      "        filters: {metricAllowList: ['[']}\n";
  CHECK(lines(load(manifest)) ==
        std::vector<std::string>{
            "f:12:7: error: unknown key \"proxyAdress\"; did you mean \"proxyAddress\"?",
            "f:17:37: error: bad pattern \"[\": column 1: '[' is not closed; add the ']', or write "
            "\\[ for the character itself"});
}

TEST_CASE("a ConfigMap's configuration loads with the places of the manifest") {
  const LoadResult result = load(
      "kind: ConfigMap\n"
      "data:\n"
      "  anything: |2\n"
      "      sinks: [{proxyAddress: 'p:1'}]\n"
      "      sources: {prometheus_sources: [{url: 'http://h/m'}]}\n");
  CHECK(lines(result) == std::vector<std::string>{});
  REQUIRE(result.config.has_value());
  CHECK(result.config->sinks.at(0).where.line == 4);
  CHECK(result.config->sinks.at(0).where.column == 15);
}

TEST_CASE("what is not valid YAML within a ConfigMap has its place too") {
  const LoadResult result = load("kind: ConfigMap\ndata:\n  config.yaml: |\n    sinks:\n    - *\n");
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].where.line == 5);
  CHECK(result.problems[0].where.column == 8);
}

TEST_CASE("a quoted configuration within a ConfigMap has its own lines beside the manifest's") {
  const LoadResult result = load(
      "kind: ConfigMap\n"
      "data:\n"
      "  config.yaml: \"sinks: [{proxyAddress: 'p:1'}]  \\nsources: {prometheus_sources: [{url: "
      "'http://h/m', prefx: a, \\\"prefx\\\": b}]}\\ndiscovery: [a]\\nevents: [b]\\n\"\n");
  CHECK(lines(result) ==
        std::vector<std::string>{
            "f:3:102: error: line 2, column 52 of config.yaml: unknown key \"prefx\"; did you mean "
            "\"prefix\"?",
            "f:3:112: error: line 2, column 62 of config.yaml: duplicate key \"prefx\"; it is "
            "already on line 2; keep one of the two",
            "f:3:129: warning: line 3, column 1 of config.yaml: fedwave does not have these and "
            "leaves them aside: discovery, events (line 4)"});
}

TEST_CASE("a configuration that is neither a block nor quoted has no lines") {
  const LoadResult result = load(
      "kind: ConfigMap\n"
      "data:\n"
      "  config.yaml: >\n"
      "    {sinks: [{proxyAddress: 'p:1'}],\n"
      "    zzzzzzzz: 1}\n");
  CHECK(lines(result).at(0) ==
        "f:3:16: warning: the embedded file is not a \"|\" block, so that its problems have no "
        "line; write it after \"|\", indented");
  CHECK(lines(result).at(1) ==
        "f:3:16: error: there are no sources; write sources: with prometheus_sources: below it");
}

TEST_CASE("a byte order mark and Windows line ends change nothing") {
  CHECK(lines(load("\xEF\xBB\xBF" + in_file(""))).empty());
  CHECK(lines(load("\xEF\xBB\xBFzzzzz: 1\n")).at(2).find("f:1:1: error: unknown key") == 0);
  CHECK(lines(load("sinks: [{proxyAddress: 'p:1'}]\r\n"
                   "sources:\r\n"
                   "  prometheus_sources:\r\n"
                   "  - url: http://h/m\r\n"
                   "    prefx: a\r\n")) ==
        std::vector<std::string>{"f:5:5: error: unknown key \"prefx\"; did you mean \"prefix\"?"});
}

TEST_CASE("only the first document counts, and an empty second one is none") {
  CHECK(lines(load("---\n" + in_file("---\n"))).empty());
  CHECK(lines(load(in_file("...\n# the end\n"))).empty());
  const LoadResult garbage = load(in_file("---\n[not: closed\n"));
  CHECK(garbage.config.has_value());
  CHECK(lines(garbage) ==
        std::vector<std::string>{
            "f:4:1: warning: only the first document of the file counts; remove the "
            "others, or put them into files of their own"});
}

TEST_CASE("a file may hold very many Kubernetes objects") {
  std::string yaml;
  for (int i = 0; i < 50'000; ++i) yaml += "---\nkind: A\napiVersion: v1\n";
  CHECK(lines(load(yaml)).at(0).find("f:2:1: error: none of these Kubernetes objects is a") == 0);
}

TEST_CASE("bombs are refused at once") {
  const LoadResult aliases = load(alias_bomb());
  REQUIRE(aliases.problems.size() == 1);
  CHECK(aliases.problems[0].what == "the aliases of this file stand for more than 4 MiB of text");
  for (const std::string& opening : {std::string("["), std::string("{a: "), std::string("- ")}) {
    CAPTURE(opening);
    std::string deep;
    for (int i = 0; i < 10'000; ++i) deep += opening;
    const LoadResult result = load(deep);
    REQUIRE(result.problems.size() == 1);
    CHECK(result.problems[0].what == "lists and maps nest deeper than 64");
    CHECK(result.problems[0].where.line == 1);
  }
}

TEST_CASE("a stray comma does not hang the parser") {
  const LoadResult result = load(",a\nb: c\n");
  REQUIRE(result.problems.size() == 1);
  CHECK(result.problems[0].what == "not valid YAML: this does not belong to what stands above");
}
