#include "sinks/sender.h"

#include <algorithm>
#include <vector>

#include "relay/base/gzip.h"
#include "relay/base/log.h"

namespace fedwave::sinks {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kIdleWait{250};
constexpr std::int64_t kDrainPauseMs = 500;  // between attempts when the time is short

// A refused block is halved down to its bad lines: some 2·log2(points) requests for each of them.
// With so many bad lines that this is not enough, what is left is dropped in larger parts.
constexpr int kRequestsPerRefusedBlock = 200;

// A receiver that has never taken anything, and takes none of the parts within so many requests, is
// more likely a wrong address (http to an https port, say) than a Wavefront with nothing but bad
// lines before it: its points stay.
constexpr int kRequestsToJudge = 40;

constexpr std::size_t kLineBytesShown = 300;

Block part_of(const Block& block, std::string_view lines, std::uint32_t points) {
  Block part{.bytes = block.gzip ? base::GzipDeflater().deflate(lines) : std::string(lines),
             .gzip = block.gzip,
             .format = block.format,
             .points = points,
             .line_bytes = lines.size(),
             .created_ms = block.created_ms};
  return part;
}

// Where the line after the first `count` ones begins; npos when there are not as many.
std::size_t after_lines(std::string_view lines, std::uint32_t count) {
  std::size_t at = 0;
  for (; count > 0; --count) {
    at = lines.find('\n', at);
    if (at == std::string_view::npos) return at;
    ++at;
  }
  return at;
}

// Puts the two halves of a block on the stack, the first one on top. False when it has only one
// line, or lines that cannot be read.
bool push_halves(const Block& block, std::vector<Block>& stack) {
  const auto lines = block_lines(block);
  if (!lines || block.points < 2) return false;
  const std::string_view text = *lines;
  const std::uint32_t first_points = block.points / 2;
  const std::size_t cut = after_lines(text, first_points);
  if (cut == std::string_view::npos) return false;
  stack.push_back(part_of(block, text.substr(cut), block.points - first_points));
  stack.push_back(part_of(block, text.substr(0, cut), first_points));
  return true;
}

}  // namespace

Sender::Sender(std::string name, std::unique_ptr<Sink> sink, Spool& spool,
               std::atomic<bool>& cancelled, Backoff backoff)
    : name_(std::move(name)),
      sink_(std::move(sink)),
      spool_(spool),
      cancelled_(cancelled),
      backoff_(backoff),
      random_(std::random_device{}()),
      thread_([this](const std::stop_token& stop) { loop(stop); }) {}

Sender::~Sender() {
  drain(std::chrono::steady_clock::now());
}

SenderFigures Sender::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void Sender::drain(std::chrono::steady_clock::time_point deadline) {
  if (!thread_.joinable()) return;
  {
    std::unique_lock lock(mutex_);
    draining_ = true;
    wake_.notify_all();
    wake_.wait_until(lock, deadline, [this] { return ended_; });
  }
  cancelled_ = true;
  thread_.request_stop();
  thread_.join();
}

bool Sender::is_draining() const {
  const std::lock_guard lock(mutex_);
  return draining_;
}

void Sender::loop(const std::stop_token& stop) noexcept {
  for (;;) {
    const bool last_round = is_draining();
    const std::shared_ptr<const Block> block =
        spool_.front(stop, last_round ? milliseconds(0) : kIdleWait);
    if (block != nullptr && !deliver(*block, stop)) break;
    if (block == nullptr && (last_round || stop.stop_requested())) break;
  }
  if (!stop.stop_requested()) sink_->finish();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  wake_.notify_all();
}

// True when the block has left the spool; false when there was no more time for it.
bool Sender::deliver(const Block& block, const std::stop_token& stop) {
  for (;;) {
    const SendResult result = send(block, stop);
    if (result.outcome == SendOutcome::Retry) return false;
    if (result.outcome == SendOutcome::Accepted) {
      spool_.settle(block.points, 0);
      return true;
    }
    const Parts parts = deliver_in_parts(block, result, stop);
    if (parts != Parts::NoneTaken) return parts == Parts::Settled;
    note_trouble({SendOutcome::Retry, result.cause + "_always",
                  result.detail +
                      "; it has never taken anything: is this the address of a Wavefront "
                      "(http or https, host, port)?"});
    back_off(result, stop);
    if (stop.stop_requested()) return false;
  }
}

Sender::Parts Sender::deliver_in_parts(const Block& block, const SendResult& refusal,
                                       const std::stop_token& stop) {
  std::vector<Block> parts;
  std::vector<Block> refused;
  std::uint32_t refused_points = 0;
  if (!push_halves(block, parts)) refused.push_back(block);
  for (int requests = 1; !parts.empty(); ++requests) {
    if (!ever_accepted_ && requests > kRequestsToJudge) return Parts::NoneTaken;
    Block part = std::move(parts.back());
    parts.pop_back();
    const SendResult result = send(part, stop);
    if (result.outcome == SendOutcome::Retry) return Parts::Stopped;
    if (result.outcome == SendOutcome::Accepted) continue;
    if (requests < kRequestsPerRefusedBlock && push_halves(part, parts)) continue;
    refused.push_back(std::move(part));
  }
  if (!ever_accepted_) return Parts::NoneTaken;
  for (const Block& part : refused) refused_points += part.points;
  note_refusal(refused, refused_points, refusal);
  spool_.settle(block.points - refused_points, refused_points);
  return Parts::Settled;
}

// Until the receiver says yes or no; Retry only when there is no more time.
SendResult Sender::send(const Block& block, const std::stop_token& stop) {
  for (;;) {
    SendResult result = sink_->send(block);
    {
      const std::lock_guard lock(mutex_);
      ++figures_.requests;
    }
    ever_accepted_ = ever_accepted_ || result.outcome == SendOutcome::Accepted;
    if (result.outcome == SendOutcome::Accepted) note_recovery();
    if (result.outcome != SendOutcome::Retry) return result;
    note_trouble(result);
    back_off(result, stop);
    if (stop.stop_requested()) return result;
  }
}

void Sender::back_off(const SendResult& result, const std::stop_token& stop) {
  // Full jitter: any time up to the bound, so that many senders do not return at once.
  backoff_ms_ = std::clamp(backoff_ms_ * 2, backoff_.first_ms, backoff_.max_ms);
  const std::int64_t jittered_ms =
      std::uniform_int_distribution<std::int64_t>(backoff_.first_ms / 2, backoff_ms_)(random_);
  const std::int64_t wait_ms = std::max(jittered_ms, result.retry_after_ms);
  std::unique_lock lock(mutex_);
  if (!draining_) wake_.wait_for(lock, stop, milliseconds(wait_ms), [this] { return draining_; });
  if (!draining_) return;
  wake_.wait_for(lock, stop, milliseconds(std::min(jittered_ms, kDrainPauseMs)),
                 [] { return false; });
}

// One event for a block, with the first of the lines that it is about.
void Sender::note_refusal(const std::vector<Block>& refused, std::uint32_t points,
                          const SendResult& result) const {
  if (refused.empty()) return;
  const auto lines = block_lines(refused.front());
  const std::string first =
      lines ? lines->substr(0, std::min(lines->find('\n'), kLineBytesShown)) : "";
  base::log(
      base::LogLevel::Error, "the sink refuses points; they are dropped, the others delivered",
      {{"sink", name_}, {"points", points}, {"answer", result.detail}, {"first_line", first}});
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

}  // namespace fedwave::sinks
