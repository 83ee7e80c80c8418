// A stand-in Wavefront on one port. As a proxy it takes TCP lines and HTTP posts to any path and
// answers 202 even when it rejects every line, as the real one does; as direct ingestion it takes
// POST /report with a token and refuses a whole batch for one bad line. Every line goes through
// line_checker; what came, what was rejected and what came twice is counted.
//
// The receiver owns its server and thread; the functions in its options run on that thread and must
// outlive it. stats() may be called from anywhere, those functions included.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/expected.h"
#include "relay/http_server.h"
#include "relay/receive/line_checker.h"

namespace fedwave::receive {

enum class ReceiveMode : std::uint8_t { Proxy, Direct };

struct ReceiverOptions {
  std::string listen = "127.0.0.1:0";
  ReceiveMode mode = ReceiveMode::Proxy;
  std::string token;  // empty: nobody has to show one
  LineLimits limits;
  std::size_t tracked_points_max = 5'000'000;          // for duplicates
  std::size_t max_body_bytes = std::size_t{16} << 20;  // also after decompression
  std::size_t max_line_bytes = 32'768;                 // of a TCP line
  const base::Clock* clock = &base::system_clock();

  std::function<void(const CheckedPoint&, std::string_view line)> on_point;
  std::function<void(const Rejection&, std::string_view line)> on_rejection;

  // Stands before every HTTP request, to try out faults: it may answer by itself, call `proceed`
  // for the ordinary answer and pass it on, or take the data and then close without an answer.
  std::function<relay::HttpReply(const relay::HttpRequestView&,
                                 const std::function<relay::HttpReply()>& proceed)>
      intercept;
};

struct RejectedLines {
  std::uint64_t count = 0;
  std::vector<std::string> examples;  // the texts of the first few
};

struct ReceiverStats {
  std::map<int, std::uint64_t> requests_by_status;  // a request left without an answer is under 0
  std::uint64_t connections = 0;                    // of TCP lines
  std::uint64_t wire_bytes = 0;                     // as received, without HTTP headers
  std::uint64_t bytes = 0;                          // of lines, decompressed
  std::uint64_t points = 0;                         // accepted, distributions included
  std::uint64_t distributions = 0;
  std::map<std::string, std::uint64_t, std::less<>> points_by_name;
  std::set<std::string, std::less<>> sources;
  std::map<int, RejectedLines> rejected;  // by WF code
  std::uint64_t duplicates = 0;           // see PointHistory::Seen
  std::uint64_t conflicts = 0;
  std::uint64_t untracked = 0;
  // Notes on accepted points, see LineNotes.
  std::uint64_t not_finite = 0;
  std::uint64_t duplicate_tags = 0;
  std::uint64_t sources_filled_in = 0;
  std::uint64_t invalid_utf8 = 0;
  // Lines and streams that never reached the checker.
  std::uint64_t lines_too_long = 0;
  std::uint64_t lines_unterminated = 0;
  std::uint64_t lines_unauthorized = 0;  // TCP has no way to show a token
  std::uint64_t broken_gzip = 0;

  [[nodiscard]] std::uint64_t requests() const;
  [[nodiscard]] std::uint64_t rejected_lines() const;  // by the checker
  // Everything that arrived and was not taken.
  [[nodiscard]] std::uint64_t lost() const;
};

class Receiver {
 public:
  static base::Expected<std::unique_ptr<Receiver>> start(ReceiverOptions options);
  ~Receiver();
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] const std::string& address() const;
  [[nodiscard]] ReceiverStats stats() const;
  // Takes what has already arrived, then ends the thread. A second call does nothing.
  void stop();

  struct Impl;

 private:
  explicit Receiver(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fedwave::receive
