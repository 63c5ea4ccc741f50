#include "session/half_open.hpp"

#include <cstring>
#include <utility>

#include "base/assert.hpp"

namespace penstock {

namespace {

// Stands in front of each held datagram, in its block.
struct HeldLink {
  Block* next = nullptr;          // the one that came before, or behind it once the chain was turned round
  std::uint32_t length = 0;       // of the datagram
  OpeningNumbers numbers_so_far;  // of it and all that came before
};

HeldLink link_of(const Block& block) {
  HeldLink link;
  std::memcpy(&link, block.data, sizeof link);
  return link;
}

void set_link(Block& block, const HeldLink& link) { std::memcpy(block.data, &link, sizeof link); }

}  // namespace

HeldChain::HeldChain(Block* newest) {
  while (newest != nullptr) {
    HeldLink link = link_of(*newest);
    Block* const before = std::exchange(link.next, oldest_);
    set_link(*newest, link);
    oldest_ = std::exchange(newest, before);
  }
}

Segment HeldChain::take() {
  if (oldest_ == nullptr) return {};
  const HeldLink link = link_of(*oldest_);
  return Segment::adopt(std::exchange(oldest_, link.next), sizeof(HeldLink), link.length);
}

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

bool HalfOpenTable::hold(HalfOpen& entry, std::span<const std::uint8_t> datagram, const OpeningNumbers& numbers,
                         SmallBlocks& blocks) {
  HeldLink link{entry.held, static_cast<std::uint32_t>(datagram.size()), {}};
  if (entry.held != nullptr) link.numbers_so_far = link_of(*entry.held).numbers_so_far;
  if ((numbers & ~link.numbers_so_far).none()) return true;
  link.numbers_so_far |= numbers;
  Segment place;
  const std::size_t bytes = sizeof link + datagram.size();
  if (blocks.has_plenty_for(bytes)) place = blocks.allocate(static_cast<std::uint32_t>(bytes));
  if (!place.holds()) {
    ++counters_.not_held;
    return false;
  }
  PENSTOCK_ASSERT(place.offset() == 0);
  std::memcpy(place.writable().data() + sizeof link, datagram.data(), datagram.size());
  set_link(*place.block(), link);
  entry.held = place.detach();
  ++entry.held_count;
  PENSTOCK_ASSERT(entry.held_count <= opening_window_max);
  ++counters_.held;
  return true;
}

HeldChain HalfOpenTable::prove(HalfOpen& entry) {
  ++counters_.proven;
  return leave(static_cast<std::uint32_t>(&entry - entries_.data()));
}

void HalfOpenTable::expire(Instant now, std::uint32_t budget) {
  for (std::uint32_t spent = 0; spent < budget && oldest_ != none;) {
    const HalfOpen& entry = entries_[oldest_];
    if (age_ms(entry, now) < timeout_ms_) return;
    spent += 1u + entry.held_count;
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

HeldChain HalfOpenTable::leave(std::uint32_t place) {
  HalfOpen& entry = entries_[place];
  const net::Path path{.local = entry.local, .remote = entry.remote, .interface = entry.interface};
  const bool erased = index_.erase(hash_of(path, entry.conv), std::uint64_t{place} + 1);
  PENSTOCK_ASSERT(erased);
  if (limits_.bounds_prefixes()) quota_.release(limits_.listener, entry.remote.address);
  (entry.before == none ? oldest_ : entries_[entry.before].behind) = entry.behind;
  (entry.behind == none ? latest_ : entries_[entry.behind].before) = entry.before;
  HeldChain held(std::exchange(entry.held, nullptr));
  entry.behind = std::exchange(free_, place);
  if (count() <= capacity() - capacity() / 4 && count() < capacity()) stateless_ = false;
  return held;
}

}  // namespace penstock
