// A Lease, the object of Kubernetes (coordination.k8s.io/v1) by which replicas agree on a leader:
// its JSON read and written. Times in it are other machines' and stay text. Pure functions, any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "relay/base/expected.h"

namespace fedwave::relay {

// The members of `spec` that an election is about; null and missing ones are empty or 0.
struct LeaseSpec {
  std::string holder;
  std::string acquire_time;
  std::string renew_time;
  std::int64_t duration_s = 0;
  std::int64_t transitions = 0;
  bool operator==(const LeaseSpec&) const = default;
};

struct Lease {
  std::string object;   // as received; goes back as a whole, so that nothing in it is lost
  std::string version;  // metadata.resourceVersion: another one after each write
  LeaseSpec spec;
};

base::Expected<Lease> parse_lease(std::string json);

// The object with another spec; members of the old one that an election does not know stay.
std::string with_spec(const Lease& lease, const LeaseSpec& spec);

std::string new_lease(std::string_view name, std::string_view name_space, const LeaseSpec& spec);

// As Kubernetes writes a MicroTime: in UTC, with exactly six digits after the point.
std::string micro_time(std::int64_t wall_us);

}  // namespace fedwave::relay
