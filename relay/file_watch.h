// Tells when the content of one file has changed, however it came about: written in place, renamed
// over by an editor, swapped by kubelet (the file points through the link `..data`), deleted,
// mounted anew. The file's directory is watched (inotify), and the content is compared now and then
// all the same: for network file systems, links into other directories, and machines whose watches
// are used up.
//
// Owned by whoever acts on the change; it has a thread of its own, which makes all calls. The file
// is not kept open.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "relay/base/descriptor.h"
#include "relay/base/hash.h"

struct inotify_event;

namespace fedwave::relay {

// Nothing for a file that is not there, cannot be read or is larger than a configuration may be.
using FileContent = std::optional<base::Hash128>;

// When to look at a file, and whether what is seen there is to be told. Times are passed in, in
// milliseconds that never jump; one thread.
class ChangeJudge {
 public:
  ChangeJudge(std::int64_t debounce_ms, FileContent at_start)
      : debounce_ms_(debounce_ms), told_(at_start) {}

  // Something happened. The look waits until all is quiet, but five times as long at most.
  void something_happened(std::int64_t now_ms);

  // When to look next; nothing while nothing has happened.
  [[nodiscard]] std::optional<std::int64_t> look_at_ms() const { return look_at_ms_; }

  // A look at the file: true when this content is to be told, which counts as done. What is seen
  // before it is time to look only begins the wait. A file that is gone has to stay away for one
  // debounce more.
  bool is_news(const FileContent& content, std::int64_t now_ms);

 private:
  const std::int64_t debounce_ms_;
  FileContent told_;
  std::optional<std::int64_t> look_at_ms_;
  std::int64_t first_event_ms_ = 0;  // of those that the next look answers
  std::optional<std::int64_t> gone_since_ms_;
};

class FileWatch {
 public:
  // What changes from here on is told, so make it before the file is first read. `on_change` reads
  // the file for itself: it may have changed again.
  FileWatch(std::string file, std::chrono::milliseconds poll, std::function<void()> on_change,
            std::chrono::milliseconds debounce = std::chrono::seconds(1));

  // Waits for a call that is under way; so not from within one.
  ~FileWatch() = default;
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

 private:
  void run(const std::stop_token& stop) noexcept;
  void wait() const;
  [[nodiscard]] std::int64_t next_look_ms() const;
  bool take_events();
  [[nodiscard]] bool concerns(const inotify_event& event) const;
  bool watch_directory();
  void look();
  void warn_once(const char* error, const char* advice);

  const std::string file_;
  const std::string directory_;
  const std::string name_;  // within the directory
  const std::int64_t poll_ms_;
  const std::int64_t debounce_ms_;
  const std::function<void()> on_change_;
  const base::Descriptor wake_;
  const base::Descriptor events_;   // none when the system has none left
  int watch_ = -1;                  // of the directory; negative: none
  bool has_warned_ = false;         // that it cannot be watched
  std::int64_t compare_at_ms_ = 0;  // whatever happens
  ChangeJudge judge_;
  std::jthread thread_;  // last: ends before anything else goes
};

}  // namespace fedwave::relay
