// Signals as an ordinary wait: whoever runs the program in the foreground waits here for the word
// to stop or to reload. Make the object in main's thread before any other thread is started, so
// that all of them inherit the blocked signals; there is one at a time, and it stays in its thread.
//
// SIGINT, SIGTERM, SIGHUP and SIGUSR1 are blocked and handed out by wait_for; SIGPIPE is ignored.
// Once SIGINT or SIGTERM has been handed out, the next one that is not part of the same breath ends
// the process at once (exit code 130 or 143): whoever presses Ctrl-C twice does not want to wait
// for an orderly end.
#pragma once

#include <csignal>
#include <cstdint>
#include <optional>

namespace fedwave::relay {

class StopSignals {
 public:
  // A second word within `one_breath_ms` of the first is the same one: who ends us may tell us and
  // then the whole group (timeout does).
  explicit StopSignals(std::int64_t one_breath_ms = 50);
  ~StopSignals();  // puts everything back as it was
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Makes wait_for return kPoke: for another thread that has something for this one to look at.
  static constexpr int kPoke = SIGUSR1;
  static void poke();

  // SIGINT, SIGTERM, SIGHUP or kPoke; nothing when the time is over.
  std::optional<int> wait_for(std::int64_t timeout_ms);

 private:
  sigset_t mask_before_;
  struct sigaction pipe_before_;
  struct sigaction interrupt_before_;
  struct sigaction terminate_before_;
};

}  // namespace fedwave::relay
