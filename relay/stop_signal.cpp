#include "relay/stop_signal.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>

#include "relay/base/check.h"
#include "relay/base/clock.h"

namespace fedwave::relay {
namespace {

sigset_t signals_of(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  return set;
}

// For the handler.
std::atomic<std::int64_t> breath_ms = 0;
std::atomic<std::int64_t> stop_told_ms = 0;

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // may be called in a handler
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

void end_process(int number) {
  if (now_ms() - stop_told_ms < breath_ms) return;
  constexpr char kText[] =
      "fedwave: a second signal: ending at once, without delivering the rest\n";
  static_cast<void>(!::write(STDERR_FILENO, kText, sizeof kText - 1));
  _exit(128 + number);
}

void handle_with(int number, void (*handler)(int), struct sigaction* before) {
  struct sigaction action {};
  action.sa_handler = handler;
  FEDWAVE_CHECK(sigaction(number, &action, before) == 0);
}

}  // namespace

StopSignals::StopSignals(std::int64_t one_breath_ms) {
  breath_ms = one_breath_ms;
  const sigset_t waited_for = signals_of({SIGINT, SIGTERM, SIGHUP, kPoke});
  FEDWAVE_CHECK(pthread_sigmask(SIG_BLOCK, &waited_for, &mask_before_) == 0);
  // A blocked signal is delivered to sigtimedwait, not to a handler, until it is unblocked.
  handle_with(SIGINT, end_process, &interrupt_before_);
  handle_with(SIGTERM, end_process, &terminate_before_);
  handle_with(SIGPIPE, SIG_IGN, &pipe_before_);
}

StopSignals::~StopSignals() {
  // One that came at the very end would end the process in disorder.
  struct sigaction hangup_before {};
  struct sigaction poke_before {};
  handle_with(SIGHUP, SIG_IGN, &hangup_before);
  handle_with(kPoke, SIG_IGN, &poke_before);
  sigaction(SIGPIPE, &pipe_before_, nullptr);
  sigaction(SIGTERM, &terminate_before_, nullptr);
  sigaction(SIGINT, &interrupt_before_, nullptr);
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  sigaction(kPoke, &poke_before, nullptr);
  sigaction(SIGHUP, &hangup_before, nullptr);
}

void StopSignals::poke() {
  ::kill(::getpid(), kPoke);
}

std::optional<int> StopSignals::wait_for(std::int64_t timeout_ms) {
  const sigset_t waited_for = signals_of({SIGINT, SIGTERM, SIGHUP, kPoke});
  const base::Clock& clock = base::system_clock();
  const std::int64_t deadline_ms = clock.steady_ms() + timeout_ms;
  for (;;) {
    const std::int64_t left_ms = std::max<std::int64_t>(deadline_ms - clock.steady_ms(), 0);
    const timespec timeout{left_ms / 1000, (left_ms % 1000) * 1'000'000};
    const int number = sigtimedwait(&waited_for, nullptr, &timeout);
    if (number < 0 && errno == EINTR) continue;
    if (number < 0) return std::nullopt;
    if (number == SIGINT || number == SIGTERM) {
      stop_told_ms = now_ms();
      const sigset_t end = signals_of({SIGINT, SIGTERM});
      pthread_sigmask(SIG_UNBLOCK, &end, nullptr);
    }
    return number;
  }
}

}  // namespace fedwave::relay
