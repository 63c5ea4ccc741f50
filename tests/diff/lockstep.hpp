// Lockstep (D2): our session and ikcp get the same inputs at the same moments and must send the same datagrams.
//
// Both hear one peer, an ikcp as well, over a link that loses, doubles and reorders; the peer hears ikcp. ikcp flushes at
// moments drawn by chance, and ours is asked at the same. What ours judges differently by a rule of the ledger is translated
// for ikcp (translation.hpp); after that every field of every segment, the cut into datagrams and the numbers of both machines
// must be equal after each step. Hostile datagrams go to ours alone, which must refuse them and be as before. One seed is one
// run.
#pragma once

#include <map>

#include "diff/ikcp.hpp"
#include "diff/ours.hpp"
#include "diff/translation.hpp"

namespace penstock::diff {

// What is drawn once for a run.
struct LockstepPlan {
  explicit LockstepPlan(std::uint64_t seed, bool congestion_window);
  kcp::Options options;
  kcp::Options peer;
  Origins origins;
  std::uint32_t flush_us_min = 0, flush_us_max = 0;  // between two flushes
  std::uint32_t peer_flush_us = 0;
  std::uint32_t loss_ppm = 0, duplicate_ppm = 0;
  std::int64_t delay_us = 0, jitter_us = 0;
  std::uint32_t message_fragments_max = 0;
  bool hostile = false;
};

// When a shut window is asked for, worked out apart from the machines.
class Question {
 public:
  void note(bool blocked, std::int64_t now_us, const kcp::Options& options);
  bool due(std::int64_t now_us, const kcp::Options& options);

 private:
  std::int64_t at_us_ = -1;  // below 0: the window is open
  std::int64_t wait_ms_ = 0;
};

class Lockstep {
 public:
  Lockstep(std::uint64_t seed, bool congestion_window, Memory& memory, Ledger& ledger);
  // Throws Broken, with the seed and the step, where the two differ.
  void run(std::uint64_t steps);
  std::uint64_t segments_compared() const { return segments_; }

 private:
  using Wire = std::multimap<std::int64_t, Bytes>;
  void one_step();
  void advance();
  void flush();
  void flush_wider(std::vector<Bytes>& sent);
  void flush_peer();
  void hear(const Bytes& datagram);
  void act();
  void send();
  void send_by_peer();
  void receive();
  void receive_by_peer();
  void attack();
  void forge_ack();
  void send_hostile(Bytes datagram, kcp::Refusal expected);
  void put_on_wire(Wire& wire, const Bytes& datagram);
  Bytes draw_message(std::size_t bytes);
  std::size_t draw_size(std::uint32_t mss, const IkcpLook& look);
  void compare_state(const char* after);
  void compare_datagrams(const std::vector<Bytes>& mine, const std::vector<Bytes>& expected);
  Instant now() const { return Instant::at_us(plan_.origins.our_clock_us + now_us_); }
  std::uint32_t twin_now() const { return plan_.origins.twin_clock + static_cast<std::uint32_t>(now_us_); }

  std::uint64_t seed_;
  LockstepPlan plan_;
  Rng rng_;
  Ledger& ledger_;
  Ours ours_;
  Ikcp twin_;
  Ikcp peer_;
  Translation translation_;
  Question question_;
  Wire to_peer_, to_us_;
  std::int64_t now_us_ = 0, flush_at_us_ = 0, peer_flush_at_us_ = 0;
  std::int64_t peer_reads_at_us_ = 0, we_read_at_us_ = 0;  // an application that rests until then
  std::uint64_t segments_ = 0;
  Bytes last_heard_;
};

}  // namespace penstock::diff
