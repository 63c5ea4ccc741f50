#include "net/icmp.hpp"

#include <algorithm>

#include "net/checksum.hpp"
#include "net/headers.hpp"

namespace penstock::net {

namespace {

constexpr std::size_t checksum_at = 2;
constexpr std::uint32_t error_packet_bytes_max4 = 576;
constexpr std::uint32_t error_packet_bytes_max6 = 1280;

// ICMPv6 covers a pseudo-header, ICMPv4 does not.
std::uint64_t outside_sum(const IpAddress& source, const IpAddress& destination, std::size_t message_bytes) {
  if (source.is_v4()) return 0;
  return pseudo_header_sum(source, destination, protocol_icmp6, static_cast<std::uint32_t>(message_bytes));
}

}  // namespace

Parsed<IcmpHeader> parse_icmp(Bytes message, const IpHeader& ip) {
  ByteReader in(message);
  IcmpHeader icmp;
  icmp.type = in.u8();
  icmp.code = in.u8();
  in.skip(icmp_bytes - 2);
  if (!in.ok()) return std::unexpected(DropReason::icmp_malformed);
  if (!checksum_holds(internet_sum(message, outside_sum(ip.source, ip.destination, message.size())))) {
    return std::unexpected(DropReason::icmp_bad_checksum);
  }
  return icmp;
}

bool is_echo_request(const IcmpHeader& icmp, bool is_v4) {
  return icmp.code == 0 && icmp.type == (is_v4 ? icmp4_echo_request : icmp6_echo_request);
}

void finish_icmp(std::span<std::uint8_t> message, const IpAddress& source, const IpAddress& destination) {
  const auto field = message.subspan(checksum_at);
  field_write(field, 0);
  field_write(field, checksum_field(internet_sum(message, outside_sum(source, destination, message.size()))));
}

void write_echo_reply(ByteWriter& out, Bytes request, const IpAddress& source, const IpAddress& destination) {
  PENSTOCK_ASSERT(request.size() >= icmp_bytes);
  const std::size_t start = out.position();
  out.u8(source.is_v4() ? icmp4_echo_reply : icmp6_echo_reply);
  out.bytes(request.subspan(1));
  finish_icmp(out.written().subspan(start), source, destination);
}

std::uint32_t unreachable_quote_bytes(bool is_v4, std::uint32_t packet_bytes, std::uint32_t headers_bytes) {
  const std::uint32_t in_front = std::uint32_t{ip_header_bytes(is_v4)} + icmp_bytes;
  const std::uint32_t whole = std::min(packet_bytes, is_v4 ? error_packet_bytes_max4 : error_packet_bytes_max6);
  if (whole < in_front + headers_bytes) return 0;
  return whole - in_front;
}

void write_port_unreachable(ByteWriter& out, Bytes quote, const IpAddress& source, const IpAddress& destination) {
  const std::size_t start = out.position();
  out.u8(source.is_v4() ? icmp4_unreachable : icmp6_unreachable);
  out.u8(source.is_v4() ? icmp4_port_unreachable_code : icmp6_port_unreachable_code);
  out.zeros(icmp_bytes - 2);
  out.bytes(quote);
  finish_icmp(out.written().subspan(start), source, destination);
}

}  // namespace penstock::net
