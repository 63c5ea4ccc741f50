#include "net/nd.hpp"

#include "net/headers.hpp"
#include "net/icmp.hpp"

namespace penstock::net {

namespace {

constexpr std::uint8_t option_source_mac = 1;
constexpr std::uint8_t option_target_mac = 2;
constexpr std::uint32_t fixed_bytes = 24;  // type … target
constexpr std::uint32_t mac_option_bytes = 8;
constexpr std::uint32_t flag_solicited = 0x40000000;
constexpr std::uint32_t flag_override = 0x20000000;

// Reads the options and keeps the MAC address of type `wanted`. Each is at least eight bytes, so the loop ends. False when
// one is of length zero, is cut short, or names a MAC address that no node can have.
bool read_options(ByteReader& in, std::uint8_t wanted, std::optional<MacAddress>& mac) {
  while (in.remaining() > 0) {
    const std::uint8_t type = in.u8();
    const std::size_t bytes = std::size_t{in.u8()} * 8;
    if (bytes == 0) return false;
    ByteReader body(in.bytes(bytes - 2));
    if (!in.ok()) return false;
    if (type != wanted) continue;
    mac = read_mac(body);
    if (mac->is_multicast() || mac->is_zero() || bytes != mac_option_bytes) return false;
  }
  return true;
}

bool addresses_fit(const NdMessage& nd, const IpHeader& ip) {
  if (nd.target.is_multicast() || nd.target.is_unspecified() || nd.target.is_v4()) return false;
  if (nd.kind == NdMessage::Kind::advertisement) return !(ip.destination.is_multicast() && nd.solicited);
  if (!ip.source.is_unspecified()) return true;
  return ip.destination == solicited_node(nd.target) && !nd.mac;
}

}  // namespace

Parsed<NdMessage> parse_nd(Bytes message, const IpHeader& ip) {
  ByteReader in(message);
  NdMessage nd;
  const bool solicitation = in.u8() == icmp6_neighbor_solicitation;
  nd.kind = solicitation ? NdMessage::Kind::solicitation : NdMessage::Kind::advertisement;
  const std::uint8_t code = in.u8();
  in.skip(2);
  const std::uint32_t flags = in.u32_be();
  nd.solicited = !solicitation && (flags & flag_solicited) != 0;
  nd.override_entry = !solicitation && (flags & flag_override) != 0;
  nd.target = read_ip6(in);
  const bool whole = in.ok() && read_options(in, solicitation ? option_source_mac : option_target_mac, nd.mac);
  if (!whole || code != 0 || ip.hop_limit != hop_limit_neighbor || !addresses_fit(nd, ip)) {
    return std::unexpected(DropReason::nd_malformed);
  }
  return nd;
}

std::uint32_t nd_bytes(const NdMessage& message) { return fixed_bytes + (message.mac ? mac_option_bytes : 0); }

void write_nd(ByteWriter& out, const NdPacket& packet) {
  const NdMessage& nd = packet.message;
  const bool solicitation = nd.kind == NdMessage::Kind::solicitation;
  PENSTOCK_ASSERT(!(solicitation && (nd.solicited || nd.override_entry)));
  const std::size_t start = out.position();
  out.u8(solicitation ? icmp6_neighbor_solicitation : icmp6_neighbor_advertisement);
  out.u8(0);
  out.u16_be(0);
  out.u32_be((nd.solicited ? flag_solicited : 0) | (nd.override_entry ? flag_override : 0));
  write_address(out, nd.target);
  if (nd.mac) {
    out.u8(solicitation ? option_source_mac : option_target_mac);
    out.u8(mac_option_bytes / 8);
    write_mac(out, *nd.mac);
  }
  finish_icmp(out.written().subspan(start), packet.source, packet.destination);
}

NdPacket nd_question(const MacAddress& mac, const IpAddress& source, const IpAddress& target,
                     std::optional<IpAddress> destination) {
  return {
      {NdMessage::Kind::solicitation, target, mac, false, false}, source, destination.value_or(solicited_node(target))};
}

NdPacket nd_answer(const MacAddress& mac, const NdMessage& question, const IpAddress& source, bool to_us_alone) {
  PENSTOCK_ASSERT(question.kind == NdMessage::Kind::solicitation);
  const bool probe = source.is_unspecified();
  NdPacket answer{{NdMessage::Kind::advertisement, question.target, mac, !probe, true}, question.target, source};
  if (probe) answer.destination = all_nodes();
  if (to_us_alone && !question.mac) answer.message.mac.reset();
  return answer;
}

NdPacket nd_probe(const IpAddress& address) {
  return {{NdMessage::Kind::solicitation, address, std::nullopt, false, false}, IpAddress{}, solicited_node(address)};
}

NdPacket nd_announcement(const MacAddress& mac, const IpAddress& address) {
  return {{NdMessage::Kind::advertisement, address, mac, false, true}, address, all_nodes()};
}

}  // namespace penstock::net
