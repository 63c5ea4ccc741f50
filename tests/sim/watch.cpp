#include "sim/watch.hpp"

#include "sim/broken.hpp"
#include "sim/frames.hpp"
#include "sim/plan.hpp"

namespace penstock::sim {

namespace {

// Where the address alone is the session, what one conversation sends pays for the other.
std::uint32_t account(const net::Endpoint& server, std::uint32_t conv) {
  return server.port == server_port_first + static_cast<std::uint16_t>(Target::echo_by_address) ? 0 : conv;
}

}  // namespace

void AddressWatch::on_arrival(std::span<const std::uint8_t> frame) {
  const auto datagram = peek(frame);
  if (!datagram) return;
  const auto segments = peek_kcp(datagram->payload);
  if (!segments) return;
  Balance& balance =
      balances_[{datagram->source, datagram->destination, account(datagram->destination, segments->conv)}];
  balance.in += datagram->payload.size();
  if (balance.acknowledged) return;
  for (const SegmentView& s : segments_of(datagram->payload)) {
    if (s.command == command_ack && balance.sent.contains({s.sn, s.stamp})) balance.acknowledged = true;
  }
  if (balance.acknowledged) balance.sent.clear();
}

void AddressWatch::on_departure(std::span<const std::uint8_t> frame) {
  const auto datagram = peek(frame);
  if (!datagram) return;
  const auto segments = peek_kcp(datagram->payload);
  require(segments.has_value(), "a server sent a datagram that is no KCP");
  Balance& balance = balances_[{datagram->destination, datagram->source, account(datagram->source, segments->conv)}];
  balance.out += datagram->payload.size();
  if (!balance.acknowledged) {
    for (const SegmentView& s : segments_of(datagram->payload)) {
      if (s.command == command_push) balance.sent.emplace(s.sn, s.stamp);
    }
  }
  require(balance.acknowledged || balance.out <= balance.in,
          "more bytes left toward an address that proved nothing than came from it");
}

void AddressWatch::forget(std::uint32_t server) {
  std::erase_if(balances_, [server](const auto& entry) {
    const net::IpAddress& address = std::get<1>(entry.first).address;
    return address == address_of(server, !address.is_v4());
  });
}

}  // namespace penstock::sim
