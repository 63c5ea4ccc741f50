#include "net/arp.hpp"

#include "net/headers.hpp"

namespace penstock::net {

namespace {

constexpr std::uint16_t hardware_ethernet = 1;
constexpr std::uint8_t mac_address_bytes = 6;
constexpr std::uint8_t ip4_address_bytes = 4;

}  // namespace

Parsed<ArpMessage> parse_arp(Bytes payload) {
  ByteReader in(payload);
  const std::uint16_t hardware = in.u16_be();
  const std::uint16_t protocol = in.u16_be();
  const std::uint8_t hardware_bytes = in.u8();
  const std::uint8_t protocol_bytes = in.u8();
  const std::uint16_t operation = in.u16_be();
  ArpMessage message;
  message.operation = static_cast<ArpMessage::Operation>(operation);
  message.sender_mac = read_mac(in);
  message.sender = read_ip4(in);
  message.target_mac = read_mac(in);
  message.target = read_ip4(in);
  const bool known =
      message.operation == ArpMessage::Operation::request || message.operation == ArpMessage::Operation::reply;
  if (!in.ok() || hardware != hardware_ethernet || protocol != ethertype_ip4 || hardware_bytes != mac_address_bytes ||
      protocol_bytes != ip4_address_bytes || !known) {
    return std::unexpected(DropReason::arp_malformed);
  }
  return message;
}

void write_arp(ByteWriter& out, const ArpMessage& message) {
  PENSTOCK_ASSERT(message.sender.is_v4() && message.target.is_v4());
  out.u16_be(hardware_ethernet);
  out.u16_be(ethertype_ip4);
  out.u8(mac_address_bytes);
  out.u8(ip4_address_bytes);
  out.u16_be(static_cast<std::uint16_t>(message.operation));
  write_mac(out, message.sender_mac);
  write_address(out, message.sender);
  write_mac(out, message.target_mac);
  write_address(out, message.target);
}

ArpMessage arp_question(const MacAddress& mac, const IpAddress& sender, const IpAddress& target) {
  return {ArpMessage::Operation::request, mac, sender, {}, target};
}

ArpMessage arp_answer(const MacAddress& mac, const ArpMessage& request) {
  return {ArpMessage::Operation::reply, mac, request.target, request.sender_mac, request.sender};
}

ArpMessage arp_announcement(const MacAddress& mac, const IpAddress& address) {
  return {ArpMessage::Operation::request, mac, address, {}, address};
}

}  // namespace penstock::net
