#include "net/build.hpp"

#include <array>

#include "net/checksum.hpp"
#include "net/headers.hpp"

namespace penstock::net {

namespace {

// The put_… write a header to the front of `out`, which has room for it, and yield its bytes.
using Room = std::span<std::uint8_t>;

std::size_t put_ethernet(Room out, const LinkHeader& link, std::uint16_t type) {
  const std::size_t tags = link.tags.count;
  PENSTOCK_ASSERT(tags <= link.tags.vlan.size());
  PENSTOCK_ASSERT(out.size() >= ethernet_bytes + tags * tag_bytes);
  copy_to(out, 0, link.destination.bytes);
  copy_to(out, 6, link.source.bytes);
  std::size_t at = 12;
  for (std::size_t i = 0; i < tags; ++i, at += tag_bytes) {
    be16_to(out, at, tags == 2 && i == 0 ? ethertype_service_tag : ethertype_tag);
    be16_to(out, at + 2, link.tags.vlan[i]);
  }
  be16_to(out, at, type);
  return at + 2;
}

// `addresses` is address_sum() of the two.
std::size_t put_ip4(Room out, const IpAddress& source, const IpAddress& destination, std::uint64_t addresses,
                    std::uint8_t protocol, std::uint8_t hop_limit, std::uint32_t payload_bytes, bool port_sums) {
  PENSTOCK_ASSERT(payload_bytes <= 0xffffu - ip4_bytes);
  static constexpr std::uint16_t version_length = 0x4500;
  const auto total_bytes = static_cast<std::uint16_t>(ip4_bytes + payload_bytes);
  const auto limit_protocol = static_cast<std::uint16_t>(hop_limit << 8 | protocol);
  const std::uint64_t sum = addresses + word_sum(version_length) + word_sum(total_bytes) + word_sum(ip4_dont_fragment) +
                            word_sum(limit_protocol);
  be16_to(out, 0, version_length);
  be16_to(out, 2, total_bytes);
  be16_to(out, 4, 0);
  be16_to(out, 6, ip4_dont_fragment);
  be16_to(out, 8, limit_protocol);
  field_write(out.subspan(10), port_sums ? std::uint16_t{0} : checksum_field(sum));
  copy_to(out, 12, source.v4_bytes());
  copy_to(out, 16, destination.v4_bytes());
  return ip4_bytes;
}

std::size_t put_ip6(Room out, const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                    std::uint8_t hop_limit, std::uint32_t payload_bytes) {
  PENSTOCK_ASSERT(payload_bytes <= 0xffffu);
  be16_to(out, 0, 0x6000);
  be16_to(out, 2, 0);
  be16_to(out, 4, static_cast<std::uint16_t>(payload_bytes));
  be16_to(out, 6, static_cast<std::uint16_t>(protocol << 8 | hop_limit));
  copy_to(out, 8, source.bytes());
  copy_to(out, 24, destination.bytes());
  return ip6_bytes;
}

}  // namespace

void write_ethernet(ByteWriter& out, const LinkHeader& link, std::uint16_t type) {
  std::array<std::uint8_t, l2_bytes_max> header{};
  const std::size_t bytes = put_ethernet(header, link, type);
  out.bytes(std::span(header).first(bytes));
}

void write_ip(ByteWriter& out, const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
              std::uint8_t hop_limit, std::uint32_t payload_bytes) {
  PENSTOCK_ASSERT(source.is_v4() == destination.is_v4());
  std::array<std::uint8_t, ip6_bytes> header{};
  const std::size_t bytes = source.is_v4() ? put_ip4(header, source, destination, address_sum(source, destination),
                                                     protocol, hop_limit, payload_bytes, false)
                                           : put_ip6(header, source, destination, protocol, hop_limit, payload_bytes);
  out.bytes(std::span(header).first(bytes));
}

void build_udp(OutDatagram& datagram, const LinkHeader& link, const Endpoint& source, const Endpoint& destination,
               const PortTraits& traits, TxFrame& frame) {
  const IpAddress& from = source.address;
  const IpAddress& to = destination.address;
  const bool is_v4 = from.is_v4();
  PENSTOCK_ASSERT(is_v4 == to.is_v4());
  PENSTOCK_ASSERT(datagram.size() <= 0xffffu - udp_bytes - ip4_bytes);
  const auto length = static_cast<std::uint16_t>(udp_bytes + datagram.size());
  frame.is_v4 = is_v4;
  frame.l2_bytes = l2_bytes_of(link.tags);
  frame.l3_bytes = ip_header_bytes(is_v4);
  frame.offload_ip_checksum = is_v4 && traits.tx_ip_checksum;
  frame.offload_udp_checksum = traits.tx_udp_checksum;

  const std::uint64_t addresses = address_sum(from, to);
  // The pseudo-header; a port that makes sums begins with its sum, not inverted. Without one the rest is added.
  std::uint64_t sum = addresses + word_sum(protocol_udp) + word_sum(length);
  if (!frame.offload_udp_checksum) {
    sum += datagram.sum() + word_sum(source.port) + word_sum(destination.port) + word_sum(length);
  }
  frame.head = datagram.take_head();
  frame.link = datagram.take_link();
  const auto headers_bytes = static_cast<std::uint32_t>(frame.l2_bytes + frame.l3_bytes + udp_bytes);
  frame.head.extend_front(headers_bytes);
  Room out = frame.head.writable().first(headers_bytes);
  out = out.subspan(put_ethernet(out, link, is_v4 ? ethertype_ip4 : ethertype_ip6));
  out = out.subspan(
      is_v4 ? put_ip4(out, from, to, addresses, protocol_udp, hop_limit_default, length, frame.offload_ip_checksum)
            : put_ip6(out, from, to, protocol_udp, hop_limit_default, length));
  PENSTOCK_ASSERT(out.size() == udp_bytes);
  be16_to(out, 0, source.port);
  be16_to(out, 2, destination.port);
  be16_to(out, 4, length);
  field_write(out.subspan(6), frame.offload_udp_checksum ? sum_fold(sum) : udp_checksum_field(sum));
}

}  // namespace penstock::net
