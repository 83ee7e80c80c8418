#include "relay/sink_line.h"

#include <system_error>
#include <thread>
#include <utility>

#include "relay/base/log.h"
#include "relay/sink_factory.h"

namespace fedwave::relay {
namespace {

// So long a receiver that does not answer holds up an edit; the block is sent again after it.
constexpr std::chrono::seconds kHandOverPatience{3};

constexpr int kSenderTries = 10;
constexpr std::chrono::seconds kSenderPause{1};

// What a sender is made of: without what concerns the stages and the writers, which are made anew
// anyway, and the spool's limits, which change in place.
config::Sink way_of(config::Sink sink) {
  const config::Sink fresh;
  sink.prefix = fresh.prefix;
  sink.tags = fresh.tags;
  sink.filters = fresh.filters;
  sink.tag_priority = fresh.tag_priority;
  sink.limits = fresh.limits;
  sink.batch_points = fresh.batch_points;
  const auto drain_rate = sink.spool.drain_rate;  // the sender's
  sink.spool = fresh.spool;
  sink.spool.drain_rate = drain_rate;
  return sink;
}

void add_counts(std::map<std::string, std::uint64_t>& sum,
                const std::map<std::string, std::uint64_t>& more) {
  for (const auto& [cause, count] : more) sum[cause] += count;
}

void add_earlier(const sinks::SenderFigures& earlier, sinks::SenderFigures& figures) {
  figures.requests += earlier.requests;
  figures.retries += earlier.retries;
  add_counts(figures.retries_by_cause, earlier.retries_by_cause);
  add_counts(figures.quarantined_by_cause, earlier.quarantined_by_cause);
  figures.accepted_at_ms = std::max(figures.accepted_at_ms, earlier.accepted_at_ms);
}

}  // namespace

SinkLine::SinkLine(const config::Sink& sink, const base::Clock& clock,
                   base::HttpClientFactory client)
    : name_(sink.name),
      clock_(clock),
      client_(client),
      sink_(sink),
      spool_(make_spool(sink, clock)),
      quarantine_(std::make_unique<sinks::Quarantine>(quarantine_options(sink))) {
  start_sender();
}

void SinkLine::start_sender() {
  auto cancelled = std::make_unique<std::atomic<bool>>(false);
  auto sink = make_sink(sink_, client_, clock_, cancelled.get());
  const std::lock_guard lock(mutex_);
  cancelled_ = std::move(cancelled);
  sender_ = std::make_unique<sinks::Sender>(name_, std::move(sink), *spool_, *quarantine_,
                                            *cancelled_, clock_, sender_options(sink_));
}

bool SinkLine::can_become(const config::Sink& sink) const {
  return name_ == sink.name && sink_.spool.directory == sink.spool.directory;
}

void SinkLine::change(const config::Sink& sink) {
  const bool is_same_way = way_of(sink_) == way_of(sink);
  sink_ = sink;
  spool_->change(spool_options(sink));
  if (is_same_way && sender_) return;
  if (sender_) {
    sender_->hand_over(std::chrono::steady_clock::now() + kHandOverPatience);
    const std::lock_guard lock(mutex_);
    sinks::SenderFigures sum = sender_->figures();
    add_earlier(earlier_, sum);
    earlier_ = std::move(sum);
    sender_.reset();
  }
  start_sender_patiently();
}

// Without a sender nothing is delivered any more; a thread for it may be had a moment later.
void SinkLine::start_sender_patiently() {
  for (int tries_left = kSenderTries;; --tries_left) {
    try {
      return start_sender();
    } catch (const std::system_error& error) {
      base::log(base::LogLevel::Error, "no thread is left to deliver with",
                {{"sink", name_}, {"error", error.what()}});
      if (tries_left == 0) return;
    }
    std::this_thread::sleep_for(kSenderPause);
  }
}

SinkFigures SinkLine::figures() const {
  SinkFigures figures{.name = name_, .spool = spool_->figures(), .sender = {}};
  const std::lock_guard lock(mutex_);
  if (sender_) figures.sender = sender_->figures();
  add_earlier(earlier_, figures.sender);
  return figures;
}

void SinkLine::stop(std::chrono::steady_clock::time_point deadline) {
  if (stopped_.exchange(true)) return;
  if (sender_) sender_->drain(deadline);
  spool_->close();
}

}  // namespace fedwave::relay
