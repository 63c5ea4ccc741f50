// Shows what becomes of every kind of received mbuf: taken as it is, copied, or dropped by name; what the port's flags are
// worth; and that no mbuf is lost on any way.
#include <catch2/catch.hpp>

#include "dpdk_fixture.hpp"
#include "nic/rx_frame.hpp"

using namespace penstock;
using namespace penstock::nic;
using namespace penstock::nic::test;
using net::ChecksumState;
using net::DropReason;

namespace {

constexpr RxTrust trust_all = {.ip_checksum = true, .l4_checksum = true, .rss_hash = true};

}  // namespace

TEST_CASE("rx_frame: a plain mbuf is taken without a copy") {
  const auto pool = make_pool(3);
  const auto bytes = pattern(1, 900);
  rte_mbuf* mbuf = received(*pool, bytes);
  const auto* data = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
  net::RxFrame frame;
  const RxTaken result = take_in(mbuf, *pool, trust_all, frame);
  CHECK(result.taken);
  CHECK_FALSE(result.copied);
  CHECK(frame.bytes.bytes().data() == data);
  CHECK(frame.bytes.unique());
  CHECK(frame.bytes.offset() == mbuf_headroom_bytes);
  CHECK(bytes_of(frame.bytes) == bytes);
  frame.bytes.reset();
  CHECK(pool->available() == 3);
}

TEST_CASE("rx_frame: a chain is copied into one block, with headroom") {
  const auto pool = make_pool(7);
  const auto bytes = pattern(2, 1500);
  net::RxFrame frame;
  const RxTaken result = take_in(received(*pool, bytes, {14, 20, 1, 0, 1465}), *pool, trust_all, frame);
  CHECK(result.taken);
  CHECK(result.copied);
  CHECK(bytes_of(frame.bytes) == bytes);
  CHECK(frame.bytes.offset() == mbuf_headroom_bytes);
  CHECK(pool->available() == 6);
  frame.bytes.reset();
  CHECK(pool->available() == 7);
}

TEST_CASE("rx_frame: a chain that exactly fills a block is copied, one byte more is dropped") {
  const auto pool = make_pool(7, 1128);
  const auto fill = [&](std::uint32_t length) {
    net::RxFrame frame;
    const RxTaken result = take_in(received(*pool, pattern(3, length), {600, length - 600}), *pool, {}, frame);
    CHECK(frame.bytes.holds() == result.taken);
    return result;
  };
  CHECK(fill(1000).taken);
  const RxTaken refused = fill(1001);
  CHECK_FALSE(refused.taken);
  CHECK(refused.reason == DropReason::rx_multi_segment);
  CHECK(pool->available() == 7);
}

TEST_CASE("rx_frame: a chain without a block to copy into is rx_copy_no_block") {
  const auto from = make_pool(3);
  const auto pool = make_pool(1);
  Segment holder = segment_of(*pool, pattern(4, 10));
  net::RxFrame frame;
  RxTaken result = take_in(received(*from, pattern(4, 300), {100, 200}), *pool, {}, frame);
  CHECK_FALSE(result.taken);
  CHECK(result.reason == DropReason::rx_copy_no_block);
  // One that would not fit any block is not a matter of blocks.
  result = take_in(received(*from, pattern(4, 2049), {1000, 1049}), *pool, {}, frame);
  CHECK(result.reason == DropReason::rx_multi_segment);
  CHECK_FALSE(frame.bytes.holds());
  CHECK(from->available() == 3);
}

TEST_CASE("rx_frame: an indirect mbuf and a shared one are rx_multi_segment, and the other holder keeps his") {
  const auto pool = make_pool(3);
  const auto indirect = make_indirect(3);
  net::RxFrame frame;

  rte_mbuf* direct = received(*pool, pattern(5, 64));
  rte_mbuf* link = rte_pktmbuf_alloc(indirect->mempool());
  rte_pktmbuf_attach(link, direct);
  RxTaken result = take_in(link, *pool, {}, frame);
  CHECK_FALSE(result.taken);
  CHECK(result.reason == DropReason::rx_multi_segment);
  CHECK(indirect->free_everywhere() == 3);
  CHECK(rte_mbuf_refcnt_read(direct) == 1);

  rte_mbuf_refcnt_update(direct, 1);
  result = take_in(direct, *pool, {}, frame);
  CHECK_FALSE(result.taken);
  CHECK(result.reason == DropReason::rx_multi_segment);
  CHECK(rte_mbuf_refcnt_read(direct) == 1);
  rte_pktmbuf_free(direct);
  CHECK(pool->available() == 3);
}

TEST_CASE("rx_frame: a chain whose sum lies is dropped") {
  const auto pool = make_pool(7);
  net::RxFrame frame;
  for (const std::uint32_t lie : {299u, 301u, 0u, 4'000'000'000u}) {
    rte_mbuf* chain = received(*pool, pattern(6, 300), {100, 200});
    chain->pkt_len = lie;
    const RxTaken result = take_in(chain, *pool, {}, frame);
    CHECK_FALSE(result.taken);
    CHECK(result.reason == DropReason::rx_multi_segment);
    CHECK(pool->available() == 7);
  }
}

TEST_CASE("rx_frame: a chain longer than its sum says does not run over its block") {
  const auto from = make_pool(7);
  const auto pool = make_pool(2);
  Segment first = segment_of(*pool, pattern(1, 2176), 0);
  Segment second = segment_of(*pool, pattern(2, 2176), 0);
  const bool first_is_lower = first.block() < second.block();
  Segment& neighbour = first_is_lower ? second : first;
  (first_is_lower ? first : second).reset();  // the copy will go into the lower one
  rte_mbuf* chain = received(*from, pattern(3, 3000), {1500, 1500});
  chain->pkt_len = 300;
  net::RxFrame frame;
  CHECK(take_in(chain, *pool, {}, frame).reason == DropReason::rx_multi_segment);
  CHECK(bytes_of(neighbour) == pattern(first_is_lower ? 2 : 1, 2176));
  neighbour.reset();
  CHECK(pool->available() == 2);
  CHECK(from->available() == 7);
}

TEST_CASE("rx_frame: an empty frame is the stack's to refuse") {
  const auto pool = make_pool(1);
  net::RxFrame frame;
  CHECK(take_in(received(*pool, {}), *pool, {}, frame).taken);
  CHECK(frame.bytes.length() == 0);
}

TEST_CASE("rx_frame: the four words of a port on each checksum") {
  CHECK(ip_state_of(RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN) == ChecksumState::unknown);
  CHECK(ip_state_of(RTE_MBUF_F_RX_IP_CKSUM_GOOD) == ChecksumState::good);
  CHECK(ip_state_of(RTE_MBUF_F_RX_IP_CKSUM_BAD) == ChecksumState::bad);
  CHECK(ip_state_of(RTE_MBUF_F_RX_IP_CKSUM_NONE) == ChecksumState::unknown);
  CHECK(l4_state_of(RTE_MBUF_F_RX_L4_CKSUM_UNKNOWN) == ChecksumState::unknown);
  CHECK(l4_state_of(RTE_MBUF_F_RX_L4_CKSUM_GOOD) == ChecksumState::good);
  CHECK(l4_state_of(RTE_MBUF_F_RX_L4_CKSUM_BAD) == ChecksumState::bad);
  CHECK(l4_state_of(RTE_MBUF_F_RX_L4_CKSUM_NONE) == ChecksumState::unknown);
  // One says nothing of the other.
  CHECK(ip_state_of(RTE_MBUF_F_RX_L4_CKSUM_GOOD) == ChecksumState::unknown);
  CHECK(l4_state_of(RTE_MBUF_F_RX_IP_CKSUM_BAD) == ChecksumState::unknown);
}

TEST_CASE("rx_frame: flags and hash reach the frame where they are trusted, for copies as well") {
  const auto pool = make_pool(7);
  const bool chained = GENERATE(false, true);
  const auto take = [&](RxTrust trust, std::uint64_t flags) {
    const std::vector<std::uint32_t> parts =
        chained ? std::vector<std::uint32_t>{30, 30} : std::vector<std::uint32_t>{60};
    rte_mbuf* mbuf = received(*pool, pattern(7, 60), parts);
    mbuf->ol_flags = flags;
    mbuf->hash.rss = 0xdeadbeef;
    net::RxFrame frame;
    frame.rss_hash = 1;  // of an earlier use of the array
    frame.has_rss_hash = true;
    frame.l4_checksum = ChecksumState::good;
    const RxTaken result = take_in(mbuf, *pool, trust, frame);
    CHECK(result.taken);
    return std::pair(std::move(frame), result.partial_l4_sum);
  };
  const std::uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_RSS_HASH;

  auto [trusted, trusted_partial] = take(trust_all, good);
  CHECK(trusted.ip_checksum == ChecksumState::good);
  CHECK(trusted.l4_checksum == ChecksumState::good);
  CHECK(trusted.has_rss_hash);
  CHECK(trusted.rss_hash == 0xdeadbeef);
  CHECK_FALSE(trusted_partial);

  auto [unasked, unasked_partial] = take({}, good | RTE_MBUF_F_RX_L4_CKSUM_NONE);
  CHECK(unasked.ip_checksum == ChecksumState::unknown);
  CHECK(unasked.l4_checksum == ChecksumState::unknown);
  CHECK_FALSE(unasked.has_rss_hash);
  CHECK(unasked.rss_hash == 0);
  CHECK_FALSE(unasked_partial);

  auto [bare, bare_partial] = take(trust_all, 0);
  CHECK_FALSE(bare.has_rss_hash);
  CHECK(bare.l4_checksum == ChecksumState::unknown);
  CHECK_FALSE(bare_partial);

  auto [partial, is_partial] = take(trust_all, RTE_MBUF_F_RX_L4_CKSUM_NONE);
  CHECK(partial.l4_checksum == ChecksumState::unknown);
  CHECK(is_partial);
}
