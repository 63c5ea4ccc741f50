// Shows what set-up makes of devices with habits: a key or a table of their own, no read-back, a longer key, hash functions
// without UDP. net_null carries them, changed by an EthdevMock.
#include <catch2/catch.hpp>

#include "dpdk_fixture.hpp"
#include "ethdev_mock.hpp"
#include "nic/rss_setup.hpp"

using namespace penstock;
using namespace penstock::nic;
using namespace penstock::nic::test;

namespace {

StartedPort start(const std::string& device, std::uint32_t queues) {
  std::vector<std::unique_ptr<MbufPool>> pools;
  std::vector<MbufPool*> raw;
  for (std::uint32_t i = 0; i < queues; ++i) {
    pools.push_back(make_pool(63));
    raw.push_back(pools.back().get());
  }
  auto started = start_port(settings_for(device), raw);
  if (!started) FAIL(started.error());
  stop_port(started->port_id);
  return std::move(*started);
}

bool noted(const StartedPort& started, const std::string& text) {
  for (const std::string& note : started.report.notes) {
    if (note.find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("rss_setup: a device that keeps its key is believed, and told of") {
  Vdev device("net_null", "");
  EthdevMock mock;
  mock.hash_conf = [](rte_eth_rss_conf& conf, int code) {
    std::fill(conf.rss_key, conf.rss_key + 40, std::uint8_t{0x6d});
    return code;
  };
  const StartedPort started = start(device.name(), 2);
  CHECK(started.info.rss_key == std::vector<std::uint8_t>(40, 0x6d));
  CHECK(noted(started, "a public constant"));
}

TEST_CASE("rss_setup: a device that tells of no key is taken at its acceptance") {
  Vdev device("net_null", "");
  EthdevMock mock;
  SECTION("it refuses") {
    mock.hash_conf = [](rte_eth_rss_conf&, int) { return -ENOTSUP; };
  }
  SECTION("it says yes and writes nothing") {
    mock.hash_conf = [](rte_eth_rss_conf& conf, int) {
      std::fill(conf.rss_key, conf.rss_key + 40, std::uint8_t{0});
      return 0;
    };
  }
  const StartedPort started = start(device.name(), 2);
  const auto random = settings_for(device.name()).rss_random;
  CHECK(started.info.rss_key == std::vector<std::uint8_t>(random.begin(), random.begin() + 40));
  CHECK(noted(started, "does not tell which RSS key"));
}

TEST_CASE("rss_setup: a table of the device's own is what counts") {
  Vdev device("net_null", "");
  EthdevMock mock;
  mock.reta_update = [] { return -ENOTSUP; };
  mock.reta_query = [](rte_eth_rss_reta_entry64* reta, int) {
    for (int group = 0; group < 2; ++group) {
      for (std::uint16_t& queue : reta[group].reta) queue = 1;
    }
    return 0;
  };
  const StartedPort started = start(device.name(), 2);
  CHECK(started.info.rss_reta == std::vector<std::uint16_t>(128, 1));
  CHECK(noted(started, "an RSS table of its own"));
}

TEST_CASE("rss_setup: without a readable table the port does not hash for us") {
  Vdev device("net_null", "");
  EthdevMock mock;
  SECTION("it cannot be read") {
    mock.reta_query = [](rte_eth_rss_reta_entry64*, int) { return -ENOTSUP; };
  }
  SECTION("it names a queue that is not there") {
    mock.reta_query = [](rte_eth_rss_reta_entry64* reta, int code) {
      reta[1].reta[63] = 2;
      return code;
    };
  }
  SECTION("there is none") {
    mock.info = [](rte_eth_dev_info& info) { info.reta_size = 0; };
  }
  const StartedPort started = start(device.name(), 2);
  CHECK(started.info.rss_key.empty());
  CHECK(started.info.rss_reta.empty());
  CHECK_FALSE(started.info.rss_udp4);
  CHECK_FALSE(started.report.rss);
  CHECK(noted(started, "by hand-off"));
}

TEST_CASE("rss_setup: a device without RSS hands off") {
  Vdev device("net_null", "");
  EthdevMock mock;
  mock.info = [](rte_eth_dev_info& info) { info.flow_type_rss_offloads = 0; };
  const StartedPort started = start(device.name(), 2);
  CHECK(started.info.rss_key.empty());
  CHECK(noted(started, "has no RSS"));
}

TEST_CASE("rss_setup: the plan is masked by what the device offers, and its key is as long as the device's") {
  const auto random = pattern(1, 64);
  rte_eth_dev_info info = {};
  info.hash_key_size = 52;
  info.flow_type_rss_offloads = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_UDP | RTE_ETH_RSS_TCP;
  const auto plan = plan_rss("p", info, 2, random);
  REQUIRE(plan.has_value());
  CHECK(plan->key == std::vector<std::uint8_t>(random.begin(), random.begin() + 52));
  CHECK(plan->functions == (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_UDP));
  info.hash_key_size = 0;
  CHECK(plan_rss("p", info, 2, random)->key.size() == 40);
  info.hash_key_size = 65;
  CHECK_THAT(plan_rss("p", info, 2, random).error(), Catch::Contains("65") && Catch::Contains("64"));
  info.flow_type_rss_offloads = RTE_ETH_RSS_TCP;
  CHECK(plan_rss("p", info, 2, random)->functions == 0);
}

TEST_CASE("rss_setup: which UDP is covered is what the device says") {
  Vdev device("net_null", "");
  EthdevMock mock;
  mock.hash_conf = [](rte_eth_rss_conf& conf, int code) {
    conf.rss_hf = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV4_UDP;
    return code;
  };
  const StartedPort started = start(device.name(), 2);
  CHECK(started.info.rss_udp4);
  CHECK_FALSE(started.info.rss_udp6);
}
