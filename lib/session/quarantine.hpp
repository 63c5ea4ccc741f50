// Quarantine: conversations that closed a moment ago, whose late datagrams must not open a session again.
//
// A bounded ring of (address, conv) hashes in the order of closing and a table to find them. When the ring is full the
// oldest leaves early; one that cannot be entered (no free slot in reach) is simply not quarantined. The hash is keyed,
// so a stranger cannot shut another's conversation out. One core owns a quarantine.
#pragma once

#include <cstdint>

#include "base/arena.hpp"
#include "base/ring.hpp"
#include "base/time.hpp"
#include "net/path.hpp"
#include "session/bucket_table.hpp"
#include "session/flow_key.hpp"

namespace penstock {

// The key under which a conversation is quarantined. It holds the conv in every mode: a peer that closed one conversation
// may begin another from the same address at once. Modes `address_conv` and `conv` yield the flow key itself.
constexpr FlowKey quarantine_key(SessionKeyMode mode, const net::Path& path, std::uint32_t conv) {
  return flow_key(mode == SessionKeyMode::address ? SessionKeyMode::address_conv : mode, path, conv);
}

class Quarantine {
 public:
  // Remembers the last `capacity` closings, at least one.
  Quarantine(Arena& arena, std::uint32_t capacity);
  static std::size_t cost(std::uint32_t capacity);

  // Shuts a conversation out until `until`; a second time moves the end.
  void add(FlowHash hash, Instant now, Instant until);
  // True while it is shut out: drop the datagram as session_quarantined.
  bool contains(FlowHash hash, Instant now);

  // Conversations remembered, ended ones that wait to leave included.
  std::uint32_t count() const { return ring_.count(); }

 private:
  struct Entry {
    FlowHash hash;
    Instant until;
  };
  // The table's value is an entry's number in the order of closing, from 1.
  Entry& entry_at(std::uint64_t number) { return ring_.at(static_cast<std::uint32_t>(number - first_)); }
  void leave_oldest();

  Ring<Entry> ring_;
  BucketTable numbers_;
  std::uint64_t first_ = 1;  // number of the ring's front
};

}  // namespace penstock
