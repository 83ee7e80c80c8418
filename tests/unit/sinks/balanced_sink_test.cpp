#include "sinks/balanced_sink.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "tests/support/fakes.h"

using namespace fedwave;
using base::Error;
using base::ErrorCode;
using base::Expected;
using sinks::BalancedSink;
using sinks::Block;
using sinks::SendOutcome;
using sinks::SendResult;
using support::CollectedLog;
using support::FakeClock;

namespace {

const SendResult kAway{SendOutcome::Retry, "unreachable", "connection refused"};
const SendResult kBusy{SendOutcome::Retry, "http_503", "HTTP 503"};
const SendResult kDenied{SendOutcome::Denied, "http_403", "HTTP 403"};

// The receivers behind the endpoints, by address; what they say can be changed at any time.
struct Receivers {
  std::map<std::string, SendResult> says;
  std::map<std::string, std::int64_t> takes_ms;  // for an answer, by the clock
  FakeClock* clock = nullptr;
  std::map<std::string, int> asked;
  std::vector<std::string> order;
  std::vector<std::string> finished;
};

class EndpointSink final : public sinks::Sink {
 public:
  EndpointSink(Receivers& receivers, std::string address, std::atomic<bool>* cancel_at_send)
      : receivers_(receivers), address_(std::move(address)), cancel_at_send_(cancel_at_send) {}
  SendResult send(const Block&) override {
    ++receivers_.asked[address_];
    receivers_.order.push_back(address_);
    if (cancel_at_send_ != nullptr) *cancel_at_send_ = true;
    if (receivers_.clock != nullptr) receivers_.clock->now_ms += receivers_.takes_ms[address_];
    return receivers_.says[address_];
  }
  void finish() override { receivers_.finished.push_back(address_); }

 private:
  Receivers& receivers_;
  const std::string address_;
  std::atomic<bool>* cancel_at_send_;
};

// A balanced sink with a clock, a name server and receivers that the test moves.
struct Setting {
  FakeClock clock;
  Receivers receivers;
  std::map<std::string, Expected<std::vector<std::string>>> names;
  int lookups = 0;
  std::atomic<bool> cancelled = false;
  bool cancel_at_send = false;
  BalancedSink sink;

  explicit Setting(std::map<std::string, Expected<std::vector<std::string>>> known)
      : names(std::move(known)), sink(options(), clock, &cancelled) {}

  sinks::BalancedSinkOptions options() {
    sinks::BalancedSinkOptions made;
    made.name = "test";
    for (const auto& [host, addresses] : names) {
      made.targets.push_back({.host = host, .label = host + ":2878"});
    }
    made.resolve = [this](const std::string& host) {
      ++lookups;
      return names.at(host);
    };
    made.make = [this](std::size_t, const std::string& address) {
      return std::make_unique<EndpointSink>(receivers, address,
                                            cancel_at_send ? &cancelled : nullptr);
    };
    made.random = std::minstd_rand(7);
    return made;
  }

  // The addresses asked during one send.
  std::vector<std::string> send(SendResult* result = nullptr) {
    receivers.order.clear();
    const SendResult sent = sink.send({});
    if (result != nullptr) *result = sent;
    return receivers.order;
  }
  void pass_ms(std::int64_t ms) { clock.now_ms += ms; }
};

using Addresses = std::vector<std::string>;

std::map<std::string, Expected<Addresses>> three() {
  return {{"proxy", Addresses{"a", "b", "c"}}};
}

}  // namespace

TEST_CASE("the work is shared evenly") {
  Setting setting(three());
  for (int i = 0; i < 300; ++i) {
    SendResult result;
    CHECK(setting.send(&result).size() == 1);
    CHECK(result.outcome == SendOutcome::Accepted);
  }
  CHECK(setting.receivers.asked == std::map<std::string, int>{{"a", 100}, {"b", 100}, {"c", 100}});
}

TEST_CASE("every address of every target is an endpoint, made for its target") {
  std::map<std::string, std::size_t> made;
  FakeClock clock;
  sinks::BalancedSinkOptions options;
  options.targets = {{.host = "x", .label = "x:1"}, {.host = "y", .label = "y:2"}};
  options.resolve = [](const std::string& host) {
    return Expected<Addresses>(host == "x" ? Addresses{"1.1.1.1", "1.1.1.2"} : Addresses{""});
  };
  Receivers receivers;
  options.make = [&](std::size_t target, const std::string& address) {
    made[address] = target;
    return std::make_unique<EndpointSink>(receivers, address, nullptr);
  };
  BalancedSink sink(std::move(options), clock, nullptr);
  for (int i = 0; i < 6; ++i) CHECK(sink.send({}).outcome == SendOutcome::Accepted);
  CHECK(made == std::map<std::string, std::size_t>{{"1.1.1.1", 0}, {"1.1.1.2", 0}, {"", 1}});
  CHECK(receivers.asked == std::map<std::string, int>{{"1.1.1.1", 2}, {"1.1.1.2", 2}, {"", 2}});
}

TEST_CASE("an endpoint in trouble is set aside, its block goes to the next, and it comes back") {
  for (const SendResult& trouble :
       {kAway, kDenied, SendResult{SendOutcome::Misplaced, "http_404", "HTTP 404"}}) {
    CAPTURE(trouble.cause);
    const CollectedLog log;
    Setting setting(three());
    setting.receivers.says["a"] = trouble;
    SendResult result;
    CHECK(setting.send(&result) == Addresses{"a", "b"});
    CHECK(result.outcome == SendOutcome::Accepted);
    for (int i = 0; i < 100; ++i) CHECK(setting.send().size() == 1);
    CHECK(setting.receivers.asked == std::map<std::string, int>{{"a", 1}, {"b", 51}, {"c", 50}});
    CHECK(log.lines() == std::vector<std::string>{"an endpoint is set aside sink=test "
                                                  "endpoint=proxy:2878 (a) error=" +
                                                  trouble.detail});
    setting.receivers.says["a"] = {};
    setting.pass_ms(1'000);
    for (int i = 0; i < 3; ++i) CHECK(setting.send().size() == 1);
    CHECK(setting.receivers.asked["a"] == 2);
    CHECK(log.lines().size() == 2);
    CHECK(log.lines().back() == "an endpoint is back sink=test endpoint=proxy:2878 (a)");
  }
}

TEST_CASE("the time aside grows from one second to thirty, and begins anew after a success") {
  const CollectedLog log;
  Setting setting({{"proxy", Addresses{"a", "b"}}});
  setting.receivers.says["a"] = kAway;
  // With full jitter any time up to the bound: never longer, now and then more than half of it.
  std::int64_t longest_ms = 0;
  const auto next_pause_ms = [&] {
    const int before = setting.receivers.asked["a"];
    std::int64_t waited_ms = 0;
    for (; setting.receivers.asked["a"] == before; waited_ms += 10) {
      setting.pass_ms(10);
      setting.send();
      REQUIRE(waited_ms <= 30'010);
    }
    return waited_ms;
  };
  setting.send();
  for (const std::int64_t bound_ms : {1'000, 2'000, 4'000, 8'000, 16'000, 30'000, 30'000}) {
    CAPTURE(bound_ms);
    CHECK(next_pause_ms() <= bound_ms + 10);
  }
  for (int i = 0; i < 20; ++i) longest_ms = std::max(longest_ms, next_pause_ms());
  CHECK(longest_ms > 15'000);
  CHECK(log.lines().size() == 1);
  setting.receivers.says["a"] = {};
  next_pause_ms();
  CHECK(log.lines().size() == 2);
  setting.receivers.says["a"] = kAway;
  next_pause_ms();
  CHECK(log.lines().size() == 3);
  CHECK(next_pause_ms() <= 1'010);
}

TEST_CASE("an endpoint that asks for a pause gets it") {
  Setting setting({{"proxy", Addresses{"a", "b"}}});
  setting.receivers.says["a"] = {SendOutcome::Retry, "http_503", "HTTP 503", 60'000};
  CHECK(setting.send() == Addresses{"a", "b"});
  setting.pass_ms(59'999);
  CHECK(setting.send() == Addresses{"b"});
  CHECK(setting.send() == Addresses{"b"});
  setting.pass_ms(1);
  CHECK(setting.send() == Addresses{"a", "b"});
}

TEST_CASE("a block that two receivers refuse is refused, and neither is set aside for it") {
  for (const SendOutcome outcome : {SendOutcome::TooLarge, SendOutcome::Refused}) {
    CAPTURE(static_cast<int>(outcome));
    const CollectedLog log;
    Setting setting(three());
    for (const char* address : {"a", "b", "c"}) {
      setting.receivers.says[address] = {outcome, "http_4xx", "HTTP 4xx", 7};
    }
    SendResult result;
    CHECK(setting.send(&result) == Addresses{"a", "b"});
    CHECK(result.outcome == outcome);
    CHECK(result.cause == "http_4xx");
    CHECK(result.detail == "HTTP 4xx");
    CHECK(result.retry_after_ms == 7);
    CHECK(setting.send() == Addresses{"c", "a"});
    CHECK(log.lines().empty());
  }
}

TEST_CASE("a receiver that alone refuses what another one takes is set aside") {
  const CollectedLog log;
  Setting setting(three());
  setting.receivers.says["a"] = {SendOutcome::Refused, "http_400", "HTTP 400"};
  SendResult result;
  CHECK(setting.send(&result) == Addresses{"a", "b"});
  CHECK(result.outcome == SendOutcome::Accepted);
  CHECK(setting.send() == Addresses{"c"});
  CHECK(setting.send() == Addresses{"b"});
  CHECK(log.lines().size() == 1);
}

TEST_CASE(
    "a receiver that asks for less leaves the work to the others; the sender hears of it only "
    "from all") {
  Setting setting(three());
  const SendResult slow_down{SendOutcome::SlowDown, "http_429", "HTTP 429", 60'000};
  setting.receivers.says["a"] = slow_down;
  SendResult result;
  CHECK(setting.send(&result) == Addresses{"a", "b"});
  CHECK(result.outcome == SendOutcome::Accepted);
  setting.pass_ms(30'000);
  CHECK(setting.send() == Addresses{"c"});
  CHECK(setting.send() == Addresses{"b"});
  setting.receivers.says["b"] = setting.receivers.says["c"] = slow_down;
  CHECK(setting.send(&result) == Addresses{"c", "b"});
  CHECK(result.outcome == SendOutcome::SlowDown);
  CHECK(result.retry_after_ms == 30'000);  // until the first of them is free
}

TEST_CASE("an endpoint that hangs takes a tenth of the time at most") {
  Setting setting({{"proxy", Addresses{"a", "b"}}});
  setting.receivers.says["a"] = {SendOutcome::Retry, "timeout", "no answer"};
  setting.receivers.takes_ms["a"] = 20'000;
  setting.receivers.clock = &setting.clock;
  CHECK(setting.send() == Addresses{"a", "b"});
  setting.pass_ms(179'999);
  CHECK(setting.send() == Addresses{"b"});
  setting.pass_ms(1);
  CHECK(setting.send() == Addresses{"a", "b"});
}

TEST_CASE("when nobody takes a block the trouble that says most is returned, always the same") {
  Setting setting(three());
  setting.receivers.says = {{"a", kAway}, {"b", kBusy}, {"c", kAway}};
  SendResult result;
  CHECK(setting.send(&result) == Addresses{"a", "b", "c"});
  CHECK(result.outcome == SendOutcome::Retry);
  CHECK(result.cause == "http_503");
  CHECK(result.detail == "proxy:2878 (b): HTTP 503");
  for (int i = 0; i < 20; ++i) {
    CHECK(setting.send(&result).size() == 1);
    CHECK(result.cause == "http_503");
  }
  setting.receivers.says = {{"a", kAway}, {"b", kAway}, {"c", kDenied}};
  setting.pass_ms(30'000);
  CHECK(setting.send(&result).size() == 3);
  CHECK(result.outcome == SendOutcome::Denied);
  CHECK(result.detail == "proxy:2878 (c): HTTP 403");
  setting.receivers.says["c"] = kAway;
  setting.pass_ms(30'000);
  CHECK(setting.send(&result).size() == 3);
  CHECK(result.detail == "proxy:2878 (a): connection refused");
}

TEST_CASE("when all are set aside the first to come back is tried, and a recovery found at once") {
  Setting setting(three());
  for (const char* address : {"a", "b", "c"}) setting.receivers.says[address] = kAway;
  CHECK(setting.send().size() == 3);
  for (const char* address : {"a", "b", "c"}) setting.receivers.says[address] = {};
  SendResult result;
  CHECK(setting.send(&result).size() == 1);
  CHECK(result.outcome == SendOutcome::Accepted);
}

TEST_CASE("while all are away each of them is tried now and then") {
  Setting setting(three());
  for (const char* address : {"a", "b", "c"}) setting.receivers.says[address] = kAway;
  for (int i = 0; i < 60; ++i) {
    setting.send();
    setting.pass_ms(500);
  }
  for (const char* address : {"a", "b", "c"}) {
    CAPTURE(address);
    CHECK(setting.receivers.asked[address] >= 4);
  }
}

TEST_CASE("the sender is told to wait only as long as every endpoint asks for") {
  Setting setting({{"proxy", Addresses{"a", "b"}}});
  setting.receivers.says["a"] = {SendOutcome::Retry, "http_503", "HTTP 503", 60'000};
  setting.receivers.says["b"] = {SendOutcome::Retry, "http_503", "HTTP 503", 20'000};
  SendResult result;
  setting.send(&result);
  CHECK(result.retry_after_ms == 20'000);
  setting.receivers.says["b"] = kAway;
  setting.pass_ms(20'000);
  setting.send(&result);
  CHECK(result.retry_after_ms == 0);
}

TEST_CASE("a single endpoint speaks for itself") {
  const CollectedLog log;
  Setting setting({{"proxy", Addresses{"a"}}});
  setting.receivers.says["a"] = {SendOutcome::Retry, "http_503", "HTTP 503", 5'000};
  SendResult result;
  CHECK(setting.send(&result) == Addresses{"a"});
  CHECK(result.detail == "HTTP 503");
  CHECK(result.retry_after_ms == 5'000);
  CHECK(setting.send(&result) == Addresses{"a"});
  CHECK(log.lines().empty());
}

TEST_CASE("names are resolved again: endpoints come and go") {
  Setting setting({{"proxy", Addresses{"a", "b"}}});
  for (int i = 0; i < 4; ++i) setting.send();
  setting.names.at("proxy") = Addresses{"b", "c"};
  setting.pass_ms(29'999);
  setting.send();
  CHECK(setting.lookups == 1);
  setting.pass_ms(1);
  setting.receivers.asked.clear();
  for (int i = 0; i < 10; ++i) CHECK(setting.send().size() == 1);
  CHECK(setting.lookups == 2);
  CHECK(setting.receivers.asked == std::map<std::string, int>{{"b", 5}, {"c", 5}});
  CHECK(setting.receivers.finished == Addresses{"a"});
  setting.sink.finish();
  CHECK(setting.receivers.finished == Addresses{"a", "b", "c"});
}

TEST_CASE("when nobody takes anything names are resolved sooner, but not with every attempt") {
  Setting setting({{"proxy", Addresses{"a"}}});
  setting.receivers.says["a"] = kAway;
  setting.send();
  setting.names.at("proxy") = Addresses{"b"};
  CHECK(setting.send() == Addresses{"a"});
  CHECK(setting.lookups == 1);
  setting.pass_ms(1'000);
  SendResult result;
  CHECK(setting.send(&result) == Addresses{"b"});
  CHECK(result.outcome == SendOutcome::Accepted);
  CHECK(setting.receivers.finished == Addresses{"a"});
}

TEST_CASE("a name that cannot be resolved keeps its known addresses") {
  const CollectedLog log;
  Setting setting({{"x", Addresses{"a"}}, {"y", Addresses{"b"}}});
  setting.send();
  const std::pair<Expected<Addresses>, const char*> rows[] = {
      {Error{ErrorCode::Unreachable, "no name server"}, "no name server"},
      {Addresses{}, "x has no address"}};
  for (const auto& [lookup, error] : rows) {
    CAPTURE(error);
    const std::size_t before = log.lines().size();
    setting.names.at("x") = lookup;
    for (int i = 0; i < 4; ++i) {
      setting.pass_ms(30'000);
      setting.receivers.asked.clear();
      setting.send();
      setting.send();
      CHECK(setting.receivers.asked == std::map<std::string, int>{{"a", 1}, {"b", 1}});
    }
    REQUIRE(log.lines().size() == before + 1);
    CHECK(log.lines().back() ==
          "a name cannot be resolved; its known addresses stay in use sink=test host=x error=" +
              std::string(error));
    setting.names.at("x") = Addresses{"a"};
    setting.pass_ms(30'000);
    setting.send();
  }
  CHECK(setting.receivers.finished.empty());
}

TEST_CASE("without any address the block waits until there is one") {
  Setting setting({{"proxy", Error{ErrorCode::Unreachable, "cannot resolve proxy"}}});
  SendResult result;
  setting.send(&result);
  CHECK(result.outcome == SendOutcome::Retry);
  CHECK(result.cause == "unreachable");
  CHECK(result.detail == "cannot resolve proxy");
  setting.names.at("proxy") = Addresses{"a"};
  setting.pass_ms(1'000);
  CHECK(setting.send(&result) == Addresses{"a"});
  CHECK(result.outcome == SendOutcome::Accepted);
}

TEST_CASE("the end of the program is not an endpoint's fault") {
  const CollectedLog log;
  Setting setting(three());
  setting.cancel_at_send = true;
  for (const char* address : {"a", "b", "c"}) setting.receivers.says[address] = kAway;
  SendResult result;
  CHECK(setting.send(&result) == Addresses{"a"});
  CHECK(result.outcome == SendOutcome::Retry);
  CHECK(log.lines().empty());
}
