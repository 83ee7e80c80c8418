#include "sinks/sender.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "relay/base/duration.h"
#include "relay/base/log.h"

namespace fedwave::sinks {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kIdleWaitMs = 250;
constexpr int kFailuresInDrainMax = 3;
constexpr std::chrono::seconds kDrainInTrouble{3};
constexpr std::int64_t kDrainPauseMs = 500;  // between attempts when the time is short

// A refused block is halved down to its bad lines: some 2·log2(points) requests for each of them,
// two for each cut. With so many bad lines that 1000 requests are not enough, what is left is
// quarantined in larger parts. (Parts that are only too large do not count: there is nothing bad in
// them.)
constexpr int kCutsPerRefusedBlock = 500;

// After so many refusals without a part that was taken the rest of the block is not tried as well:
// it may be the receiver that takes nothing (sinks/suspects.h).
constexpr int kRefusalsToSuspect = 40;
// Before that, it is tried from its other end: bad lines often stand together (one family).
constexpr int kTurnsToSuspect = 4;

constexpr std::size_t kLineBytesShown = 300;

bool needs_somebody(SendOutcome outcome) {
  return outcome == SendOutcome::Denied || outcome == SendOutcome::Misplaced;
}

void count(std::map<std::string, std::uint64_t>& counts, const std::string& cause,
           std::uint64_t number) {
  const bool is_kept = counts.contains(cause) || counts.size() < kCausesMax;
  counts[is_kept ? cause : "other"] += number;
}

std::string beginning_of_first_line(std::string_view lines) {
  return std::string(lines.substr(0, std::min(lines.find('\n'), kLineBytesShown)));
}

}  // namespace

struct Sender::Refused {
  struct Lines {
    std::string text;
    std::uint32_t points = 0;
    SendResult answer;
  };

  int answers = 0;  // since the last turn
  int turns = 0;
  int cuts = 0;
  std::uint32_t points = 0;
  SendResult last;
  std::vector<Lines> lines;  // those that got the same answer one after the other are together

  void add(std::string_view text, std::uint32_t points_there, const SendResult& answer) {
    if (lines.empty() || lines.back().answer.detail != answer.detail) {
      lines.push_back({.text = {}, .points = 0, .answer = answer});
    }
    lines.back().text += text;
    lines.back().points += points_there;
    points += points_there;
  }
};

Sender::Sender(std::string name, std::unique_ptr<Sink> sink, Spool& spool, Quarantine& quarantine,
               std::atomic<bool>& cancelled, const base::Clock& clock, SenderOptions options)
    : name_(std::move(name)),
      sink_(std::move(sink)),
      spool_(spool),
      quarantine_(quarantine),
      cancelled_(cancelled),
      clock_(clock),
      backoff_(options.backoff),
      quarantine_patience_ms_(options.quarantine_patience_ms),
      pace_(clock, options.pace),
      backlog_pace_(clock, options.drain_rate),
      trouble_(clock),
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
  end(Ending::Drains, deadline);
}

void Sender::hand_over(std::chrono::steady_clock::time_point deadline) {
  end(Ending::HandsOver, deadline);
}

void Sender::end(Ending how, std::chrono::steady_clock::time_point deadline) {
  if (!thread_.joinable()) return;
  {
    std::unique_lock lock(mutex_);
    ending_ = how;
    wake_.notify_all();
    // One that hangs need not be waited for either when nothing is lost by ending now.
    if (!figures_.cause.empty() && spool_.keeps_all()) {
      deadline = std::min(deadline, std::chrono::steady_clock::now() + kDrainInTrouble);
    }
    wake_.wait_until(lock, deadline, [this] { return ended_; });
  }
  cancelled_ = true;
  thread_.request_stop();
  thread_.join();
}

Sender::Ending Sender::ending() const {
  const std::lock_guard lock(mutex_);
  return ending_;
}

void Sender::loop(const std::stop_token& stop) noexcept {
  while (!stop.stop_requested()) {
    const Ending now = ending();
    if (now == Ending::HandsOver) break;
    const bool last_round = now == Ending::Drains;
    const Taken taken = take(stop, last_round);
    if (taken) deliver(*taken.block, stop);
    if (last_round && (!taken || leaves_it_to_the_next())) break;
  }
  if (!stop.stop_requested()) sink_->finish();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  wake_.notify_all();
}

Taken Sender::take(const std::stop_token& stop, bool last_round) {
  if (last_round) return spool_.take(stop, milliseconds(0));
  const std::int64_t backlog_wait_ms = backlog_pace_.wait_ms();
  const std::int64_t wait_ms =
      backlog_wait_ms > 0 ? std::min(backlog_wait_ms, kIdleWaitMs) : kIdleWaitMs;
  Taken taken =
      spool_.take(stop, milliseconds(wait_ms), backlog_wait_ms > 0 ? Which::FreshOnly : Which::Any);
  if (taken && taken.is_backlog) backlog_pace_.took(taken.block->points);
  return taken;
}

// Until the block is settled, or goes back into the spool because there is no more time for it or
// because it is too early to judge it.
void Sender::deliver(const Block& block, const std::stop_token& stop) {
  BlockParts parts(block);
  Refused refused;
  bool is_judged = suspects_.is_proven(block.bytes);
  while (!parts.empty()) {
    if (!is_ending()) wait(pace_.wait_ms(), stop);
    if (stop.stop_requested()) return spool_.put_back();
    const Block& part = parts.next(pace_.points_max());
    const SendResult result = sink_->send(part);
    pace_.note(part.points, result);
    note_request();
    if (result.outcome == SendOutcome::Accepted) {
      note_accepted();
      is_judged = true;  // this receiver takes points, so what it refuses is bad
      parts.pop();
    } else if (result.outcome == SendOutcome::Refused || result.outcome == SendOutcome::TooLarge) {
      refused.last = result;
      if (!is_judged && ++refused.answers > kRefusalsToSuspect) {
        if (refused.turns++ == kTurnsToSuspect || !parts.turn()) break;
        refused.answers = 0;
        continue;
      }
      if (refused.cuts < kCutsPerRefusedBlock &&
          parts.halve(!is_judged && refused.turns % 2 == 1)) {
        refused.cuts += result.outcome == SendOutcome::Refused ? 1 : 0;
        continue;
      }
      refused.add(parts.lines(), part.points, result);
      parts.pop();
    } else {
      note_trouble(result);
      if (leaves_it_to_the_next()) return spool_.put_back();
      back_off(result, stop);
    }
  }
  if (!is_judged) return give_back(block, refused.last, stop);
  if (!quarantine(refused, stop)) return spool_.put_back();
  suspects_.forget(block.bytes);
  spool_.settle(block.points - refused.points, refused.points);
}

// Nobody has to wait for the end of the grace time when nothing is lost by ending now.
bool Sender::leaves_it_to_the_next() {
  const Ending now = ending();
  if (now == Ending::HandsOver) return true;
  return now == Ending::Drains && failures_in_drain_ >= kFailuresInDrainMax && spool_.keeps_all();
}

// The block waits, and others may go before it: one that is accepted shows that it is not the
// receiver.
void Sender::give_back(const Block& block, const SendResult& refusal, const std::stop_token& stop) {
  suspects_.suspect(block.bytes);
  spool_.put_back();
  const char* const why =
      suspects_.has_accepted()
          ? "; it takes not one line of a block, so the points wait until it has taken others"
          : "; it has never taken anything: is this the address of a Wavefront (http or https, "
            "host, "
            "port)?";
  note_trouble({SendOutcome::Retry, refusal.cause + "_always", refusal.detail + why,
                refusal.retry_after_ms});
  back_off(refusal, stop);
}

void Sender::back_off(const SendResult& result, const std::stop_token& stop) {
  // Full jitter: any time up to the bound, so that many senders do not return at once.
  backoff_ms_ = std::clamp(backoff_ms_ * 2, backoff_.first_ms, backoff_.max_ms);
  const std::int64_t jittered_ms =
      std::uniform_int_distribution<std::int64_t>(backoff_.first_ms / 2, backoff_ms_)(random_);
  wait(std::max(jittered_ms, result.retry_after_ms), stop);
}

// Cut short by the end: its time is better spent on trying, or by another sender.
void Sender::wait(std::int64_t wait_ms, const std::stop_token& stop) {
  if (wait_ms <= 0) return;
  std::unique_lock lock(mutex_);
  const auto is_over = [this] { return ending_ != Ending::No; };
  if (!is_over()) wake_.wait_for(lock, stop, milliseconds(wait_ms), is_over);
  if (ending_ != Ending::Drains) return;
  wake_.wait_for(lock, stop, milliseconds(std::min(wait_ms, kDrainPauseMs)), [] { return false; });
}

// False when there was no time to wait for a file that cannot be written.
bool Sender::write_to_quarantine(std::string_view lines, const std::string& reason,
                                 const std::stop_token& stop) {
  const std::int64_t until_ms = clock_.steady_ms() + quarantine_patience_ms_;
  for (;;) {
    const bool is_written = quarantine_.append(lines, reason, clock_.wall_ms());
    if (is_written) quarantine_given_up_ = false;
    if (is_written || quarantine_.path().empty() || quarantine_given_up_) return true;
    quarantine_given_up_ = clock_.steady_ms() >= until_ms;
    if (quarantine_given_up_) return true;
    wait(backoff_.first_ms, stop);
    if (stop.stop_requested() || ending() == Ending::HandsOver) return false;
  }
}

// One event for a block. In the file first: what is settled may be gone from the disk. Where the
// file cannot be written for long, the log has to do.
bool Sender::quarantine(const Refused& refused, const std::stop_token& stop) {
  if (refused.lines.empty()) return true;
  for (const Refused::Lines& lines : refused.lines) {
    if (!write_to_quarantine(lines.text, lines.answer.detail, stop)) return false;
  }
  const bool is_in_file = !quarantine_.path().empty() && !quarantine_given_up_;
  const Refused::Lines& first = refused.lines.front();
  base::log(base::LogLevel::Error,
            "the sink refuses points; they are quarantined, the others delivered",
            {{"sink", name_},
             {"points", refused.points},
             {"answer", first.answer.detail},
             is_in_file ? base::LogField("file", quarantine_.path())
                        : base::LogField("first_line", beginning_of_first_line(first.text))});
  const std::lock_guard lock(mutex_);
  for (const Refused::Lines& lines : refused.lines) {
    count(figures_.quarantined_by_cause, lines.answer.cause, lines.points);
  }
  return true;
}

void Sender::note_request() {
  const std::lock_guard lock(mutex_);
  ++figures_.requests;
  figures_.batch_points_limit = pace_.points_max();
  figures_.pause_ms = pace_.pause_ms();
}

void Sender::note_trouble(const SendResult& result) {
  if (cancelled_) return;  // by us: it says nothing of the receiver
  if (is_ending()) ++failures_in_drain_;
  const Trouble::News news = trouble_.note(result);
  {
    const std::lock_guard lock(mutex_);
    ++figures_.retries;
    count(figures_.retries_by_cause, result.cause, 1);
    figures_.trouble = result.detail;
    figures_.cause = result.cause;
    figures_.trouble_since_ms = trouble_.since_wall_ms();
  }
  const auto level = needs_somebody(result.outcome) ? base::LogLevel::Error : base::LogLevel::Warn;
  if (news == Trouble::News::Begins) {
    base::log(level, "cannot deliver; the points wait and are tried again",
              {{"sink", name_}, {"error", result.detail}});
  } else if (news == Trouble::News::Lasts) {
    const SpoolFigures spool = spool_.figures();
    base::log(level,
              result.outcome == SendOutcome::SlowDown
                  ? "the sink still asks for less than there is; the points wait"
                  : "still cannot deliver; the points wait and are tried again",
              {{"sink", name_},
               {"error", result.detail},
               {"lasts", base::format_duration_ms(trouble_.lasts_ms() / 1'000 * 1'000)},
               {"points", spool.points_waiting},
               {"expired", spool.points_expired()}});
  }
}

// A receiver that has asked for less is well again only when it takes whole blocks without a pause.
void Sender::note_accepted() {
  suspects_.note_accepted();
  failures_in_drain_ = 0;
  backoff_ms_ = 0;
  {
    const std::lock_guard lock(mutex_);
    figures_.accepted_at_ms = clock_.wall_ms();
  }
  if (!trouble_.is_on()) return;
  if (trouble_.outcome() == SendOutcome::SlowDown && !pace_.is_free()) return;
  {
    const std::lock_guard lock(mutex_);
    figures_.trouble.clear();
    figures_.cause.clear();
    figures_.trouble_since_ms = 0;
  }
  const std::int64_t lasted_ms = trouble_.lasts_ms() / 1'000 * 1'000;
  if (!trouble_.end()) return;
  base::log(base::LogLevel::Info, "delivering again",
            {{"sink", name_}, {"after", base::format_duration_ms(lasted_ms)}});
}

}  // namespace fedwave::sinks
