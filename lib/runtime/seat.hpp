// Seat: one worker with everything it is given: pool, memory, services, mailbox, snapshot; and the loop that drives it.
//
// Made and destroyed on the main thread while no worker runs; loop() belongs to its lcore.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/worker.hpp"
#include "nic/eal.hpp"
#include "nic/mbuf_pool.hpp"
#include "nic/rx_wait.hpp"
#include "nic/tsc_clock.hpp"
#include "runtime/idle_policy.hpp"
#include "runtime/node.hpp"
#include "runtime/plan.hpp"

namespace penstock::runtime {

// What the whole node is doing; control's thread moves it on, the workers follow.
enum class Phase : std::uint8_t { serving, draining, stopping, ended };

// Memory of EAL's heap (hugepages where there are), zeroed, on one NUMA node.
class HugeMemory {
 public:
  // The error is one sentence that says how much of what was missing.
  static std::expected<std::unique_ptr<HugeMemory>, std::string> take(std::size_t bytes, unsigned numa_node,
                                                                      std::string_view what);
  ~HugeMemory();
  HugeMemory(const HugeMemory&) = delete;
  HugeMemory& operator=(const HugeMemory&) = delete;
  std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit HugeMemory(std::span<std::byte> bytes) : bytes_(bytes) {}
  std::span<std::byte> bytes_;
};

class alignas(cache_line_bytes) Seat {
 public:
  Seat(std::uint32_t index, const nic::Lcore& lcore) : index_(index), lcore_(lcore) {}

  // Pool and memory, before the ports are opened.
  std::expected<void, std::string> reserve(const Plan& plan, const ServiceFactory& services);
  // The worker, once the ports are known.
  void seat_worker(const Plan& plan, const ServiceFactory& services, std::span<Port* const> ports,
                   HandoffRings& handoff, SipKey key, TickClock ticks, Instant now);
  // Has the worker rest when it has nothing to do. Without it, it polls all the time.
  void let_rest(std::unique_ptr<nic::RxWait> wait) { wait_ = std::move(wait); }
  // Adds all that the worker writes to. The hand-off rings are the node's to tell of.
  void add_memory(MemoryMap& map) const;
  // Runs the worker until the phase is `ended`. Its lcore only.
  void loop(const nic::TscClock& clock, const std::atomic<Phase>& phase);
  // The worker and its sessions go; the pool stays until the ports are closed.
  void leave() {
    wait_.reset();
    worker_.reset();
    services_.clear();
  }

  std::uint32_t index() const { return index_; }
  const nic::Lcore& lcore() const { return lcore_; }
  nic::MbufPool& pool() { return *pool_; }
  nic::IndirectPool* indirect() { return indirect_.get(); }
  Mailbox& mailbox() { return mailbox_; }
  const Published<StatsSnapshot>& published() const { return *published_; }
  // True once the worker has no session and no frame left; set while draining or stopping.
  bool quiet() const { return quiet_.load(std::memory_order_acquire); }

 private:
  // What comes between two turns of a worker that may rest; how long it meant to sleep.
  Duration rest(Instant now);

  std::uint32_t index_;
  nic::Lcore lcore_;
  std::unique_ptr<nic::MbufPool> pool_;
  std::unique_ptr<nic::IndirectPool> indirect_;
  std::unique_ptr<HugeMemory> memory_;
  std::unique_ptr<Arena> arena_;
  Mailbox mailbox_;
  std::unique_ptr<Published<StatsSnapshot>> published_ = std::make_unique<Published<StatsSnapshot>>();
  std::vector<std::unique_ptr<Application>> services_;
  std::vector<Application*> service_list_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<nic::RxWait> wait_;
  IdlePolicy idle_;
  bool hands_over_ = false;   // other workers give this one datagrams, which wake nobody
  bool frames_wake_ = false;  // … and otherwise every frame does, since wait_ was armed
  std::atomic<bool> quiet_{false};
};

}  // namespace penstock::runtime
