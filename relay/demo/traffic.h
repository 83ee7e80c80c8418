// The arithmetic of the simulated mesh: rates that rise and fall smoothly, and what counters and
// histograms fed by them show. Everything is a closed formula over the time since the pods started,
// so nothing has to be stepped and any moment can be asked for. Pure values, any thread.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace fedwave::relay {

// Events (or bytes, or seconds of CPU) per second.
struct Traffic {
  double per_second = 0;
  double swing = 0;  // below 1: by which share the rate rises and falls
  double period_s = 600;
  double phase = 0;     // of the swing, in radians
  double active_s = 0;  // above 0: no swing, but only the first so many seconds of a period flow

  [[nodiscard]] double rate(double t) const;
  [[nodiscard]] double total(double t) const;  // the integral of rate; never falls
};

// How long requests take, or how big they are: a lognormal distribution.
struct Spread {
  double median = 1;
  double sigma = 1;

  [[nodiscard]] double share_up_to(double bound) const;
  [[nodiscard]] double mean() const { return median * std::exp(sigma * sigma / 2); }
};

// A Prometheus histogram of two kinds of requests, the usual and the slow ones, whose proportion
// changes with time; that is what moves its quantiles. The last bucket is +Inf.
class Histogram {
 public:
  struct Part {
    Traffic traffic;
    Spread spread;
  };
  // `bounds` are the finite ones, rising.
  Histogram(std::span<const double> bounds, Part usual, Part slow);

  [[nodiscard]] std::size_t buckets() const { return bounds_.size() + 1; }
  [[nodiscard]] double count(double t) const;
  [[nodiscard]] double sum(double t) const;
  [[nodiscard]] double bucket(std::size_t index, double t) const;  // cumulative, whole numbers
  [[nodiscard]] double bucket_rate(std::size_t index, double t) const;
  // As PromQL's histogram_quantile gives it over the rates of the buckets: NaN while nothing flows.
  [[nodiscard]] double quantile(double q, double t) const;

 private:
  std::span<const double> bounds_;
  Part usual_;
  Part slow_;
  std::vector<double> usual_shares_;  // by bucket
  std::vector<double> slow_shares_;
};

// A number as Prometheus prints it: shortest form that reads back, with an exponent from 1e+06 on.
void append_number(std::string& out, double value);

}  // namespace fedwave::relay
