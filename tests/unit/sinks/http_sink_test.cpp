#include "sinks/http_sink.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "sinks/retry_after.h"
#include "tests/support/fakes.h"

using namespace fedwave;
using base::Error;
using base::ErrorCode;
using base::Expected;
using sinks::Block;
using sinks::HttpSink;
using sinks::HttpSinkOptions;
using sinks::PointFormat;
using sinks::SendOutcome;
using sinks::SendResult;
using support::FakeClock;
using support::FakeHttpClient;

namespace {

// Gives its tokens in order, the next one each time the one before was refused; the last one stays.
class ScriptedTokens final : public sinks::TokenSource {
 public:
  explicit ScriptedTokens(std::vector<Expected<std::string>> tokens) : tokens_(std::move(tokens)) {}
  Expected<std::string> token() override { return tokens_[at_]; }
  void refused() override {
    ++refusals;
    at_ = std::min(at_ + 1, tokens_.size() - 1);
  }
  std::vector<std::string> secrets() override { return {"client-secret"}; }

  int refusals = 0;

 private:
  const std::vector<Expected<std::string>> tokens_;
  std::size_t at_ = 0;
};

const FakeClock& fixed_clock() {
  static const FakeClock clock;
  return clock;
}

HttpSink sink_with(FakeHttpClient::Script& script, HttpSinkOptions options) {
  return {std::move(options), std::make_unique<FakeHttpClient>(script), fixed_clock(), nullptr};
}

HttpSink sink_with(FakeHttpClient::Script& script, std::shared_ptr<sinks::TokenSource> token) {
  return sink_with(script,
                   {.url = "http://proxy:2878/report", .connect_address = "", .token = token});
}

SendResult send(FakeHttpClient::Script& script, FakeHttpClient::Answer answer,
                const Block& block = {}) {
  script.answers.push_back(std::move(answer));
  return sink_with(script, sinks::fixed_token("t0ken")).send(block);
}

bool has(const std::vector<std::string>& headers, const std::string& header) {
  return std::find(headers.begin(), headers.end(), header) != headers.end();
}

}  // namespace

TEST_CASE("what each HTTP status means for a block") {
  struct Row {
    int status;
    SendOutcome outcome;
    const char* advice;  // after the status and what the receiver said
  };
  const char* kToken =
      "; the token is missing, wrong or lacks the permission; nothing is lost, it is tried again";
  const char* kPath =
      "; there is no such path: is this the address of a Wavefront server or proxy?";
  const char* kLess = "; the receiver asks for less; slowing down";
  const char* kMoved =
      "; it leads to another address, which is not followed with points and a token: write the "
      "final one";
  const char* kHttpProxy =
      "; the HTTP proxy in between wants other credentials; nothing is lost, it is tried again";
  const Row rows[] = {
      {301, SendOutcome::Misplaced, kMoved},
      {302, SendOutcome::Misplaced, kMoved},
      {308, SendOutcome::Misplaced, kMoved},
      {400, SendOutcome::Refused, ""},
      {401, SendOutcome::Denied, kToken},
      {403, SendOutcome::Denied, kToken},
      {404, SendOutcome::Misplaced, kPath},
      {405, SendOutcome::Misplaced, kPath},
      {406, SendOutcome::SlowDown, kLess},
      {407, SendOutcome::Denied, kHttpProxy},
      {408, SendOutcome::Retry, ""},
      {410, SendOutcome::Misplaced, kPath},
      {413, SendOutcome::TooLarge, "; the receiver wants smaller requests; it is sent in parts"},
      {418, SendOutcome::Retry, ""},
      {425, SendOutcome::Retry, ""},
      {429, SendOutcome::SlowDown, kLess},
      {500, SendOutcome::Retry, ""},
      {502, SendOutcome::Retry, ""},
      {503, SendOutcome::Retry, ""},
      {599, SendOutcome::Retry, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.status);
    FakeHttpClient::Script script;
    const SendResult result = send(script, {.status = row.status, .body = "bad line\nmore"});
    CHECK(result.outcome == row.outcome);
    CHECK(result.cause == "http_" + std::to_string(row.status));
    CHECK(result.detail == "HTTP " + std::to_string(row.status) + " \"bad line\"" + row.advice);
    CHECK(script.asked.size() == 1);
  }
}

TEST_CASE("every 2xx is an acknowledgement, and says nothing") {
  for (const int status : {200, 202, 204, 299}) {
    CAPTURE(status);
    FakeHttpClient::Script script;
    const SendResult result =
        send(script, {.status = status, .body = "thanks", .retry_after = "5"});
    CHECK(result.outcome == SendOutcome::Accepted);
    CHECK(result.cause.empty());
    CHECK(result.detail.empty());
    CHECK(result.retry_after_ms == 0);
  }
}

TEST_CASE("the request says what the block is") {
  FakeHttpClient::Script script;
  send(script, {.status = 202}, {.bytes = "zipped", .gzip = true, .format = PointFormat::Metric});
  send(script, {.status = 202},
       {.bytes = "plain", .gzip = false, .format = PointFormat::Histogram});
  REQUIRE(script.asked.size() == 2);
  CHECK(script.asked[0].url == "http://proxy:2878/report?f=wavefront");
  CHECK(script.asked[0].method == base::HttpMethod::Post);
  CHECK(script.asked[0].body == "zipped");
  CHECK(script.asked[0].connect_address.empty());
  CHECK(has(script.asked[0].headers, "Content-Encoding: gzip"));
  CHECK(has(script.asked[0].headers, "Content-Type: application/octet-stream"));
  CHECK(has(script.asked[0].headers, "Authorization: Bearer t0ken"));
  CHECK(script.asked[1].url == "http://proxy:2878/report?f=histogram");
  CHECK_FALSE(has(script.asked[1].headers, "Content-Encoding: gzip"));
}

TEST_CASE("without a token there is no header for one") {
  FakeHttpClient::Script script;
  script.answers.push_back({.status = 202});
  CHECK(sink_with(script, sinks::fixed_token("")).send({}).outcome == SendOutcome::Accepted);
  for (const std::string& header : script.asked.at(0).headers) {
    CHECK_FALSE(header.starts_with("Authorization"));
  }
}

TEST_CASE("one address of the host is connected to") {
  FakeHttpClient::Script script;
  script.answers.push_back({.status = 202});
  sink_with(
      script,
      {.url = "https://x/report", .connect_address = "10.0.0.7", .token = sinks::fixed_token("")})
      .send({});
  CHECK(script.asked.at(0).url == "https://x/report?f=wavefront");
  CHECK(script.asked.at(0).connect_address == "10.0.0.7");
}

TEST_CASE("an HTTP proxy gets its credentials beside its URL") {
  FakeHttpClient::Script script;
  script.answers.push_back({.status = 202});
  HttpSink sink = sink_with(script, {.url = "https://x/report",
                                     .connect_address = "",
                                     .token = sinks::fixed_token(""),
                                     .proxy_url = "http://proxy:3128",
                                     .proxy_username = "user",
                                     .proxy_password = "s3cr et"});
  CHECK(sink.send({}).outcome == SendOutcome::Accepted);
  CHECK(script.asked.at(0).proxy_url == "http://proxy:3128");
  CHECK(script.asked.at(0).proxy_username == "user");
  CHECK(script.asked.at(0).proxy_password == "s3cr et");
}

TEST_CASE("an answer that repeats a secret is not shown") {
  const char* answers[] = {
      "bad token t0ken",         // as it was sent
      "bad dDBrZW4=",            // in base64
      "client-secret is wrong",  // what the token was fetched with
      "proxy says s3cr et",      // the HTTP proxy's password
      "proxy says s3cr%20et",    // encoded
      "Basic dXNlcjpzM2NyIGV0",  // as Basic authentication shows it
  };
  for (const char* answer : answers) {
    CAPTURE(answer);
    FakeHttpClient::Script script;
    script.answers.push_back({.status = 500, .body = answer});
    HttpSink sink =
        sink_with(script, {.url = "https://x/report",
                           .connect_address = "",
                           .token = std::make_shared<ScriptedTokens>(
                               std::vector<Expected<std::string>>{std::string("t0ken")}),
                           .proxy_url = "http://proxy:3128",
                           .proxy_username = "user",
                           .proxy_password = "s3cr et"});
    CHECK(sink.send({}).detail == "HTTP 500");
  }
}

TEST_CASE("a token that was replaced meanwhile is not shown either") {
  FakeHttpClient::Script script;
  script.answers.push_back({.status = 403, .body = "not old-one"});
  script.answers.push_back({.status = 403, .body = "not new-one"});
  const auto tokens = std::make_shared<ScriptedTokens>(
      std::vector<Expected<std::string>>{std::string("old-one"), std::string("new-one")});
  const SendResult result = sink_with(script, tokens).send({});
  CHECK(result.detail.starts_with("HTTP 403; the token"));
}

TEST_CASE("a refused token is replaced, and the block sent once more at once") {
  struct Row {
    std::vector<int> statuses;
    std::vector<Expected<std::string>> tokens;
    SendOutcome outcome;
    std::vector<std::string> shown;
    int refusals;
  };
  const std::string a = "token-a";
  const std::string b = "token-b";
  const Row rows[] = {
      {{202}, {a, b}, SendOutcome::Accepted, {a}, 0},
      {{401, 202}, {a, b}, SendOutcome::Accepted, {a, b}, 1},
      {{403, 202}, {a, b}, SendOutcome::Accepted, {a, b}, 1},
      {{403, 503}, {a, b}, SendOutcome::Retry, {a, b}, 1},
      {{403, 401}, {a, b}, SendOutcome::Denied, {a, b}, 2},
      {{403}, {a}, SendOutcome::Denied, {a}, 1},
      {{407}, {a, b}, SendOutcome::Denied, {a}, 0},
      {{500}, {a, b}, SendOutcome::Retry, {a}, 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.statuses);
    FakeHttpClient::Script script;
    for (const int status : row.statuses) script.answers.push_back({.status = status});
    const auto tokens = std::make_shared<ScriptedTokens>(row.tokens);
    const SendResult result = sink_with(script, tokens).send({});
    CHECK(result.outcome == row.outcome);
    CHECK(tokens->refusals == row.refusals);
    REQUIRE(script.asked.size() == row.shown.size());
    for (std::size_t i = 0; i < row.shown.size(); ++i) {
      CHECK(has(script.asked[i].headers, "Authorization: Bearer " + row.shown[i]));
    }
  }
}

TEST_CASE("a token that cannot be had says so, and whether somebody has to act") {
  const std::pair<ErrorCode, SendOutcome> rows[] = {
      {ErrorCode::NotFound, SendOutcome::Denied},
      {ErrorCode::Io, SendOutcome::Denied},
      {ErrorCode::InvalidArgument, SendOutcome::Denied},
      {ErrorCode::HttpStatus, SendOutcome::Denied},
      {ErrorCode::BadEncoding, SendOutcome::Denied},
      {ErrorCode::Unreachable, SendOutcome::Retry},
      {ErrorCode::Timeout, SendOutcome::Retry},
      {ErrorCode::Truncated, SendOutcome::Retry},
      {ErrorCode::Tls, SendOutcome::Retry},
  };
  for (const auto& [code, outcome] : rows) {
    CAPTURE(base::error_code_name(code));
    FakeHttpClient::Script script;
    const auto tokens = std::make_shared<ScriptedTokens>(
        std::vector<Expected<std::string>>{Error{code, "cannot read /mnt/token"}});
    const SendResult result = sink_with(script, tokens).send({});
    CHECK(result.outcome == outcome);
    CHECK(result.cause == "token");
    CHECK(result.detail == "there is no token to show: cannot read /mnt/token");
    CHECK(script.asked.empty());
  }
}

TEST_CASE("when a refused token cannot be replaced both reasons are told") {
  FakeHttpClient::Script script;
  script.answers.push_back({.status = 403});
  const auto tokens = std::make_shared<ScriptedTokens>(std::vector<Expected<std::string>>{
      std::string("a"), Error{ErrorCode::Unreachable, "nobody is there"}});
  const SendResult result = sink_with(script, tokens).send({});
  CHECK(result.outcome == SendOutcome::Denied);
  CHECK(result.cause == "http_403");
  CHECK(result.detail.starts_with("HTTP 403; the token is missing"));
  CHECK(result.detail.ends_with("; and no other token: nobody is there"));
}

TEST_CASE("a broken transfer is tried again") {
  FakeHttpClient::Script script;
  const SendResult cut = send(script, {.status = 202, .broken = "the peer closed"});
  CHECK(cut.outcome == SendOutcome::Retry);
  CHECK(cut.cause == "truncated");
  CHECK(cut.detail == "the peer closed");
  const SendResult late =
      send(script, {.status = 202, .broken = "no answer", .broken_code = ErrorCode::Timeout});
  CHECK(late.outcome == SendOutcome::Retry);
  CHECK(late.cause == "timeout");
}

TEST_CASE("Retry-After is heeded as seconds and as a date, and bounded") {
  // The clock stands at Thu, 01 Jan 2026 00:00:00 GMT.
  const std::pair<const char*, std::int64_t> rows[] = {
      {"", 0},
      {"0", 0},
      {"7", 7'000},
      {"300", 300'000},
      {"301", 300'000},
      {"99999999999", 300'000},
      {"99999999999999999999999", 300'000},
      {"-3", 0},
      {"7.5", 0},
      {"7 s", 0},
      {"soon", 0},
      {"Thu, 01 Jan 2026 00:00:12 GMT", 12'000},
      {"Thu, 01 Jan 2026 00:04:59 GMT", 299'000},
      {"Fri, 31 Dec 2027 23:59:59 GMT", 300'000},
      {"Wed, 31 Dec 2025 23:59:59 GMT", 0},
      {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
      {"Thu, 01 Jan 2026 00:00:12", 0},
      {"Thu, 01 Jan 2026 00:00:12 CET", 0},
      {"Thu, 01 jan 2026 00:00:12 GMT", 0},
      {"Thu, 01 anF 2027 00:00:12 GMT", 0},
      {"Thu, 32 Jan 2026 00:00:12 GMT", 0},
      {"Sun, 30 Feb 2027 00:00:12 GMT", 0},
      {"Thu, 01 Jan 2026 24:00:12 GMT", 0},
      {"Thu, 01 Jan 2026 00:60:12 GMT", 0},
      {"Thu, 01 Jan 2026 00:00:61 GMT", 0},
      {"Thu, 01 Jan 2026 00:00:12 GMT ", 0},
      {"Thursday, 01-Jan-26 00:00:12 GMT", 0},
  };
  for (const auto& [header, expected_ms] : rows) {
    CAPTURE(header);
    CHECK(sinks::retry_after_ms(header, fixed_clock().wall_ms()) == expected_ms);
    FakeHttpClient::Script script;
    CHECK(send(script, {.status = 429, .retry_after = header}).retry_after_ms == expected_ms);
  }
}
