#include "relay/transform.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "relay/base/check.h"
#include "relay/count_text.h"
#include "sinks/number_format.h"

namespace fedwave::relay {
namespace {

using parsers::Malformed;

// Entries live through this many scrapes without being seen: long enough for a target that misses a
// scrape or two, short enough for pods that come and go.
constexpr std::uint32_t kScrapesKept = 5;
constexpr std::uint32_t kEvictEvery = 4;
constexpr std::uint64_t kSeriesSpared = 1000;

// What a Wavefront proxy takes unless told otherwise.
constexpr std::int64_t kOldestMs = std::int64_t{8760} * 3600 * 1000;
constexpr std::int64_t kNewestMs = std::int64_t{24} * 3600 * 1000;

char* copy(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

}  // namespace

Transform::Transform(const config::Source& source, const SeriesStages& stages)
    : source_(source), stages_(stages), table_(stages.sink_count()), counts_(stages.sink_count()) {}

void Transform::begin(std::int64_t start_ms, const std::vector<sinks::BlockWriter*>& writers) {
  FEDWAVE_CHECK(writers.size() == stages_.sink_count());
  ++scrape_;
  start_ms_ = start_ms;
  timestamp_ms_ = -1;
  writers_ = writers;
  counts_ = ScrapeCounts(stages_.sink_count());
  failure_.reset();
  stopped_ = false;
  page_.emplace(static_cast<parsers::SampleHandler&>(*this),
                static_cast<std::size_t>(source_.limits.line_bytes));
}

// The first failure is told, except that one which stops the reading beats one which does not.
void Transform::fail(base::ErrorCode code, std::string message, Reading reading) {
  const bool stops_now = reading == Reading::Stops && !stopped_;
  if (failure_ && !stops_now) return;
  stopped_ = stopped_ || stops_now;
  failure_ = base::Error{code, std::move(message)};
}

bool Transform::feed(std::string_view text) {
  counts_.body_bytes += text.size();
  if (counts_.body_bytes > static_cast<std::uint64_t>(source_.limits.body_bytes)) {
    fail(base::ErrorCode::BodyLimit,
         "the page is larger than limits.bodySize (" + std::to_string(source_.limits.body_bytes) +
             " bytes); narrow match[] or raise the limit",
         Reading::Stops);
    return false;
  }
  page_->feed(text);
  return !stopped_;
}

ScrapeCounts Transform::finish(bool complete) {
  page_->finish(complete);
  counts_.lines = page_->lines();
  if (page_->line_limit_exceeded()) {
    fail(base::ErrorCode::LineLimit,
         "a line is longer than limits.lineLength (" + std::to_string(source_.limits.line_bytes) +
             " bytes); it was skipped, the other lines were kept",
         Reading::GoesOn);
  }
  if (counts_.read == 0 && counts_.malformed_total() > 0) {
    fail(base::ErrorCode::NotMetrics,
         "none of its " + std::to_string(counts_.lines) + " lines is a sample (" +
             malformed_text(counts_) + "); is this a metrics page?",
         Reading::GoesOn);
  }
  distributions_.finish(scrape_, start_ms_, writers_, counts_);
  for (sinks::BlockWriter* writer : writers_) writer->flush();
  evict();
  if (complete) {
    last_complete_read_ = counts_.read;
    ++age_;
  }
  page_.reset();
  return counts_;
}

void Transform::evict() {
  const std::uint64_t bound = 2 * std::max(counts_.read, last_complete_read_) + kSeriesSpared;
  const bool overgrown = table_.size() > bound;
  std::uint32_t oldest = 0;
  if (overgrown) {
    oldest = age_;
  } else if (age_ % kEvictEvery == 0 && age_ > kScrapesKept) {
    oldest = age_ - kScrapesKept;
  }
  if (oldest > 0 && table_.evict(oldest)) distributions_.evict(oldest);
  // A page whose series are new in every scrape, and which is never complete, makes nothing older.
  if (overgrown && table_.size() > bound) {
    table_.clear();
    distributions_.clear();
  }
}

void Transform::on_malformed(std::uint64_t line, Malformed reason, std::string_view text) {
  ++counts_.malformed[static_cast<std::size_t>(reason)];
  if (reason == Malformed::TooManyLabels) {
    fail(base::ErrorCode::LabelLimit,
         "line " + std::to_string(line) + " has more labels than limits.labels (" +
             std::to_string(source_.limits.labels) + "); it was skipped, the other lines were kept",
         Reading::GoesOn);
  }
  if (malformed_listener_) malformed_listener_(line, reason, text);
}

Malformed Transform::on_sample(const parsers::SampleLineView& sample, std::uint64_t) {
  if (stopped_) return Malformed::None;
  const SeriesTable::Key key = SeriesTable::key_of(sample.series, sample.kind);
  SeriesEntry* entry = table_.find(key);
  if (entry == nullptr) {
    if (const Malformed reason = learn(sample, key, entry); reason != Malformed::None)
      return reason;
  }
  Value value;
  if (const Malformed reason = read_value(sample.value, value); reason != Malformed::None)
    return reason;
  if (counts_.read >= static_cast<std::uint64_t>(source_.limits.samples)) {
    fail(base::ErrorCode::SampleLimit,
         "the page has more samples than limits.samples (" +
             std::to_string(source_.limits.samples) +
             "); the first ones were kept; narrow match[] or raise the limit",
         Reading::Stops);
    return Malformed::None;
  }
  ++counts_.read;
  entry->last_seen = age_;
  RecordView record = table_.record(*entry);
  const RecordView::Fixed fixed = record.fixed();
  if (fixed.convert) {
    absorb(record, fixed, value);
  } else {
    send(*entry, record, fixed, sample, value);
  }
  return Malformed::None;
}

Malformed Transform::learn(const parsers::SampleLineView& sample, const SeriesTable::Key& key,
                           SeriesEntry*& entry) {
  const Malformed reason = parsers::parse_series(sample.series, series_,
                                                 static_cast<std::size_t>(source_.limits.labels));
  if (reason != Malformed::None) return reason;
  // A line with a bad value must not leave an entry behind.
  double number = 0;
  if (const Malformed bad = parsers::parse_value(sample.value, number); bad != Malformed::None)
    return bad;
  stages_.plan(series_, sample.kind, plan_);
  for (const SinkPlan& sink : plan_.sinks) {
    for (std::size_t i = 0; i < sinks::kRepairCount; ++i) {
      counts_.repaired[i] += sink.rendered.repairs[i];
    }
  }
  std::uint32_t group = 0;
  if (plan_.convert) {
    group = distributions_.group_of(plan_);
    for (SinkPlan& sink : plan_.sinks) sink.rendered = {};  // the group has them
  }
  entry = &table_.insert(key, plan_, group);
  ++counts_.new_series;
  return Malformed::None;
}

Malformed Transform::read_value(std::string_view text, Value& value) {
  if (sinks::is_wire_number(text)) {
    value.text = text;
    return Malformed::None;
  }
  double number = 0;
  if (const Malformed reason = parsers::parse_value(text, number); reason != Malformed::None) {
    return reason;
  }
  if (std::isnan(number)) {
    value.kind = Value::Kind::NotANumber;
  } else if (std::isinf(number)) {
    value.kind = Value::Kind::Infinite;
  } else {
    value_buffer_.clear();
    sinks::append_value(value_buffer_, number);
    value.text = value_buffer_;
  }
  return Malformed::None;
}

// The collector makes whole numbers of a typed family's counts.
void Transform::truncate(Value& value) {
  if (const auto point = value.text.find('.'); point != std::string_view::npos) {
    value.text = value.text.substr(0, point);
    if (value.text == "-0") value.text = "0";
  }
}

void Transform::set_timestamp_text(const parsers::SampleLineView& sample) {
  std::int64_t time_ms = start_ms_;
  if (sample.has_timestamp && source_.honor_timestamps) {
    const bool in_range = sample.timestamp_ms >= start_ms_ - kOldestMs &&
                          sample.timestamp_ms <= start_ms_ + kNewestMs;
    if (in_range) {
      time_ms = sample.timestamp_ms;
    } else {
      ++counts_.repaired[static_cast<std::size_t>(sinks::Repair::TimestampOutOfRange)];
    }
  }
  if (time_ms == timestamp_ms_) return;
  timestamp_ms_ = time_ms;
  char* at = timestamp_text_;
  *at++ = ' ';
  at = std::to_chars(at, timestamp_text_ + sizeof timestamp_text_, time_ms / 1000).ptr;
  timestamp_bytes_ = static_cast<std::size_t>(at - timestamp_text_);
}

void Transform::send(SeriesEntry& entry, RecordView record, const RecordView::Fixed& fixed,
                     const parsers::SampleLineView& sample, Value value) {
  bool repeated = false;
  if (fixed.kept_anywhere) {
    const std::int64_t own_ms = sample.has_timestamp ? sample.timestamp_ms : start_ms_;
    repeated = source_.repeats == config::Repeats::Suppress && own_ms == entry.last_timestamp_ms;
    entry.last_timestamp_ms = own_ms;
    if (fixed.truncate) truncate(value);
    if (!repeated && value.kind == Value::Kind::Finite) set_timestamp_text(sample);
  }
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    const RecordLine line = record.next();
    SinkCounts& counts = counts_.by_sink[i];
    if (line.verdict != Verdict::Kept) {
      ++counts.by_verdict[static_cast<std::size_t>(line.verdict)];
    } else if (repeated) {
      ++counts.repeated;
    } else if (value.kind == Value::Kind::NotANumber) {
      ++counts.not_a_number;
    } else if (value.kind == Value::Kind::Infinite) {
      ++counts.infinite;
    } else {
      write(i, line, value.text);
      ++counts.written;
    }
  }
}

void Transform::write(std::size_t sink, const RecordLine& line, std::string_view value) {
  const std::size_t bytes = line.head.size() + value.size() + timestamp_bytes_ + line.tail.size();
  char* at = writers_[sink]->reserve(bytes);
  at = copy(at, line.head);
  at = copy(at, value);
  at = copy(at, {timestamp_text_, timestamp_bytes_});
  copy(at, line.tail);
  writers_[sink]->commit(bytes);
}

void Transform::absorb(RecordView record, const RecordView::Fixed& fixed, const Value& value) {
  for (SinkCounts& counts : counts_.by_sink) {
    const RecordLine line = record.next();
    if (line.verdict != Verdict::Kept) {
      ++counts.by_verdict[static_cast<std::size_t>(line.verdict)];
    } else if (value.kind == Value::Kind::NotANumber) {
      ++counts.not_a_number;
    } else if (value.kind == Value::Kind::Infinite) {
      ++counts.infinite;
    } else {
      ++counts.converted;
    }
  }
  if (!fixed.is_bucket) return;
  if (value.kind != Value::Kind::Finite) return distributions_.touch(fixed.group, scrape_, age_);
  Value whole = value;
  truncate(whole);
  double count = 0;
  FEDWAVE_CHECK(parsers::parse_value(whole.text, count) == Malformed::None);
  distributions_.touch(fixed.group, scrape_, age_);
  distributions_.add_bucket(fixed.group, fixed.bound, count);
}

}  // namespace fedwave::relay
