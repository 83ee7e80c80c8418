#include "relay/cluster/elector.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "relay/base/duration.h"
#include "relay/base/log.h"
#include "relay/base/text.h"

namespace fedwave::relay {
namespace {

using base::Error;
using base::ErrorCode;
using base::LogLevel;

constexpr std::int64_t kSecondMs = 1'000;
constexpr std::int64_t kReleasedDurationS = 1;
constexpr int kReleaseTriesMax = 10;
constexpr std::int64_t kReleasePauseMs = 100;
constexpr std::size_t kNameBytesMax = 253;

// Of a DNS name, which names of Kubernetes are; and safe in a URL.
bool is_name(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  constexpr std::string_view kInside = "-.";
  return !text.empty() && text.size() <= kNameBytesMax &&
         text.find_first_not_of(kAllowed) == std::string_view::npos &&
         kInside.find(text.front()) == std::string_view::npos &&
         kInside.find(text.back()) == std::string_view::npos;
}

Error wrong(std::string text) {
  return {ErrorCode::InvalidArgument, std::move(text)};
}

Error wrong_name(std::string_view name, const char* of_what, const char* written) {
  return wrong("\"" + base::printable(name) + "\" cannot be the name of a " + of_what + "; write " +
               written +
               " with small letters, digits, '-' and '.', a letter or digit at both ends");
}

base::Expected<void> check_times(const ElectionOptions& options) {
  const auto text = [](std::int64_t ms) { return base::format_duration_ms(ms); };
  const std::string duration = "--lease-duration is " + text(options.lease_duration_ms);
  const std::string deadline = "--lease-renew-deadline is " + text(options.renew_deadline_ms);
  if (options.lease_duration_ms <= kSecondMs) {
    return wrong(duration + " and has to be longer than one second; write for example 15s");
  }
  if (options.lease_duration_ms <= options.renew_deadline_ms) {
    return wrong(duration + " and has to be longer than --lease-renew-deadline, which is " +
                 text(options.renew_deadline_ms) + "; write for example --lease-duration " +
                 text(options.renew_deadline_ms * 3 / 2));
  }
  if (options.retry_ms <= 0)
    return wrong("--lease-retry has to be above zero; write for example 2s");
  if (options.renew_deadline_ms * 10 <= options.retry_ms * 12) {
    return wrong(deadline + " and has to be longer than 1.2 times --lease-retry, which is " +
                 text(options.retry_ms) + "; write for example --lease-retry " +
                 text(std::max<std::int64_t>(options.renew_deadline_ms / 5, 1)));
  }
  return {};
}

bool is_released(const LeaseSpec& spec) {
  return spec.holder.empty() && spec.duration_s == kReleasedDurationS;
}

std::int64_t whole_seconds(std::int64_t ms) {
  return (ms + kSecondMs - 1) / kSecondMs;
}

}  // namespace

base::Expected<void> check_election(const ElectionOptions& options) {
  if (!is_name(options.lease)) return wrong_name(options.lease, "lease", "--lease");
  if (!options.lease_namespace.empty() && !is_name(options.lease_namespace)) {
    return wrong_name(options.lease_namespace, "namespace", "--lease-namespace or POD_NAMESPACE");
  }
  return check_times(options);
}

Elector::Elector(ElectionOptions options, LeaseClient& client, const base::Clock& clock,
                 std::uint32_t seed)
    : options_(std::move(options)),
      duration_s_(whole_seconds(options_.lease_duration_ms)),
      client_(client),
      clock_(clock),
      random_(seed) {
  figures_.lease = options_.lease_namespace + "/" + options_.lease;
  figures_.identity = options_.identity;
  enter(ElectionState::Standby);
}

void Elector::step() {
  if (has_abdicated_ || has_to_stop()) return;
  has_trouble_ = false;
  if (is_leader_) {
    renew();
  } else {
    campaign();
  }
  if (!has_trouble_) note_all_is_well();
  figures_.requests = client_.requests();
}

void Elector::renew() {
  const LeaseAnswer answer = hold(*lease_);
  const bool has_changed = answer.is_conflict() || answer.is_missing();
  if (has_changed && is_leading()) campaign();
}

void Elector::campaign() {
  const LeaseAnswer answer = client_.get(timeout_ms());
  if (answer.is_missing()) return make_anew();
  if (!answer.lease) return note_trouble(answer);
  observe(*answer.lease);
  const LeaseSpec& spec = answer.lease->spec;
  if (is_leader_ && !spec.holder.empty() && !is_ours(spec)) {
    return lose("the lease has another holder: " + spec.holder);
  }
  if (is_leader_ ? is_leading() : may_take(spec)) (void)hold(*answer.lease);
}

void Elector::make_anew() {
  base::log(LogLevel::Info, "there is no lease; making one that nobody holds yet",
            {{"lease", figures_.lease},
             {"to_be_taken_after", base::format_duration_ms(duration_s_ * kSecondMs)}});
  const LeaseAnswer answer = client_.create(without_holder(), timeout_ms());
  if (answer.is_conflict()) return;  // somebody else was quicker
  if (!answer.lease) return note_trouble(answer);
  observe(*answer.lease);
  if (is_leader_ && is_leading()) (void)hold(*answer.lease);
}

LeaseAnswer Elector::hold(const Lease& lease) {
  may_hold_ = true;
  const std::int64_t requested_ms = clock_.boot_ms();
  LeaseAnswer answer = client_.update(lease, held(lease.spec), timeout_ms());
  if (answer.lease) {
    observe(*answer.lease);
    if (is_ours(answer.lease->spec)) lead(*answer.lease, requested_ms);
  } else if (!answer.is_conflict() && !answer.is_missing()) {
    note_trouble(answer);
  }
  return answer;
}

void Elector::lead(const Lease& lease, std::int64_t requested_ms) {
  lead_until_ms_ = requested_ms + options_.renew_deadline_ms;
  figures_.renewed_ms = clock_.wall_ms();
  if (is_leader_ || has_abdicated_) return;
  is_leader_ = true;
  ++figures_.terms;
  enter(ElectionState::Leading);
  base::log(LogLevel::Info, "this relay leads now",
            {{"lease", figures_.lease},
             {"identity", options_.identity},
             {"transitions", lease.spec.transitions}});
}

// A lease does not become free earlier because somebody wrote a shorter duration into it: the
// leader from before may not know yet.
void Elector::observe(const Lease& lease) {
  const LeaseSpec& spec = lease.spec;
  const bool has_new_holder = spec.holder != figures_.holder;
  lease_ = lease;
  may_hold_ = is_ours(spec);
  figures_.holder = spec.holder;
  figures_.transitions = static_cast<std::uint64_t>(spec.transitions);
  if (!observed_ || observed_->version != lease.version) {
    const std::int64_t free_at_ms =
        clock_.boot_ms() + std::max(spec.duration_s, duration_s_) * kSecondMs;
    observed_ = {lease.version,
                 observed_ ? std::max(observed_->free_at_ms, free_at_ms) : free_at_ms};
  }
  if (has_new_holder && !spec.holder.empty() && !may_hold_) {
    base::log(LogLevel::Info, "another relay holds the lease",
              {{"lease", figures_.lease}, {"holder", spec.holder}});
  }
}

bool Elector::may_take(const LeaseSpec& spec) const {
  return is_ours(spec) || is_released(spec) || clock_.boot_ms() >= observed_->free_at_ms;
}

bool Elector::has_to_stop() {
  if (!is_leader_ || is_leading()) return false;
  if (figures_.state == ElectionState::Leading && !has_abdicated_) {
    lose("it could not be renewed within the renew deadline" +
         (figures_.last_error.empty() ? "" : ": " + figures_.last_error));
  }
  return true;
}

void Elector::lose(const std::string& reason) {
  lead_until_ms_ = 0;
  ++figures_.lost;
  enter(ElectionState::Standby);
  base::log(LogLevel::Warn, "this relay lost the lease; it stops scraping",
            {{"lease", figures_.lease}, {"reason", reason}});
}

void Elector::release(std::int64_t until_boot_ms) {
  enter(ElectionState::Ended);
  client_.ignore_cancelled();
  bool is_done = !may_hold_;
  for (int tries = 0; !is_done && tries < kReleaseTriesMax; ++tries) {
    if (tries > 0) std::this_thread::sleep_for(std::chrono::milliseconds(kReleasePauseMs));
    if (clock_.boot_ms() >= until_boot_ms) break;
    is_done = release_once(until_boot_ms);
  }
  figures_.requests = client_.requests();
  if (is_done) return;
  base::log(LogLevel::Warn,
            "the lease could not be given back; another relay takes over when it has run out",
            {{"lease", figures_.lease}, {"error", figures_.last_error}});
}

// True when there is nothing left to give back.
bool Elector::release_once(std::int64_t until_boot_ms) {
  const auto left_ms = [&] {
    return std::clamp<std::int64_t>(until_boot_ms - clock_.boot_ms(), 1, kSecondMs);
  };
  const LeaseAnswer fetched = client_.get(left_ms());
  if (fetched.is_missing()) return true;
  if (!fetched.lease) {
    note_trouble(fetched);
    return false;
  }
  if (!is_ours(fetched.lease->spec)) return true;
  LeaseSpec spec = fetched.lease->spec;
  spec.holder.clear();
  spec.duration_s = kReleasedDurationS;
  spec.acquire_time = spec.renew_time = now_text();
  const LeaseAnswer updated = client_.update(*fetched.lease, spec, left_ms());
  if (!updated.lease) {
    if (!updated.is_conflict()) note_trouble(updated);
    return false;
  }
  figures_.holder.clear();
  base::log(LogLevel::Info, "the lease was given back", {{"lease", figures_.lease}});
  return true;
}

void Elector::enter(ElectionState state) {
  figures_.state = state;
  figures_.since_ms = clock_.wall_ms();
}

void Elector::note_trouble(const LeaseAnswer& answer) {
  has_trouble_ = true;
  ++figures_.failures_by_cause[answer.cause];
  figures_.last_error = answer.error;
  if (answer.cause == trouble_cause_) return;
  trouble_cause_ = answer.cause;
  base::log(LogLevel::Warn, trouble_text(), {{"lease", figures_.lease}, {"error", answer.error}});
}

const char* Elector::trouble_text() const {
  if (figures_.state == ElectionState::Ended) return "cannot give the lease back";
  if (is_leader_) return "cannot renew the lease";
  return "cannot ask for the lease; this relay scrapes nothing meanwhile";
}

void Elector::note_all_is_well() {
  if (trouble_cause_.empty()) return;
  trouble_cause_.clear();
  figures_.last_error.clear();
  base::log(LogLevel::Info, "the API server answers for the lease again",
            {{"lease", figures_.lease}});
}

// As the API server is to have it while it is ours.
LeaseSpec Elector::held(const LeaseSpec& before) const {
  LeaseSpec spec = before;
  spec.duration_s = duration_s_;
  spec.renew_time = now_text();
  if (is_ours(before)) return spec;
  spec.holder = options_.identity;
  spec.acquire_time = spec.renew_time;
  ++spec.transitions;
  return spec;
}

LeaseSpec Elector::without_holder() const {
  const std::string now = now_text();
  return {.holder = {}, .acquire_time = now, .renew_time = now, .duration_s = duration_s_};
}

std::string Elector::now_text() const {
  return micro_time(clock_.wall_ms() * 1'000);
}

std::int64_t Elector::timeout_ms() const {
  const std::int64_t most_ms = std::max(kSecondMs, options_.renew_deadline_ms / 2);
  if (!is_leader_) return most_ms;
  return std::clamp<std::int64_t>(lead_until_ms_ - clock_.boot_ms(), 1, most_ms);
}

std::int64_t Elector::random_ms(std::int64_t max_ms) {
  return std::uniform_int_distribution<std::int64_t>(0, max_ms)(random_);
}

std::int64_t Elector::wait_ms() {
  const std::int64_t now_ms = clock_.boot_ms();
  if (is_leader_) {
    return std::max<std::int64_t>(0, std::min(options_.retry_ms, lead_until_ms_ - now_ms));
  }
  const std::int64_t usual_ms = options_.retry_ms + random_ms(options_.retry_ms * 12 / 10);
  if (!observed_ || observed_->free_at_ms <= now_ms) return usual_ms;
  // Not all at the very moment at which it becomes free.
  return std::min(usual_ms, observed_->free_at_ms - now_ms + random_ms(options_.retry_ms / 5));
}

}  // namespace fedwave::relay
