// Quarantine: conversations that closed a moment ago, whose late datagrams must not open a session again.
//
// A bounded ring of (address, conv) hashes in the order of closing. Those whose hashes begin with the same bits form a chain,
// from the latest to the earliest: an array holds the latest of each, and each tells how far back the one before it stands.
// So nothing is unlinked when the oldest leaves: a chain ends where the ring does. It takes 20 bytes a conversation. When the
// ring is full the oldest leaves early; one behind `looks_max` later ones of its chain is no longer found. The hash is keyed,
// so a stranger cannot shut another's conversation out, nor choose a chain. One core owns a quarantine.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/time.hpp"
#include "net/path.hpp"
#include "session/flow_key.hpp"

namespace penstock {

// The key under which a conversation is quarantined. It holds the conv in every mode: a peer that closed one conversation
// may begin another from the same address at once. Modes `address_conv` and `conv` yield the flow key itself.
constexpr FlowKey quarantine_key(SessionKeyMode mode, const net::Path& path, std::uint32_t conv) {
  return flow_key(mode == SessionKeyMode::address ? SessionKeyMode::address_conv : mode, path, conv);
}

class Quarantine {
 public:
  // Entries of a chain that are looked at. With as many chains as places, one in 10^14 would stand further back.
  static constexpr std::uint32_t looks_max = 16;

  // Remembers the last `capacity` closings, 1 … 2^22 − 1.
  Quarantine(Arena& arena, std::uint32_t capacity);
  static std::size_t cost(std::uint32_t capacity);

  // Shuts a conversation out until `until`, rounded up to a millisecond; a second time moves the end.
  void add(FlowHash hash, Instant now, Instant until);
  // True while it is shut out: drop the datagram as session_quarantined.
  bool contains(FlowHash hash, Instant now);

  // Conversations remembered, ended ones that wait to leave included.
  std::uint32_t count() const { return count_; }

 private:
  struct Entry {
    FlowHash hash;
    std::uint64_t until_ms : 42;  // 139 years
    std::uint64_t back : 22;      // by how many closings the one before in its chain is earlier; 0: there is none
  };
  static_assert(sizeof(Entry) == 16);

  // Closings are numbered from 1, modulo 2^32, and stand at their number modulo the ring's size. A number that was held 2^32
  // closings ago may seem to be held: the walk then meets hashes of other chains, which are not the one sought.
  bool is_held(std::uint32_t number) const { return number - first_ < count_; }
  Entry& entry_at(std::uint32_t number) { return entries_[number & mask_]; }
  std::uint32_t& latest_of(FlowHash hash) { return latest_[hash >> latest_shift_]; }
  void leave_oldest();

  std::span<Entry> entries_;
  std::span<std::uint32_t> latest_;  // by the hash's upper bits: the number of the chain's latest
  std::uint32_t capacity_;
  std::uint32_t mask_;
  int latest_shift_;
  std::uint32_t first_ = 1;  // number of the oldest
  std::uint32_t count_ = 0;
};

}  // namespace penstock
