#include "sinks/sender.h"

#include <algorithm>

#include "relay/base/log.h"

namespace fedwave::sinks {
namespace {

constexpr std::chrono::milliseconds kIdleWait{250};
constexpr std::chrono::milliseconds kDrainPoll{10};

}  // namespace

Sender::Sender(std::string name, std::unique_ptr<Sink> sink, Spool& spool,
               std::atomic<bool>& cancelled, Backoff backoff)
    : name_(std::move(name)),
      sink_(std::move(sink)),
      spool_(spool),
      cancelled_(cancelled),
      backoff_(backoff),
      random_(std::random_device{}()),
      thread_([this](std::stop_token stop) { loop(stop); }) {}

Sender::~Sender() {
  drain(std::chrono::steady_clock::now());
}

SenderFigures Sender::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void Sender::drain(std::chrono::steady_clock::time_point deadline) {
  if (!thread_.joinable()) return;
  draining_ = true;
  while (!ended_ && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kDrainPoll);
  }
  cancelled_ = true;
  thread_.request_stop();
  wake_.notify_all();
  thread_.join();
}

void Sender::loop(std::stop_token stop) noexcept {
  while (!stop.stop_requested()) {
    const bool last_round = draining_;
    const std::shared_ptr<const Block> block =
        spool_.front(stop, last_round ? kDrainPoll : kIdleWait);
    if (block == nullptr) {
      if (last_round) break;
      continue;
    }
    while (!deliver(*block, stop)) {
      if (stop.stop_requested()) return;
    }
  }
  if (!stop.stop_requested()) sink_->finish();
  ended_ = true;
}

// True when the block has left the spool; false after a wait, to try again.
bool Sender::deliver(const Block& block, const std::stop_token& stop) {
  const SendResult result = sink_->send(block);
  {
    const std::lock_guard lock(mutex_);
    ++figures_.requests;
  }
  switch (result.outcome) {
    case SendOutcome::Accepted:
      note_recovery();
      spool_.settle(block.points, 0);
      return true;
    case SendOutcome::Refused:
      base::log(base::LogLevel::Error, "the sink refused a block; its points are dropped",
                {{"sink", name_}, {"points", block.points}, {"answer", result.detail}});
      spool_.settle(0, block.points);
      return true;
    case SendOutcome::Retry:
      note_trouble(result);
      // Full jitter: any time up to the bound, so that many senders do not return at once.
      backoff_ms_ = std::clamp(backoff_ms_ * 2, backoff_.first_ms, backoff_.max_ms);
      const std::int64_t jittered =
          std::uniform_int_distribution<std::int64_t>(backoff_.first_ms / 2, backoff_ms_)(random_);
      pause(std::max(jittered, result.retry_after_ms), stop);
      return false;
  }
  return true;
}

void Sender::note_trouble(const SendResult& result) {
  bool is_news = false;
  {
    const std::lock_guard lock(mutex_);
    ++figures_.retries;
    is_news = figures_.cause != result.cause;
    figures_.trouble = result.detail;
    figures_.cause = result.cause;
  }
  if (is_news && !cancelled_) {
    base::log(base::LogLevel::Warn, "cannot deliver; the points wait and are tried again",
              {{"sink", name_}, {"error", result.detail}});
  }
}

void Sender::note_recovery() {
  backoff_ms_ = 0;
  bool had_trouble = false;
  {
    const std::lock_guard lock(mutex_);
    had_trouble = !figures_.cause.empty();
    figures_.trouble.clear();
    figures_.cause.clear();
  }
  if (had_trouble) base::log(base::LogLevel::Info, "delivering again", {{"sink", name_}});
}

void Sender::pause(std::int64_t wait_ms, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, stop, std::chrono::milliseconds(wait_ms), [] { return false; });
}

}  // namespace fedwave::sinks
