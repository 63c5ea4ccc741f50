#include "net/build.hpp"

#include "net/checksum.hpp"
#include "net/headers.hpp"

namespace penstock::net {

namespace {

constexpr std::size_t ip4_checksum_at = 10;

void write_ip4(ByteWriter& out, const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
               std::uint8_t hop_limit, std::uint32_t payload_bytes, bool port_sums) {
  PENSTOCK_ASSERT(payload_bytes <= 0xffffu - ip4_bytes);
  const std::size_t start = out.position();
  out.u8(0x45);
  out.u8(0);
  out.u16_be(static_cast<std::uint16_t>(ip4_bytes + payload_bytes));
  out.u16_be(0);
  out.u16_be(ip4_dont_fragment);
  out.u8(hop_limit);
  out.u8(protocol);
  out.u16_be(0);
  out.bytes(source.v4_bytes());
  out.bytes(destination.v4_bytes());
  if (port_sums) return;
  const auto header = out.written().subspan(start);
  field_write(header.subspan(ip4_checksum_at), checksum_field(internet_sum(header)));
}

void write_ip6(ByteWriter& out, const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
               std::uint8_t hop_limit, std::uint32_t payload_bytes) {
  PENSTOCK_ASSERT(payload_bytes <= 0xffffu);
  out.u32_be(0x60000000u);
  out.u16_be(static_cast<std::uint16_t>(payload_bytes));
  out.u8(protocol);
  out.u8(hop_limit);
  out.bytes(source.bytes());
  out.bytes(destination.bytes());
}

// The checksum of a UDP header and data that add up to `data_sum`. For a port that makes sums it is the pseudo-header's
// sum, not inverted, which is where the port begins.
std::uint16_t udp_field(const Endpoint& source, const Endpoint& destination, std::uint16_t length,
                        std::uint64_t data_sum, bool port_sums) {
  const std::uint64_t pseudo = pseudo_header_sum(source.address, destination.address, protocol_udp, length);
  if (port_sums) return sum_fold(pseudo);
  return udp_checksum_field(pseudo + data_sum + word_sum(source.port) + word_sum(destination.port) + word_sum(length));
}

}  // namespace

void write_ethernet(ByteWriter& out, const LinkHeader& link, std::uint16_t type) {
  PENSTOCK_ASSERT(link.tags.count <= link.tags.vlan.size());
  write_mac(out, link.destination);
  write_mac(out, link.source);
  for (std::size_t i = 0; i < link.tags.count; ++i) {
    const bool outer_of_two = link.tags.count == 2 && i == 0;
    out.u16_be(outer_of_two ? ethertype_service_tag : ethertype_tag);
    out.u16_be(link.tags.vlan[i]);
  }
  out.u16_be(type);
}

void write_ip(ByteWriter& out, const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
              std::uint8_t hop_limit, std::uint32_t payload_bytes, bool port_sums) {
  PENSTOCK_ASSERT(source.is_v4() == destination.is_v4());
  if (source.is_v4()) write_ip4(out, source, destination, protocol, hop_limit, payload_bytes, port_sums);
  else write_ip6(out, source, destination, protocol, hop_limit, payload_bytes);
}

TxFrame build_udp(OutDatagram&& datagram, const LinkHeader& link, const Endpoint& source, const Endpoint& destination,
                  const PortTraits& traits) {
  const bool is_v4 = source.address.is_v4();
  PENSTOCK_ASSERT(datagram.size() <= 0xffffu - udp_bytes - ip4_bytes);
  const auto length = static_cast<std::uint16_t>(udp_bytes + datagram.size());

  TxFrame frame;
  frame.is_v4 = is_v4;
  frame.l2_bytes = l2_bytes_of(link.tags);
  frame.l3_bytes = ip_header_bytes(is_v4);
  frame.offload_ip_checksum = is_v4 && traits.tx_ip_checksum;
  frame.offload_udp_checksum = traits.tx_udp_checksum;
  const std::uint64_t data_sum = frame.offload_udp_checksum ? 0 : datagram.sum();

  frame.head = datagram.take_head();
  frame.link = datagram.take_link();
  const auto headers_bytes = static_cast<std::uint32_t>(frame.l2_bytes + frame.l3_bytes + udp_bytes);
  frame.head.extend_front(headers_bytes);
  ByteWriter out(frame.head.writable().first(headers_bytes));
  write_ethernet(out, link, is_v4 ? ethertype_ip4 : ethertype_ip6);
  write_ip(out, source.address, destination.address, protocol_udp, hop_limit_default, length,
           frame.offload_ip_checksum);
  out.u16_be(source.port);
  out.u16_be(destination.port);
  out.u16_be(length);
  out.u16_le(udp_field(source, destination, length, data_sum, frame.offload_udp_checksum));
  PENSTOCK_ASSERT(out.remaining() == 0);
  return frame;
}

}  // namespace penstock::net
