#include "session/quarantine.hpp"

#include <algorithm>
#include <bit>

#include "base/assert.hpp"

namespace penstock {

namespace {

// What the fields of an entry hold.
constexpr std::uint32_t capacity_max = (1u << 22) - 1;
constexpr std::uint64_t until_ms_max = (std::uint64_t{1} << 42) - 1;

// As many places in the ring and as many chains; at least two, so that the hash is shifted by less than its width.
std::uint32_t places_for(std::uint32_t capacity) { return std::bit_ceil(std::max(capacity, 2u)); }

std::uint64_t ms_after(Instant until) { return static_cast<std::uint64_t>((until.count_us() + 999) / 1000); }

}  // namespace

Quarantine::Quarantine(Arena& arena, std::uint32_t capacity)
    : entries_(arena.make<Entry>(places_for(capacity))),
      latest_(arena.make<std::uint32_t>(places_for(capacity))),
      capacity_(capacity),
      mask_(places_for(capacity) - 1),
      latest_shift_(64 - std::countr_zero(places_for(capacity))) {
  PENSTOCK_ASSERT(capacity > 0);
  PENSTOCK_ASSERT(capacity <= capacity_max);
}

std::size_t Quarantine::cost(std::uint32_t capacity) {
  return Arena::cost<Entry>(places_for(capacity)) + Arena::cost<std::uint32_t>(places_for(capacity));
}

void Quarantine::add(FlowHash hash, Instant now, Instant until) {
  // Two of the ended leave for each that comes, so the ring empties again without one long turn.
  const auto now_ms = static_cast<std::uint64_t>(now.count_ms());
  for (int leaving = 0; leaving < 2 && count_ > 0 && entry_at(first_).until_ms <= now_ms; ++leaving) leave_oldest();
  if (count_ == capacity_) leave_oldest();

  PENSTOCK_ASSERT(!until.is_never());
  const std::uint32_t number = first_ + count_;
  std::uint32_t& latest = latest_of(hash);
  const std::uint32_t back = is_held(latest) ? number - latest : 0;
  ++count_;
  entry_at(number) = {.hash = hash, .until_ms = ms_after(until) & until_ms_max, .back = back & capacity_max};
  latest = number;
}

bool Quarantine::contains(FlowHash hash, Instant now) {
  std::uint32_t number = latest_of(hash);
  for (std::uint32_t looks = 0; looks < looks_max && is_held(number); ++looks) {
    const Entry& entry = entry_at(number);
    // The latest of a hash is met first, and counts.
    if (entry.hash == hash) return static_cast<std::uint64_t>(now.count_ms()) < entry.until_ms;
    if (entry.back == 0) return false;
    number -= static_cast<std::uint32_t>(entry.back);
  }
  return false;
}

void Quarantine::leave_oldest() {
  ++first_;
  --count_;
}

}  // namespace penstock
