#include "session/half_open.hpp"

#include <limits>
#include <utility>

#include "base/assert.hpp"

namespace penstock {

HalfOpenTable::HalfOpenTable(Arena& arena, const HalfOpenLimits& limits, PrefixQuota& quota, SipKey key)
    : entries_(arena.make<HalfOpen>(limits.entries_max)),
      index_(arena, limits.entries_max),
      quota_(quota),
      key_(key),
      limits_(limits),
      timeout_ms_(static_cast<std::uint32_t>(limits.timeout.count_us() / 1000)) {
  PENSTOCK_ASSERT(limits.entries_max > 0);
  PENSTOCK_ASSERT(limits.timeout <= Duration::seconds(3600));
}

std::size_t HalfOpenTable::cost(std::uint32_t entries_max) {
  return Arena::cost<HalfOpen>(entries_max) + BucketTable::cost(entries_max);
}

HalfOpen* HalfOpenTable::find(const net::Path& path, std::uint32_t conv) {
  if (count() == 0) return nullptr;
  const auto matches = [&](std::uint64_t place) { return entries_[place - 1].is_of(path, conv); };
  const std::uint64_t* place = index_.find(hash_of(path, conv), matches);
  return place == nullptr ? nullptr : &entries_[*place - 1];
}

HalfOpen* HalfOpenTable::open(const net::Path& path, std::uint32_t conv, Instant now) {
  if (count() == capacity()) stateless_ = true;
  const bool bounded = limits_.bounds_prefixes();
  if (stateless_ || (bounded && !quota_.acquire(limits_.listener, path.remote.address, limits_.per_prefix_max))) {
    pass_by(now);
    return nullptr;
  }
  const std::uint32_t place = take_place();
  if (!index_.insert(hash_of(path, conv), std::uint64_t{place} + 1)) {
    if (bounded) quota_.release(limits_.listener, path.remote.address);
    entries_[place].behind = std::exchange(free_, place);
    pass_by(now);
    return nullptr;
  }
  HalfOpen& entry = entries_[place];
  entry = {.local = path.local, .remote = path.remote, .interface = path.interface, .conv = conv};
  entry.opened_ms = static_cast<std::uint32_t>(now.count_ms());
  entry.before = std::exchange(latest_, place);
  entry.behind = none;
  (entry.before == none ? oldest_ : entries_[entry.before].behind) = place;
  ++counters_.opened;
  return &entry;
}

void HalfOpenTable::hold(HalfOpen& entry, std::span<const std::uint8_t> datagram, SmallBlocks& blocks) {
  if (entry.held != nullptr) return;
  Segment copy;
  if (blocks.has_plenty_for(datagram.size())) copy = blocks.copy(datagram);
  if (!copy.holds()) {
    ++counters_.not_held;
    return;
  }
  PENSTOCK_ASSERT(copy.offset() == 0 && datagram.size() <= std::numeric_limits<std::uint16_t>::max());
  entry.held_bytes = static_cast<std::uint16_t>(datagram.size());
  entry.held = copy.detach();
}

Segment HalfOpenTable::prove(HalfOpen& entry) {
  ++counters_.proven;
  return leave(static_cast<std::uint32_t>(&entry - entries_.data()));
}

void HalfOpenTable::expire(Instant now, std::uint32_t budget) {
  for (; budget > 0 && oldest_ != none && age_ms(entries_[oldest_], now) >= timeout_ms_; --budget) {
    ++counters_.expired;
    leave(oldest_);
  }
}

Instant HalfOpenTable::next_deadline(Instant now) const {
  if (oldest_ == none) return Instant::never();
  const std::uint32_t age = age_ms(entries_[oldest_], now);
  if (age >= timeout_ms_) return now;
  // From the beginning of this millisecond, as ages are counted in whole ones.
  return Instant::at_us(now.count_ms() * 1000) + Duration::ms(timeout_ms_ - age);
}

void HalfOpenTable::clear() {
  while (oldest_ != none) leave(oldest_);
}

// Those given back first, so that a calm table keeps to its first pages.
std::uint32_t HalfOpenTable::take_place() {
  if (free_ == none) return untouched_++;
  return std::exchange(free_, entries_[free_].behind);
}

Segment HalfOpenTable::leave(std::uint32_t place) {
  HalfOpen& entry = entries_[place];
  const net::Path path{.local = entry.local, .remote = entry.remote, .interface = entry.interface};
  const bool erased = index_.erase(hash_of(path, entry.conv), std::uint64_t{place} + 1);
  PENSTOCK_ASSERT(erased);
  if (limits_.bounds_prefixes()) quota_.release(limits_.listener, entry.remote.address);
  (entry.before == none ? oldest_ : entries_[entry.before].behind) = entry.behind;
  (entry.behind == none ? latest_ : entries_[entry.behind].before) = entry.before;
  Segment held;
  if (entry.held != nullptr) held = Segment::adopt(std::exchange(entry.held, nullptr), 0, entry.held_bytes);
  entry.behind = std::exchange(free_, place);
  if (count() <= capacity() - capacity() / 4 && count() < capacity()) stateless_ = false;
  return held;
}

}  // namespace penstock
