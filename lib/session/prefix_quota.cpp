#include "session/prefix_quota.hpp"

#include <array>

#include "base/assert.hpp"

namespace penstock {

namespace {

constexpr bool any_value(std::uint64_t) { return true; }

// The bits of the prefix; the family is told by the top bit, as 56 bits of an IPv6 prefix leave it clear.
std::uint64_t prefix_bits(const net::IpAddress& address) {
  const bool v4 = address.is_v4();
  const std::size_t first = v4 ? 12 : 0;
  const std::size_t length = v4 ? 3 : 7;
  std::uint64_t bits = v4 ? std::uint64_t{1} << 63 : 0;
  for (std::size_t i = 0; i < length; ++i) bits |= std::uint64_t{address.bytes()[first + i]} << (8 * i);
  return bits;
}

}  // namespace

std::uint64_t PrefixQuota::hash_of(std::uint16_t listener, const net::IpAddress& remote) const {
  const std::array<std::uint64_t, 2> words{prefix_bits(remote), listener};
  return siphash13_words(key_, words);
}

bool PrefixQuota::acquire(std::uint16_t listener, const net::IpAddress& remote, std::uint32_t per_prefix_max) {
  if (per_prefix_max == 0) return false;
  const std::uint64_t hash = hash_of(listener, remote);
  std::uint64_t* held_count = table_.find(hash, any_value);
  if (held_count == nullptr) return table_.insert(hash, 1);
  if (*held_count >= per_prefix_max) return false;
  ++*held_count;
  return true;
}

void PrefixQuota::release(std::uint16_t listener, const net::IpAddress& remote) {
  const std::uint64_t hash = hash_of(listener, remote);
  std::uint64_t* held_count = table_.find(hash, any_value);
  PENSTOCK_ASSERT(held_count != nullptr);
  if (*held_count > 1) {
    --*held_count;
    return;
  }
  const bool erased = table_.erase(hash, 1);
  PENSTOCK_ASSERT(erased);
}

std::uint32_t PrefixQuota::held(std::uint16_t listener, const net::IpAddress& remote) {
  const std::uint64_t* held_count = table_.find(hash_of(listener, remote), any_value);
  return held_count == nullptr ? 0 : static_cast<std::uint32_t>(*held_count);
}

}  // namespace penstock
