#include "relay/file_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "relay/base/clock.h"
#include "relay/base/duration.h"
#include "relay/base/file.h"
#include "relay/base/log.h"

namespace fedwave::relay {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{4} << 20;  // as config/load has it
constexpr std::int64_t kDebouncesMax = 5;
constexpr std::int64_t kWaitMsMax = 3'600'000;
constexpr std::int64_t kWaitWithoutWakeMs = 200;  // when not even that descriptor was to be had
constexpr std::string_view kKubeletLink = "..data";
constexpr std::uint32_t kOfFiles =
    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE;
constexpr std::uint32_t kOfDirectory = IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

std::int64_t now_ms() {
  return base::system_clock().steady_ms();
}

std::string directory_of(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : file.substr(0, slash);
}

FileContent content_of(const std::string& file) {
  if (!base::is_regular_file(file)) return {};
  const auto content = base::read_file(file, kFileBytesMax);
  if (!content) return std::nullopt;
  return base::seeded_hash128(*content);
}

}  // namespace

void ChangeJudge::something_happened(std::int64_t now_ms) {
  if (!look_at_ms_) first_event_ms_ = now_ms;
  look_at_ms_ = std::min(now_ms + debounce_ms_, first_event_ms_ + kDebouncesMax * debounce_ms_);
}

bool ChangeJudge::is_news(const FileContent& content, std::int64_t now_ms) {
  if (content) {
    gone_since_ms_.reset();
  } else if (!gone_since_ms_) {
    gone_since_ms_ = now_ms;
  }
  if (!look_at_ms_ && content != told_) something_happened(now_ms);
  if (!look_at_ms_ || now_ms < *look_at_ms_) return false;
  look_at_ms_.reset();
  if (content == told_) return false;
  if (!content && now_ms - *gone_since_ms_ < debounce_ms_) {
    something_happened(now_ms);
    return false;
  }
  told_ = content;
  return true;
}

FileWatch::FileWatch(std::string file, std::chrono::milliseconds poll,
                     std::function<void()> on_change, std::chrono::milliseconds debounce)
    : file_(std::move(file)),
      directory_(directory_of(file_)),
      name_(file_.substr(file_.rfind('/') + 1)),
      poll_ms_(poll.count()),
      debounce_ms_(debounce.count()),
      on_change_(std::move(on_change)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      events_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)),
      judge_(debounce_ms_, content_of(file_)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void FileWatch::run(const std::stop_token& stop) noexcept {
  const std::stop_callback wake(stop, [this] { eventfd_write(wake_.get(), 1); });
  if (events_.get() < 0) {
    warn_once("no inotify instance is left",
              "raise fs.inotify.max_user_instances of the node, or the limit of open files");
  }
  // At first there is a look in any case: it sees what changed before the directory is watched.
  while (!stop.stop_requested()) {
    wait();
    if (stop.stop_requested()) return;
    if (take_events()) judge_.something_happened(now_ms());
    if (now_ms() >= next_look_ms()) look();
  }
}

// Until an event, the next look or the end.
void FileWatch::wait() const {
  std::int64_t left_ms = std::clamp<std::int64_t>(next_look_ms() - now_ms(), 0, kWaitMsMax);
  if (wake_.get() < 0) left_ms = std::min(left_ms, kWaitWithoutWakeMs);
  std::array<pollfd, 2> waited_for{{{wake_.get(), POLLIN, 0}, {events_.get(), POLLIN, 0}}};
  ::poll(waited_for.data(), waited_for.size(), static_cast<int>(left_ms));
}

std::int64_t FileWatch::next_look_ms() const {
  return std::min(compare_at_ms_, judge_.look_at_ms().value_or(compare_at_ms_));
}

// True when one of them may be about the file.
bool FileWatch::take_events() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  bool concerns_file = false;
  for (;;) {
    const ssize_t bytes = ::read(events_.get(), buffer.data(), buffer.size());
    if (bytes <= 0) return concerns_file;
    for (const char* at = buffer.data(); at < buffer.data() + bytes;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      concerns_file = concerns(*event) || concerns_file;
      at += sizeof(inotify_event) + event->len;
    }
  }
}

bool FileWatch::concerns(const inotify_event& event) const {
  if ((event.mask & IN_Q_OVERFLOW) != 0) return true;
  if (event.wd != watch_) return false;  // of a directory that was here before
  if (event.len == 0) return true;       // the directory itself has gone
  const std::string_view name = event.name;
  return name == name_ || name == kKubeletLink;
}

// Watches what has the directory's name now, which may be another one than before. False when
// there is none.
bool FileWatch::watch_directory() {
  if (events_.get() < 0) return true;
  const int watch = inotify_add_watch(events_.get(), directory_.c_str(), kOfFiles | kOfDirectory);
  const int error = errno;
  const int before = std::exchange(watch_, watch);
  if (before >= 0 && before != watch) inotify_rm_watch(events_.get(), before);
  if (watch >= 0) return true;
  if (error == ENOENT || error == ENOTDIR) return false;
  warn_once(std::strerror(error), error == ENOSPC ? "raise fs.inotify.max_user_watches of the node"
                                                  : "see whether its directory may be read");
  return true;
}

void FileWatch::look() {
  const bool has_directory = watch_directory();
  const std::int64_t now = now_ms();
  compare_at_ms_ = now + (has_directory ? poll_ms_ : std::min(poll_ms_, debounce_ms_));
  if (judge_.is_news(content_of(file_), now)) on_change_();
}

void FileWatch::warn_once(const char* error, const char* advice) {
  if (std::exchange(has_warned_, true)) return;
  base::log(base::LogLevel::Warn, "cannot watch a file, so it is only compared from time to time",
            {{"file", file_},
             {"every", base::format_duration_ms(poll_ms_)},
             {"error", error},
             {"advice", advice}});
}

}  // namespace fedwave::relay
