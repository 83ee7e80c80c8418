// Leadership by a Lease of Kubernetes: the thread that takes an Elector's steps and tells the
// listener. Options and rules are those of relay/cluster/elector.h. Made and ended by the command
// that runs the relay; the clock outlives it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "relay/base/clock.h"
#include "relay/base/expected.h"
#include "relay/base/http_client.h"
#include "relay/cluster/elector.h"
#include "relay/cluster/leadership.h"
#include "relay/cluster/service_account.h"

namespace fedwave::relay {

// What the command line leaves open, from the environment and the service account: the namespace
// (POD_NAMESPACE, else the account's own) and the identity. The result has been checked.
base::Expected<ElectionOptions> complete_election(ElectionOptions options,
                                                  const config::Environment& environment,
                                                  ServiceAccount account);

class Election final : public Leadership {
 public:
  // For so long the API server may keep release() waiting; ending a request that is under way may
  // take another second.
  static constexpr std::int64_t kReleaseMs = 1'900;

  Election(const ElectionOptions& options, ServiceAccount account,
           std::unique_ptr<base::HttpClient> http, const base::Clock& clock,
           std::int64_t release_ms = kReleaseMs);
  ~Election() override;  // as release()
  Election(const Election&) = delete;
  Election& operator=(const Election&) = delete;

  // Any thread.
  [[nodiscard]] bool is_leading() const override { return elector_.is_leading(); }
  [[nodiscard]] ElectionFigures figures() const;

  // Before start(). The listener runs on the election's thread, which renews the lease: told true,
  // it is to return soon.
  void on_change(std::function<void(bool is_leading)> listener) override;

  void start();

  // The orderly end: from the call on is_leading() is false; the listener is told so where it was
  // told true, and then the lease is given back. Whoever has a lot to finish that needs no lease,
  // as delivering, does it afterwards. A second call does nothing.
  void release();

 private:
  void loop(const std::stop_token& stop) noexcept;
  void tell();
  void wait(const std::stop_token& stop);
  void publish();

  const base::Clock& clock_;
  const std::int64_t release_ms_;
  std::atomic<bool> cancelled_ = false;
  LeaseClient client_;
  Elector elector_;
  std::function<void(bool)> listener_ = [](bool) {};
  bool was_told_ = false;  // the listener: that this relay leads
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  ElectionFigures figures_;  // with mutex_
  std::jthread thread_;
};

}  // namespace fedwave::relay
