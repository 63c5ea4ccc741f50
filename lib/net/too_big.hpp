// TooBig: what an ICMP message says of a datagram that a router could not pass on (RFC 792 and 1191; RFC 4443, 3.2).
//
// Anybody can send one. So nothing of it is believed but that a datagram of ours may be too long, and only when the datagram that
// it quotes names one of our flows; the length that it tells is not looked at. Pure; callable from any core.
#pragma once

#include <cstdint>
#include <optional>

#include "net/icmp.hpp"
#include "net/path.hpp"

namespace penstock::net {

// True for "fragmentation needed" and "packet too big" of the packet's family.
bool is_too_big(const IcmpHeader& icmp, bool is_v4);

// Of the quoted packet: its addresses and ports as its sender had them, and where its UDP payload lies in the message. Nothing
// when it quotes no UDP datagram up to there. `interface` of the path is left to the caller.
struct QuotedDatagram {
  Path path;
  std::uint32_t payload_at = 0;
};
std::optional<QuotedDatagram> quoted_datagram(Bytes message, bool is_v4);

}  // namespace penstock::net
