#include "session/timer_wheel.hpp"

#include <bit>

#include "base/assert.hpp"

namespace penstock {

TimerWheel::TimerWheel(Arena& arena, std::span<Session> sessions, Instant now)
    : sessions_(sessions),
      slots_(arena.make<Slot>(slot_count)),
      chunks_(arena.make<Chunk>(chunks_for(static_cast<std::uint32_t>(sessions.size())))),
      present_(tick_before(now)),
      advanced_to_(present_) {
  PENSTOCK_ASSERT(sessions.size() < sessions_limit);
  PENSTOCK_ASSERT(chunks_.size() < none / places_per_chunk);
}

std::size_t TimerWheel::cost(std::uint32_t sessions_max) {
  return Arena::cost<Slot>(slot_count) + Arena::cost<Chunk>(chunks_for(sessions_max));
}

// A slot of n entries has ⌈n / 15⌉ chunks, at most n / 15 + 1; the sum over all slots is the bound that the header names.
std::uint32_t TimerWheel::chunks_for(std::uint32_t sessions_max) {
  const std::uint64_t entries_max = std::uint64_t{sessions_max} * timer_kinds;
  return static_cast<std::uint32_t>(entries_max / entries_per_chunk + slot_count);
}

std::uint64_t TimerWheel::tick_before(Instant instant) {
  if (instant.count_us() <= 0) return 0;
  const std::uint64_t at = static_cast<std::uint64_t>(instant.count_us()) >> tick_bits;
  return std::min(at, tick_max);
}

std::uint64_t TimerWheel::tick_after(Instant instant) {
  if (instant.count_us() <= 0) return 0;
  const std::uint64_t at = ((static_cast<std::uint64_t>(instant.count_us()) - 1) >> tick_bits) + 1;
  return std::min(at, tick_max);
}

void TimerWheel::rearm(std::uint32_t index, TimerKind kind, Instant deadline) {
  if (deadline.is_never()) return;
  const std::uint32_t entry = index << 1 | static_cast<std::uint32_t>(kind);
  const std::uint64_t at = std::max(tick_after(deadline), advanced_to_ + 1);
  if (is_armed(index, kind)) {
    if (sessions_[index].timers.tick[entry & 1] <= at) return;
    remove(entry);
  }
  put(entry, at);
}

void TimerWheel::cancel(std::uint32_t index, TimerKind kind) {
  if (is_armed(index, kind)) remove(index << 1 | static_cast<std::uint32_t>(kind));
}

void TimerWheel::cancel_all(std::uint32_t index) {
  cancel(index, TimerKind::idle);
  cancel(index, TimerKind::machine);
}

Instant TimerWheel::next_due() const {
  const Next due = next();
  return due.slot == none ? Instant::never() : instant_of(due.at);
}

TimerWheel::Next TimerWheel::next() const {
  if (count_ == 0) return {};
  // A cascade that the budget cut short comes before everything else: its entries may be due at the present tick.
  for (std::uint32_t level = levels - 1; level > 0; --level) {
    const std::uint32_t here = static_cast<std::uint32_t>(present_ >> (level * level_bits)) % slots_per_level;
    if ((used_[level][here / 64] >> (here % 64) & 1) != 0) return {level * slots_per_level + here, present_};
  }
  // All of a level's slots come before all of the next level's, as those differ from the present tick in a higher byte.
  for (std::uint32_t level = 0; level < levels; ++level) {
    for (std::uint32_t word = 0; word < used_[level].size(); ++word) {
      if (used_[level][word] == 0) continue;
      const std::uint32_t first = word * 64 + static_cast<std::uint32_t>(std::countr_zero(used_[level][word]));
      const std::uint32_t shift = level * level_bits;
      const std::uint64_t block = present_ >> shift >> level_bits << level_bits;
      return {level * slots_per_level + first, (block | first) << shift};
    }
  }
  PENSTOCK_ASSERT(false && "a held entry shows in a bitmap");
  return {};
}

std::uint32_t TimerWheel::next_slot(std::uint64_t target) {
  const Next due = next();
  quiet_until_ = due.slot == none ? tick_max + 1 : due.at;
  if (due.slot == none || due.at > target) {
    present_ = target;
    return none;
  }
  PENSTOCK_ASSERT(due.at >= present_);
  present_ = due.at;
  return due.slot;
}

std::uint32_t TimerWheel::slot_of(std::uint64_t at) const {
  PENSTOCK_ASSERT(at >= present_);
  const std::uint32_t level = (static_cast<std::uint32_t>(std::bit_width((at ^ present_) | 1)) - 1) / level_bits;
  PENSTOCK_ASSERT(level < levels);
  return level * slots_per_level + static_cast<std::uint32_t>(at >> (level * level_bits)) % slots_per_level;
}

void TimerWheel::put(std::uint32_t entry, std::uint64_t at) {
  const std::uint32_t slot_index = slot_of(at);
  const std::uint32_t shift = slot_index / slots_per_level * level_bits;
  quiet_until_ = std::min(quiet_until_, at >> shift << shift);
  Slot& slot = slots_[slot_index];
  const std::uint32_t place = slot.count % entries_per_chunk;
  if (place == 0) {
    const std::uint32_t chunk = take_chunk();
    chunks_[chunk].next = slot.head;
    slot.head = chunk;
    if (slot.count == 0) used_[slot_index / slots_per_level][slot_index % slots_per_level / 64] |= bit_of(slot_index);
  }
  chunks_[slot.head].entries[place] = entry;
  ++slot.count;
  ++count_;
  TimerPlaces& timers = sessions_[entry >> 1].timers;
  timers.tick[entry & 1] = at;
  timers.position[entry & 1] = slot.head * places_per_chunk + place;
  timers.slot[entry & 1] = static_cast<std::uint16_t>(slot_index);
}

std::uint32_t TimerWheel::take_last(std::uint32_t slot_index) {
  Slot& slot = slots_[slot_index];
  PENSTOCK_ASSERT(slot.count > 0);
  const std::uint32_t chunk = slot.head;
  const std::uint32_t place = filled(slot) - 1;
  const std::uint32_t entry = chunks_[chunk].entries[place];
  if (place == 0) {
    slot.head = chunks_[chunk].next;
    give_chunk(chunk);
  }
  --slot.count;
  --count_;
  if (slot.count == 0) used_[slot_index / slots_per_level][slot_index % slots_per_level / 64] &= ~bit_of(slot_index);
  sessions_[entry >> 1].timers.position[entry & 1] = none;
  return entry;
}

// The last entry of the slot moves into the gap, so that all chunks but the first stay full.
void TimerWheel::remove(std::uint32_t entry) {
  const TimerPlaces& timers = sessions_[entry >> 1].timers;
  const std::uint32_t position = timers.position[entry & 1];
  const std::uint32_t last = take_last(timers.slot[entry & 1]);
  if (last == entry) return;
  PENSTOCK_ASSERT(chunks_[position / places_per_chunk].entries[position % places_per_chunk] == entry);
  chunks_[position / places_per_chunk].entries[position % places_per_chunk] = last;
  sessions_[last >> 1].timers.position[last & 1] = position;
  sessions_[entry >> 1].timers.position[entry & 1] = none;
}

std::uint32_t TimerWheel::take_chunk() {
  ++chunks_used_;
  if (free_chunk_ != none) {
    const std::uint32_t chunk = free_chunk_;
    free_chunk_ = chunks_[chunk].next;
    return chunk;
  }
  PENSTOCK_ASSERT(chunks_touched_ < chunks_.size());
  return chunks_touched_++;
}

void TimerWheel::give_chunk(std::uint32_t chunk) {
  PENSTOCK_ASSERT(chunks_used_ > 0);
  --chunks_used_;
  chunks_[chunk].next = free_chunk_;
  free_chunk_ = chunk;
}

void TimerWheel::prefetch_head(std::uint32_t slot_index) const {
  const Slot& slot = slots_[slot_index];
  const Chunk& chunk = chunks_[slot.head];
  for (std::uint32_t place = 0; place < filled(slot); ++place) prefetch(sessions_[chunk.entries[place] >> 1]);
  if (chunk.next != none) __builtin_prefetch(&chunks_[chunk.next]);
}

}  // namespace penstock
