// Simulation: one world from its seed to its end, in virtual time: one thread, one clock, no chance but the seed's.
//
// run() goes from deadline to deadline – wires, workers, faults, strangers – until every conversation has closed and every
// table is empty, and throws Broken when an invariant does not hold:
//   bytes     each byte arrives once and in order, borders kept (Client, Sink)
//   loss      a client that closed in good order lost nothing: what it sent was taken
//   liveness  after the heal every conversation closes in time; in a gentle world every one completes
//   buffers   received = delivered + handed on + held + dropped after every turn; at the end every block came home
//   sessions  opened = living + closed by reason; at the end none, and no timer, chunk or window of theirs
//   silence   who is silent for longer than is allowed has no session any more (Host)
//   repeats   what was known to have arrived is not sent again (RepeatWatch)
//   conduct   what hosts send is answered for by what came (Conduct)
//   address   bytes out ≤ bytes in toward an address that proved nothing (AddressWatch)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/book.hpp"
#include "sim/conduct.hpp"
#include "sim/coverage.hpp"
#include "sim/crashes.hpp"
#include "sim/host.hpp"
#include "sim/meddler.hpp"
#include "sim/nat.hpp"
#include "sim/network.hpp"
#include "sim/plan.hpp"
#include "sim/repeats.hpp"
#include "sim/strangers.hpp"
#include "sim/trace.hpp"
#include "sim/watch.hpp"

namespace penstock::sim {

// A fault of the simulated product itself, planted by tests to show that the simulator finds it.
enum class Sabotage : std::uint8_t {
  none,
  wrong_byte,      // a byte of payload changes where no checksum sees it
  leaked_block,    // somebody keeps a block of a host's pool
  doubled_answer,  // a server answers everything twice
  endless_cut,     // a partition that the heal forgets
};

class Simulation {
 public:
  Simulation(const Plan& plan, bool print_trace, Sabotage sabotage = Sabotage::none);
  ~Simulation();

  // Lives the world through. Throws Broken.
  Coverage run();
  const Host& host(std::size_t number) const { return *hosts_[number]; }
  std::uint64_t trace_hash() const { return trace_.hash(); }
  std::uint64_t trace_events() const { return trace_.events(); }

 private:
  // An episode's beginning or end.
  struct Turn {
    Instant at;
    std::size_t episode = 0;
    bool begins = false;
  };
  void transmit(std::uint32_t host, std::span<const std::uint8_t> frame, Instant now);
  std::uint64_t arrive(std::uint32_t host, std::span<const std::uint8_t> frame, Instant now);
  void step();
  Instant next_event() const;
  void play_episodes();
  bool must_wait(const Episode& episode) const;
  void begin(const Episode& episode);
  void end(const Episode& episode);
  void rebind(std::uint32_t host);
  void flood();
  void heal();
  bool refill();
  bool gets_on();
  bool tear_what_began_anew();
  void live_until_closed();
  void live_until_empty();
  void check_conversations() const;
  void check_repeats() const;
  std::string leftovers() const;

  Plan plan_;
  Sabotage sabotage_;
  Trace trace_;
  Coverage coverage_;
  Book book_;
  AddressWatch watch_;
  Network network_;
  Conduct conduct_;
  RepeatWatch repeats_;
  Strangers strangers_;
  Meddler meddler_;
  std::vector<std::unique_ptr<Host>> hosts_;
  Crashes crashes_;
  std::vector<bool> vanished_;
  std::vector<Nat> nats_;    // of each host; those of servers never rebind
  std::vector<Turn> turns_;  // by time
  std::size_t next_turn_ = 0;
  std::vector<const Episode*> waiting_;  // endings whose time came before the world had seen enough
  Instant now_;
  Instant next_look_;  // at those who have been silent for too long
  Instant flood_at_ = Instant::never();
  bool healed_ = false;
  std::uint32_t refills_ = 0;
  std::uint64_t carried_ = 0;  // segments, when patience ended last
};

}  // namespace penstock::sim
