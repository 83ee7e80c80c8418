#include "relay/count_text.h"

#include <doctest/doctest.h>

using namespace fedwave;

TEST_CASE("only what happened is told, by reason") {
  relay::ScrapeCounts counts(1);
  CHECK(relay::malformed_text(counts).empty());
  CHECK(relay::rejected_text(counts.by_sink[0]).empty());
  counts.malformed[static_cast<std::size_t>(parsers::Malformed::BadValue)] = 3;
  counts.repaired[static_cast<std::size_t>(sinks::Repair::TagsOverLimit)] = 2;
  counts.repaired[static_cast<std::size_t>(sinks::Repair::TagValueBlank)] = 1;
  relay::SinkCounts& sink = counts.by_sink[0];
  sink.not_a_number = 72;
  sink.infinite = 1;
  sink.by_verdict[static_cast<std::size_t>(relay::Verdict::NameTooLong)] = 4;
  sink.by_verdict[static_cast<std::size_t>(relay::Verdict::SourceDenyList)] = 5;
  CHECK(relay::malformed_text(counts) == "3 bad_value");
  CHECK(relay::repaired_text(counts) == "2 tags_over_limit, 1 tag_value_blank");
  CHECK(relay::rejected_text(sink) == "72 not_a_number, 1 infinite, 4 name_too_long");
  CHECK(relay::filtered_text(sink) == "5 source_deny_list");
  CHECK(sink.rejected() == 77);
  CHECK(sink.filtered() == 5);
}
