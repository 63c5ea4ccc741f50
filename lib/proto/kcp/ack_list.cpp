#include "proto/kcp/ack_list.hpp"

#include <algorithm>
#include <memory>

namespace penstock::kcp {

void AckList::give_back(BuddyMemory& memory) {
  memory.give(far_, capacity_ * sizeof(AckEntry));
  std::construct_at(&near_);
  capacity_ = in_place;
}

void AckList::forget(Seq32 from, Seq32 to, BuddyMemory& memory) {
  AckEntry* const begin = entries() + first_;
  AckEntry* const end = entries() + end_;
  const auto passed = [&](const AckEntry& entry) { return !entry.sn.before(from) && entry.sn.before(to); };
  const auto gone = static_cast<std::uint32_t>(end - std::remove_if(begin, end, passed));
  if (gone == 0) return;
  end_ = static_cast<std::uint16_t>(end_ - gone);
  passed_end_ = 0;
  drop(0, memory);
}

// Moves the entries to the front, and into a larger block when that is not enough.
bool AckList::make_room(BuddyMemory& memory) {
  if (first_ > 0) {
    std::copy(entries() + first_, entries() + end_, entries());
    end_ = static_cast<std::uint16_t>(end_ - first_);
    first_ = 0;
    passed_end_ = 0;
    return true;
  }
  constexpr std::uint32_t smallest = BuddyMemory::smallest_bytes / sizeof(AckEntry);
  const auto larger = static_cast<std::uint16_t>(capacity_ == in_place ? smallest : 2u * capacity_);
  auto* block = static_cast<AckEntry*>(memory.take(larger * sizeof(AckEntry)));
  if (block == nullptr) return false;
  std::uninitialized_copy(entries(), entries() + end_, block);
  if (capacity_ != in_place) memory.give(far_, capacity_ * sizeof(AckEntry));
  far_ = block;
  capacity_ = larger;
  return true;
}

}  // namespace penstock::kcp
