#include "relay/cluster/shards.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "relay/base/hash.h"
#include "relay/base/text.h"

namespace fedwave::relay {
namespace {

// No text in UTF-8 has it.
constexpr char kSeparator = '\xFF';

base::Error bad_shard(std::string message) {
  return {base::ErrorCode::InvalidArgument, std::move(message)};
}

std::string_view family_of(std::string_view name) {
  for (const std::string_view suffix : {"_bucket", "_count", "_sum"}) {
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  }
  return name;
}

// `from_pod`: it is the number at the end of POD_NAME.
base::Error no_such_shard(std::int64_t ordinal, std::int64_t shards, std::string_view from_pod) {
  const std::string last = std::to_string(shards - 1);
  const std::string what =
      "there is no shard " + std::to_string(ordinal) + " of " + std::to_string(shards);
  const std::string range = shards == 1 ? "the only one is 0" : "they are 0 to " + last;
  if (from_pod.empty()) {
    return bad_shard(what + ": " + range + "; write --shard " + (shards == 1 ? "" : "0 to ") +
                     last + ", or how many there are with --shards");
  }
  return bad_shard(what + " (POD_NAME is \"" + base::printable(from_pod) + "\"): " + range +
                   "; write as many with --shards as the StatefulSet has replicas");
}

// The number behind the last '-'.
std::optional<std::int64_t> pod_ordinal(std::string_view pod_name) {
  const std::size_t dash = pod_name.rfind('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view digits = pod_name.substr(dash + 1);
  std::int64_t ordinal = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ordinal);
  if (error != std::errc() || stop != digits.data() + digits.size() || ordinal < 0) {
    return std::nullopt;
  }
  return ordinal;
}

}  // namespace

std::uint32_t owner_of(std::string_view key, std::uint32_t shards) {
  std::uint32_t owner = 0;
  std::uint64_t heaviest = 0;
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    const std::uint64_t weight = base::stable_hash64(key, shard);
    if (weight <= heaviest) continue;
    heaviest = weight;
    owner = shard;
  }
  return owner;
}

std::string job_key(std::string_view source_name, std::string_view match) {
  return std::string(source_name).append(1, kSeparator).append(match);
}

std::string series_key(const parsers::SeriesBuffer& series) {
  std::vector<parsers::LabelView> labels;
  for (const parsers::LabelView& label : series.labels) {
    const bool is_bound = label.name == "le" || label.name == "quantile";
    if (!is_bound && !label.value.empty()) labels.push_back(label);
  }
  std::sort(labels.begin(), labels.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  std::string key(family_of(series.name));
  for (const parsers::LabelView& label : labels) {
    key.append(1, kSeparator).append(label.name).append(1, kSeparator).append(label.value);
  }
  return key;
}

base::Expected<Shard> shard_of(std::int64_t shards, std::optional<std::int64_t> ordinal,
                               std::string_view pod_name) {
  if (shards < 1 || shards > kShardsMax) {
    return bad_shard("--shards " + std::to_string(shards) +
                     ": write how many relays share the work, from 1 to " +
                     std::to_string(kShardsMax));
  }
  if (!ordinal && shards == 1) ordinal = 0;
  const std::string which = "which of the " + std::to_string(shards) + " shards is this? ";
  if (!ordinal && pod_name.empty()) {
    return bad_shard(which + "Write --shard, or set POD_NAME to the name of a StatefulSet's pod");
  }
  const std::string_view from_pod = ordinal ? std::string_view() : pod_name;
  if (!ordinal) ordinal = pod_ordinal(pod_name);
  if (!ordinal) {
    return bad_shard(which + "Write --shard, or run a StatefulSet: no number ends POD_NAME \"" +
                     base::printable(pod_name) + "\"");
  }
  if (*ordinal < 0 || *ordinal >= shards) {
    return no_such_shard(*ordinal, shards, from_pod);
  }
  return Shard{.ordinal = static_cast<std::uint32_t>(*ordinal),
               .count = static_cast<std::uint32_t>(shards)};
}

}  // namespace fedwave::relay
