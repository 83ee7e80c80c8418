#include "relay/cluster/election.h"

#include <chrono>
#include <random>
#include <utility>

#include "relay/base/log.h"

namespace fedwave::relay {

base::Expected<ElectionOptions> complete_election(ElectionOptions options,
                                                  const config::Environment& environment,
                                                  ServiceAccount account) {
  if (options.identity.empty()) options.identity = election_identity(environment);
  if (options.lease_namespace.empty()) {
    options.lease_namespace = environment("POD_NAMESPACE").value_or("");
  }
  if (options.lease_namespace.empty()) {
    const base::Expected<std::string> own = account.pod_namespace();
    if (!own) {
      // Without a token a namespace would not help.
      if (const auto token = account.token(); !token) return token.error();
      return base::Error{own.error().code,
                         own.error().message + "; write --lease-namespace, or set POD_NAMESPACE"};
    }
    options.lease_namespace = *own;
  }
  if (const auto checked = check_election(options); !checked) return checked.error();
  return options;
}

Election::Election(const ElectionOptions& options, ServiceAccount account,
                   std::unique_ptr<base::HttpClient> http, const base::Clock& clock,
                   std::int64_t release_ms)
    : clock_(clock),
      release_ms_(release_ms),
      client_(options.lease, options.lease_namespace, std::move(account), std::move(http),
              &cancelled_),
      elector_(options, client_, clock, std::random_device{}()),
      figures_(elector_.figures()) {}

Election::~Election() {
  release();
}

ElectionFigures Election::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void Election::on_change(std::function<void(bool is_leading)> listener) {
  listener_ = std::move(listener);
}

void Election::start() {
  base::log(base::LogLevel::Info, "standing by until the lease is ours",
            {{"lease", figures_.lease}, {"identity", figures_.identity}});
  thread_ = std::jthread([this](const std::stop_token& stop) { loop(stop); });
}

void Election::release() {
  elector_.abdicate();
  if (!thread_.joinable()) return;
  cancelled_ = true;  // whatever request is under way
  thread_.request_stop();
  thread_.join();
}

void Election::loop(const std::stop_token& stop) noexcept {
  while (!stop.stop_requested()) {
    elector_.step();
    tell();
    publish();
    wait(stop);
    tell();
    publish();
  }
  tell();
  elector_.release(clock_.boot_ms() + release_ms_);
  publish();
}

void Election::tell() {
  if (elector_.has_to_stop()) {
    publish();
    if (std::exchange(was_told_, false)) listener_(false);
    elector_.work_stopped();
  } else if (elector_.is_leading() && !was_told_) {
    was_told_ = true;
    listener_(true);
  }
}

void Election::wait(const std::stop_token& stop) {
  const std::chrono::milliseconds time(elector_.wait_ms());
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, stop, time, [] { return false; });
}

void Election::publish() {
  const std::lock_guard lock(mutex_);
  figures_ = elector_.figures();
}

}  // namespace fedwave::relay
