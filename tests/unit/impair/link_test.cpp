// Shows what each fault of a Link does to frames, that its counters add up, that the same seed gives the same fates, and
// that nothing is written into a block that others hold. Frames carry a number; virtual time is stepped by hand.
#include "impair/link.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "buf/arena_pool.hpp"

using namespace penstock;
using impair::Fate;
using impair::Impairment;

namespace {

using RxLink = impair::Link<net::RxFrame>;

constexpr std::uint32_t frame_bytes = 64;

Instant at(std::int64_t us) { return Instant::at_us(us); }

struct Bench {
  explicit Bench(const Impairment& impairment, std::uint32_t copies = 64)
      : memory(RxLink::cost(impairment.queue_frames)),
        arena(memory.bytes()),
        frames(256, 4096),
        copies_pool(256, copies),
        link(arena, impairment, copies_pool, Rng(impairment.seed)) {}

  net::RxFrame frame(std::uint32_t number, std::uint32_t length = frame_bytes) {
    net::RxFrame made;
    made.bytes = Segment::adopt(frames.allocate(), 0, length);
    std::ranges::fill(made.bytes.writable(), std::uint8_t{0});
    std::memcpy(made.bytes.writable().data(), &number, sizeof(number));
    return made;
  }
  static std::uint32_t number_of(const net::RxFrame& frame) {
    std::uint32_t number = 0;
    std::memcpy(&number, frame.bytes.bytes().data(), sizeof(number));
    return number;
  }
  std::vector<std::uint32_t> drain(Instant now) {
    std::vector<std::uint32_t> numbers;
    while (auto got = link.poll(now)) numbers.push_back(number_of(*got));
    return numbers;
  }
  void check_sum() const {
    const auto& c = link.counters();
    CHECK(c.offered + c.duplicated ==
          c.forwarded + c.lost + c.burst_lost + c.partitioned + c.blackholed + c.queue_full + link.held());
  }

  HeapMemory memory;
  Arena arena;
  HeapPool frames;
  HeapPool copies_pool;
  RxLink link;
};

}  // namespace

TEST_CASE("a link without faults hands out everything at once and in order") {
  Bench b({});
  CHECK(b.link.next_deadline().is_never());
  for (std::uint32_t i = 0; i < 10; ++i) CHECK(b.link.offer(b.frame(i), at(5)) == Fate::queued);
  CHECK(b.link.next_deadline() == at(5));
  CHECK(b.drain(at(4)).empty());
  CHECK(b.drain(at(5)) == std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(b.link.held() == 0);
  CHECK(b.frames.whole());
  b.check_sum();
}

TEST_CASE("delay holds each frame back for its time") {
  Bench b({.delay = Duration::ms(20)});
  b.link.offer(b.frame(1), at(0));
  b.link.offer(b.frame(2), at(700));
  CHECK(b.link.next_deadline() == at(20'000));
  CHECK(b.drain(at(19'999)).empty());
  CHECK(b.drain(at(20'000)) == std::vector<std::uint32_t>{1});
  CHECK(b.link.next_deadline() == at(20'700));
  CHECK(b.drain(at(20'700)) == std::vector<std::uint32_t>{2});
}

TEST_CASE("jitter spreads the arrivals, and alone never reorders") {
  Bench b({.delay = Duration::ms(1), .jitter = Duration::ms(9)});
  for (std::uint32_t i = 0; i < 200; ++i) b.link.offer(b.frame(i), at(std::int64_t{i} * 5'000));
  std::vector<std::uint32_t> got;
  std::vector<std::int64_t> late;
  while (!b.link.next_deadline().is_never()) {
    const Instant now = b.link.next_deadline();
    for (const std::uint32_t number : b.drain(now)) {
      got.push_back(number);
      late.push_back(now.count_us() - std::int64_t{number} * 5'000);
    }
  }
  REQUIRE(got.size() == 200);
  CHECK(std::ranges::is_sorted(got));
  CHECK(*std::ranges::min_element(late) >= 1'000);
  CHECK(*std::ranges::max_element(late) <= 10'000);
  CHECK(*std::ranges::max_element(late) - *std::ranges::min_element(late) > 7'000);
}

TEST_CASE("reorder lets later frames overtake and loses none") {
  Bench b({.reorder_ppm = 200'000, .delay = Duration::ms(2)});
  for (std::uint32_t i = 0; i < 500; ++i) b.link.offer(b.frame(i), at(i * 50));
  std::vector<std::uint32_t> got = b.drain(at(1'000'000));
  CHECK_FALSE(std::ranges::is_sorted(got));
  CHECK(b.link.counters().reordered > 50);
  CHECK(b.link.counters().reordered < 150);
  std::ranges::sort(got);
  for (std::uint32_t i = 0; i < 500; ++i) REQUIRE(got[i] == i);
}

TEST_CASE("loss takes its share; none and all are exact") {
  const auto lost_of = [](std::uint32_t ppm) {
    Bench b({.loss_ppm = ppm});
    for (std::uint32_t i = 0; i < 10'000; ++i) {
      const bool queued = b.link.offer(b.frame(i), at(i)) == Fate::queued;
      CHECK(queued == (b.drain(at(i)).size() == 1));
    }
    b.check_sum();
    CHECK(b.frames.whole());
    return b.link.counters().lost;
  };
  CHECK(lost_of(0) == 0);
  CHECK(lost_of(1'000'000) == 10'000);
  const std::uint64_t some = lost_of(300'000);
  CHECK(some > 2'800);
  CHECK(some < 3'200);
}

TEST_CASE("a duplicate has the same bytes in a block of its own") {
  Bench b({.duplicate_ppm = 1'000'000});
  b.link.offer(b.frame(7), at(0));
  auto first = b.link.poll(at(0));
  auto second = b.link.poll(at(0));
  REQUIRE(first);
  REQUIRE(second);
  CHECK_FALSE(b.link.poll(at(0)));
  CHECK(first->bytes.block() != second->bytes.block());
  CHECK(std::ranges::equal(first->bytes.bytes(), second->bytes.bytes()));
  CHECK(b.link.counters().duplicated == 1);
  b.check_sum();
}

TEST_CASE("a dry pool or a full queue spares the frame its duplicate and counts") {
  Bench dry({.duplicate_ppm = 1'000'000}, 1);
  dry.copies_pool.keep_back(1);
  CHECK(dry.link.offer(dry.frame(7), at(0)) == Fate::queued);
  CHECK(dry.drain(at(0)).size() == 1);
  CHECK(dry.link.counters().no_copy == 1);

  Bench full({.duplicate_ppm = 1'000'000, .queue_frames = 1});
  CHECK(full.link.offer(full.frame(7), at(0)) == Fate::queued);
  CHECK(full.link.held() == 1);
  CHECK(full.link.counters().no_copy == 1);
  CHECK(full.copies_pool.whole());
  full.check_sum();
}

TEST_CASE("corruption flips one bit behind the Ethernet header, in a copy") {
  Bench b({.corrupt_ppm = 1'000'000});
  for (std::uint32_t i = 0; i < 500; ++i) {
    net::RxFrame original = b.frame(i);
    original.l4_checksum = net::ChecksumState::good;
    original.has_rss_hash = true;
    const Segment shared = original.bytes.share();
    b.link.offer(std::move(original), at(i));
    const auto got = b.link.poll(at(i));
    REQUIRE(got);
    CHECK(got->l4_checksum == net::ChecksumState::unknown);
    CHECK_FALSE(got->has_rss_hash);
    int flipped = 0;
    for (std::uint32_t k = 0; k < frame_bytes; ++k) {
      const int bits = std::popcount(static_cast<unsigned>(got->bytes.bytes()[k] ^ shared.bytes()[k]));
      flipped += bits;
      if (k < 14) CHECK(bits == 0);
    }
    CHECK(flipped == 1);
    CHECK(Bench::number_of({.bytes = shared.share()}) == i);
  }
  CHECK(b.link.counters().corrupted == 500);
}

TEST_CASE("corruption that cannot have a copy leaves the frame as it is") {
  Bench dry({.corrupt_ppm = 1'000'000}, 1);
  dry.copies_pool.keep_back(1);
  dry.link.offer(dry.frame(3), at(0));
  CHECK(dry.drain(at(0)) == std::vector<std::uint32_t>{3});
  CHECK(dry.link.counters().corrupted == 0);
  CHECK(dry.link.counters().no_copy == 1);

  // Nothing lies behind the Ethernet header; and shorter than one.
  Bench tiny({.corrupt_ppm = 1'000'000});
  tiny.link.offer(tiny.frame(3, 14), at(0));
  tiny.link.offer(tiny.frame(4, 4), at(0));
  CHECK(tiny.drain(at(0)) == std::vector<std::uint32_t>{3, 4});
  CHECK(tiny.link.counters().corrupted == 0);
}

TEST_CASE("a frame larger than a block of the pool is neither duplicated nor corrupted") {
  Bench b({.duplicate_ppm = 1'000'000, .corrupt_ppm = 1'000'000});
  HeapPool large(1024, 1);
  net::RxFrame frame;
  frame.bytes = Segment::adopt(large.allocate(), 0, 1000);
  b.link.offer(std::move(frame), at(0));
  CHECK(b.drain(at(0)).size() == 1);
  CHECK(b.link.counters().no_copy == 2);
  CHECK(large.whole());
}

TEST_CASE("the rate sets departures to the bit, and an idle line saves nothing up") {
  // 64 bytes at 1 Mbit/s take 512 µs.
  Bench b({.rate_bits_per_second = 1'000'000});
  for (std::uint32_t i = 0; i < 3; ++i) b.link.offer(b.frame(i), at(1'000));
  CHECK(b.link.next_deadline() == at(1'512));
  CHECK(b.drain(at(1'512)).size() == 1);
  CHECK(b.drain(at(2'023)).empty());
  CHECK(b.drain(at(2'024)).size() == 1);
  CHECK(b.drain(at(2'536)).size() == 1);
  b.link.offer(b.frame(9), at(100'000));
  CHECK(b.link.next_deadline() == at(100'512));
}

TEST_CASE("short frames at a high rate do not lose their fractions of a microsecond") {
  // 64 bytes at 1 Gbit/s take 512 ns: a thousand of them 512 µs.
  Bench b({.rate_bits_per_second = 1'000'000'000});
  for (std::uint32_t i = 0; i < 1'000; ++i) b.link.offer(b.frame(i), at(0));
  CHECK(b.drain(at(511)).size() == 998);
  CHECK(b.drain(at(512)).size() == 2);
}

TEST_CASE("the queue is bounded and drops its tail") {
  Bench b({.rate_bits_per_second = 1'000'000, .queue_frames = 4});
  std::uint32_t refused = 0;
  for (std::uint32_t i = 0; i < 10; ++i) refused += b.link.offer(b.frame(i), at(0)) == Fate::queue_full ? 1U : 0U;
  CHECK(refused == 6);
  CHECK(b.link.counters().queue_full == 6);
  CHECK(b.drain(at(1'000'000)) == std::vector<std::uint32_t>{0, 1, 2, 3});
  CHECK(b.link.offer(b.frame(11), at(1'000'000)) == Fate::queued);
  b.check_sum();
}

TEST_CASE("while cut everything offered is lost; what is under way arrives; healing lets all through") {
  Bench b({.delay = Duration::ms(1)});
  b.link.offer(b.frame(1), at(0));
  b.link.cut(true);
  CHECK(b.link.offer(b.frame(2), at(10)) == Fate::partitioned);
  b.link.cut(false);
  b.link.offer(b.frame(3), at(20));
  CHECK(b.drain(at(5'000)) == std::vector<std::uint32_t>{1, 3});
  CHECK(b.link.counters().partitioned == 1);
  b.check_sum();
}

TEST_CASE("a change counts from now on and keeps the order of what is under way") {
  Bench b({.delay = Duration::ms(50)});
  b.link.offer(b.frame(1), at(0));
  b.link.change({});
  b.link.offer(b.frame(2), at(10));
  CHECK(b.drain(at(49'999)).empty());
  CHECK(b.drain(at(50'000)) == std::vector<std::uint32_t>{1, 2});
}

TEST_CASE("the same seed gives the same fates, another one others") {
  const auto run = [](std::uint64_t seed) {
    Bench b({.loss_ppm = 200'000,
             .duplicate_ppm = 100'000,
             .reorder_ppm = 100'000,
             .corrupt_ppm = 50'000,
             .delay = Duration::ms(1),
             .jitter = Duration::ms(3),
             .seed = seed});
    for (std::uint32_t i = 0; i < 300; ++i) b.link.offer(b.frame(i), at(10 * i));
    std::vector<std::int64_t> log;
    while (!b.link.next_deadline().is_never()) {
      const Instant now = b.link.next_deadline();
      while (const auto got = b.link.poll(now)) {
        log.push_back(now.count_us());
        for (const std::uint8_t byte : got->bytes.bytes()) log.push_back(byte);
      }
    }
    b.check_sum();
    return log;
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}

TEST_CASE("a link that goes lets go of what it held") {
  HeapPool frames(256, 4);
  {
    const Impairment slow{.delay = Duration::seconds(10)};
    Bench b(slow);
    net::RxFrame frame;
    frame.bytes = Segment::adopt(frames.allocate(), 0, 64);
    b.link.offer(std::move(frame), at(0));
    CHECK_FALSE(frames.whole());
  }
  CHECK(frames.whole());
}

TEST_CASE("a sent frame with linked payload is flattened when it is copied") {
  HeapPool pool(2048, 8);
  HeapMemory memory(impair::Link<net::TxFrame>::cost(8));
  Arena arena(memory.bytes());
  impair::Link<net::TxFrame> link(arena, {.duplicate_ppm = 1'000'000, .queue_frames = 8}, pool, Rng(1));
  net::TxFrame frame;
  frame.head = Segment::adopt(pool.allocate(), 128, 42);
  std::ranges::fill(frame.head.writable(), std::uint8_t{1});
  frame.link = Segment::adopt(pool.allocate(), 0, 600);
  std::ranges::fill(frame.link.writable(), std::uint8_t{2});
  frame.l2_bytes = 14;
  frame.l3_bytes = 20;
  frame.is_v4 = true;
  link.offer(std::move(frame), at(0));
  const auto first = link.poll(at(0));
  const auto twin = link.poll(at(0));
  REQUIRE(first);
  REQUIRE(twin);
  CHECK(first->link.length() == 600);
  CHECK_FALSE(twin->link.holds());
  CHECK(twin->bytes() == 642);
  CHECK(twin->head.bytes()[41] == 1);
  CHECK(twin->head.bytes()[42] == 2);
  CHECK(twin->l2_bytes == 14);
  CHECK(twin->l3_bytes == 20);
  CHECK(twin->is_v4);
}
