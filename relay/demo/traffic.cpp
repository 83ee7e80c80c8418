#include "relay/demo/traffic.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <numbers>

#include "relay/base/check.h"

namespace fedwave::relay {

namespace {

std::vector<double> shares(std::span<const double> bounds, const Spread& spread) {
  std::vector<double> result;
  result.reserve(bounds.size() + 1);
  for (const double bound : bounds) result.push_back(spread.share_up_to(bound));
  result.push_back(1.0);
  return result;
}

}  // namespace

double Traffic::rate(double t) const {
  if (active_s > 0) return std::fmod(t, period_s) < active_s ? per_second : 0.0;
  return per_second * (1 + swing * std::sin(2 * std::numbers::pi * t / period_s + phase));
}

double Traffic::total(double t) const {
  if (active_s > 0) {
    const double periods = std::floor(t / period_s);
    return per_second * (periods * active_s + std::min(t - periods * period_s, active_s));
  }
  const double turn = 2 * std::numbers::pi / period_s;
  return per_second * (t + swing / turn * (std::cos(phase) - std::cos(turn * t + phase)));
}

double Spread::share_up_to(double bound) const {
  return 0.5 * std::erfc(-std::log(bound / median) / (sigma * std::numbers::sqrt2));
}

Histogram::Histogram(std::span<const double> bounds, Part usual, Part slow)
    : bounds_(bounds),
      usual_(usual),
      slow_(slow),
      usual_shares_(shares(bounds, usual.spread)),
      slow_shares_(shares(bounds, slow.spread)) {
  FEDWAVE_CHECK(!bounds.empty());
}

double Histogram::count(double t) const {
  return std::floor(usual_.traffic.total(t)) + std::floor(slow_.traffic.total(t));
}

double Histogram::sum(double t) const {
  return std::floor(usual_.traffic.total(t)) * usual_.spread.mean() +
         std::floor(slow_.traffic.total(t)) * slow_.spread.mean();
}

double Histogram::bucket(std::size_t index, double t) const {
  return std::floor(std::floor(usual_.traffic.total(t)) * usual_shares_[index]) +
         std::floor(std::floor(slow_.traffic.total(t)) * slow_shares_[index]);
}

double Histogram::bucket_rate(std::size_t index, double t) const {
  return usual_.traffic.rate(t) * usual_shares_[index] +
         slow_.traffic.rate(t) * slow_shares_[index];
}

double Histogram::quantile(double q, double t) const {
  const double total = bucket_rate(bounds_.size(), t);
  if (total <= 0) return std::numeric_limits<double>::quiet_NaN();
  const double rank = q * total;
  double below = 0;
  double lower = 0;
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    const double here = bucket_rate(i, t);
    if (here >= rank) return lower + (bounds_[i] - lower) * (rank - below) / (here - below);
    below = here;
    lower = bounds_[i];
  }
  return bounds_.back();
}

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  const double size = std::fabs(value);
  const bool plain = value == 0 || (size >= 1e-4 && size < 1e6);
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  out.append(text, end.ptr);
}

}  // namespace fedwave::relay
