// Network: the wires and the switch between the hosts. Each host has a Link up and a Link down – the code of lib/impair –
// and the switch joins them by MAC address, flooding what is for all or for nobody it knows.
//
// Frames on wires lie in the network's own pool; a frame for several hosts is one block that the links share. Every frame
// that a link takes or gives goes into the trace.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/arena.hpp"
#include "buf/arena_pool.hpp"
#include "impair/link.hpp"
#include "sim/coverage.hpp"
#include "sim/plan.hpp"
#include "sim/trace.hpp"

namespace penstock::sim {

class Network {
 public:
  // Called with each frame that reaches a host; returns what became of it, for the trace.
  using Arrive = std::function<std::uint64_t(std::uint32_t host, std::span<const std::uint8_t> frame, Instant now)>;

  Network(const Plan& plan, Trace& trace, Arrive arrive);

  // A host's port sends a frame.
  void transmit(std::uint32_t host, std::span<const std::uint8_t> frame, Instant now);
  // A stranger's frame enters the switch, by a wire without faults.
  void inject(std::span<const std::uint8_t> frame, Instant now);
  // Moves everything that is due.
  void run(Instant now);
  Instant next_deadline() const;

  // Cuts a host's wires, or one of them, or joins them again.
  void cut(std::uint32_t host, bool up, bool down);
  // No fault from now on; the delay stays.
  void heal();
  // Frames under way.
  std::uint32_t held() const;
  bool whole() const { return pool_.whole(); }
  void count_faults(Coverage& coverage) const;

 private:
  using WireLink = impair::Link<net::RxFrame>;
  struct Wires {
    Wires(const HostPlan& plan, HeapPool& pool, Rng rng);
    HeapMemory memory;
    Arena arena;
    WireLink up;
    WireLink down;
    impair::Impairment clean_up;
    impair::Impairment clean_down;
    std::uint64_t jittered = 0;
    bool has_jitter = false;
  };
  net::RxFrame on_wire(std::span<const std::uint8_t> frame);
  void switch_frame(const Segment& frame, std::uint32_t from, Instant now);

  HeapPool pool_;
  Trace& trace_;
  Arrive arrive_;
  std::vector<std::unique_ptr<Wires>> wires_;
};

}  // namespace penstock::sim
