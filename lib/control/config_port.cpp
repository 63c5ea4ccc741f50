// The section [[port]] with its [port.impair] and [[port.vlan]]: keys, ranges, and forms of addresses.
#include <fmt/format.h>

#include <algorithm>

#include "control/config_sections.hpp"

namespace penstock::control {

namespace {

constexpr std::size_t addresses_per_interface_max = 64;
constexpr std::size_t routes_per_interface_max = 256;
constexpr std::size_t local_prefixes_per_interface_max = 16;
constexpr std::size_t vlans_per_port_max = 64;
constexpr std::size_t address_bytes_max = 64;
constexpr std::size_t device_bytes_max = 63;  // RTE_ETH_NAME_MAX_LEN less its NUL
constexpr std::string_view address_form = "\"10.0.0.2/24\" or \"fd77::2/64\"";

using Verdict = TableReader::Verdict;

bool has_host_bits(const net::Prefix& prefix) {
  const std::size_t first = prefix.length + (prefix.address.is_v4() ? 96U : 0U);
  for (std::size_t bit = first; bit < 128; ++bit) {
    if ((prefix.address.bytes()[bit / 8] >> (7 - bit % 8) & 1) != 0) return true;
  }
  return false;
}

// The last address of an IPv4 prefix is its broadcast address (RFC 919); /31 and /32 have none (RFC 3021).
bool is_broadcast(const net::Prefix& prefix) {
  if (!prefix.address.is_v4() || prefix.length >= 31) return false;
  std::uint32_t address = 0;
  for (const std::uint8_t byte : prefix.address.v4_bytes()) address = address << 8 | byte;
  const std::uint32_t host_mask = 0xffffffffU >> prefix.length;
  return (address & host_mask) == host_mask;
}

bool is_network(const net::Prefix& prefix) {
  return prefix.address.is_v4() && prefix.length < 31 && !has_host_bits(prefix);
}

Verdict take_own_address(std::string_view text, std::vector<net::Prefix>& addresses) {
  const std::optional<net::Prefix> prefix = net::parse_prefix(text);
  if (!prefix) return fmt::format("{} is no address with a prefix length, such as {}", in_quotes(text), address_form);
  if (prefix->length == 0) return fmt::format("{} calls the whole Internet on-link", in_quotes(text));
  if (!prefix->address.is_valid_source()) return fmt::format("{} can be no host's address", in_quotes(text));
  if (is_broadcast(*prefix)) return fmt::format("{} is the broadcast address of its prefix", in_quotes(text));
  if (is_network(*prefix)) return fmt::format("{} is the network's own address", in_quotes(text));
  addresses.push_back(*prefix);
  return std::nullopt;
}

// A next hop; `v4` tells which family it must be of when only one will do.
Verdict take_next_hop(std::string_view text, std::optional<bool> v4, net::IpAddress& into) {
  const std::optional<net::IpAddress> address = net::parse_ip(text);
  if (!address) return fmt::format("{} is no IP address", in_quotes(text));
  if (v4 && address->is_v4() != *v4) return fmt::format("{} is no {} address", in_quotes(text), *v4 ? "IPv4" : "IPv6");
  if (!address->is_valid_source()) return fmt::format("{} can be no host's address", in_quotes(text));
  into = *address;
  return std::nullopt;
}

Verdict take_destination(std::string_view text, net::Prefix& into) {
  const std::optional<net::Prefix> prefix = net::parse_prefix(text);
  if (!prefix) return fmt::format("{} is no prefix, such as \"10.78.0.0/16\"", in_quotes(text));
  if (has_host_bits(*prefix)) return fmt::format("{} has bits set beyond its length", in_quotes(text));
  if (prefix->address.is_multicast()) return fmt::format("{} is multicast", in_quotes(text));
  into = *prefix;
  return std::nullopt;
}

// Every address of it must be able to be a host's.
Verdict take_local_prefix(std::string_view text, std::vector<net::Prefix>& prefixes) {
  const std::optional<net::Prefix> prefix = net::parse_prefix(text);
  if (!prefix) return fmt::format("{} is no prefix, such as \"10.128.0.0/9\" or \"fd99::/64\"", in_quotes(text));
  if (has_host_bits(*prefix)) return fmt::format("{} has bits set beyond its length", in_quotes(text));
  if (!prefix->address.is_valid_source() || !net::PrefixMask::of(*prefix).last().is_valid_source())
    return fmt::format("{} holds addresses that can be no host's", in_quotes(text));
  if (prefix->address.is_link_local()) return fmt::format("{} is link-local, which nobody routes", in_quotes(text));
  prefixes.push_back(*prefix);
  return std::nullopt;
}

void read_gateway(TableReader& table, std::string_view name, bool v4, std::optional<net::IpAddress>& into) {
  table.text(name, v4 ? "an IPv4 address" : "an IPv6 address", "none", address_bytes_max, [&](std::string_view text) {
    net::IpAddress hop;
    Verdict wrong = take_next_hop(text, v4, hop);
    if (!wrong) into = hop;
    return wrong;
  });
}

void read_route(TableReader& table, RouteConfig& route) {
  table.text(
      "prefix", "a prefix", "", address_bytes_max,
      [&](std::string_view text) { return take_destination(text, route.prefix); }, Need::required);
  table.text(
      "via", "an IP address of the same family", "", address_bytes_max,
      [&](std::string_view text) { return take_next_hop(text, std::nullopt, route.via); }, Need::required);
}

void read_interface(TableReader& table, InterfaceConfig& interface) {
  interface.line = table.line();
  table.texts("addresses", address_form, addresses_per_interface_max, address_bytes_max,
              [&](std::string_view text) { return take_own_address(text, interface.addresses); });
  read_gateway(table, "gateway", true, interface.gateway);
  read_gateway(table, "gateway6", false, interface.gateway6);
  table.texts("local_prefixes", "\"10.128.0.0/9\" or \"fd99::/64\"", local_prefixes_per_interface_max,
              address_bytes_max,
              [&](std::string_view text) { return take_local_prefix(text, interface.local_prefixes); });
  table.tables("routes", 0, routes_per_interface_max,
               [&](TableReader& inner) { read_route(inner, interface.routes.emplace_back()); });
}

void read_vlan(TableReader& table, InterfaceConfig& interface) {
  const auto tags = table.integers("tags", "", {1, 2}, {1, 4094}, Need::required);
  if (tags) {
    interface.tags.count = static_cast<std::uint16_t>(tags->size());
    std::ranges::transform(*tags, interface.tags.vlan.begin(),
                           [](std::uint32_t tag) { return static_cast<std::uint16_t>(tag); });
  }
  read_interface(table, interface);
}

bool is_device_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == ':' || c == '-';
}

Verdict take_device(std::string_view text, std::string& device) {
  if (!std::ranges::all_of(text, is_device_character))
    return fmt::format("{} is no device name, such as \"net_tap0\" or \"0000:3b:00.0\"", in_quotes(text));
  device = text;
  return std::nullopt;
}

// True when the table said anything about an untagged interface.
bool is_used(const InterfaceConfig& interface) {
  return !interface.addresses.empty() || interface.gateway || interface.gateway6 || !interface.routes.empty() ||
         !interface.local_prefixes.empty();
}

// What keys of [port.impair] say together.
void check_impair(TableReader& table, const ImpairConfig& impair) {
  if (impair.burst_begin_ppm > 0 && impair.burst_end_ppm == 0)
    table.fail("burst_begin", "a burst would never end, as burst_end is 0");
  if (impair.hold_ms == 0) return;
  if (impair.hold_every_ms == 0) table.fail("hold_ms", "needs hold_every_ms, the time from one hold to the next");
  else if (impair.hold_ms >= impair.hold_every_ms)
    table.fail("hold_ms",
               fmt::format("{} is not below hold_every_ms, which is {}", impair.hold_ms, impair.hold_every_ms));
}

}  // namespace

void read_impair(TableReader& table, ImpairConfig& into) {
  using impair::Ways;
  table.fraction("loss", into.loss_ppm);
  table.fraction("burst_begin", into.burst_begin_ppm);
  table.fraction("burst_end", into.burst_end_ppm);
  table.fraction("burst_loss", into.burst_loss_ppm);
  table.fraction("duplicate", into.duplicate_ppm);
  table.fraction("reorder", into.reorder_ppm);
  table.fraction("corrupt", into.corrupt_ppm);
  table.integer("blackhole_bytes", into.blackhole_bytes, 0, 9'000);
  table.integer("delay_ms", into.delay_ms, 0, 60'000);
  table.integer("jitter_ms", into.jitter_ms, 0, 60'000);
  table.integer("rate_mbit", into.rate_mbit, 0, 400'000);
  table.integer("queue_packets", into.queue_packets, 1, 1'048'576);
  table.integer("ecn_ms", into.ecn_ms, 0, 60'000);
  table.integer("hold_every_ms", into.hold_every_ms, 0, 60'000);
  table.integer("hold_ms", into.hold_ms, 0, 60'000);
  table.choice("direction", into.direction, {{"both", Ways::both}, {"receive", Ways::receive}, {"send", Ways::send}});
  table.choice("partition", into.partition,
               {{"none", Ways::none}, {"receive", Ways::receive}, {"send", Ways::send}, {"both", Ways::both}});
  table.integer("seed", into.seed, 0, 0x7fff'ffff'ffff'ffff);
  check_impair(table, into);
}

void read_port(TableReader& table, PortConfig& port) {
  port.line = table.line();
  table.text(
      "device", "a DPDK device name or PCI address", "", device_bytes_max,
      [&](std::string_view text) { return take_device(text, port.device); }, Need::required);
  table.integer("mtu", port.mtu, 576, 9'000);
  table.choice("rx_checksum", port.rx_checksum,
               {{"verify", RxChecksum::verify}, {"trust_local", RxChecksum::trust_local}});
  table.choice("tx_mode", port.tx_mode, {{"copy", TxMode::copy}, {"link", TxMode::link}});
  InterfaceConfig untagged;
  read_interface(table, untagged);
  if (is_used(untagged)) port.interfaces.push_back(std::move(untagged));
  table.table("impair", [&](TableReader& inner) { read_impair(inner, port.impair.emplace()); });
  table.tables("vlan", 0, vlans_per_port_max,
               [&](TableReader& inner) { read_vlan(inner, port.interfaces.emplace_back()); });
}

}  // namespace penstock::control
