// RouteTable: longest prefix, families apart, ties, and a comparison with a plain search over Prefix on random tables.
#include <catch2/catch.hpp>

#include "base/rng.hpp"
#include "net/route.hpp"
#include "wire.hpp"

using namespace penstock;
using namespace penstock::net;

namespace {

struct Routed {
  explicit Routed(std::vector<InterfaceConfig> interfaces)
      : config(std::move(interfaces)), memory(RouteTable::cost(config)), arena(memory.bytes()), table(arena, config) {
    CHECK(arena.used_bytes() <= RouteTable::cost(config));
  }
  std::string hop(std::uint16_t interface, std::string_view destination) const {
    const IpAddress to = wire::ip(destination);
    const auto found = table.find(interface, to);
    const IpAddress* next_hop = table.next_hop(interface, to, to.is_v4());
    CHECK((next_hop == nullptr ? !found : found && *next_hop == found->address));
    return found ? to_string(found->address) : "none";
  }
  std::vector<InterfaceConfig> config;
  HeapMemory memory;
  Arena arena;
  RouteTable table;
};

InterfaceConfig interface(std::initializer_list<const char*> addresses,
                          std::initializer_list<std::pair<const char*, const char*>> routes = {}) {
  InterfaceConfig config;
  for (const char* text : addresses) config.addresses.push_back(*parse_prefix(text));
  for (const auto& [prefix, via] : routes) config.routes.push_back({*parse_prefix(prefix), wire::ip(via)});
  return config;
}

}  // namespace

TEST_CASE("the longest prefix wins, on-link destinations are their own next hop", "[net][route]") {
  const Routed routed({interface({"10.0.0.2/24", "fd77::2/64"}, {{"0.0.0.0/0", "10.0.0.254"},
                                                                 {"10.9.0.0/16", "10.0.0.9"},
                                                                 {"10.9.8.0/24", "10.0.0.8"},
                                                                 {"10.0.0.128/25", "10.0.0.7"},
                                                                 {"fd00::/8", "fd77::9"}})});
  CHECK(routed.hop(0, "10.0.0.77") == "10.0.0.77");
  CHECK(routed.hop(0, "10.0.0.200") == "10.0.0.7");
  CHECK(routed.hop(0, "10.9.8.1") == "10.0.0.8");
  CHECK(routed.hop(0, "10.9.7.1") == "10.0.0.9");
  CHECK(routed.hop(0, "192.0.2.1") == "10.0.0.254");
  CHECK(routed.hop(0, "fd77::99") == "fd77::99");
  CHECK(routed.hop(0, "fd78::99") == "fd77::9");
  CHECK(routed.hop(0, "2001:db8::1") == "none");
  CHECK(routed.hop(0, "fe80::1") == "fe80::1");
}

TEST_CASE("families do not mix", "[net][route]") {
  const Routed only4({interface({"10.0.0.2/24"}, {{"0.0.0.0/0", "10.0.0.254"}})});
  CHECK(only4.hop(0, "fd77::1") == "none");
  CHECK(only4.hop(0, "fe80::1") == "none");
  const Routed only6({interface({"fd77::2/64"}, {{"::/0", "fe80::1"}})});
  CHECK(only6.hop(0, "10.0.0.1") == "none");
  CHECK(only6.hop(0, "2001:db8::1") == "fe80::1");
}

TEST_CASE("ties go to the link, then to the order of configuration", "[net][route]") {
  const Routed routed({interface(
      {"10.0.0.2/24"}, {{"10.0.0.0/24", "10.0.0.9"}, {"10.5.0.0/16", "10.0.0.5"}, {"10.5.0.0/16", "10.0.0.6"}})});
  CHECK(routed.hop(0, "10.0.0.77") == "10.0.0.77");
  CHECK(routed.hop(0, "10.5.1.1") == "10.0.0.5");
}

TEST_CASE("interfaces have tables of their own", "[net][route]") {
  const Routed routed(
      {interface({"10.0.0.2/24"}, {{"0.0.0.0/0", "10.0.0.254"}}), interface({"10.1.0.2/24"}), interface({})});
  CHECK(routed.hop(1, "10.1.0.9") == "10.1.0.9");
  CHECK(routed.hop(0, "10.1.0.9") == "10.0.0.254");
  CHECK(routed.hop(1, "10.0.0.9") == "none");
  CHECK(routed.hop(2, "10.0.0.9") == "none");
}

TEST_CASE("on-link is what own prefixes hold, not what routes reach", "[net][route]") {
  const Routed routed({interface({"10.0.0.2/24", "fd77::2/64"}, {{"10.9.0.0/16", "10.0.0.9"}})});
  CHECK(routed.table.on_link(0, wire::ip("10.0.0.1")));
  CHECK_FALSE(routed.table.on_link(0, wire::ip("10.9.0.1")));
  CHECK(routed.table.on_link(0, wire::ip("fe80::1")));
  CHECK_FALSE(routed.table.on_link(0, wire::ip("fd78::1")));
}

TEST_CASE("random tables agree with a plain search", "[net][route]") {
  const std::uint64_t seed = 0x407e;
  INFO("seed " << seed);
  Rng rng(seed);
  const auto random_ip = [&](bool v4) {
    std::array<std::uint8_t, 16> b{0xfd};
    for (std::size_t i = 1; i < 16; ++i) b[i] = static_cast<std::uint8_t>(rng.below(2) * 0x81);
    return v4 ? IpAddress::v4(10, b[1], b[2], b[3]) : IpAddress::v6(b);
  };
  for (int round = 0; round < 200; ++round) {
    InterfaceConfig config;
    for (std::uint64_t i = 0; i < 12; ++i) {
      const bool v4 = rng.below(2) == 0;
      const auto length = static_cast<std::uint8_t>(rng.below(v4 ? 33 : 129));
      config.routes.push_back({{random_ip(v4), length}, random_ip(v4)});
    }
    const Routed routed({config});
    for (int i = 0; i < 50; ++i) {
      const IpAddress destination = random_ip(rng.below(2) == 0);
      const Route* best = nullptr;
      for (const Route& route : config.routes) {
        if (route.prefix.contains(destination) && (best == nullptr || route.prefix.length > best->prefix.length))
          best = &route;
      }
      const auto found = routed.table.find(0, destination);
      REQUIRE(found.has_value() == (best != nullptr));
      if (best != nullptr) REQUIRE(found->address == best->via);
      const IpAddress* next_hop = routed.table.next_hop(0, destination, destination.is_v4());
      REQUIRE((next_hop != nullptr) == found.has_value());
      if (next_hop != nullptr) REQUIRE(*next_hop == found->address);
    }
  }
}
