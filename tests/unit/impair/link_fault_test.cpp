// Shows the faults of a Link that look into frames or remember: bursts of losses, blackholes, marks, releases, cuts, and
// what becomes of them when they are changed under way. Virtual time is stepped by hand; where chance decides, figures are
// compared with what the chain of two states has to yield.
#include <catch2/catch.hpp>
#include <vector>

#include "buf/arena_pool.hpp"
#include "impair/ip_header.hpp"
#include "impair/link.hpp"

using namespace penstock;
using impair::Ecn;
using impair::Fate;
using impair::Impairment;
using impair::Ways;

namespace {

using RxLink = impair::Link<net::RxFrame>;

Instant at(std::int64_t us) { return Instant::at_us(us); }

struct Bench {
  explicit Bench(const Impairment& impairment)
      : memory(RxLink::cost(impairment.queue_frames)),
        arena(memory.bytes()),
        frames(2048, 4096),
        copies(2048, 64),
        link(arena, impairment, copies, Rng(impairment.seed)) {}
  ~Bench() {
    const auto& c = link.counters();
    CHECK(c.offered + c.duplicated ==
          c.forwarded + c.lost + c.burst_lost + c.partitioned + c.blackholed + c.queue_full + link.held());
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // A frame of 14 bytes and a packet of `packet` bytes with `number` at its end.
  net::RxFrame frame(std::uint8_t number, std::uint16_t packet = 100, bool v4 = true, Ecn ecn = Ecn::ect0) {
    net::RxFrame made;
    made.bytes = Segment::adopt(frames.allocate(), 0, 14U + packet);
    const auto bytes = made.bytes.writable();
    std::ranges::fill(bytes, std::uint8_t{0});
    const auto set = [&](std::size_t place, unsigned value) { bytes[place] = static_cast<std::uint8_t>(value); };
    set(12, v4 ? 0x08 : 0x86);
    set(13, v4 ? 0x00 : 0xdd);
    set(14, v4 ? 0x45 : 0x60);
    set(15, static_cast<unsigned>(ecn) << (v4 ? 0 : 4));
    const unsigned length = v4 ? packet : packet - 40U;
    set(v4 ? 16 : 18, length >> 8);
    set(v4 ? 17 : 19, length & 0xff);
    bytes.back() = number;
    made.ip_checksum = net::ChecksumState::good;
    made.l4_checksum = net::ChecksumState::good;
    return made;
  }
  std::vector<std::uint8_t> drain(Instant now) {
    std::vector<std::uint8_t> numbers;
    while (auto got = link.poll(now)) numbers.push_back(got->bytes.bytes().back());
    return numbers;
  }

  HeapMemory memory;
  Arena arena;
  HeapPool frames;
  HeapPool copies;
  RxLink link;
};

// The fates of `count` frames, one a step, as 1 for lost.
std::vector<int> losses(Bench& b, int count) {
  std::vector<int> made;
  for (int i = 0; i < count; ++i) {
    const Fate fate = b.link.offer(b.frame(0), at(i));
    made.push_back(fate == Fate::queued ? 0 : 1);
    b.drain(at(i));
  }
  return made;
}

}  // namespace

TEST_CASE("losses come in bursts of the length and the share that the two states yield") {
  // A burst begins with 1 % of the frames and lasts 10 on average: 1/11 of all are in one.
  Bench b({.burst_begin_ppm = 10'000, .burst_end_ppm = 100'000});
  const std::vector<int> lost = losses(b, 100'000);
  int runs = 0;
  for (std::size_t i = 1; i < lost.size(); ++i) runs += lost[i] == 1 && lost[i - 1] == 0 ? 1 : 0;
  const auto& c = b.link.counters();
  CHECK(c.lost == 0);
  CHECK(c.burst_lost > 8'000);
  CHECK(c.burst_lost < 10'300);
  CHECK(c.bursts == static_cast<std::uint64_t>(runs));
  const auto mean_times_10 = static_cast<int>(c.burst_lost * 10) / runs;
  CHECK(mean_times_10 > 90);
  CHECK(mean_times_10 < 110);
}

TEST_CASE("between bursts the other loss applies, and within one its own, each counted by itself") {
  Bench b({.loss_ppm = 50'000, .burst_begin_ppm = 20'000, .burst_end_ppm = 20'000, .burst_loss_ppm = 500'000});
  losses(b, 100'000);
  const auto& c = b.link.counters();
  CHECK(c.lost > 1'900);  // 5 % of the half of the frames that are in no burst
  CHECK(c.lost < 3'100);
  CHECK(c.burst_lost > 21'000);  // half of the others
  CHECK(c.burst_lost < 29'000);
}

TEST_CASE("bursts do not shift the luck of the other faults") {
  const auto corrupted = [](std::uint32_t begin_ppm) {
    Bench b({.burst_begin_ppm = begin_ppm, .burst_end_ppm = 300'000, .burst_loss_ppm = 0, .corrupt_ppm = 100'000});
    std::vector<std::uint64_t> made;
    for (int i = 0; i < 1'000; ++i) {
      b.link.offer(b.frame(0), at(i));
      made.push_back(b.link.counters().corrupted);
      b.drain(at(i));
    }
    return made;
  };
  CHECK(corrupted(0) == corrupted(200'000));
}

TEST_CASE("a burst is over when bursts are switched off") {
  Bench b({.burst_begin_ppm = 1'000'000, .burst_end_ppm = 1});
  CHECK(b.link.offer(b.frame(1), at(0)) == Fate::burst_lost);
  b.link.change({});
  CHECK(b.link.offer(b.frame(2), at(0)) == Fate::queued);
  b.link.change({.burst_begin_ppm = 1, .burst_end_ppm = 1});
  CHECK(b.link.offer(b.frame(3), at(0)) == Fate::queued);
  CHECK(b.link.counters().bursts == 1);
}

TEST_CASE("packets longer than the blackhole lets pass vanish, and no others") {
  Bench b({.blackhole_bytes = 1'200});
  for (const bool v4 : {true, false}) {
    CHECK(b.link.offer(b.frame(1, 1'200, v4), at(0)) == Fate::queued);
    CHECK(b.link.offer(b.frame(2, 1'201, v4), at(0)) == Fate::blackholed);
  }
  // Padding does not make a packet longer, and what is no IP packet has no such length.
  net::RxFrame padded = b.frame(3, 1'300);
  padded.bytes.writable()[16] = 0;
  CHECK(b.link.offer(std::move(padded), at(0)) == Fate::queued);
  net::RxFrame other = b.frame(4, 1'300);
  other.bytes.writable()[13] = 0x06;
  CHECK(b.link.offer(std::move(other), at(0)) == Fate::queued);
  CHECK(b.link.counters().blackholed == 2);
  CHECK(b.drain(at(0)).size() == 4);
}

TEST_CASE("what waits longer than the threshold for the rate is marked, if its sender takes marks") {
  // A frame of 125 bytes takes 1 ms at 1 Mbit/s; those behind two others wait longer than 2 ms.
  Bench b({.rate_bits_per_second = 1'000'000, .ecn = Duration::ms(2)});
  const auto offer = [&](bool v4, Ecn ecn) { b.link.offer(b.frame(0, 111, v4, ecn), at(0)); };
  offer(true, Ecn::ect0);
  offer(true, Ecn::ect0);
  for (const bool v4 : {true, false}) {
    for (const Ecn ecn : {Ecn::not_ect, Ecn::ect0, Ecn::ect1, Ecn::ce}) offer(v4, ecn);
  }
  std::vector<Ecn> got;
  while (auto frame = b.link.poll(at(1'000'000))) {
    got.push_back(impair::ip_header_of(frame->bytes.bytes())->ecn);
    CHECK(frame->ip_checksum == net::ChecksumState::good);
    CHECK(frame->l4_checksum == net::ChecksumState::good);
  }
  CHECK(got == std::vector{Ecn::ect0, Ecn::ect0, Ecn::not_ect, Ecn::ce, Ecn::ce, Ecn::ce, Ecn::not_ect, Ecn::ce,
                           Ecn::ce, Ecn::ce});
  CHECK(b.link.counters().ecn_marked == 4);
  // A delay alone is no queue.
  Bench far({.delay = Duration::ms(50), .ecn = Duration::ms(2)});
  far.link.offer(far.frame(0), at(0));
  CHECK(far.link.counters().ecn_marked == 0);
}

TEST_CASE("a mark is made in a copy, and without a block for one there is none") {
  Bench b({.rate_bits_per_second = 1'000'000, .ecn = Duration::us(1)});
  net::RxFrame ours = b.frame(1);
  const Segment kept = ours.bytes.share(0, ours.bytes.length());
  b.link.offer(std::move(ours), at(0));
  auto marked = b.link.poll(at(1'000'000));
  REQUIRE(marked);
  CHECK(impair::ip_header_of(marked->bytes.bytes())->ecn == Ecn::ce);
  CHECK(impair::ip_header_of(kept.bytes())->ecn == Ecn::ect0);
  b.copies.keep_back(64);
  marked.reset();
  b.link.offer(b.frame(2), at(1'000'000));
  const auto plain = b.link.poll(at(2'000'000));
  REQUIRE(plain);
  CHECK(impair::ip_header_of(plain->bytes.bytes())->ecn == Ecn::ect0);
  CHECK(b.link.counters().no_copy == 1);
}

TEST_CASE("what falls into a hold leaves at its end, at once and in order") {
  Bench b({.delay = Duration::ms(1), .hold_every = Duration::ms(100), .hold = Duration::ms(30)});
  b.link.offer(b.frame(1), at(98'000));   // leaves at 99, before the hold
  b.link.offer(b.frame(2), at(99'000));   // at 100, where it begins
  b.link.offer(b.frame(3), at(110'000));  // within
  b.link.offer(b.frame(4), at(128'999));  // at its last moment
  b.link.offer(b.frame(5), at(129'000));  // behind it
  b.link.offer(b.frame(6), at(150'000));
  CHECK(b.drain(at(99'000)) == std::vector<std::uint8_t>{1});
  CHECK(b.drain(at(129'999)).empty());
  CHECK(b.link.next_deadline() == at(130'000));
  CHECK(b.drain(at(130'000)) == std::vector<std::uint8_t>{2, 3, 4, 5});
  CHECK(b.drain(at(151'000)) == std::vector<std::uint8_t>{6});
  CHECK(b.link.counters().held_back == 3);
}

TEST_CASE("a full hold drops its tail") {
  Bench b({.queue_frames = 3, .hold_every = Duration::ms(100), .hold = Duration::ms(30)});
  for (std::uint8_t i = 0; i < 5; ++i) b.link.offer(b.frame(i), at(10'000));
  CHECK(b.link.counters().queue_full == 2);
  CHECK(b.drain(at(30'000)) == std::vector<std::uint8_t>{0, 1, 2});
}

TEST_CASE("each direction suffers what it is to suffer") {
  const Impairment all{.loss_ppm = 5, .delay = Duration::ms(1), .queue_frames = 7, .seed = 9};
  CHECK(all.toward(Ways::receive).loss_ppm == 5);
  CHECK(all.toward(Ways::send).loss_ppm == 5);
  CHECK(all.toward(Ways::send).partition == Ways::none);
  Impairment one = all;
  one.direction = Ways::send;
  one.partition = Ways::receive;
  CHECK(one.toward(Ways::send).delay == Duration::ms(1));
  CHECK(one.toward(Ways::send).partition == Ways::none);
  CHECK(one.toward(Ways::receive).loss_ppm == 0);
  CHECK(one.toward(Ways::receive).delay == Duration());
  CHECK(one.toward(Ways::receive).queue_frames == 7);
  CHECK(one.toward(Ways::receive).partition == Ways::both);
}

TEST_CASE("a cut is an impairment, and what is under way arrives") {
  Bench b({.delay = Duration::ms(5)});
  b.link.offer(b.frame(1), at(0));
  b.link.change({.delay = Duration::ms(5), .partition = Ways::both});
  CHECK(b.link.offer(b.frame(2), at(0)) == Fate::partitioned);
  b.link.change({});
  CHECK(b.link.offer(b.frame(3), at(1'000)) == Fate::queued);
  CHECK(b.drain(at(5'000)) == std::vector<std::uint8_t>{1, 3});
  CHECK(b.link.counters().partitioned == 1);
}

TEST_CASE("the queue can be made shorter under way, and longer again up to its memory") {
  Bench b({.delay = Duration::ms(5), .queue_frames = 4});
  const auto room = [&](std::uint32_t queue_frames) {
    b.link.change({.delay = Duration::ms(5), .queue_frames = queue_frames});
    std::uint32_t taken = 0;
    while (b.link.offer(b.frame(0), at(0)) == Fate::queued) ++taken;
    b.drain(at(1'000'000));
    return taken;
  };
  CHECK(room(2) == 2);
  CHECK(room(100) == 4);
  // More under way than the new queue holds: nothing is taken until it has room.
  b.link.change({.delay = Duration::ms(5), .queue_frames = 4});
  for (int i = 0; i < 3; ++i) b.link.offer(b.frame(0), at(0));
  b.link.change({.queue_frames = 1});
  CHECK(b.link.room() == 0);
  b.drain(at(1'000'000));
  CHECK(b.link.room() == 1);
}
