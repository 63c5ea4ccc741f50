// ND: neighbour solicitations and advertisements of IPv6 (RFC 4861) and the probe of duplicate address detection
// (RFC 4862). Pure; callable from any core. Routers' messages are not used: routes are configured.
//
// A "message" is the ICMPv6 message, from the type on.
#pragma once

#include <cstdint>
#include <optional>

#include "base/cursor.hpp"
#include "net/address.hpp"
#include "net/parse.hpp"

namespace penstock::net {

struct NdMessage {
  enum class Kind : std::uint8_t { solicitation, advertisement } kind = Kind::solicitation;
  IpAddress target;
  std::optional<MacAddress> mac;  // of the sender of a solicitation, of the target of an advertisement
  bool solicited = false;         // flags of an advertisement; we are no router and do not look at that flag
  bool override_entry = false;
};

// An ND message with the IP header that it needs.
struct NdPacket {
  NdMessage message;
  IpAddress source;
  IpAddress destination;
};

// Checks what RFC 4861, 7.1.1 and 7.1.2 demand. The ICMP checksum was checked, and `type` is one of the two.
Parsed<NdMessage> parse_nd(Bytes message, const IpHeader& ip);
// Bytes that write_nd() writes.
std::uint32_t nd_bytes(const NdMessage& message);
void write_nd(ByteWriter& out, const NdPacket& packet);

// "Who has `target`?", to its solicited-node group, or to `destination` alone when its owner is known.
NdPacket nd_question(const MacAddress& mac, const IpAddress& source, const IpAddress& target,
                     std::optional<IpAddress> destination);
// The answer of `mac`, which has the target. `source` asked; everybody is told when it was a probe without a source. An
// answer to a solicitation sent to us alone that names no MAC address names none either, so that it is not longer.
NdPacket nd_answer(const MacAddress& mac, const NdMessage& question, const IpAddress& source, bool to_us_alone);
// "Does anybody have `address`?", from :: (RFC 4862, 5.4.2).
NdPacket nd_probe(const IpAddress& address);
// "I have `address`", to every node (RFC 4861, 7.2.6).
NdPacket nd_announcement(const MacAddress& mac, const IpAddress& address);

}  // namespace penstock::net
