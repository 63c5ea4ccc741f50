// Receiver: segments from the peer, put in order and handed out once; whole messages only, in message mode.
//
// The window is [deliver, deliver + rcv_wnd), where `deliver` is the next segment to be handed out: it moves only when the
// service takes something, so what is held never exceeds the window, and what lies beyond is neither stored nor
// acknowledged. Nothing is acknowledged that is not stored. A whole message that comes alone, as most do, is held without a
// ring. One core, part of a session; Environment is passed in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "buf/segment.hpp"
#include "proto/kcp/environment.hpp"
#include "proto/kcp/slot_ring.hpp"
#include "proto/kcp/wire.hpp"
#include "proto/protocol.hpp"

namespace penstock::kcp {

struct alignas(32) ReceiveSlot {
  static constexpr BuddyMemory::Kind kind = BuddyMemory::Kind::received;

  ReceiveSlot() = default;
  ReceiveSlot(Segment&& bytes, std::uint8_t frg) : payload(std::move(bytes)), fragment(frg), present(true) {}

  Segment payload;
  std::uint8_t fragment = 0;  // frg
  bool present = false;       // the segment is held, be it an empty one
};
static_assert(sizeof(ReceiveSlot) == 32);

class Receiver {
 public:
  enum class Place : std::uint8_t {
    fresh,      // in the window and not held yet
    duplicate,  // held, or handed out before
    beyond,     // right of the window
  };

  explicit Receiver(Seq32 first) : deliver_(first), next_(first), end_(first), fresh_(first) {}

  Place place_of(Seq32 sn, const Options& options) const;
  // In message mode: whether a fragment number can belong to a message that completes within the window, beside the
  // neighbours that are held. Call for a fresh sn.
  bool fragment_fits(Seq32 sn, std::uint8_t fragment, const Options& options) const;
  // Whether `next` may come directly behind `fragment`.
  static bool follows(std::uint8_t fragment, std::uint8_t next);
  // No gap, no message of which a part is missing, and whole messages it is that are asked for.
  bool plain(const Options& options) const {
    return end_ == next_ && !options.stream && (deliver_ == next_ || fragment_of(next_ - 1) == 0);
  }
  // True for the segment that nearly every datagram brings: a whole message, the next in order, with no gap anywhere and
  // room for it. place_of() would say `fresh` and fragment_fits() true; store_next() then does what store() would.
  bool is_plain_next(Seq32 sn, std::uint8_t fragment, const Options& options) const {
    return sn == next_ && fragment == 0 && undelivered() < options.receive_window() && plain(options);
  }
  bool store_next(Segment&& payload, Environment& env);
  // For a run of such: room for `count` of them in the ring; false when memory is short. Then place_next() for each.
  [[gnu::noinline]] bool make_room(std::uint32_t count, Environment& env);
  void place_next(Segment&& payload);
  // Stores a fresh segment; false when the ring cannot grow, and then it must not be acknowledged.
  bool store(Seq32 sn, std::uint8_t fragment, Segment&& payload, Environment& env);

  std::optional<Received> poll_receive(Environment& env);
  // The next to be handed out from the ring is a message of one segment, or the last of one: what poll_receive() hands out
  // then. Neither may be called when holds_lone().
  bool whole_next(const Options& options) const {
    return deliver_ != next_ && !options.stream && ring_[deliver_].fragment == 0;
  }
  std::optional<Received> take_whole(Environment& env);
  std::optional<Receivable> receivable(const Options& options) const;

  // One whole message is held, in order, and there is no ring: its block is parked in the ring's word, and its length is
  // in_order_bytes_.
  bool holds_lone() const { return ring_.parked() != nullptr && ring_.capacity() == 0; }
  // What poll_receive() hands out when holds_lone().
  Received take_message(Environment& env);

  // Copies what is held into small blocks where that frees memory; all of it when `foreign_scarce`.
  void keep(bool foreign_scarce, Environment& env);
  void release(Environment& env);

  // Every sn before it was received.
  Seq32 una() const { return next_; }
  // Segments that may still come: what is advertised.
  std::uint32_t window(const Options& options) const { return options.receive_window() - undelivered(); }
  // In-order segments that nobody has taken yet.
  std::uint32_t undelivered() const { return static_cast<std::uint32_t>(next_.distance_from(deliver_)); }
  bool holds() const { return deliver_ != end_; }
  // The segment is here: it came and was not handed out yet.
  bool held(Seq32 sn) const;
  // A segment came: should later ones than the next in order be here, its sender says other things than what is missing.
  // Counts in how many eighths of the stall timeout he did, so that silence is not held against him.
  void watch_gap(Instant now, const Options& options);
  // The segment `sn` came and there was no memory for it. When it would have filled the gap, its sender is not to blame.
  void excuse_gap(Seq32 sn) {
    if (sn == next_ && end_ != next_) gap_heard_ = 0;
  }
  // He said other things for a whole stall timeout at the least.
  bool gap_stays() const { return end_ != next_ && gap_heard_ % gap_eighth > gap_eighths_max; }

 private:
  // gap_heard_ has the count of eighths below, and above it the number of the last one.
  static constexpr std::uint16_t gap_eighths_max = 8;
  static constexpr std::uint16_t gap_eighth = 16;

  std::uint8_t fragment_of(Seq32 sn) const { return holds_lone() ? std::uint8_t{0} : ring_[sn].fragment; }
  void park_lone(Segment&& payload);
  Segment take_lone();
  // Moves the lone message into a ring; false when memory is short.
  bool move_lone(Environment& env);
  // Takes what is in order from `next` on, which is held.
  void move_next();
  Segment take_first(Environment& env);
  void skip_empty(Environment& env);
  std::optional<Receivable> receivable_many(const Options& options) const;

  [[no_unique_address]] SlotRing<ReceiveSlot> ring_;  // slots in [deliver, end) are constructed
  union {                                             // beside a lone message there is no gap
    std::uint16_t lone_offset_ = 0;                   // of a lone message: where it begins in its block
    std::uint16_t gap_heard_;  // of a gap: eighths in which its sender was heard, and the last one
  };
  Seq32 deliver_;                     // next segment to hand out
  Seq32 next_;                        // next segment expected in order: una
  Seq32 end_;                         // behind the latest segment held
  Seq32 fresh_;                       // nothing before it came since the last keep()
  std::uint32_t in_order_bytes_ = 0;  // payload in [deliver, next)
};

inline bool Receiver::held(Seq32 sn) const { return sn.within(deliver_, end_) && (holds_lone() || ring_[sn].present); }

inline void Receiver::park_lone(Segment&& payload) {
  in_order_bytes_ = payload.length();
  lone_offset_ = static_cast<std::uint16_t>(payload.offset());
  ring_.park(payload.detach());
}

inline Segment Receiver::take_lone() {
  return Segment::adopt(static_cast<Block*>(ring_.take_parked()), lone_offset_, std::exchange(in_order_bytes_, 0));
}

// Within a message frg counts down by one; behind its last fragment anything may begin.
inline bool Receiver::follows(std::uint8_t fragment, std::uint8_t next) {
  return fragment == 0 || next + 1 == fragment;
}

inline Receiver::Place Receiver::place_of(Seq32 sn, const Options& options) const {
  // The right edge comes first, as in ikcp: a number half the circle away then counts as beyond, not as long past.
  if (!sn.before(deliver_ + options.receive_window())) return Place::beyond;
  if (sn.before(next_)) return Place::duplicate;
  return held(sn) ? Place::duplicate : Place::fresh;
}

inline bool Receiver::fragment_fits(Seq32 sn, std::uint8_t fragment, const Options& options) const {
  if (options.stream) return true;
  if (fragment + 1u > std::min(options.receive_window(), Options::fragments_max)) return false;
  if (sn != deliver_ && held(sn - 1) && !follows(fragment_of(sn - 1), fragment)) return false;
  return !held(sn + 1) || follows(fragment, fragment_of(sn + 1));
}

inline bool Receiver::store(Seq32 sn, std::uint8_t fragment, Segment&& payload, Environment& env) {
  const auto count = static_cast<std::uint32_t>(sn.distance_from(deliver_)) + 1;
  PENSTOCK_ASSERT(count <= env.options.receive_window());
  if (holds_lone() && !move_lone(env)) return false;
  if (!ring_.reserve(env.memory, count, deliver_, end_)) return false;
  // A gap begins, or is filled, be it that the next one begins then.
  if (end_ == next_ || sn == next_) gap_heard_ = 0;
  if (sn.before(end_)) {
    PENSTOCK_ASSERT(!ring_[sn].present);
  } else {
    for (; end_ != sn; ++end_) ring_.place(end_);  // the gap
    ++end_;
  }
  ring_.place(sn, std::move(payload), fragment);
  if (sn.before(fresh_)) fresh_ = sn;
  // Behind a gap nothing comes in order.
  if (sn == next_) move_next();
  if (env.options.stream) skip_empty(env);
  return true;
}

inline bool Receiver::store_next(Segment&& payload, Environment& env) {
  PENSTOCK_ASSERT(end_ == next_);
  if (undelivered() >= ring_.capacity()) {
    if (!holds() && payload.holds() && payload.offset() <= 0xffff) {
      park_lone(std::move(payload));
      end_ = ++next_;
      return true;
    }
    if (!make_room(1, env)) return false;
  }
  place_next(std::move(payload));
  return true;
}

inline void Receiver::place_next(Segment&& payload) {
  in_order_bytes_ += payload.length();
  ring_.place(next_, std::move(payload), std::uint8_t{0});
  end_ = ++next_;
}

inline void Receiver::move_next() {
  do {
    in_order_bytes_ += ring_[next_].payload.length();
    ++next_;
  } while (next_ != end_ && ring_[next_].present);
}

inline Received Receiver::take_message(Environment& env) {
  env.counters.bytes_received += in_order_bytes_;
  ++env.counters.messages_received;
  deliver_ = next_;
  fresh_ = next_;
  return {.bytes = take_lone(), .message_ends = true};
}

inline Segment Receiver::take_first(Environment& env) {
  ReceiveSlot& slot = ring_[deliver_];
  PENSTOCK_ASSERT(slot.present);
  Segment payload = std::move(slot.payload);
  in_order_bytes_ -= payload.length();
  ++deliver_;
  if (fresh_.before(deliver_)) fresh_ = deliver_;
  if (!holds()) ring_.release(env.memory);
  return payload;
}

inline std::optional<Received> Receiver::take_whole(Environment& env) {
  ReceiveSlot& slot = ring_[deliver_];
  PENSTOCK_ASSERT(slot.present);
  std::optional<Received> received(std::in_place, std::move(slot.payload), true);
  const std::uint32_t bytes = received->bytes.length();
  in_order_bytes_ -= bytes;
  ++deliver_;
  if (fresh_.before(deliver_)) fresh_ = deliver_;
  env.counters.bytes_received += bytes;
  ++env.counters.messages_received;
  if (!holds()) ring_.release(env.memory);
  return received;
}

inline std::optional<Received> Receiver::poll_receive(Environment& env) {
  if (deliver_ == next_) return std::nullopt;
  if (holds_lone()) return take_message(env);
  if (whole_next(env.options)) return take_whole(env);
  if (!env.options.stream && undelivered() <= ring_[deliver_].fragment) return std::nullopt;
  std::optional<Received> received(std::in_place, take_first(env), false);
  if (env.options.stream) skip_empty(env);
  env.counters.bytes_received += received->bytes.length();
  return received;
}

inline std::optional<Receivable> Receiver::receivable(const Options& options) const {
  if (deliver_ == next_) return std::nullopt;
  if (holds_lone()) return Receivable{.segments = 1, .bytes = in_order_bytes_};
  const ReceiveSlot& first = ring_[deliver_];
  if (!options.stream && first.fragment == 0) return Receivable{.segments = 1, .bytes = first.payload.length()};
  return receivable_many(options);
}

}  // namespace penstock::kcp
