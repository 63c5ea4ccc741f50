// FlowOwnership: which worker owns a flow, computed from its addresses and never observed from where a packet arrived.
//
// On a port with RSS it is the queue that the NIC itself computes: reta[Toeplitz(key, tuple)]. Without, a keyed hash is
// spread over the workers. Sessions of a listener whose clients may move belong to hash(conv), so that a client keeps its
// owner when its address changes. Every worker computes the same answer from the same configuration: the SipKey is the node's.
// Pure after construction, one copy a worker.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/siphash.hpp"
#include "net/address.hpp"
#include "net/path.hpp"
#include "session/flow_key.hpp"

namespace penstock {

// The Toeplitz hash of RSS over `input`, bytes in network order, under `key` (Microsoft, "RSS hashing functions"). The
// key has at least four bytes more than the input.
std::uint32_t toeplitz(std::span<const std::uint8_t> key, std::span<const std::uint8_t> input);
// The same over what a NIC takes from a UDP packet: source and destination address, and with `ports` source and
// destination port. Both addresses are of one family. The key has 40 bytes or more (16 do for IPv4 alone).
std::uint32_t rss_hash(std::span<const std::uint8_t> key, const net::Endpoint& source, const net::Endpoint& destination,
                       bool ports);

// What a port's RSS does, as `nic` read it back from the device (PortInfo).
struct RssView {
  std::span<const std::uint8_t> key;    // empty: the port does not hash
  std::span<const std::uint16_t> reta;  // worker (= queue) of each entry of the redirection table
  bool ports_v4 = false;                // UDP ports are hashed over IPv4 …
  bool ports_v6 = false;                // … and over IPv6; else the addresses alone
};

class FlowOwnership {
 public:
  static constexpr std::size_t rss_key_bytes_min = 40;

  // For one port. Copies what `rss` points to. An RSS key has 40 bytes or more, for IPv6 addresses and ports; every entry
  // of the redirection table is below `workers`.
  FlowOwnership(Arena& arena, const RssView& rss, std::uint32_t workers, SipKey key);
  static std::size_t cost(const RssView& rss);

  // The owner of a flow that comes by `path`: `remote` is the packet's source. `roams` as its listener says.
  std::uint32_t owner(const net::Path& path, bool roams, std::uint32_t conv) const {
    return roams ? owner_of_conv(conv) : owner_of_path(path);
  }
  // Of a client that keeps to its address, and of one that may move.
  std::uint32_t owner_of_path(const net::Path& path) const;
  std::uint32_t owner_of_conv(std::uint32_t conv) const;
  bool uses_rss() const { return !rss_key_.empty(); }
  // The hash that the NIC should have put into the packet, to check it against the mbuf's. Only with RSS.
  std::uint32_t expected_rss_hash(const net::Path& path) const;
  // The worker to which the redirection table sends a hash. Only with RSS.
  std::uint32_t queue_of(std::uint32_t rss) const { return reta_[rss % reta_.size()]; }

 private:
  // Keeps the hash apart from the flow table's: else each worker would use only its share of the table's buckets.
  static constexpr std::uint64_t domain = 0x72656e776f776f6c;

  std::uint32_t spread(std::uint64_t hashed) const;

  std::span<std::uint8_t> rss_key_;
  std::span<std::uint16_t> reta_;
  bool ports_v4_;
  bool ports_v6_;
  std::uint32_t workers_;
  SipKey key_;
};

}  // namespace penstock
