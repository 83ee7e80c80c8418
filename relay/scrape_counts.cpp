#include "relay/scrape_counts.h"

#include <numeric>

namespace fedwave::relay {
namespace {

template <std::size_t N>
void add(std::array<std::uint64_t, N>& sum, const std::array<std::uint64_t, N>& more) {
  for (std::size_t i = 0; i < N; ++i) sum[i] += more[i];
}

}  // namespace

std::uint64_t SinkCounts::filtered() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kVerdictCount; ++i) {
    if (is_filtered(static_cast<Verdict>(i))) sum += by_verdict[i];
  }
  return sum;
}

std::uint64_t SinkCounts::rejected() const {
  return std::accumulate(by_verdict.begin(), by_verdict.end(), std::uint64_t{0}) - filtered() +
         not_a_number + infinite;
}

SinkCounts& SinkCounts::operator+=(const SinkCounts& other) {
  add(by_verdict, other.by_verdict);
  repeated += other.repeated;
  not_a_number += other.not_a_number;
  infinite += other.infinite;
  converted += other.converted;
  written += other.written;
  before += other.before;
  distributions += other.distributions;
  return *this;
}

std::uint64_t ScrapeCounts::malformed_total() const {
  return std::accumulate(malformed.begin(), malformed.end(), std::uint64_t{0});
}

ScrapeCounts& ScrapeCounts::operator+=(const ScrapeCounts& other) {
  lines += other.lines;
  read += other.read;
  new_series += other.new_series;
  body_bytes += other.body_bytes;
  add(malformed, other.malformed);
  add(repaired, other.repaired);
  add(distribution_drops, other.distribution_drops);
  for (std::size_t i = 0; i < by_sink.size(); ++i) by_sink[i] += other.by_sink[i];
  return *this;
}

}  // namespace fedwave::relay
