// What became of one series, stage by stage, and which rule decided, as plain values for people
// and programs: made by Explainer, shown by explanation_text and explanation_json.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "parsers/text_parser.h"
#include "relay/series_stages.h"

namespace fedwave::relay {

// What decided, as the configuration has it.
struct Rule {
  std::string list;        // "metricAllowList", "tagExclude", …; empty: nothing was asked
  std::string pattern;     // as written; empty when no single one decided (nothing matched)
  std::string tag_key;     // whose value was looked at, for the lists of tag values
  config::Position where;  // of the pattern, else of the list's first; line 0: nowhere in the file
};

// One tag that a stage has set, changed or removed, in the order in which it happened.
struct TagStep {
  enum class What : std::uint8_t { Set, Changed, Removed };
  What what = What::Removed;
  std::string key;
  std::string value;  // the new one; of a removed tag the one that it had
  std::string why;    // "tags of the source", "tagExclude", "more than 20 tags", …
  Rule rule;          // where it was a rule of the filters
};

struct SinkExplanation {
  std::string sink;
  Verdict verdict = Verdict::Kept;  // of the series, as the data path has it for this sink
  Rule name_rule;                   // of the sink's filters; empty when the source dropped it
  Rule tags_rule;
  std::vector<TagStep> tags;
  bool is_distribution = false;  // it becomes a part of one (convertHistograms)
  std::string sent_as;           // the name in Wavefront; empty when dropped
  // When kept: the line before the value and after the timestamp.
  std::string head;
  std::string tail;
};

// Why a sample is not sent although its series is kept.
enum class ValueVerdict : std::uint8_t { Sent, NotANumber, Infinite };

struct Explanation {
  std::string source;
  std::string series;  // as given
  std::string value;   // as given; empty for none
  parsers::SampleKind kind = parsers::SampleKind::Untyped;
  parsers::Malformed malformed = parsers::Malformed::None;  // if not None, nothing below is set
  std::string parsed_name;
  std::vector<std::pair<std::string, std::string>> labels;
  ValueVerdict value_verdict = ValueVerdict::Sent;
  std::string wire_value;  // the value as it is sent
  std::string name;        // dotted, with the source's prefix
  Rule name_rule;          // of the source's filters
  Rule tags_rule;
  std::vector<TagStep> tags;
  std::vector<SinkExplanation> sinks;
  std::string hint;  // what would have to be written for a series that no allow list takes
};

}  // namespace fedwave::relay
