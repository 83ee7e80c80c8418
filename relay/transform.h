// The path of a sample from a page's bytes to the blocks of every sink, for one target: lines are
// cut by the text parser, looked up in the series table by the batch (so that the memory of one
// comes while another is hashed), and copied with their value and timestamp into the block writers.
// Only a series seen for the first time takes the long way (series_learner).
//
// One object per target, used by one worker at a time; it keeps the series table between scrapes.
// Stages, writers and sinks' spools outlive it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "parsers/text_parser.h"
#include "relay/distributions.h"
#include "relay/scrape_counts.h"
#include "relay/sent_before.h"
#include "relay/series_learner.h"
#include "relay/series_stages.h"
#include "relay/series_table.h"
#include "relay/survey.h"
#include "sinks/block_writer.h"
#include "sinks/number_format.h"

namespace fedwave::relay {

class Transform final : private parsers::SampleHandler {
 public:
  Transform(const config::Source& source, const SeriesStages& stages);

  // Goes on where that of another configuration has ended: samples that it has sent are repeated
  // ones here too, and distributions count from its last buckets. Not while a scrape is in hand.
  void take_over(Transform& before);

  // One scrape: begin, feed as the page arrives, finish. `writers`: one per sink.
  void begin(std::int64_t start_ms, const std::vector<sinks::BlockWriter*>& writers);
  // False when a limit says to stop reading; failure() then tells which.
  bool feed(std::string_view text);
  // The end. `complete`: the page arrived whole. What was complete is kept either way.
  ScrapeCounts finish(bool complete);

  // The limit that this scrape has broken, if any, with what to do about it.
  [[nodiscard]] const base::Error* failure() const { return failure_ ? &*failure_ : nullptr; }

  // The relay's own figures: samples without a page, between begin and finish.
  void take_own(std::span<const parsers::SampleLineView> samples);

  [[nodiscard]] std::size_t series() const { return table_.size(); }

  // Adds the series of the last scrapes. Not while a scrape is in hand.
  void survey(SurveyBuilder& survey) const;

  // Told of each malformed line; by default nobody is.
  using MalformedListener =
      std::function<void(std::uint64_t line, parsers::Malformed reason, std::string_view text)>;
  void on_malformed_line(MalformedListener listener) { malformed_listener_ = std::move(listener); }

 private:
  struct Value {
    std::string_view text;  // what goes on the wire, when finite
    enum class Kind : std::uint8_t { Finite, NotANumber, Infinite } kind = Kind::Finite;
  };

  std::size_t on_samples(std::span<const parsers::SampleLineView> samples, std::uint64_t line,
                         parsers::Malformed& reason) override;
  void on_malformed(std::uint64_t line, parsers::Malformed reason, std::string_view text) override;

  parsers::Malformed take(const parsers::SampleLineView& sample, const SeriesTable::Key& key,
                          SeriesEntry* entry);
  parsers::Malformed read_value(std::string_view text, Value& value);
  void truncate(Value& value);

  // `before`: what was sent of a series that is new since an edit.
  void send(SeriesEntry& entry, const parsers::SampleLineView& sample, Value value,
            const SentBefore::Sent* before);
  static void count_unsent(Verdict verdict, bool is_repeated, Value::Kind kind, SinkCounts& counts);
  void absorb(const SeriesEntry& entry, const Value& value);
  void set_timestamp(const parsers::SampleLineView& sample);
  void render_sample(const parsers::SampleLineView& sample, std::string_view value);
  void write(sinks::BlockWriter& writer, std::string_view head, std::string_view tail);

  enum class Reading : std::uint8_t { GoesOn, Stops };
  void evict();
  void fail(base::ErrorCode code, std::string message, Reading reading);

  const config::Source& source_;
  const SeriesStages& stages_;
  SeriesTable table_;
  Distributions distributions_;
  SeriesLearner learner_;
  std::optional<SentBefore> before_;       // until the first whole page
  std::optional<parsers::TextPage> page_;  // of the scrape in hand
  std::uint32_t scrape_ = 0;               // number of the scrape in hand
  std::uint32_t age_ = 1;  // grows with each complete scrape: a failed one makes nothing older
  std::int64_t start_ms_ = 0;
  std::vector<sinks::BlockWriter*> writers_;
  ScrapeCounts counts_;
  std::uint64_t last_complete_read_ = 0;
  sinks::WireBuffer wire_buffer_;
  std::string value_buffer_;
  // The part of the line between head and tail: value, blank, timestamp. With room for the longest
  // number and for copies in wide steps.
  std::array<char, 512> sample_text_ = {};
  std::size_t sample_bytes_ = 0;
  std::int64_t timestamp_ms_ = -1;  // what timestamp_text_ shows
  std::array<char, 24> timestamp_text_ = {};
  std::size_t timestamp_bytes_ = 0;
  std::optional<base::Error> failure_;
  bool stopped_ = false;  // by a failure after which nothing more is read
  MalformedListener malformed_listener_;
};

}  // namespace fedwave::relay
