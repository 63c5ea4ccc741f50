// Shows the rules between keys and sections: overlapping addresses, next hops, listeners in each other's way, bounds above
// the node's, and what fits an MTU. Each with a neighbour that is just allowed.
#include "control/config_check.hpp"

#include "config_text.hpp"

namespace penstock::control {

namespace {

// Two ports with these addresses and a listener; the second port's addresses are on line 6.
std::string two_ports(std::string_view first, std::string_view second) {
  return "[[port]]\ndevice = \"a\"\naddresses = [" + std::string(first) + "]\n[[port]]\ndevice = \"b\"\naddresses = [" +
         std::string(second) + "]\n" + listener_text;
}

std::string with_port(std::string_view lines) { return port_text + std::string(lines) + "\n" + listener_text; }

std::string with_listener(std::string_view lines) { return port_text + listener_text + std::string(lines) + "\n"; }

}  // namespace

TEST_CASE("prefixes of two interfaces do not overlap") {
  CHECK(sentence_of(two_ports("\"10.0.0.1/24\"", "\"10.0.1.1/24\"")).empty());
  CHECK(sentence_of(two_ports("\"10.0.0.1/24\"", "\"10.0.0.2/24\"")) ==
        "t.toml:6: port.addresses: 10.0.0.2/24 overlaps 10.0.0.1/24 of line 3");
  CHECK_FALSE(sentence_of(two_ports("\"10.0.0.1/24\"", "\"10.0.9.2/16\"")).empty());
  CHECK_FALSE(sentence_of(two_ports("\"10.0.9.1/16\"", "\"10.0.0.2/24\"")).empty());
  CHECK_FALSE(sentence_of(two_ports("\"10.0.0.1/24\"", "\"10.0.0.1/24\"")).empty());
  CHECK_FALSE(sentence_of(two_ports("\"fd00::1/64\"", "\"fd00::2/48\"")).empty());
  // The families are apart, and so are the links of link-local addresses.
  CHECK(sentence_of(two_ports("\"10.0.0.1/8\"", "\"fd00::1/8\"")).empty());
  CHECK(sentence_of(two_ports("\"fe80::1/64\"", "\"fe80::1/64\"")).empty());
  CHECK(sentence_of(two_ports("\"169.254.0.1/16\"", "\"169.254.0.1/16\"")).empty());
}

TEST_CASE("one interface may have several addresses of a prefix, but none twice") {
  CHECK(sentence_of(two_ports("\"10.0.0.1/24\", \"10.0.0.2/24\"", "\"10.1.0.1/24\"")).empty());
  CHECK(sentence_of(two_ports("\"10.1.0.1/24\"", "\"10.0.0.1/24\", \"10.0.0.1/25\"")) ==
        "t.toml:6: port.addresses: 10.0.0.1 stands there twice");
  CHECK_FALSE(sentence_of(two_ports("\"10.1.0.1/24\"", "\"fe80::1/64\", \"fe80::1/64\"")).empty());
}

TEST_CASE("VLANs count as interfaces") {
  CHECK(sentence_of(with_port("[[port.vlan]]\ntags = [1]\naddresses = [\"10.78.0.1/24\"]")).empty());
  CHECK(sentence_of(with_port("[[port.vlan]]\ntags = [1]\naddresses = [\"10.77.0.1/24\"]")) ==
        "t.toml:6: port.vlan.addresses: 10.77.0.1/24 overlaps 10.77.0.2/24 of line 3");
  CHECK(
      sentence_of(with_port("[[port.vlan]]\ntags = [1]\naddresses = [\"10.78.0.1/24\"]\n[[port.vlan]]\ntags = [1, 1]\n"
                            "addresses = [\"10.79.0.1/24\"]"))
          .empty());
  CHECK(sentence_of(with_port("[[port.vlan]]\ntags = [1]\naddresses = [\"10.78.0.1/24\"]\n[[port.vlan]]\ntags = [1]\n"
                              "addresses = [\"10.79.0.1/24\"]")) ==
        "t.toml:8: port.vlan.tags: the port has another interface with the same tags");
}

TEST_CASE("two ports have two devices") {
  const std::string text =
      "[[port]]\ndevice = \"a\"\naddresses = [\"10.0.0.1/24\"]\n[[port]]\ndevice = \"a\"\n"
      "addresses = [\"10.0.1.1/24\"]\n" +
      listener_text;
  CHECK(sentence_of(text) == "t.toml:5: port.device: \"a\" is the device of two ports");
}

TEST_CASE("a port has an address somewhere") {
  CHECK(sentence_of("[[port]]\ndevice = \"a\"\n" + listener_text) ==
        "t.toml:1: port.addresses: is missing, and there is no [[port.vlan]] either");
  CHECK(sentence_of("[[port]]\ndevice = \"a\"\ngateway = \"10.0.0.1\"\n" + listener_text) ==
        "t.toml:1: port.addresses: the interface has no address");
}

TEST_CASE("a next hop is on-link and not ourselves") {
  CHECK(sentence_of(with_port("gateway = \"10.77.0.254\"")).empty());
  CHECK(sentence_of(with_port("gateway6 = \"fe80::1\"")).empty());
  CHECK(sentence_of(with_port("gateway = \"10.77.1.1\"")) ==
        "t.toml:4: port.gateway: 10.77.1.1 is in no prefix of the interface's addresses");
  CHECK(sentence_of(with_port("gateway6 = \"fd77::1\"")) ==
        "t.toml:4: port.gateway6: fd77::1 is in no prefix of the interface's addresses");
  CHECK(sentence_of(with_port("gateway = \"10.77.0.2\"")) == "t.toml:4: port.gateway: 10.77.0.2 is our own address");
  CHECK(sentence_of(with_port("gateway = \"169.254.0.1\"")) ==
        "t.toml:4: port.gateway: 169.254.0.1 is in no prefix of the interface's addresses");
}

TEST_CASE("routes are of one family, once, and no second gateway") {
  const auto routes = [](std::string_view list) {
    return sentence_of(with_port("routes = [" + std::string(list) + "]"));
  };
  CHECK(routes("{ prefix = \"0.0.0.0/0\", via = \"10.77.0.9\" }").empty());
  CHECK(routes("{ prefix = \"fd00::/8\", via = \"fe80::9\" }").empty());
  CHECK(routes("{ prefix = \"fd00::/8\", via = \"10.77.0.9\" }") ==
        "t.toml:4: port.routes: fd00::/8 via 10.77.0.9 mixes IPv4 and IPv6");
  CHECK(routes(
            "{ prefix = \"10.78.0.0/16\", via = \"10.77.0.9\" }, { prefix = \"10.78.0.0/16\", via = \"10.77.0.8\" }") ==
        "t.toml:4: port.routes: 10.78.0.0/16 has two routes");
  CHECK(routes("{ prefix = \"10.78.0.0/16\", via = \"10.77.0.9\" }, { prefix = \"10.78.0.0/17\", via = \"10.77.0.8\" }")
            .empty());
  CHECK(sentence_of(with_port("gateway = \"10.77.0.1\"\nroutes = [{ prefix = \"0.0.0.0/0\", via = \"10.77.0.9\" }]")) ==
        "t.toml:5: port.routes: 0.0.0.0/0 is what the gateway is for");
  CHECK(sentence_of(with_port("gateway = \"10.77.0.1\"\nroutes = [{ prefix = \"::/0\", via = \"fe80::9\" }]")).empty());
}

TEST_CASE("two listeners share neither name nor place") {
  const std::string second = "[[listener]]\nname = \"b\"\nservice = \"echo\"\n";
  const std::string two_addresses =
      "[[port]]\ndevice = \"n\"\naddresses = [\"10.77.0.2/24\", \"10.77.0.3/24\"]\n[[listener]]\nname = \"a\"\n"
      "address = \"10.77.0.2\"\nport = 4000\nservice = \"echo\"\n";
  CHECK(sentence_of(with_listener(second + "port = 4001")).empty());
  CHECK(sentence_of(with_listener(second + "port = 4000")) ==
        "t.toml:11: listener.port: 4000 is taken by listener \"echo\"");
  CHECK_FALSE(sentence_of(with_listener(second + "address = \"10.77.0.2\"\nport = 4000")).empty());
  CHECK(sentence_of(two_addresses + second + "address = \"10.77.0.3\"\nport = 4000\n").empty());
  CHECK_FALSE(sentence_of(two_addresses + second + "address = \"10.77.0.2\"\nport = 4000\n").empty());
  CHECK_FALSE(sentence_of(two_addresses + second + "port = 4000\n").empty());
  CHECK(sentence_of(with_listener("[[listener]]\nname = \"echo\"\nport = 1\nservice = \"echo\"")) ==
        "t.toml:9: listener.name: \"echo\" is the name of two listeners");
}

TEST_CASE("a listener's address is one of ours") {
  CHECK(sentence_of(with_listener("address = \"10.77.0.2\"")).empty());
  CHECK(sentence_of(with_listener("address = \"10.77.0.3\"")) ==
        "t.toml:8: listener.address: 10.77.0.3 is no port's address");
  CHECK_FALSE(sentence_of(with_listener("address = \"::\"")).empty());
}

TEST_CASE("a listener's bounds lie within the node's and its own") {
  const auto limited = [](std::string_view lines) {
    return sentence_of("[limits]\nsessions_max = 100\n" + with_listener(lines));
  };
  CHECK(limited("sessions_max = 100\nhalf_open_max = 100\nper_prefix_max = 100").empty());
  CHECK(limited("sessions_max = 101") == "t.toml:10: listener.sessions_max: 101 is above limits.sessions_max, 100");
  CHECK(limited("half_open_max = 101") == "t.toml:10: listener.half_open_max: 101 is above its sessions_max, 100");
  CHECK(limited("sessions_max = 50\nper_prefix_max = 51") ==
        "t.toml:11: listener.per_prefix_max: 51 is above its sessions_max, 50");
}

TEST_CASE("a listener's datagram fits every interface that it may leave by") {
  CHECK(sentence_of(with_listener("mtu = 1472")).empty());
  CHECK(sentence_of(with_listener("mtu = 1473")) ==
        "t.toml:8: listener.mtu: 1473 and 28 bytes of headers are above port.mtu, 1500");
  const auto both = [](std::string_view lines) {
    return sentence_of("[[port]]\ndevice = \"n\"\naddresses = [\"10.77.0.2/24\", \"fd77::2/64\"]\n" + listener_text +
                       std::string(lines));
  };
  CHECK(both("mtu = 1452\n").empty());
  CHECK_FALSE(both("mtu = 1453\n").empty());
  CHECK(both("address = \"10.77.0.2\"\nmtu = 1472\n").empty());
  CHECK_FALSE(both("address = \"fd77::2\"\nmtu = 1472\n").empty());
}

TEST_CASE("IPv6 asks for an MTU of 1280") {
  const auto port = [](std::string_view mtu) {
    return sentence_of("[[port]]\ndevice = \"n\"\nmtu = " + std::string(mtu) + "\naddresses = [\"fd77::2/64\"]\n" +
                       listener_text + "mtu = 1000\n");
  };
  CHECK(port("1280").empty());
  CHECK(port("1279") == "t.toml:3: port.mtu: 1279 is below 1280, which IPv6 addresses require");
}

TEST_CASE("a local prefix has an address to be routed to, and shares nothing with another prefix") {
  const auto prefixes = [](std::string_view list, std::string_view more = "") {
    return sentence_of(with_port("local_prefixes = [" + std::string(list) + "]\n" + std::string(more)));
  };
  CHECK(prefixes("\"10.128.0.0/9\", \"10.0.0.0/16\"").empty());
  CHECK(prefixes("\"10.128.0.0/9\"", "gateway = \"10.77.0.1\"").empty());
  CHECK(prefixes("\"fd99::/64\"") ==
        "t.toml:4: port.local_prefixes: fd99::/64 needs an IPv6 address of the interface that it is routed to");
  CHECK(prefixes("\"10.0.0.0/9\"") == "t.toml:4: port.local_prefixes: 10.0.0.0/9 overlaps 10.77.0.2/24");
  CHECK(prefixes("\"10.77.0.128/25\"") == "t.toml:4: port.local_prefixes: 10.77.0.128/25 overlaps 10.77.0.2/24");
  CHECK(prefixes("\"10.128.0.0/9\", \"10.129.0.0/16\"") ==
        "t.toml:4: port.local_prefixes: 10.129.0.0/16 overlaps 10.128.0.0/9");
  CHECK(prefixes("\"10.128.0.0/9\"", "routes = [{ prefix = \"10.130.0.0/16\", via = \"10.77.0.9\" }]") ==
        "t.toml:4: port.local_prefixes: 10.128.0.0/9 overlaps the route to 10.130.0.0/16");
  CHECK(prefixes("\"10.128.0.0/9\"", "routes = [{ prefix = \"0.0.0.0/0\", via = \"10.77.0.9\" }]").empty());
  // Of another interface just so, and a VLAN's as a port's.
  CHECK(sentence_of(with_port("[[port.vlan]]\ntags = [1]\naddresses = [\"10.79.0.1/24\"]\n"
                              "local_prefixes = [\"10.77.0.0/16\"]")) ==
        "t.toml:7: port.vlan.local_prefixes: 10.77.0.0/16 overlaps 10.77.0.2/24");
}

TEST_CASE("a sink compares messages, and a stream has none") {
  const auto with_service = [](std::string_view service, std::string_view mode) {
    return sentence_of(port_text + "[[listener]]\nname = \"a\"\nport = 1\nservice = \"" + std::string(service) +
                       "\"\nmode = \"" + std::string(mode) + "\"\n");
  };
  CHECK(with_service("sink", "message").empty());
  CHECK(with_service("discard", "stream").empty());
  CHECK(with_service("sink", "stream") ==
        "t.toml:8: listener.mode: \"sink\" compares whole messages, so that mode must be \"message\"");
}

TEST_CASE("controllers of today need recovery by time") {
  for (const std::string name : {"newreno", "cubic", "bbr"}) {
    CHECK(sentence_of(with_listener("congestion = \"" + name + "\""))
              .ends_with(
                  ": listener.congestion: only \"kcp\" and \"none\" go with ikcp's way to find losses; set recovery = "
                  "\"rack\""));
    CHECK(sentence_of(with_listener("congestion = \"" + name + "\"\nrecovery = \"rack\"")).empty());
  }
  CHECK(sentence_of(with_listener("congestion = \"none\"")).empty());
}

TEST_CASE("a client known by its address alone does not roam") {
  const auto with_key = [](std::string_view key) {
    return sentence_of(port_text + "[[listener]]\nname = \"a\"\nport = 1\nservice = \"echo\"\nkey = \"" +
                       std::string(key) + "\"\nroaming = true\n");
  };
  CHECK(with_key("address+conv").empty());
  CHECK(with_key("conv").empty());
  CHECK(with_key("address") ==
        "t.toml:9: listener.roaming: with key \"address\" only the address tells a client, so that it cannot change");
}

}  // namespace penstock::control
