// Repeats: which segments a host sends again, as somebody sees it who knows the fate of each frame, and why it did so in vain.
//
// A repeat is needless when the peer held the segment by then. Why it was sent all the same is one of three:
//   unanswered  no ACK and no una of it had left the peer: the timeout or the wait was shorter than the answer takes
//   under way   it had left, and had not come, or just now: late, or lost
//   answered    it had come to the host's port, and the host had not acted on it
// Nothing of this comes from the senders' own counters.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/seq.hpp"
#include "base/time.hpp"
#include "net/address.hpp"
#include "sim/frames.hpp"

namespace penstock::sim {

struct RepeatCounts {
  std::uint64_t repeats = 0;
  std::uint64_t unanswered = 0;  // needless ones, by reason
  std::uint64_t under_way = 0;
  std::uint64_t answered = 0;

  std::uint64_t needless() const { return unanswered + under_way + answered; }
  void add(const RepeatCounts& other);
};

class RepeatWatch {
 public:
  // Whether a host holds, or handed to its service, the segment `sn` of a conversation with `peer` that is not over.
  using Holds = std::function<bool(std::uint32_t host, const net::Endpoint& peer, std::uint32_t conv, std::uint32_t sn,
                                   Instant now)>;

  explicit RepeatWatch(Holds holds) : holds_(std::move(holds)) {}

  // A frame left a host's port, with the addresses that its peer will see, or entered it.
  void on_departure(std::uint32_t host, std::span<const std::uint8_t> frame, Instant now);
  void on_arrival(std::uint32_t host, std::span<const std::uint8_t> frame, Instant now);
  // The host's process ended: its conversations begin anew, with the same numbers.
  void forget(std::uint32_t host);
  RepeatCounts counts(std::uint32_t host) const {
    const auto found = counts_.find(host);
    return found == counts_.end() ? RepeatCounts{} : found->second;
  }

 private:
  struct Segment {
    bool names(std::uint32_t stamp) const;

    std::vector<std::uint32_t> stamps;  // of the first copy and of the last three others, which a sender remembers
    bool answer_left = false;           // an ACK of it left the peer …
    Instant answer_heard = Instant::never();  // … and came
  };
  // What one host sent in a conversation.
  struct Side {
    std::map<std::uint32_t, Segment> segments;  // by sn, from una_heard on
    Seq32 una_left;                             // the latest that left the peer, as far as it holds what it tells
    Seq32 una_heard;
    Instant una_heard_at;
    std::optional<std::uint32_t> lag_ms;  // the least by which a stamp was behind the world's clock when it left
  };
  using Sides = std::map<std::uint32_t, Side>;  // by host
  static void count(RepeatCounts& counts, const Side& side, std::uint32_t sn, Instant now);
  bool held(const Sides& sides, std::uint32_t host, const net::Endpoint& source, const SegmentView& segment,
            Instant now) const;
  static Instant written_at(Side& side, std::uint32_t stamp, Instant now);
  static void note_answer(Side& side, const SegmentView& answer, Instant heard_at);

  Holds holds_;
  std::map<std::uint32_t, Sides> conversations_;
  std::map<std::uint32_t, RepeatCounts> counts_;  // by host
};

}  // namespace penstock::sim
