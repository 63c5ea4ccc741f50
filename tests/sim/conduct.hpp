// Conduct: what a host may send, as somebody would judge it who sees its wire and nothing else.
//
//   silence   nothing is addressed to one of the strangers that say nothing but what is invalid, be it a question for their MAC
//   stored    what a host acknowledges, it holds or has handed to its service
//   window    no new segment goes beyond what the peer ever had room for
//   answers   frames without data are answers, questions of timers or greetings: two at most for each frame that asks for
//             something, and what timers bring about; what merely answers is not answered
//   no loop   what a forged source makes two hosts say to each other ends soon
//
// Each rule is laxer than the product's own, so that what breaks it is a fault for certain.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "base/seq.hpp"
#include "base/time.hpp"
#include "sim/frames.hpp"

namespace penstock::sim {

// Strangers from this number on say nothing that a host may answer.
inline constexpr std::uint32_t silent_first = 108;
inline constexpr std::uint32_t silent_count = 8;

class Conduct {
 public:
  // Whether a host holds, or handed to its service, the segment `sn` of a conversation; true when it knows the conversation
  // no more.
  using Stored = std::function<bool(std::uint32_t host, const net::Endpoint& peer, std::uint32_t conv, std::uint32_t sn,
                                    Instant now)>;

  Conduct(std::uint32_t hosts, Stored stored);

  // A frame is about to enter a host's port …
  void on_arrival(std::uint32_t host, std::span<const std::uint8_t> frame);
  // … or has left it. Breaks the world when a rule is broken.
  void on_departure(std::uint32_t host, std::span<const std::uint8_t> frame, Instant now);
  // A stranger names one host as the source of what it sends to another.
  void on_forged(std::uint32_t conv, Instant now) {
    ++loops_[conv].forged;
    loops_[conv].at = now;
  }
  // Timers that a host's workers fired in all their life, and its conversations begun: what it may send without being asked.
  void check_answers(std::uint32_t host, std::uint64_t unasked) const;

 private:
  struct Peer {
    Seq32 acknowledged_by(const SegmentView& segment);

    std::uint32_t room_end = 128;   // behind the last sn that the peer ever had room for; every KCP begins with 128
    std::uint64_t asked = 0;        // data and questions for the window that came
    std::uint64_t told = 0;         // windows that were told by a segment of their own
    std::uint32_t sent_end = 0;     // behind the last sn that was sent; whoever acknowledges more is no peer
    Seq32 acknowledged;             // every segment before it was acknowledged, to whoever believes each word …
    std::set<std::uint32_t> acked;  // … and these behind it
  };
  struct Loop {
    std::uint32_t forged = 0;
    std::uint32_t said = 0;
    Instant at;  // when it was forged last
  };
  struct Count {
    std::uint64_t asked = 0;  // by frames that came
    std::uint64_t without_data = 0;
  };
  void judge(std::uint32_t host, const net::Endpoint& peer, const SegmentView& segment, Instant now);

  Stored stored_;
  std::vector<Count> counts_;                                      // by host
  std::map<std::pair<std::uint32_t, std::uint32_t>, Peer> peers_;  // by host and conversation
  std::map<std::uint32_t, Loop> loops_;                            // by conversation
};

// True when a frame is addressed to a silent stranger, or asks where one is.
bool is_for_silent(std::span<const std::uint8_t> frame);

}  // namespace penstock::sim
