// AddressWatch: the amplification rule as a stranger to the code would check it, on a server's wire.
//
// Until a client has sent any ACK for a conversation, no more bytes of UDP payload leave toward it than came from it. It
// is laxer than the engine, which wants an ACK that names a transmission; what breaks this rule breaks that one too.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>

#include "net/address.hpp"

namespace penstock::sim {

class AddressWatch {
 public:
  // A frame reached the server's port.
  void on_arrival(std::span<const std::uint8_t> frame);
  // A frame left it. Breaks the world when the rule is broken.
  void on_departure(std::span<const std::uint8_t> frame);

 private:
  struct Balance {
    std::uint64_t in = 0;
    std::uint64_t out = 0;
    bool acknowledged = false;
  };
  using Key = std::tuple<net::Endpoint, net::Endpoint, std::uint32_t>;  // client, server, conversation
  std::map<Key, Balance> balances_;
};

}  // namespace penstock::sim
