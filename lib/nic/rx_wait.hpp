// RxWait: puts a worker to sleep until a frame comes to its queues or time is over; for `poll = "adaptive"` only.
//
// arm() asks for interrupts; after it the worker must look into its queues once more, since what came before makes none.
// Then sleep(), then disarm(). A port whose driver has no RX interrupts (af_packet, af_xdp, tap, pcap, memif, null, ring)
// wakes nobody, and arm() says so: its frames wait until the sleep is over. net_vhost and net_virtio_user have them, as have
// most physical NICs. Made on the main thread, used by the worker's, destroyed before its ports close.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>

#include "base/time.hpp"
#include "nic/dpdk_port.hpp"

namespace penstock::nic {

class alignas(cache_line_bytes) RxWait {
 public:
  // Waits for `queue` of every port that was opened with rx_interrupts and got them. The error is one sentence.
  static std::expected<std::unique_ptr<RxWait>, std::string> make(std::span<const std::unique_ptr<DpdkPort>> ports,
                                                                  std::uint16_t queue);
  ~RxWait();
  RxWait(const RxWait&) = delete;
  RxWait& operator=(const RxWait&) = delete;

  // True when a frame on any port of the worker will now end its sleep.
  bool arm();
  // Nothing happens when it is not armed.
  void disarm();
  // Sleeps for `span` at the most. True when a frame ended it; false when it was time or a signal.
  bool sleep(Duration span);

 private:
  struct Source {
    std::uint16_t port_id = 0;
    bool armed = false;
  };
  static constexpr std::size_t sources_max = 16;

  RxWait(int epoll, std::uint16_t queue) : epoll_(epoll), queue_(queue) {}

  int epoll_;  // the interrupts of all sources
  std::uint16_t queue_;
  std::array<Source, sources_max> sources_;  // ports with interrupts
  std::size_t source_count_ = 0;
  bool every_port_ = true;  // … which are all ports
  bool armed_ = false;
};

}  // namespace penstock::nic
