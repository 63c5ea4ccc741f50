// PrefixQuota: how many sessions each source prefix holds, IPv4 /24 and IPv6 /56, for the listeners' per_prefix_max.
//
// Each live session holds one count, so sessions_max entries are always enough. Prefixes are told apart by their 64-bit
// keyed hash: two of them share a quota by chance only (2^-56), which a stranger who does not know the key cannot bring
// about. A new prefix can be refused room as in every BucketTable. One core owns a table.
#pragma once

#include <cstdint>

#include "base/arena.hpp"
#include "base/siphash.hpp"
#include "net/address.hpp"
#include "session/bucket_table.hpp"

namespace penstock {

class PrefixQuota {
 public:
  PrefixQuota(Arena& arena, std::uint32_t sessions_max, SipKey key) : table_(arena, sessions_max), key_(key) {}
  static std::size_t cost(std::uint32_t sessions_max) { return BucketTable::cost(sessions_max); }

  // Takes one count for the prefix of `remote` at a listener; false when it holds `per_prefix_max` already or the table
  // has no room for one more prefix.
  bool acquire(std::uint16_t listener, const net::IpAddress& remote, std::uint32_t per_prefix_max);
  // Gives back what acquire() took for the same listener and prefix.
  void release(std::uint16_t listener, const net::IpAddress& remote);
  // True when both addresses count as one.
  bool same_prefix(const net::IpAddress& a, const net::IpAddress& b) const { return hash_of(0, a) == hash_of(0, b); }
  // Counts held now.
  std::uint32_t held(std::uint16_t listener, const net::IpAddress& remote);
  // Prefixes that hold a count.
  std::uint32_t prefix_count() const { return table_.count(); }

 private:
  std::uint64_t hash_of(std::uint16_t listener, const net::IpAddress& remote) const;

  BucketTable table_;
  SipKey key_;
};

}  // namespace penstock
