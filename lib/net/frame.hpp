// RxFrame and TxFrame: an Ethernet frame as a port hands it in and takes it out, with what its hardware knows or shall do.
//
// Offload fields say what the *port* found or offers; a port without offloads leaves `unknown` and the stack computes.
#pragma once

#include <cstdint>

#include "base/time.hpp"
#include "buf/segment.hpp"

namespace penstock::net {

// What the port says of a received checksum.
enum class ChecksumState : std::uint8_t {
  unknown,  // the port did not look: verify in software
  good,     // the port verified it
  bad,      // the port found it wrong
};

struct RxFrame {
  Segment bytes;  // one contiguous frame from the destination MAC on, without FCS
  ChecksumState ip_checksum = ChecksumState::unknown;
  ChecksumState l4_checksum = ChecksumState::unknown;
  bool has_rss_hash = false;
  std::uint32_t rss_hash = 0;  // Toeplitz hash of the port, when has_rss_hash
};

struct TxFrame {
  Segment head;                // the frame from the destination MAC on; the only part unless payload is linked
  Segment link;                // payload that follows the head, or holds nothing
  std::uint16_t l2_bytes = 0;  // Ethernet header with tags
  std::uint16_t l3_bytes = 0;  // IP header; 0 for frames without one
  bool is_v4 = false;
  // The port shall fill these in; the stack sets them only when the port offers it, and then has written the
  // pseudo-header's sum into the UDP checksum field and zero into the IPv4 one.
  bool offload_ip_checksum = false;
  bool offload_udp_checksum = false;
  std::uint32_t bytes() const { return head.length() + link.length(); }
};

// How the stack treats checksums of received packets on a port (`rx_checksum` in the configuration).
enum class RxChecksumPolicy : std::uint8_t {
  verify,       // by the port's word where it gives one, else in software
  trust_local,  // L4 sums are not looked at: the peer is a local veth or guest that leaves them partial
};

// What the stack must know of a port; indexes are the engine's port numbers.
struct PortTraits {
  bool tx_ip_checksum = false;   // the port makes IPv4 header sums
  bool tx_udp_checksum = false;  // the port makes UDP sums
  bool multi_segment = false;    // the port sends head + link as one frame
  std::uint16_t mtu = 1500;      // largest IP packet, bytes
};

}  // namespace penstock::net
