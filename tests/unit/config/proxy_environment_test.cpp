#include "config/proxy_environment.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "tests/unit/config/loading.h"

using fedwave::config::no_proxy_names;
using fedwave::config::parse_url;
using fedwave::config::proxy_variable_for;

TEST_CASE("NO_PROXY names hosts by name, by what is below a name, by address and by block") {
  struct Row {
    std::string list;
    std::string host;
    int port;
    bool is_named;
  };
  const Row rows[] = {
      {"", "w", 443, false},
      {" , ,", "w", 443, false},
      {"*", "w", 443, true},
      {"*", "10.0.0.1", 443, true},
      // Names, and what is below them.
      {"w.example", "w.example", 443, true},
      {"W.Example", "w.eXAMPLE", 443, true},
      {"w.example", "w.example.", 443, true},
      {"w.example", "a.b.w.example", 443, true},
      {"w.example", "aw.example", 443, false},
      {"w.example", "example", 443, false},
      {"w.example", "w.example.com", 443, false},
      {".example", "w.example", 443, true},
      {".example", "example", 443, false},
      {".w.example", "aw.example", 443, false},
      {"*.example", "w.example", 443, true},
      {"*.example", "example", 443, false},
      {"*example", "w.example", 443, false},
      {"w.*", "w.example", 443, false},
      {".", "w.example", 443, false},
      // Several.
      {"a,b,w", "w", 443, true},
      {"a, b ,\tw\n", "w", 443, true},
      {"a b w", "w", 443, true},
      {"a,b", "w", 443, false},
      // Ports.
      {"w:443", "w", 443, true},
      {"w:443", "a.w", 443, true},
      {".w:443", "a.w", 443, true},
      {"w:443", "w", 444, false},
      {"w:", "w", 443, false},
      {"w:x", "w", 443, false},
      {"10.0.0.1:80", "10.0.0.1", 80, true},
      {"10.0.0.1:80", "10.0.0.1", 81, false},
      {"[::1]:80", "::1", 80, true},
      {"[::1]:80", "::1", 81, false},
      // Addresses.
      {"10.0.0.1", "10.0.0.1", 80, true},
      {"10.0.0.1", "10.0.0.10", 80, false},
      {"0.0.1", "10.0.0.1", 80, false},
      {"10.0.0.1", "a.10.0.0.1", 80, false},
      {"::1", "0:0:0:0:0:0:0:1", 80, true},
      {"[::1]", "::1", 80, true},
      {"FE80::1", "fe80::1%eth0", 80, true},
      {"::1", "::2", 80, false},
      // Blocks.
      {"10.0.0.0/8", "10.200.3.4", 80, true},
      {"10.0.0.0/8", "11.0.0.1", 80, false},
      {"10.0.0.0/9", "10.127.0.1", 80, true},
      {"10.0.0.0/9", "10.128.0.1", 80, false},
      {"10.1.2.3/32", "10.1.2.3", 80, true},
      {"10.1.2.3/32", "10.1.2.2", 80, false},
      {"10.1.2.3/8", "10.9.9.9", 80, true},
      {"0.0.0.0/0", "10.1.2.3", 80, true},
      {"0.0.0.0/0", "::1", 80, false},
      {"0.0.0.0/0", "w", 80, false},
      {"10.0.0.0/33", "10.0.0.0", 80, false},
      {"10.0.0.0/", "10.0.0.0", 80, false},
      {"10.0.0.0/8x", "10.0.0.0", 80, false},
      {"10.0.0/8", "10.0.0.0", 80, false},
      {"fd00::/8", "fd12:3::4", 80, true},
      {"fd00::/8", "fe00::1", 80, false},
      {"2001:db8::/33", "2001:db8:7fff::1", 80, true},
      {"2001:db8::/33", "2001:db8:8000::1", 80, false},
      {"::1/128", "::1", 80, true},
      {"::/129", "::1", 80, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.list);
    CAPTURE(row.host);
    CAPTURE(row.port);
    CHECK(no_proxy_names(row.list, row.host, static_cast<std::uint16_t>(row.port)) == row.is_named);
  }
}

TEST_CASE("the variable goes by the scheme, and the lower-case one counts first") {
  struct Row {
    std::string url;
    std::map<std::string, std::string> variables;
    std::string name;  // empty: no proxy
    std::string value;
  };
  const Row rows[] = {
      {"https://w", {}, "", ""},
      {"https://w", {{"HTTPS_PROXY", "a"}, {"HTTP_PROXY", "b"}}, "HTTPS_PROXY", "a"},
      {"http://w", {{"HTTPS_PROXY", "a"}, {"HTTP_PROXY", "b"}}, "HTTP_PROXY", "b"},
      {"https://w", {{"HTTP_PROXY", "b"}}, "", ""},
      {"http://w", {{"HTTPS_PROXY", "a"}}, "", ""},
      {"https://w", {{"HTTPS_PROXY", "a"}, {"https_proxy", "c"}}, "https_proxy", "c"},
      {"http://w", {{"HTTP_PROXY", "b"}, {"http_proxy", "d"}}, "http_proxy", "d"},
      {"https://w", {{"HTTPS_PROXY", "a"}, {"https_proxy", ""}}, "HTTPS_PROXY", "a"},
      {"https://w", {{"HTTPS_PROXY", " \n"}}, "", ""},
      {"https://w", {{"HTTPS_PROXY", " a\n"}}, "HTTPS_PROXY", "a"},
      {"https://w", {{"HTTPS_PROXY", "a"}, {"NO_PROXY", "v"}}, "HTTPS_PROXY", "a"},
      {"https://w", {{"HTTPS_PROXY", "a"}, {"NO_PROXY", "w"}}, "", ""},
      {"https://w",
       {{"HTTPS_PROXY", "a"}, {"NO_PROXY", "w"}, {"no_proxy", "v"}},
       "HTTPS_PROXY",
       "a"},
      {"https://w", {{"HTTPS_PROXY", "a"}, {"NO_PROXY", "w"}, {"no_proxy", ""}}, "", ""},
      {"https://w", {{"HTTPS_PROXY", "a"}, {"NO_PROXY", "w:443"}}, "", ""},
      {"https://w", {{"HTTPS_PROXY", "a"}, {"NO_PROXY", "w:80"}}, "HTTPS_PROXY", "a"},
      {"http://w", {{"HTTP_PROXY", "a"}, {"NO_PROXY", "w:80"}}, "", ""},
      {"http://w:8080", {{"HTTP_PROXY", "a"}, {"NO_PROXY", "w:80"}}, "HTTP_PROXY", "a"},
      {"http://localhost:2878", {{"HTTP_PROXY", "a"}}, "", ""},
      {"http://127.0.0.2:2878", {{"HTTP_PROXY", "a"}}, "", ""},
      {"http://[::1]:2878", {{"HTTP_PROXY", "a"}}, "", ""},
      {"http://localhost.example", {{"HTTP_PROXY", "a"}}, "HTTP_PROXY", "a"},
      {"http://[fd00::1]:8080", {{"HTTP_PROXY", "a"}, {"NO_PROXY", "[fd00::1]:8080"}}, "", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.url);
    CAPTURE(row.name);
    const auto url = parse_url(row.url);
    REQUIRE(url.has_value());
    const auto variable = proxy_variable_for(*url, loading::environment(row.variables));
    CHECK(variable.has_value() == !row.name.empty());
    if (!variable) continue;
    CHECK(variable->name == row.name);
    CHECK(variable->value == row.value);
  }
}
