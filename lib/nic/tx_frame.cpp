#include "nic/tx_frame.hpp"

#include <rte_mbuf.h>

#include <cstring>

namespace penstock::nic {

namespace {

// The block's mbuf, or nullptr for arena memory, which no NIC can read.
rte_mbuf* mbuf_of(const Segment& segment) { return static_cast<rte_mbuf*>(segment.block()->owner); }

void write_head(rte_mbuf* mbuf, std::uint32_t offset, std::uint32_t length, const net::TxFrame& frame) {
  mbuf->data_off = static_cast<std::uint16_t>(offset);
  mbuf->data_len = static_cast<std::uint16_t>(length);
  mbuf->pkt_len = length;
  mbuf->nb_segs = 1;
  mbuf->next = nullptr;
  mbuf->tx_offload = 0;
  mbuf->ol_flags = 0;
  if (!frame.offload_ip_checksum && !frame.offload_udp_checksum) return;
  mbuf->l2_len = frame.l2_bytes & 0x7f;
  mbuf->l3_len = frame.l3_bytes & 0x1ff;
  mbuf->ol_flags = frame.is_v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
  if (frame.offload_ip_checksum) mbuf->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
  if (frame.offload_udp_checksum) mbuf->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
}

// The whole frame in a fresh block, with the headroom that drivers like to write into.
rte_mbuf* copy_frame(const net::TxFrame& frame, MbufPool& blocks) {
  PENSTOCK_ASSERT(frame.bytes() <= blocks.block_bytes() - mbuf_headroom_bytes);
  Block* block = blocks.allocate();
  if (block == nullptr) return nullptr;
  block->refs = 0;  // the NIC's from the start
  std::uint8_t* to = block->data + mbuf_headroom_bytes;
  std::memcpy(to, frame.head.bytes().data(), frame.head.length());
  if (frame.link.holds()) std::memcpy(to + frame.head.length(), frame.link.bytes().data(), frame.link.length());
  auto* mbuf = static_cast<rte_mbuf*>(block->owner);
  write_head(mbuf, mbuf_headroom_bytes, frame.bytes(), frame);
  return mbuf;
}

// An indirect mbuf on the link's bytes, which holds the link's own mbuf; nullptr when none is to be had.
rte_mbuf* attach_link(const Segment& link, rte_mempool* indirect) {
  rte_mbuf* mbuf = indirect == nullptr || mbuf_of(link) == nullptr ? nullptr : rte_mbuf_raw_alloc(indirect);
  if (mbuf == nullptr) return nullptr;
  mbuf->ol_flags = 0;
  rte_pktmbuf_attach(mbuf, mbuf_of(link));
  // attach() copied the fields of another use of that mbuf; these are ours.
  mbuf->ol_flags = RTE_MBUF_F_INDIRECT;
  mbuf->tx_offload = 0;
  mbuf->data_off = static_cast<std::uint16_t>(link.offset());
  mbuf->data_len = static_cast<std::uint16_t>(link.length());
  mbuf->pkt_len = link.length();
  return mbuf;
}

// Gives the head's own mbuf to the NIC, for good or beside us.
rte_mbuf* hold_head(net::TxFrame& frame, PreparedFrame& prepared) {
  rte_mbuf* mbuf = mbuf_of(frame.head);
  write_head(mbuf, frame.head.offset(), frame.head.length(), frame);
  if (frame.head.unique()) {
    prepared.hold = HeadHold::moved;
    // Before the ring takes it: afterwards the driver may have freed it, and another core taken it.
    frame.head.block()->refs = 0;
  } else {
    prepared.hold = HeadHold::shared;
    rte_mbuf_refcnt_update(mbuf, 1);
  }
  return mbuf;
}

}  // namespace

rte_mbuf* prepare_frame(net::TxFrame& frame, MbufPool& blocks, rte_mempool* indirect, PreparedFrame& prepared) {
  PENSTOCK_ASSERT(frame.head.holds() && frame.l2_bytes < 128 && frame.l3_bytes < 512);
  prepared = {};
  const bool own_mbuf = mbuf_of(frame.head) != nullptr && rte_mbuf_refcnt_read(mbuf_of(frame.head)) == 1;
  if (own_mbuf && frame.link.empty()) return hold_head(frame, prepared);

  if (own_mbuf) {
    if (rte_mbuf* link = attach_link(frame.link, indirect)) {
      prepared.linked = true;
      rte_mbuf* mbuf = hold_head(frame, prepared);
      mbuf->next = link;
      mbuf->nb_segs = 2;
      mbuf->pkt_len += link->data_len;
      return mbuf;
    }
    prepared.copied = true;
    if (frame.head.unique() && frame.head.tailroom() >= frame.link.length()) {
      const Segment& head = frame.head;
      std::memcpy(head.block()->data + head.offset() + head.length(), frame.link.bytes().data(), frame.link.length());
      rte_mbuf* mbuf = hold_head(frame, prepared);
      mbuf->data_len = static_cast<std::uint16_t>(frame.bytes());
      mbuf->pkt_len = frame.bytes();
      return mbuf;
    }
  }
  prepared.copied = true;
  prepared.hold = HeadHold::copied;
  return copy_frame(frame, blocks);
}

void finish_frame(net::TxFrame& frame, const PreparedFrame& prepared) {
  if (prepared.hold == HeadHold::moved) frame.head.detach();
  else frame.head.reset();
  frame.link.reset();
}

void undo_frame(net::TxFrame& frame, const PreparedFrame& prepared, rte_mbuf* mbuf) {
  if (prepared.hold == HeadHold::copied) {
    rte_pktmbuf_free_seg(mbuf);
    return;
  }
  if (prepared.linked) {
    rte_pktmbuf_free_seg(mbuf->next);
    mbuf->next = nullptr;
    mbuf->nb_segs = 1;
  }
  if (prepared.hold == HeadHold::moved) frame.head.block()->refs = 1;
  else rte_mbuf_refcnt_update(mbuf, -1);
}

}  // namespace penstock::nic
