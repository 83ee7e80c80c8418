#include "relay/transform.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include "relay/base/check.h"
#include "relay/count_text.h"
#include "sinks/number_format.h"

namespace fedwave::relay {
namespace {

using parsers::Malformed;
using parsers::SampleLineView;

// Entries live through this many scrapes without being seen: long enough for a target that misses a
// scrape or two, short enough for pods that come and go.
constexpr std::uint32_t kScrapesKept = 5;
constexpr std::uint32_t kEvictEvery = 4;
constexpr std::uint64_t kSeriesSpared = 1000;

// What a Wavefront proxy takes unless told otherwise.
constexpr std::int64_t kOldestMs = std::int64_t{8760} * 3600 * 1000;
constexpr std::int64_t kNewestMs = std::int64_t{24} * 3600 * 1000;

// In wide steps: reads and writes up to kStep - 1 bytes more than the text has. Where the text
// comes from and where it goes have that room.
char* copy_wide(char* at, std::string_view text) {
  constexpr std::size_t kStep = 32;
  static_assert(kStep <= kPartSlackBytes && kStep <= sinks::kLineSlackBytes);
  for (std::size_t i = 0; i < text.size(); i += kStep) {
    std::memcpy(at + i, text.data() + i, kStep);
  }
  return at + text.size();
}

}  // namespace

Transform::Transform(const config::Source& source, const SeriesStages& stages)
    : source_(source),
      stages_(stages),
      table_(stages.sink_count()),
      learner_(stages, static_cast<std::size_t>(source.limits.labels), table_, distributions_),
      counts_(stages.sink_count()) {}

void Transform::take_over(Transform& before) {
  before_.emplace(stages_.sink_names());
  before_->add(before.table_, before.stages_.sink_names());
  before.table_.clear();
  // Another change came before a whole page did.
  if (before.before_) before_->add(*before.before_);
  before.before_.reset();
  distributions_.take_over(before.distributions_);
}

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

void Transform::take_own(std::span<const SampleLineView> samples) {
  Malformed reason = Malformed::None;
  for (std::size_t i = 0; i < samples.size(); i += kSamplesMax) {
    const auto batch = samples.subspan(i, std::min(kSamplesMax, samples.size() - i));
    FEDWAVE_CHECK(on_samples(batch, 0, reason) == batch.size());
  }
}

void Transform::survey(SurveyBuilder& survey) const {
  // A scrape that has ended well makes all of it one older.
  survey.add(table_, age_ - 1);
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
    before_.reset();
    distributions_.forget_before();
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

std::size_t Transform::on_samples(std::span<const SampleLineView> samples, std::uint64_t,
                                  Malformed& reason) {
  std::array<SeriesTable::Key, kSamplesMax> keys;
  std::array<SeriesEntry*, kSamplesMax> entries;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    keys[i] = SeriesTable::key_of(samples[i].series, samples[i].kind);
    table_.prefetch(keys[i]);
  }
  for (std::size_t i = 0; i < samples.size(); ++i) {
    entries[i] = table_.find(keys[i]);
    if (entries[i] != nullptr) table_.prefetch_labels(*entries[i]);
  }
  const std::size_t known = table_.size();
  for (std::size_t i = 0; i < samples.size() && !stopped_; ++i) {
    // What is learned moves the others.
    SeriesEntry* entry = table_.size() == known ? entries[i] : table_.find(keys[i]);
    reason = take(samples[i], keys[i], entry);
    if (reason != Malformed::None) return i;
  }
  return samples.size();
}

Malformed Transform::take(const SampleLineView& sample, const SeriesTable::Key& key,
                          SeriesEntry* entry) {
  Value value;
  if (const Malformed bad = read_value(sample.value, value); bad != Malformed::None) return bad;
  std::optional<SentBefore::Sent> before;
  if (entry == nullptr) {
    const Malformed bad = learner_.learn(sample, key, counts_.repaired, entry);
    if (bad != Malformed::None) return bad;
    ++counts_.new_series;
    if (before_) {
      before = before_->find(key);
      entry->last_timestamp_ms = before->timestamp_ms;
    }
  }
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
  if (table_.part(entry->labels).head().converts) {
    absorb(*entry, value);
  } else {
    send(*entry, sample, value, before ? &*before : nullptr);
  }
  return Malformed::None;
}

Malformed Transform::read_value(std::string_view text, Value& value) {
  value.text = sinks::wire_text(text, wire_buffer_);
  if (!value.text.empty()) return Malformed::None;
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

// The sample's own time, or the scrape's, as the text between value and tail.
void Transform::set_timestamp(const SampleLineView& sample) {
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
  char* at = timestamp_text_.data();
  *at++ = ' ';
  at = std::to_chars(at, timestamp_text_.data() + timestamp_text_.size(), time_ms / 1000).ptr;
  timestamp_bytes_ = static_cast<std::size_t>(at - timestamp_text_.data());
}

void Transform::render_sample(const SampleLineView& sample, std::string_view value) {
  set_timestamp(sample);
  FEDWAVE_CHECK(value.size() + timestamp_text_.size() <= sample_text_.size());
  char* at = sample_text_.data();
  std::memcpy(at, value.data(), value.size());
  at += value.size();
  std::memcpy(at, timestamp_text_.data(), timestamp_text_.size());
  sample_bytes_ = value.size() + timestamp_bytes_;
}

void Transform::send(SeriesEntry& entry, const SampleLineView& sample, Value value,
                     const SentBefore::Sent* before) {
  const PartView name = table_.part(entry.name);
  const PartView labels = table_.part(entry.labels);
  const std::int64_t own_ms = sample.has_timestamp ? sample.timestamp_ms : start_ms_;
  const bool is_repeated =
      source_.repeats == config::Repeats::Suppress && own_ms == entry.last_timestamp_ms;
  entry.last_timestamp_ms = own_ms;
  if (name.head().truncates) truncate(value);
  bool is_rendered = false;
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    const Verdict verdict = line_verdict(name, labels, i);
    SinkCounts& counts = counts_.by_sink[i];
    const bool has_had_it = is_repeated && (before == nullptr || before->has_had_it(i));
    if (verdict != Verdict::Kept || has_had_it || value.kind != Value::Kind::Finite) {
      count_unsent(verdict, has_had_it, value.kind, counts);
      continue;
    }
    if (!is_rendered) render_sample(sample, value.text);
    is_rendered = true;
    write(*writers_[i], name.text(i), labels.text(i));
    ++counts.written;
  }
}

void Transform::count_unsent(Verdict verdict, bool is_repeated, Value::Kind kind,
                             SinkCounts& counts) {
  if (verdict != Verdict::Kept) {
    ++counts.by_verdict[static_cast<std::size_t>(verdict)];
  } else if (is_repeated) {
    ++counts.repeated;
  } else if (kind == Value::Kind::NotANumber) {
    ++counts.not_a_number;
  } else {
    ++counts.infinite;
  }
}

void Transform::write(sinks::BlockWriter& writer, std::string_view head, std::string_view tail) {
  const std::size_t bytes = head.size() + sample_bytes_ + tail.size();
  char* at = writer.reserve(bytes);
  at = copy_wide(at, head);
  at = copy_wide(at, {sample_text_.data(), sample_bytes_});
  copy_wide(at, tail);
  writer.commit(bytes);
}

void Transform::absorb(const SeriesEntry& entry, const Value& value) {
  const PartView name = table_.part(entry.name);
  const PartView labels = table_.part(entry.labels);
  const bool is_finite = value.kind == Value::Kind::Finite;
  for (std::size_t i = 0; i < counts_.by_sink.size(); ++i) {
    const Verdict verdict = line_verdict(name, labels, i);
    if (verdict == Verdict::Kept && is_finite) {
      ++counts_.by_sink[i].converted;
    } else {
      count_unsent(verdict, false, value.kind, counts_.by_sink[i]);
    }
  }
  const PartView::Head& head = labels.head();
  if (!head.is_bucket) return;
  distributions_.touch(head.group, scrape_, age_);
  if (!is_finite) return;
  Value whole = value;
  truncate(whole);
  double count = 0;
  FEDWAVE_CHECK(parsers::parse_value(whole.text, count) == Malformed::None);
  distributions_.add_bucket(head.group, head.bound, count);
}

}  // namespace fedwave::relay
