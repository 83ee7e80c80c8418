// Kubernetes objects: which of them holds the configuration, and what is said when none does.
#include "config/manifest.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/config/loading.h"
#include "tests/unit/config/mistakes.h"

using loading::lines;
using loading::load;

namespace {

std::string config_map(const std::string& name, const std::string& entry,
                       const std::string& cluster = "x") {
  return "apiVersion: v1\n"
         "kind: ConfigMap\n"
         "metadata: {name: " +
         name +
         "}\n"
         "data:\n"
         "  " +
         entry +
         ": |\n"
         "    clusterName: " +
         cluster +
         "\n"
         "    sinks: [{proxyAddress: 'p:1'}]\n"
         "    sources: {prometheus_sources: [{url: 'http://h/m'}]}\n";
}

const std::string kWavefront = "apiVersion: wavefront.com/v1alpha1\nkind: Wavefront\nspec: {}\n";
const std::string kRules =
    "kind: ConfigMap\n"
    "metadata:\n"
    "  annotations: {wavefront.com/discovery-config: 'true'}\n"
    "data: {config.yaml: 'plugins: []'}\n";

std::string indented(const std::string& text, const std::string& first, const std::string& rest) {
  std::string out = first;
  for (const char c : text) {
    out += c;
    if (c == '\n') out += rest;
  }
  return out.substr(0, out.size() - rest.size());
}

}  // namespace

TEST_CASE("the one ConfigMap with a configuration is found among other objects") {
  const std::string wanted = config_map("wavefront", "collector.yaml", "wanted");
  struct Row {
    std::string name;
    std::string yaml;
  };
  const Row rows[] = {
      {"after another kind", kWavefront + "---\n" + wanted},
      {"before another kind", wanted + "---\n" + kWavefront},
      {"as Helm writes it", "---\n# Source: a.yaml\n---\n# Source: b.yaml\n" + kWavefront +
                                "---\n# Source: c.yaml\n" + wanted + "---\n# Source: d.yaml\n"},
      {"beside one whose entry has another name",
       config_map("preprocessor", "rules.yaml") + "---\n" + wanted},
      {"by any name where it is the only one",
       kWavefront + "---\n" + config_map("wavefront", "any.yaml", "wanted")},
      {"beside rules for discovery", kRules + "---\n" + wanted},
      {"beside one without data", "apiVersion: v1\nkind: ConfigMap\n---\n" + wanted},
      {"as an item of a List", "apiVersion: v1\nkind: List\nitems:\n" +
                                   indented(kWavefront, "- ", "  ") + indented(wanted, "- ", "  ")},
      {"as the only item",
       "apiVersion: v1\nkind: ConfigMapList\nitems:\n" + indented(wanted, "- ", "  ")},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.yaml);
    const auto result = load(row.yaml);
    CHECK(lines(result) == std::vector<std::string>{});
    REQUIRE(result.config.has_value());
    CHECK(result.config->cluster_name == "wanted");
  }
}

TEST_CASE("problems of a configuration among other objects have the lines of the file") {
  CHECK(lines(load(kWavefront + "---\n" + config_map("a", "config.yaml") + "    events: [a]\n")) ==
        std::vector<std::string>{"f:13:5: warning: fedwave does not have these and leaves them "
                                 "aside: events"});
  CHECK(lines(load("apiVersion: v1\nkind: List\nitems:\n" +
                   indented(config_map("a", "config.yaml") + "    events: [a]\n", "- ", "  "))) ==
        std::vector<std::string>{"f:12:7: warning: fedwave does not have these and leaves them "
                                 "aside: events"});
}

TEST_CASE("where no object, or more than one, may be meant they are named") {
  std::string many;
  for (int i = 0; i < 12; ++i) many += kWavefront + "---\n";
  const std::string two_entries = "kind: ConfigMap\ndata: {a: x, b: y}\n";
  mistakes::check({
      {"no ConfigMap",
       "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: collector}\n---\n" + kWavefront,
       {"f:1:1: error: none of these Kubernetes objects is a ConfigMap: DaemonSet collector (line "
        "1), Wavefront (line 5); name the file of the ConfigMap, or the configuration itself"}},
      {"many of them",
       many,
       {"f:1:1: error: none of these Kubernetes objects is a ConfigMap: Wavefront (line 1), "
        "Wavefront (line 5), Wavefront (line 9), Wavefront (line 13), Wavefront (line 17), "
        "Wavefront (line 21), Wavefront (line 25), Wavefront (line 29), Wavefront (line 33), "
        "Wavefront (line 37), …; name the file of the ConfigMap, or the configuration itself"}},
      {"two configurations",
       config_map("a", "config.yaml") + "---\n" + config_map("b", "collector.yaml"),
       {"f:1:1: error: more than one of these may hold the configuration: ConfigMap a (line 1), "
        "ConfigMap b (line 10); put the one that is meant into a file of its own"}},
      {"two of other names",
       kWavefront + "---\n" + config_map("a", "a.yaml") + "---\n" + config_map("b", "b.yaml"),
       {"f:5:1: error: more than one of these may hold the configuration: ConfigMap a (line 5), "
        "ConfigMap b (line 14); put the one that is meant into a file of its own"}},
      {"two ConfigMaps without any",
       two_entries + "---\n" + two_entries,
       {"f:1:1: error: none of these has an entry config.yaml or collector.yaml: ConfigMap (line "
        "1), ConfigMap (line 4); rename the entry that is meant"}},
      {"one ConfigMap, without any",
       kWavefront + "---\n" + two_entries,
       {"f:6:7: error: none of the ConfigMap's entries is config.yaml or collector.yaml; rename "
        "the one that is meant: a, b"}},
      {"only rules for discovery",
       kWavefront + "---\n" + kRules,
       {"f:8:22: error: line 1, column 1 of config.yaml: these are rules for the collector's "
        "discovery, and no configuration; name the file that has \"sinks:\" and \"sources:\""}},
      {"an empty list",
       "apiVersion: v1\nkind: List\nitems: []\n",
       {"f:1:1: error: the list of Kubernetes objects is empty; name the file of the ConfigMap, or "
        "the configuration itself"}},
      {"an object that is no YAML",
       config_map("a", "config.yaml") + "---\nkind: [a\n",
       {"f:11:1: error: not valid YAML: end of sequence flow not found; look at the indentation "
        "and for a missing bracket, quote or colon here or above"}},
      {"a document that does not begin with ---",
       "{apiVersion: v1, kind: Secret}\n,\n",
       {"f:2:1: error: not valid YAML: this does not belong to what stands above; look at the "
        "indentation, quotes and brackets here and above"}},
  });
}
