// Where this relay stands among its replicas, as one copy that belongs to whoever asked for it:
// what the status page, /metrics and the log tell. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace fedwave::relay {

// Off: nobody asked for an election, or this is no cluster; the relay works alone.
enum class ElectionState : std::uint8_t { Off, Standby, Leading, Ended };

struct ElectionFigures {
  ElectionState state = ElectionState::Off;
  std::string lease;              // namespace/name
  std::string identity;           // ours
  std::string holder;             // as last seen; empty: nobody
  std::int64_t since_ms = 0;      // wall time at which the state began
  std::int64_t renewed_ms = 0;    // wall time of our last success as leader; 0 for never
  std::uint64_t terms = 0;        // times that this relay became leader
  std::uint64_t lost = 0;         // times that it had to stop against its will
  std::uint64_t transitions = 0;  // of the lease, as the API server has it
  std::uint64_t requests = 0;
  std::map<std::string, std::uint64_t> failures_by_cause;  // "http_403", "timeout", …
  std::string last_error;  // what to do about it; empty while all is well
};

// One of `count` relays that share the work; ordinals count from 0.
struct Shard {
  std::uint32_t ordinal = 0;
  std::uint32_t count = 1;
  bool operator==(const Shard&) const = default;
};

struct ClusterFigures {
  ElectionFigures election;
  Shard shard;
};

}  // namespace fedwave::relay
