// Shows on net_null (which keeps a mock of RSS) and net_ring what set-up asks for, reads back and reports, and that each
// refusal is a sentence naming device and setting and leaves the device usable.
#include <catch2/catch.hpp>

#include "dpdk_fixture.hpp"
#include "ethdev_mock.hpp"
#include "nic/port_setup.hpp"

using namespace penstock;
using namespace penstock::nic;
using namespace penstock::nic::test;

namespace {

struct Pools {
  explicit Pools(std::uint32_t queues, std::uint32_t block_bytes = 2176) {
    for (std::uint32_t i = 0; i < queues; ++i) {
      owned.push_back(make_pool(255, block_bytes));
      raw.push_back(owned.back().get());
    }
  }
  std::vector<std::unique_ptr<MbufPool>> owned;
  std::vector<MbufPool*> raw;
};

std::string fault(const PortSettings& settings, const Pools& pools) {
  const auto started = start_port(settings, pools.raw);
  if (started) stop_port(started->port_id);
  return started ? "" : started.error();
}

bool noted(const PortReport& report, const std::string& text) {
  for (const std::string& note : report.notes) {
    if (note.find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("port_setup: RSS key, functions and table are set on several queues and read back") {
  Vdev device("net_null", "");
  Pools pools(3);
  const PortSettings settings = settings_for(device.name());
  const auto started = start_port(settings, pools.raw);
  REQUIRE(started.has_value());
  const PortInfo& info = started->info;
  CHECK(info.name == device.name());
  CHECK(info.queues == 3);
  CHECK(info.rss_key == std::vector<std::uint8_t>(settings.rss_random.begin(), settings.rss_random.begin() + 40));
  REQUIRE(info.rss_reta.size() == 128);
  for (std::size_t i = 0; i < info.rss_reta.size(); ++i) CHECK(info.rss_reta[i] == i % 3);
  CHECK(info.rss_udp4);
  CHECK(info.rss_udp6);
  CHECK(started->report.rss);

  // What the device itself says, asked by the test.
  std::vector<std::uint8_t> key(40);
  rte_eth_rss_conf found = {.rss_key = key.data(), .rss_key_len = 40, .rss_hf = 0};
  REQUIRE(rte_eth_dev_rss_hash_conf_get(started->port_id, &found) == 0);
  CHECK(key == info.rss_key);
  CHECK((found.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_UDP) != 0);
  CHECK((found.rss_hf & RTE_ETH_RSS_IPV6) != 0);
  CHECK((found.rss_hf & RTE_ETH_RSS_IPV6_EX) == 0);
  CHECK((found.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_TCP) == 0);
  stop_port(started->port_id);
}

TEST_CASE("port_setup: one queue does not hash") {
  Vdev device("net_null", "");
  Pools pools(1);
  const auto started = start_port(settings_for(device.name()), pools.raw);
  REQUIRE(started.has_value());
  CHECK(started->info.rss_key.empty());
  CHECK(started->info.rss_reta.empty());
  CHECK_FALSE(started->info.rss_udp4);
  CHECK_FALSE(started->report.rss);
  CHECK_FALSE(noted(started->report, "RSS"));
  stop_port(started->port_id);
}

TEST_CASE("port_setup: too few random bytes for the key are refused") {
  Vdev device("net_null", "");
  PortSettings settings = settings_for(device.name());
  settings.rss_random.resize(39);
  CHECK_THAT(fault(settings, Pools(2)),
             Catch::Contains(device.name()) && Catch::Contains("40") && Catch::Contains("39"));
  settings.rss_random.resize(40);
  CHECK(fault(settings, Pools(2)) == "");
}

TEST_CASE("port_setup: a device that is not there is named beside those that are") {
  const std::string sentence = fault(settings_for("net_memif7"), Pools(1));
  CHECK_THAT(sentence, Catch::Contains("net_memif7") && Catch::Contains("net_null0, net_ring0"));
  CHECK_THAT(port_limits(settings_for("0000:ff:00.0")).error(),
             Catch::Contains("0000:ff:00.0") && Catch::Contains("net_null0"));
}

TEST_CASE("port_setup: too few queues are refused with both numbers") {
  RingDevice device;
  CHECK_THAT(fault(settings_for(device.name()), Pools(2)),
             Catch::Contains(device.name()) && Catch::Contains("1 queue pairs") && Catch::Contains("2 workers"));
  CHECK(fault(settings_for(device.name()), Pools(1)) == "");
}

TEST_CASE("port_setup: an mtu that device or buffers do not bear is refused") {
  Vdev device("net_null", "");
  PortSettings settings = settings_for(device.name());
  settings.mtu = 67;
  CHECK_THAT(fault(settings, Pools(1)),
             Catch::Contains(device.name()) && Catch::Contains("mtu") && Catch::Contains("67"));
  settings.mtu = 9000;
  CHECK_THAT(fault(settings, Pools(1)), Catch::Contains(device.name()) && Catch::Contains("mtu of 9000") &&
                                            Catch::Contains("9154") && Catch::Contains("2176"));
  // The last that fits: 2,176 - 128 headroom - 26 of frame.
  settings.mtu = 2023;
  CHECK_FALSE(fault(settings, Pools(1)).empty());
  settings.mtu = 2022;
  CHECK(fault(settings, Pools(1)) == "");
}

TEST_CASE("port_setup: what is wrong with a device is known before there are pools") {
  Vdev device("net_null", "");
  EthdevMock mock;
  mock.info = [](rte_eth_dev_info& info) {
    info.max_rx_queues = info.max_tx_queues = 2;
    info.max_mtu = 1500;
  };
  PortSettings settings = settings_for(device.name());
  const auto said = [&](std::size_t queues) {
    const auto checked = check_port(settings, queues);
    return checked ? "" : checked.error();
  };
  CHECK(said(2) == "");
  CHECK_THAT(said(3), Catch::Contains(device.name()) && Catch::Contains("give -l at most 2 lcores"));
  settings.mtu = 1501;
  CHECK_THAT(said(1), Catch::Contains("mtu of 68 to 1500, not 1501: set mtu of its [[port]]"));
  settings.device = "net_memif7";
  CHECK_THAT(said(1), Catch::Contains("There is no port net_memif7"));
}

TEST_CASE("port_setup: a jumbo mtu in buffers for it") {
  Vdev device("net_null", "");
  PortSettings settings = settings_for(device.name());
  settings.mtu = 9000;
  const auto limits = port_limits(settings);
  REQUIRE(limits.has_value());
  CHECK(limits->block_bytes_min == 128 + 9216);
  Pools pools(1, limits->block_bytes_min);
  const auto started = start_port(settings, pools.raw);
  REQUIRE(started.has_value());
  std::uint16_t mtu = 0;
  CHECK(rte_eth_dev_get_mtu(started->port_id, &mtu) == 0);
  CHECK(mtu == 9000);
  CHECK(started->info.traits.mtu == 9000);
  stop_port(started->port_id);
}

TEST_CASE("port_setup: limits are known before pools are made") {
  Vdev device("net_null", "");
  const auto limits = port_limits(settings_for(device.name()));
  REQUIRE(limits.has_value());
  CHECK(limits->driver == "net_null");
  CHECK(limits->queues_max >= 16);
  CHECK(limits->rx_descriptors > 0);
  CHECK(limits->block_bytes_min == 2176);
}

TEST_CASE("port_setup: offloads that a port lacks are notes, and FAST_FREE stays off") {
  Vdev device("net_null", "");
  Pools pools(1);
  const auto started = start_port(settings_for(device.name()), pools.raw);
  REQUIRE(started.has_value());
  CHECK_FALSE(started->report.tx_udp_checksum);
  CHECK_FALSE(started->report.rx_udp_checksum);
  CHECK_FALSE(started->info.traits.tx_udp_checksum);
  CHECK(noted(started->report, "verifies no UDP checksums"));
  CHECK(noted(started->report, "makes no UDP checksums"));
  rte_eth_conf conf = {};
  REQUIRE(rte_eth_dev_conf_get(started->port_id, &conf) == 0);
  CHECK((conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) == 0);
  CHECK(rte_eth_dev_get_vlan_offload(started->port_id) == 0);
  stop_port(started->port_id);
}

TEST_CASE("port_setup: checksums are asked for by capability, but virtio's only when the other side is trusted") {
  Vdev device("net_null", "");
  EthdevMock mock;
  std::string driver = "net_other";
  mock.info = [&](rte_eth_dev_info& info) {
    info.rx_offload_capa |= RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
                            RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_RSS_HASH;
    info.tx_offload_capa |= RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
                            RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE | RTE_ETH_TX_OFFLOAD_UDP_TSO;
    info.driver_name = driver.c_str();
  };
  PortSettings settings = settings_for(device.name());
  std::uint64_t rx_expected =
      RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_RSS_HASH;
  std::uint64_t tx_expected = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
  SECTION("a NIC") {}
  SECTION("a NIC, switched off") {
    settings.checksum_offload = false;
    rx_expected = RTE_ETH_RX_OFFLOAD_RSS_HASH;
    tx_expected = 0;
  }
  SECTION("virtio, not trusted") {
    driver = GENERATE(as<std::string>{}, "net_virtio", "net_virtio_user", "net_vhost");
    rx_expected = RTE_ETH_RX_OFFLOAD_RSS_HASH;
  }
  SECTION("virtio, trusted") {
    driver = GENERATE(as<std::string>{}, "net_virtio", "net_virtio_user", "net_vhost");
    settings.trusts_local_sums = true;
  }
  Pools pools(2);
  const auto started = start_port(settings, pools.raw);
  REQUIRE(started.has_value());
  rte_eth_conf conf = {};
  REQUIRE(rte_eth_dev_conf_get(started->port_id, &conf) == 0);
  CHECK(conf.rxmode.offloads == rx_expected);
  CHECK(conf.txmode.offloads == tx_expected);
  CHECK(started->report.rx_udp_checksum == ((rx_expected & RTE_ETH_RX_OFFLOAD_UDP_CKSUM) != 0));
  CHECK(started->report.rx_ip_checksum == ((rx_expected & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0));
  CHECK(started->report.rx_rss_hash);
  CHECK(started->info.traits.tx_udp_checksum == (tx_expected != 0));
  CHECK(started->info.traits.tx_ip_checksum == (tx_expected != 0));
  stop_port(started->port_id);
}

TEST_CASE("port_setup: FAST_FREE stays off even where it is the driver's default") {
  Vdev device("net_null", "");
  EthdevMock mock;
  mock.info = [](rte_eth_dev_info& info) {
    info.tx_offload_capa |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
    info.tx_queue_offload_capa |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
    info.default_txconf.offloads |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  };
  std::vector<std::uint64_t> offloads;
  mock.tx_queue = [&](std::uint16_t, std::uint64_t asked) { offloads.push_back(asked); };
  CHECK(fault(settings_for(device.name()), Pools(2)) == "");
  CHECK(offloads == std::vector<std::uint64_t>{0, 0});
}

TEST_CASE("port_setup: descriptors are adjusted to the device's limits, and the report says to what") {
  Vdev device("net_null", "");
  EthdevMock mock;
  mock.info = [](rte_eth_dev_info& info) {
    info.rx_desc_lim = {.nb_max = 512, .nb_min = 64, .nb_align = 32, .nb_seg_max = 0, .nb_mtu_seg_max = 0};
    info.tx_desc_lim = {.nb_max = 4096, .nb_min = 64, .nb_align = 128, .nb_seg_max = 8, .nb_mtu_seg_max = 8};
  };
  std::vector<std::uint16_t> descriptors;
  mock.tx_queue = [&](std::uint16_t asked, std::uint64_t) { descriptors.push_back(asked); };
  PortSettings settings = settings_for(device.name());
  settings.tx_descriptors = 1000;
  const auto limits = port_limits(settings);
  REQUIRE(limits.has_value());
  CHECK(limits->rx_descriptors == 512);
  CHECK(limits->tx_descriptors == 1024);
  Pools pools(1);
  const auto started = start_port(settings, pools.raw);
  REQUIRE(started.has_value());
  CHECK(started->report.rx_descriptors == 512);
  CHECK(started->report.tx_descriptors == 1024);
  CHECK(descriptors == std::vector<std::uint16_t>{1024});
  stop_port(started->port_id);
}

TEST_CASE("port_setup: a device that fails on the way is closed, and its sentence names the setting") {
  // net_null keeps a packet of that size for each queue, which does not fit.
  Vdev device("net_null", "size=4000000000");
  Pools pools(1);
  CHECK_THAT(fault(settings_for(device.name()), pools), Catch::Contains(device.name()) &&
                                                            Catch::Contains("receive queue 0") &&
                                                            Catch::Contains("1024 descriptors"));
  std::uint16_t port_id = 0;
  CHECK(rte_eth_dev_get_port_by_name(device.name().c_str(), &port_id) != 0);
}

TEST_CASE("port_setup: linking is by capability and wish") {
  RingDevice device;
  Pools pools(1);
  PortSettings settings = settings_for(device.name());
  SECTION("wished for") {
    const auto started = start_port(settings, pools.raw);
    REQUIRE(started.has_value());
    CHECK(started->report.links_payload);
    CHECK(started->info.traits.multi_segment);
    stop_port(started->port_id);
  }
  SECTION("not wished for") {
    settings.link_payload = false;
    const auto started = start_port(settings, pools.raw);
    REQUIRE(started.has_value());
    CHECK_FALSE(started->info.traits.multi_segment);
    stop_port(started->port_id);
  }
}

TEST_CASE("port_setup: multicast groups are filtered, all received, or noted; a unicast one is refused") {
  RingDevice device;
  Pools pools(1);
  PortSettings settings = settings_for(device.name());
  settings.multicast = {{{0x33, 0x33, 0, 0, 0, 1}}, {{0x01, 0, 0x5e, 0, 0, 1}}};
  const auto started = start_port(settings, pools.raw);
  REQUIRE(started.has_value());
  const bool all = rte_eth_allmulticast_get(started->port_id) == 1;
  CHECK(noted(started->report, all ? "receives all of them" : "filters no multicast"));
  stop_port(started->port_id);

  Vdev other("net_null", "");
  settings = settings_for(other.name());
  settings.multicast = {{{0x02, 0, 0, 0, 0, 1}}};
  CHECK_THAT(fault(settings, pools), Catch::Contains("02:00:00:00:00:01") && Catch::Contains(other.name()));
}

TEST_CASE("port_setup: the main lcore keeps no mbuf aside") {
  Vdev device("net_null", "");
  const auto pool = make_pool(1023, 2176, 128);
  Segment::adopt(pool->allocate(), 0, 0).reset();
  REQUIRE(rte_mempool_default_cache(pool->mempool(), rte_lcore_id())->len > 0);
  std::vector<MbufPool*> raw = {pool.get()};
  const auto started = start_port(settings_for(device.name()), raw);
  REQUIRE(started.has_value());
  CHECK(rte_mempool_default_cache(pool->mempool(), rte_lcore_id())->len == 0);
  stop_port(started->port_id);
  CHECK(pool->free_everywhere() == 1023);
}

TEST_CASE(
    "port_setup: which drivers need the kernel to move frames is told, and a driver that is not known counts as one") {
  const auto use_of = [](const char* driver) {
    Vdev device("net_null", "");
    EthdevMock mock;
    mock.info = [driver](rte_eth_dev_info& info) { info.driver_name = driver; };
    const Pools pools(1);
    const auto started = start_port(settings_for(device.name()), pools.raw);
    REQUIRE(started.has_value());
    stop_port(started->port_id);
    return started->report.kernel_use;
  };
  CHECK(use_of("net_null") == KernelUse::none);
  CHECK(use_of("net_ring") == KernelUse::none);
  CHECK(use_of("net_memif") == KernelUse::wakes_peer);
  CHECK(use_of("net_vhost") == KernelUse::wakes_peer);
  CHECK(use_of("net_virtio_user") == KernelUse::wakes_peer);
  for (const char* driver : {"net_af_packet", "net_af_xdp", "net_tap", "net_pcap", "net_bonding", "net_new"}) {
    CHECK(use_of(driver) == KernelUse::every_burst);
  }
}

TEST_CASE("port_setup: no link interrupt is asked for, even where one is offered") {
  Vdev device("net_null", "");
  static const std::uint32_t offers = RTE_ETH_DEV_INTR_LSC;
  EthdevMock mock;
  mock.info = [](rte_eth_dev_info& info) { info.dev_flags = &offers; };
  int asked = -1;
  mock.configure = [&](const rte_eth_conf& conf) {
    asked = conf.intr_conf.lsc;
    return 0;
  };
  CHECK(fault(settings_for(device.name()), Pools(1)) == "");
  CHECK(asked == 0);
}

TEST_CASE("port_setup: offloads are told by name, in use or not") {
  Vdev device("net_null", "");
  EthdevMock mock;
  mock.info = [](rte_eth_dev_info& info) {
    info.tx_offload_capa =
        RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
  };
  // The library knows what the driver really offers, and would refuse the one that is made up.
  PortSettings settings = settings_for(device.name());
  settings.checksum_offload = false;
  Pools pools(1);
  const auto started = start_port(settings, pools.raw);
  REQUIRE(started.has_value());
  CHECK(started->report.tx_offloads.empty());
  CHECK(started->report.tx_offloads_unused == std::vector<std::string>{"UDP_CKSUM", "TCP_TSO", "MBUF_FAST_FREE"});
  CHECK(started->report.queues_max == 1024);
  stop_port(started->port_id);
}
