// One replica's part in an election by a Lease, a step at a time and without a thread of its own
// (relay/cluster/election.h brings that).
//
// There is never more than one leader:
//  - What counts of another one's lease is for how long we have not seen it change, by our own
//    clock. The times in it come from clocks that may be wrong and do not count; its version, which
//    the API server changes with every write, does.
//  - A leader leads for the renew deadline, counted from before the request that renewed the lease
//    was sent. Others may take the lease only after its duration, which is longer, counted from
//    after the answer that showed it. Both by a clock that goes on during a suspend.
//  - Every write names the version of the object that it replaces, so of two only one succeeds.
//  - Where the lease was deleted, or its holder, a leader may still be at work: a lease without a
//    holder is free only after its duration as well. A missing one is made anew without a holder.
//    Only a lease that was released in order, told by its duration of one second, is free at once.
//  - Who has lost the lease takes no part before work_stopped().
//
// One thread; is_leading() and abdicate() from any. Client and clock outlive it.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include "relay/base/clock.h"
#include "relay/base/expected.h"
#include "relay/cluster/cluster_figures.h"
#include "relay/cluster/lease_client.h"

namespace fedwave::relay {

struct ElectionOptions {
  std::string lease;  // the name of the object
  std::string lease_namespace;
  std::string identity;                     // ours; no two replicas have the same
  std::int64_t lease_duration_ms = 15'000;  // the others are told whole seconds, rounded up
  std::int64_t renew_deadline_ms = 10'000;
  std::int64_t retry_ms = 2'000;
};

// Whether the names can be names, and: lease duration > renew deadline > 1.2 × retry. A namespace
// that is still open is not looked at.
base::Expected<void> check_election(const ElectionOptions& options);

class Elector {
 public:
  Elector(ElectionOptions options, LeaseClient& client, const base::Clock& clock,
          std::uint32_t seed);

  // True while the lease is certainly ours.
  [[nodiscard]] bool is_leading() const {
    return !has_abdicated_ && clock_.boot_ms() < lead_until_ms_;
  }

  // Renews the lease when it is ours, otherwise tries to get it.
  void step();

  // Until the next step, but not beyond the time for which the lease is ours.
  [[nodiscard]] std::int64_t wait_ms();

  // It led and leads no longer: all work has to stop, and work_stopped() has to be called, before
  // step() does anything again.
  [[nodiscard]] bool has_to_stop();
  void work_stopped() { is_leader_ = false; }

  // Leads no longer, and never again.
  void abdicate() { has_abdicated_ = true; }

  // After abdicate() and once the work has stopped: gives the lease back, so that nobody has to
  // wait for its end.
  void release(std::int64_t until_boot_ms);

  [[nodiscard]] const ElectionFigures& figures() const { return figures_; }

 private:
  struct Observed {
    std::string version;
    std::int64_t free_at_ms = 0;  // boot time
  };

  void renew();
  void campaign();
  void make_anew();
  LeaseAnswer hold(const Lease& lease);
  void lead(const Lease& lease, std::int64_t requested_ms);
  void observe(const Lease& lease);
  void lose(const std::string& reason);
  bool release_once(std::int64_t until_boot_ms);
  void enter(ElectionState state);
  void note_trouble(const LeaseAnswer& answer);
  [[nodiscard]] const char* trouble_text() const;
  void note_all_is_well();
  [[nodiscard]] bool is_ours(const LeaseSpec& spec) const {
    return spec.holder == options_.identity;
  }
  [[nodiscard]] bool may_take(const LeaseSpec& spec) const;
  [[nodiscard]] LeaseSpec held(const LeaseSpec& before) const;
  [[nodiscard]] LeaseSpec without_holder() const;
  [[nodiscard]] std::string now_text() const;
  [[nodiscard]] std::int64_t timeout_ms() const;
  [[nodiscard]] std::int64_t random_ms(std::int64_t max_ms);

  const ElectionOptions options_;
  const std::int64_t duration_s_;
  LeaseClient& client_;
  const base::Clock& clock_;
  std::minstd_rand random_;
  std::atomic<std::int64_t> lead_until_ms_ = 0;  // boot time
  std::atomic<bool> has_abdicated_ = false;
  bool is_leader_ = false;      // from our success until work_stopped()
  bool may_hold_ = false;       // as far as we know the API server may have us as holder
  std::optional<Lease> lease_;  // as last received
  std::optional<Observed> observed_;
  bool has_trouble_ = false;   // in the step at hand
  std::string trouble_cause_;  // of the last step that had any; empty once it is over
  ElectionFigures figures_;
};

}  // namespace fedwave::relay
