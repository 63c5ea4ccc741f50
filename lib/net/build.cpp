#include "net/build.hpp"

#include <array>
#include <cstring>

#include "net/checksum.hpp"
#include "net/headers.hpp"

namespace penstock::net {

namespace {

// The put_… write a header at `out`, which has room for it, and yield its bytes.
template <class T>
void put(std::uint8_t* out, T value) {
  std::memcpy(out, &value, sizeof value);
}

std::size_t put_ethernet(std::uint8_t* out, const LinkHeader& link, std::uint16_t type) {
  PENSTOCK_ASSERT(link.tags.count <= link.tags.vlan.size());
  put(out, link.destination.bytes);
  put(out + 6, link.source.bytes);
  std::size_t at = 12;
  for (std::size_t i = 0; i < link.tags.count; ++i, at += tag_bytes) {
    put(out + at, to_big_endian(link.tags.count == 2 && i == 0 ? ethertype_service_tag : ethertype_tag));
    put(out + at + 2, to_big_endian(link.tags.vlan[i]));
  }
  put(out + at, to_big_endian(type));
  return at + 2;
}

// `addresses` is address_sum() of the two.
std::size_t put_ip4(std::uint8_t* out, const IpAddress& source, const IpAddress& destination, std::uint64_t addresses,
                    std::uint8_t protocol, std::uint8_t hop_limit, std::uint32_t payload_bytes, bool port_sums) {
  PENSTOCK_ASSERT(payload_bytes <= 0xffffu - ip4_bytes);
  static constexpr std::uint16_t version_length = 0x4500;
  const auto total_bytes = static_cast<std::uint16_t>(ip4_bytes + payload_bytes);
  const auto limit_protocol = static_cast<std::uint16_t>(hop_limit << 8 | protocol);
  const std::uint64_t sum = addresses + word_sum(version_length) + word_sum(total_bytes) + word_sum(ip4_dont_fragment) +
                            word_sum(limit_protocol);
  put(out, to_big_endian(version_length));
  put(out + 2, to_big_endian(total_bytes));
  put(out + 4, std::uint16_t{0});
  put(out + 6, to_big_endian(ip4_dont_fragment));
  put(out + 8, to_big_endian(limit_protocol));
  put(out + 10, port_sums ? std::uint16_t{0} : checksum_field(sum));
  put(out + 12, source.v4_bytes());
  put(out + 16, destination.v4_bytes());
  return ip4_bytes;
}

std::size_t put_ip6(std::uint8_t* out, const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                    std::uint8_t hop_limit, std::uint32_t payload_bytes) {
  PENSTOCK_ASSERT(payload_bytes <= 0xffffu);
  put(out, to_big_endian(std::uint16_t{0x6000}));
  put(out + 2, std::uint16_t{0});
  put(out + 4, to_big_endian(static_cast<std::uint16_t>(payload_bytes)));
  put(out + 6, to_big_endian(static_cast<std::uint16_t>(protocol << 8 | hop_limit)));
  put(out + 8, source.bytes());
  put(out + 24, destination.bytes());
  return ip6_bytes;
}

}  // namespace

void write_ethernet(ByteWriter& out, const LinkHeader& link, std::uint16_t type) {
  std::array<std::uint8_t, l2_bytes_max> header{};
  const std::size_t bytes = put_ethernet(header.data(), link, type);
  out.bytes(std::span(header).first(bytes));
}

void write_ip(ByteWriter& out, const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
              std::uint8_t hop_limit, std::uint32_t payload_bytes) {
  PENSTOCK_ASSERT(source.is_v4() == destination.is_v4());
  std::array<std::uint8_t, ip6_bytes> header{};
  const std::size_t bytes = source.is_v4()
                                ? put_ip4(header.data(), source, destination, address_sum(source, destination),
                                          protocol, hop_limit, payload_bytes, false)
                                : put_ip6(header.data(), source, destination, protocol, hop_limit, payload_bytes);
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
  std::uint8_t* out = frame.head.writable().data();
  out += put_ethernet(out, link, is_v4 ? ethertype_ip4 : ethertype_ip6);
  out += is_v4 ? put_ip4(out, from, to, addresses, protocol_udp, hop_limit_default, length, frame.offload_ip_checksum)
               : put_ip6(out, from, to, protocol_udp, hop_limit_default, length);
  put(out, to_big_endian(source.port));
  put(out + 2, to_big_endian(destination.port));
  put(out + 4, to_big_endian(length));
  put(out + 6, frame.offload_udp_checksum ? sum_fold(sum) : udp_checksum_field(sum));
}

}  // namespace penstock::net
