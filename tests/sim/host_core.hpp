// Host::Core: what one worker of a simulated machine has from one start of its process to the next.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "sim/echo_watch.hpp"
#include "sim/host.hpp"

namespace penstock::sim {

inline std::vector<bool> streams_of(const NodeConfig& node) {
  std::vector<bool> streams;
  for (const ListenerSetup& setup : node.listeners) streams.push_back(setup.kcp.stream);
  return streams;
}

struct Host::Core {
  Core(const HostPlan& plan, const NodeConfig& node, Book& book, std::uint32_t host, const HostClock& clock,
       HeapPool& blocks, Rng rng)
      : memory(Worker::arena_bytes(node) + Echo::cost(node.sessions_max)),
        arena(memory.bytes()),
        pool(blocks),
        echo(arena, node.sessions_max, streams_of(node)),
        echo_watch(echo, book),
        sink(book, host),
        client(book, host, plan.workers, plan.kcp.mss(), clock, rng) {
    if (plan.is_server) services = {&echo_watch, &sink, &discard};
    else services = {&client};
  }

  HeapMemory memory;
  Arena arena;
  HeapPool& pool;
  Echo echo;
  EchoWatch echo_watch;
  Sink sink;
  Discard discard;
  Client client;
  std::vector<Application*> services;
  std::vector<Port*> ports;
  Mailbox mailbox;
  Published<StatsSnapshot> published;
  std::unique_ptr<StatsSnapshot> seen = std::make_unique<StatsSnapshot>();  // after the last turn
  std::unique_ptr<StatsSnapshot> fresh = std::make_unique<StatsSnapshot>();
  std::optional<Instant> last_run;  // by the world's clock; nothing before the first turn
  Instant stalled_until;
  std::uint32_t backlog_turns = 0;  // turns in a row that left work behind
  std::unique_ptr<Worker> worker;
};

}  // namespace penstock::sim
