#include "config/url.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using fedwave::config::has_parameter;
using fedwave::config::host_port_text;
using fedwave::config::parse_host_port;
using fedwave::config::parse_url;
using fedwave::config::percent_encoded;

TEST_CASE("only what cannot stand in a URL is encoded") {
  struct Row {
    std::string written;
    std::string url;
  };
  const Row rows[] = {
      {"http://h:9090/federate?match[]={job=~\"a|b\"}",
       "http://h:9090/federate?match[]=%7Bjob=~%22a%7Cb%22%7D"},
      {"http://h/federate?match[]=%7Bjob%3D%22a%22%7D",
       "http://h/federate?match[]=%7Bjob%3D%22a%22%7D"},
      {"http://h/a?x=50%&y=%4&z=%zz&w=%41", "http://h/a?x=50%25&y=%254&z=%25zz&w=%41"},
      {"http://h/a b?c d='e'", "http://h/a%20b?c%20d='e'"},
      {"http://h/?a=<>^`\\\x01", "http://h/?a=%3C%3E%5E%60%5C%01"},
      {"http://h/?a=\u00E9", "http://h/?a=%C3%A9"},
      {"HTTPS://Host/Path", "https://Host/Path"},
      {"http://h", "http://h"},
      {"http://h?a=b", "http://h?a=b"},
      {"http://[::1]:9090/m", "http://[::1]:9090/m"},
      {"http://h/m?a=/@:?", "http://h/m?a=/@:?"},
      {"http://h/m#part", "http://h/m"},
      {"http://h:/m", "http://h/m"},
      {"http://[::1]:", "http://[::1]"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.written);
    const auto url = parse_url(row.written);
    REQUIRE(url.has_value());
    CHECK(url->without_credentials() == row.url);
    CHECK_FALSE(url->has_credentials);
  }
}

TEST_CASE("credentials are taken out of a URL and decoded") {
  const auto url = parse_url("https://us%40er:p:a%2Fss@h:1/x");
  REQUIRE(url.has_value());
  CHECK(url->has_credentials);
  CHECK(url->username == "us@er");
  CHECK(url->password == "p:a/ss");
  CHECK(url->without_credentials() == "https://h:1/x");
  CHECK(url->host == "h");
  CHECK(url->port == 1);
}

TEST_CASE("a host and port is read with and without brackets") {
  struct Row {
    std::string text;
    std::string host;
    int port;
  };
  const Row rows[] = {
      {"proxy:2878", "proxy", 2878}, {"proxy", "proxy", 0},
      {"[::1]:2878", "::1", 2878},   {"[fe80::1]", "fe80::1", 0},
      {"10.0.0.1:1", "10.0.0.1", 1}, {"a_b-c.d:65535", "a_b-c.d", 65535},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse_host_port(row.text);
    REQUIRE(parsed.has_value());
    CHECK(parsed->host == row.host);
    CHECK(parsed->port == row.port);
    if (row.port != 0) CHECK(host_port_text(parsed->host, parsed->port) == row.text);
  }
  for (const std::string bad : {"", ":1", "a:", "a:0", "a:65536", "a:1x", "a:-1", "::1", "[::1",
                                "[::1]x", "a b:1", "a/b:1", "[]:1", "[abc]:1"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_host_port(bad).has_value());
  }
}

TEST_CASE("a parameter is found by its decoded name") {
  CHECK(has_parameter("match[]=x", "match[]"));
  CHECK(has_parameter("a=b&match%5B%5D=x", "match[]"));
  CHECK(has_parameter("match%5b%5d", "match[]"));
  CHECK_FALSE(has_parameter("match=x", "match[]"));
  CHECK_FALSE(has_parameter("a=match[]", "match[]"));
  CHECK_FALSE(has_parameter("", "match[]"));
}

TEST_CASE("the parameters of a query are read as a server reads them") {
  const auto parameters =
      fedwave::config::query_parameters("a=1+2%2B3&&match%5B%5D={x=\"&y&=z&%e9=%&a=");
  const std::vector<std::vector<std::string>> expected = {{"a=1+2%2B3", "a", "1 2+3"},
                                                          {"match%5B%5D={x=\"", "match[]", "{x=\""},
                                                          {"y", "y", ""},
                                                          {"=z", "", "z"},
                                                          {"%e9=%", "\xe9", "%"},
                                                          {"a=", "a", ""}};
  REQUIRE(parameters.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(std::vector{parameters[i].text, parameters[i].name, parameters[i].value} == expected[i]);
  }
}

TEST_CASE("a parameter is secret by how its name ends, and more of them are put at the end") {
  using fedwave::config::Parameter;
  for (const std::string name : {"token", "access_token", "API-KEY", "key", "x-amz-Signature"}) {
    CAPTURE(name);
    CHECK(fedwave::config::is_secret(Parameter{name + "=x", name, "x"}));
  }
  for (const std::string name : {"match[]", "", "tokens", "time", "keys"}) {
    CAPTURE(name);
    CHECK_FALSE(fedwave::config::is_secret(Parameter{name + "=token", name, "token"}));
  }
  using fedwave::config::with_parameters;
  CHECK(with_parameters("http://h/m", "") == "http://h/m");
  CHECK(with_parameters("http://h/m", "t=1&k=2") == "http://h/m?t=1&k=2");
  CHECK(with_parameters("http://h/m?", "t=1") == "http://h/m?t=1");
  CHECK(with_parameters("http://h/m?a=b", "t=1") == "http://h/m?a=b&t=1");
}

TEST_CASE("percent encoding leaves only what is never special") {
  CHECK(percent_encoded("{a=~\".+\"} -._~Z9") == "%7Ba%3D~%22.%2B%22%7D%20-._~Z9");
  CHECK(percent_encoded("\u00E9&") == "%C3%A9%26");
}
