// ServerRig: one worker with the echo service, its memory as `penstock` plans it, a MemoryPort, and a Crowd of clients.
//
// The whole server path but the NIC and its driver, in virtual time. run_once() alone is measured. One thread.
#pragma once

#include <cstdint>
#include <memory>

#include "base/arena.hpp"
#include "bench/crowd.hpp"
#include "bench/memory_port.hpp"
#include "bench/meter.hpp"
#include "buf/arena_pool.hpp"
#include "engine/stats.hpp"
#include "engine/worker.hpp"
#include "penstock/echo.hpp"

namespace penstock::bench {

class ServerRig {
 public:
  // The gateway is known when this returns.
  explicit ServerRig(std::uint32_t sessions);

  // A turn `step` after the one before; measured when a meter is given. The replies that came.
  std::uint32_t turn(Duration step, Meter* meter = nullptr);
  // A datagram of every client in turn, and a turn for each full burst. The replies that came.
  std::uint64_t round(Crowd::Kind kind, Meter* meter = nullptr);
  // Three messages back and forth for every client, and an ACK: all sessions are open, proven and at rest.
  void open_all();

  Worker& worker() { return *worker_; }
  std::uint32_t sessions() const { return crowd_.clients(); }
  std::uint32_t sessions_now();
  Instant now() const { return now_; }
  Duration idle_timeout() const { return node_.listeners.front().admission.idle_timeout; }

 private:
  // The same for the burst of clients that begins with `first`.
  std::uint32_t burst_of(std::uint32_t first, Crowd::Kind kind, Meter* meter);

  NodeConfig node_;
  std::uint32_t block_count_;
  HeapMemory memory_;
  Arena arena_;
  ArenaPool blocks_;
  MemoryPort port_;
  Port* ports_[1];
  Echo echo_;
  Application* services_[1];
  std::unique_ptr<Published<StatsSnapshot>> published_;
  Instant now_ = Instant::at_us(1'000'000);
  std::unique_ptr<Worker> worker_;
  Crowd crowd_;
};

}  // namespace penstock::bench
