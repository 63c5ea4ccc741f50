// SimPort: the NIC of a simulated host: receive rings filled by the network, a transmit path into it, and what a NIC does
// with checksums, hashes and queues.
//
// Frames arrive from a wire in blocks of the network's; the port copies them into the pool of the queue that it steers
// them to, as DMA would, and drops them when that pool is dry or the ring full. On send it makes the checksums that it
// offered to make and gives the network one contiguous copy.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "base/rng.hpp"
#include "buf/arena_pool.hpp"
#include "engine/port.hpp"
#include "sim/coverage.hpp"
#include "sim/frames.hpp"
#include "sim/plan.hpp"

namespace penstock::sim {

class SimPort final : public Port {
 public:
  // What became of a frame that the network brought.
  enum class Arrival : std::uint8_t { taken, no_block, ring_full, link_down };
  using Transmit = std::function<void(std::span<const std::uint8_t> frame, Instant now)>;

  // `pools` are the workers' pools, one a queue.
  SimPort(std::uint32_t host, const HostPlan& plan, std::span<HeapPool* const> pools, Rng rng, Coverage& coverage,
          Transmit transmit);

  const PortInfo& info() const override { return info_; }
  std::uint32_t receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters& drops,
                        Instant now) override;
  std::uint32_t send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops,
                     Instant now) override;
  bool link_up() const override { return link_up_; }

  Arrival arrive(std::span<const std::uint8_t> frame);
  bool has_frames(std::uint16_t queue) const { return !rings_[queue].empty(); }
  // The transmit ring takes at most so many frames a call from now on.
  void set_tx_room(std::uint32_t frames) { tx_room_ = frames; }
  std::uint32_t tx_room() const { return tx_room_; }
  // Times a queue's worker was told that less was taken than it offered.
  std::uint32_t refusals(std::uint32_t queue) const { return refusals_[queue]; }
  void set_link(bool up) { link_up_ = up; }
  // A receive ring holds so many frames from now on.
  void set_rx_ring(std::uint32_t frames) { rx_ring_ = frames; }
  // Every frame goes to this queue from now on; beyond the queues: as planned.
  void steer_to(std::uint32_t queue) { steer_to_ = queue; }
  // Lets go of what lies in the rings: the host is being switched off.
  void clear();

 private:
  struct Waiting {
    Segment bytes;
    bool hashed = false;
    std::uint32_t hash = 0;
  };
  std::uint16_t steer(std::span<const std::uint8_t> frame, Waiting& waiting);
  void finish_checksums(const net::TxFrame& frame, Bytes& bytes) const;

  PortInfo info_;
  std::uint32_t missteer_ppm_;
  std::uint32_t rx_ring_;
  std::vector<HeapPool*> pools_;
  Rng rng_;
  Coverage& coverage_;
  Transmit transmit_;
  std::vector<std::deque<Waiting>> rings_;
  std::uint32_t burst_;  // frames that a worker takes in a turn
  std::vector<std::uint32_t> refusals_;
  std::uint32_t tx_room_ = ~0u;
  std::uint32_t steer_to_ = ~0u;
  bool link_up_ = true;
};

}  // namespace penstock::sim
