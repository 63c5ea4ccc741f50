// TimerWheel: when to look at which session again; a hierarchical wheel of 128 µs ticks over a slab of sessions.
//
// Each session has at most two entries, one per TimerKind: the coarse idle one, and the fine one of its machine. An entry
// is a promise to look not later than its tick. A deadline that moves later, or to never, leaves its entry where it is:
// the wheel asks `deadline_of` when the entry comes up (at each cascade, too) and puts it on. A deadline that moves
// earlier moves its entry: the last entry of its slot takes its place, found through TimerPlaces. So nothing stale is ever
// left behind, and the memory has an exact bound.
//
// Six levels of 256 slots; level l holds what differs from the present tick in its byte l, counted from 0, and in no
// higher one (Tokio's and Kafka's layout, not Varghese's turning rims), so the earliest entry is found by the bitmap of
// the lowest level in use. 2^48 ticks are 1,142 years. A slot is a list of 64-byte chunks of 15 entries, all full but the
// first. N entries in S slots need at most N / 15 + S chunks; with N ≤ 2 × sessions_max and S = 1,536 the pool that the
// constructor takes cannot run dry: about 9 bytes a session.
//
// One core owns a wheel. Instants are those of one clock that does not go back and starts at 0 or later.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/time.hpp"
#include "session/session.hpp"

namespace penstock {

class TimerWheel {
 public:
  static constexpr Duration tick = Duration::us(128);
  static constexpr std::uint32_t levels = 6;
  static constexpr std::uint32_t slots_per_level = 256;
  static constexpr std::uint32_t sessions_limit = 1u << 31;  // an entry is a session index and one bit for its kind

  // `sessions` is the slab whose indices the wheel deals in, SessionTable::all(); it outlives the wheel.
  TimerWheel(Arena& arena, std::span<Session> sessions, Instant now);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  // What the constructor takes of an arena.
  static std::size_t cost(std::uint32_t sessions_max);

  // Sees to it that the timer comes up not later than the tick after max(`deadline`, the last advance). Does nothing when
  // an entry that is early enough stands already, or when `deadline` is never(). Costs a compare in the common case.
  void arm(std::uint32_t index, TimerKind kind, Instant deadline) {
    const bool early_enough =
        is_armed(index, kind) && instant_of(sessions_[index].timers.tick[static_cast<std::size_t>(kind)]) <= deadline;
    if (!early_enough) rearm(index, kind, deadline);
  }
  // Takes the timer out; nothing happens when it is not in. Both must be out before a session closes.
  void cancel(std::uint32_t index, TimerKind kind);
  void cancel_all(std::uint32_t index);

  // Looks at the entries that came up until `now`, `budget` of them at the most, and returns how many that were; cascaded
  // ones count. `deadline_of(index, kind) -> Instant` tells the deadline as it is now: when it has passed, the entry is
  // gone and `fire(index, kind)` is called; never() drops the entry; a later one moves it there. `fire` may arm and cancel
  // timers of any session; what it arms comes up in a later tick. What the budget left is done first next time.
  // An entry that fires counts as `fire_units` instead of one, since what it brings about costs more than a look.
  template <class DeadlineOf, class Fire>
  std::uint32_t advance(Instant now, std::uint32_t budget, DeadlineOf&& deadline_of, Fire&& fire,
                        std::uint32_t fire_units = 1);

  // When advance() has something to do next: never later than the tick after the earliest armed deadline, sometimes
  // earlier (a cascade, an entry whose deadline moved on); never() when no entry is held. An instant in the past means
  // that work is left over.
  Instant next_due() const;

  bool is_armed(std::uint32_t index, TimerKind kind) const {
    return sessions_[index].timers.position[static_cast<std::size_t>(kind)] != TimerPlaces::none;
  }
  // Entries held, both kinds together.
  std::uint32_t count() const { return count_; }
  // Chunks in use and in the pool, for reports and tests.
  std::uint32_t chunks_used() const { return chunks_used_; }
  std::uint32_t chunk_capacity() const { return static_cast<std::uint32_t>(chunks_.size()); }

 private:
  static constexpr std::uint32_t none = TimerPlaces::none;
  static constexpr std::uint32_t entries_per_chunk = 15;
  static constexpr std::uint32_t places_per_chunk = 16;  // a position is chunk × 16 + place in it
  static constexpr std::uint32_t slot_count = levels * slots_per_level;
  static constexpr std::uint32_t level_bits = 8;
  static constexpr std::uint32_t tick_bits = 7;
  static constexpr std::uint64_t tick_max = (std::uint64_t{1} << (levels * level_bits)) - 1;

  struct alignas(cache_line_bytes) Chunk {
    std::array<std::uint32_t, entries_per_chunk> entries;  // session index × 2 + kind
    std::uint32_t next;                                    // the next chunk of the slot or of the free list, or `none`
  };
  static_assert(sizeof(Chunk) == cache_line_bytes);
  struct Slot {
    std::uint32_t head = none;  // the one chunk that may be partly filled, or `none`
    std::uint32_t count = 0;    // entries in all its chunks
  };

  void rearm(std::uint32_t index, TimerKind kind, Instant deadline);
  static std::uint64_t tick_after(Instant instant);   // the first tick at or after an instant
  static std::uint64_t tick_before(Instant instant);  // the last tick at or before it
  static Instant instant_of(std::uint64_t at) { return Instant::at_us(static_cast<std::int64_t>(at << tick_bits)); }
  static std::uint32_t chunks_for(std::uint32_t sessions_max);
  static std::uint64_t bit_of(std::uint32_t slot) { return std::uint64_t{1} << (slot % 64); }
  // Entries in the first chunk of a slot that is not empty.
  static std::uint32_t filled(const Slot& slot) { return (slot.count - 1) % entries_per_chunk + 1; }

  // What to look at next: a slot and the tick at which it comes up; slot `none` when no entry is held.
  struct Next {
    std::uint32_t slot = none;
    std::uint64_t at = 0;
  };
  Next next() const;
  // Moves the present tick on to the next slot that comes up by `target` and returns it; `none` when there is none.
  std::uint32_t next_slot(std::uint64_t target);
  // The slot to which a tick, not before the present one, belongs.
  std::uint32_t slot_of(std::uint64_t at) const;
  void put(std::uint32_t entry, std::uint64_t at);
  // The last entry of a slot, taken out.
  std::uint32_t take_last(std::uint32_t slot);
  void remove(std::uint32_t entry);
  std::uint32_t take_chunk();
  void give_chunk(std::uint32_t chunk);
  // Asks for the sessions of a slot's first chunk, and for the chunk behind it.
  void prefetch_head(std::uint32_t slot) const;

  std::uint32_t& position_of(std::uint32_t entry) { return sessions_[entry >> 1].timers.position[entry & 1]; }

  std::span<Session> sessions_;
  std::span<Slot> slots_;  // level × 256 + slot
  std::span<Chunk> chunks_;
  std::array<std::array<std::uint64_t, 4>, levels> used_{};  // one bit a slot: it holds an entry
  std::uint64_t present_;                                    // all earlier ticks have been looked at
  std::uint64_t advanced_to_;      // tick of the last advance; beyond present_ when its budget ran out
  std::uint64_t quiet_until_ = 0;  // no slot comes up before this tick
  std::uint32_t count_ = 0;
  std::uint32_t chunks_used_ = 0;
  std::uint32_t chunks_touched_ = 0;  // chunks at and beyond this index were never used
  std::uint32_t free_chunk_ = none;   // chunks that were given back
};

template <class DeadlineOf, class Fire>
std::uint32_t TimerWheel::advance(Instant now, std::uint32_t budget, DeadlineOf&& deadline_of, Fire&& fire,
                                  std::uint32_t fire_units) {
  advanced_to_ = std::max(advanced_to_, tick_before(now));
  // Most turns have nothing to fire.
  if (advanced_to_ < quiet_until_) {
    present_ = advanced_to_;
    return 0;
  }
  std::uint32_t looked_at = 0;
  std::uint32_t slot = none;
  while (looked_at < budget) {
    // A slot is emptied before the next one is looked for: what fires or moves on goes to later ones.
    if (slot == none || slots_[slot].count == 0) {
      slot = next_slot(advanced_to_);
      if (slot == none) break;
      prefetch_head(slot);
    } else if (filled(slots_[slot]) == entries_per_chunk) {
      prefetch_head(slot);
    }
    const std::uint32_t entry = take_last(slot);
    ++looked_at;
    const std::uint32_t index = entry >> 1;
    const TimerKind kind = static_cast<TimerKind>(entry & 1);
    const Instant deadline = deadline_of(index, kind);
    if (deadline.is_never()) continue;
    // Not before the tick it was placed for: a deadline that was past when it was armed comes up a tick later.
    const std::uint64_t at = std::max(tick_after(deadline), sessions_[index].timers.tick[entry & 1]);
    if (at > present_) {
      put(entry, at);
    } else if (slot < slots_per_level) {
      looked_at += fire_units - 1;
      fire(index, kind);
    } else {
      put(entry, present_);
    }
  }
  return looked_at;
}

}  // namespace penstock
