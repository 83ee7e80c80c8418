// What a replica makes of an API server that refuses, hangs or talks nonsense, and what it tells.
#include "relay/cluster/elector.h"

#include <doctest/doctest.h>

#include "tests/support/fakes.h"
#include "tests/unit/relay/cluster/election_world.h"

using namespace fedwave;
using relay::ElectionState;
using support::has_line;
using support::Network;
using World = support::ElectionWorld;

TEST_CASE("What goes wrong is told once, with what to do, and again when it is over") {
  struct Row {
    Network network;
    const char* cause;
    const char* advice;
  };
  using Fault = Network::Fault;
  for (const Row& row :
       {Row{{.fault = Fault::Status, .status = 403},
            "http_403",
            "the service account may not get leases in namespace mesh: bind it to a Role there "
            "with apiGroups [coordination.k8s.io], resources [leases], verbs [get, update, "
            "create]"},
        Row{{.fault = Fault::Status, .status = 401}, "http_401", "does not accept the token in"},
        Row{{.fault = Fault::Status, .status = 429}, "http_429", "HTTP 429 \"as the test wants\""},
        Row{{.fault = Fault::Status, .status = 500}, "http_500", "HTTP 500 \"as the test wants\""},
        Row{{.fault = Fault::NeverThere}, "timeout", "NetworkPolicy"},
        Row{{.fault = Fault::Refused}, "unreachable", "NetworkPolicy"},
        Row{{.fault = Fault::Dropped}, "truncated", "the connection ended"}}) {
    CAPTURE(row.cause);
    World world;
    world.let_lead(world.b);
    support::CollectedLog log;
    world.network = row.network;
    for (int i = 0; i < 3; ++i) world.a.take_step();
    CHECK_FALSE(world.a.elector.is_leading());
    CHECK(world.a.elector.figures().state == ElectionState::Standby);
    CHECK(world.a.elector.figures().failures_by_cause.at(row.cause) == 3);
    CHECK(world.a.elector.figures().last_error.find(row.advice) != std::string::npos);
    CHECK(log.lines().size() == 1);
    CHECK(has_line(log.lines(), row.advice));
    world.network = {};
    world.a.take_step();
    CHECK(world.a.elector.figures().last_error == "");
    CHECK(has_line(log.lines(), "the API server answers for the lease again"));
  }
}

TEST_CASE("A Role without one verb is told by that verb, and once") {
  struct Row {
    base::HttpMethod method;
    const char* advice;
  };
  for (const Row& row : {Row{base::HttpMethod::Post, "may not create leases"},
                         Row{base::HttpMethod::Put, "may not update leases"}}) {
    World world;
    if (row.method == base::HttpMethod::Put) {
      world.api.put_spec(R"({"holderIdentity":"","leaseDurationSeconds":1})");
    }
    world.before_request_of_a = [&](const base::HttpRequest& request) {
      world.network.fault =
          request.method == row.method ? Network::Fault::Status : Network::Fault::None;
      world.network.status = 403;
    };
    world.a.take_step();
    support::CollectedLog log;
    for (int i = 0; i < 3; ++i) world.a.take_step();
    CHECK(world.a.elector.figures().last_error.find(row.advice) != std::string::npos);
    CHECK_FALSE(has_line(log.lines(), "cannot"));
    CHECK_FALSE(has_line(log.lines(), "again"));
  }
}

TEST_CASE("A token that was refused is asked for again, and used at once when it is another one") {
  World world;
  world.let_lead(world.a);
  world.api.token = "second";
  world.before_request_of_a = [&, is_first = true](const base::HttpRequest&) mutable {
    if (!std::exchange(is_first, false)) return;
    world.folder.write("token", "second");  // kubelet, just after the token was read
  };
  CHECK(world.requests_in(world.a) == 2);
  CHECK(world.a.elector.figures().last_error == "");
  world.api.token = "third";
  CHECK(world.requests_in(world.a) == 1);
  CHECK(world.a.elector.is_leading());  // for the time that is left
  CHECK(world.a.elector.figures().failures_by_cause.at("http_401") == 1);
  world.folder.write("token", "third");
  CHECK(world.requests_in(world.a) == 1);
  CHECK(world.a.elector.figures().last_error == "");
}

TEST_CASE("The token never appears in an error") {
  World world;
  world.folder.write("token", "s3cr3t");
  world.a.around.network = [](const base::HttpRequest&) { return Network{}; };
  class Echo final : public base::HttpClient {
   public:
    base::Expected<base::HttpHead> perform(const base::HttpRequest& request,
                                           base::HttpReceiver& receiver) override {
      const base::HttpHead head{.status = 500};
      receiver.on_head(head);
      receiver.on_body("you sent " + request.headers[0]);
      return head;
    }
  };
  relay::LeaseClient client("fedwave", "mesh", world.folder.account(), std::make_unique<Echo>(),
                            nullptr);
  const relay::LeaseAnswer answer = client.get(1'000);
  CHECK(answer.error == "HTTP 500");
}

TEST_CASE("Answers that are no lease, or endless, are errors like any other") {
  struct Page final : public base::HttpClient {
    std::string body;
    base::Expected<base::HttpHead> perform(const base::HttpRequest&,
                                           base::HttpReceiver& receiver) override {
      const base::HttpHead head{.status = 200};
      receiver.on_head(head);
      if (!receiver.on_body(body)) return base::Error{base::ErrorCode::Cancelled, "stopped"};
      return head;
    }
  };
  const support::AccountFolder folder;
  struct Row {
    std::string body;
    const char* cause;
  };
  for (const Row& row :
       {Row{"<html>log in</html>", "bad_encoding"}, Row{std::string(300'000, ' '), "body_limit"}}) {
    auto page = std::make_unique<Page>();
    page->body = row.body;
    relay::LeaseClient client("fedwave", "mesh", folder.account(), std::move(page), nullptr);
    const relay::LeaseAnswer answer = client.get(1'000);
    CHECK_FALSE(answer.lease);
    CHECK(answer.cause == row.cause);
  }
}
