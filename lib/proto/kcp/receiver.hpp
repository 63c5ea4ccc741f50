// Receiver: segments from the peer, put in order and handed out once; whole messages only, in message mode.
//
// The window is [deliver, deliver + rcv_wnd), where `deliver` is the next segment to be handed out: it moves only when the
// service takes something, so what is held never exceeds the window, and what lies beyond is neither stored nor
// acknowledged. Nothing is acknowledged that is not stored. One core, part of a session; Environment is passed in.
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

struct ReceiveSlot {
  Segment payload;
  std::uint8_t fragment = 0;  // frg
  bool present = false;       // the segment is held, be it an empty one
  std::uint64_t unused = 0;   // makes the size a power of two
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
  // Stores a fresh segment; false when the ring cannot grow, and then it must not be acknowledged.
  bool store(Seq32 sn, std::uint8_t fragment, Segment&& payload, Environment& env);

  std::optional<Received> poll_receive(Environment& env);
  std::optional<Receivable> receivable(const Options& options) const;

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

 private:
  bool held(Seq32 sn) const;
  Segment take_first(Environment& env);
  void skip_empty(Environment& env);

  [[no_unique_address]] SlotRing<ReceiveSlot, Unused::cleared> ring_;
  Seq32 deliver_;                     // next segment to hand out
  Seq32 next_;                        // next segment expected in order: una
  Seq32 end_;                         // behind the latest segment held
  Seq32 fresh_;                       // nothing before it came since the last keep()
  std::uint32_t in_order_bytes_ = 0;  // payload in [deliver, next)
};

inline bool Receiver::held(Seq32 sn) const { return sn.within(deliver_, end_) && ring_[sn].present; }

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
  if (sn != deliver_ && held(sn - 1) && !follows(ring_[sn - 1].fragment, fragment)) return false;
  return !held(sn + 1) || follows(fragment, ring_[sn + 1].fragment);
}

}  // namespace penstock::kcp
