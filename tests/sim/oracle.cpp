#include "sim/oracle.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace penstock::sim {

namespace {

constexpr std::int64_t ns_per_us = 1'000;

}  // namespace

Oracle::Oracle(std::uint32_t window, std::int64_t segment_ns) : window_(window), segment_ns_(segment_ns) {
  PENSTOCK_ASSERT(window > 0 && segment_ns >= 0);
}

void Oracle::on_fate(std::uint32_t segment, bool lost, Instant known) {
  PENSTOCK_ASSERT(segment >= una_ && segment < next_);
  PENSTOCK_ASSERT(fates_.empty() || fates_.back().known <= known);
  fates_.push_back({segment, lost, known});
}

void Oracle::learn(Instant now) {
  for (; !fates_.empty() && fates_.front().known <= now; fates_.pop_front()) {
    const Fate& fate = fates_.front();
    if (fate.lost) lost_.push_back(fate.segment);
    else arrived_[fate.segment - una_] = true;
    for (; !arrived_.empty() && arrived_.front(); arrived_.pop_front()) ++una_;
  }
}

std::optional<std::uint32_t> Oracle::poll_transmit(Instant now) {
  learn(now);
  const std::int64_t now_ns = now.count_us() * ns_per_us;
  // The clock counts µs, the link ns: what became free within this microsecond is free.
  if (!has_something() || free_ns_ >= now_ns + ns_per_us) return std::nullopt;
  free_ns_ = std::max(free_ns_, now_ns) + segment_ns_;
  if (lost_.empty()) {
    arrived_.push_back(false);
    return next_++;
  }
  const std::uint32_t segment = lost_.front();
  lost_.pop_front();
  return segment;
}

Instant Oracle::next_deadline() const {
  const Instant known = fates_.empty() ? Instant::never() : fates_.front().known;
  return has_something() ? earlier(known, Instant::at_us(free_ns_ / ns_per_us)) : known;
}

}  // namespace penstock::sim
