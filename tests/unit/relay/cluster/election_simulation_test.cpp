// Three replicas for days, in a world where everything goes wrong: requests fail, hang, are carried
// out late; clocks are wrong; machines freeze and processes die; somebody deletes and edits the
// lease. While one replica waits for an answer, the others go on. All choices come from the seed.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>

#include "tests/unit/relay/cluster/fake_lease_api.h"

using namespace fedwave;
using support::FakeLeaseApi;
using support::Network;
using support::Replica;

namespace {

constexpr std::size_t kReplicas = 3;
constexpr std::int64_t kHourMs = 3'600'000;
// The lease of a holder that is gone, up to twenty seconds, a frozen replica and a few looks.
constexpr std::int64_t kCalmUntilLeaderMs = 45'000;

class Simulation {
 public:
  explicit Simulation(std::uint32_t seed) : random_(seed) {
    for (std::size_t i = 0; i < kReplicas; ++i) start(i, "r" + std::to_string(i));
  }

  void run_until(std::int64_t end_ms) {
    while (take_next_event(end_ms)) {
    }
    pass_to(end_ms);
    look();
  }

  void set_trouble(bool is_trouble) { has_trouble_ = is_trouble; }

  [[nodiscard]] std::int64_t now_ms() const { return now_ms_; }
  [[nodiscard]] std::size_t leaders() const {
    std::size_t count = 0;
    for (const Node& node : nodes_) count += node.replica->elector.is_leading() ? 1 : 0;
    return count;
  }

  std::uint64_t steps = 0;
  std::uint64_t two_leaders = 0;
  std::uint64_t changes = 0;
  std::int64_t led_ms = 0;

 private:
  struct Node {
    std::unique_ptr<Replica> replica;
    std::int64_t next_ms = 0;
    bool is_busy = false;
  };
  struct LateRequest {
    std::int64_t at_ms;
    base::HttpMethod method;
    std::string body;
  };

  std::int64_t pick(std::int64_t max) {
    return std::uniform_int_distribution<std::int64_t>(0, max)(random_);
  }
  bool chance(int percent) { return has_trouble_ && pick(99) < percent; }

  void start(std::size_t i, const std::string& identity) {
    Node& node = nodes_[i];
    node.replica = std::make_unique<Replica>(api_, folder_, now_ms_, identity,
                                             static_cast<std::uint32_t>(random_()));
    Replica& replica = *node.replica;
    replica.clock.wall_offset_ms += pick(2 * kHourMs) - kHourMs;
    replica.clock.boot_offset_ms += pick(kHourMs);
    replica.around = {.network = [this](const base::HttpRequest&) { return any_network(); },
                      .pass = [this](std::int64_t ms) { run_until(now_ms_ + ms); },
                      .later =
                          [this](base::HttpMethod method, std::string body) {
                            late_.push_back({now_ms_ + pick(40'000), method, std::move(body)});
                          }};
    node.next_ms = now_ms_ + pick(2'000);
  }

  Network any_network() {
    using Fault = Network::Fault;
    Network network{.delay_ms = pick(30)};
    if (!has_trouble_) return network;
    if (chance(10)) network.delay_ms = pick(5'000);
    const std::array<Fault, 6> faults{Fault::Refused,    Fault::Dropped, Fault::Lost,
                                      Fault::NeverThere, Fault::Late,    Fault::Status};
    if (chance(api_is_down_ ? 90 : 15)) network.fault = faults[pick(faults.size() - 1)];
    constexpr std::array<int, 5> kStatus{401, 403, 429, 500, 503};
    network.status = kStatus[static_cast<std::size_t>(pick(kStatus.size() - 1))];
    return network;
  }

  // The earliest of all events up to `end_ms`; false when there is none.
  bool take_next_event(std::int64_t end_ms) {
    Node* next = nullptr;
    for (Node& node : nodes_) {
      if (!node.is_busy && (next == nullptr || node.next_ms < next->next_ms)) next = &node;
    }
    const auto late = std::min_element(
        late_.begin(), late_.end(),
        [](const LateRequest& one, const LateRequest& two) { return one.at_ms < two.at_ms; });
    const bool late_first =
        late != late_.end() && (next == nullptr || late->at_ms <= next->next_ms);
    if (!late_first && next == nullptr) return false;
    const std::int64_t at_ms = late_first ? late->at_ms : next->next_ms;
    if (at_ms > end_ms) return false;
    pass_to(at_ms);
    if (late_first) {
      const LateRequest request = *late;
      late_.erase(late);
      (void)api_.apply(request.method, request.body);
    } else {
      turn_of(*next);
    }
    look();
    return true;
  }

  void pass_to(std::int64_t at_ms) {
    const std::int64_t step_ms = std::max<std::int64_t>(0, at_ms - now_ms_);
    if (leaders() == 1) led_ms += step_ms;
    now_ms_ += step_ms;
  }

  void turn_of(Node& node) {
    trouble_of_any_kind();
    node.is_busy = true;
    ++steps;
    const std::uint64_t terms = node.replica->elector.figures().terms;
    node.replica->elector.step();
    if (node.replica->elector.figures().terms != terms) ++changes;
    if (node.replica->elector.has_to_stop()) {
      // The last scrape takes a while to end.
      run_until(now_ms_ + (has_trouble_ ? pick(3'000) : 0));
      node.replica->elector.work_stopped();
    }
    node.is_busy = false;
    node.next_ms = now_ms_ + node.replica->elector.wait_ms();
    if (chance(2)) node.next_ms += pick(30'000);  // the process, or its machine, is frozen
    if (chance(2)) end(static_cast<std::size_t>(&node - nodes_.data()));
  }

  // In order or not; the next one is the same pod, or another.
  void end(std::size_t i) {
    Replica& replica = *nodes_[i].replica;
    const std::string identity = replica.elector.figures().identity;
    const bool is_orderly = chance(50);
    if (is_orderly) {
      nodes_[i].is_busy = true;
      replica.elector.abdicate();
      if (replica.elector.has_to_stop()) replica.elector.work_stopped();
      replica.elector.release(replica.clock.boot_ms() + 10);  // too short for a real pause
      nodes_[i].is_busy = false;
    }
    start(i, chance(50) ? identity : "r" + std::to_string(names_++));
  }

  void trouble_of_any_kind() {
    if (chance(1)) api_is_down_ = !api_is_down_;
    if (!has_trouble_) api_is_down_ = false;
    if (chance(1)) api_.remove();
    if (chance(1)) {
      api_.put_spec(R"({"holderIdentity":"intruder","leaseDurationSeconds":)" +
                    std::to_string(1 + pick(20)) + "}");
    }
    if (chance(1)) api_.put_spec("null");
    if (chance(1)) api_.put_spec(R"({"holderIdentity":"","leaseDurationSeconds":15})");
  }

  void look() {
    if (leaders() > 1) ++two_leaders;
  }

  std::mt19937 random_;
  FakeLeaseApi api_;
  support::AccountFolder folder_;
  std::int64_t now_ms_ = 0;
  std::array<Node, kReplicas> nodes_;
  std::vector<LateRequest> late_;
  std::size_t names_ = kReplicas;
  bool has_trouble_ = true;
  bool api_is_down_ = false;
};

}  // namespace

TEST_CASE(
    "Whatever happens, there are never two leaders, and soon after the trouble there is one") {
  std::uint64_t steps = 0;
  std::uint64_t changes = 0;
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Simulation simulation(seed);
    for (int round = 0; round < 12; ++round) {
      simulation.set_trouble(true);
      simulation.run_until(simulation.now_ms() + 300'000);
      simulation.set_trouble(false);
      simulation.run_until(simulation.now_ms() + kCalmUntilLeaderMs);
      CHECK(simulation.leaders() == 1);
    }
    CHECK(simulation.two_leaders == 0);
    CHECK(simulation.changes >= 30);
    CHECK(simulation.led_ms > simulation.now_ms() / 3);
    steps += simulation.steps;
    changes += simulation.changes;
  }
  MESSAGE(steps, " steps, ", changes, " changes of the leader");
  CHECK(steps > 10'000);
}

TEST_CASE("Without trouble the first leader stays") {
  Simulation simulation(99);
  simulation.set_trouble(false);
  simulation.run_until(24 * kHourMs);
  CHECK(simulation.changes == 1);
  CHECK(simulation.led_ms > 24 * kHourMs - 25'000);
  CHECK(simulation.two_leaders == 0);
}
