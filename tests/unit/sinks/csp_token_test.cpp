#include "sinks/csp_token.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/support/fakes.h"

using namespace fedwave;
using base::ErrorCode;
using base::Expected;
using sinks::CspTokenOptions;
using sinks::CspTokenSource;
using support::FakeClock;
using support::FakeHttpClient;

namespace {

CspTokenOptions with_api_token() {
  CspTokenOptions options;
  options.url = "https://csp.example";
  options.api_token = "api/t0ken+";
  return options;
}

CspTokenOptions with_client() {
  CspTokenOptions options;
  options.url = "https://csp.example/";
  options.client_id = "app";
  options.client_secret = "s3cret/";
  return options;
}

FakeHttpClient::Answer granted(const std::string& token, int expires_in_s) {
  return {.status = 200,
          .body = R"({"access_token":")" + token + R"(","expires_in":)" +
                  std::to_string(expires_in_s) + "}"};
}

// A source with its surroundings; the clock moves only when told.
struct Setting {
  FakeClock clock;
  FakeHttpClient::Script script;
  CspTokenSource source;

  explicit Setting(CspTokenOptions options = with_api_token())
      : source(std::move(options), std::make_unique<FakeHttpClient>(script), clock, nullptr) {}

  // What the source says after so many more seconds: the token, or "error: …".
  std::string after(std::int64_t seconds) {
    clock.now_ms += seconds * 1'000;
    const Expected<std::string> token = source.token();
    return token ? *token : "error: " + token.error().message;
  }
  [[nodiscard]] std::size_t requests() const { return script.asked.size(); }
};

bool has(const std::vector<std::string>& headers, const std::string& header) {
  return std::find(headers.begin(), headers.end(), header) != headers.end();
}

bool any_header_starts_with(const std::vector<std::string>& headers, const std::string& start) {
  return std::any_of(headers.begin(), headers.end(),
                     [&](const std::string& header) { return header.starts_with(start); });
}

}  // namespace

TEST_CASE("an API token is exchanged for an access token") {
  Setting setting;
  setting.script.answers.push_back(granted("access", 1799));
  CHECK(setting.after(0) == "access");
  const FakeHttpClient::Asked& asked = setting.script.asked.at(0);
  CHECK(asked.url == "https://csp.example/csp/gateway/am/api/auth/api-tokens/authorize");
  CHECK(asked.method == base::HttpMethod::Post);
  CHECK(asked.body == "api_token=api%2Ft0ken%2B&grant_type=api_token");
  CHECK(has(asked.headers, "Content-Type: application/x-www-form-urlencoded"));
  CHECK_FALSE(any_header_starts_with(asked.headers, "Authorization"));
}

TEST_CASE("a client's id and secret are exchanged for an access token") {
  const std::pair<const char*, const char*> rows[] = {
      {"", "grant_type=client_credentials"},
      {"org 1&2", "grant_type=client_credentials&orgId=org%201%262"}};
  for (const auto& [org_id, body] : rows) {
    CAPTURE(org_id);
    CspTokenOptions options = with_client();
    options.org_id = org_id;
    Setting setting(options);
    setting.script.answers.push_back(granted("access", 1799));
    CHECK(setting.after(0) == "access");
    const FakeHttpClient::Asked& asked = setting.script.asked.at(0);
    CHECK(asked.url == "https://csp.example/csp/gateway/am/api/auth/authorize");
    CHECK(asked.body == body);
    CHECK(has(asked.headers, "Authorization: Basic YXBwOnMzY3JldC8="));
  }
}

TEST_CASE("Cloud Services are asked through the HTTP proxy") {
  CspTokenOptions options = with_api_token();
  options.proxy_url = "http://proxy:3128";
  options.proxy_username = "user";
  options.proxy_password = "pass";
  Setting setting(options);
  setting.script.answers.push_back(granted("access", 1799));
  CHECK(setting.after(0) == "access");
  CHECK(setting.script.asked.at(0).proxy_url == "http://proxy:3128");
  CHECK(setting.script.asked.at(0).proxy_username == "user");
  CHECK(setting.script.asked.at(0).proxy_password == "pass");
}

TEST_CASE("a token is renewed in time: 30 s before its end, or 180 s where it lives long") {
  struct Row {
    int expires_in_s;
    int renewed_after_s;
  };
  const Row rows[] = {{60, 30}, {300, 270}, {599, 569}, {600, 420}, {1799, 1619}, {86400, 86220}};
  for (const Row& row : rows) {
    CAPTURE(row.expires_in_s);
    Setting setting;
    setting.script.answers.push_back(granted("first", row.expires_in_s));
    setting.script.answers.push_back(granted("second", row.expires_in_s));
    CHECK(setting.after(0) == "first");
    CHECK(setting.after(row.renewed_after_s - 1) == "first");
    CHECK(setting.requests() == 1);
    CHECK(setting.after(1) == "second");
    CHECK(setting.requests() == 2);
  }
}

TEST_CASE("while renewals fail the old token serves until it has expired, then the error stands") {
  const support::CollectedLog log;
  Setting setting;
  setting.script.answers.push_back(granted("first", 300));
  CHECK(setting.after(0) == "first");
  CHECK(setting.after(270) == "first");  // tried, nobody is there
  CHECK(setting.requests() == 2);
  CHECK(setting.after(9) == "first");
  CHECK(setting.requests() == 2);
  CHECK(setting.after(1) == "first");  // tried again
  CHECK(setting.requests() == 3);
  CHECK(setting.after(10) == "first");
  CHECK(setting.requests() == 4);
  const std::string error =
      "error: https://csp.example/csp/gateway/am/api/auth/api-tokens/authorize: nobody is there";
  CHECK(setting.after(10) == error);
  CHECK(setting.requests() == 5);
  CHECK(setting.after(9) == error);  // the last one, without asking
  CHECK(setting.requests() == 5);
  REQUIRE(log.lines().size() == 1);
  CHECK(log.lines().front().starts_with(
      "cannot renew the access token; the old one is used while it is valid error=https://csp"));
  setting.script.answers.push_back(granted("second", 300));
  CHECK(setting.after(1) == "second");
}

TEST_CASE("without any token Cloud Services are asked once in ten seconds") {
  Setting setting;
  CHECK(setting.after(0).starts_with("error: "));
  CHECK(setting.after(0).starts_with("error: "));
  CHECK(setting.after(9).starts_with("error: "));
  CHECK(setting.requests() == 1);
  setting.script.answers.push_back(granted("access", 300));
  CHECK(setting.after(1) == "access");
  CHECK(setting.requests() == 2);
}

TEST_CASE("a refused token is replaced, once in ten seconds at most") {
  Setting setting;
  for (const char* token : {"first", "second", "third"}) {
    setting.script.answers.push_back(granted(token, 1799));
  }
  CHECK(setting.after(0) == "first");
  setting.source.refused();
  CHECK(setting.after(9) == "first");
  CHECK(setting.after(1) == "second");
  CHECK(setting.after(60) == "second");
  setting.source.refused();
  CHECK(setting.after(0) == "third");
  CHECK(setting.requests() == 3);
}

TEST_CASE("a refused token that cannot be replaced stays in use until it has expired") {
  Setting setting;
  setting.script.answers.push_back(granted("first", 100));
  CHECK(setting.after(0) == "first");
  setting.source.refused();
  CHECK(setting.after(20) == "first");
  CHECK(setting.requests() == 2);
  CHECK(setting.after(80).starts_with("error: "));
}

TEST_CASE("a token that lives shorter than the pause between requests is used during the pause") {
  Setting setting;
  setting.script.answers.push_back(granted("first", 1));
  setting.script.answers.push_back(granted("second", 1));
  CHECK(setting.after(0) == "first");
  CHECK(setting.after(9) == "first");
  CHECK(setting.after(1) == "second");
  CHECK(setting.requests() == 2);
  CHECK(setting.after(10).starts_with("error: "));
}

TEST_CASE("what Cloud Services may say, and what is told of it") {
  const std::string url = "https://csp.example/csp/gateway/am/api/auth/api-tokens/authorize: ";
  struct Row {
    FakeHttpClient::Answer answer;
    ErrorCode code;
    std::string message;
  };
  const Row rows[] = {
      {{.status = 400, .body = R"({"message":"invalid_grant"})"},
       ErrorCode::HttpStatus,
       R"(HTTP 400 "{"message":"invalid_grant"}"; is the API token right, and not expired or )"
       "revoked?"},
      {{.status = 302},
       ErrorCode::HttpStatus,
       "HTTP 302; is this the address of VMware Cloud Services?"},
      {{.status = 404},
       ErrorCode::HttpStatus,
       "HTTP 404; is this the address of VMware Cloud Services?"},
      {{.status = 407},
       ErrorCode::HttpStatus,
       "HTTP 407; the HTTP proxy in between wants other credentials"},
      {{.status = 429}, ErrorCode::Unreachable, "HTTP 429"},
      {{.status = 503, .body = "busy"}, ErrorCode::Unreachable, "HTTP 503 \"busy\""},
      {{.status = 200, .body = "[]"},
       ErrorCode::BadEncoding,
       "the answer is not a token: JSON, but not an object"},
      {{.status = 200, .body = std::string(64 * 1024 + 1, ' ')},
       ErrorCode::BodyLimit,
       "the answer is larger than the 65536 bytes allowed; is this the address of VMware Cloud "
       "Services?"},
      {{.status = 200, .broken = "it took too long", .broken_code = ErrorCode::Timeout},
       ErrorCode::Timeout,
       "it took too long"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.answer.status);
    CAPTURE(row.message);
    Setting setting;
    setting.script.answers.push_back(row.answer);
    const Expected<std::string> token = setting.source.token();
    REQUIRE_FALSE(token);
    CHECK(token.error().code == row.code);
    CHECK(token.error().message == url + row.message);
  }
}

TEST_CASE("an answer that repeats a secret is not shown, and the sinks know all of them") {
  struct Row {
    CspTokenOptions options;
    std::vector<std::string> forms;
  };
  CspTokenOptions client = with_client();
  client.proxy_username = "user";
  client.proxy_password = "p w";
  const Row rows[] = {
      {with_api_token(), {"api/t0ken+", "api%2Ft0ken%2B", "YXBpL3Qwa2VuKw=="}},
      {client,
       {"s3cret/", "s3cret%2F", "czNjcmV0Lw==", "YXBwOnMzY3JldC8=", "p w", "p%20w",
        "dXNlcjpwIHc="}},
  };
  for (const Row& row : rows) {
    for (const std::string& form : row.forms) {
      CAPTURE(form);
      Setting setting(row.options);
      setting.script.answers.push_back({.status = 503, .body = "wrong: " + form});
      CHECK(setting.after(0).ends_with("authorize: HTTP 503"));
      const std::vector<std::string> secrets = setting.source.secrets();
      CHECK(std::count(secrets.begin(), secrets.end(), form) == 1);
    }
  }
  Setting setting;
  setting.script.answers.push_back(granted("access", 60));
  setting.script.answers.push_back({.status = 400, .body = "you still have access"});
  CHECK(setting.after(0) == "access");
  CHECK(setting.after(60).find("HTTP 400; is the API token") != std::string::npos);
  const std::vector<std::string> secrets = setting.source.secrets();
  CHECK(std::count(secrets.begin(), secrets.end(), "access") > 0);
}

TEST_CASE("the secret's file is read for each renewal, and a missing one is told") {
  const auto path =
      std::filesystem::temp_directory_path() / ("fedwave-csp-secret-" + std::to_string(::getpid()));
  CspTokenOptions options = with_client();
  options.client_secret.clear();
  options.client_secret_file = path;
  Setting setting(options);
  CHECK(setting.after(0).starts_with("error: cannot read " + path.string()));
  CHECK(setting.requests() == 0);
  std::ofstream(path) << "first\n";
  setting.script.answers.push_back({.status = 401});
  CHECK(setting.after(10).find("are the client's id, its secret and the organization right?") !=
        std::string::npos);
  std::ofstream(path) << "second\n";
  setting.script.answers.push_back(granted("access", 1799));
  CHECK(setting.after(10) == "access");
  CHECK(has(setting.script.asked.at(1).headers, "Authorization: Basic YXBwOnNlY29uZA=="));
  std::filesystem::remove(path);
}

TEST_CASE("only a token with its lifetime is an answer") {
  struct Row {
    std::string json;
    const char* problem;  // how it begins; null: none
  };
  const Row rows[] = {
      {R"({"access_token":"a","expires_in":1799})", nullptr},
      {R"({"scope":"x","expires_in":1,"access_token":"a","token_type":"bearer"})", nullptr},
      {R"({"access_token":"a","expires_in":1799.5})", nullptr},
      {R"({"access_token":"a","expires_in":1e300})", nullptr},
      {R"({"access_token":"a","expires_in":18446744073709551615})", nullptr},
      {"", "no JSON, at byte 0: "},
      {"token", "no JSON, at byte 1: "},
      {R"({"access_token":"a","expires_in":1799)", "no JSON, at byte 37: "},
      {R"({"access_token":"a","expires_in":1799} x)", "no JSON, at byte 39: "},
      {"{\"access_token\":\"\xFF\",\"expires_in\":1799}", "no JSON, at byte 17: "},
      {"[]", "JSON, but not an object"},
      {R"("a")", "JSON, but not an object"},
      {"{}", "it has no \"access_token\""},
      {R"({"accessToken":"a","expires_in":1799})", "it has no \"access_token\""},
      {R"({"access_token":null,"expires_in":1799})", "its \"access_token\" is not a text"},
      {R"({"access_token":"","expires_in":1799})", "its \"access_token\" is empty"},
      {R"({"access_token":"a\nb","expires_in":1799})",
       "its \"access_token\" holds control characters"},
      {R"({"access_token":"a\u0000b","expires_in":1799})",
       "its \"access_token\" holds control characters"},
      {R"({"access_token":"a"})", "it has no \"expires_in\""},
      {R"({"access_token":"a","expires_in":"1799"})", "its \"expires_in\" is not a number"},
      {R"({"access_token":"a","expires_in":0})", "its \"expires_in\" is below one second"},
      {R"({"access_token":"a","expires_in":-5})", "its \"expires_in\" is below one second"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.json);
    const auto answer = sinks::parse_csp_answer(row.json);
    CHECK(answer.has_value() == (row.problem == nullptr));
    if (answer) {
      CHECK(answer->access_token == "a");
      CHECK(answer->expires_in_ms >= 1'000);
      CHECK(answer->expires_in_ms <= std::int64_t{366} * 86'400'000);
    } else if (row.problem != nullptr) {
      CHECK(answer.error().message.starts_with(std::string("the answer is not a token: ") +
                                               row.problem));
    }
  }
  CHECK(sinks::parse_csp_answer(rows[2].json)->expires_in_ms == 1'799'500);
}

TEST_CASE("brackets within brackets do not exhaust the stack") {
  const std::string deep(64 * 1024, '[');
  CHECK_FALSE(sinks::parse_csp_answer(deep));
  CHECK_FALSE(sinks::parse_csp_answer(deep + std::string(64 * 1024, ']')));
}
