#include "load/picker.hpp"

#include <algorithm>
#include <cmath>

#include "base/assert.hpp"

namespace penstock::load {

namespace {

// From 0 on, below 1: 53 bits are what a double holds.
double fraction(Rng& rng) { return static_cast<double>(rng.next() >> 11) * 0x1p-53; }

}  // namespace

Zipf::Zipf(std::uint32_t count, std::uint32_t exponent_permille)
    : count_(count), exponent_(static_cast<double>(exponent_permille) / 1000) {
  PENSTOCK_ASSERT(count > 0);
  first_ = integral(1.5) - 1;
  last_ = integral(count_ + 0.5);
  sure_ = 2 - inverse(integral(2.5) - weight(2));
}

std::uint32_t Zipf::draw(Rng& rng) const {
  for (;;) {
    const double y = last_ + fraction(rng) * (first_ - last_);
    const double x = inverse(y);
    const double rank = std::clamp(std::floor(x + 0.5), 1.0, count_);
    if (rank - x <= sure_ || y >= integral(rank + 0.5) - weight(rank)) return static_cast<std::uint32_t>(rank) - 1;
  }
}

// The integral of x^-s; where s is 1 that is the logarithm.
double Zipf::integral(double x) const {
  const double power = 1 - exponent_;
  return std::abs(power) < 1e-9 ? std::log(x) : (std::pow(x, power) - 1) / power;
}

double Zipf::inverse(double y) const {
  const double power = 1 - exponent_;
  return std::abs(power) < 1e-9 ? std::exp(y) : std::pow(1 + y * power, 1 / power);
}

double Zipf::weight(double x) const { return std::pow(x, -exponent_); }

Picker::Picker(const RunPlan& plan, Rng rng)
    : pick_(plan.pick),
      active_(plan.active),
      stride_(plan.sessions / plan.active),
      zipf_(plan.active, plan.zipf_permille),
      rng_(rng) {
  PENSTOCK_ASSERT(plan.active > 0);
  PENSTOCK_ASSERT(plan.active <= plan.sessions);
}

std::uint32_t Picker::next() {
  switch (pick_) {
    case Pick::uniform: return session_of(static_cast<std::uint32_t>(rng_.below(active_)));
    case Pick::zipf: return session_of(zipf_.draw(rng_));
    case Pick::same:
    case Pick::round_robin: break;
  }
  const std::uint32_t rank = turn_;
  turn_ = turn_ + 1 == active_ ? 0 : turn_ + 1;
  return session_of(rank);
}

}  // namespace penstock::load
