// The steps of one and of two replicas against the fake API, each by hand.
#include "relay/cluster/elector.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/fakes.h"
#include "tests/unit/relay/cluster/election_world.h"

using namespace fedwave;
using relay::ElectionState;
using relay::LeaseSpec;
using support::FakeLeaseApi;
using support::has_line;
using support::kLeaseMs;
using support::kRenewMs;
using support::Network;
using support::Replica;
using World = support::ElectionWorld;

TEST_CASE("Without a lease one is made that nobody holds, and taken after its duration") {
  World world;
  world.a.take_step();
  CHECK_FALSE(world.a.elector.is_leading());
  CHECK(world.api.spec().holder.empty());
  CHECK(world.api.spec().duration_s == 15);
  CHECK(world.wait_to_lead(world.a) >= kLeaseMs);
  const LeaseSpec spec = world.api.spec();
  CHECK(spec.holder == "a");
  CHECK(spec.acquire_time == spec.renew_time);
  CHECK(spec.transitions == 1);
  CHECK(world.a.elector.figures().state == ElectionState::Leading);
  CHECK(world.a.elector.figures().terms == 1);
}

TEST_CASE("Of two that make the lease at once, or take it at once, one succeeds") {
  World world;
  bool is_first = true;
  world.before_request_of_a = [&](const base::HttpRequest& request) {
    if (request.method != base::HttpMethod::Get && std::exchange(is_first, false)) {
      world.b.take_step();
    }
  };
  world.a.take_step();  // between its GET and its POST, b makes the lease
  CHECK(world.api.version() == 101);
  CHECK(world.a.elector.figures().last_error == "");
  world.a.take_step();
  world.pass(kLeaseMs);
  is_first = true;
  world.a.take_step();  // between its GET and its PUT, b takes the lease
  CHECK(world.b.elector.is_leading());
  CHECK_FALSE(world.a.elector.is_leading());
  CHECK(world.api.spec().holder == "b");
  CHECK(world.a.elector.figures().last_error == "");
}

TEST_CASE("A leader renews with one request and keeps times and transitions of its term") {
  World world;
  world.let_lead(world.a);
  const LeaseSpec taken = world.api.spec();
  CHECK(taken.transitions == 5);
  world.pass(world.a.elector.wait_ms());
  CHECK(world.requests_in(world.a) == 1);
  CHECK(world.api.asked[0].method == base::HttpMethod::Put);
  const LeaseSpec renewed = world.api.spec();
  CHECK(renewed.acquire_time == taken.acquire_time);
  CHECK(renewed.transitions == taken.transitions);
  CHECK(renewed.renew_time > taken.renew_time);
}

TEST_CASE("Requests carry the token, the user agent and the cluster's authority") {
  World world;
  world.a.take_step();
  for (const FakeLeaseApi::Asked& asked : world.api.asked) {
    CHECK(asked.user_agent.starts_with("fedwave/"));
    CHECK(asked.ca_file == world.folder.path() + "/ca.crt");
    CHECK(asked.timeout_ms == kRenewMs / 2);
  }
  REQUIRE(world.api.asked.size() == 2);
  const std::string base = std::string("https://10.0.0.1:443") + support::kLeasePath;
  CHECK(world.api.asked[0].url == base + "/fedwave");
  CHECK(world.api.asked[1].url == base);
}

TEST_CASE("The time as leader counts from before the request, not from the answer") {
  World world;
  world.network.delay_ms = 4'000;
  world.api.put_spec(R"({"holderIdentity":"","leaseDurationSeconds":1})");
  world.a.take_step();  // GET and PUT, four seconds each
  REQUIRE(world.a.elector.is_leading());
  world.pass(kRenewMs - 4'000 - 1);
  CHECK(world.a.elector.is_leading());
  world.pass(1);
  CHECK_FALSE(world.a.elector.is_leading());
}

TEST_CASE("Another one's lease is free once it has not changed for its own duration") {
  World world;
  world.api.put_spec(R"({"holderIdentity":"x","leaseDurationSeconds":40,"leaseTransitions":2,)"
                     R"("renewTime":"2020-01-01T00:00:00.000000Z"})");
  world.a.take_step();
  world.pass(39'999);
  world.a.take_step();
  CHECK(world.api.spec().holder == "x");
  world.pass(1);
  world.a.take_step();
  CHECK(world.a.elector.is_leading());
  CHECK(world.api.spec().transitions == 3);
}

TEST_CASE("Renewals count that differ in nothing but digits behind the second") {
  World world;
  const auto renewed_at = [&](const char* micros) {
    world.api.put_spec(R"({"holderIdentity":"x","leaseDurationSeconds":15,)"
                       R"("renewTime":"2020-01-01T00:00:00.)" +
                       std::string(micros) + "Z\"}");
  };
  for (const char* micros : {"000000", "000001", "000002", "000003"}) {
    renewed_at(micros);
    world.a.take_step();
    world.pass(kLeaseMs - 1);
    world.a.take_step();
    CHECK(world.api.spec().holder == "x");
  }
}

TEST_CASE("A leader whose wall clock stands still is seen to renew") {
  World world;
  world.let_lead(world.a);
  for (int i = 0; i < 10; ++i) {
    world.pass(2'000);
    world.a.clock.wall_offset_ms -= 2'000;
    world.a.take_step();
    world.b.take_step();
    CHECK_FALSE(world.b.elector.is_leading());
  }
  CHECK(world.a.elector.is_leading());
}

TEST_CASE("Wall clocks an hour off make no difference") {
  for (const std::int64_t offset_ms : {-3'600'000, 3'600'000}) {
    CAPTURE(offset_ms);
    World world;
    world.a.clock.wall_offset_ms += offset_ms;
    world.let_lead(world.a);
    for (int i = 0; i < 20; ++i) {
      world.pass(2'000);
      world.a.take_step();
      world.b.take_step();
      CHECK(world.a.elector.is_leading());
      CHECK_FALSE(world.b.elector.is_leading());
    }
    // a is gone; b waits for the lease's duration and no longer.
    const std::int64_t took_ms = world.wait_to_lead(world.b);
    CHECK(took_ms >= kLeaseMs - 4'400);
    CHECK(took_ms <= kLeaseMs + 4'400);
  }
}

TEST_CASE("A leader that cannot renew stops at the deadline, and only then campaigns again") {
  World world;
  world.let_lead(world.a);
  world.network.fault = Network::Fault::NeverThere;
  support::CollectedLog log;
  std::int64_t waited_ms = 0;
  while (world.a.elector.is_leading()) {
    const std::int64_t wait_ms = world.a.elector.wait_ms();
    world.pass(wait_ms);
    waited_ms += wait_ms;
    world.a.elector.step();
    REQUIRE(world.now_ms <= kRenewMs);  // no request outlives the deadline
  }
  CHECK(world.now_ms == kRenewMs);
  CHECK(world.requests_in(world.a) == 0);  // while the work has not stopped
  CHECK(world.a.elector.has_to_stop());
  CHECK(world.requests_in(world.a) == 0);
  CHECK(world.a.elector.figures().lost == 1);
  CHECK(world.a.elector.figures().state == ElectionState::Standby);
  CHECK(has_line(log.lines(), "this relay lost the lease; it stops scraping"));
  CHECK(has_line(log.lines(), "within the renew deadline: no complete answer in time"));
  world.network.fault = Network::Fault::None;
  world.a.elector.work_stopped();
  world.a.take_step();
  CHECK(world.a.elector.is_leading());  // the lease was still ours
  CHECK(world.api.spec().transitions == 5);
}

TEST_CASE("A leader whose renewal was carried out but not answered goes on") {
  World world;
  world.let_lead(world.a);
  world.pass(2'000);
  world.network.fault = Network::Fault::Lost;
  world.a.take_step();
  CHECK(world.a.elector.is_leading());
  world.network.fault = Network::Fault::None;
  world.pass(world.a.elector.wait_ms());
  CHECK(world.requests_in(world.a) == 3);  // PUT and its 409, GET, PUT
  world.pass(kRenewMs - 1);
  CHECK(world.a.elector.is_leading());
  CHECK(world.a.elector.figures().lost == 0);
}

TEST_CASE("A leader whose lease was deleted makes it again, while the others wait") {
  World world;
  world.let_lead(world.a);
  world.b.take_step();
  world.api.remove();
  world.b.take_step();  // sees first that it is gone
  CHECK(world.api.spec().holder.empty());
  CHECK_FALSE(world.b.elector.is_leading());
  world.pass(1'000);
  world.b.take_step();
  CHECK_FALSE(world.b.elector.is_leading());
  world.a.take_step();
  CHECK(world.a.elector.is_leading());
  CHECK(world.api.spec().holder == "a");
  world.api.remove();
  world.a.take_step();  // sees first that it is gone
  CHECK(world.a.elector.is_leading());
  CHECK(world.api.spec().holder == "a");
  CHECK(world.a.elector.figures().lost == 0);
}

TEST_CASE("A leader that finds another holder stops at once") {
  World world;
  world.let_lead(world.a);
  world.api.put_spec(R"({"holderIdentity":"intruder","leaseDurationSeconds":15})");
  world.a.elector.step();
  CHECK_FALSE(world.a.elector.is_leading());
  CHECK(world.a.elector.has_to_stop());
  CHECK(world.a.elector.figures().lost == 1);
  CHECK(world.a.elector.figures().holder == "intruder");
  world.a.elector.work_stopped();
  CHECK(world.wait_to_lead(world.a) >= kLeaseMs - 1);
}

TEST_CASE("A holder that was erased, or a duration cut short, does not free a lease earlier") {
  for (const char* spec :
       {R"({"holderIdentity":"","leaseDurationSeconds":15})", R"({"holderIdentity":null})",
        R"({"holderIdentity":"intruder","leaseDurationSeconds":1})", "null"}) {
    CAPTURE(spec);
    World world;
    world.let_lead(world.a);
    world.b.take_step();
    world.api.put_spec(spec);
    while (world.a.elector.is_leading()) {  // a hears of nothing
      world.b.take_step();
      CHECK_FALSE(world.b.elector.is_leading());
      world.pass(1'000);
    }
    CHECK(world.wait_to_lead(world.b) <= kLeaseMs + 2'000);
  }
}

TEST_CASE("The same words in a lease written anew are a change all the same") {
  World world;
  constexpr const char* kNobody = R"({"holderIdentity":"","leaseDurationSeconds":15})";
  world.api.put_spec(kNobody);
  world.b.take_step();
  world.pass(kLeaseMs - 1'000);
  world.let_lead(world.a);  // which b does not see
  world.api.put_spec(kNobody);
  world.pass(1'000);
  world.b.take_step();
  CHECK(world.a.elector.is_leading());
  CHECK_FALSE(world.b.elector.is_leading());
}

TEST_CASE("A replica that starts does not believe in a duration shorter than its own") {
  World world;
  world.let_lead(world.a);
  world.api.put_spec(R"({"holderIdentity":"intruder","leaseDurationSeconds":1})");
  world.b.take_step();
  CHECK(world.wait_to_lead(world.b) >= kLeaseMs);
}

TEST_CASE("A spec of nothing but null is taken after our own duration") {
  World world;
  world.api.put_spec(R"({"holderIdentity":null,"leaseDurationSeconds":null,"renewTime":null,)"
                     R"("acquireTime":null,"leaseTransitions":null})");
  world.a.take_step();
  CHECK(world.wait_to_lead(world.a) >= kLeaseMs);
  CHECK(world.api.spec().transitions == 1);
  CHECK(world.api.spec().duration_s == 15);
}

TEST_CASE("A suspended leader leads no longer when it wakes up") {
  World world;
  world.let_lead(world.a);
  const std::int64_t steady_ms = world.a.clock.steady_ms();
  world.pass(kRenewMs);
  world.a.clock.asleep_ms += kRenewMs;
  CHECK(world.a.clock.steady_ms() == steady_ms);
  CHECK_FALSE(world.a.elector.is_leading());
  CHECK(world.requests_in(world.a) == 0);
  CHECK(world.a.elector.has_to_stop());
}

TEST_CASE("A leader stopped in the middle of its renewal does not lead by an old answer") {
  World world;
  world.let_lead(world.a);
  world.before_request_of_a = [&](const base::HttpRequest&) { world.pass(kRenewMs + 5'000); };
  world.a.elector.step();
  CHECK_FALSE(world.a.elector.is_leading());
  CHECK(world.a.elector.has_to_stop());
  CHECK(world.a.elector.figures().lost == 1);
}

TEST_CASE(
    "A leader whose time runs out within a step takes the lease only after its work stopped") {
  World world;
  world.let_lead(world.a);
  world.api.put(world.api.object());  // another version, so that the renewal meets a conflict
  world.before_request_of_a = [&](const base::HttpRequest& request) {
    if (request.method != base::HttpMethod::Get) return;
    world.pass(kRenewMs);
    world.api.put_spec(R"({"holderIdentity":"","leaseDurationSeconds":1})");
  };
  CHECK(world.requests_in(world.a) == 2);
  CHECK(world.api.spec().holder.empty());
  CHECK(world.a.elector.has_to_stop());
  world.a.elector.work_stopped();
  world.a.elector.step();
  CHECK(world.a.elector.is_leading());
}

TEST_CASE("A container that is started again in the same pod leads at once") {
  World world;
  world.let_lead(world.a);
  Replica again(world.api, world.folder, world.now_ms, "a", 3);
  again.around = world.a.around;
  again.take_step();
  CHECK(again.elector.is_leading());
  CHECK(world.api.spec().transitions == 5);
}

TEST_CASE("A released lease is taken at the next look, within the retry period's jitter") {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    World world;
    world.let_lead(world.a);
    Replica other(world.api, world.folder, world.now_ms, "c", seed);
    other.around = world.b.around;
    other.take_step();
    world.a.elector.abdicate();
    CHECK_FALSE(world.a.elector.is_leading());
    CHECK(world.a.elector.has_to_stop());
    world.a.elector.work_stopped();
    world.a.elector.release(world.a.clock.boot_ms() + 2'000);
    const LeaseSpec spec = world.api.spec();
    CHECK(spec.holder.empty());
    CHECK(spec.duration_s == 1);
    CHECK(spec.transitions == 5);
    CHECK(world.a.elector.figures().state == ElectionState::Ended);
    CHECK(world.a.elector.figures().lost == 0);
    CHECK(world.wait_to_lead(other) <= 4'400);
    CHECK(world.requests_in(world.a) == 0);  // never again
  }
}

TEST_CASE("After a crash another one leads within the lease's duration and one look") {
  std::int64_t longest_ms = 0;
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    World world;
    Replica other(world.api, world.folder, world.now_ms, "c", seed);
    other.around = world.b.around;
    other.take_step();
    world.let_lead(world.a);
    longest_ms = std::max(longest_ms, world.wait_to_lead(other));
  }
  CHECK(longest_ms > kLeaseMs);
  CHECK(longest_ms <= kLeaseMs + 4'400 + 400);
}

TEST_CASE("A lease that somebody else holds by now is not given back") {
  World world;
  world.let_lead(world.a);
  world.api.put_spec(R"({"holderIdentity":"b","leaseDurationSeconds":15})");
  world.a.elector.abdicate();
  world.a.elector.release(world.a.clock.boot_ms() + 2'000);
  CHECK(world.api.spec().holder == "b");
}

TEST_CASE("A standby that ends asks for nothing") {
  World world;
  world.let_lead(world.a);
  world.b.take_step();
  world.api.asked.clear();
  world.b.elector.abdicate();
  world.b.elector.release(world.b.clock.boot_ms() + 2'000);
  CHECK(world.api.asked.empty());
}

TEST_CASE("A release that meets a conflict is tried again") {
  World world;
  world.let_lead(world.a);
  int puts = 0;
  world.before_request_of_a = [&](const base::HttpRequest& request) {
    if (request.method == base::HttpMethod::Put && ++puts == 1) {
      // A renewal from before, that was given up, is carried out just now.
      world.api.put(relay::with_spec(*relay::parse_lease(world.api.object()), world.api.spec()));
    }
  };
  world.a.elector.abdicate();
  world.a.elector.release(world.a.clock.boot_ms() + 2'000);
  CHECK(puts == 2);
  CHECK(world.api.spec().holder.empty());
}

TEST_CASE("A release against a server that hangs ends in time, and says so") {
  World world;
  world.let_lead(world.a);
  world.network.fault = Network::Fault::NeverThere;
  support::CollectedLog log;
  world.a.elector.abdicate();
  world.a.elector.release(world.a.clock.boot_ms() + 1'900);
  CHECK(world.now_ms <= 1'900);
  CHECK(world.api.spec().holder == "a");
  CHECK(has_line(log.lines(), "the lease could not be given back"));
}

TEST_CASE("Times and names that cannot work are refused with the reason") {
  const relay::ElectionOptions good{.lease = "fedwave", .lease_namespace = "mesh"};
  CHECK(relay::check_election(good));
  struct Row {
    std::function<void(relay::ElectionOptions&)> change;
    const char* reason;
  };
  const std::vector<Row> rows = {
      {[](auto& o) { o.lease = ""; }, "name of a lease"},
      {[](auto& o) { o.lease = "Foo_Bar"; },
       "\"Foo_Bar\" cannot be the name of a lease; write --lease with small letters, digits, '-' "
       "and '.', a letter or digit at both ends"},
      {[](auto& o) { o.lease = "a/b"; }, "name of a lease"},
      {[](auto& o) { o.lease = "-a"; }, "name of a lease"},
      {[](auto& o) { o.lease = std::string(254, 'a'); }, "name of a lease"},
      {[](auto& o) { o.lease_namespace = "../kube-system"; }, "name of a namespace"},
      {[](auto& o) { o.lease_duration_ms = 10'000; },
       "--lease-duration is 10s and has to be longer than --lease-renew-deadline, which is 10s; "
       "write for example --lease-duration 15s"},
      {[](auto& o) { o.renew_deadline_ms = 2'400; },
       "--lease-renew-deadline is 2.4s and has to be longer than 1.2 times --lease-retry, which is "
       "2s; write for example --lease-retry 480ms"},
      {[](auto& o) { o.retry_ms = 0; }, "--lease-retry has to be above zero"},
      {[](auto& o) {
         o.lease_duration_ms = 1'000;
         o.renew_deadline_ms = 900;
         o.retry_ms = 100;
       },
       "--lease-duration is 1s and has to be longer than one second; write for example 15s"}};
  for (const Row& row : rows) {
    relay::ElectionOptions options = good;
    row.change(options);
    const auto checked = relay::check_election(options);
    CAPTURE(row.reason);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().message.find(row.reason) != std::string::npos);
  }
}
