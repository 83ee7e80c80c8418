// The thread around the steps: with the real clock, short times, and a fake API.
#include "relay/cluster/election.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/patience.h"
#include "tests/unit/relay/cluster/fake_lease_api.h"

using namespace fedwave;
using relay::Election;
using relay::ElectionState;
using support::FakeLeaseApi;
using support::kPatienceMs;
using support::wait_until;

namespace {

// As the fake API's own client, but hanging takes real time and can be cancelled.
class ThreadedClient final : public base::HttpClient {
 public:
  struct Shared {
    FakeLeaseApi api;
    std::mutex mutex;  // guards the API
    std::atomic<bool> hangs = false;
    std::atomic<int> hanging = 0;
  };
  explicit ThreadedClient(Shared& shared) : shared_(shared) {}

  base::Expected<base::HttpHead> perform(const base::HttpRequest& request,
                                         base::HttpReceiver& receiver) override {
    if (shared_.hangs) return hang(request);
    support::ApiAnswer answer;
    {
      const std::lock_guard lock(shared_.mutex);
      answer = shared_.api.handle(request);
    }
    const base::HttpHead head{.status = answer.status};
    receiver.on_head(head);
    receiver.on_body(answer.body);
    return head;
  }

 private:
  base::Expected<base::HttpHead> hang(const base::HttpRequest& request) {
    ++shared_.hanging;
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(request.timeout_ms);
    while (std::chrono::steady_clock::now() < end) {
      if (request.cancelled != nullptr && *request.cancelled) {
        return base::Error{base::ErrorCode::Cancelled, "cancelled"};
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return base::Error{base::ErrorCode::Timeout, "no complete answer in time"};
  }

  Shared& shared_;
};

struct Stage {
  ThreadedClient::Shared shared;
  support::AccountFolder folder;

  Stage() { shared.api.put_spec(R"({"holderIdentity":"","leaseDurationSeconds":1})"); }

  std::unique_ptr<Election> election(const std::string& identity,
                                     std::int64_t renew_deadline_ms = kPatienceMs,
                                     std::int64_t release_ms = kPatienceMs) {
    relay::ElectionOptions options{.lease = "fedwave",
                                   .lease_namespace = "mesh",
                                   .identity = identity,
                                   .lease_duration_ms = 2 * renew_deadline_ms,
                                   .renew_deadline_ms = renew_deadline_ms,
                                   .retry_ms = 10};
    return std::make_unique<Election>(options, folder.account(),
                                      std::make_unique<ThreadedClient>(shared),
                                      base::system_clock(), release_ms);
  }
  relay::LeaseSpec spec() {
    const std::lock_guard lock(shared.mutex);
    return shared.api.spec();
  }
};

}  // namespace

TEST_CASE("The listener hears of the lead, and before the lease is given back that it is over") {
  Stage stage;
  const auto election = stage.election("a");
  std::vector<bool> told;
  std::string holder_when_told;
  election->on_change([&](bool is_leading) {
    told.push_back(is_leading);
    CHECK(election->is_leading() == is_leading);
    if (!is_leading) holder_when_told = stage.spec().holder;
  });
  CHECK_FALSE(election->is_leading());
  election->start();
  wait_until([&] { return election->figures().state == ElectionState::Leading; });
  CHECK(election->is_leading());
  election->release();
  CHECK_FALSE(election->is_leading());
  CHECK(told == std::vector<bool>{true, false});
  CHECK(holder_when_told == "a");
  CHECK(stage.spec().holder.empty());
  CHECK(election->figures().state == ElectionState::Ended);
  election->release();
}

TEST_CASE("The next one leads after a release, and never both") {
  Stage stage;
  auto leader = stage.election("r0");
  leader->start();
  wait_until([&] { return leader->is_leading(); });
  for (int i = 1; i <= 20; ++i) {
    auto next = stage.election("r" + std::to_string(i));
    next->start();
    wait_until([&] { return next->figures().holder == "r" + std::to_string(i - 1); });
    CHECK_FALSE(next->is_leading());
    leader->release();
    wait_until([&] { return next->is_leading(); });
    leader = std::move(next);
  }
}

TEST_CASE("A leader that loses the lease asks for nothing before its listener has returned") {
  Stage stage;
  const auto election = stage.election("a");
  std::atomic<bool> may_return = false;
  std::atomic<bool> is_stopping = false;
  // Also when the test fails: the election waits for its listener.
  const std::shared_ptr<void> at_end(nullptr, [&](void*) { may_return = true; });
  election->on_change([&](bool is_leading) {
    if (is_leading) return;
    is_stopping = true;
    while (!may_return) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  election->start();
  wait_until([&] { return election->is_leading(); });
  {
    const std::lock_guard lock(stage.shared.mutex);
    stage.shared.api.put_spec(R"({"holderIdentity":"intruder","leaseDurationSeconds":15})");
  }
  wait_until([&] { return is_stopping.load(); });
  CHECK_FALSE(election->is_leading());
  CHECK(election->figures().state == ElectionState::Standby);
  const auto asked = [&] {
    const std::lock_guard lock(stage.shared.mutex);
    return stage.shared.api.asked.size();
  };
  const std::size_t asked_before = asked();
  std::this_thread::sleep_for(std::chrono::milliseconds(60));
  CHECK(asked() == asked_before);
  may_return = true;
  wait_until([&] { return asked() > asked_before; });
}

TEST_CASE("A release while a request hangs ends soon, and gives the lease back where it can") {
  for (const bool stays_hung : {true, false}) {
    CAPTURE(stays_hung);
    Stage stage;
    // An API that stays hung is not worth more than a moment.
    const auto election = stage.election("a", kPatienceMs, stays_hung ? 200 : kPatienceMs);
    election->start();
    wait_until([&] { return election->is_leading(); });
    stage.shared.hangs = true;
    wait_until([&] { return stage.shared.hanging > 0; });
    CHECK(election->is_leading());
    if (!stays_hung) stage.shared.hangs = false;
    election->release();  // the request alone would take thirty seconds
    CHECK_FALSE(election->is_leading());
    CHECK(stage.spec().holder == (stays_hung ? "a" : ""));
  }
}

TEST_CASE("A leader whose requests hang is told to stop at its deadline") {
  Stage stage;
  const auto election = stage.election("a", 300, 200);
  std::atomic<bool> was_told_to_stop = false;
  election->on_change([&](bool is_leading) { was_told_to_stop = !is_leading; });
  election->start();
  wait_until([&] { return election->figures().terms > 0; });
  stage.shared.hangs = true;
  // From here on nothing is answered. (A machine that pauses may have cost it the lease before.)
  wait_until([&] { return stage.shared.hanging > 0; });
  wait_until([&] { return was_told_to_stop.load(); });
  CHECK_FALSE(election->is_leading());
  CHECK(election->figures().lost == election->figures().terms);
}

TEST_CASE("An election that was never started ends as well") {
  Stage stage;
  const auto election = stage.election("a");
  election->release();
  CHECK_FALSE(election->is_leading());
  CHECK(stage.shared.api.asked.empty());
}
