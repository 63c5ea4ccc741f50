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
  if (frame.size() < ethernet_bytes) return drop(DropReason::eth_too_short);
  EthernetHeader header;
  header.destination = mac_at(frame, 0);
  header.source = mac_at(frame, 6);
  header.type = be16_at(frame, 12);
  header.l2_bytes = ethernet_bytes;
  for (std::uint32_t i = 0; i < header.tags.vlan.size() && is_tag(header.type); ++i) {
    if (frame.size() < std::size_t{header.l2_bytes} + tag_bytes) return drop(DropReason::eth_too_short);
    const auto vlan = static_cast<std::uint16_t>(be16_at(frame, header.l2_bytes) & vlan_id_mask);
    header.type = be16_at(frame, header.l2_bytes + 2u);
    header.l2_bytes = static_cast<std::uint16_t>(header.l2_bytes + tag_bytes);
    if (vlan != 0) header.tags.vlan[header.tags.count++] = vlan;
  }
  if (is_tag(header.type)) return drop(DropReason::eth_vlan_unknown);
  return header;
}

Parsed<IpHeader> parse_ip4(Bytes packet, ChecksumState checksum) {
  if (packet.size() < ip4_bytes) return drop(DropReason::ip4_malformed);
  const std::uint8_t version_length = packet[0];
  const auto header_bytes = static_cast<std::uint16_t>((version_length & 0x0f) * 4);
  const std::uint16_t total_bytes = be16_at(packet, 2);
  if (version_length >> 4 != 4 || header_bytes < ip4_bytes || total_bytes < header_bytes ||
      total_bytes > packet.size()) {
    return drop(DropReason::ip4_malformed);
  }
  const bool holds = checksum == ChecksumState::good ||
                     (checksum == ChecksumState::unknown && checksum_holds(internet_sum(packet.first(header_bytes))));
  if (!holds) return drop(DropReason::ip4_bad_checksum);
  if ((be16_at(packet, 6) & ip4_fragment_mask) != 0) return drop(DropReason::ip4_fragment);
  return IpHeader{.source = ip4_at(packet, 12),
                  .destination = ip4_at(packet, 16),
                  .is_v4 = true,
                  .protocol = packet[9],
                  .hop_limit = packet[8],
                  .header_bytes = header_bytes,
                  .total_bytes = total_bytes};
}

Parsed<IpHeader> parse_ip6(Bytes packet) {
  if (packet.size() < ip6_bytes || packet[0] >> 4 != 6) return drop(DropReason::ip6_malformed);
  const std::uint16_t payload_bytes = be16_at(packet, 4);
  if (payload_bytes > packet.size() - ip6_bytes) return drop(DropReason::ip6_malformed);
  IpHeader ip{.source = ip6_at(packet, 8),
              .destination = ip6_at(packet, 24),
              .is_v4 = false,
              .protocol = packet[6],
              .hop_limit = packet[7],
              .header_bytes = ip6_bytes,
              .total_bytes = std::uint32_t{ip6_bytes} + payload_bytes};
  if (is_extension(ip.protocol)) {
    const Parsed<void> walked = walk_extensions(packet.subspan(ip6_bytes, payload_bytes), ip.protocol, ip);
    if (!walked) return drop(walked.error());
  }
  if (ip.source.is_v4()) return drop(DropReason::ip6_bad_source);
  if (ip.destination.is_v4()) return drop(DropReason::ip6_not_for_us);
  return ip;
}

Parsed<UdpHeader> parse_udp(Bytes datagram, const IpHeader& ip, ChecksumState checksum, RxChecksumPolicy policy) {
  if (datagram.size() < udp_bytes) return drop(DropReason::udp_malformed);
  const UdpHeader udp{be16_at(datagram, 0), be16_at(datagram, 2), be16_at(datagram, 4)};
  if (udp.length < udp_bytes || udp.length > datagram.size()) return drop(DropReason::udp_malformed);
  if (be16_at(datagram, 6) == 0) {
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
