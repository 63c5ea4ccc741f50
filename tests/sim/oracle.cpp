#include "sim/oracle.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace penstock::sim {

namespace {

constexpr std::int64_t ns_per_us = 1'000;

}  // namespace

Oracle::Oracle(std::uint32_t window, std::int64_t segment_ns, std::uint32_t spare_from)
    : window_(window), segment_ns_(segment_ns), spare_from_(spare_from) {
  PENSTOCK_ASSERT(window > 0 && segment_ns >= 0);
}

void Oracle::on_fate(std::uint32_t segment, bool lost, Instant known) {
  PENSTOCK_ASSERT(segment < next_);
  PENSTOCK_ASSERT(fates_.empty() || fates_.back().known <= known);
  fates_.push_back({segment, lost, known});
}

void Oracle::learn(Instant now) {
  for (; !fates_.empty() && fates_.front().known <= now; fates_.pop_front()) learn(fates_.front());
  for (; !sent_.empty() && sent_.front().arrived; sent_.pop_front()) ++una_;
  drop_needless();
}

void Oracle::learn(const Fate& fate) {
  // A spare copy of what has arrived tells nothing.
  if (fate.segment < una_ || sent_[fate.segment - una_].arrived) return;
  Sent& sent = sent_[fate.segment - una_];
  --sent.copies;
  sent.arrived = !fate.lost;
  if (sent.arrived || sent.copies > 0) return;
  ++sent.losses;
  sent.copies = spare_from_ != 0 && sent.losses >= spare_from_ ? 2 : 1;
  lost_.insert(lost_.end(), sent.copies, fate.segment);
}

void Oracle::drop_needless() {
  while (!lost_.empty() && (lost_.front() < una_ || sent_[lost_.front() - una_].arrived)) lost_.pop_front();
}

std::optional<std::uint32_t> Oracle::poll_transmit(Instant now) {
  learn(now);
  const std::int64_t now_ns = now.count_us() * ns_per_us;
  // The clock counts µs, the link ns: what became free within this microsecond is free.
  if (!has_something() || free_ns_ >= now_ns + ns_per_us) return std::nullopt;
  free_ns_ = std::max(free_ns_, now_ns) + segment_ns_;
  if (lost_.empty()) {
    sent_.emplace_back();
    return next_++;
  }
  const std::uint32_t segment = lost_.front();
  lost_.pop_front();
  drop_needless();
  return segment;
}

Instant Oracle::next_deadline() const {
  const Instant known = fates_.empty() ? Instant::never() : fates_.front().known;
  return has_something() ? earlier(known, Instant::at_us(free_ns_ / ns_per_us)) : known;
}

}  // namespace penstock::sim
