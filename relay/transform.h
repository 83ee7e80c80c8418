// The path of a sample from a page's bytes to the blocks of every sink, for one target: lines are
// cut by the text parser, looked up in the series table, and copied with their value and timestamp
// into the block writers. Only a series seen for the first time takes the long way (series_stages).
//
// One object per target, used by one worker at a time; it keeps the series table between scrapes.
// Stages, writers and sinks' spools outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "parsers/text_parser.h"
#include "relay/distributions.h"
#include "relay/scrape_counts.h"
#include "relay/series_stages.h"
#include "relay/series_table.h"
#include "sinks/block_writer.h"

namespace fedwave::relay {

class Transform final : private parsers::SampleHandler {
 public:
  Transform(const config::Source& source, const SeriesStages& stages);

  // One scrape: begin, feed as the page arrives, finish. `writers`: one per sink.
  void begin(std::int64_t start_ms, const std::vector<sinks::BlockWriter*>& writers);
  // False when a limit says to stop reading; failure() then tells which.
  bool feed(std::string_view text);
  // The end. `complete`: the page arrived whole. What was complete is kept either way.
  ScrapeCounts finish(bool complete);

  // The limit that this scrape has broken, if any, with what to do about it.
  [[nodiscard]] const base::Error* failure() const { return failure_ ? &*failure_ : nullptr; }

  [[nodiscard]] std::size_t series() const { return table_.size(); }

  // Told of each malformed line; by default nobody is.
  using MalformedListener =
      std::function<void(std::uint64_t line, parsers::Malformed reason, std::string_view text)>;
  void on_malformed_line(MalformedListener listener) { malformed_listener_ = std::move(listener); }

 private:
  struct Value {
    std::string_view text;  // what goes on the wire, when finite
    enum class Kind : std::uint8_t { Finite, NotANumber, Infinite } kind = Kind::Finite;
  };

  parsers::Malformed on_sample(const parsers::SampleLineView& sample, std::uint64_t line) override;
  void on_malformed(std::uint64_t line, parsers::Malformed reason, std::string_view text) override;

  parsers::Malformed learn(const parsers::SampleLineView& sample, const SeriesTable::Key& key,
                           SeriesEntry*& entry);
  parsers::Malformed read_value(std::string_view text, Value& value);
  void truncate(Value& value);
  void send(SeriesEntry& entry, RecordView record, const RecordView::Fixed& fixed,
            const parsers::SampleLineView& sample, Value value);
  void absorb(RecordView record, const RecordView::Fixed& fixed, const Value& value);
  void write(std::size_t sink, const RecordLine& line, std::string_view value);
  void set_timestamp_text(const parsers::SampleLineView& sample);
  enum class Reading : std::uint8_t { GoesOn, Stops };
  void evict();
  void fail(base::ErrorCode code, std::string message, Reading reading);

  const config::Source& source_;
  const SeriesStages& stages_;
  SeriesTable table_;
  Distributions distributions_;
  std::optional<parsers::TextPage> page_;  // of the scrape in hand
  parsers::SeriesBuffer series_;
  SeriesPlan plan_;
  std::uint32_t scrape_ = 0;  // number of the scrape in hand
  std::uint32_t age_ = 1;     // grows with each complete scrape: a failed one makes nothing older
  std::int64_t start_ms_ = 0;
  std::vector<sinks::BlockWriter*> writers_;
  ScrapeCounts counts_;
  std::uint64_t last_complete_read_ = 0;
  std::string value_buffer_;
  std::int64_t timestamp_ms_ = -1;  // what timestamp_text_ shows
  char timestamp_text_[24] = {};
  std::size_t timestamp_bytes_ = 0;
  std::optional<base::Error> failure_;
  bool stopped_ = false;  // by a failure after which nothing more is read
  MalformedListener malformed_listener_;
};

}  // namespace fedwave::relay
