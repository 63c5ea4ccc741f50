// OverloadWorld: a server whose core has a price for each frame and each request, clients that are never short of time,
// and a flood, on one wire in virtual time.
//
// The server is a whole Worker with the echo service; a turn of it takes as long as its frames and requests cost, and
// meanwhile its receive ring fills and, once full, drops what comes, as a NIC's does: whose frame it was makes no
// difference. The clients are penstock-load's, each on a host of its own, so every answer is compared. What counts is how
// dear a request is beside a frame that is thrown away: 46 times. With that, dropping ten frames a request at once takes a
// fifth of the core, and serving them all of it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/arena.hpp"
#include "buf/arena_pool.hpp"
#include "engine/worker.hpp"
#include "engine/world.hpp"
#include "load/client.hpp"
#include "penstock/echo.hpp"
#include "sim/flood.hpp"

namespace penstock::sim {

// Of the server's core, in nanoseconds.
struct Prices {
  std::uint64_t turn = 500;
  std::uint64_t frame = 1'000;     // received, whatever becomes of it, or sent
  std::uint64_t request = 44'000;  // a message that the service gets, on top of its frames
  // Requests a second that the core can do when all that it does is a frame in, a message, and a frame out.
  double peak() const { return 1e9 / static_cast<double>(request + 2 * frame); }
};

struct OverloadPlan {
  Prices prices;
  std::uint32_t rx_ring = 256;         // frames
  std::vector<load::RunPlan> clients;  // a host each
  std::vector<Duration> begin;         // when each comes; at once where missing
  FloodKind flood = FloodKind::none;
  std::uint64_t flood_per_second = 0;
  Duration half_open_timeout = Duration::seconds(5);  // of the server
  std::uint32_t half_open_max = 0;                    // of the server; 0: as many as it has places
  std::uint64_t seed = 1;
};

// A host's port: what arrives lies on the wire until its time, then in the ring.
class RingPort final : public Port {
 public:
  struct Arriving {
    std::uint64_t at_ns;
    Bytes bytes;
  };
  RingPort(BlockPool& pool, std::uint8_t number, std::uint32_t ring_max);
  const PortInfo& info() const override { return info_; }
  bool link_up() const override { return true; }
  std::uint32_t receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters& drops,
                        Instant now) override;
  std::uint32_t send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops,
                     Instant now) override;

  // Moves what arrived by `now_ns` from the wire, and the flood, into the ring, in order of time.
  void fill(std::uint64_t now_ns);
  std::uint64_t next_arrival_ns() const;

  Flood* flood = nullptr;
  std::deque<Arriving> wire;
  std::vector<Bytes> sent;             // this turn
  std::uint64_t lost_at_the_ring = 0;  // frames that found it full

 private:
  PortInfo info_;
  BlockPool& pool_;
  std::uint32_t ring_max_;
  std::deque<Bytes> ring_;
};

class OverloadWorld {
 public:
  explicit OverloadWorld(const OverloadPlan& plan);
  ~OverloadWorld();
  OverloadWorld(const OverloadWorld&) = delete;
  OverloadWorld& operator=(const OverloadWorld&) = delete;

  // Until all clients are done, or for `limit` of virtual time.
  void run(Duration limit);
  bool done() const;

  const load::Results& results(std::size_t client = 0) const;
  // Answers a second of a client while it measured.
  double goodput(std::size_t client = 0) const;
  // What is wrong with a client's run, or nothing.
  std::string failure(std::size_t client = 0) const;
  const World& server() const;
  // Of the server: what it receives and sends comes from it.
  HeapPool& server_pool();
  std::uint64_t drops(net::DropReason reason) const { return server().drops.of(reason); }
  std::uint64_t lost_at_the_ring() const;
  std::uint64_t flood_frames() const { return flood_.sent(); }
  // Ends all workers; true when every block came home.
  bool whole();
  // Called after each turn of the server.
  std::function<void(const World&, Instant)> watch;

 private:
  struct Host;
  void run_server();
  void run_client(Host& host, Instant now);
  Instant wake_of(const Host& host) const;

  const OverloadPlan plan_;
  std::uint64_t server_free_ns_;  // when its core has done what it was at
  Flood flood_;
  Instant now_;
  std::vector<std::unique_ptr<Host>> hosts_;  // the server first
};

}  // namespace penstock::sim
