#include "relay/receive/receiver.h"

#include <doctest/doctest.h>

#include <atomic>

#include "relay/base/gzip.h"
#include "relay/commands/receive.h"
#include "relay/receive/point_history.h"
#include "tests/support/tcp_client.h"

namespace fedwave::receive {
namespace {

using tests::body_of;
using tests::post;
using tests::status_of;
using tests::TcpClient;

class FixedClock final : public base::Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override { return 1'700'000'000'000; }
  [[nodiscard]] std::int64_t steady_ms() const override { return 0; }
};

const FixedClock kClock;
const std::string kGzip = "Content-Encoding: gzip\r\n";

std::unique_ptr<Receiver> start(ReceiverOptions options = {}) {
  options.clock = &kClock;
  auto receiver = Receiver::start(std::move(options));
  REQUIRE(receiver.has_value());
  return *std::move(receiver);
}

ReceiverOptions direct_options() {
  ReceiverOptions options;
  options.mode = ReceiveMode::Direct;
  return options;
}

std::string ask(const Receiver& receiver, const std::string& request) {
  TcpClient client(receiver.port());
  client.send(request);
  return client.read_all();
}

// Until all of it has been taken: a receiver that stops does not wait long for the rest.
void send_lines(const Receiver& receiver, const std::string& bytes) {
  TcpClient client(receiver.port());
  client.send(bytes);
  client.finish_sending();
  CHECK(client.read_all().empty());
}

std::string gzip(const std::string& text) {
  return base::GzipDeflater().deflate(text);
}

TEST_CASE("TCP lines are checked one by one, and nothing is sent back") {
  std::vector<std::string> taken;
  std::vector<int> refused;
  ReceiverOptions options;
  options.on_point = [&](const CheckedPoint& point, std::string_view line) {
    taken.push_back(point.name + " < " + std::string(line));
  };
  options.on_rejection = [&](const Rejection& rejection, std::string_view) {
    refused.push_back(rejection.code);
  };
  const auto receiver = start(std::move(options));
  TcpClient client(receiver->port());
  client.send("\"a\" 1 1700000000 source=\"s\"\n\n  \r\nb:c 1 source=s\r\n\"d\" 2 sour");
  client.send("ce=s2\n!M 1700000000 #1 2 \"e\" source=s\nnot a line\n");
  client.finish_sending();
  CHECK(client.read_all().empty());
  receiver->stop();
  CHECK(taken == std::vector<std::string>{"a < \"a\" 1 1700000000 source=\"s\"",
                                          "d < \"d\" 2 source=s2",
                                          "e < !M 1700000000 #1 2 \"e\" source=s"});
  CHECK(refused == std::vector<int>{400, 300});
  const ReceiverStats stats = receiver->stats();
  CHECK(stats.connections == 1);
  CHECK(stats.requests() == 0);
  CHECK(stats.points == 3);
  CHECK(stats.distributions == 1);
  CHECK(stats.points_by_name.size() == 3);
  CHECK(stats.sources == std::set<std::string, std::less<>>{"s", "s2"});
  CHECK(stats.rejected_lines() == 2);
  CHECK(stats.lost() == 2);
  CHECK(stats.rejected.at(400).examples ==
        std::vector<std::string>{"WF-400: Point metric has illegal character(s): 'b:c'"});
}

TEST_CASE("lines that are too long or never end are thrown away and counted") {
  struct Row {
    std::string sent;
    std::uint64_t points;
    std::uint64_t too_long;
    std::uint64_t unterminated;
  };
  const std::string good = "a 1 source=s\n";
  const std::string blanks(32'768 - good.size() + 1, ' ');
  const std::vector<Row> rows = {
      {good + "a 1 source=s", 1, 0, 1},
      {blanks + good, 1, 0, 0},
      {blanks + " " + good, 0, 1, 0},
      {blanks + " " + good + good, 1, 1, 0},
      {std::string(200'000, 'x') + "\n" + good, 1, 1, 0},
      {good + std::string(200'000, 'x'), 1, 1, 0},
      {good + "   ", 1, 0, 0},
      {"x", 0, 0, 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sent.size());
    const auto receiver = start();
    send_lines(*receiver, row.sent);
    receiver->stop();
    const ReceiverStats stats = receiver->stats();
    CHECK(stats.points == row.points);
    CHECK(stats.lines_too_long == row.too_long);
    CHECK(stats.lines_unterminated == row.unterminated);
    CHECK(stats.lost() == row.too_long + row.unterminated);
    CHECK(stats.wire_bytes == row.sent.size());
  }
}

TEST_CASE("a TCP stream may be gzip") {
  const std::string lines = "a 1 source=s\nb 2 source=s\n";
  const std::string whole = gzip(lines);
  std::string damaged = whole;
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);  // checksum
  struct Row {
    std::string sent;
    std::uint64_t points;
    std::uint64_t broken;
  };
  const std::vector<Row> rows = {
      {whole, 2, 0},
      {whole + gzip("c 3 source=s\n"), 3, 0},
      {whole.substr(0, whole.size() - 8), 2, 1},
      {damaged, 2, 1},
      {"\x1f\x8bnot gzip at all", 0, 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.sent.size());
    CAPTURE(row.points);
    const auto receiver = start();
    send_lines(*receiver, row.sent);
    receiver->stop();
    CHECK(receiver->stats().broken_gzip == row.broken);
    if (row.broken == 0) CHECK(receiver->stats().points == row.points);
  }
}

TEST_CASE("as a proxy it takes HTTP on any path and answers 202 whatever the lines hold") {
  struct Row {
    std::string request;
    int status;
    std::uint64_t points;
    std::uint64_t rejected;
  };
  const std::string metric = "a 1 source=s\n";
  const std::string distribution = "!M #1 2 h source=s\n";
  const std::vector<Row> rows = {
      {post("/report", metric + "b 2 source=s"), 202, 2, 0},
      {post("/", metric), 202, 1, 0},
      {post("/any/path?f=wavefront", metric + distribution), 202, 1, 1},
      {post("/?format=histogram", metric + distribution), 202, 1, 1},
      {post("/?f=other", metric + distribution), 202, 2, 0},
      {post("/", metric + distribution), 202, 2, 0},
      {post("/", "bad\nworse\n"), 202, 0, 2},
      {post("/", ""), 202, 0, 0},
      {post("/", gzip(metric + metric), kGzip), 202, 2, 0},
      {post("/", metric, kGzip), 400, 0, 0},
      {post("/", gzip(metric).substr(0, 15), kGzip), 400, 0, 0},
      {post("/", gzip(std::string(20'000, 'x')), kGzip), 413, 0, 0},
      {post("/", std::string(20'000, 'x')), 413, 0, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.request.substr(0, 200));
    ReceiverOptions options;
    options.max_body_bytes = 10'000;
    const auto receiver = start(std::move(options));
    CHECK(status_of(ask(*receiver, row.request)) == row.status);
    const ReceiverStats stats = receiver->stats();
    CHECK(stats.points == row.points);
    CHECK(stats.rejected_lines() == row.rejected);
    CHECK(stats.sources_filled_in == 0);
  }
}

TEST_CASE("as a proxy it fills in the sender's address where a line names no source") {
  const auto receiver = start();
  ask(*receiver, post("/", "a 1\nb 2 source=s\n"));
  const ReceiverStats stats = receiver->stats();
  CHECK(stats.sources == std::set<std::string, std::less<>>{"127.0.0.1", "s"});
  CHECK(stats.sources_filled_in == 1);
}

TEST_CASE("direct ingestion takes POST /report, and refuses a batch for one bad line") {
  struct Row {
    std::string request;
    int status;
    std::uint64_t points;
    std::uint64_t rejected;
    std::string body = "";
  };
  const std::string metric = "a 1 source=s\n";
  const std::string distribution = "!M #1 2 h source=s\n";
  const std::vector<Row> rows = {
      {post("/report", metric), 202, 1, 0},
      {post("/report?f=wavefront", gzip(metric + metric), kGzip), 202, 2, 0},
      {post("/report?f=histogram", distribution), 202, 1, 0},
      {post("/report?f=histogram", metric), 400, 0, 1},
      {post("/report?f=wavefront", metric + distribution), 400, 0, 1},
      {post("/report", distribution), 400, 0, 1},
      {post("/report", metric + "b:c 1 source=s\n" + metric + "d 1\n"), 400, 0, 2,
       "WF-400: Point metric has illegal character(s): 'b:c'\n"},
      {post("/report", "a 1 k=v\n"), 400, 0, 1, "WF-406: Source/host name is required\n"},
      {post("/report", metric, kGzip), 400, 0, 0},
      {post("/other", metric), 404, 0, 0},
      {"GET /report HTTP/1.1\r\nConnection: close\r\n\r\n", 405, 0, 0},
      {metric, 400, 0, 0},  // no TCP lines here
  };
  for (const Row& row : rows) {
    CAPTURE(row.request.substr(0, 200));
    const auto receiver = start(direct_options());
    const std::string answer = ask(*receiver, row.request);
    CHECK(status_of(answer) == row.status);
    if (!row.body.empty()) CHECK(body_of(answer) == row.body);
    CHECK(receiver->stats().points == row.points);
    CHECK(receiver->stats().rejected_lines() == row.rejected);
  }
}

TEST_CASE("a token is looked for where the real ones look") {
  struct Row {
    ReceiveMode mode;
    std::string target;
    std::string headers;
    int status;
  };
  const ReceiveMode proxy = ReceiveMode::Proxy;
  const ReceiveMode direct = ReceiveMode::Direct;
  const std::vector<Row> rows = {
      {proxy, "/report", "", 401},
      {proxy, "/report", "X-AUTH-TOKEN: s3cret\r\n", 202},
      {proxy, "/report", "X-AUTH-TOKEN: wrong\r\n", 401},
      {proxy, "/report", "Authorization: Bearer s3cret\r\n", 202},
      {proxy, "/report", "X-AUTH-TOKEN: wrong\r\nAuthorization: Bearer s3cret\r\n", 401},
      {proxy, "/report?t=s3cret", "", 202},
      {proxy, "/report?f=wavefront&token=s3cre%74", "", 202},
      {proxy, "/report?api_key=s3cret", "", 202},
      {proxy, "/report?t=wrong", "Authorization: Bearer s3cret\r\n", 401},
      {direct, "/report", "", 401},
      {direct, "/report", "Authorization: Bearer s3cret\r\n", 202},
      {direct, "/report", "Authorization: Bearer s3cret2\r\n", 401},
      {direct, "/report", "Authorization: s3cret\r\n", 401},
      {direct, "/report", "X-AUTH-TOKEN: s3cret\r\n", 401},
      {direct, "/report?t=s3cret", "", 401},
  };
  for (const Row& row : rows) {
    CAPTURE(row.target);
    CAPTURE(row.headers);
    ReceiverOptions options;
    options.mode = row.mode;
    options.token = "s3cret";
    const auto receiver = start(std::move(options));
    const std::string request = post(row.target, "a 1 source=s\n", row.headers);
    CHECK(status_of(ask(*receiver, request)) == row.status);
    CHECK(receiver->stats().points == (row.status == 202 ? 1 : 0));
  }
}

TEST_CASE("where a token is asked for, TCP lines are thrown away and counted") {
  ReceiverOptions options;
  options.token = "s3cret";
  const auto receiver = start(std::move(options));
  send_lines(*receiver, "a 1 source=s\n\nb 1 source=s\n");
  receiver->stop();
  CHECK(receiver->stats().points == 0);
  CHECK(receiver->stats().lines_unauthorized == 2);
}

TEST_CASE("a point that comes twice is a duplicate with its value, a conflict with another") {
  struct Row {
    std::string lines;
    std::uint64_t duplicates;
    std::uint64_t conflicts;
    std::uint64_t untracked;
  };
  const std::string first = "a 1 1700000000 source=s k=v j=w\n";
  const std::string histogram = "!M 1700000000 #1 2 #3 4 h source=s\n";
  const std::vector<Row> rows = {
      {first, 0, 0, 0},
      {first + first, 1, 0, 0},
      {first + "\"a\" 1.0 1700000000000 \"j\"=\"w\" \"k\"=\"v\" source=\"s\"\n", 1, 0, 0},
      {first + "a 2 1700000000 source=s k=v j=w\n", 0, 1, 0},
      {first + "a 2 1700000000 source=s k=v j=w\n" + first, 1, 1, 0},
      {first + "a 1 1700000001 source=s k=v j=w\n", 0, 0, 0},
      {first + "b 1 1700000000 source=s k=v j=w\n", 0, 0, 0},
      {first + "a 1 1700000000 source=t k=v j=w\n", 0, 0, 0},
      {first + "a 1 1700000000 source=s k=v\n", 0, 0, 0},
      {first + "a 1 1700000000 source=s k=w j=v\n", 0, 0, 0},
      {"a 1 source=s\na 1 source=s\n", 0, 0, 2},
      {histogram + histogram, 1, 0, 0},
      {histogram + "!M 1700000000 #1 2 #3 5 h source=s\n", 0, 1, 0},
      {histogram + "!H 1700000000 #1 2 #3 4 h source=s\n", 0, 0, 0},
      {histogram + "h 1 1700000000 source=s\n", 0, 0, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.lines);
    const auto receiver = start();
    ask(*receiver, post("/", row.lines));
    const ReceiverStats stats = receiver->stats();
    CHECK(stats.rejected_lines() == 0);
    CHECK(stats.duplicates == row.duplicates);
    CHECK(stats.conflicts == row.conflicts);
    CHECK(stats.untracked == row.untracked);
  }
}

TEST_CASE("the history grows up to its limit and then says so") {
  PointHistory history(3'000);
  CheckedPoint point;
  point.name = "a";
  for (int i = 1; i <= 4'000; ++i) {
    CAPTURE(i);
    point.timestamp_ms = i;
    CHECK(history.record(point) ==
          (i <= 3'000 ? PointHistory::Seen::First : PointHistory::Seen::Untracked));
  }
  point.timestamp_ms = 1;
  CHECK(history.record(point) == PointHistory::Seen::Duplicate);
  point.value = 7;
  CHECK(history.record(point) == PointHistory::Seen::Conflict);
}

TEST_CASE("faults can be put before and behind the ordinary answer") {
  std::atomic<int> asked = 0;
  ReceiverOptions options;
  options.intercept = [&](const relay::HttpRequestView&,
                          const std::function<relay::HttpReply()>& proceed) {
    relay::HttpReply reply;
    switch (++asked) {
      case 1:
        reply.status = 503;
        break;
      case 2:
        reply = proceed();
        reply.close_without_answer = true;
        break;
      default:
        reply = proceed();
        break;
    }
    return reply;
  };
  const auto receiver = start(std::move(options));
  const std::string request = post("/", "a 1 1700000000 source=s\n");
  CHECK(status_of(ask(*receiver, request)) == 503);
  CHECK(receiver->stats().points == 0);
  CHECK(ask(*receiver, request).empty());
  CHECK(receiver->stats().points == 1);
  CHECK(status_of(ask(*receiver, request)) == 202);
  const ReceiverStats stats = receiver->stats();
  CHECK(stats.duplicates == 1);
  CHECK(stats.requests_by_status == std::map<int, std::uint64_t>{{0, 1}, {202, 1}, {503, 1}});
}

TEST_CASE("only the first few examples of a rejection are kept") {
  const auto receiver = start();
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += "bad:" + std::to_string(i) + " 1 source=s\n";
  ask(*receiver, post("/", lines));
  const ReceiverStats stats = receiver->stats();
  CHECK(stats.rejected.at(400).count == 20);
  CHECK(stats.rejected.at(400).examples.size() == 5);
  CHECK(stats.rejected.at(400).examples.front().find("'bad:0'") != std::string::npos);
}

TEST_CASE("the summary tells what was counted, to people and to programs") {
  ReceiverStats stats;
  stats.points = 12;
  stats.points_by_name = {{"a", 12}};
  stats.rejected[410] = {3, {"WF-410: Too \"many\""}};
  stats.requests_by_status = {{0, 1}, {202, 4}};
  stats.lines_too_long = 2;
  const std::string table = relay::format_summary(stats);
  CHECK(table.find("points                   12\n") != std::string::npos);
  CHECK(table.find("rejected                 5\n") != std::string::npos);
  CHECK(table.find("  WF-410                 3\n    WF-410: Too \"many\"\n") != std::string::npos);
  CHECK(table.find("  unanswered             1\n  202                    4\n") !=
        std::string::npos);
  CHECK(table.find("unterminated") == std::string::npos);
  const std::string json = relay::format_summary_json(stats);
  CHECK(json.starts_with("{\"points\":12,"));
  CHECK(json.ends_with("\"points_by_name\":{\"a\":12}}\n"));
  CHECK(json.find(
            "\"rejected_total\":5,\"rejected\":{\"WF-410\":{\"count\":3,\"examples\":[\"WF-410: "
            "Too \\\"many\\\"\"]}}") != std::string::npos);
  CHECK(json.find("\"http_requests_by_status\":{\"unanswered\":1,\"202\":4}") != std::string::npos);
}

}  // namespace
}  // namespace fedwave::receive
