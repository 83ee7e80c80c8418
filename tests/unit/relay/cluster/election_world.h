// Two replicas at one fake API, each step by hand.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/relay/cluster/fake_lease_api.h"

namespace fedwave::support {

constexpr std::int64_t kLeaseMs = 15'000;
constexpr std::int64_t kRenewMs = 10'000;

// "a" and "b"; time passes in requests that take some, and in pass().
struct ElectionWorld {
  FakeLeaseApi api;
  support::AccountFolder folder;
  std::int64_t now_ms = 0;
  Network network;  // of a
  std::vector<std::pair<base::HttpMethod, std::string>> late;
  std::function<void(const base::HttpRequest&)> before_request_of_a;
  Replica a{api, folder, now_ms, "a"};
  Replica b{api, folder, now_ms, "b", 2};

  ElectionWorld() {
    for (Replica* replica : {&a, &b}) {
      const bool is_a = replica == &a;
      replica->around = {
          .network =
              [this, is_a](const base::HttpRequest& request) {
                if (is_a && before_request_of_a) before_request_of_a(request);
                return is_a ? network : Network{};
              },
          .pass = [this](std::int64_t ms) { now_ms += ms; },
          .later = [this](base::HttpMethod method,
                          std::string body) { late.emplace_back(method, std::move(body)); }};
    }
  }

  void pass(std::int64_t ms) { now_ms += ms; }

  // As a replica comes to lead that nobody is in the way of.
  void let_lead(Replica& replica) {
    api.put_spec(R"({"holderIdentity":"","leaseDurationSeconds":1,"leaseTransitions":4})");
    replica.take_step();
    REQUIRE(replica.elector.is_leading());
  }

  // Steps at the times that the replica wants, until it leads; how long that took.
  std::int64_t wait_to_lead(Replica& replica) {
    const std::int64_t from_ms = now_ms;
    while (!replica.elector.is_leading()) {
      REQUIRE(now_ms - from_ms < 100'000);
      pass(replica.elector.wait_ms());
      replica.take_step();
    }
    return now_ms - from_ms;
  }

  std::size_t requests_in(Replica& replica) {
    api.asked.clear();
    replica.elector.step();
    return api.asked.size();
  }
};

inline bool has_line(const std::vector<std::string>& lines, const std::string& part) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

}  // namespace fedwave::support
