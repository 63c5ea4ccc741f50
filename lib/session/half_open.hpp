// HalfOpenTable: who has begun a conversation at a listener and not yet shown that he receives at his address.
//
// An entry is one cache line: the flow, when it came, its place in the order of opening, and the head of a chain of what its
// peer has sent since, as far as small blocks were to spare. It is no session: no machine, no timer, no service knows of it.
// Entries are found by a keyed hash of the whole flow, whatever the listener's key mode, within the two lines that a
// BucketTable looks at. They leave when the peer proves itself, or when their time is up, the oldest first, so nothing is ever
// scanned.
//
// A client without congestion window sends its whole opening window before it hears a word. So the chain takes each number
// of that window once, and needs no other bound: OpeningNumbers::max datagrams, each in one block. All chains together take
// half of each class of small blocks at the most.
//
// Room is never made by throwing somebody out, as a flood would throw out the honest. A full table goes *stateless* until a
// quarter of it is free again: newcomers get their challenge and no entry, and come in by the proof alone. A prefix that
// holds its share goes stateless by itself. So a peer never depends on an entry; what one spares him is a repetition.
// One core owns a table. All memory is the arena's.
#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <utility>

#include "base/arena.hpp"
#include "base/siphash.hpp"
#include "base/time.hpp"
#include "buf/segment.hpp"
#include "buf/small_blocks.hpp"
#include "net/path.hpp"
#include "session/bucket_table.hpp"
#include "session/flow_key.hpp"
#include "session/prefix_quota.hpp"

namespace penstock {

// The numbers of an opening window that a datagram carries, or that a chain holds. ikcp reckons with a window of 128 before
// it has heard of ours, so none sends more unasked.
inline constexpr std::uint32_t opening_window_max = 128;
using OpeningNumbers = std::bitset<opening_window_max>;

// Datagrams in the order in which they came; whoever has it owns them. Each begins in its block behind a HeldLink.
class HeldChain {
 public:
  HeldChain() = default;
  // Takes over a chain from its newest block on.
  explicit HeldChain(Block* newest);
  HeldChain(HeldChain&& other) noexcept : oldest_(std::exchange(other.oldest_, nullptr)) {}
  HeldChain& operator=(HeldChain&&) = delete;
  ~HeldChain() {
    while (take().holds()) continue;
  }
  // The next one; holds nothing when there is none.
  Segment take();

 private:
  Block* oldest_ = nullptr;
};

// One that has begun. Only the table writes to it.
struct alignas(cache_line_bytes) HalfOpen {
  net::Endpoint local;
  net::Endpoint remote;
  std::uint16_t interface = 0;
  std::uint16_t held_count = 0;  // datagrams in the chain
  std::uint32_t conv = 0;
  std::uint32_t opened_ms = 0;  // of the worker's clock, its low bits: times out long before they come round
  std::uint32_t before = 0;     // the one opened before it …
  std::uint32_t behind = 0;     // … and behind it; of a free place the next free one
  Block* held = nullptr;        // the newest of the chain, from a pool of SmallBlocks

  bool is_of(const net::Path& path, std::uint32_t conv_sought) const {
    return conv == conv_sought && local == path.local && remote == path.remote && interface == path.interface;
  }
};
static_assert(sizeof(HalfOpen) == 64);

struct HalfOpenLimits {
  std::uint16_t listener = 0;        // for the quota
  std::uint32_t entries_max = 0;     // 1 … 2^29
  std::uint32_t per_prefix_max = 0;  // entries of one IPv4 /24 or IPv6 /56
  Duration timeout;                  // an entry's life, up to an hour

  bool bounds_prefixes() const { return per_prefix_max < entries_max; }
};

struct HalfOpenCounters {
  std::uint64_t opened = 0;     // entries made
  std::uint64_t proven = 0;     // … that left because their peer proved itself
  std::uint64_t expired = 0;    // … that left because he did not
  std::uint64_t held = 0;       // datagrams kept until the proof
  std::uint64_t not_held = 0;   // … that were not kept, since small blocks were scarce
  std::uint64_t stateless = 0;  // first datagrams for which no entry was made
};

class alignas(cache_line_bytes) HalfOpenTable {
 public:
  // `quota` is the worker's for half-open entries and outlives the table.
  HalfOpenTable(Arena& arena, const HalfOpenLimits& limits, PrefixQuota& quota, SipKey key);
  ~HalfOpenTable() { clear(); }
  HalfOpenTable(const HalfOpenTable&) = delete;
  HalfOpenTable& operator=(const HalfOpenTable&) = delete;
  static std::size_t cost(std::uint32_t entries_max);

  // The entry of this flow, or nullptr. Entries stay where they are until they leave.
  HalfOpen* find(const net::Path& path, std::uint32_t conv);
  // Makes the entry of a flow that has none. nullptr while the table or the flow's prefix is stateless, which is counted.
  HalfOpen* open(const net::Path& path, std::uint32_t conv, Instant now);
  // Keeps a copy of a datagram that carries these numbers, in the smallest class that holds it, unless half of that class is in
  // use: what sessions hold goes first. One that brings no number which the chain lacks is left. True when the chain has
  // all that it brought.
  bool hold(HalfOpen& entry, std::span<const std::uint8_t> datagram, const OpeningNumbers& numbers,
            SmallBlocks& blocks);
  // The peer proved itself: the entry leaves, and what it held is the caller's.
  HeldChain prove(HalfOpen& entry);
  // Lets the oldest go whose time is up, until entries and their datagrams come to `budget`.
  void expire(Instant now, std::uint32_t budget);
  // How long ago an entry was made, in whole milliseconds.
  Duration age(const HalfOpen& entry, Instant now) const { return Duration::ms(age_ms(entry, now)); }
  // When the oldest one's time is up; never() when there is none.
  Instant next_deadline(Instant now) const;
  void clear();

  // No entries are made at present, for want of room.
  bool stateless() const { return stateless_; }
  // Whether somebody without an entry was given a challenge within the last `span`, so that a proof without one may be his.
  // At any other time it is an old one, given twice.
  bool was_stateless(Duration span, Instant now) const {
    return counters_.stateless > 0 && now - last_stateless_ <= span;
  }
  std::uint32_t count() const { return index_.count(); }
  std::uint32_t capacity() const { return static_cast<std::uint32_t>(entries_.size()); }
  const HalfOpenCounters& counters() const { return counters_; }

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  FlowHash hash_of(const net::Path& path, std::uint32_t conv) const {
    return flow_hash(SessionKeyMode::address_conv, path, conv, key_);
  }
  std::uint32_t age_ms(const HalfOpen& entry, Instant now) const {
    return static_cast<std::uint32_t>(now.count_ms()) - entry.opened_ms;
  }
  // A first datagram gets no entry.
  void pass_by(Instant now) {
    ++counters_.stateless;
    last_stateless_ = now;
  }
  std::uint32_t take_place();
  HeldChain leave(std::uint32_t place);

  std::span<HalfOpen> entries_;
  BucketTable index_;  // by hash_of(): place + 1
  PrefixQuota& quota_;
  SipKey key_;
  HalfOpenLimits limits_;
  std::uint32_t timeout_ms_;
  std::uint32_t untouched_ = 0;  // places from here on were never taken
  std::uint32_t free_ = none;    // the first of those given back
  std::uint32_t oldest_ = none;
  std::uint32_t latest_ = none;
  bool stateless_ = false;
  Instant last_stateless_;  // once one was
  HalfOpenCounters counters_;
};

}  // namespace penstock
