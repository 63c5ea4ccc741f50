// Trial: one sender toward an unmodified ikcp over a virtual path, with one work to do; and what came of it.
//
// The same trial and seed bring the same outcome, to the microsecond: nothing reads a clock. The receiver runs ikcp_update()
// each millisecond with interval 10 and nodelay, and its application takes what is in order at once. It judges each byte.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "diff/ours.hpp"
#include "path/lane.hpp"
#include "path/tally.hpp"
#include "proto/kcp/options.hpp"

namespace penstock::path {

// The ticked oracle learns what became of a copy when the receiver's next flush could have told it: no sender that waits to
// be told knows it earlier. The oracle's receiver tells it at once. The spare oracle is a ticked one that sends in two copies
// what was lost twice or more.
enum class SenderKind : std::uint8_t { ours, ikcp, oracle, ticked_oracle, spare_oracle };
inline constexpr std::array sender_kinds = {SenderKind::ours, SenderKind::ikcp, SenderKind::oracle,
                                            SenderKind::ticked_oracle, SenderKind::spare_oracle};
enum class Work : std::uint8_t { bulk, game };
std::string_view name_of(SenderKind kind);
std::string_view name_of(Work work);

struct Trial {
  SenderKind sender = SenderKind::ours;
  Work work = Work::bulk;
  kcp::Options options;          // of the sender; the receiver has its mtu, and a window no smaller than the sender's
  std::uint64_t bulk_bytes = 0;  // of payload, in messages of a whole segment each; the last one may bring more
  Duration game_time{};          // how long there is a message of game_bytes each game_period
  LaneOptions there;             // from the sender on; datagrams_max and datagram_bytes_max are set by the trial
  LaneOptions back;
  Duration receiver_phase{};  // when the receiver's ticks begin; those of an ikcp sender begin at 0
  std::uint64_t seed = 1;
  Duration sample_every{};  // 0: no samples

  static constexpr std::uint32_t game_bytes = 64;
  static constexpr Duration game_period = Duration::ms(20);
  // Without any queue.
  Duration round_trip() const { return there.delay + back.delay; }
  std::uint32_t message_bytes() const { return work == Work::bulk ? options.mss() : game_bytes; }
  std::uint64_t messages() const;
};

// A look at the trial under way.
struct Sample {
  Instant at;
  std::uint64_t delivered = 0;     // messages
  std::uint64_t queued_bytes = 0;  // in the bottleneck on the way there
  std::uint32_t in_flight = 0;     // segments of ours, sent and not passed by una
  std::uint32_t window = 0;        // segments that our controller allows, 0 when it bounds nothing
};

struct Outcome {
  Tally tally;
  Duration took{};                  // until the sender knew that all had arrived
  std::uint64_t queue_refused = 0;  // datagrams on the way there that found the bottleneck's queue full
  std::uint64_t queue_bytes_most = 0;
  std::uint64_t spares = 0;     // copies of ours that left beside another on purpose
  std::uint64_t seen = 0;       // needless ones that our sender noticed
  std::vector<Sample> samples;  // each Trial::sample_every
  // Payload bits a second over the whole time.
  double goodput() const;
};

// Options that KCP's users call turbo: nodelay, a flush each 10 ms, fast resend after 2 skips, no congestion window.
kcp::Options turbo(std::uint32_t window);

// `memory` is lent to the session of a trial of ours, and must be whole. Throws Broken when a byte is wrong, a session ends,
// or the trial does not come to an end in an hour beyond what its work takes.
Outcome run(const Trial& trial, diff::Memory& memory);

}  // namespace penstock::path
