#include "sinks/http_sink.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/support/fakes.h"

using namespace fedwave;
using sinks::Block;
using sinks::HttpSink;
using sinks::PointFormat;
using sinks::SendOutcome;
using sinks::SendResult;
using support::FakeHttpClient;

namespace {

bool has(const std::vector<std::string>& headers, const std::string& header) {
  return std::find(headers.begin(), headers.end(), header) != headers.end();
}

SendResult send(FakeHttpClient::Script& script, FakeHttpClient::Answer answer,
                const Block& block = {}) {
  script.answers.push_back(std::move(answer));
  HttpSink sink({.url = "http://proxy:2878/report", .token = "t0ken"},
                std::make_unique<FakeHttpClient>(script), nullptr);
  return sink.send(block);
}

}  // namespace

TEST_CASE("what each HTTP status means for a block") {
  struct Row {
    int status;
    SendOutcome outcome;
    const char* says;
  };
  const Row rows[] = {
      {200, SendOutcome::Accepted, ""},
      {202, SendOutcome::Accepted, ""},
      {400, SendOutcome::Refused, "HTTP 400 \"bad line\""},
      {401, SendOutcome::Retry,
       "HTTP 401 \"bad line\"; the token is missing, wrong or lacks the permission; nothing is "
       "lost, it is tried again"},
      {403, SendOutcome::Retry, "HTTP 403"},
      {404, SendOutcome::Retry,
       "HTTP 404 \"bad line\"; there is no such path: is this the address of a Wavefront server or "
       "proxy?"},
      {406, SendOutcome::Retry, "HTTP 406 \"bad line\"; the receiver asks for less; slowing down"},
      {407, SendOutcome::Retry, "HTTP 407"},
      {408, SendOutcome::Retry, "HTTP 408"},
      {413, SendOutcome::Refused, "HTTP 413"},
      {429, SendOutcome::Retry, "HTTP 429"},
      {500, SendOutcome::Retry, "HTTP 500"},
      {503, SendOutcome::Retry, "HTTP 503 \"bad line\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.status);
    FakeHttpClient::Script script;
    const SendResult result = send(script, {.status = row.status, .body = "bad line"});
    CHECK(result.outcome == row.outcome);
    CHECK(result.detail.substr(0, std::string(row.says).size()) == row.says);
    if (row.outcome == SendOutcome::Accepted) CHECK(result.detail.empty());
    CHECK(result.detail.find("t0ken") == std::string::npos);
  }
}

TEST_CASE("the request says what the block is") {
  FakeHttpClient::Script script;
  send(script, {.status = 202}, {.bytes = "zipped", .gzip = true, .format = PointFormat::Metric});
  send(script, {.status = 202},
       {.bytes = "plain", .gzip = false, .format = PointFormat::Histogram});
  REQUIRE(script.asked.size() == 2);
  CHECK(script.asked[0].url == "http://proxy:2878/report?f=wavefront");
  CHECK(script.asked[0].body == "zipped");
  CHECK(has(script.asked[0].headers, "Content-Encoding: gzip"));
  CHECK(has(script.asked[0].headers, "Content-Type: application/octet-stream"));
  CHECK(has(script.asked[0].headers, "Authorization: Bearer t0ken"));
  CHECK(script.asked[1].url == "http://proxy:2878/report?f=histogram");
  CHECK_FALSE(has(script.asked[1].headers, "Content-Encoding: gzip"));
}

TEST_CASE("Retry-After is heeded in seconds and bounded") {
  const std::pair<const char*, std::int64_t> rows[] = {{"", 0},
                                                       {"7", 7'000},
                                                       {"99999999999", 300'000},
                                                       {"-3", 0},
                                                       {"Fri, 31 Dec 2027 23:59:59 GMT", 0}};
  for (const auto& [header, expected_ms] : rows) {
    CAPTURE(header);
    FakeHttpClient::Script script;
    CHECK(send(script, {.status = 429, .retry_after = header}).retry_after_ms == expected_ms);
  }
}

TEST_CASE("a broken transfer is tried again") {
  FakeHttpClient::Script script;
  const SendResult result = send(script, {.status = 202, .broken = "the peer closed"});
  CHECK(result.outcome == SendOutcome::Retry);
  CHECK(result.detail == "the peer closed");
}

TEST_CASE("a token file is read again when it changes, and one that is missing loses nothing") {
  const auto path =
      std::filesystem::temp_directory_path() / ("fedwave-token-" + std::to_string(::getpid()));
  FakeHttpClient::Script script;
  script.answers.assign(2, {.status = 202});
  HttpSink sink({.url = "https://x/report", .token_file = path},
                std::make_unique<FakeHttpClient>(script), nullptr);
  CHECK(sink.send({}).outcome == SendOutcome::Retry);
  CHECK(script.asked.empty());
  std::ofstream(path) << "one\n";
  CHECK(sink.send({}).outcome == SendOutcome::Accepted);
  std::ofstream(path) << "second\n";
  CHECK(sink.send({}).outcome == SendOutcome::Accepted);
  CHECK(has(script.asked[0].headers, "Authorization: Bearer one"));
  CHECK(has(script.asked[1].headers, "Authorization: Bearer second"));
  std::filesystem::remove(path);
}

TEST_CASE("a proxy gets its credentials beside its URL") {
  FakeHttpClient::Script script;
  script.answers.push_back({.status = 202});
  HttpSink sink({.url = "https://x/report",
                 .proxy_url = "http://proxy:3128",
                 .proxy_username = "user",
                 .proxy_password = "s3cr et"},
                std::make_unique<FakeHttpClient>(script), nullptr);
  CHECK(sink.send({}).outcome == SendOutcome::Accepted);
  CHECK(script.asked.at(0).proxy_url == "http://proxy:3128");
  CHECK(script.asked.at(0).proxy_username == "user");
  CHECK(script.asked.at(0).proxy_password == "s3cr et");
}
