// Shows that a Block lives in its mbuf's private area, that a buffer is free only when the engine and the NIC let go of it
// in either order, and that every count returns to where it was.
#include <catch2/catch.hpp>

#include "base/rng.hpp"
#include "dpdk_fixture.hpp"

using namespace penstock;
using namespace penstock::nic;
using namespace penstock::nic::test;

namespace {

// What no lcore keeps aside.
std::uint32_t in_common_ring(const MbufPool& pool) {
  return rte_mempool_get_ops(pool.mempool()->ops_index)->get_count(pool.mempool());
}

}  // namespace

TEST_CASE("mbuf_pool: a block tells where its mbuf's bytes lie") {
  const auto pool = make_pool(7);
  Block* block = pool->allocate();
  REQUIRE(block != nullptr);
  auto* mbuf = static_cast<rte_mbuf*>(block->owner);
  CHECK(rte_mbuf_to_priv(mbuf) == block);
  CHECK(block->data == mbuf->buf_addr);
  CHECK(block->size == 2176);
  CHECK(block->size == mbuf->buf_len);
  CHECK(block->pool == pool.get());
  CHECK(block->refs == 1);
  CHECK(rte_mbuf_refcnt_read(mbuf) == 1);
  CHECK(reinterpret_cast<std::uintptr_t>(block) % 64 == 0);
  CHECK(reinterpret_cast<std::uintptr_t>(block->data) % 64 == 0);
  Segment::adopt(block, 0, 1).reset();
  CHECK(pool->available() == 7);
}

TEST_CASE("mbuf_pool: runs dry with a nullptr and recovers") {
  const auto pool = make_pool(15);
  std::vector<Segment> held;
  for (int i = 0; i < 15; ++i) {
    Block* block = pool->allocate();
    REQUIRE(block != nullptr);
    held.push_back(Segment::adopt(block, 0, block->size));
  }
  CHECK(pool->available() == 0);
  CHECK(pool->allocate() == nullptr);
  held.pop_back();
  CHECK(pool->available() == 1);
  held.clear();
  CHECK(pool->available() == 15);
  CHECK(pool->free_everywhere() == 15);
}

TEST_CASE("mbuf_pool: the buffer returns when engine and NIC let go, in either order") {
  const auto pool = make_pool(3);
  Block* block = pool->allocate();
  auto* mbuf = static_cast<rte_mbuf*>(block->owner);
  Segment engine = Segment::adopt(block, 0, 10);
  rte_mbuf_refcnt_update(mbuf, 1);  // the NIC's hold

  SECTION("the engine first") {
    engine.reset();
    CHECK(pool->available() == 2);
    rte_pktmbuf_free(mbuf);
  }
  SECTION("the NIC first") {
    rte_pktmbuf_free(mbuf);
    CHECK(pool->available() == 2);
    engine.reset();
  }
  CHECK(pool->available() == 3);
  // Whoever came last, the next holder finds the block as it must be.
  Block* again = pool->allocate();
  CHECK(again->refs == 1);
  CHECK(rte_mbuf_refcnt_read(static_cast<rte_mbuf*>(again->owner)) == 1);
  Segment::adopt(again, 0, 0).reset();
}

TEST_CASE("mbuf_pool: a freed chain leaves mbufs that stand alone") {
  const auto pool = make_pool(3);
  Block* block = pool->allocate();
  auto* head = static_cast<rte_mbuf*>(block->owner);
  Segment engine = Segment::adopt(block, 0, 10);
  rte_mbuf* tail = rte_pktmbuf_alloc(pool->mempool());
  rte_mbuf_refcnt_update(head, 1);
  head->next = tail;
  head->nb_segs = 2;
  rte_pktmbuf_free(head);  // the NIC's hold on the head and all of the tail
  CHECK(pool->available() == 2);
  engine.reset();
  CHECK(pool->available() == 3);
  CHECK(head->next == nullptr);
  CHECK(head->nb_segs == 1);
}

TEST_CASE("mbuf_pool: available counts this lcore's cache and flushing gives it to all") {
  const auto pool = make_pool(1023, 2176, 64);
  Segment::adopt(pool->allocate(), 0, 0).reset();
  CHECK(pool->available() == 1023);
  CHECK(rte_mempool_default_cache(pool->mempool(), rte_lcore_id())->len > 0);
  CHECK(in_common_ring(*pool) < 1023);
  pool->flush_lcore_cache();
  CHECK(in_common_ring(*pool) == 1023);
  CHECK(pool->available() == 1023);
  CHECK(pool->free_everywhere() == 1023);
}

TEST_CASE("mbuf_pool: what cannot be made is refused with a sentence that names it") {
  const auto fault = [](MbufPoolConfig config) {
    const auto pool = MbufPool::create(config);
    return pool ? std::string() : pool.error();
  };
  CHECK_THAT(fault({.name = "empty", .blocks = 0}), Catch::Contains("empty"));
  CHECK_THAT(fault({.name = "narrow", .blocks = 7, .block_bytes = 128}), Catch::Contains("narrow"));
  CHECK_THAT(fault({.name = "wide", .blocks = 7, .block_bytes = 65'536}), Catch::Contains("65536"));
  CHECK_THAT(fault({.name = "vast", .blocks = 4'000'000}), Catch::Contains("vast") && Catch::Contains("memory"));
  CHECK_THAT(fault({.name = std::string(60, 'n'), .blocks = 7}), Catch::Contains("could not be made"));
  const auto pool = make_pool(7);
  const auto twin = MbufPool::create({.name = pool->mempool()->name, .blocks = 7});
  CHECK_FALSE(twin.has_value());
}

TEST_CASE("mbuf_pool: the largest block there is") {
  const auto pool = make_pool(3, 65'535);
  CHECK(pool->block_bytes() == 65'535);
  Segment segment = Segment::adopt(pool->allocate(), 0, 65'535);
  segment.writable().back() = 1;
}

TEST_CASE("mbuf_pool: a cache is never larger than a small pool bears") {
  const auto pool = make_pool(4, 2176, 512);
  std::vector<Segment> held;
  while (Block* block = pool->allocate()) held.push_back(Segment::adopt(block, 0, 0));
  CHECK(held.size() == 4);
}

TEST_CASE("mbuf_pool: indirect mbufs hold what they point to") {
  const auto pool = make_pool(3);
  const auto indirect = make_indirect(7);
  CHECK(indirect->capacity() == 7);
  Segment engine = segment_of(*pool, pattern(1, 100));
  rte_mbuf* link = rte_pktmbuf_alloc(indirect->mempool());
  rte_pktmbuf_attach(link, static_cast<rte_mbuf*>(engine.block()->owner));
  CHECK(indirect->free_everywhere() == 6);
  engine.reset();
  CHECK(pool->available() == 2);
  rte_pktmbuf_free(link);
  CHECK(pool->available() == 3);
  CHECK(indirect->free_everywhere() == 7);
  CHECK_FALSE(IndirectPool::create("none", 0, 0, -1).has_value());
}

// Thousands of random holds by both sides against a plain count of each; the seed is fixed.
TEST_CASE("mbuf_pool: random holds end with a whole pool") {
  const auto pool = make_pool(31, 2176, 8);
  Rng rng(20);
  std::vector<Segment> engine;
  std::vector<rte_mbuf*> nic;
  for (int step = 0; step < 20'000; ++step) {
    switch (rng.below(5)) {
      case 0:
        if (Block* block = pool->allocate()) engine.push_back(Segment::adopt(block, 0, 64));
        break;
      case 1:
        if (!engine.empty() && engine.size() < 100) engine.push_back(engine[rng.below(engine.size())].share());
        break;
      case 2:
        if (!engine.empty() && nic.size() < 100) {
          auto* mbuf = static_cast<rte_mbuf*>(engine[rng.below(engine.size())].block()->owner);
          rte_mbuf_refcnt_update(mbuf, 1);
          nic.push_back(mbuf);
        }
        break;
      case 3:
        if (!engine.empty()) {
          std::swap(engine[rng.below(engine.size())], engine.back());
          engine.pop_back();
        }
        break;
      default:
        if (!nic.empty()) {
          std::swap(nic[rng.below(nic.size())], nic.back());
          rte_pktmbuf_free(nic.back());
          nic.pop_back();
        }
    }
    REQUIRE(pool->available() <= pool->capacity());
  }
  engine.clear();
  for (rte_mbuf* mbuf : nic) rte_pktmbuf_free(mbuf);
  CHECK(pool->free_everywhere() == 31);
}
