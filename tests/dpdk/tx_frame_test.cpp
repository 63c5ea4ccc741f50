// Shows what mbufs a TxFrame becomes on each way (moved, shared, linked, folded, copied), that all ways carry the same bytes
// and offload flags, and that undoing restores every Segment, count and byte.
#include <catch2/catch.hpp>
#include <functional>

#include "buf/arena_pool.hpp"
#include "dpdk_fixture.hpp"
#include "nic/tx_frame.hpp"

using namespace penstock;
using namespace penstock::nic;
using namespace penstock::nic::test;

namespace {

struct Fixture {
  std::unique_ptr<MbufPool> pool = make_pool(15);
  std::unique_ptr<IndirectPool> indirect = make_indirect(7);
  HeapPool heap{2048, 4};
  std::vector<std::uint8_t> head_bytes = pattern(1, 66);
  std::vector<std::uint8_t> link_bytes = pattern(2, 1400);
  PreparedFrame prepared;

  std::vector<std::uint8_t> both() const {
    std::vector<std::uint8_t> bytes = head_bytes;
    bytes.insert(bytes.end(), link_bytes.begin(), link_bytes.end());
    return bytes;
  }
  bool whole() const { return pool->available() == 15 && indirect->free_everywhere() == 7 && heap.whole(); }

  // What the counts of a frame are, to be compared before and after.
  static std::vector<std::uint64_t> counts(const net::TxFrame& frame) {
    std::vector<std::uint64_t> counts;
    for (const Segment* segment : {&frame.head, &frame.link}) {
      if (!segment->holds()) continue;
      const auto* mbuf = static_cast<const rte_mbuf*>(segment->block()->owner);
      counts.insert(counts.end(),
                    {segment->block()->refs, segment->offset(), segment->length(),
                     mbuf == nullptr ? 0u : rte_mbuf_refcnt_read(mbuf), mbuf == nullptr ? 1u : mbuf->nb_segs,
                     mbuf != nullptr && mbuf->next != nullptr ? 1u : 0u});
    }
    return counts;
  }

  // Sends the frame on one way and undoes it before on the same: the bytes must be `bytes` both times.
  void check_way(net::TxFrame& frame, rte_mempool* links, const std::vector<std::uint8_t>& bytes, HeadHold hold,
                 bool linked, bool copied) {
    const auto before = counts(frame);
    const auto head_before = bytes_of(frame.head);
    const auto* head_block = frame.head.block();
    const auto free_before = pool->available();
    const auto links_before = indirect->free_everywhere();
    for (const bool ring_takes : {false, true}) {
      rte_mbuf* mbuf = prepare_frame(frame, *pool, links, prepared);
      REQUIRE(mbuf != nullptr);
      CHECK(prepared.hold == hold);
      CHECK(prepared.linked == linked);
      CHECK(prepared.copied == copied);
      CHECK(bytes_of(mbuf) == bytes);
      CHECK(mbuf->nb_segs == (linked ? 2 : 1));
      CHECK(mbuf->data_off >= mbuf_headroom_bytes);
      if (!ring_takes) {
        undo_frame(frame, prepared, mbuf);
        CHECK(counts(frame) == before);
        CHECK(frame.head.block() == head_block);
        CHECK(bytes_of(frame.head) == head_before);
        CHECK(pool->available() == free_before);
        CHECK(indirect->free_everywhere() == links_before);
        continue;
      }
      finish_frame(frame, prepared);
      CHECK_FALSE(frame.head.holds());
      CHECK_FALSE(frame.link.holds());
      CHECK(bytes_of(mbuf) == bytes);
      rte_pktmbuf_free(mbuf);
    }
  }
};

}  // namespace

TEST_CASE("tx_frame: a head of our own moves to the NIC") {
  Fixture f;
  net::TxFrame frame{.head = segment_of(*f.pool, f.head_bytes), .link = {}};
  Block* block = frame.head.block();
  f.check_way(frame, nullptr, f.head_bytes, HeadHold::moved, false, false);
  CHECK(block->refs == 0);
  CHECK(f.whole());
}

TEST_CASE("tx_frame: a shared head is held by both, and returns when both let go") {
  Fixture f;
  net::TxFrame frame{.head = segment_of(*f.pool, f.head_bytes), .link = {}};
  Segment kept = frame.head.share();
  f.check_way(frame, nullptr, f.head_bytes, HeadHold::shared, false, false);
  CHECK(bytes_of(kept) == f.head_bytes);
  CHECK(kept.unique());
  CHECK(f.pool->available() == 14);
  kept.reset();
  CHECK(f.whole());
}

TEST_CASE("tx_frame: a link becomes an indirect mbuf behind a moved or shared head") {
  Fixture f;
  net::TxFrame frame{.head = segment_of(*f.pool, f.head_bytes), .link = segment_of(*f.pool, f.link_bytes, 300)};
  Segment kept = frame.link.share();
  f.check_way(frame, f.indirect->mempool(), f.both(), HeadHold::moved, true, false);
  CHECK(bytes_of(kept) == f.link_bytes);

  frame.head = segment_of(*f.pool, f.head_bytes);
  Segment kept_head = frame.head.share();
  frame.link = kept.share();
  kept.reset();
  f.check_way(frame, f.indirect->mempool(), f.both(), HeadHold::shared, true, false);
  CHECK(bytes_of(kept_head) == f.head_bytes);
  kept_head.reset();
  CHECK(f.whole());
}

TEST_CASE("tx_frame: a payload stays the ring's when the engine forgets it first") {
  Fixture f;
  net::TxFrame frame{.head = segment_of(*f.pool, f.head_bytes), .link = segment_of(*f.pool, f.link_bytes)};
  rte_mbuf* mbuf = prepare_frame(frame, *f.pool, f.indirect->mempool(), f.prepared);
  finish_frame(frame, f.prepared);
  CHECK(f.pool->available() == 13);
  CHECK(bytes_of(mbuf) == f.both());
  rte_pktmbuf_free(mbuf);
  CHECK(f.whole());
}

TEST_CASE("tx_frame: a link carries no flag that its own mbuf has from an earlier use") {
  Fixture f;
  net::TxFrame frame{.head = segment_of(*f.pool, f.head_bytes), .link = segment_of(*f.pool, f.link_bytes)};
  auto* own = static_cast<rte_mbuf*>(frame.link.block()->owner);
  own->ol_flags = RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_TX_TCP_SEG;
  own->tx_offload = 99;
  rte_mbuf* mbuf = prepare_frame(frame, *f.pool, f.indirect->mempool(), f.prepared);
  REQUIRE(mbuf->next != nullptr);
  CHECK(mbuf->next->ol_flags == RTE_MBUF_F_INDIRECT);
  CHECK(mbuf->next->tx_offload == 0);
  finish_frame(frame, f.prepared);
  rte_pktmbuf_free(mbuf);
  CHECK(f.whole());
}

TEST_CASE("tx_frame: head and link may lie in one block") {
  Fixture f;
  Segment frame_bytes = segment_of(*f.pool, f.both());
  net::TxFrame frame{.head = frame_bytes.share(0, 66), .link = frame_bytes.share(66, 1400)};
  frame_bytes.reset();
  f.check_way(frame, f.indirect->mempool(), f.both(), HeadHold::shared, true, false);
  CHECK(f.whole());
}

TEST_CASE("tx_frame: without links the payload is folded behind the head, or both are copied") {
  Fixture f;
  SECTION("behind a head of our own with room") {
    net::TxFrame frame{.head = segment_of(*f.pool, f.head_bytes), .link = segment_of(*f.pool, f.link_bytes)};
    f.check_way(frame, nullptr, f.both(), HeadHold::moved, false, true);
  }
  SECTION("a shared head is not written behind") {
    net::TxFrame frame{.head = segment_of(*f.pool, f.head_bytes), .link = segment_of(*f.pool, f.link_bytes)};
    Segment neighbour = frame.head.share();
    f.check_way(frame, nullptr, f.both(), HeadHold::copied, false, true);
  }
  SECTION("a head without room behind it") {
    net::TxFrame frame{.head = segment_of(*f.pool, f.head_bytes, 2176 - 66), .link = segment_of(*f.pool, f.link_bytes)};
    f.check_way(frame, nullptr, f.both(), HeadHold::copied, false, true);
  }
  SECTION("no indirect mbuf is left") {
    std::vector<rte_mbuf*> taken(7);
    REQUIRE(rte_pktmbuf_alloc_bulk(f.indirect->mempool(), taken.data(), 7) == 0);
    net::TxFrame frame{.head = segment_of(*f.pool, f.head_bytes), .link = segment_of(*f.pool, f.link_bytes)};
    f.check_way(frame, f.indirect->mempool(), f.both(), HeadHold::moved, false, true);
    rte_pktmbuf_free_bulk(taken.data(), 7);
  }
  CHECK(f.whole());
}

TEST_CASE("tx_frame: arena memory is copied, for no NIC can read it") {
  Fixture f;
  SECTION("as the link") {
    net::TxFrame frame{.head = segment_of(*f.pool, f.head_bytes), .link = segment_of(f.heap, f.link_bytes, 0)};
    f.check_way(frame, f.indirect->mempool(), f.both(), HeadHold::moved, false, true);
  }
  SECTION("as the head") {
    net::TxFrame frame{.head = segment_of(f.heap, f.head_bytes, 128), .link = segment_of(*f.pool, f.link_bytes)};
    f.check_way(frame, f.indirect->mempool(), f.both(), HeadHold::copied, false, true);
  }
  SECTION("as the head alone") {
    net::TxFrame frame{.head = segment_of(f.heap, f.head_bytes, 128), .link = {}};
    f.check_way(frame, f.indirect->mempool(), f.head_bytes, HeadHold::copied, false, true);
  }
  CHECK(f.whole());
}

TEST_CASE("tx_frame: a head that still waits in a ring is copied, and the waiting one stays as it was") {
  Fixture f;
  Segment kept = segment_of(*f.pool, f.both());
  net::TxFrame first{.head = kept.share(), .link = {}};
  rte_mbuf* waiting = prepare_frame(first, *f.pool, nullptr, f.prepared);
  finish_frame(first, f.prepared);

  net::TxFrame second{.head = kept.share(0, 66), .link = {}};
  kept.reset();  // now the frame is the only holder, but the ring still has the mbuf
  REQUIRE(second.head.unique());
  f.check_way(second, f.indirect->mempool(), f.head_bytes, HeadHold::copied, false, true);
  CHECK(bytes_of(waiting) == f.both());
  rte_pktmbuf_free(waiting);
  CHECK(f.whole());
}

TEST_CASE("tx_frame: no block to copy into leaves the frame alone") {
  Fixture f;
  net::TxFrame frame{.head = segment_of(f.heap, f.head_bytes, 0), .link = segment_of(f.heap, f.link_bytes, 0)};
  std::vector<Segment> dry;
  while (Block* block = f.pool->allocate()) dry.push_back(Segment::adopt(block, 0, 0));
  const auto before = Fixture::counts(frame);
  CHECK(prepare_frame(frame, *f.pool, f.indirect->mempool(), f.prepared) == nullptr);
  CHECK(Fixture::counts(frame) == before);
  CHECK(bytes_of(frame.head) == f.head_bytes);
  CHECK(bytes_of(frame.link) == f.link_bytes);
}

TEST_CASE("tx_frame: offload flags and lengths follow the frame, and no flag of an earlier use stays") {
  Fixture f;
  const auto way = GENERATE(as<std::string>{}, "moved", "linked", "copied");
  const auto flags_of = [&](bool is_v4, bool ip, bool udp) {
    net::TxFrame frame;
    frame.head = segment_of(way == "copied" ? static_cast<BlockPool&>(f.heap) : *f.pool, f.head_bytes);
    if (way == "linked") frame.link = segment_of(*f.pool, f.link_bytes);
    frame.l2_bytes = 18;
    frame.l3_bytes = is_v4 ? 20 : 40;
    frame.is_v4 = is_v4;
    frame.offload_ip_checksum = ip;
    frame.offload_udp_checksum = udp;
    if (way != "copied") {
      auto* mbuf = static_cast<rte_mbuf*>(frame.head.block()->owner);
      mbuf->ol_flags =
          RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_TCP_SEG;
      mbuf->tx_offload = ~std::uint64_t{0};
    }
    rte_mbuf* mbuf = prepare_frame(frame, *f.pool, f.indirect->mempool(), f.prepared);
    const std::uint64_t flags = mbuf->ol_flags;
    const bool offloads = ip || udp;
    CHECK(mbuf->l2_len == (offloads ? 18 : 0));
    CHECK(mbuf->l3_len == (offloads ? frame.l3_bytes : 0));
    CHECK(mbuf->tso_segsz == 0);
    finish_frame(frame, f.prepared);
    rte_pktmbuf_free(mbuf);
    return flags;
  };
  CHECK(flags_of(true, true, true) == (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM));
  CHECK(flags_of(true, true, false) == (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM));
  CHECK(flags_of(true, false, true) == (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM));
  CHECK(flags_of(false, false, true) == (RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM));
  CHECK(flags_of(true, false, false) == 0);
  CHECK(f.whole());
}
