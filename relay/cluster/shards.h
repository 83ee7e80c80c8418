// Shares the work out among relays that know nothing of one another but how many they are: each
// piece of work has a key, and everybody finds the same owner for it. Rendezvous hashing: every
// shard has a weight for the key, and the heaviest owns it; so one more shard takes its share from
// all others and moves nothing between them. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "parsers/text_parser.h"
#include "relay/base/expected.h"
#include "relay/cluster/cluster_figures.h"

namespace fedwave::relay {

// More would be a mistake.
inline constexpr std::uint32_t kShardsMax = 1000;

// The ordinal of the shard that owns the key, among this many (at least one). The weight is XXH3 of
// the key with the ordinal as its seed: relays of all versions and on all machines agree.
std::uint32_t owner_of(std::string_view key, std::uint32_t shards);

// Of a request of a source: `match` as in config::Job.
std::string job_key(std::string_view source_name, std::string_view match);

// Of a series. All of one histogram or summary have the same: without the suffixes of their names
// and without le and quantile, whatever the page says about their types.
std::string series_key(const parsers::SeriesBuffer& series);

// Which shard this relay is: `--shards` and `--shard`, or instead of the latter the number at the
// end of a StatefulSet's pod name ("fedwave-2").
base::Expected<Shard> shard_of(std::int64_t shards, std::optional<std::int64_t> ordinal,
                               std::string_view pod_name);

}  // namespace fedwave::relay
