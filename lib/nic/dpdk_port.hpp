// DpdkPort: an Ethernet device of DPDK as the engine's Port. Frames change hands without a copy where that is possible.
//
// receive(): a direct, single-segment mbuf that nobody else holds becomes an RxFrame as it is. A chain is copied into one
// block of the queue's pool; anything else is dropped and counted. send(): a head that only the frame holds moves to the
// NIC with its mbuf; a shared one is held by the NIC as well; what lies outside of an mbuf, or still waits in a ring from an
// earlier send, is copied. A link becomes an indirect mbuf behind the head, or is copied. What the ring does not take goes
// back untouched: same Segments, same holds, same bytes. No waiting, no system call of our own, nothing allocated but mbufs.
//
// receive(), send(), reclaim() and counters() of a queue: its worker's core only. poll_link() and poll_mtu(): the control
// thread. health(): any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/port.hpp"
#include "nic/mbuf_pool.hpp"
#include "nic/port_setup.hpp"
#include "nic/rx_frame.hpp"

namespace penstock::nic {

// What a queue has done since start; kept here since PMDs lose theirs (memif when its peer goes).
struct QueueCounters {
  std::uint64_t rx_packets = 0;       // frames handed in
  std::uint64_t rx_bytes = 0;         // their bytes, without FCS
  std::uint64_t rx_copied = 0;        // of these, chains copied into one block
  std::uint64_t rx_partial_sums = 0;  // of these, with an L4 checksum that the sender left partial
  std::uint64_t tx_packets = 0;       // frames that the port took
  std::uint64_t tx_bytes = 0;
  std::uint64_t tx_linked = 0;     // of these, with an indirect mbuf behind the head
  std::uint64_t tx_copied = 0;     // of these, with bytes copied on the way
  std::uint64_t tx_refused = 0;    // frames that the driver said it can never send; dropped
  std::uint64_t tx_ring_full = 0;  // bursts cut short by a full ring
  std::uint64_t tx_no_block = 0;   // bursts cut short because no block was free to copy into
};

// What a queue works with; one worker's, and alive as long as the port.
struct QueuePools {
  MbufPool* blocks = nullptr;        // fills the RX ring; frames are copied into it
  IndirectPool* indirect = nullptr;  // may be null: then linked payload is copied
};

class DpdkPort final : public Port {
 public:
  // Sets up and starts the device with one queue pair per element of `pools`.
  static std::expected<std::unique_ptr<DpdkPort>, std::string> open(const PortSettings& settings,
                                                                    std::span<const QueuePools> pools);
  // Stops and closes the device. The workers must have left it.
  ~DpdkPort() override;
  DpdkPort(const DpdkPort&) = delete;
  DpdkPort& operator=(const DpdkPort&) = delete;

  const PortInfo& info() const override { return info_; }
  std::uint32_t receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters& drops,
                        Instant now) override;
  std::uint32_t send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops,
                     Instant now) override;
  void add_memory(std::uint16_t queue, MemoryMap& map) const override {
    map.add_object("queue of " + info_.name, queues_[queue]);
  }
  bool link_up() const override { return link_up_.load(std::memory_order_relaxed); }

  // Asks the device for its link state.
  void poll_link();
  // Asks for the MTU that device and kernel have by now. What is longer than that is dropped from then on (mtu_exceeded),
  // as otherwise the kernel would drop it without a word. It never grows beyond what was configured.
  void poll_mtu();
  std::uint16_t mtu() const { return mtu_.load(std::memory_order_relaxed); }
  PortHealth health() const;
  // Makes the device let go of sent mbufs now. False where the driver cannot; those it sent before its ring came round
  // then stay in the ring, bounded by its descriptors.
  bool reclaim(std::uint16_t queue);
  const QueueCounters& counters(std::uint16_t queue) const { return queues_[queue].counters; }
  const PortReport& report() const { return report_; }
  std::uint16_t port_id() const { return port_id_; }

 private:
  struct alignas(cache_line_bytes) Queue {
    QueuePools pools;
    QueueCounters counters;
  };

  DpdkPort(StartedPort&& started, std::span<const QueuePools> pools);
  std::uint32_t take_in_burst(Queue& queue, std::span<rte_mbuf* const> mbufs, std::span<net::RxFrame> frames,
                              net::DropCounters& drops);
  bool is_too_long(const net::TxFrame& frame) const;
  std::uint32_t send_burst(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops);

  PortInfo info_;
  PortReport report_;
  RxTrust trust_;
  std::uint16_t port_id_;
  std::vector<Queue> queues_;
  alignas(cache_line_bytes) std::atomic<bool> link_up_{false};
  std::atomic<std::uint16_t> mtu_;
  std::atomic<std::uint64_t> link_changes_{0};
  std::atomic<std::uint64_t> mtu_changes_{0};
};

}  // namespace penstock::nic
