// NeighborCache: the MAC addresses of next hops, and the frames that wait for one.
//
// An entry is found by keyed hash in one bucket of 16 places; entries, waiting frames and half-known neighbours are each
// bounded, and the memory is taken at construction. When all entries are taken, the one that has been stale longest gives
// way; one that is confirmed or being asked for never does. Each entry is in exactly one list, that of its state:
//
//   due (a question is to be sent) ─asked()─▶ waiting ─1 s─▶ due … three times, then `neighbor_unresolved`
//   confirmed (reachable, in order of expiry)         stale (in order of turning stale)
//
// Statements that nobody asked for create stale entries at most and never replace a MAC address: see neighbor_state.hpp.
// One core owns it. Times are arguments; the reachable time is drawn once, 15 … 45 s (RFC 4861, 6.3.2).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "base/arena.hpp"
#include "base/rng.hpp"
#include "base/siphash.hpp"
#include "base/slab.hpp"
#include "base/time.hpp"
#include "net/address.hpp"
#include "net/drop_reason.hpp"
#include "net/frame.hpp"
#include "net/neighbor_state.hpp"

namespace penstock::net {

struct NeighborLimits {
  std::uint32_t neighbors_max = 0;        // entries
  std::uint32_t pending_frames_max = 0;   // waiting frames, all neighbours together
  std::uint32_t pending_per_hop_max = 0;  // waiting frames of one neighbour
};

class NeighborCache {
 public:
  using Index = std::uint32_t;
  static constexpr Index none = std::numeric_limits<Index>::max();
  static constexpr std::uint8_t questions_max = 3;              // MAX_UNICAST_SOLICIT, MAX_MULTICAST_SOLICIT
  static constexpr Duration retry_wait = Duration::seconds(1);  // RetransTimer
  static constexpr std::uint32_t timeouts_per_turn = 256;       // on_timeout() leaves the rest due

  // `drops` counts frames whose neighbour did not answer.
  NeighborCache(Arena& arena, NeighborLimits limits, SipKey key, Rng rng, DropCounters& drops);
  ~NeighborCache();
  NeighborCache(const NeighborCache&) = delete;
  NeighborCache& operator=(const NeighborCache&) = delete;
  static std::size_t cost(NeighborLimits limits);

  // The entry of a neighbour, or `none`. `hint` is where it was found last; a wrong one costs only the look-up.
  Index find(std::uint16_t interface, const IpAddress& address, Index hint = none) const;
  // The MAC address of a neighbour that is confirmed now and lies where `hint` says, or nullptr: the short way of nearly
  // every frame, which find() and use() take at length.
  const MacAddress* confirmed(std::uint16_t interface, const IpAddress& address, Index hint, Instant now) const {
    if (hint >= entries_.size()) return nullptr;
    const Entry& entry = entries_[hint];
    const bool fits = entry.state == NeighborState::reachable && now < entry.deadline && entry.interface == interface &&
                      entry.address == address;
    return fits ? &entry.mac : nullptr;
  }
  // A new incomplete entry whose first question is due; `none` when there is no place.
  Index take(std::uint16_t interface, const IpAddress& address, Instant now);
  // The MAC address to send to, or nothing while it is unknown. Sending to a stale entry makes a question due.
  std::optional<MacAddress> use(Index index, Instant now);
  // Keeps a frame with an empty destination MAC until the neighbour is known; false and untouched when there is no room.
  bool wait(Index index, TxFrame& frame);

  // An answer that was sent to us, without `mac` when it names none. True when it settled a question of ours.
  bool on_answer(std::uint16_t interface, const IpAddress& address, std::optional<MacAddress> mac, Instant now);
  // Another worker heard this answer; it settles our question or confirms what we hold, and creates nothing.
  void on_news(std::uint16_t interface, const IpAddress& address, const MacAddress& mac, Instant now);
  // The neighbour told its MAC address unasked. Only when it spoke `to_us`, so that we shall soon answer it, it may become
  // an entry or end our wait; else it can at most make us ask again.
  void on_mention(std::uint16_t interface, const IpAddress& address, const MacAddress& mac, bool to_us, Instant now);
  // What was confirmed over the interface is stale now.
  void on_link_down(std::uint16_t interface, Instant now);

  void on_timeout(Instant now);
  Instant next_deadline() const;

  struct Question {
    IpAddress address;
    std::uint16_t interface = 0;
    std::optional<MacAddress> mac;  // ask this address first; otherwise ask everybody
  };
  // The question that is due, the same one until asked() says that it went out or could not be made.
  std::optional<Question> next_question() const;
  void asked(Instant now);
  // A question is due, or a frame was released.
  bool has_frames() const { return due_.first != none || released_.first != none; }
  // A frame whose neighbour became known, its destination MAC filled in; false when there is none.
  bool take_released(TxFrame& frame, std::uint16_t& interface);

  std::uint32_t pending_frames() const { return frames_.in_use(); }
  std::uint32_t count() const { return count_; }
  NeighborState state(Index index) const { return entries_[index].state; }

 private:
  struct Entry {
    IpAddress address;
    Instant deadline = Instant::never();  // waiting: next question; confirmed and stale: end of the reachable time
    Instant asked = Instant::at_us(0);    // when the last question went out
    Index previous = none;
    Index next = none;
    Index frames_first = none;  // waiting frames, oldest first
    Index frames_last = none;
    std::uint16_t interface = 0;
    std::uint16_t frame_count = 0;
    MacAddress mac;
    NeighborState state = NeighborState::none;
    std::uint8_t questions = 0;  // sent since the question arose; 0 while the first is due
    bool is_due = false;         // in `due_` rather than `waiting_`
  };
  static_assert(sizeof(Entry) == 64);
  struct WaitingFrame {
    TxFrame frame;
    Index next = none;
    std::uint16_t interface = 0;
  };
  static constexpr std::size_t bucket_places = 16;
  struct alignas(32) Bucket {
    std::array<std::uint16_t, bucket_places> tags{};  // 0: free
    std::array<Index, bucket_places> indexes{};
  };
  struct List {
    Index first = none;
    Index last = none;
  };
  struct Place {
    Bucket* bucket;
    std::uint16_t tag;
  };

  static std::size_t bucket_count(std::uint32_t neighbors_max);
  Place place_of(std::uint16_t interface, const IpAddress& address) const;
  Index create(std::uint16_t interface, const IpAddress& address, NeighborState state, Instant now);
  bool make_room(Instant now);
  void forget(Index index);
  void enter(Index index, NeighborState state, Instant now);
  void apply(Index index, NeighborEvent event, Instant now);
  void contradict(Index index, Instant now);
  void settle(Index index, const MacAddress& mac, NeighborEvent event, Instant now);
  void release_frames(Entry& entry);
  void drop_frames(Entry& entry);
  List& list_of(const Entry& entry);
  void link(Index index);
  void unlink(Index index);

  std::span<Entry> entries_;
  Slab<WaitingFrame> frames_;
  std::span<Bucket> buckets_;
  List free_;
  List due_;
  List waiting_;
  List confirmed_;
  List stale_;
  List released_;            // of frames_; only `first`, `last` and their `next` are used
  std::uint32_t count_ = 0;  // entries that are not free
  std::uint32_t incomplete_count_ = 0;
  NeighborLimits limits_;
  SipKey key_;
  Duration reachable_time_;
  DropCounters& drops_;
};

}  // namespace penstock::net
