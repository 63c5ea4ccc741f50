// tx_frame: a TxFrame becomes mbufs for the ring in three steps that can be undone.
//
// prepare_frame() makes the mbufs and leaves the TxFrame's Segments alone; then the ring takes them and finish_frame() lets
// go of the Segments, or it does not and undo_frame() restores every count. The head's own mbuf is used while its count is
// one: no earlier send still waits in a ring with the mbuf's one offset and one `next`. It moves to the NIC when only the
// frame holds the block (Block::refs is 0 as in a pool), and gets a second hold when others do, too. In every other case the
// frame is copied into one block of the queue's pool. A link hangs behind the head as an indirect mbuf, or is copied.
// Called by DpdkPort on the queue's core.
#pragma once

#include <cstdint>

#include "net/frame.hpp"
#include "nic/mbuf_pool.hpp"

struct rte_mbuf;
struct rte_mempool;

namespace penstock::nic {

enum class HeadHold : std::uint8_t {
  moved,   // the frame's hold on the block became the NIC's
  shared,  // the NIC holds the mbuf beside the engine
  copied,  // the mbuf is another, with a copy of the bytes
};

struct PreparedFrame {
  HeadHold hold = HeadHold::moved;
  bool linked = false;  // an indirect mbuf follows the head
  bool copied = false;  // bytes of head or link were copied
};

// Makes the frame's mbufs; nullptr when a block to copy into was wanted and none is free. `indirect` may be null: no links.
// A frame must fit a block: the MTU was checked against the pool's blocks at set-up.
rte_mbuf* prepare_frame(net::TxFrame& frame, MbufPool& blocks, rte_mempool* indirect, PreparedFrame& prepared);
// After the ring took the mbuf, which may be free again already.
void finish_frame(net::TxFrame& frame, const PreparedFrame& prepared);
// When it did not: the frame is as it was before prepare_frame().
void undo_frame(net::TxFrame& frame, const PreparedFrame& prepared, rte_mbuf* mbuf);

}  // namespace penstock::nic
