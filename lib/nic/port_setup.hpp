// port_setup: finds an Ethernet device, sets it up by what it can do, and says what that was.
//
// Works on any PMD: nothing is asked for that the device does not offer, and what it cannot do is a note of the report, not
// an error, unless the operator asked for it by name. Errors are one sentence that names the device and the setting. Main
// thread, before the workers start.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "engine/port.hpp"
#include "nic/mbuf_pool.hpp"

namespace penstock::nic {

struct PortSettings {
  std::string device;                   // as ethdev names it: a PCI address or a vdev's name
  std::uint16_t rx_descriptors = 1024;  // per queue, adjusted to what the device takes
  std::uint16_t tx_descriptors = 1024;
  std::uint16_t mtu = 1500;                // largest IP packet, bytes
  std::vector<net::MacAddress> multicast;  // groups to receive; broadcast always comes
  // Random bytes of the operating system for the RSS key: as many as the device's key has, 64 are enough for all known.
  std::vector<std::uint8_t> rss_random;
  bool checksum_offload = true;  // use the port's checksums where it has them
  // The peer is a local guest whose L4 sums stay partial (`rx_checksum = "trust_local"`). Otherwise a virtio or vhost port
  // is not asked for RX checksums: asking is what permits the other side to leave them out.
  bool trusts_local_sums = false;
  bool link_payload = true;    // send linked payload as an indirect mbuf where the port offers MULTI_SEGS
  bool rx_interrupts = false;  // workers may sleep until a frame comes (RxWait)
};

// What must be known of a device before its pools are made.
struct PortLimits {
  std::uint16_t port_id = 0;  // ethdev's number
  std::string driver;
  int numa_node = -1;                // -1: unknown or none
  std::uint16_t queues_max = 0;      // queue pairs
  std::uint16_t rx_descriptors = 0;  // what the asked-for numbers become
  std::uint16_t tx_descriptors = 0;
  std::uint32_t block_bytes_min = 0;  // least MbufPool block for the asked-for MTU
};

// What system calls the driver makes to receive and to send.
enum class KernelUse : std::uint8_t {
  none,         // memory and registers do
  wakes_peer,   // the same while the peer polls; one that sleeps is woken by a write()
  every_burst,  // the kernel carries the frames, or it is not known that it doesn't
};

// What was set, for the start-up print.
struct PortReport {
  std::string device;
  std::string driver;
  int numa_node = -1;
  std::uint16_t queues = 0;
  std::uint16_t queues_max = 0;  // that the device could have
  std::uint16_t rx_descriptors = 0;
  std::uint16_t tx_descriptors = 0;
  std::uint16_t mtu = 0;
  unsigned kernel_interface = 0;  // index of the kernel's interface that the device lies on or shares; 0: none
  // Offloads by DPDK's names: in use, and offered but of no use here.
  std::vector<std::string> rx_offloads;
  std::vector<std::string> tx_offloads;
  std::vector<std::string> rx_offloads_unused;
  std::vector<std::string> tx_offloads_unused;
  bool rx_ip_checksum = false;
  bool rx_udp_checksum = false;
  bool rx_rss_hash = false;  // frames carry the hash that chose their queue
  bool tx_ip_checksum = false;
  bool tx_udp_checksum = false;
  bool links_payload = false;
  bool rss = false;
  KernelUse kernel_use = KernelUse::every_burst;
  bool rx_interrupts = false;      // asked for, and the driver has them
  std::vector<std::string> notes;  // what the port cannot do or does otherwise, a sentence each
};

struct StartedPort {
  std::uint16_t port_id = 0;
  PortInfo info;
  PortReport report;
};

// The device's limits, or "there is no device X; present are …".
std::expected<PortLimits, std::string> port_limits(const PortSettings& settings);
// Whether the device is there and bears so many queue pairs and the MTU: what can be known before there are pools, so that who
// asked for too much is told so, and not of memory first.
std::expected<void, std::string> check_port(const PortSettings& settings, std::size_t queues);
// Configures and starts the device with one queue pair per pool; on an error the device is left closed or as it was found.
std::expected<StartedPort, std::string> start_port(const PortSettings& settings, std::span<MbufPool* const> pools);
// Stops and closes it; mbufs in its rings return to their pools. Every worker must have left its queues.
void stop_port(std::uint16_t port_id);

}  // namespace penstock::nic
