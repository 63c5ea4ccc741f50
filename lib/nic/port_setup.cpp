#include "nic/port_setup.hpp"

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "base/assert.hpp"
#include "nic/rss_setup.hpp"

namespace penstock::nic {

namespace {

using Sentence = std::unexpected<std::string>;

// RX buffers of many NICs (e1000, ixgbe) count in kilobytes; a smaller rest would be unused and cut frames in two.
constexpr std::uint32_t rx_buffer_step_bytes = 1024;

std::string error_text(int code) { return rte_strerror(code < 0 ? -code : code); }

Sentence refuse(const std::string& device, const std::string& fault) {
  return Sentence("The port " + device + " " + fault + ".");
}

std::string names_of_present() {
  std::string names;
  for (std::uint16_t port_id = 0; port_id < RTE_MAX_ETHPORTS; ++port_id) {
    char name[RTE_ETH_NAME_MAX_LEN] = {};
    if (rte_eth_dev_is_valid_port(port_id) == 0 || rte_eth_dev_get_name_by_port(port_id, name) != 0) continue;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return names.empty() ? "none at all" : names;
}

struct Device {
  std::uint16_t port_id = 0;
  rte_eth_dev_info info = {};
};

std::expected<Device, std::string> find_device(const std::string& name) {
  Device device;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &device.port_id) != 0) {
    return Sentence("There is no port " + name + "; present are: " + names_of_present() +
                    ". Is it bound to a DPDK driver, or named by --vdev or --allow?");
  }
  if (const int code = rte_eth_dev_info_get(device.port_id, &device.info); code != 0) {
    return refuse(name, "does not tell what it can do: " + error_text(code));
  }
  return device;
}

bool leaves_sums_partial(std::string_view driver) {
  return driver.starts_with("net_virtio") || driver.starts_with("net_vhost");
}

// By what the drivers of DPDK 22.11 do. Physical devices are run by registers and memory; of virtual ones those that are
// not named here are wrappers of others, or of the kernel.
KernelUse kernel_use_of(const rte_eth_dev_info& info) {
  const std::string_view driver = info.driver_name;
  if (std::string_view(rte_bus_name(rte_dev_bus(info.device))) != "vdev") return KernelUse::none;
  if (driver == "net_null" || driver == "net_ring") return KernelUse::none;
  if (driver == "net_memif" || driver == "net_vhost" || driver == "net_virtio_user") return KernelUse::wakes_peer;
  return KernelUse::every_burst;
}

std::uint64_t rx_offloads_of(const rte_eth_dev_info& info, const PortSettings& settings, bool hashes) {
  std::uint64_t wanted = 0;
  if (settings.checksum_offload && (settings.trusts_local_sums || !leaves_sums_partial(info.driver_name))) {
    wanted |= RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
  }
  if (hashes) wanted |= RTE_ETH_RX_OFFLOAD_RSS_HASH;
  return info.rx_offload_capa & wanted;
}

std::uint64_t tx_offloads_of(const rte_eth_dev_info& info, const PortSettings& settings) {
  std::uint64_t wanted = 0;
  if (settings.checksum_offload) wanted |= RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
  if (settings.link_payload && info.tx_desc_lim.nb_seg_max != 1) wanted |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  return info.tx_offload_capa & wanted;
}

std::expected<void, std::string> check_queues(const PortSettings& settings, const rte_eth_dev_info& info,
                                              std::size_t queues) {
  const std::uint16_t most = std::min(info.max_rx_queues, info.max_tx_queues);
  if (queues <= most) return {};
  return refuse(settings.device, "has " + std::to_string(most) + " queue pairs, and " + std::to_string(queues) +
                                     " workers want one each: give -l at most " + std::to_string(most) +
                                     " lcores, or the device more queues");
}

std::expected<void, std::string> check_mtu(const PortSettings& settings, const rte_eth_dev_info& info) {
  const std::uint32_t by_frame = info.max_rx_pktlen > RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN
                                     ? info.max_rx_pktlen - (RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN)
                                     : 0;
  const std::uint32_t most = std::min<std::uint32_t>(info.max_mtu, by_frame);
  const std::uint32_t least = std::max<std::uint32_t>(info.min_mtu, RTE_ETHER_MIN_MTU);
  if (settings.mtu >= least && settings.mtu <= most) return {};
  return refuse(settings.device, "takes an mtu of " + std::to_string(least) + " to " + std::to_string(most) + ", not " +
                                     std::to_string(settings.mtu) + ": set mtu of its [[port]] to one of these");
}

std::expected<void, std::string> check_buffers(const PortSettings& settings, std::span<MbufPool* const> pools) {
  const std::uint32_t least = settings.mtu + frame_overhead_bytes + mbuf_headroom_bytes;
  for (const MbufPool* pool : pools) {
    if (pool->block_bytes() < least) {
      return refuse(settings.device, "with an mtu of " + std::to_string(settings.mtu) + " needs packet buffers of " +
                                         std::to_string(least) + " bytes, and its pool has " +
                                         std::to_string(pool->block_bytes()));
    }
  }
  return {};
}

// The numbers of descriptors that the device makes of the asked-for ones.
std::expected<void, std::string> adjust_descriptors(const std::string& device, std::uint16_t port_id, std::uint16_t& rx,
                                                    std::uint16_t& tx) {
  const int code = rte_eth_dev_adjust_nb_rx_tx_desc(port_id, &rx, &tx);
  if (code == 0) return {};
  return refuse(device, "does not take these numbers of descriptors: " + error_text(code));
}

std::expected<void, std::string> configure(const Device& device, const PortSettings& settings, RssPlan& rss,
                                           std::size_t queues, PortReport& report, rte_eth_conf& conf) {
  conf.rxmode.mtu = settings.mtu;
  conf.rxmode.offloads = rx_offloads_of(device.info, settings, rss.functions != 0);
  conf.txmode.offloads = tx_offloads_of(device.info, settings);
  if (rss.functions != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf = {
        .rss_key = rss.key.data(), .rss_key_len = static_cast<std::uint8_t>(rss.key.size()), .rss_hf = rss.functions};
  }
  // Link changes are polled for. With the interrupt asked for, ethdev answers from what the last one left, and where none
  // comes (no MSI-X under vfio, drivers that call nobody) a link that came up would stay down for ever.
  conf.intr_conf.lsc = 0;
  const auto count = static_cast<std::uint16_t>(queues);
  conf.intr_conf.rxq = settings.rx_interrupts ? 1 : 0;
  int code = rte_eth_dev_configure(device.port_id, count, count, &conf);
  // Some drivers refuse the whole configuration when they cannot give every queue an interrupt.
  if (code != 0 && settings.rx_interrupts) {
    conf.intr_conf.rxq = 0;
    code = rte_eth_dev_configure(device.port_id, count, count, &conf);
  }
  if (code != 0) {
    return refuse(settings.device, "cannot be configured with " + std::to_string(count) +
                                       " queue pairs and an mtu of " + std::to_string(settings.mtu) + ": " +
                                       error_text(code));
  }
  report.rx_descriptors = settings.rx_descriptors;
  report.tx_descriptors = settings.tx_descriptors;
  return adjust_descriptors(settings.device, device.port_id, report.rx_descriptors, report.tx_descriptors);
}

std::expected<void, std::string> set_up_queues(const Device& device, const PortReport& report, const rte_eth_conf& conf,
                                               std::span<MbufPool* const> pools) {
  const int socket = rte_eth_dev_socket_id(device.port_id);
  const auto numa_node = static_cast<unsigned>(socket);
  rte_eth_rxconf rx = device.info.default_rxconf;
  rte_eth_txconf tx = device.info.default_txconf;
  rx.offloads = conf.rxmode.offloads;
  tx.offloads = conf.txmode.offloads;  // overwrites a driver's default, so MBUF_FAST_FREE stays off
  for (std::uint16_t queue = 0; queue < pools.size(); ++queue) {
    if (const int code = rte_eth_rx_queue_setup(device.port_id, queue, report.rx_descriptors, numa_node, &rx,
                                                pools[queue]->mempool());
        code != 0) {
      return refuse(report.device, "cannot set up receive queue " + std::to_string(queue) + " with " +
                                       std::to_string(report.rx_descriptors) + " descriptors: " + error_text(code));
    }
    if (const int code = rte_eth_tx_queue_setup(device.port_id, queue, report.tx_descriptors, numa_node, &tx);
        code != 0) {
      return refuse(report.device, "cannot set up transmit queue " + std::to_string(queue) + " with " +
                                       std::to_string(report.tx_descriptors) + " descriptors: " + error_text(code));
    }
  }
  return {};
}

// For drivers that hand the MTU on to somebody else (a kernel interface, a peer); the frame size was configured before.
std::expected<void, std::string> set_mtu(const Device& device, const PortSettings& settings, PortReport& report) {
  const int code = rte_eth_dev_set_mtu(device.port_id, settings.mtu);
  if (code == -ENOTSUP) {
    report.notes.emplace_back("The driver has no MTU to set: the other side must keep to it.");
    return {};
  }
  if (code != 0)
    return refuse(settings.device, "refuses an mtu of " + std::to_string(settings.mtu) + ": " + error_text(code));
  return {};
}

std::expected<void, std::string> receive_groups(const Device& device, const PortSettings& settings,
                                                PortReport& report) {
  if (settings.multicast.empty()) return {};
  std::vector<rte_ether_addr> groups(settings.multicast.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::memcpy(groups[i].addr_bytes, settings.multicast[i].bytes.data(), sizeof groups[i].addr_bytes);
    if (!settings.multicast[i].is_multicast()) {
      return refuse(settings.device, "was given " + net::to_string(settings.multicast[i]) + " as a multicast group");
    }
  }
  const auto count = static_cast<std::uint32_t>(groups.size());
  if (rte_eth_dev_set_mc_addr_list(device.port_id, groups.data(), count) == 0) return {};
  if (rte_eth_allmulticast_enable(device.port_id) == 0) {
    report.notes.emplace_back("The port takes no list of multicast groups and receives all of them.");
  } else {
    report.notes.emplace_back(
        "The port filters no multicast by our word; neighbour discovery needs that it passes it on.");
  }
  return {};
}

// The names of the offloads of `bits`, as DPDK writes them.
std::vector<std::string> offload_names(std::uint64_t bits, const char* (*name)(std::uint64_t)) {
  std::vector<std::string> names;
  for (; bits != 0; bits &= bits - 1) names.emplace_back(name(bits & (~bits + 1)));
  return names;
}

void describe(const Device& device, const PortSettings& settings, const rte_eth_conf& conf, StartedPort& started) {
  PortReport& report = started.report;
  const std::uint64_t rx = conf.rxmode.offloads;
  const std::uint64_t tx = conf.txmode.offloads;
  report.rx_ip_checksum = (rx & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0;
  report.rx_udp_checksum = (rx & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) != 0;
  report.rx_rss_hash = (rx & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0;
  report.tx_ip_checksum = (tx & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0;
  report.tx_udp_checksum = (tx & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0;
  report.links_payload = (tx & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
  report.rss = !started.info.rss_key.empty();
  report.queues_max = std::min(device.info.max_rx_queues, device.info.max_tx_queues);
  report.kernel_interface = device.info.if_index;
  report.rx_offloads = offload_names(rx, rte_eth_dev_rx_offload_name);
  report.tx_offloads = offload_names(tx, rte_eth_dev_tx_offload_name);
  report.rx_offloads_unused = offload_names(device.info.rx_offload_capa & ~rx, rte_eth_dev_rx_offload_name);
  report.tx_offloads_unused = offload_names(device.info.tx_offload_capa & ~tx, rte_eth_dev_tx_offload_name);
  if (settings.checksum_offload && !report.rx_udp_checksum) {
    report.notes.emplace_back(
        leaves_sums_partial(device.info.driver_name)
            ? "Received UDP checksums are verified in software, and the other side must fill them."
            : "The port verifies no UDP checksums: software does.");
  }
  if (settings.checksum_offload && !report.tx_udp_checksum) {
    report.notes.emplace_back("The port makes no UDP checksums: software does.");
  }
  if (std::string_view(device.info.driver_name) == "net_bonding") {
    report.notes.emplace_back(
        "A bonded port learns of its members' links by their interrupts; if a pulled cable changes nothing, start EAL "
        "with "
        "--vfio-intr=legacy.");
  }
  if (settings.link_payload && !report.links_payload) {
    report.notes.emplace_back("The port sends no frames of several parts: payload is copied behind its headers.");
  }
}

std::expected<void, std::string> read_identity(const Device& device, const PortSettings& settings, PortInfo& info) {
  rte_ether_addr mac = {};
  if (const int code = rte_eth_macaddr_get(device.port_id, &mac); code != 0) {
    return refuse(settings.device, "does not tell its MAC address: " + error_text(code));
  }
  std::memcpy(info.mac.bytes.data(), mac.addr_bytes, info.mac.bytes.size());
  info.name = settings.device;
  return {};
}

// Whether workers can be woken by frames, which a driver only tells when it is asked for one of its operations.
void find_rx_interrupts(const Device& device, const PortSettings& settings, const rte_eth_conf& conf,
                        PortReport& report) {
  if (!settings.rx_interrupts) return;
  report.rx_interrupts = conf.intr_conf.rxq != 0 && rte_eth_dev_rx_intr_disable(device.port_id, 0) == 0;
  if (report.rx_interrupts) return;
  report.notes.emplace_back("The port wakes nobody: frames for a sleeping worker wait up to a millisecond.");
}

// From configuration to the running device; what fails here leaves it to be closed.
std::expected<void, std::string> bring_up(const Device& device, const PortSettings& settings, RssPlan& rss,
                                          std::span<MbufPool* const> pools, StartedPort& started) {
  PortReport& report = started.report;
  rte_eth_conf conf = {};
  if (auto done = configure(device, settings, rss, pools.size(), report, conf); !done) return done;
  if (auto done = set_up_queues(device, report, conf, pools); !done) return done;
  if (auto done = set_mtu(device, settings, report); !done) return done;
  if (const int code = rte_eth_dev_start(device.port_id); code != 0) {
    return refuse(settings.device, "does not start: " + error_text(code));
  }
  if (auto done = receive_groups(device, settings, report); !done) return done;
  if (auto done = read_identity(device, settings, started.info); !done) return done;
  apply_rss(device.port_id, rss, started.info, report.notes);
  describe(device, settings, conf, started);
  find_rx_interrupts(device, settings, conf, report);
  for (MbufPool* pool : pools) pool->flush_lcore_cache();
  return {};
}

}  // namespace

std::expected<PortLimits, std::string> port_limits(const PortSettings& settings) {
  const auto device = find_device(settings.device);
  if (!device) return Sentence(device.error());
  PortLimits limits;
  limits.port_id = device->port_id;
  limits.driver = device->info.driver_name;
  limits.numa_node = rte_eth_dev_socket_id(device->port_id);
  limits.queues_max = std::min(device->info.max_rx_queues, device->info.max_tx_queues);
  limits.rx_descriptors = settings.rx_descriptors;
  limits.tx_descriptors = settings.tx_descriptors;
  if (auto done = adjust_descriptors(settings.device, device->port_id, limits.rx_descriptors, limits.tx_descriptors);
      !done) {
    return Sentence(done.error());
  }
  const std::uint32_t frame = std::max(settings.mtu + frame_overhead_bytes, device->info.min_rx_bufsize);
  limits.block_bytes_min =
      mbuf_headroom_bytes + (frame + rx_buffer_step_bytes - 1) / rx_buffer_step_bytes * rx_buffer_step_bytes;
  return limits;
}

std::expected<void, std::string> check_port(const PortSettings& settings, std::size_t queues) {
  const auto device = find_device(settings.device);
  if (!device) return Sentence(device.error());
  if (auto done = check_queues(settings, device->info, queues); !done) return done;
  return check_mtu(settings, device->info);
}

std::expected<StartedPort, std::string> start_port(const PortSettings& settings, std::span<MbufPool* const> pools) {
  PENSTOCK_ASSERT(!pools.empty());
  PENSTOCK_ASSERT(std::ranges::all_of(pools, [](const MbufPool* pool) { return pool != nullptr; }));
  const auto device = find_device(settings.device);
  if (!device) return Sentence(device.error());
  if (auto checked = check_queues(settings, device->info, pools.size()); !checked) return Sentence(checked.error());
  if (auto checked = check_mtu(settings, device->info); !checked) return Sentence(checked.error());
  if (auto checked = check_buffers(settings, pools); !checked) return Sentence(checked.error());
  const auto queues = static_cast<std::uint16_t>(pools.size());
  auto rss = plan_rss(settings.device, device->info, queues, settings.rss_random);
  if (!rss) return Sentence(rss.error());

  StartedPort started;
  started.port_id = device->port_id;
  started.info.queues = queues;
  started.report.device = settings.device;
  started.report.driver = device->info.driver_name;
  started.report.numa_node = rte_eth_dev_socket_id(device->port_id);
  started.report.queues = queues;
  started.report.kernel_use = kernel_use_of(device->info);
  started.report.mtu = settings.mtu;
  if (auto done = bring_up(*device, settings, *rss, pools, started); !done) {
    stop_port(device->port_id);
    return Sentence(done.error());
  }
  started.info.traits = {.tx_ip_checksum = started.report.tx_ip_checksum,
                         .tx_udp_checksum = started.report.tx_udp_checksum,
                         .multi_segment = started.report.links_payload,
                         .mtu = settings.mtu};
  return started;
}

void stop_port(std::uint16_t port_id) {
  rte_eth_dev_stop(port_id);
  rte_eth_dev_close(port_id);
}

}  // namespace penstock::nic
