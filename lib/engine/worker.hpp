// Worker: one core, one world: its queues, its sessions, its wheel, its pools.
//
// run_once(now) is the table of contents of the data path. `runtime` calls it in a loop with the clock's time on each
// lcore; the simulator calls the very same code with virtual time. Nothing else may be called while it runs, but what
// other threads reach through the mailbox, the hand-off rings and the published snapshot.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/arena.hpp"
#include "base/siphash.hpp"
#include "base/time.hpp"
#include "buf/block.hpp"
#include "engine/application.hpp"
#include "engine/connection.hpp"
#include "engine/handoff.hpp"
#include "engine/mailbox.hpp"
#include "engine/memory_map.hpp"
#include "engine/node_config.hpp"
#include "engine/port.hpp"
#include "engine/stats.hpp"

namespace penstock {

struct World;

// What a worker is given; everything must outlive it.
struct WorkerParts {
  Arena& arena;                                   // at least Worker::arena_bytes(config)
  BlockPool& blocks;                              // for frames it sends; what it receives comes from its ports' pools
  std::span<Port* const> ports;                   // by port number; the worker's index is its queue on each of them
  std::span<Application* const> services;         // this worker's own instances
  HandoffRings* handoff = nullptr;                // needed from two workers on
  Mailbox* mailbox = nullptr;                     // optional
  Published<StatsSnapshot>* published = nullptr;  // optional
  SipKey key;                                     // drawn per boot, the same for all workers of the node
  std::uint64_t seed = 0;                         // of this worker's Rng, drawn per boot
};

class alignas(cache_line_bytes) Worker {
 public:
  Worker(const NodeConfig& config, std::uint32_t index, const WorkerParts& parts, Instant now);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  // What the constructor takes of the arena.
  static std::size_t arena_bytes(const NodeConfig& config);

  // One turn: mailbox, receive, timers, services, send, statistics.
  void run_once(Instant now);
  // Whether the last turn received, sent or fired something.
  bool worked() const;
  // Tells the worker what its last turn and the way to the next one took of the time stamp counter, for its statistics.
  void took(std::uint64_t cycles);
  // Tells it that `span` of the time since its last turn was given away on purpose, and so is no stall.
  void slept(Duration span);
  // When run_once() must be called again at the latest if nothing is received; never more than a tick of the timer wheel
  // behind the earliest deadline. The present moment when a turn left work behind for want of blocks or TX room.
  Instant next_deadline() const;

  // Refuses new sessions and closes the others when they have sent what is queued.
  void drain(Instant now);
  // Closes all sessions now.
  void stop(Instant now);
  // True when no session and no half-open entry is left, and nothing waits to be sent, be it for room or for a neighbour's address.
  bool quiet() const;

  Connections& connections() { return connections_; }
  // The worker's counters as they are now; from its own core only.
  void snapshot(StatsSnapshot& into, Instant now) const;
  // Adds what the worker writes to, but what it was given: its parts' holder tells of those.
  void add_memory(MemoryMap& map) const;
  // Read-only view for tests of what the tables hold.
  const World& world() const { return *world_; }

 private:
  friend class Connection;
  friend class Connections;
  std::unique_ptr<World> world_;
  Connections connections_;
};

}  // namespace penstock
