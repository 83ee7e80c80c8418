#include "relay/curl_client.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "relay/base/text.h"
#include "relay/http_server.h"
#include "tests/support/patience.h"

using namespace fedwave;

namespace {

class Ignored final : public base::HttpReceiver {
 public:
  bool on_head(const base::HttpHead&) override { return true; }
  bool on_body(std::string_view) override { return true; }
};

}  // namespace

TEST_CASE("a proxy is shown the credentials as they are, whatever characters they have") {
  struct Row {
    std::string username;
    std::string password;
    std::string authorization;
  };
  const Row rows[] = {
      {"", "", "none"},
      {"user", "s3cr et", "Basic " + base::base64("user:s3cr et")},
      {"us@er", "p:a/s%41", "Basic " + base::base64("us@er:p:a/s%41")},
      {"user", "", "Basic " + base::base64("user:")},
      {"", "s3cret", "Basic " + base::base64(":s3cret")},
  };
  for (const Row& row : rows) {
    CAPTURE(row.username);
    std::string seen;
    auto proxy = relay::HttpServer::start({}, [&seen](const relay::HttpRequestView& request) {
      seen = std::string(request.target) + " " +
             std::string(request.header("Proxy-Authorization").value_or("none"));
      return relay::HttpReply{};
    });
    REQUIRE(proxy.has_value());
    base::HttpRequest request;
    request.url = "http://elsewhere.invalid/metrics";
    request.connect_timeout_ms = request.timeout_ms = support::kPatienceMs;
    request.proxy_url = "http://" + (*proxy)->address();
    request.proxy_username = row.username;
    request.proxy_password = row.password;
    Ignored answer;
    const auto head = relay::make_curl_client()->perform(request, answer);
    (*proxy)->stop();
    REQUIRE(head.has_value());
    CHECK(head->status == 200);
    CHECK(seen == "http://elsewhere.invalid/metrics " + row.authorization);
  }
}
