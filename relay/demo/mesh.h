// A simulated Istio mesh, for `fedwave demo` and for tests: the Bookinfo sample behind an ingress
// gateway, a TCP flow to its database, and the control plane. It has no state that moves: every
// value is a function of the seed, the start and the time asked for, so the same arguments give the
// same bytes, and counters grow however often (or seldom) somebody looks.
//
// Immutable once built; any thread, any number at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace fedwave::relay {

class Mesh {
 public:
  // How often the simulated Prometheus scrapes each of its targets, every one at an offset of its
  // own. Whoever asks for the federate page more often reads the same samples again.
  static constexpr std::int64_t kScrapeIntervalMs = 15'000;

  // The pods have been up for an hour at `start_ms`; counters never restart after that.
  Mesh(std::uint64_t seed, std::int64_t start_ms);
  ~Mesh();
  Mesh(Mesh&&) noexcept;
  Mesh& operator=(Mesh&&) noexcept;

  // What the mesh's Prometheus answers to /federate?match[]={job=~"federate|kubernetes-pods"}:
  // everything untyped, every sample with the time of its scrape. Under job="federate" are the
  // aggregated series of the Wavefront integration's recording rules (where a bucket is a rate and
  // a quantile is NaN while nothing flows), under job="kubernetes-pods" the pods' own.
  [[nodiscard]] std::string federate_page(std::int64_t now_ms) const;

  // What the pods themselves expose, gathered on one page: typed, without timestamps, each series
  // with the labels of its pod. For a real Prometheus to scrape with honor_labels.
  [[nodiscard]] std::string metrics_page(std::int64_t now_ms) const;

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

}  // namespace fedwave::relay
