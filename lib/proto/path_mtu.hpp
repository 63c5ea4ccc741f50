// PathMtu: how long a datagram may be on one path, found by probes (RFC 8899, Packetization Layer Path MTU Discovery).
//
// It begins with the base, which every path carries, and asks for the most first, since most paths carry that; what fails three
// times is halved between what works and what does not. A probe that is lost says something of the path's MTU and nothing of
// its congestion. An ICMP message is a hint that anybody can forge: it has the size in force asked about again and changes
// nothing itself. The owner sends probes while the session has something in flight and calls on_time() before it does, so that
// an idle session has no timer for it. Sizes are bytes of UDP payload. Trivial to copy; no clock.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/time.hpp"

namespace penstock {

class PathMtu {
 public:
  // What IPv4 must carry (576 bytes less IP and UDP headers), and IPv6 (1,280).
  static constexpr std::uint16_t base_v4 = 548;
  static constexpr std::uint16_t base_v6 = 1232;

  // Of a path that carries `base` for certain.
  explicit PathMtu(std::uint16_t base) : base_(base), size_(base) {}

  std::uint16_t base() const { return base_; }
  // A datagram may have so many bytes.
  std::uint16_t size() const { return size_; }
  // The size of the probe to be sent now, where the owner would send `most` at most; 0 when none is: one is out, or there is
  // nothing to learn.
  std::uint16_t probe_wanted(std::uint16_t most, Instant now) const;
  // A probe of `bytes`, which was wanted, left.
  void on_probe_sent(std::uint16_t bytes, Instant now);
  bool probe_out() const { return probe_ != 0; }
  // Since the probe that is out left, modulo 71 minutes.
  Duration probe_age(Instant now) const { return Duration::us(static_cast<std::uint32_t>(now.count_us()) - at_us_); }
  void on_probe_answered(Instant now);
  // Nobody can tell any more whether the probe is answered: it counts neither way.
  void on_probe_void() { probe_ = 0; }
  // A probe without an answer for `patience`, but for a second at the least (RFC 8899, 5.1.1), was lost.
  void on_time(Duration patience, Instant now);

  // Full datagrams fail where short ones arrive: nothing but the base is believed any more, and the search goes on between that and
  // what failed. So even with a peer whose windows pass for answers each false belief halves what is left.
  void on_black_hole();
  // Somebody says that datagrams are too long. True when that starts a probe of the size in force.
  bool on_hint();

 private:
  static constexpr std::uint8_t tries_max = 3;                     // MAX_PROBES
  static constexpr std::uint16_t step = 16;                        // a range so narrow is not worth a probe
  static constexpr Duration patience_min = Duration::seconds(1);   // PROBE_TIMER
  static constexpr Duration raise_after = Duration::seconds(600);  // PMTU_RAISE_TIMER

  bool done(std::uint16_t most) const { return size_ >= most || (fails_ != 0 && fails_ - size_ <= step); }
  void settle(Instant now);

  std::uint16_t base_;
  std::uint16_t size_;           // what works
  std::uint16_t fails_ = 0;      // the least that does not; 0: none known
  std::uint16_t probe_ = 0;      // the size of the one that is out
  std::uint32_t at_us_ = 0;      // when that left, and without one when the search came to its end; low bits
  std::uint8_t tries_ : 7 = 0;   // probes of one size that were lost
  bool confirming_ : 1 = false;  // the size in force is asked about
};
static_assert(std::is_trivially_copyable_v<PathMtu> && sizeof(PathMtu) <= 16);

}  // namespace penstock
