#include "sinks/balanced_sink.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "relay/base/log.h"

namespace fedwave::sinks {
namespace {

constexpr std::int64_t kResolveIntervalMs = 30'000;
constexpr std::int64_t kResolveAgainMs = 1'000;  // while nobody takes anything
constexpr std::int64_t kFirstPauseMs = 1'000;
constexpr std::int64_t kPauseMaxMs = 30'000;
constexpr std::int64_t kPausePerTimeTaken = 9;

// It has looked at the block and will not have it; everything else but Accepted means that the
// endpoint cannot be used now, and that another one may take the same block.
bool is_refusal(SendOutcome outcome) {
  return outcome == SendOutcome::Refused || outcome == SendOutcome::TooLarge;
}

bool is_unreachable(const SendResult& result) {
  return result.cause == base::error_code_name(base::ErrorCode::Unreachable);
}

}  // namespace

BalancedSink::BalancedSink(BalancedSinkOptions options, const base::Clock& clock,
                           const std::atomic<bool>* cancelled)
    : options_(std::move(options)),
      clock_(clock),
      cancelled_(cancelled),
      names_(options_.targets.size()),
      resolve_at_ms_(std::numeric_limits<std::int64_t>::min()) {}

SendResult BalancedSink::send(const Block& block) {
  resolve_when_due();
  std::optional<std::size_t> refuser;
  SendResult refusal;
  for (const std::size_t index : candidates()) {
    Endpoint& endpoint = endpoints_[index];
    const std::int64_t begun_ms = clock_.steady_ms();
    SendResult result = endpoint.sink->send(block);
    next_ = (index + 1) % endpoints_.size();
    if (result.outcome == SendOutcome::Accepted) {
      take_back(endpoint);
      // What one takes and another one does not, is not the block's fault.
      if (refuser) set_aside(endpoints_[*refuser], refusal, 0);
      return result;
    }
    // The end of our time says nothing about the endpoint.
    if (is_cancelled()) return result;
    if (is_refusal(result.outcome)) {
      if (refuser) return result;
      refuser = index;
      refusal = std::move(result);
      continue;
    }
    set_aside(endpoint, result, clock_.steady_ms() - begun_ms);
  }
  if (refuser) {
    take_back(endpoints_[*refuser]);
    return refusal;
  }
  resolve_at_ms_ = std::min(resolve_at_ms_, clock_.steady_ms() + kResolveAgainMs);
  return trouble_of_all();
}

void BalancedSink::finish() {
  for (const Endpoint& endpoint : endpoints_) endpoint.sink->finish();
}

// Those not set aside, beginning with the one whose turn it is. When all are, the one whose time
// comes first: the sender backs off by itself, and a recovered receiver is found at once.
std::vector<std::size_t> BalancedSink::candidates() const {
  const std::int64_t now_ms = clock_.steady_ms();
  std::vector<std::size_t> indexes;
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    const std::size_t index = (next_ + i) % endpoints_.size();
    if (endpoints_[index].aside_until_ms <= now_ms) indexes.push_back(index);
  }
  if (indexes.empty() && !endpoints_.empty()) {
    const auto first = std::min_element(
        endpoints_.begin(), endpoints_.end(),
        [](const Endpoint& a, const Endpoint& b) { return a.aside_until_ms < b.aside_until_ms; });
    indexes.push_back(static_cast<std::size_t>(first - endpoints_.begin()));
  }
  return indexes;
}

void BalancedSink::set_aside(Endpoint& endpoint, const SendResult& result, std::int64_t took_ms) {
  const std::int64_t now_ms = clock_.steady_ms();
  endpoint.pause_ms = std::clamp(endpoint.pause_ms * 2, kFirstPauseMs, kPauseMaxMs);
  // One that hangs may hold up the others for a tenth of the time at most.
  const std::int64_t least_ms = endpoints_.size() < 2 ? 0 : took_ms * kPausePerTimeTaken;
  // Full jitter, so that many relays do not return at once.
  const std::int64_t jittered_ms =
      std::uniform_int_distribution<std::int64_t>(1, endpoint.pause_ms)(options_.random);
  endpoint.asked_until_ms = now_ms + result.retry_after_ms;
  endpoint.aside_until_ms = now_ms + std::max({jittered_ms, least_ms, result.retry_after_ms});
  endpoint.trouble = result;
  // Of a single endpoint the sender tells.
  if (endpoint.told || endpoints_.size() < 2) return;
  endpoint.told = true;
  base::log(base::LogLevel::Warn, "an endpoint is set aside",
            {{"sink", options_.name}, {"endpoint", label(endpoint)}, {"error", result.detail}});
}

void BalancedSink::take_back(Endpoint& endpoint) {
  if (std::exchange(endpoint.told, false)) {
    base::log(base::LogLevel::Info, "an endpoint is back",
              {{"sink", options_.name}, {"endpoint", label(endpoint)}});
  }
  endpoint.pause_ms = 0;
  endpoint.aside_until_ms = 0;
  endpoint.trouble = {};
}

// What says most: rather an answer than none, and of several always the same one, so that it does
// not look like news with every attempt.
SendResult BalancedSink::trouble_of_all() const {
  if (endpoints_.empty()) {
    const auto failing =
        std::find_if(names_.begin(), names_.end(), [](const Name& name) { return name.failing; });
    if (failing != names_.end()) return retry(failing->error);
    return retry({base::ErrorCode::Unreachable, "there is no address to deliver to"});
  }
  const auto answered =
      std::find_if(endpoints_.begin(), endpoints_.end(),
                   [](const Endpoint& endpoint) { return !is_unreachable(endpoint.trouble); });
  const Endpoint& told = answered == endpoints_.end() ? endpoints_.front() : *answered;
  SendResult result = told.trouble;
  if (endpoints_.size() > 1) result.detail = label(told) + ": " + result.detail;
  // Nobody wants to hear of us before the first of them does.
  std::int64_t asked_until_ms = std::numeric_limits<std::int64_t>::max();
  for (const Endpoint& endpoint : endpoints_) {
    asked_until_ms = std::min(asked_until_ms, endpoint.asked_until_ms);
  }
  result.retry_after_ms = std::max<std::int64_t>(0, asked_until_ms - clock_.steady_ms());
  return result;
}

void BalancedSink::resolve_when_due() {
  if (is_cancelled() || clock_.steady_ms() < resolve_at_ms_) return;
  for (std::size_t target = 0; target < options_.targets.size() && !is_cancelled(); ++target) {
    resolve(target);
  }
  resolve_at_ms_ = clock_.steady_ms() + kResolveIntervalMs;
}

void BalancedSink::resolve(std::size_t target) {
  const std::string& host = options_.targets[target].host;
  base::Expected<std::vector<std::string>> addresses = options_.resolve(host);
  if (addresses && addresses->empty()) {
    addresses = base::Error{base::ErrorCode::Unreachable, host + " has no address"};
  }
  Name& name = names_[target];
  if (addresses) {
    name.failing = false;
    replace_endpoints(target, *addresses);
    return;
  }
  name.error = addresses.error();
  // Of a single name that has never been known the sender tells.
  if (!std::exchange(name.failing, true) && (names_.size() > 1 || !endpoints_.empty())) {
    base::log(base::LogLevel::Warn, "a name cannot be resolved; its known addresses stay in use",
              {{"sink", options_.name}, {"host", host}, {"error", name.error.message}});
  }
}

void BalancedSink::replace_endpoints(std::size_t target,
                                     const std::vector<std::string>& addresses) {
  const auto is_gone = [&](const Endpoint& endpoint) {
    return endpoint.target == target &&
           std::find(addresses.begin(), addresses.end(), endpoint.address) == addresses.end();
  };
  for (const Endpoint& endpoint : endpoints_) {
    if (is_gone(endpoint)) endpoint.sink->finish();
  }
  std::erase_if(endpoints_, is_gone);
  for (const std::string& address : addresses) {
    const bool is_known =
        std::any_of(endpoints_.begin(), endpoints_.end(), [&](const Endpoint& endpoint) {
          return endpoint.target == target && endpoint.address == address;
        });
    if (is_known) continue;
    Endpoint& added = endpoints_.emplace_back();
    added.target = target;
    added.address = address;
    added.sink = options_.make(target, address);
  }
}

// The name, and its address where there can be several.
std::string BalancedSink::label(const Endpoint& endpoint) const {
  const std::string& name = options_.targets[endpoint.target].label;
  const bool is_plain =
      endpoint.address.empty() || endpoint.address == options_.targets[endpoint.target].host;
  return is_plain ? name : name + " (" + endpoint.address + ")";
}

bool BalancedSink::is_cancelled() const {
  return cancelled_ != nullptr && cancelled_->load();
}

}  // namespace fedwave::sinks
