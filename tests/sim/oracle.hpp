// Oracle: the sender that knows what became of each segment one round trip after it was sent, and holds nothing else back.
//
// What the best sender toward an unmodified KCP receiver may reach, to hold others against. It is bound by what no sender
// can pass: it learns of a loss, and of an arrival, when it is told, a round trip later; it sends at the link's rate; and it has never more
// than `window` segments beyond the first that it does not know to have arrived, as a KCP receiver's window begins there.
// It sends again what was lost and nothing else, before anything new. When it knows is the caller's to say: a receiver that
// answers at once tells sooner than ikcp does.
//
// With `spare_from` it does a little more than its share: what was lost so many times goes out in two copies. A segment
// that is lost again and again holds up a whole window each time, so a few spare copies may pay.
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
  // `segment_ns` is what a segment takes of the link, 0 for a link without a rate; `spare_from` 0 stands for never.
  Oracle(std::uint32_t window, std::int64_t segment_ns, std::uint32_t spare_from = 0);

  // The application hands in one more segment.
  void add() { ++end_; }
  // The earliest copy of `segment` not told of yet arrived or was lost, and the oracle knows it from `known` on, as a rule a
  // round trip after it left. `known` may not be before that of the call before.
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
  // A segment from una on that was sent.
  struct Sent {
    bool arrived = false;
    std::uint32_t copies = 1;  // that wait to be sent again, or of which nothing is known
    std::uint32_t losses = 0;  // times that nothing was left of it
  };
  void learn(Instant now);
  void learn(const Fate& fate);
  // Moves past what arrived meanwhile.
  void drop_needless();
  bool has_something() const { return !lost_.empty() || (next_ < end_ && next_ - una_ < window_); }

  std::uint32_t window_;
  std::int64_t segment_ns_;
  std::uint32_t spare_from_;
  std::uint32_t una_ = 0;
  std::uint32_t next_ = 0;
  std::uint32_t end_ = 0;
  std::int64_t free_ns_ = 0;        // when the link has sent what it was given
  std::deque<Sent> sent_;           // from una to next
  std::deque<Fate> fates_;          // not known yet, in the order in which they will be
  std::deque<std::uint32_t> lost_;  // known to be lost and not sent again, in the order in which they were sent
};

}  // namespace penstock::sim
