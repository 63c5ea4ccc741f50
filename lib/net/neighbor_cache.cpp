#include "net/neighbor_cache.hpp"

#include <algorithm>
#include <bit>

namespace penstock::net {

NeighborCache::NeighborCache(Arena& arena, NeighborLimits limits, SipKey key, Rng rng, DropCounters& drops)
    : entries_(arena.make<Entry>(limits.neighbors_max)),
      frames_(arena, limits.pending_frames_max),
      buckets_(arena.make<Bucket>(bucket_count(limits.neighbors_max))),
      limits_(limits),
      key_(key),
      reachable_time_(Duration::us(rng.between(15'000'000, 45'000'000))),
      drops_(drops) {
  for (Index i = 0; i < limits.neighbors_max; ++i) link(i);
  PENSTOCK_ASSERT(limits.neighbors_max > 0 && limits.pending_frames_max > 0);
  PENSTOCK_ASSERT(limits.pending_per_hop_max > 0 && limits.pending_per_hop_max <= 0xffff);
}

// Frames that still wait hold blocks, so they are let go; nobody counts them, as the worker is gone.
NeighborCache::~NeighborCache() {
  for (List* list : {&due_, &waiting_}) {
    for (Index i = list->first; i != none; i = entries_[i].next) release_frames(entries_[i]);
  }
  TxFrame frame;
  std::uint16_t interface = 0;
  while (take_released(frame, interface)) {}
}

std::size_t NeighborCache::cost(NeighborLimits limits) {
  return Arena::cost<Entry>(limits.neighbors_max) + Slab<WaitingFrame>::cost(limits.pending_frames_max) +
         Arena::cost<Bucket>(bucket_count(limits.neighbors_max));
}

NeighborCache::Index NeighborCache::find(std::uint16_t interface, const IpAddress& address, Index hint) const {
  const auto is_it = [&](Index index) {
    const Entry& entry = entries_[index];
    return entry.address == address && entry.interface == interface;
  };
  if (hint < entries_.size() && entries_[hint].state != NeighborState::none && is_it(hint)) return hint;
  const Place place = place_of(interface, address);
  for (std::size_t i = 0; i < bucket_places; ++i) {
    if (place.bucket->tags[i] == place.tag && is_it(place.bucket->indexes[i])) return place.bucket->indexes[i];
  }
  return none;
}

NeighborCache::Index NeighborCache::take(std::uint16_t interface, const IpAddress& address, Instant now) {
  // Half of the table stays for neighbours that exist: addresses that nobody has cannot fill it (RFC 6583).
  if (incomplete_count_ > limits_.neighbors_max / 2) return none;
  return create(interface, address, after(NeighborState::none, NeighborEvent::wanted), now);
}

std::optional<MacAddress> NeighborCache::use(Index index, Instant now) {
  Entry& entry = entries_[index];
  if (entry.state == NeighborState::reachable && now < entry.deadline) return entry.mac;
  if (entry.state == NeighborState::reachable) apply(index, NeighborEvent::expired, now);
  apply(index, NeighborEvent::wanted, now);
  if (entry.state == NeighborState::incomplete) return std::nullopt;
  return entry.mac;
}

bool NeighborCache::wait(Index index, TxFrame& frame) {
  Entry& entry = entries_[index];
  PENSTOCK_ASSERT(entry.state == NeighborState::incomplete);
  if (entry.frame_count >= limits_.pending_per_hop_max) return false;
  const Index place = frames_.take();
  if (place == none) return false;
  frames_[place].frame = std::move(frame);
  frames_[place].interface = entry.interface;
  if (entry.frames_last == none) entry.frames_first = place;
  else frames_[entry.frames_last].next = place;
  entry.frames_last = place;
  ++entry.frame_count;
  return true;
}

bool NeighborCache::on_answer(std::uint16_t interface, const IpAddress& address, std::optional<MacAddress> mac,
                              Instant now) {
  const Index index = find(interface, address);
  if (index == none) return false;
  Entry& entry = entries_[index];
  switch (entry.state) {
    case NeighborState::incomplete:
      if (!mac) return false;
      settle(index, *mac, NeighborEvent::answered, now);
      return true;
    case NeighborState::probe:
      // The first question went to the known MAC address alone, which has the first word.
      if (mac && *mac != entry.mac && entry.questions < 2) return false;
      settle(index, mac.value_or(entry.mac), NeighborEvent::answered, now);
      return true;
    default:
      if (mac && *mac != entry.mac) contradict(index, now);
      return false;
  }
}

void NeighborCache::on_news(std::uint16_t interface, const IpAddress& address, const MacAddress& mac, Instant now) {
  if (on_answer(interface, address, mac, now)) return;
  const Index index = find(interface, address);
  if (index == none || entries_[index].mac != mac) return;
  settle(index, mac, NeighborEvent::answered, now);
}

void NeighborCache::on_mention(std::uint16_t interface, const IpAddress& address, const MacAddress& mac, bool to_us,
                               Instant now) {
  Index index = find(interface, address);
  if (index == none) {
    if (!to_us) return;
    index = create(interface, address, after(NeighborState::none, NeighborEvent::mentioned), now);
    if (index != none) entries_[index].mac = mac;
    return;
  }
  Entry& entry = entries_[index];
  if (entry.state == NeighborState::incomplete) {
    if (to_us) settle(index, mac, NeighborEvent::mentioned, now);
  } else if (entry.mac != mac) {
    contradict(index, now);
  }
}

void NeighborCache::on_link_down(std::uint16_t interface, Instant now) {
  Index next = none;
  for (Index i = confirmed_.first; i != none; i = next) {
    next = entries_[i].next;
    if (entries_[i].interface == interface) apply(i, NeighborEvent::link_down, now);
  }
}

void NeighborCache::on_timeout(Instant now) {
  for (std::uint32_t i = 0; i < timeouts_per_turn && waiting_.first != none; ++i) {
    const Index index = waiting_.first;
    Entry& entry = entries_[index];
    if (entry.deadline > now) return;
    if (entry.questions < questions_max) {
      unlink(index);
      entry.is_due = true;
      link(index);
    } else {
      apply(index, NeighborEvent::unanswered, now);
    }
  }
}

Instant NeighborCache::next_deadline() const {
  return waiting_.first == none ? Instant::never() : entries_[waiting_.first].deadline;
}

std::optional<NeighborCache::Question> NeighborCache::next_question() const {
  if (due_.first == none) return std::nullopt;
  const Entry& entry = entries_[due_.first];
  Question question{entry.address, entry.interface, std::nullopt};
  if (entry.state == NeighborState::probe && entry.questions == 0) question.mac = entry.mac;
  return question;
}

void NeighborCache::asked(Instant now) {
  const Index index = due_.first;
  PENSTOCK_ASSERT(index != none);
  Entry& entry = entries_[index];
  unlink(index);
  ++entry.questions;
  entry.asked = now;
  entry.deadline = now + retry_wait;
  entry.is_due = false;
  link(index);
}

bool NeighborCache::take_released(TxFrame& frame, std::uint16_t& interface) {
  const Index place = released_.first;
  if (place == none) return false;
  frame = std::move(frames_[place].frame);
  interface = frames_[place].interface;
  released_.first = frames_[place].next;
  if (released_.first == none) released_.last = none;
  frames_.give(place);
  return true;
}

// Four places an entry on average: a bucket that overflows is rarer than one in a million.
std::size_t NeighborCache::bucket_count(std::uint32_t neighbors_max) {
  return std::bit_ceil(std::max<std::size_t>(1, std::size_t{neighbors_max} * 4 / bucket_places));
}

NeighborCache::Place NeighborCache::place_of(std::uint16_t interface, const IpAddress& address) const {
  const auto words = address.words();
  const std::uint64_t key_words[] = {words[0], words[1], interface};
  const std::uint64_t hash = siphash13_words(key_, key_words);
  return {&buckets_[hash & (buckets_.size() - 1)], static_cast<std::uint16_t>((hash >> 48) | 1)};
}

NeighborCache::Index NeighborCache::create(std::uint16_t interface, const IpAddress& address, NeighborState state,
                                           Instant now) {
  const Place place = place_of(interface, address);
  const auto free = std::find(place.bucket->tags.begin(), place.bucket->tags.end(), std::uint16_t{0});
  if (free == place.bucket->tags.end() || !make_room(now)) return none;
  const Index index = free_.first;
  *free = place.tag;
  place.bucket->indexes[static_cast<std::size_t>(free - place.bucket->tags.begin())] = index;
  Entry& entry = entries_[index];
  entry.address = address;
  entry.interface = interface;
  entry.questions = 0;
  ++count_;
  enter(index, state, now);
  return index;
}

// True when an entry is free, or the longest stale one gave way.
bool NeighborCache::make_room(Instant now) {
  if (free_.first != none) return true;
  Index victim = stale_.first;
  if (victim == none && confirmed_.first != none && entries_[confirmed_.first].deadline <= now)
    victim = confirmed_.first;
  if (victim == none) return false;
  enter(victim, NeighborState::none, now);
  return true;
}

// Takes an entry out of the hash table.
void NeighborCache::forget(Index index) {
  const Entry& entry = entries_[index];
  const Place place = place_of(entry.interface, entry.address);
  for (std::size_t i = 0; i < bucket_places; ++i) {
    if (place.bucket->tags[i] == place.tag && place.bucket->indexes[i] == index) place.bucket->tags[i] = 0;
  }
  PENSTOCK_ASSERT(count_ > 0);
  --count_;
}

void NeighborCache::apply(Index index, NeighborEvent event, Instant now) {
  enter(index, after(entries_[index].state, event), now);
}

// Moves an entry to `state` and the list that belongs to it. Staying in a state changes nothing but a new confirmation.
void NeighborCache::enter(Index index, NeighborState state, Instant now) {
  Entry& entry = entries_[index];
  if (entry.state == state && state != NeighborState::reachable) return;
  if (entry.state == NeighborState::incomplete) --incomplete_count_;
  unlink(index);
  entry.state = state;
  switch (state) {
    case NeighborState::none:
      drop_frames(entry);
      forget(index);
      break;
    case NeighborState::incomplete: ++incomplete_count_; [[fallthrough]];
    case NeighborState::probe:
      entry.questions = 0;
      entry.is_due = true;
      break;
    case NeighborState::reachable: entry.deadline = now + reachable_time_; break;
    case NeighborState::stale: break;
  }
  link(index);
}

// Asks the known MAC address again, unless a question went out within the last second: a liar must not make us chatter.
void NeighborCache::contradict(Index index, Instant now) {
  const Entry& entry = entries_[index];
  if (entry.questions > 0 && now < entry.asked + retry_wait) return;
  apply(index, NeighborEvent::contradicted, now);
}

void NeighborCache::settle(Index index, const MacAddress& mac, NeighborEvent event, Instant now) {
  Entry& entry = entries_[index];
  PENSTOCK_ASSERT(!mac.is_multicast());
  entry.mac = mac;
  apply(index, event, now);
  release_frames(entry);
}

void NeighborCache::release_frames(Entry& entry) {
  for (Index i = entry.frames_first; i != none; i = frames_[i].next) {
    const auto target = frames_[i].frame.head.writable();
    std::copy(entry.mac.bytes.begin(), entry.mac.bytes.end(), target.begin());
  }
  if (entry.frames_first == none) return;
  if (released_.last == none) released_.first = entry.frames_first;
  else frames_[released_.last].next = entry.frames_first;
  released_.last = entry.frames_last;
  entry.frames_first = entry.frames_last = none;
  entry.frame_count = 0;
}

void NeighborCache::drop_frames(Entry& entry) {
  drops_.count(DropReason::neighbor_unresolved, entry.frame_count);
  for (Index i = entry.frames_first; i != none;) {
    const Index next = frames_[i].next;
    frames_.give(i);
    i = next;
  }
  entry.frames_first = entry.frames_last = none;
  entry.frame_count = 0;
}

NeighborCache::List& NeighborCache::list_of(const Entry& entry) {
  switch (entry.state) {
    case NeighborState::none: return free_;
    case NeighborState::reachable: return confirmed_;
    case NeighborState::stale: return stale_;
    default: return entry.is_due ? due_ : waiting_;
  }
}

void NeighborCache::link(Index index) {
  Entry& entry = entries_[index];
  List& list = list_of(entry);
  entry.previous = list.last;
  entry.next = none;
  if (list.last == none) list.first = index;
  else entries_[list.last].next = index;
  list.last = index;
}

void NeighborCache::unlink(Index index) {
  Entry& entry = entries_[index];
  List& list = list_of(entry);
  if (entry.previous == none) list.first = entry.next;
  else entries_[entry.previous].next = entry.next;
  if (entry.next == none) list.last = entry.previous;
  else entries_[entry.next].previous = entry.previous;
}

}  // namespace penstock::net
