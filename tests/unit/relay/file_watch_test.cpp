#include "relay/file_watch.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/fakes.h"
#include "tests/support/patience.h"
#include "tests/support/temp_folder.h"

namespace fedwave::relay {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kNever = std::chrono::hours(1);  // so that only an event can have told
constexpr milliseconds kDebounce{3};
constexpr const char* kGone = "(gone)";

std::string content_of(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) return kGone;
  std::ostringstream content;
  content << stream.rdbuf();
  return content.str();
}

void write(const std::string& file, const std::string& content) {
  std::ofstream(file, std::ios::trunc) << content;
}

// As editors do: a new file takes the name.
void replace(const std::string& file, const std::string& content) {
  write(file + ".new", content);
  fs::rename(file + ".new", file);
}

// A watch that reads the file at each call.
class Watched {
 public:
  explicit Watched(const std::string& file, milliseconds poll = kNever,
                   milliseconds debounce = kDebounce)
      : file_(file),
        watch_(
            file, poll, [this] { on_change(); }, debounce) {}

  // False when that content has not been told in a long time.
  bool tells(const std::string& content) {
    std::unique_lock lock(mutex_);
    return told_more_.wait_for(lock, milliseconds(support::kPatienceMs),
                               [&] { return !contents_.empty() && contents_.back() == content; });
  }

  [[nodiscard]] std::size_t calls() const {
    const std::lock_guard lock(mutex_);
    return contents_.size();
  }

 private:
  void on_change() {
    const std::lock_guard lock(mutex_);
    contents_.push_back(content_of(file_));
    told_more_.notify_all();
  }

  const std::string file_;
  mutable std::mutex mutex_;
  std::condition_variable told_more_;
  std::vector<std::string> contents_;
  FileWatch watch_;
};

// The directory of a mounted ConfigMap, and how kubelet changes it.
class MountedMap {
 public:
  MountedMap(std::string folder, const std::string& content) : folder_(std::move(folder)) {
    swap(content);
    fs::create_symlink("..data/config.yaml", file());
  }

  [[nodiscard]] std::string file() const { return folder_ + "/config.yaml"; }

  void swap(const std::string& content) {
    const std::string data = folder_ + "/..data";
    const bool has_old = fs::is_symlink(data);
    const fs::path old = has_old ? fs::path(folder_) / fs::read_symlink(data) : fs::path();
    const std::string name = "..version_" + std::to_string(++version_);
    fs::create_directory(folder_ + "/" + name);
    write(folder_ + "/" + name + "/config.yaml", content);
    fs::create_symlink(name, data + "_tmp");
    fs::rename(data + "_tmp", data);
    if (has_old) fs::remove_all(old);
  }

 private:
  const std::string folder_;
  int version_ = 0;
};

const FileContent kOld = base::Hash128{1, 1};
const FileContent kNew = base::Hash128{2, 2};
const FileContent kNone = std::nullopt;

TEST_CASE(
    "A look comes one debounce after the last event, and five after the first at the latest") {
  ChangeJudge judge(1000, kOld);
  CHECK(!judge.look_at_ms());
  judge.something_happened(100);
  CHECK(judge.look_at_ms() == 1100);
  judge.something_happened(900);
  CHECK(judge.look_at_ms() == 1900);
  for (std::int64_t now_ms = 1000; now_ms <= 5000; now_ms += 500) judge.something_happened(now_ms);
  CHECK(judge.look_at_ms() == 5100);
  CHECK(judge.is_news(kNew, 5100));
  CHECK(!judge.look_at_ms());
  judge.something_happened(5200);
  CHECK(judge.look_at_ms() == 6200);
}

TEST_CASE("What is seen at a look is told when it differs from what was told last") {
  struct Look {
    std::int64_t now_ms;
    FileContent content;
    bool is_news;
  };
  struct Row {
    const char* name;
    std::vector<std::int64_t> events_ms;  // all before the first look
    std::vector<Look> looks;
  };
  const std::vector<Row> rows = {
      {"the same content", {0}, {{1000, kOld, false}, {2000, kOld, false}}},
      {"other content, once", {0}, {{1000, kNew, true}, {2000, kNew, false}, {9000, kNew, false}}},
      {"seen too early", {0}, {{999, kNew, false}, {1000, kNew, true}}},
      {"there and back", {0}, {{999, kNew, false}, {1000, kOld, false}, {2000, kOld, false}}},
      {"found without an event", {}, {{50, kNew, false}, {1049, kNew, false}, {1050, kNew, true}}},
      {"gone for a moment", {0}, {{1000, kNone, false}, {2000, kOld, false}}},
      {"gone for a moment, then new", {0}, {{1000, kNone, false}, {2000, kNew, true}}},
      {"gone", {0}, {{1000, kNone, false}, {1999, kNone, false}, {2000, kNone, true}}},
      {"gone twice", {0}, {{1000, kNone, false}, {2000, kOld, false}, {2500, kNone, false}}},
      {"gone without an event", {}, {{0, kNone, false}, {1000, kNone, true}, {5000, kNone, false}}},
      {"gone and back",
       {0},
       {{1000, kNone, false}, {2000, kNone, true}, {3000, kOld, false}, {4000, kOld, true}}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    ChangeJudge judge(1000, kOld);
    for (const std::int64_t event_ms : row.events_ms) judge.something_happened(event_ms);
    for (const Look& look : row.looks) {
      CAPTURE(look.now_ms);
      CHECK(judge.is_news(look.content, look.now_ms) == look.is_news);
    }
  }
}

TEST_CASE("Each of fifty swaps of a mounted ConfigMap is told once, by its event") {
  const support::TempFolder folder;
  MountedMap map(folder.path(), "version 0");
  Watched watched(map.file());
  for (std::size_t i = 1; i <= 50; ++i) {
    const std::string content = "version " + std::to_string(i);
    map.swap(content);
    REQUIRE(watched.tells(content));
    REQUIRE(watched.calls() == i);
  }
}

TEST_CASE("However a file is changed, the watch tells of it") {
  struct Row {
    const char* name;
    void (*change)(const std::string& file);
  };
  const std::vector<Row> rows = {
      {"written in place", [](const std::string& file) { write(file, "new"); }},
      {"renamed over", [](const std::string& file) { replace(file, "new"); }},
      {"as vim does, the old one kept",
       [](const std::string& file) {
         fs::rename(file, file + "~");
         write(file, "new");
         fs::remove(file + "~");
       }},
      {"deleted and made again",
       [](const std::string& file) {
         fs::remove(file);
         write(file, "new");
       }},
      {"a link to another file",
       [](const std::string& file) {
         write(file + ".other", "new");
         fs::remove(file);
         fs::create_symlink(file + ".other", file);
       }},
      {"by another name of the same file",
       [](const std::string& file) {
         write(file + ".other", "new");
         fs::remove(file);
         fs::create_hard_link(file + ".other", file);
       }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const support::TempFolder folder;
    const std::string file = folder.path() + "/config.yaml";
    write(file, "old");
    Watched watched(file);
    row.change(file);
    CHECK(watched.tells("new"));
    replace(file, "newer");
    CHECK(watched.tells("newer"));
  }
}

TEST_CASE("A file that goes is told of, and so is its return") {
  const support::TempFolder folder;
  const std::string file = folder.path() + "/config.yaml";
  write(file, "old");
  Watched watched(file);
  fs::remove(file);
  REQUIRE(watched.tells(kGone));
  replace(file, "old");
  REQUIRE(watched.tells("old"));
  CHECK(watched.calls() == 2);
}

TEST_CASE("A file that is not there at first is told of when it comes") {
  const support::TempFolder folder;
  const std::string file = folder.path() + "/sub/config.yaml";
  Watched watched(file);
  fs::create_directory(folder.path() + "/sub");
  write(file, "first");
  CHECK(watched.tells("first"));
}

TEST_CASE("A directory that is replaced, removed or moved is watched again by its name") {
  const support::TempFolder folder;
  const std::string directory = folder.path() + "/etc";
  const std::string file = directory + "/config.yaml";
  fs::create_directory(directory);
  write(file, "zeroth");
  Watched watched(file);
  write(file, "first");
  REQUIRE(watched.tells("first"));

  fs::create_directory(folder.path() + "/next");
  write(folder.path() + "/next/config.yaml", "second");
  fs::rename(directory, folder.path() + "/before");
  fs::rename(folder.path() + "/next", directory);
  REQUIRE(watched.tells("second"));
  write(file, "third");
  REQUIRE(watched.tells("third"));

  fs::remove_all(directory);
  REQUIRE(watched.tells(kGone));
  fs::create_directory(directory);
  write(file, "fourth");
  REQUIRE(watched.tells("fourth"));
  write(file, "fifth");
  REQUIRE(watched.tells("fifth"));

  write(folder.path() + "/before/config.yaml", "of no concern");
  write(file, "sixth");
  CHECK(watched.tells("sixth"));
}

TEST_CASE("What no event tells of is found by comparing") {
  const support::TempFolder folder;
  for (const char* name : {"/here", "/there", "/elsewhere"}) {
    fs::create_directory(folder.path() + name);
    write(folder.path() + name + "/config.yaml", name);
  }

  SUBCASE("a file behind a link into another directory") {
    const std::string link = folder.path() + "/config.yaml";
    fs::create_symlink(folder.path() + "/there/config.yaml", link);
    Watched watched(link, milliseconds(2));
    write(folder.path() + "/there/config.yaml", "new");
    CHECK(watched.tells("new"));
  }
  SUBCASE("a directory that is a link and points elsewhere now, whose events count from then on") {
    const std::string link = folder.path() + "/etc";
    fs::create_directory_symlink("there", link);
    Watched watched(link + "/config.yaml", milliseconds(2));
    fs::create_directory_symlink("elsewhere", link + ".new");
    fs::rename(link + ".new", link);
    CHECK(watched.tells("/elsewhere"));
  }
}

TEST_CASE("Content that stays the same is not told, whatever happens to the file") {
  const support::TempFolder folder;
  MountedMap map(folder.path(), "same");
  Watched watched(map.file(), milliseconds(1), milliseconds(1));
  for (int i = 0; i < 30; ++i) {
    map.swap("same");
    write(folder.path() + "/another file", std::to_string(i));
  }
  map.swap("other");
  REQUIRE(watched.tells("other"));
  CHECK(watched.calls() == 1);
}

TEST_CASE("A stream of events without an end does not keep a change back") {
  const support::TempFolder folder;
  const std::string file = folder.path() + "/config.yaml";
  write(file, "old");
  // No pause between two writes comes near to the debounce.
  Watched watched(file, kNever, milliseconds(400));
  std::jthread writer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) replace(file, "new");
  });
  CHECK(watched.tells("new"));
}

TEST_CASE("Calls never overlap, and there is none once the watch has gone") {
  const support::TempFolder folder;
  const std::string file = folder.path() + "/config.yaml";
  write(file, "0");
  std::atomic<int> at_work = 0;
  std::atomic<int> calls = 0;
  std::atomic<int> changes = 0;
  std::atomic<bool> has_gone = false;
  std::atomic<bool> was_wrong = false;
  std::jthread writer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) replace(file, std::to_string(++changes));
  });
  for (int round = 0; round < 20; ++round) {
    const int before = calls;
    {
      const auto watch = std::make_unique<FileWatch>(
          file, milliseconds(1),
          [&] {
            if (++at_work != 1 || has_gone) was_wrong = true;
            ++calls;
            --at_work;
          },
          milliseconds(1));
      while (calls < before + 2) std::this_thread::yield();
    }
    has_gone = true;
    const int at_end = calls;
    const int changes_at_end = changes;
    while (changes < changes_at_end + 20) std::this_thread::yield();
    if (calls != at_end) was_wrong = true;
    has_gone = false;
  }
  CHECK(!was_wrong);
}

TEST_CASE("A directory that cannot be watched is told of once, however often it is tried") {
  const support::CollectedLog log;
  const support::TempFolder folder;
  const std::string directory = folder.path() + "/etc";
  const std::string file = directory + "/config.yaml";
  fs::create_directory_symlink("etc", directory);  // leads to itself
  fs::create_directory(folder.path() + "/right");
  write(folder.path() + "/right/config.yaml", "content");
  Watched watched(file, milliseconds(1), milliseconds(1));
  for (int i = 0; i < 3; ++i) {
    fs::create_directory_symlink("right", directory + ".new");
    fs::rename(directory + ".new", directory);
    REQUIRE(watched.tells("content"));
    fs::create_directory_symlink("etc", directory + ".new");
    fs::rename(directory + ".new", directory);
    REQUIRE(watched.tells(kGone));
  }
  REQUIRE(log.lines().size() == 1);
  CHECK(log.lines().front() ==
        "cannot watch a file, so it is only compared from time to time file=" + file +
            " every=1ms error=Too many levels of symbolic links advice=see whether its directory "
            "may be read");
}

// While it lives the process can open no more than `more` files.
class FewDescriptors {
 public:
  explicit FewDescriptors(int more) {
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int lowest = dup(0);
    close(lowest);
    rlimit few = before_;
    few.rlim_cur = static_cast<rlim_t>(lowest + more);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
  }
  ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_;
};

TEST_CASE("Without inotify it says so once, with advice, and compares from time to time") {
  const support::CollectedLog log;
  const support::TempFolder folder;
  const std::string file = folder.path() + "/config.yaml";
  write(file, "here all the time");
  for (const int descriptors : {0, 1}) {  // without and with the one that ends the wait
    CAPTURE(descriptors);
    const std::size_t lines_before = log.lines().size();
    {
      std::unique_ptr<Watched> watched;
      {
        const FewDescriptors few(descriptors);
        watched = std::make_unique<Watched>(file, milliseconds(2));
      }
      // It could not be read at first either.
      REQUIRE(watched->tells("here all the time"));
    }
    REQUIRE(log.lines().size() == lines_before + 1);
    CHECK(log.lines().back() ==
          "cannot watch a file, so it is only compared from time to time file=" + file +
              " every=2ms error=no inotify instance is left advice=raise "
              "fs.inotify.max_user_instances of the node, or the limit of "
              "open files");
  }
}

}  // namespace
}  // namespace fedwave::relay
