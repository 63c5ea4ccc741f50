// Oracle: the sender that knows what became of each segment one round trip after it was sent, and holds nothing else back.
//
// What the best sender toward an unmodified KCP receiver may reach, to hold others against. It is bound by what no sender
// can pass: it learns of a loss, and of an arrival, when it is told, a round trip later; it sends at the link's rate; and it has never more
// than `window` segments beyond the first that it does not know to have arrived, as a KCP receiver's window begins there.
// It sends again what was lost and nothing else, before anything new. Its receiver answers each segment at once, which
// ikcp's does not.
//
// A machine without bytes: segments are numbers from 0 on. The caller carries them over the path, and tells the fate of
// each copy. One thread, its memory grows with what is in flight.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.hpp"

namespace penstock::sim {

class Oracle {
 public:
  // `segment_ns` is what a segment takes of the link, 0 for a link without a rate.
  Oracle(std::uint32_t window, std::int64_t segment_ns);

  // The application hands in one more segment.
  void add() { ++end_; }
  // The copy of `segment` that was sent last arrived or was lost, and the oracle knows it from `known` on, as a rule a round
  // trip after it left. `known` may not be before that of the call before.
  void on_fate(std::uint32_t segment, bool lost, Instant known);
  // Which segment leaves now, if one may.
  std::optional<std::uint32_t> poll_transmit(Instant now);
  // When poll_transmit() may have something that it has not now.
  Instant next_deadline() const;

  // Every segment before it is known to have arrived.
  std::uint32_t una() const { return una_; }
  // The next one that was never sent, and the number of those handed in.
  std::uint32_t next() const { return next_; }
  std::uint32_t end() const { return end_; }
  // Everything handed in is known to have arrived.
  bool drained() const { return una_ == end_; }

 private:
  struct Fate {
    std::uint32_t segment;
    bool lost;
    Instant known;
  };
  void learn(Instant now);
  bool has_something() const { return !lost_.empty() || (next_ < end_ && next_ - una_ < window_); }

  std::uint32_t window_;
  std::int64_t segment_ns_;
  std::uint32_t una_ = 0;
  std::uint32_t next_ = 0;
  std::uint32_t end_ = 0;
  std::int64_t free_ns_ = 0;        // when the link has sent what it was given
  std::deque<bool> arrived_;        // of the segments from una on that were sent
  std::deque<Fate> fates_;          // not known yet, in the order in which they will be
  std::deque<std::uint32_t> lost_;  // known to be lost and not sent again, in the order in which they were sent
};

}  // namespace penstock::sim
