// Shows an explanation: to people as lines of text, to programs as one JSON object. `file` is what
// places are named by ("collector.yaml" gives "collector.yaml:12:7"). Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "relay/explain/explanation.h"
#include "relay/json.h"

namespace fedwave::relay {

std::string explanation_text(const Explanation& explanation, std::string_view file,
                             bool has_colour);

// `series_count`: how many known series have the same fate, where that is known. `is_hypothetical`:
// whether no such series is known; nothing is said of it where nobody has looked.
void write_explanation(JsonWriter& writer, const Explanation& explanation, std::string_view file,
                       std::optional<std::uint64_t> series_count = {},
                       std::optional<bool> is_hypothetical = {});
std::string explanation_json(const Explanation& explanation, std::string_view file);

// "collector.yaml:12:7"; empty for what stands nowhere in the file.
std::string place_text(config::Position where, std::string_view file);
// "metricAllowList \"istio.tcp.*\" at collector.yaml:12:7"; empty for no rule.
std::string rule_text(const Rule& rule, std::string_view file);
// A verdict in words: "no pattern of the source's metricAllowList matches".
std::string verdict_text(Verdict verdict);
// A source's name as people see it: of one that is called by its URL the selectors are left out.
std::string source_title(std::string_view name);
// Why a sample is not sent although its series is kept; empty when it is.
const char* value_verdict_text(ValueVerdict verdict);
// What keeps the series from this sink, of the source's rules or the sink's; that of nothing when
// no rule does.
const Rule& deciding_rule(const Explanation& explanation, const SinkExplanation& sink);
// "untyped", "histogram bucket", …
std::string kind_text(parsers::SampleKind kind);

// Whether any sink gets the series (and its value, where there is one).
bool is_sent(const Explanation& explanation);

}  // namespace fedwave::relay
