// ARP: requests and replies for IPv4 over Ethernet (RFC 826). Pure; callable from any core.
#pragma once

#include <cstdint>

#include "base/cursor.hpp"
#include "net/address.hpp"
#include "net/parse.hpp"

namespace penstock::net {

struct ArpMessage {
  enum class Operation : std::uint16_t { request = 1, reply = 2 } operation = Operation::request;
  MacAddress sender_mac;
  IpAddress sender;  // 0.0.0.0 in a probe (RFC 5227)
  MacAddress target_mac;
  IpAddress target;
};

// `payload` is what follows the Ethernet header; bytes behind the message are padding.
Parsed<ArpMessage> parse_arp(Bytes payload);
// Writes arp_bytes.
void write_arp(ByteWriter& out, const ArpMessage& message);

// "Who has `target`?"
ArpMessage arp_question(const MacAddress& mac, const IpAddress& sender, const IpAddress& target);
// The answer of `mac`, which has the target of `request`.
ArpMessage arp_answer(const MacAddress& mac, const ArpMessage& request);
// "I have `address`", to everybody (RFC 5227, 2.3).
ArpMessage arp_announcement(const MacAddress& mac, const IpAddress& address);

}  // namespace penstock::net
