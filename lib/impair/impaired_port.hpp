// ImpairedPort: a Port whose frames suffer an Impairment, in both directions, before they reach the worker or the port.
//
// `runtime` puts it around a port whose configuration has [port.impair]; the engine sees a Port. Each queue has one Link a
// direction, with its own chance, used by that queue's worker only, so nothing is shared between cores. The rate is that
// of each queue and direction.
//
// What it holds back on receive is held_frames(). Frames lost on purpose count by their cause, as impair_… on receive and
// impair_tx_… on send. The faults can be changed under way, of each queue by its own worker. send() takes what its link has
// room for, and drops the rest only while the link waits for time, not for the port; what is due leaves during send() and
// receive(), and waits here while the port has no room. receive() likewise leaves in the port's ring what the caller has no
// room for. It offers no checksum offload, since a NIC would make a valid sum over a corrupted frame. Under `rx_checksum =
// trust_local` corruption reaches the services: that policy says not to look.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/arena.hpp"
#include "engine/impairment.hpp"
#include "engine/port.hpp"
#include "impair/link.hpp"

namespace penstock::impair {

class ImpairedPort final : public Port {
 public:
  // `copies[q]` is the pool of queue q's worker, for copies of frames. All references must outlive the port, which must be
  // destroyed when no worker runs.
  ImpairedPort(Arena& arena, Port& inner, const Impairment& impairment, std::span<BlockPool* const> copies);
  ~ImpairedPort() override;
  ImpairedPort(const ImpairedPort&) = delete;
  ImpairedPort& operator=(const ImpairedPort&) = delete;
  // What the constructor takes of the arena. Each queue may hold 2 × queue_frames + 64 blocks.
  static std::size_t cost(const Impairment& impairment, std::uint16_t queues);

  const PortInfo& info() const override { return info_; }
  std::uint32_t receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters& drops,
                        Instant now) override;
  std::uint32_t send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops,
                     Instant now) override;
  bool link_up() const override { return inner_.link_up(); }
  std::uint32_t held_frames(std::uint16_t queue) const override;
  Instant next_deadline(std::uint16_t queue) const override;
  void add_memory(std::uint16_t queue, MemoryMap& map) const override;

  bool impair(std::uint16_t queue, const Impairment& impairment) override;
  ImpairReport impair_report(std::uint16_t queue) const override;

  const LinkCounters& receive_counters(std::uint16_t queue) const;
  const LinkCounters& send_counters(std::uint16_t queue) const;
  // Changes the faults of all queues; while no worker runs only.
  void change(const Impairment& impairment);

 private:
  struct Queue;
  void forward(std::uint16_t queue, net::DropCounters& drops, Instant now);

  Port& inner_;
  PortInfo info_;
  std::vector<std::unique_ptr<Queue>> queues_;
};

}  // namespace penstock::impair
