// Crowd: the clients of a measured worker, made by hand: a few bytes each, whatever their number, behind one gateway.
//
// A client has one 64 B message under way at a time: its request is a PUSH, the reply is the same bytes in a PUSH of the
// server, and its ACK goes out with the next request or alone. Every byte that comes back is compared. Frames are written
// straight into a MemoryPort, and nothing of it is counted. One thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/time.hpp"
#include "bench/memory_port.hpp"
#include "buf/arena_pool.hpp"
#include "net/address.hpp"
#include "net/path.hpp"

namespace penstock::bench {

inline constexpr net::IpAddress server_address = net::IpAddress::v4(10, 0, 0, 1);
inline constexpr net::IpAddress gateway_address = net::IpAddress::v4(10, 0, 0, 254);
inline constexpr std::uint16_t server_port = 4000;
inline constexpr std::uint32_t message_bytes = 64;

class Crowd {
 public:
  enum class Kind : std::uint8_t {
    piggy,  // the ACK of the last reply, if there was one, and the next request in one datagram
    push,   // the next request alone
    ack,    // the ACK of the last reply alone
  };

  Crowd(std::uint32_t clients, MemoryPort& port);

  std::uint32_t clients() const { return static_cast<std::uint32_t>(states_.size()); }
  // Gives the port one datagram of a client. Throws BenchError when it has no answer to what it asked before.
  void send(std::uint32_t client, Kind kind, Instant now);
  // Takes all that the server sent, compares it, answers its ARP questions; the number of replies. Throws BenchError when
  // a reply differs from its request.
  std::uint32_t take_replies();
  // The ACK of client's last reply is still owed.
  bool owes_ack(std::uint32_t client) const { return states_[client].owes_ack; }

 private:
  struct State {
    std::uint32_t asked = 0;     // requests sent; the next one's sn
    std::uint32_t answered = 0;  // replies received; the next one's sn
    std::uint32_t stamp = 0;     // of the last reply
    bool owes_ack = false;
  };

  void take_datagram(std::span<const std::uint8_t> frame);
  void answer_arp(std::span<const std::uint8_t> frame);
  net::Endpoint endpoint_of(std::uint32_t client) const;

  MemoryPort& port_;
  HeapPool blocks_;
  std::vector<State> states_;
  std::uint32_t replies_ = 0;
};

}  // namespace penstock::bench
