// AddressWatch: the amplification rule as a stranger to the code would check it, on a server's wire.
//
// Until a client has acknowledged a segment by the number and stamp that the server sent it with, since the server's process
// began, no more bytes of UDP payload leave toward it than came from it. An answer to an earlier process is none.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <utility>

#include "net/address.hpp"

namespace penstock::sim {

class AddressWatch {
 public:
  // A frame reached the server's port.
  void on_arrival(std::span<const std::uint8_t> frame);
  // A frame left it. Breaks the world when the rule is broken.
  void on_departure(std::span<const std::uint8_t> frame);
  // The server's process ended: what it was told by then is worth nothing to the next one.
  void forget(std::uint32_t server);

 private:
  struct Balance {
    std::uint64_t in = 0;
    std::uint64_t out = 0;
    bool acknowledged = false;
    std::set<std::pair<std::uint32_t, std::uint32_t>> sent;  // numbers and stamps, until one is acknowledged
  };
  using Key = std::tuple<net::Endpoint, net::Endpoint, std::uint32_t>;  // client, server, conversation
  std::map<Key, Balance> balances_;
};

}  // namespace penstock::sim
