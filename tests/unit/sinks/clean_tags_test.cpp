#include "sinks/clean_tags.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace fedwave::sinks;

namespace {

// "key:rule" of what was removed, in the order of removal.
std::string removed_from(PointTags& tags, const std::vector<std::string>& guaranteed = {}) {
  std::vector<RemovedTag> removed;
  clean_tags(tags, guaranteed, &removed);
  std::string text;
  for (const auto& [key, rule] : removed) {
    text += (text.empty() ? "" : " ") + key + ":" + tag_removal_name(rule);
  }
  return text;
}

// `others` tags that are never removed.
PointTags crowd(int others, PointTags tags) {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> made;
    for (int i = 0; i < 30; ++i) made.push_back("other" + std::to_string(i));
    return made;
  }();
  REQUIRE(others <= static_cast<int>(names.size()));
  for (int i = 0; i < others; ++i) tags.set(names[static_cast<std::size_t>(i)], "x");
  return tags;
}

std::string labels_of(const PointTags& tags) {
  std::string text;
  for (const auto& [key, value] : tags) {
    if (key.starts_with("label")) text += (text.empty() ? "" : " ") + std::string(key);
  }
  return text;
}

}  // namespace

TEST_CASE("empty values and the keys the collector never sends go, however few tags there are") {
  PointTags tags = {{"a", ""},       {"b", "/"},       {"c", "-"},        {"d", "--"},
                    {"e", " "},      {"host_id", "x"}, {"hostname", "x"}, {"namespace_id", "x"},
                    {"pod_id", "x"}, {"Hostname", "x"}};
  CHECK(removed_from(tags, {"hostname", "a"}) ==
        "a:empty b:empty c:empty host_id:always_excluded hostname:always_excluded "
        "namespace_id:always_excluded pod_id:always_excluded");
  CHECK(tags == PointTags{{"Hostname", "x"}, {"d", "--"}, {"e", " "}});
}

TEST_CASE("up to seventeen tags nothing else is removed") {
  PointTags tags =
      crowd(14, {{"label.a", "same value"}, {"label.b", "same value"}, {"label.beta", "x"}});
  CHECK(removed_from(tags) == "");
  CHECK(tags.size() == 17);
}

TEST_CASE("tags that are not labels are never removed, not even twenty-five of them") {
  PointTags tags = crowd(25, {{"alpha", "x"}, {"azure", "x"}});
  CHECK(removed_from(tags) == "");
  CHECK(tags.size() == 27);
}

TEST_CASE("above seventeen equal values of labels are kept once") {
  struct Row {
    std::string what;
    PointTags labels;
    std::string removed;
  };
  const std::vector<Row> rows = {
      {"the shorter key stays",
       {{"label.aa", "value"}, {"label.b", "value"}},
       "label.aa:duplicate_value"},
      {"then the lexically smaller",
       {{"label.a", "value"}, {"label.b", "value"}},
       "label.b:duplicate_value"},
      {"an alpha key loses to a longer one",
       {{"label.alpha", "value"}, {"label.longer.key", "value"}},
       "label.alpha:duplicate_value"},
      {"a beta key loses to a longer one",
       {{"label.beta", "value"}, {"label.alonger", "value"}},
       "label.beta:duplicate_value"},
      {"of three the winner goes on",
       {{"label.aaa", "value"}, {"label.bb", "value"}, {"label.c", "value"}},
       "label.aaa:duplicate_value label.bb:duplicate_value"},
      {"of two alpha keys the first stays",
       {{"label.alpha1", "value"}, {"label.alpha", "value"}},
       "label.alpha1:duplicate_value"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    PointTags tags = crowd(16, row.labels);
    CHECK(removed_from(tags) == row.removed);
    CHECK(tags.size() == 17);
  }
}

TEST_CASE("values below five bytes, of guaranteed tags or of other tags are no duplicates") {
  PointTags shorter = crowd(16, {{"label.a", "four"}, {"label.b", "four"}});
  CHECK(removed_from(shorter) == "label.a:spare_label");
  PointTags guaranteed =
      crowd(16, {{"label.a", "value"}, {"label.b", "value"}, {"label.c", "value"}});
  CHECK(removed_from(guaranteed, {"label.b", "absent"}) ==
        "label.c:duplicate_value label.a:spare_label");
  PointTags other = crowd(15, {{"label.a", "value"}, {"x", "value"}, {"label.b", "v"}});
  CHECK(removed_from(other) == "label.a:spare_label");
}

TEST_CASE("all duplicates go at once, the other rules remove only the excess") {
  PointTags tags = crowd(14, {{"label.a", "value1"},
                              {"label.bb", "value1"},
                              {"label.c", "value2"},
                              {"label.dd", "value2"}});
  CHECK(removed_from(tags) == "label.bb:duplicate_value label.dd:duplicate_value");
  CHECK(tags.size() == 16);

  PointTags betas = crowd(15, {{"label.beta1", "1"}, {"label.beta2", "2"}, {"label.beta3", "3"}});
  CHECK(removed_from(betas) == "label.beta1:alpha_beta");
}

TEST_CASE("alpha and beta go first, then the cloud providers, then any label, each by key") {
  const PointTags labels = {{"label.a", "1"},          {"label.beta.x", "2"}, {"label.gke.y", "3"},
                            {"label.q/alphabet", "4"}, {"label.azure", "5"},  {"label.week", "6"},
                            {"label.zz", "7"}};
  struct Row {
    int others;
    std::string removed;
  };
  const std::vector<Row> rows = {
      {11, "label.beta.x:alpha_beta"},
      {12, "label.beta.x:alpha_beta label.q/alphabet:alpha_beta"},
      {13, "label.beta.x:alpha_beta label.q/alphabet:alpha_beta label.azure:provider"},
      {15,
       "label.beta.x:alpha_beta label.q/alphabet:alpha_beta label.azure:provider "
       "label.gke.y:provider label.week:provider"},
      {16,
       "label.beta.x:alpha_beta label.q/alphabet:alpha_beta label.azure:provider "
       "label.gke.y:provider label.week:provider label.a:spare_label"},
      {17,
       "label.beta.x:alpha_beta label.q/alphabet:alpha_beta label.azure:provider "
       "label.gke.y:provider label.week:provider label.a:spare_label label.zz:spare_label"},
      {18,
       "label.beta.x:alpha_beta label.q/alphabet:alpha_beta label.azure:provider "
       "label.gke.y:provider label.week:provider label.a:spare_label label.zz:spare_label"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.others);
    PointTags tags = crowd(row.others, labels);
    CHECK(removed_from(tags) == row.removed);
  }
}

TEST_CASE("the collector's loose expressions match wherever they do there") {
  struct Row {
    std::string key;
    TagRemoval rule;
  };
  const std::vector<Row> rows = {
      {"labelbeta", TagRemoval::AlphaBeta},   {"labels.betamax", TagRemoval::AlphaBeta},
      {"label.alph", TagRemoval::AlphaBeta},  {"label.alp", TagRemoval::SpareLabel},
      {"label.Beta", TagRemoval::SpareLabel}, {"labelgke", TagRemoval::Provider},
      {"label.seek", TagRemoval::Provider},   {"label.azur", TagRemoval::SpareLabel},
      {"label.azurea", TagRemoval::Provider}, {"label", TagRemoval::SpareLabel},
  };
  for (const Row& row : rows) {
    CAPTURE(row.key);
    PointTags tags = crowd(17, {{row.key, "x"}});
    CHECK(removed_from(tags) == row.key + ":" + tag_removal_name(row.rule));
  }
}

TEST_CASE("guaranteed labels stay and take up room") {
  PointTags tags =
      crowd(14, {{"label.a", "1"}, {"label.b", "2"}, {"label.beta", "3"}, {"label.c", "4"}});
  CHECK(removed_from(tags, {"label.beta", "label.c"}) == "label.a:spare_label");
  CHECK(labels_of(tags) == "label.b label.beta label.c");
}

TEST_CASE("nothing needs to be told about what was removed") {
  PointTags tags = {{"a", ""}, {"b", "x"}};
  clean_tags(tags, {}, nullptr);
  CHECK(tags == PointTags{{"b", "x"}});
}
