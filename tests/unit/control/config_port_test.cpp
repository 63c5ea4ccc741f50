// Shows how [[port]], [[port.vlan]] and [port.impair] are read: each value by itself, good and bad.
// What several keys say together is in config_check_test.cpp.
#include "config_text.hpp"
#include "control/config_sections.hpp"

namespace penstock::control {

namespace {

PortConfig port_of(std::string_view lines) {
  return config_of(port_text + std::string(lines) + listener_text).ports.at(0);
}

std::string refused_address(std::string_view address) {
  return sentence_of("[[port]]\ndevice = \"n\"\naddresses = [\"" + std::string(address) + "\"]\n" + listener_text);
}

bool takes_address(std::string_view address) { return refused_address(address).empty(); }

}  // namespace

TEST_CASE("an untagged interface comes first and is left out when it has no addresses") {
  const PortConfig both = port_of("[[port.vlan]]\ntags = [200, 100]\naddresses = [\"10.79.0.2/24\"]\n");
  REQUIRE(both.interfaces.size() == 2);
  CHECK(both.line == 1);
  CHECK(both.interfaces[0].tags == net::TagStack{});
  CHECK(both.interfaces[1].tags == net::TagStack{2, {200, 100}});
  CHECK(both.interfaces[1].line == 4);
  const Config tagged =
      config_of("[[port]]\ndevice = \"n\"\n[[port.vlan]]\ntags = [1]\naddresses = [\"10.0.0.2/24\"]\n" + listener_text);
  REQUIRE(tagged.ports[0].interfaces.size() == 1);
  CHECK(tagged.ports[0].interfaces[0].tags == net::TagStack{1, {1, 0}});
}

TEST_CASE("every key of a port is taken") {
  const PortConfig port = port_of(
      "mtu = 9000\nrx_checksum = \"trust_local\"\ntx_mode = \"link\"\ngateway = \"10.77.0.1\"\n"
      "routes = [{ prefix = \"10.78.0.0/16\", via = \"10.77.0.9\" }]\n");
  CHECK(port.device == "net_null0");
  CHECK(port.mtu == 9'000);
  CHECK(port.rx_checksum == RxChecksum::trust_local);
  CHECK(port.tx_mode == TxMode::link);
  const InterfaceConfig& interface = port.interfaces.at(0);
  CHECK(to_string(interface.addresses.at(0)) == "10.77.0.2/24");
  CHECK(interface.local_prefixes.empty());
  CHECK(interface.gateway == net::IpAddress::v4(10, 77, 0, 1));
  CHECK_FALSE(interface.gateway6);
  REQUIRE(interface.routes.size() == 1);
  CHECK(to_string(interface.routes[0].prefix) == "10.78.0.0/16");
  CHECK(interface.routes[0].via == net::IpAddress::v4(10, 77, 0, 9));
}

TEST_CASE("impairment is taken in parts per million") {
  const PortConfig port = port_of(
      "[port.impair]\nloss = 0.1\nduplicate = 0.02\nreorder = 0.003\ncorrupt = 1.0\ndelay_ms = 5\njitter_ms = 6\n"
      "rate_mbit = 7\nqueue_packets = 8\nseed = 9223372036854775807\n");
  REQUIRE(port.impair);
  CHECK(port.impair->loss_ppm == 100'000);
  CHECK(port.impair->duplicate_ppm == 20'000);
  CHECK(port.impair->reorder_ppm == 3'000);
  CHECK(port.impair->corrupt_ppm == 1'000'000);
  CHECK(port.impair->delay_ms == 5);
  CHECK(port.impair->jitter_ms == 6);
  CHECK(port.impair->rate_mbit == 7);
  CHECK(port.impair->queue_packets == 8);
  CHECK(port.impair->seed == 9'223'372'036'854'775'807);
  CHECK(port_of("[port.impair]\n").impair);
}

TEST_CASE("bursts, holds, marks, blackholes and directions of an impairment") {
  const PortConfig port = port_of(
      "[port.impair]\nburst_begin = 0.02\nburst_end = 0.18\nburst_loss = 0.5\nblackhole_bytes = 1200\necn_ms = 5\n"
      "hold_every_ms = 1000\nhold_ms = 300\ndirection = \"send\"\npartition = \"receive\"\n");
  REQUIRE(port.impair);
  CHECK(port.impair->burst_begin_ppm == 20'000);
  CHECK(port.impair->burst_end_ppm == 180'000);
  CHECK(port.impair->burst_loss_ppm == 500'000);
  CHECK(port.impair->blackhole_bytes == 1200);
  CHECK(port.impair->ecn_ms == 5);
  CHECK(port.impair->hold_every_ms == 1000);
  CHECK(port.impair->hold_ms == 300);
  CHECK(port.impair->direction == impair::Ways::send);
  CHECK(port.impair->partition == impair::Ways::receive);
  const PortConfig plain = port_of("[port.impair]\n");
  CHECK(plain.impair->burst_loss_ppm == 1'000'000);
  CHECK(plain.impair->direction == impair::Ways::both);
  CHECK(plain.impair->partition == impair::Ways::none);
}

TEST_CASE("an own address is a host's, with a prefix length") {
  CHECK(takes_address("10.0.0.1/8"));
  CHECK(takes_address("10.0.0.1/32"));
  CHECK(takes_address("10.0.0.0/31"));  // RFC 3021: both ends of a /31 are hosts
  CHECK(takes_address("10.0.0.1/31"));
  CHECK(takes_address("169.254.1.1/16"));
  CHECK(takes_address("2001:db8::1/128"));
  CHECK(takes_address("fe80::1/64"));
  for (const char* wrong : {"10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/24/24", "10.0.0/24", "x",
                            "2001:db8::1/129", "fe80::1%eth0/64", " 10.0.0.1/24"}) {
    INFO(wrong);
    CHECK(refused_address(wrong).find("port.addresses: ") != std::string::npos);
  }
  CHECK(refused_address("10.0.0.1/0").find("whole Internet") != std::string::npos);
  CHECK(refused_address("224.0.0.1/24").find("no host's address") != std::string::npos);
  CHECK(refused_address("127.0.0.1/8").find("no host's address") != std::string::npos);
  CHECK(refused_address("0.0.0.0/8").find("no host's address") != std::string::npos);
  CHECK(refused_address("::1/128").find("no host's address") != std::string::npos);
  CHECK(refused_address("10.0.0.255/24").find("broadcast address") != std::string::npos);
  CHECK(refused_address("10.0.0.3/30").find("broadcast address") != std::string::npos);
  CHECK(refused_address("10.0.0.0/24").find("network's own") != std::string::npos);
}

TEST_CASE("devices are DPDK names and PCI addresses") {
  const auto device = [](std::string_view name) {
    return sentence_of("[[port]]\ndevice = \"" + std::string(name) + "\"\naddresses = [\"10.77.0.2/24\"]\n" +
                       listener_text);
  };
  for (const char* good : {"0000:3b:00.0", "net_virtio_user0", "eth-1", "a"}) CHECK(device(good).empty());
  CHECK(device(std::string(63, 'd')).empty());
  CHECK(device(std::string(64, 'd')) == "t.toml:2: port.device: 64 bytes are more than 63");
  for (const char* wrong : {"a b", "a,iface=x", "../a", "a/b", "a\\nb"}) CHECK_FALSE(device(wrong).empty());
}

TEST_CASE("local prefixes hold hosts only, and nothing beyond their length") {
  const auto refused = [](std::string_view list) {
    return sentence_of(port_text + "local_prefixes = [" + std::string(list) + "]\n" + listener_text);
  };
  const PortConfig port = port_of("local_prefixes = [\"10.128.0.0/9\", \"192.0.2.1/32\"]\n");
  REQUIRE(port.interfaces.size() == 1);
  REQUIRE(port.interfaces[0].local_prefixes.size() == 2);
  CHECK(to_string(port.interfaces[0].local_prefixes[0]) == "10.128.0.0/9");
  CHECK(refused("\"10.128.0.0\"") ==
        "t.toml:4: port.local_prefixes: \"10.128.0.0\" is no prefix, such as \"10.128.0.0/9\" or \"fd99::/64\"");
  CHECK(refused("\"10.128.0.1/9\"") ==
        "t.toml:4: port.local_prefixes: \"10.128.0.1/9\" has bits set beyond its length");
  for (const char* wrong :
       {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/24", "128.0.0.0/1", "::/1", "8000::/1", "ff02::/64"}) {
    CHECK(refused('"' + std::string(wrong) + '"') ==
          "t.toml:4: port.local_prefixes: \"" + std::string(wrong) + "\" holds addresses that can be no host's");
  }
  CHECK_FALSE(refused("\"fe80::/64\"").empty());
  CHECK_FALSE(refused("\"169.254.0.0/16\"").empty());
  std::string list;
  for (int i = 0; i < 17; ++i) list += (i == 0 ? "\"" : ", \"") + std::to_string(20 + i) + ".0.0.0/8\"";
  CHECK_FALSE(refused(list).empty());
}

}  // namespace penstock::control
