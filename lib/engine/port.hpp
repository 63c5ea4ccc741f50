// Port: a NIC port as the engine sees it: queues that give and take bursts of frames.
//
// `nic` implements it over DPDK, `impair` decorates it, the simulator joins two by a link. A queue is used by one worker's
// core only; info() may be read from anywhere after start.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "engine/impairment.hpp"
#include "engine/memory_map.hpp"
#include "net/address.hpp"
#include "net/drop_reason.hpp"
#include "net/frame.hpp"

namespace penstock {

struct PortInfo {
  std::string name;  // as the operator named the device
  net::MacAddress mac;
  net::PortTraits traits;
  std::uint16_t queues = 1;             // receive/transmit queue pairs, one a worker
  std::vector<std::uint8_t> rss_key;    // Toeplitz key in force, empty when the port does not hash
  std::vector<std::uint16_t> rss_reta;  // queue of each redirection entry, empty when the port does not hash
  bool rss_udp4 = false;                // the hash covers the UDP 4-tuple over IPv4 …
  bool rss_udp6 = false;                // … and over IPv6; otherwise addresses only are hashed
};

// How a port does at the moment; counts are since start.
struct PortHealth {
  bool link_up = false;
  std::uint32_t link_mbps = 0;     // 0: down or unknown
  std::uint64_t link_changes = 0;  // times that the link went down or came up
  std::uint16_t mtu = 0;           // largest IP packet that passes now; the configured one, or less
  std::uint64_t mtu_changes = 0;   // times that this changed under way
  // What the device says of itself.
  std::uint64_t rx_missed = 0;    // frames that found its receive ring full
  std::uint64_t rx_errors = 0;    // frames that were broken
  std::uint64_t rx_no_block = 0;  // times that it found no buffer
  std::uint64_t tx_errors = 0;
};

class Port {
 public:
  virtual ~Port() = default;
  virtual const PortInfo& info() const = 0;
  // Fills `frames` from the front and returns how many. Frames that the port had to drop count in `drops`.
  virtual std::uint32_t receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters& drops,
                                Instant now) = 0;
  // Takes frames from the front and returns how many; the rest stays the caller's, untouched. Never waits for room.
  virtual std::uint32_t send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters& drops,
                             Instant now) = 0;
  // The link's state as last seen; cheap, callable every turn.
  virtual bool link_up() const = 0;
  // Frames that the port holds for later on this queue (an impairment's delay); part of what is `held`.
  virtual std::uint32_t held_frames(std::uint16_t queue) const {
    static_cast<void>(queue);
    return 0;
  }
  // Adds what the port writes to for this queue alone.
  virtual void add_memory(std::uint16_t queue, MemoryMap& map) const {
    static_cast<void>(queue);
    static_cast<void>(map);
  }
  // When receive() or send() on this queue has something to do of its own accord; never() for real hardware.
  virtual Instant next_deadline(std::uint16_t queue) const {
    static_cast<void>(queue);
    return Instant::never();
  }
  // Changes what is done to the frames of this queue on purpose; false when there is no impairment in its path. Its own
  // worker's, between two bursts.
  virtual bool impair(std::uint16_t queue, const impair::Impairment& impairment) {
    static_cast<void>(queue);
    static_cast<void>(impairment);
    return false;
  }
  // What is done, and what came of it; from the queue's own worker.
  virtual impair::ImpairReport impair_report(std::uint16_t queue) const {
    static_cast<void>(queue);
    return {};
  }
};

}  // namespace penstock
