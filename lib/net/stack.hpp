// Stack: one worker's Ethernet, ARP, IPv4, IPv6, ND, ICMP and UDP, as a machine without I/O.
//
// The engine gives it received frames and time; it yields UDP packets for the sessions, and frames to send. It holds the
// interfaces (an interface is a port and a tag stack with its addresses and routes), the neighbour cache with its bounded
// pending queue, and the rate limits. All memory comes from the arena at construction. One core owns a Stack; what one
// worker learns of neighbours reaches the others as NeighborNews over the hand-off rings.
//
// Ownership: take_in() leaves the frame's bytes in the RxFrame only when it returns `udp`, and then `Packet::payload`
// holds them; otherwise the frame was let go. send_udp() and poll_transmit() hand out frames that the caller owns.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/arena.hpp"
#include "base/rng.hpp"
#include "base/siphash.hpp"
#include "base/time.hpp"
#include "buf/block.hpp"
#include "buf/out_datagram.hpp"
#include "net/address.hpp"
#include "net/drop_reason.hpp"
#include "net/frame.hpp"
#include "net/path.hpp"

namespace penstock::net {

// A route of an interface: destinations in `prefix` are reached through the next hop `via`.
struct Route {
  Prefix prefix;
  IpAddress via;
};

// One interface as configured: addresses live on a port and a tag stack.
struct InterfaceConfig {
  std::uint16_t port = 0;  // the engine's port number
  TagStack tags;
  MacAddress mac;
  std::vector<Prefix> addresses;  // own addresses with the length of their on-link prefix
  std::vector<Route> routes;      // static routes; gateways are routes of length 0
  // Every address in these is ours, too, from the start. Nobody asks the link for them and nothing announces them: the
  // peers route them to one of `addresses`.
  std::vector<Prefix> local_prefixes;
};

struct StackConfig {
  std::vector<PortTraits> ports;
  std::vector<RxChecksumPolicy> rx_checksum;  // per port
  std::vector<InterfaceConfig> interfaces;
  std::uint32_t neighbors_max = 4096;       // next hops, IPv4 and IPv6 together
  std::uint32_t pending_frames_max = 1024;  // frames that wait for a MAC address, all next hops together
  std::uint32_t pending_per_hop_max = 64;
  std::uint32_t icmp_per_second = 1000;  // echo replies and unreachables we send, each
  // True on the one worker that announces: gratuitous ARP, unsolicited advertisement, duplicate address detection.
  bool announces = true;
  // True where several workers share the ports: an answer may reach a worker that did not ask, so it becomes NeighborNews
  // for the others instead of a drop.
  bool shares_news = false;
};

// A UDP datagram for the sessions.
struct Packet {
  Path path;              // interface, local and remote endpoint; replies go out by it
  Segment payload;        // the UDP payload; headroom of the frame lies before it
  MacAddress source_mac;  // who sent the frame: answers that keep no state go back to it
  std::uint16_t ip_bytes =
      0;  // IP and UDP headers that lie in front of `payload` in its block; 0 when they do not (a copy)
  std::uint32_t rss_hash = 0;
  bool has_rss_hash = false;
};

// What one worker learnt and the others must know. Trivially copyable: it crosses cores.
struct NeighborNews {
  enum class Kind : std::uint8_t { resolved, duplicate_address } kind = Kind::resolved;
  std::uint16_t interface = 0;
  IpAddress address;
  MacAddress mac;
};

class Stack {
 public:
  enum class Intake : std::uint8_t { udp, too_big, handled, dropped };
  enum class SendVerdict : std::uint8_t { ready, queued, dropped };

  // `pool` yields the blocks of frames that the stack makes itself. References must outlive the stack.
  Stack(Arena& arena, const StackConfig& config, BlockPool& pool, DropCounters& drops, SipKey key, Rng rng);
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  // What the constructor takes of an arena.
  static std::size_t cost(const StackConfig& config);

  // A frame received on `port`. `udp`: `packet` is filled. `too_big`: somebody says that a datagram of ours is too long for its
  // path; `packet` has its path and as much of its payload as was quoted, all of it unproven. `handled`: it was ours (ARP, ND, ICMP); should its answer be
  // lost, that counts as a loss on the way out. `dropped`: counted.
  Intake take_in(std::uint16_t port, RxFrame& frame, Packet& packet, Instant now);
  // Tells the sender that no listener is there (ICMP port unreachable, rate-limited) and counts udp_no_listener.
  void refuse(const Packet& packet, Instant now);

  // Puts UDP, IP and Ethernet headers in front of `datagram`, whose head block has at least `headroom_bytes` free and whose
  // path begins at an address of ours. `ready`: `frame` and `port` are filled. `queued`: it waits for the next hop's MAC.
  // `dropped`: counted. The datagram is taken over in each case.
  SendVerdict send_udp(Path& path, OutDatagram&& datagram, TxFrame& frame, std::uint16_t& port, Instant now);
  // The largest UDP payload that the interface of `path` carries without fragments.
  std::uint16_t payload_max(const Path& path) const;
  // Whether poll_transmit() has anything to look at: most turns it has not.
  bool wants_transmit() const;
  // Frames of the stack's own making, and datagrams whose next hop became known. False when there are none.
  bool poll_transmit(TxFrame& frame, std::uint16_t& port, Instant now);

  // Rides over duplicate address detection, neighbour retries and ageing. Call when now ≥ next_deadline().
  void on_timeout(Instant now);
  Instant next_deadline() const;
  // The port's link came up: announce its addresses. Down: its resolved neighbours must be asked for again. A port begins
  // down; IPv6 addresses are ours only a second after its link came up, when duplicate address detection is over.
  void on_link(std::uint16_t port, bool up, Instant now);

  // News for the other workers, and from them.
  std::optional<NeighborNews> poll_news();
  void apply(const NeighborNews& news, Instant now);

  // The way to `remote` from one of our addresses: picks interface and source address; nothing when there is no route.
  std::optional<Path> path_to(const Endpoint& remote, std::uint16_t local_port) const;
  // True when `address` is ours on `interface`: it lies in a local prefix, or passed duplicate address detection.
  bool owns(std::uint16_t interface, const IpAddress& address) const;
  // Multicast MAC addresses that a port must let in for us (solicited-node groups, all-nodes).
  static std::vector<MacAddress> multicast_groups(const StackConfig& config, std::uint16_t port);
  // Frames that wait for a next hop's MAC address: part of what is `held`.
  std::uint32_t pending_frames() const;
  // What the stack writes to beside the arena, on cache lines of its own.
  std::span<const std::byte> memory() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Bytes that send_udp() needs in front of a datagram: Ethernet, two tags, IPv6, UDP, rounded up to keep data aligned.
inline constexpr std::uint32_t headroom_bytes = 128;

}  // namespace penstock::net
