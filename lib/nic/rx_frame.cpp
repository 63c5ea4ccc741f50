#include "nic/rx_frame.hpp"

#include <rte_mbuf.h>

#include <cstring>
#include <utility>

namespace penstock::nic {

namespace {

// The frame may become ours without a copy: its bytes lie in its own room, in one piece, and nobody else holds them.
bool is_plain(const rte_mbuf* mbuf) {
  return mbuf->nb_segs == 1 && RTE_MBUF_DIRECT(mbuf) && rte_mbuf_refcnt_read(mbuf) == 1;
}

Segment adopt(rte_mbuf* mbuf) {
  auto* block = static_cast<Block*>(rte_mbuf_to_priv(mbuf));
  // Set-up gave the RX ring our pools only; an mbuf from elsewhere has no Block.
  PENSTOCK_ASSERT(block->owner == mbuf && block->refs == 0);
  block->refs = 1;
  return Segment::adopt(block, mbuf->data_off, mbuf->data_len);
}

// The chain's bytes in one block, behind the headroom that every received frame has. Holds nothing when it does not fit
// (`reason` stays) or no block is free.
Segment copy_chain(const rte_mbuf* chain, MbufPool& pool, net::DropReason& reason) {
  const std::uint32_t room = pool.block_bytes() - mbuf_headroom_bytes;
  if (chain->pkt_len > room) return {};
  Block* block = pool.allocate();
  if (block == nullptr) {
    reason = net::DropReason::rx_copy_no_block;
    return {};
  }
  std::uint32_t length = 0;
  for (const rte_mbuf* part = chain; part != nullptr && part->data_len <= room - length; part = part->next) {
    std::memcpy(block->data + mbuf_headroom_bytes + length, rte_pktmbuf_mtod(part, const std::uint8_t*),
                part->data_len);
    length += part->data_len;
  }
  Segment bytes = Segment::adopt(block, mbuf_headroom_bytes, length);
  // The driver's sum of the parts is not what the parts are: the frame is torn.
  if (length != chain->pkt_len) bytes.reset();
  return bytes;
}

// A frame that cannot become ours as it is. Apart from the rest, so that nobody's result lies in memory.
[[gnu::noinline]] RxTaken take_copy(rte_mbuf* mbuf, MbufPool& pool, net::RxFrame& frame) {
  RxTaken result;
  Segment copy;
  if (mbuf->nb_segs > 1) copy = copy_chain(mbuf, pool, result.reason);
  rte_pktmbuf_free(mbuf);
  if (!copy.holds()) return result;
  frame.bytes = std::move(copy);
  result.taken = true;
  result.copied = true;
  return result;
}

net::ChecksumState state_of(bool good, bool bad) {
  // Both bits together are RTE_MBUF_F_RX_…_CKSUM_NONE; see the header.
  if (good == bad) return net::ChecksumState::unknown;
  return good ? net::ChecksumState::good : net::ChecksumState::bad;
}

}  // namespace

net::ChecksumState ip_state_of(std::uint64_t ol_flags) {
  return state_of((ol_flags & RTE_MBUF_F_RX_IP_CKSUM_GOOD) != 0, (ol_flags & RTE_MBUF_F_RX_IP_CKSUM_BAD) != 0);
}

net::ChecksumState l4_state_of(std::uint64_t ol_flags) {
  return state_of((ol_flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD) != 0, (ol_flags & RTE_MBUF_F_RX_L4_CKSUM_BAD) != 0);
}

RxTaken take_in(rte_mbuf* mbuf, MbufPool& pool, RxTrust trust, net::RxFrame& frame) {
  const std::uint64_t flags = mbuf->ol_flags;
  const std::uint32_t hash = mbuf->hash.rss;
  RxTaken result{.taken = true};
  if (is_plain(mbuf)) {
    frame.bytes = adopt(mbuf);
  } else {
    result = take_copy(mbuf, pool, frame);
    if (!result.taken) return result;
  }
  frame.ip_checksum = trust.ip_checksum ? ip_state_of(flags) : net::ChecksumState::unknown;
  frame.l4_checksum = trust.l4_checksum ? l4_state_of(flags) : net::ChecksumState::unknown;
  frame.has_rss_hash = trust.rss_hash && (flags & RTE_MBUF_F_RX_RSS_HASH) != 0;
  frame.rss_hash = frame.has_rss_hash ? hash : 0;
  result.partial_l4_sum = trust.l4_checksum && (flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
  return result;
}

}  // namespace penstock::nic
