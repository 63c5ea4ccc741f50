// AckList: the acknowledgements that are owed, in the order in which their segments came.
//
// Two fit in place; more move to a block of BuddyMemory that doubles up to entries_max and goes back when the list
// drains. A list that cannot grow refuses: una, or the peer's resend, then brings what the ACK would have told. One
// core, part of a session.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/assert.hpp"
#include "base/buddy.hpp"
#include "base/seq.hpp"

namespace penstock::kcp {

struct AckEntry {
  Seq32 sn;       // the segment acknowledged
  Stamp32 stamp;  // its ts, to be echoed
};

class AckList {
 public:
  static constexpr std::uint32_t in_place = 2;
  static constexpr std::uint32_t entries_max = 512;
  // How many of the latest entries are looked through for an equal one, which would tell the peer nothing new.
  static constexpr std::uint32_t looked_back = 4;

  AckList() = default;
  ~AckList() { PENSTOCK_ASSERT(capacity_ == in_place); }
  AckList(const AckList&) = delete;
  AckList& operator=(const AckList&) = delete;

  // Owes one more; false when the list is full and could not grow. An equal entry among the latest is not added again.
  bool add(BuddyMemory& memory, AckEntry entry);
  // The same for a segment that came for the first time, which no entry names.
  bool add_fresh(BuddyMemory& memory, AckEntry entry) {
    if (end_ == capacity_ && (full() || !make_room(memory))) return false;
    entries()[end_++] = entry;
    return true;
  }
  // The same for one that una has passed, which tells the peer as much: of several in a row only the latest is named, by which
  // the peer measures the round trip.
  bool add_passed(BuddyMemory& memory, AckEntry entry) {
    if (!empty() && passed_end_ == end_) {
      entries()[end_ - 1] = entry;
      return true;
    }
    if (!add_fresh(memory, entry)) return false;
    passed_end_ = end_;
    return true;
  }
  // Those of [from, to) are owed no more: una has passed them as well. Moves what stays.
  void forget(Seq32 from, Seq32 to, BuddyMemory& memory);
  const AckEntry& front() const {
    PENSTOCK_ASSERT(!empty());
    return entries()[first_];
  }
  // What is owed, the oldest first; until the next call that changes the list.
  std::span<const AckEntry> owed() const { return {entries() + first_, count()}; }
  // The oldest `count` are owed no more.
  void drop(std::uint32_t count, BuddyMemory& memory);
  void clear(BuddyMemory& memory) { drop(count(), memory); }

  bool empty() const { return first_ == end_; }
  std::uint32_t count() const { return static_cast<std::uint32_t>(end_ - first_); }

 private:
  [[gnu::noinline]] void give_back(BuddyMemory& memory);
  bool full() const { return first_ == 0 && end_ >= entries_max; }
  // Requires that the list is not full.
  bool make_room(BuddyMemory& memory);
  const AckEntry* entries() const { return capacity_ == in_place ? near_ : far_; }
  AckEntry* entries() { return capacity_ == in_place ? near_ : far_; }

  union {
    AckEntry near_[in_place] = {};
    AckEntry* far_;
  };
  std::uint16_t first_ = 0;  // place of the oldest entry
  std::uint16_t end_ = 0;    // place behind the latest
  std::uint16_t capacity_ = in_place;
  std::uint16_t passed_end_ = 0;  // `end_` behind what add_passed() added last; 0: that is no more, or was moved
};

inline bool AckList::add(BuddyMemory& memory, AckEntry entry) {
  const std::uint32_t looked = std::min(count(), looked_back);
  for (std::uint32_t i = 1; i <= looked; ++i) {
    const AckEntry& earlier_one = entries()[end_ - i];
    if (earlier_one.sn == entry.sn && earlier_one.stamp == entry.stamp) return true;
  }
  return add_fresh(memory, entry);
}

inline void AckList::drop(std::uint32_t dropped, BuddyMemory& memory) {
  PENSTOCK_ASSERT(dropped <= count());
  first_ = static_cast<std::uint16_t>(first_ + dropped);
  if (!empty()) return;
  first_ = 0;
  end_ = 0;
  passed_end_ = 0;
  if (capacity_ != in_place) give_back(memory);
}

}  // namespace penstock::kcp
