// Several endpoints that share the work: every address of every target is one. Blocks go round
// them; one that is in trouble is set aside for a while and the block goes to the next one within
// the same send, so that the sender hears of trouble only when nobody takes the block. Names are
// resolved on the way, by the sender's thread, to which everything here belongs. Owns the
// endpoints' sinks; the clock and `cancelled` outlive it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "relay/base/clock.h"
#include "relay/base/expected.h"
#include "sinks/sink.h"

namespace fedwave::sinks {

struct BalancedTarget {
  std::string host;
  std::string label;  // for people: what the configuration calls it
};

struct BalancedSinkOptions {
  std::string name;  // the sink's, in the log
  std::vector<BalancedTarget> targets;
  // The addresses of a host. An empty one is an endpoint too: connected to by its name.
  std::function<base::Expected<std::vector<std::string>>(const std::string& host)> resolve;
  std::function<std::unique_ptr<Sink>(std::size_t target, const std::string& address)> make;
  std::minstd_rand random{std::random_device{}()};
};

class BalancedSink final : public Sink {
 public:
  BalancedSink(BalancedSinkOptions options, const base::Clock& clock,
               const std::atomic<bool>* cancelled);
  SendResult send(const Block& block) override;
  void finish() override;

 private:
  struct Endpoint {
    std::size_t target = 0;
    std::string address;
    std::unique_ptr<Sink> sink;
    std::int64_t pause_ms = 0;        // the bound of the last time aside; 0: all is well
    std::int64_t aside_until_ms = 0;  // steady time
    std::int64_t asked_until_ms = 0;  // what its Retry-After asked for, steady time
    bool told = false;                // of its trouble, in the log
    SendResult trouble;               // the last one; Accepted: none
  };
  struct Name {
    base::Error error{};  // why it cannot be resolved
    bool failing = false;
  };

  void resolve_when_due();
  void resolve(std::size_t target);
  void replace_endpoints(std::size_t target, const std::vector<std::string>& addresses);
  [[nodiscard]] std::vector<std::size_t> candidates() const;
  void set_aside(Endpoint& endpoint, const SendResult& result, std::int64_t took_ms);
  void take_back(Endpoint& endpoint);
  [[nodiscard]] SendResult trouble_of_all() const;
  [[nodiscard]] std::string label(const Endpoint& endpoint) const;
  [[nodiscard]] bool is_cancelled() const;

  BalancedSinkOptions options_;
  const base::Clock& clock_;
  const std::atomic<bool>* cancelled_;
  std::vector<Name> names_;  // beside options_.targets
  std::vector<Endpoint> endpoints_;
  std::size_t next_ = 0;  // whose turn it is
  std::int64_t resolve_at_ms_;
};

}  // namespace fedwave::sinks
