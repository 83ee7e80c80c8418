// A day without the receiver, simulated: so many points a minute go into a spool on disk by a clock
// that is moved by hand, then the receiver is back, and while the backlog drains new points keep
// coming. Checked at the end, point by point: the files never took more than the bound, what was
// expired is exactly what has not arrived, nothing arrived twice, new points did not wait for the
// backlog. Printed: the rates, which are nobody's pass or fail but those asked for by option.
#include <getopt.h>
#include <sys/resource.h>
#include <time.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "relay/base/gzip.h"
#include "relay/curl_client.h"
#include "relay/http_server.h"
#include "sinks/block_writer.h"
#include "sinks/http_sink.h"
#include "sinks/quarantine.h"
#include "sinks/sender.h"
#include "sinks/spool/spool.h"

using namespace fedwave;
using std::chrono::steady_clock;

namespace {

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kFirstMinute = 29'000'000;  // some day in 2025
constexpr double kMegabyte = 1e6;

struct Options {
  std::uint32_t points = 100'000;  // a minute
  std::int64_t minutes = 24 * 60;
  std::uint64_t spool_bytes = std::uint64_t{1} << 30;
  std::string folder = "/tmp/fedwave-outage";
  double least_rate = 0;  // MB of lines in a second
};

// Goes by hand during the outage, and by itself after it.
class SimulatedClock final : public base::Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override { return by_hand_ms_ + running_ms(); }
  [[nodiscard]] std::int64_t steady_ms() const override { return wall_ms(); }
  void advance(std::int64_t ms) { by_hand_ms_ += ms; }
  void run() { since_ms_ = base::system_clock().steady_ms(); }

 private:
  [[nodiscard]] std::int64_t running_ms() const {
    const std::int64_t since_ms = since_ms_;
    return since_ms == 0 ? 0 : base::system_clock().steady_ms() - since_ms;
  }
  std::atomic<std::int64_t> by_hand_ms_ = kFirstMinute * kMinuteMs;
  std::atomic<std::int64_t> since_ms_ = 0;
};

double seconds_since(steady_clock::time_point begin) {
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

double thread_cpu_s() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double process_cpu_s() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "outage: %s\n", what.c_str());
  std::exit(1);
}

void check(bool holds, const std::string& what) {
  if (!holds) fail(what);
}

// The points of one minute as lines of a mesh: the value is the point's number.
class Mesh {
 public:
  explicit Mesh(std::uint32_t points) {
    for (std::uint32_t i = 0; i < points; ++i) {
      const std::string number = std::to_string(i);
      const std::string app = "app-" + std::to_string(i % 400);
      heads_.push_back("\"istio.request.duration.milliseconds.bucket.value\" " + number + " ");
      tails_.push_back(
          " source=\"prom_source\" \"cluster\"=\"k8s-cluster\" "
          "\"destination_service\"=\"" +
          app +
          ".shop.svc.cluster.local\" "
          "\"destination_workload\"=\"" +
          app + "\" \"le\"=\"" + std::to_string(i % 20) +
          "00\" \"reporter\"=\"destination\" "
          "\"response_code\"=\"200\" \"source_workload\"=\"client-" +
          std::to_string(i / 8000) + "\"\n");
    }
  }
  void write(std::int64_t minute, sinks::BlockWriter& writer) const {
    const std::string timestamp = std::to_string(minute * 60);
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      const std::size_t bytes = heads_[i].size() + timestamp.size() + tails_[i].size();
      char* at = writer.reserve(bytes);
      at = static_cast<char*>(std::memcpy(at, heads_[i].data(), heads_[i].size())) +
           heads_[i].size();
      at = static_cast<char*>(std::memcpy(at, timestamp.data(), timestamp.size())) +
           timestamp.size();
      std::memcpy(at, tails_[i].data(), tails_[i].size());
      writer.commit(bytes);
    }
    writer.flush();
  }

 private:
  std::vector<std::string> heads_;
  std::vector<std::string> tails_;
};

// Keeps which point of which minute has arrived.
class Arrivals {
 public:
  Arrivals(std::uint32_t points, std::int64_t minutes)
      : points_(points),
        seen_(static_cast<std::size_t>(minutes) * points),
        left_(minutes, points) {}

  void take(std::string_view lines) {
    const std::lock_guard lock(mutex_);
    bytes_ += lines.size();
    while (!lines.empty()) {
      const std::size_t end = lines.find('\n');
      check(end != std::string_view::npos, "a line without an end has arrived");
      take_line(lines.substr(0, end));
      lines.remove_prefix(end + 1);
    }
    cpu_s_ = thread_cpu_s();
  }

  template <class Read>
  auto with_lock(const Read& read) const {
    const std::lock_guard lock(mutex_);
    return read();
  }

  [[nodiscard]] std::uint64_t count() const {
    return with_lock([this] { return count_; });
  }
  [[nodiscard]] std::uint64_t bytes() const {
    return with_lock([this] { return bytes_; });
  }
  [[nodiscard]] double cpu_s() const {
    return with_lock([this] { return cpu_s_; });
  }
  [[nodiscard]] bool is_complete(std::int64_t minute) const {
    return with_lock([&] { return left_.at(static_cast<std::size_t>(minute)) == 0; });
  }

 private:
  // "name" value timestamp …
  void take_line(std::string_view line) {
    const std::size_t at = line.find(' ');
    std::uint32_t point = 0;
    const auto [value_end, value_error] =
        std::from_chars(line.data() + at + 1, line.data() + line.size(), point);
    std::int64_t timestamp = 0;
    const auto [time_end, time_error] =
        std::from_chars(value_end + 1, line.data() + line.size(), timestamp);
    check(value_error == std::errc() && time_error == std::errc() && point < points_,
          "a line that nobody has written has arrived");
    const std::int64_t minute = timestamp / 60 - kFirstMinute;
    check(timestamp % 60 == 0 && minute >= 0 && minute < static_cast<std::int64_t>(left_.size()),
          "a point of a time that never was has arrived");
    const std::size_t index = static_cast<std::size_t>(minute) * points_ + point;
    check(!seen_[index], "a point has arrived twice");
    seen_[index] = true;
    --left_[static_cast<std::size_t>(minute)];
    ++count_;
  }

  const std::uint32_t points_;
  mutable std::mutex mutex_;
  std::vector<bool> seen_;
  std::vector<std::uint32_t> left_;
  std::uint64_t count_ = 0;
  std::uint64_t bytes_ = 0;
  double cpu_s_ = 0;
};

std::uint64_t bytes_on_disk(const std::string& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) bytes += entry.file_size();
  return bytes;
}

Options parse_options(int argc, char** argv) {
  Options options;
  const option known[] = {{"points", required_argument, nullptr, 'p'},
                          {"minutes", required_argument, nullptr, 'm'},
                          {"spool-bytes", required_argument, nullptr, 'b'},
                          {"folder", required_argument, nullptr, 'f'},
                          {"least-rate", required_argument, nullptr, 'r'},
                          {}};
  for (int each = 0; (each = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    if (each == 'p') options.points = static_cast<std::uint32_t>(std::stoul(optarg));
    if (each == 'm') options.minutes = std::stol(optarg);
    if (each == 'b') options.spool_bytes = std::stoull(optarg);
    if (each == 'f') options.folder = optarg;
    if (each == 'r') options.least_rate = std::stod(optarg);
    if (each == '?') std::exit(1);
  }
  return options;
}

struct Day {
  std::uint64_t points = 0;
  std::uint64_t most_bytes = 0;
};

Day live_through_outage(const Options& options, const Mesh& mesh, SimulatedClock& clock,
                        sinks::Spool& spool, sinks::BlockWriter& writer) {
  Day day;
  for (std::int64_t minute = 0; minute < options.minutes; ++minute) {
    mesh.write(kFirstMinute + minute, writer);
    day.points += options.points;
    day.most_bytes = std::max(day.most_bytes, bytes_on_disk(options.folder));
    check(day.most_bytes <= options.spool_bytes, "the files are larger than the bound");
    const sinks::SpoolFigures figures = spool.figures();
    check(figures.points_waiting + figures.points_expired() == day.points,
          "waiting and expired points are not those that were spooled");
    clock.advance(kMinuteMs);
  }
  return day;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  // New scrapes while the backlog drains come every second, not every minute.
  constexpr std::int64_t kFreshMinutesMax = 600;
  std::filesystem::remove_all(options.folder);
  const Mesh mesh(options.points);
  Arrivals arrivals(options.points, options.minutes + kFreshMinutesMax);
  SimulatedClock clock;
  auto server = relay::HttpServer::start({}, [&](const relay::HttpRequestView& request) {
    const auto lines = base::gunzip(request.body, std::size_t{64} << 20);
    check(lines.has_value(), "a body that cannot be decompressed has arrived");
    arrivals.take(*lines);
    return relay::HttpReply{.status = 202};
  });
  check(server.has_value(), "no server");

  sinks::Spool spool({.name = "outage", .disk_bytes_max = options.spool_bytes}, clock,
                     sinks::posix_folder(options.folder));
  check(spool.figures().disk_trouble.empty(), "no spool: " + spool.figures().disk_trouble);
  sinks::BlockWriter writer(spool, true, 10'000, clock);
  const auto outage_begin = steady_clock::now();
  const Day day = live_through_outage(options, mesh, clock, spool, writer);
  const double outage_s = seconds_since(outage_begin);
  const sinks::SpoolFigures before = spool.figures();

  clock.run();
  sinks::Quarantine quarantine({.sink = "outage"});
  std::atomic<bool> cancelled = false;
  const auto drain_begin = steady_clock::now();
  const double cpu_before = process_cpu_s();
  const double receiver_cpu_before = arrivals.cpu_s();
  auto sink = std::make_unique<sinks::HttpSink>(
      sinks::HttpSinkOptions{.url = "http://" + (*server)->address() + "/report",
                             .token = sinks::fixed_token("")},
      relay::make_curl_client(), clock, &cancelled);
  sinks::Sender sender("outage", std::move(sink), spool, quarantine, cancelled, clock);

  std::uint64_t fresh_points = 0;
  std::int64_t fresh_minutes = 0;
  std::int64_t fresh_before_the_end = 0;
  double slowest_fresh_s = 0;
  double fresh_cpu_s = 0;
  while (arrivals.count() < before.points_waiting + fresh_points || fresh_minutes == 0) {
    check(fresh_minutes < kFreshMinutesMax, "the backlog does not end");
    const std::int64_t minute = options.minutes + fresh_minutes++;
    const double cpu = thread_cpu_s();
    mesh.write(kFirstMinute + minute, writer);
    fresh_cpu_s += thread_cpu_s() - cpu;
    fresh_points += options.points;
    const auto written = steady_clock::now();
    while (!arrivals.is_complete(minute)) {
      check(seconds_since(written) < 60, "new points wait for more than an interval of a minute");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    slowest_fresh_s = std::max(slowest_fresh_s, seconds_since(written));
    const bool backlog_is_there = spool.figures().points_waiting > 0;
    if (backlog_is_there) ++fresh_before_the_end;
    while (spool.figures().points_waiting > 0 && seconds_since(written) < 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  const double drain_s = seconds_since(drain_begin);
  const double relay_cpu_s =
      process_cpu_s() - cpu_before - (arrivals.cpu_s() - receiver_cpu_before) - fresh_cpu_s;
  sender.drain(steady_clock::now() + std::chrono::seconds(10));
  const sinks::SpoolFigures after = spool.figures();
  check(after.points_waiting == 0, "something still waits");
  check(after.points_delivered == arrivals.count(), "delivered is not what has arrived");
  check(day.points + fresh_points == arrivals.count() + after.points_expired(),
        "expired is not exactly what has not arrived");
  check(after.points_expired() == before.points_expired(), "points expired during the drain");
  const double rate = static_cast<double>(arrivals.bytes()) / drain_s / kMegabyte;
  check(rate >= options.least_rate, "the backlog drains too slowly");

  std::printf("points spooled          %12llu  in %lld minutes, %.0f s of this machine\n",
              static_cast<unsigned long long>(day.points), static_cast<long long>(options.minutes),
              outage_s);
  std::printf("most bytes on disk      %12llu  of %llu\n",
              static_cast<unsigned long long>(day.most_bytes),
              static_cast<unsigned long long>(options.spool_bytes));
  std::printf("expired                 %12llu  exactly what did not arrive\n",
              static_cast<unsigned long long>(after.points_expired()));
  std::printf("delivered               %12llu  once each\n",
              static_cast<unsigned long long>(after.points_delivered));
  std::printf("lines drained           %12.1f  MB/s, %.1f MB in a second of the relay's CPU\n",
              rate, static_cast<double>(arrivals.bytes()) / kMegabyte / relay_cpu_s);
  std::printf("new scrapes meanwhile   %12lld  %lld before the backlog's end, the slowest %.3f s\n",
              static_cast<long long>(fresh_minutes), static_cast<long long>(fresh_before_the_end),
              slowest_fresh_s);
  std::filesystem::remove_all(options.folder);
  return 0;
}
