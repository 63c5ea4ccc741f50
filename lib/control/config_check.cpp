#include "control/config_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace penstock::control {

namespace {

constexpr std::uint32_t ip6_mtu_min = 1'280;  // RFC 8200, section 5
constexpr std::uint32_t udp_over_ip4_bytes = 28;
constexpr std::uint32_t udp_over_ip6_bytes = 48;

bool overlap(const net::Prefix& a, const net::Prefix& b) {
  if (a.address.is_v4() != b.address.is_v4()) return false;
  return a.length <= b.length ? a.contains(b.address) : b.contains(a.address);
}

bool has_ip6(const InterfaceConfig& interface) {
  return std::ranges::any_of(interface.addresses, [](const net::Prefix& p) { return !p.address.is_v4(); });
}

bool owns(const InterfaceConfig& interface, const net::IpAddress& address) {
  return std::ranges::find(interface.addresses, address, &net::Prefix::address) != interface.addresses.end();
}

class Check {
 public:
  Check(const Config& config, ConfigScan& scan) : config_(config), scan_(scan) {}

  void run() {
    check_workers();
    for (std::size_t i = 0; i < config_.ports.size(); ++i) check_port(i);
    check_overlaps();
    for (std::size_t i = 0; i < config_.listeners.size(); ++i) check_listener(i);
  }

 private:
  void fail(const InterfaceConfig& interface, std::string_view key, std::string reason) {
    const std::string path = fmt::format("{}.{}", interface.tags.count == 0 ? "port" : "port.vlan", key);
    scan_.fail(scan_.line_of(interface.line, path), path, std::move(reason));
  }
  void fail(const PortConfig& port, std::string_view key, std::string reason) {
    const std::string path = fmt::format("port.{}", key);
    scan_.fail(scan_.line_of(port.line, path), path, std::move(reason));
  }
  void fail(const ListenerConfig& listener, std::string_view key, std::string reason) {
    const std::string path = fmt::format("listener.{}", key);
    scan_.fail(scan_.line_of(listener.line, path), path, std::move(reason));
  }

  void check_workers() {
    const WorkersConfig& workers = config_.workers;
    if (workers.strict_bypass && workers.poll == Poll::adaptive)
      scan_.fail(workers.poll_line, "workers.poll",
                 "\"adaptive\" has workers sleep by system calls, which workers.strict_bypass forbids");
  }

  void check_port(std::size_t index) {
    const PortConfig& port = config_.ports[index];
    for (std::size_t i = 0; i < index; ++i) {
      if (config_.ports[i].device == port.device)
        fail(port, "device", fmt::format("{} is the device of two ports", in_quotes(port.device)));
    }
    if (port.interfaces.empty())
      scan_.fail_missing(port.line, "port.addresses", "is missing, and there is no [[port.vlan]] either");
    for (std::size_t i = 0; i < port.interfaces.size(); ++i) {
      const InterfaceConfig& interface = port.interfaces[i];
      const auto same_tags = [&](const InterfaceConfig& other) { return other.tags == interface.tags; };
      if (std::any_of(port.interfaces.begin(), port.interfaces.begin() + static_cast<std::ptrdiff_t>(i), same_tags))
        fail(interface, "tags", "the port has another interface with the same tags");
      if (has_ip6(interface) && port.mtu < ip6_mtu_min)
        fail(port, "mtu", fmt::format("{} is below {}, which IPv6 addresses require", port.mtu, ip6_mtu_min));
      check_interface(interface);
    }
  }

  void check_interface(const InterfaceConfig& interface) {
    if (interface.addresses.empty()) return fail(interface, "addresses", "the interface has no address");
    if (interface.gateway) check_next_hop(interface, "gateway", *interface.gateway);
    if (interface.gateway6) check_next_hop(interface, "gateway6", *interface.gateway6);
    for (std::size_t i = 0; i < interface.routes.size(); ++i) check_route(interface, i);
    for (const net::Prefix& prefix : interface.local_prefixes) check_local_prefix(interface, prefix);
  }

  // The peers route it to an address of the same family; a route of ours into it would lead nowhere.
  void check_local_prefix(const InterfaceConfig& interface, const net::Prefix& prefix) {
    const bool v4 = prefix.address.is_v4();
    const auto same_family = [&](const net::Prefix& own) { return own.address.is_v4() == v4; };
    if (std::ranges::none_of(interface.addresses, same_family))
      fail(interface, "local_prefixes",
           fmt::format("{} needs an {} address of the interface that it is routed to", to_string(prefix),
                       v4 ? "IPv4" : "IPv6"));
    for (const RouteConfig& route : interface.routes) {
      if (route.prefix.length > 0 && overlap(route.prefix, prefix))
        fail(interface, "local_prefixes",
             fmt::format("{} overlaps the route to {}", to_string(prefix), to_string(route.prefix)));
    }
  }

  void check_route(const InterfaceConfig& interface, std::size_t index) {
    const RouteConfig& route = interface.routes[index];
    const bool v4 = route.prefix.address.is_v4();
    if (v4 != route.via.is_v4())
      return fail(interface, "routes",
                  fmt::format("{} via {} mixes IPv4 and IPv6", to_string(route.prefix), to_string(route.via)));
    if (route.prefix.length == 0 && (v4 ? interface.gateway : interface.gateway6))
      fail(interface, "routes", fmt::format("{} is what the gateway is for", to_string(route.prefix)));
    for (std::size_t i = 0; i < index; ++i) {
      if (interface.routes[i].prefix == route.prefix)
        fail(interface, "routes", fmt::format("{} has two routes", to_string(route.prefix)));
    }
    check_next_hop(interface, "routes", route.via);
  }

  // fe80::/10 is on every link, so such a next hop needs no prefix.
  void check_next_hop(const InterfaceConfig& interface, std::string_view key, const net::IpAddress& hop) {
    if (owns(interface, hop)) return fail(interface, key, fmt::format("{} is our own address", to_string(hop)));
    const auto on_link = [&](const net::Prefix& own) { return own.contains(hop); };
    if (std::ranges::any_of(interface.addresses, on_link)) return;
    if (!hop.is_v4() && hop.is_link_local()) return;
    fail(interface, key, fmt::format("{} is in no prefix of the interface's addresses", to_string(hop)));
  }

  std::vector<const InterfaceConfig*> interfaces() const {
    std::vector<const InterfaceConfig*> all;
    for (const PortConfig& port : config_.ports) {
      for (const InterfaceConfig& interface : port.interfaces) all.push_back(&interface);
    }
    return all;
  }

  void check_overlaps() {
    std::vector<std::pair<const InterfaceConfig*, const net::Prefix*>> seen;
    for (const InterfaceConfig* interface : interfaces()) {
      for (const net::Prefix& prefix : interface->addresses) {
        for (const auto& [other, other_prefix] : seen) check_pair(*interface, prefix, *other, *other_prefix);
        seen.emplace_back(interface, &prefix);
      }
    }
    // A local prefix shares no address with any other prefix of the node.
    for (const InterfaceConfig* interface : interfaces()) {
      for (const net::Prefix& prefix : interface->local_prefixes) {
        for (const auto& [other, other_prefix] : seen) {
          if (overlap(prefix, *other_prefix))
            fail(*interface, "local_prefixes",
                 fmt::format("{} overlaps {}", to_string(prefix), to_string(*other_prefix)));
        }
        seen.emplace_back(interface, &prefix);
      }
    }
  }

  // On one interface several addresses may share a prefix. Between interfaces they may not, or a route would have two ways;
  // link-local prefixes are on every link.
  void check_pair(const InterfaceConfig& interface, const net::Prefix& prefix, const InterfaceConfig& other,
                  const net::Prefix& other_prefix) {
    const bool link_local = prefix.address.is_link_local() && other_prefix.address.is_link_local();
    if (&interface == &other || link_local) {
      if (&interface == &other && prefix.address == other_prefix.address)
        fail(interface, "addresses", fmt::format("{} stands there twice", to_string(prefix.address)));
      return;
    }
    if (overlap(prefix, other_prefix))
      fail(interface, "addresses",
           fmt::format("{} overlaps {} of line {}", to_string(prefix), to_string(other_prefix),
                       scan_.line_of(other.line, other.tags.count == 0 ? "port.addresses" : "port.vlan.addresses")));
  }

  void check_listener(std::size_t index) {
    const ListenerConfig& listener = config_.listeners[index];
    for (std::size_t i = 0; i < index; ++i) {
      const ListenerConfig& other = config_.listeners[i];
      if (other.name == listener.name)
        fail(listener, "name", fmt::format("{} is the name of two listeners", in_quotes(listener.name)));
      const bool same_address = !other.address || !listener.address || *other.address == *listener.address;
      if (other.port == listener.port && same_address)
        fail(listener, "port", fmt::format("{} is taken by listener {}", listener.port, in_quotes(other.name)));
    }
    if (listener.service == Service::sink && listener.mode == Mode::stream)
      fail(listener, "mode", "\"sink\" compares whole messages, so that mode must be \"message\"");
    if (listener.roaming && listener.key == SessionKey::address)
      fail(listener, "roaming", "with key \"address\" only the address tells a client, so that it cannot change");
    const bool classic = listener.congestion == Congestion::kcp || listener.congestion == Congestion::none;
    if (listener.recovery == Recovery::ikcp && !classic)
      fail(listener, "congestion",
           "only \"kcp\" and \"none\" go with ikcp's way to find losses; set recovery = \"rack\"");
    if (listener.recovery == Recovery::ikcp && listener.search_mtu)
      fail(listener, "path_mtu", "\"search\" goes with recovery by time; set recovery = \"rack\"");
    check_bounds(listener);
    check_place(listener);
  }

  void check_bounds(const ListenerConfig& listener) {
    const std::uint32_t node = config_.limits.sessions_max;
    if (listener.sessions_max > node)
      fail(listener, "sessions_max", fmt::format("{} is above limits.sessions_max, {}", listener.sessions_max, node));
    const std::uint32_t own = listener.sessions_max == 0 ? node : listener.sessions_max;
    if (listener.half_open_max > own)
      fail(listener, "half_open_max", fmt::format("{} is above its sessions_max, {}", listener.half_open_max, own));
    if (listener.per_prefix_max > own)
      fail(listener, "per_prefix_max", fmt::format("{} is above its sessions_max, {}", listener.per_prefix_max, own));
  }

  // The address is ours, and a datagram of the listener's MTU fits every interface that it may leave by.
  void check_place(const ListenerConfig& listener) {
    bool found = false;
    for (const PortConfig& port : config_.ports) {
      for (const InterfaceConfig& interface : port.interfaces) {
        if (listener.address && !owns(interface, *listener.address)) continue;
        found = true;
        const bool ip6 = listener.address ? !listener.address->is_v4() : has_ip6(interface);
        const std::uint32_t headers = ip6 ? udp_over_ip6_bytes : udp_over_ip4_bytes;
        if (listener.mtu + headers > port.mtu)
          fail(listener, "mtu",
               fmt::format("{} and {} bytes of headers are above port.mtu, {}", listener.mtu, headers, port.mtu));
      }
    }
    if (!found && listener.address)
      fail(listener, "address", fmt::format("{} is no port's address", to_string(*listener.address)));
  }

  const Config& config_;
  ConfigScan& scan_;
};

}  // namespace

void check_config(const Config& config, ConfigScan& scan) { Check(config, scan).run(); }

}  // namespace penstock::control
