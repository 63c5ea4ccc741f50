// rx_frame: a received mbuf becomes an RxFrame, as it is or copied, or names why not.
//
// What a port's flags are worth (THREATS, "checksum bypass"): a flag counts only where set-up asked the port for that check,
// since mbufs of other origin (net_ring, vhost) carry flags of another meaning. RTE_MBUF_F_RX_L4_CKSUM_NONE says "the sum in
// the packet is not right, but the bytes are": a virtio peer that left its sum partial. It is the sender's word, passed on
// by a switch, so it is no `good`; and no `bad`, since the sum may be a full one. It stays `unknown`: software verifies, and
// drops partial sums, unless the operator set `rx_checksum = "trust_local"`, which looks at no L4 sum of that port.
// Called by DpdkPort on the queue's core.
#pragma once

#include <cstdint>

#include "net/drop_reason.hpp"
#include "net/frame.hpp"
#include "nic/mbuf_pool.hpp"

struct rte_mbuf;

namespace penstock::nic {

// Which words of the port are taken.
struct RxTrust {
  bool ip_checksum = false;
  bool l4_checksum = false;
  bool rss_hash = false;
};

struct RxTaken {
  bool taken = false;  // the frame was filled; otherwise `reason` tells why not
  bool copied = false;
  bool partial_l4_sum = false;  // the sender left the L4 checksum partial
  net::DropReason reason = net::DropReason::rx_multi_segment;
};

// Consumes `mbuf` in every case. `frame` is written only when it is taken; a copy comes from `pool`.
RxTaken take_in(rte_mbuf* mbuf, MbufPool& pool, RxTrust trust, net::RxFrame& frame);

net::ChecksumState ip_state_of(std::uint64_t ol_flags);
net::ChecksumState l4_state_of(std::uint64_t ol_flags);

}  // namespace penstock::nic
