// Flight: what is on its way to a peer, in order of sending; finds by time what is lost, and bounds what may follow.
//
// The law is RFC 8985 (RACK-TLP) with KCP's means: an ACK echoes the stamp of the copy that arrived, so each receipt is of a
// known transmission, Karn's ambiguity does not exist, and a repetition that was needless shows itself (docs/kcp.md). Three
// chains run through the slots, of those sent, oldest first, of those found lost, and of those that a spare copy is to follow
// (flight_loss.cpp, flight_spares.cpp). Every step is of constant cost a
// segment, whatever the window. A Flight exists while its sender has something queued, in one block of BuddyMemory. One
// core, part of a session.
#pragma once

#include <cstdint>

#include "base/seq.hpp"
#include "base/time.hpp"
#include "proto/congestion/controller.hpp"
#include "proto/kcp/environment.hpp"
#include "proto/kcp/pacer.hpp"
#include "proto/kcp/rtt.hpp"
#include "proto/kcp/send_slot.hpp"
#include "proto/kcp/slot_chain.hpp"

namespace penstock::kcp {

class Flight {
 public:
  // The ring of a sender, and what of it is out: [una, next).
  struct Window {
    SendRing& ring;
    Seq32 una;
    Seq32 next;
  };

  Flight() : controller_(congestion::Setup{}) {}
  // Before the first on_sent(): time begins, and what is remembered of the path is taken up.
  void begin(congestion::Kind kind, const congestion::Setup& setup, Seq32 una);
  // What an earlier flight of the session left behind, and what this one will.
  void remember(const congestion::Essence& essence, bool reordered) {
    remembered_ = essence;
    reordered_ = reordered;
  }
  bool reordered() const { return reordered_; }
  congestion::Essence essence() const { return begun_ ? controller_.essence() : remembered_; }
  bool begun() const { return begun_; }

  // Segment `sn` leaves, for the first time or again.
  void on_sent(const Window& window, Seq32 sn, bool as_probe, Instant now);
  // Reckons anew when the first spare is due. To be called after a segment left again.
  void time_spares(const Window& window, const Rtt& rtt);
  // An ACK names this copy of the segment.
  void on_arrived(const Window& window, Seq32 sn, SendSlot::Copy copy, Instant now, Counters& counters);
  // una says that the segment arrived, and nobody named a copy. To be told before its slot is freed.
  void on_covered(const Window& window, Seq32 sn, Instant now);
  // After the last of a datagram's: finds losses, and tells the controller.
  void end_round(const Window& window, const Rtt& rtt, Instant now);

  // There is something to repeat: what was found lost, or a probe.
  bool wants_repeat(Instant now) const { return probe_owed_ || !lost_.empty() || now >= spare_at_; }
  // What leaves then. A probe is the oldest number, which holds up the peer's service, and any arrival shows what left before it;
  // while a late copy of that asks already, it is what has been out for the longest.
  Seq32 to_repeat(const Window& window, const Rtt& rtt, Instant now) const;
  bool probe_owed() const { return probe_owed_; }
  // What was lost twice leaves in two copies from then on. Losses rarely come alone, so the second one, which this is about, waits
  // for the next datagram. In a thin flow already what was lost once has spares, some time apart.
  static bool is_spare(const SendSlot& slot) { return slot.flown.state == Flown::State::spare_due; }
  // Whether `bytes` more may leave now, by the controller's window and pace. A probe asks for neither.
  bool may_send(std::uint32_t bytes, const Rtt& rtt, Instant now);
  // A spare asks for the pace alone: its segment is in flight already.
  bool may_send_spare(const Rtt& rtt, Instant now) { return pacer_.allows(pace(rtt), now); }
  // The same without asking, as far as can be told: neither window nor pace shut it when they were asked last.
  bool is_open(Instant now) const {
    return !pacer_.holds(now) && (in_flight_ == 0 || in_flight_ < controller_.window() || now >= spare_at_);
  }
  bool is_bounded() const { return controller_.window() != congestion::unbounded; }
  // Of a window of so many numbers, how many a controller that knows no bound may use: three eighths, so that more can follow
  // while a lost segment is repaired, and repaired again.
  bool leaves_numbers(std::uint32_t window) const {
    return is_bounded() || sent_.count() < std::max(3 * window / 8, numbers_min);
  }
  // There is nothing more to send, for the application or for the numbers: what is measured until that has arrived is not the path.
  void on_starved(bool by_application) {
    app_limited_until_ = delivered_ + in_flight_ + 1;
    waits_for_application_ = by_application;
  }

  // When on_timer() is to be called: a wait for reordered segments ends, a probe or a spare is due, or the pace lets something out.
  Instant wake_at() const { return wake_at_; }
  // Reckons it anew. To be called after anything that may have changed it.
  void rearm(const Window& window, const Rtt& rtt, const Options& options);
  void on_timer(const Window& window, const Rtt& rtt, Instant now, const Options& options);
  // The peer is reached by another path: nothing is known of it, and what is out was lost on the old one.
  void on_path_changed(const Window& window, congestion::Kind kind, const congestion::Setup& setup);

  congestion::AnyController& controller() { return controller_; }
  const congestion::AnyController& controller() const { return controller_; }
  std::uint64_t in_flight_bytes() const { return in_flight_; }

 private:
  // A flow of so little waits for its application, not for the path: less than what any path takes at once (RFC 6928).
  static constexpr std::uint32_t thin_segments = 4;
  // What ikcp's window is before a peer has told its own.
  static constexpr std::uint32_t numbers_min = 128;

  struct Newest {  // of the transmissions that this datagram acknowledged
    Instant sent_at;
    std::uint32_t rtt_us = 0;
    Flown record;
    bool has_record = false;
    bool valid = false;
  };

  static std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
  static std::uint32_t low(Instant at) { return static_cast<std::uint32_t>(at.count_us()); }
  static std::uint32_t bytes_of(const SendSlot& slot) { return header_bytes + slot.payload.length(); }
  static Instant sent_at(const SendSlot& slot, Instant now) {
    return now - Duration::us(slot.flown_age_us(now, Flown::latest));
  }
  struct Copies {  // of a segment, once its next one is out; as in Flown
    std::uint32_t still_out = 0;
    std::uint32_t spares_sent = 0;
    std::uint32_t spares_due = 0;
  };
  Copies copies_with_next(const SendSlot& slot) const;
  std::uint32_t spares_after(const SendSlot& slot) const;
  bool is_thin() const { return app_limited_until_ != 0 && waits_for_application_ && in_flight_ <= thin_bytes(); }
  std::uint64_t thin_bytes() const { return std::uint64_t{thin_segments} * segment_bytes_; }
  void note_fate(bool lost);
  bool window_takes(std::uint32_t bytes) const { return in_flight_ == 0 || in_flight_ + bytes <= controller_.window(); }
  void open_round(Instant now);
  void take_out(const Window& window, Seq32 sn);
  void note_sending(Instant sent_at, Seq32 sn, std::uint32_t rtt_us);
  void note_rtt(std::uint32_t rtt_us, Instant now);
  Duration patience(const Window& window, const Rtt& rtt) const;
  void find_lost(const Window& window, const Rtt& rtt, Instant now);
  void mark_lost(const Window& window, Seq32 sn, Instant now, bool tell);
  void give_up_all(const Window& window, Instant now);
  congestion::RateSample rate_sample() const;
  Instant probe_at(const Window& window, const Rtt& rtt, const Options& options, Instant now) const;
  std::uint64_t pace(const Rtt& rtt) const;

  SlotChain sent_;
  SlotChain lost_;
  SlotChain spares_;                     // sent, and to be followed by a spare
  std::uint64_t in_flight_ = 0;          // bytes sent, neither acknowledged nor found lost
  std::uint64_t delivered_ = 0;          // bytes, in this flight's life, their receipt proven
  std::uint64_t lost_bytes_ = 0;         // bytes found lost
  std::uint64_t unproven_ = 0;           // bytes that una covers behind all that an ACK has named
  std::uint64_t app_limited_until_ = 0;  // `delivered_` up to which samples say nothing of the path; 0: no such
  std::uint64_t round_ends_ = 0;         // `delivered_` at which the round trip in progress ends
  Instant delivered_at_;                 // when delivered_ last grew
  Instant first_sent_at_;                // when the newest of what was measured last was sent
  Instant arrived_sent_at_;              // the latest transmission that arrived (RFC 8985, 6.2: RACK.xmit_ts) …
  std::uint32_t arrived_rtt_us_ = 0;     // … and how long its ACK took
  Seq32 arrived_;                        // … and its number, for those that left at once
  Seq32 proven_end_;                     // behind the newest number that an ACK has named
  Seq32 unproven_end_;                   // behind the newest of unproven_
  std::uint32_t rtt_least_us_ = 0;       // of this epoch and the one before; 0: none yet
  std::uint32_t rtt_epoch_least_us_ = 0;
  Instant rtt_epoch_ends_;
  Instant reorder_until_ = Instant::never();  // when the oldest late segment is given up
  Instant wake_at_ = Instant::never();
  Instant spare_at_ = Instant::never();        // when the first of spares_ is due
  Instant heard_at_;                           // when something was acknowledged last
  Instant last_seen_;                          // `now` of the last call that told it
  Instant timed_out_at_ = Instant::at_us(-1);  // what was sent by then was called lost by a timeout
  // Of the datagram in work.
  Newest newest_;
  std::uint64_t round_bytes_ = 0;
  std::uint64_t round_lost_ = 0;
  std::uint64_t flight_before_ = 0;
  std::uint32_t segment_bytes_ = 0;  // of a full segment
  bool round_open_ : 1 = false;
  bool window_limited_ : 1 = false;
  bool probe_owed_ : 1 = false;
  bool waits_for_application_ : 1 = false;  // … and not for numbers, where app_limited_until_ is set
  bool begun_ : 1 = false;
  bool reordered_ : 1 = false;      // segments have been seen to overtake each other
  std::uint8_t probes_ = 0;         // timers that ran out since something last arrived
  std::uint16_t lost_share_ = 0;    // of the last 64 segments or so, in 2^-16: those found lost
  std::uint8_t reorder_share_ = 1;  // quarters of the least round trip that a late segment is waited for
  congestion::Essence remembered_;
  Pacer pacer_;
  congestion::AnyController controller_;
};
static_assert(sizeof(Flight) <= 512);

}  // namespace penstock::kcp
