#include "net/parse.hpp"

#include "base/cursor.hpp"
#include "net/checksum.hpp"
#include "net/headers.hpp"

namespace penstock::net {

namespace {

constexpr auto drop(DropReason reason) { return std::unexpected(reason); }

constexpr bool is_tag(std::uint16_t type) { return type == ethertype_tag || type == ethertype_service_tag; }

// IANA "IPv6 Extension Header Types". The first four are walked, the others are not for a host of ours.
enum Extension : std::uint8_t {
  hop_by_hop = 0,
  routing = 43,
  fragment = 44,
  destination_options = 60,
  encapsulating_security = 50,
  authentication = 51,
  mobility = 135,
  host_identity = 139,
  shim6 = 140,
};

constexpr bool is_extension(std::uint8_t type) {
  switch (type) {
    case hop_by_hop:
    case routing:
    case fragment:
    case destination_options:
    case encapsulating_security:
    case authentication:
    case mobility:
    case host_identity:
    case shim6: return true;
    default: return false;
  }
}

// An option that we do not know tells by its two highest bits whether the packet may pass without it (RFC 8200, 4.2).
// We know padding only.
bool options_pass(Bytes options) {
  static constexpr std::uint8_t pad1 = 0;
  ByteReader in(options);
  while (in.remaining() > 0) {
    const std::uint8_t type = in.u8();
    if (type == pad1) continue;
    in.skip(in.u8());
    if (!in.ok() || (type & 0xc0) != 0) return false;
  }
  return true;
}

// One extension header behind its "next header" byte; `in` stands behind it afterwards.
bool extension_passes(std::uint8_t type, std::uint32_t place, ByteReader& in) {
  const std::size_t body_bytes = std::size_t{in.u8()} * 8 + 6;
  const Bytes body = in.bytes(body_bytes);
  if (!in.ok()) return false;
  switch (type) {
    case hop_by_hop: return place == 0 && options_pass(body);
    case destination_options: return options_pass(body);
    case routing:
      // With no segments left it has had its effect; type 0 is forbidden (RFC 5095).
      return body[0] != 0 && body[1] == 0;
    default: return false;
  }
}

// Walks the extension headers and sets `ip.protocol` and `ip.header_bytes`.
Parsed<void> walk_extensions(Bytes payload, std::uint8_t next, IpHeader& ip) {
  ByteReader in(payload);
  for (std::uint32_t place = 0; is_extension(next); ++place) {
    if (next == fragment) return drop(DropReason::ip6_fragment);
    if (place == extension_headers_max) return drop(DropReason::ip6_bad_extension);
    const std::uint8_t type = next;
    next = in.u8();
    if (!extension_passes(type, place, in)) return drop(DropReason::ip6_bad_extension);
  }
  ip.protocol = next;
  ip.header_bytes = static_cast<std::uint16_t>(ip6_bytes + in.position());
  return {};
}

}  // namespace

Parsed<EthernetHeader> parse_ethernet(Bytes frame) {
  ByteReader in(frame);
  EthernetHeader header;
  header.destination = read_mac(in);
  header.source = read_mac(in);
  header.type = in.u16_be();
  for (std::uint32_t i = 0; i < header.tags.vlan.size() && is_tag(header.type); ++i) {
    const auto vlan = static_cast<std::uint16_t>(in.u16_be() & vlan_id_mask);
    header.type = in.u16_be();
    if (vlan != 0) header.tags.vlan[header.tags.count++] = vlan;
  }
  if (!in.ok()) return drop(DropReason::eth_too_short);
  if (is_tag(header.type)) return drop(DropReason::eth_vlan_unknown);
  header.l2_bytes = static_cast<std::uint16_t>(in.position());
  return header;
}

Parsed<IpHeader> parse_ip4(Bytes packet, ChecksumState checksum) {
  ByteReader in(packet);
  const std::uint8_t version_length = in.u8();
  in.skip(1);
  const std::uint16_t total_bytes = in.u16_be();
  in.skip(2);
  const std::uint16_t flags_offset = in.u16_be();
  IpHeader ip;
  ip.is_v4 = true;
  ip.hop_limit = in.u8();
  ip.protocol = in.u8();
  in.skip(2);
  ip.source = read_ip4(in);
  ip.destination = read_ip4(in);
  ip.header_bytes = static_cast<std::uint16_t>((version_length & 0x0f) * 4);
  ip.total_bytes = total_bytes;
  if (!in.ok() || version_length >> 4 != 4 || ip.header_bytes < ip4_bytes || total_bytes < ip.header_bytes ||
      total_bytes > packet.size()) {
    return drop(DropReason::ip4_malformed);
  }
  const bool holds = checksum == ChecksumState::good || (checksum == ChecksumState::unknown &&
                                                         checksum_holds(internet_sum(packet.first(ip.header_bytes))));
  if (!holds) return drop(DropReason::ip4_bad_checksum);
  if ((flags_offset & ip4_fragment_mask) != 0) return drop(DropReason::ip4_fragment);
  return ip;
}

Parsed<IpHeader> parse_ip6(Bytes packet) {
  ByteReader in(packet);
  const std::uint32_t version_class_flow = in.u32_be();
  const std::uint16_t payload_bytes = in.u16_be();
  const std::uint8_t next = in.u8();
  IpHeader ip;
  ip.hop_limit = in.u8();
  ip.source = read_ip6(in);
  ip.destination = read_ip6(in);
  if (!in.ok() || version_class_flow >> 28 != 6 || payload_bytes > in.remaining())
    return drop(DropReason::ip6_malformed);
  ip.total_bytes = std::uint32_t{ip6_bytes} + payload_bytes;
  const Parsed<void> walked = walk_extensions(in.rest().first(payload_bytes), next, ip);
  if (!walked) return drop(walked.error());
  if (ip.source.is_v4()) return drop(DropReason::ip6_bad_source);
  if (ip.destination.is_v4()) return drop(DropReason::ip6_not_for_us);
  return ip;
}

Parsed<UdpHeader> parse_udp(Bytes datagram, const IpHeader& ip, ChecksumState checksum, RxChecksumPolicy policy) {
  ByteReader in(datagram);
  UdpHeader udp;
  udp.source_port = in.u16_be();
  udp.destination_port = in.u16_be();
  udp.length = in.u16_be();
  const std::uint16_t field = in.u16_be();
  if (!in.ok() || udp.length < udp_bytes || udp.length > datagram.size()) return drop(DropReason::udp_malformed);
  if (field == 0) {
    if (!ip.is_v4) return drop(DropReason::udp_no_checksum6);
  } else if (policy == RxChecksumPolicy::verify && checksum != ChecksumState::good) {
    const std::uint64_t pseudo = pseudo_header_sum(ip.source, ip.destination, protocol_udp, udp.length);
    if (checksum == ChecksumState::bad || !checksum_holds(internet_sum(datagram.first(udp.length), pseudo))) {
      return drop(DropReason::udp_bad_checksum);
    }
  }
  if (udp.source_port == 0 || udp.destination_port == 0) return drop(DropReason::udp_zero_port);
  return udp;
}

}  // namespace penstock::net
