// Host: one simulated machine: its port, its workers with their memory and services, and the checks that hold after each
// turn and when all is over.
//
// The workers are those of lib/engine, driven by run_once() with virtual time. A worker runs when its deadline has come,
// when frames, records or mail wait for it, and never while its lcore is stalled.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/arena.hpp"
#include "buf/arena_pool.hpp"
#include "engine/handoff.hpp"
#include "engine/mailbox.hpp"
#include "engine/stats.hpp"
#include "engine/worker.hpp"
#include "impair/impaired_port.hpp"
#include "penstock/discard.hpp"
#include "penstock/echo.hpp"
#include "sim/book.hpp"
#include "sim/client.hpp"
#include "sim/host_clock.hpp"
#include "sim/sim_port.hpp"
#include "sim/sink.hpp"

namespace penstock::sim {

class Host {
 public:
  Host(const Plan& plan, std::uint32_t number, Book& book, SimPort::Transmit transmit);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  SimPort& port() { return *port_; }
  std::uint32_t workers() const { return static_cast<std::uint32_t>(cores_.size()); }
  // When one of its workers has to run.
  Instant next_deadline(Instant now) const;
  // Runs the workers that have to, and checks what must hold after a turn.
  void run(Instant now);

  // Faults.
  void stall(std::uint32_t worker, Instant until);
  void keep_back(std::uint32_t blocks);
  // An operator cuts the host's port, which has an impairment, by the workers' mailboxes: one way or both; or puts the faults
  // back that the plan names.
  void cut_port(impair::Ways ways);
  // Its clock goes ahead at once, as that of a machine that stood still while nobody noticed.
  void jump_clock(Duration ahead, Instant now);
  // Its process ends without a word, and everything it knew with it. Checks that each block came home.
  void crash(Instant now);
  // … and begins anew, with other secrets, when it had crashed.
  void restart(Instant now);
  bool is_down() const { return cores_.empty(); }
  void drain(Instant now);
  void stop(Instant now);
  // Ends the faults, and asks each worker for a page of its sessions.
  void heal();
  // Keeps a block of the first worker's pool for good: a leak for check tests.
  void leak_block();

  // Whether there is a session of this conversation.
  bool knows(std::uint32_t conv) const;
  // Whether a session of this conversation has a peer that proved its address.
  bool has_proven(std::uint32_t conv) const;
  // Whether a session of this conversation has received a segment.
  bool has_received(std::uint32_t conv) const;
  // Whether the sessions of this conversation here lack what `peer` has been told had arrived; false when there is none.
  bool lacks_acknowledged(std::uint32_t conv, const Host& peer) const;
  // Whether a segment of a conversation with this peer is held, or was handed to the service; true when there is no such
  // session any more. Another one of the same number, begun from elsewhere after a crash, knows nothing of it.
  bool has_stored(const net::Endpoint& peer, std::uint32_t conv, std::uint32_t sn, Instant now) const;
  // How often it may have sent something of its own accord: timers that fired, conversations that it began.
  std::uint64_t unasked() const;
  // Checks that no session outlives the silence of its peer: who vanished is found in time, and who never proved himself, too.
  void check_silence(Instant now) const;
  // The most sessions that it ever had at once.
  std::uint64_t sessions_peak() const { return sessions_peak_; }
  // No session, nothing to send, nothing received and not taken in.
  bool quiet() const;
  // Segments that its machines stored so far, none twice.
  std::uint64_t segments_received() const;
  // What is left, in words: for the sentence of a world that does not end.
  std::string leftovers() const;
  // Checks that every table is empty and every memory as it was at the start; adds what was counted to the coverage.
  void check_empty(Instant now);
  // Ends the workers, then checks that every block came home.
  void switch_off();
  const NodeConfig& node() const { return node_; }

 private:
  struct Core;
  template <class Look>
  bool any_session(std::uint32_t conv, Look&& look) const;
  Instant wake_of(const Core& core, Instant now) const;
  void run(Core& core, Instant now);
  void check(Core& core, Instant now);
  bool has_records(std::uint32_t worker) const;
  void ask_all(const Command& command);
  void boot(Instant now);
  void end_process();
  void drop_records();
  void check_pools() const;
  bool has_sessions() const;
  // What a host says unasked after a start: claims of its addresses.
  static constexpr std::uint64_t greetings_per_boot = 200;

  std::uint32_t number_;
  const HostPlan& plan_;
  Book& book_;
  HostClock clock_;
  Instant jumped_at_;  // by its own clock
  Instant world_now_;  // when a worker ran last
  bool mute_ = false;  // what leaves the port reaches no wire
  bool may_freeze_;    // all of its workers stand still for seconds
  bool port_holds_;    // frames may wait in front of the port
  Rng rng_;
  std::uint32_t boots_ = 0;
  std::uint64_t unasked_before_ = 0;  // by processes that crashed
  std::uint64_t segments_before_ = 0;
  NodeConfig node_;
  // Where a conversation was found last: worker and place.
  mutable std::unordered_map<std::uint32_t, std::pair<std::size_t, std::uint32_t>> places_;
  std::vector<std::unique_ptr<HeapPool>> pools_;
  std::unique_ptr<HandoffRings> handoff_;
  std::vector<std::unique_ptr<Core>> cores_;
  std::unique_ptr<SimPort> port_;
  std::uint64_t sessions_peak_ = 0;
  Segment leaked_;
  std::unique_ptr<HeapMemory> impaired_memory_;
  std::unique_ptr<Arena> impaired_arena_;
  std::unique_ptr<impair::ImpairedPort> impaired_;
};

}  // namespace penstock::sim
