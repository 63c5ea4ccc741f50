// Shows that segments come out once and in order, whole messages only, within the window and never beyond the memory, and
// that no frg can wedge it (PROTOCOLS 6.2).
// How: a Receiver alone, fed in chosen and random orders, against a naive model.
#include "proto/kcp/receiver.hpp"

#include <catch2/catch.hpp>

#include "proto/kcp/world.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

namespace {

using Place = Receiver::Place;

Options streaming() {
  Options options;
  options.stream = true;
  return options;
}

struct Bench {
  explicit Bench(const Options& options = {}, Seq32 first = {}, const WorldSize& size = {})
      : world(options, 1, size), receiver(first) {}
  ~Bench() {
    receiver.release(world.env);
    world.check_whole();
  }
  Place place(std::uint32_t sn) const { return receiver.place_of(Seq32(sn), world.env.options); }
  bool fits(std::uint32_t sn, std::uint8_t frg) const {
    return receiver.fragment_fits(Seq32(sn), frg, world.env.options);
  }
  bool store(std::uint32_t sn, std::string_view bytes, std::uint8_t frg = 0) {
    REQUIRE(place(sn) == Place::fresh);
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    return receiver.store(Seq32(sn), frg, world.datagram({data, bytes.size()}), world.env);
  }
  std::string receive() {
    std::string text;
    while (auto received = receiver.poll_receive(world.env)) {
      text.append(received->bytes.bytes().begin(), received->bytes.bytes().end());
      if (received->message_ends) text += '|';
    }
    return text;
  }
  std::uint32_t window() const { return receiver.window(world.env.options); }

  World world;
  Receiver receiver;
};

}  // namespace

TEST_CASE("segments come out in order whatever order they came in") {
  // rule: 4.A push-stored-in-order
  Bench bench;
  REQUIRE(bench.store(2, "c"));
  REQUIRE(bench.store(1, "b"));
  CHECK(bench.receive().empty());
  CHECK(bench.receiver.una().raw() == 0);
  REQUIRE(bench.store(0, "a"));
  CHECK(bench.receiver.una().raw() == 3);
  CHECK(bench.receive() == "a|b|c|");
  CHECK(bench.world.memory.in_use_bytes() == 0);
}

// The default stall timeout is 120 s, an eighth of it 15 s.
TEST_CASE("a gap stays when its sender was heard in nine eighths of the stall timeout, however often in each") {
  const std::int64_t start_ms = GENERATE(0, 61'425'000, 982'785'000);  // the eighth's 12 bits: 0, 4,095, 4,095 again
  Bench bench;
  const auto hear = [&](std::int64_t ms) { bench.receiver.watch_gap(at_ms(start_ms + ms), bench.world.env.options); };
  hear(0);
  REQUIRE(bench.store(1, "b"));
  for (std::int64_t eighth = 0; eighth < 8; ++eighth) {
    for (std::int64_t ms = 0; ms < 15'000; ms += 1'000) hear(eighth * 15'000 + ms);
    REQUIRE(!bench.receiver.gap_stays());
  }
  hear(120'000);
  CHECK(bench.receiver.gap_stays());
  hear(1'000'000);
  CHECK(bench.receiver.gap_stays());
}

TEST_CASE("silence is not held against the sender of what is missing") {
  Bench bench;
  REQUIRE(bench.store(1, "b"));
  for (std::int64_t s : {0, 100, 400, 1'000, 5'000}) bench.receiver.watch_gap(at_ms(s * 1000), bench.world.env.options);
  CHECK(!bench.receiver.gap_stays());
}

TEST_CASE("what fills a gap begins the count of the next one") {
  Bench bench;
  REQUIRE(bench.store(0, "a"));
  REQUIRE(bench.store(2, "c"));
  REQUIRE(bench.store(4, "e"));
  for (std::int64_t s = 0; s < 120; s += 15) bench.receiver.watch_gap(at_ms(s * 1000), bench.world.env.options);
  REQUIRE(bench.store(1, "b"));  // now 3 is missing
  for (std::int64_t s = 120; s < 240; s += 15) bench.receiver.watch_gap(at_ms(s * 1000), bench.world.env.options);
  CHECK(!bench.receiver.gap_stays());
  REQUIRE(bench.store(3, "d"));
  bench.receiver.watch_gap(at_ms(300'000), bench.world.env.options);
  CHECK(!bench.receiver.gap_stays());
  CHECK(bench.receive() == "a|b|c|d|e|");
}

TEST_CASE("a segment that is held or was handed out is a duplicate") {
  Bench bench;
  REQUIRE(bench.store(0, "a"));
  REQUIRE(bench.store(2, "c"));
  CHECK(bench.place(0) == Place::duplicate);
  CHECK(bench.place(2) == Place::duplicate);
  CHECK(bench.place(1) == Place::fresh);
  CHECK(bench.receive() == "a|");
  CHECK(bench.place(0) == Place::duplicate);
  CHECK(bench.place(0xffff'ffff) == Place::duplicate);
  CHECK(bench.place(0xc0ff'ee01) == Place::duplicate);
}

TEST_CASE("the window begins at the next segment to be handed out") {
  // rule: 4.A push-beyond-window-dropped
  Bench bench;
  CHECK(bench.place(127) == Place::fresh);
  CHECK(bench.place(128) == Place::beyond);
  // As in ikcp (TESTING F3), a sn about half the circle away is beyond rather than long past.
  CHECK(bench.place(0x8000'0001) == Place::beyond);
  for (std::uint32_t sn = 0; sn < 10; ++sn) REQUIRE(bench.store(sn, "x"));
  // Not taken by the service yet: the window has not moved, and what is free of it is advertised.
  CHECK(bench.place(128) == Place::beyond);
  CHECK(bench.window() == 118);
  bench.receive();
  CHECK(bench.place(137) == Place::fresh);
  CHECK(bench.place(138) == Place::beyond);
  CHECK(bench.window() == 128);
}

TEST_CASE("a message comes out only when it is whole") {
  // rule: 4.A message-whole-only
  Bench bench;
  REQUIRE(bench.store(0, "one,", 2));
  REQUIRE(bench.store(1, "two,", 1));
  CHECK(!bench.receiver.receivable(bench.world.env.options));
  CHECK(bench.receive().empty());
  REQUIRE(bench.store(3, "next", 0));
  REQUIRE(bench.store(2, "three", 0));
  const auto whole = bench.receiver.receivable(bench.world.env.options);
  REQUIRE(whole);
  CHECK(whole->segments == 3);
  CHECK(whole->bytes == 13);
  const auto first = bench.receiver.poll_receive(bench.world.env);
  REQUIRE(first);
  CHECK(!first->message_ends);
  CHECK(bench.receiver.receivable(bench.world.env.options)->segments == 2);
  CHECK(bench.receive() == "two,three|next|");
  CHECK(bench.world.counters.messages_received == 2);
  CHECK(bench.world.counters.bytes_received == 17);
}

TEST_CASE("an empty message is handed out, an empty stretch of a stream is not") {
  Bench message;
  REQUIRE(message.store(0, ""));
  CHECK(message.receiver.receivable(message.world.env.options)->segments == 1);
  CHECK(message.receive() == "|");

  Bench stream(streaming());
  REQUIRE(stream.store(0, ""));
  CHECK(stream.window() == 128);
  CHECK(stream.world.memory.in_use_bytes() == 0);
  REQUIRE(stream.store(1, "a"));
  REQUIRE(stream.store(2, ""));
  REQUIRE(stream.store(3, "b"));
  CHECK(stream.receiver.receivable(stream.world.env.options)->bytes == 2);
  CHECK(stream.receive() == "ab");
  CHECK(stream.window() == 128);
}

TEST_CASE("a stream hands out what is in order and ignores frg") {
  Bench bench(streaming());
  CHECK(bench.fits(0, 255));
  REQUIRE(bench.store(0, "a", 200));
  REQUIRE(bench.store(1, "b", 7));
  REQUIRE(bench.store(3, "d"));
  const auto some = bench.receiver.receivable(bench.world.env.options);
  CHECK(some->segments == 2);
  CHECK(some->bytes == 2);
  CHECK(bench.receive() == "ab");
  CHECK(bench.world.counters.messages_received == 0);
}

TEST_CASE("a frg whose message could not complete is refused at first sight") {
  Bench bench;
  CHECK(bench.fits(0, 127));
  CHECK(!bench.fits(0, 128));
  CHECK(!bench.fits(0, 200));
  CHECK(!bench.fits(0, 255));
  Options wide;
  wide.rcv_wnd = 1000;
  Bench larger(wide);
  CHECK(larger.fits(0, 254));
  CHECK(!larger.fits(0, 255));
}

TEST_CASE("frg must count down by one beside the neighbours that are held") {
  Bench bench;
  REQUIRE(bench.store(0, "a", 3));
  for (unsigned frg = 0; frg < 128; ++frg) CHECK(bench.fits(1, static_cast<std::uint8_t>(frg)) == (frg == 2));
  REQUIRE(bench.store(2, "c", 1));
  for (unsigned frg = 0; frg < 128; ++frg) CHECK(bench.fits(1, static_cast<std::uint8_t>(frg)) == (frg == 2));
  for (unsigned frg = 0; frg < 128; ++frg) CHECK(bench.fits(3, static_cast<std::uint8_t>(frg)) == (frg == 0));
  REQUIRE(bench.store(10, "z", 0));
  // Behind a last fragment anything may begin; before one must come 1, or another last one.
  CHECK(bench.fits(11, 50));
  for (unsigned frg = 0; frg < 128; ++frg) CHECK(bench.fits(9, static_cast<std::uint8_t>(frg)) == (frg <= 1));
}

TEST_CASE("whatever passes the checks never shuts the window by itself") {
  // The wedge of PROTOCOLS 6.2 as a property: random frg at random places. A peer may leave a gap that nothing fits, as it
  // may leave any gap; what is in order is always the beginning of one message that has room in the window.
  std::uint32_t handed = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Bench bench;
    Rng rng(seed);
    for (int step = 0; step < 4000; ++step) {
      const auto sn = static_cast<std::uint32_t>(bench.receiver.una().raw() + rng.below(6));
      const auto frg = static_cast<std::uint8_t>(rng.below(50) == 0 ? rng.below(256) : rng.below(30) == 0 ? 1 : 0);
      if (bench.place(sn) != Place::fresh || !bench.fits(sn, frg)) continue;
      REQUIRE(bench.store(sn, "x", frg));
      while (auto received = bench.receiver.poll_receive(bench.world.env)) ++handed;
      INFO("seed " << seed << " step " << step);
      REQUIRE(bench.receiver.undelivered() < 128);
      REQUIRE(bench.window() > 0);
    }
  }
  CHECK(handed > 1'000);
}

TEST_CASE("random order, duplicates and pauses of the service give the same bytes") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Rng rng(seed);
    Options options;
    options.stream = rng.below(2) == 0;
    options.rcv_wnd = static_cast<std::uint32_t>(128 + rng.below(400));
    const auto start = static_cast<std::uint32_t>(rng.below(2) == 0 ? 0 : 0u - 300);
    Bench bench(options, Seq32(start), {.memory_bytes = 1u << 20, .datagrams = 2000});
    std::string expected;
    std::string got;
    std::vector<std::pair<std::string, std::uint8_t>> segments;
    while (segments.size() < 1500) {
      const auto count = 1 + rng.below(5);
      for (std::uint64_t i = 0; i < count; ++i) {
        std::string text(1 + rng.below(20), static_cast<char>('a' + rng.below(26)));
        expected += text;
        segments.emplace_back(std::move(text), static_cast<std::uint8_t>(options.stream ? 0 : count - 1 - i));
      }
      if (!options.stream) expected += '|';
    }
    for (int step = 0; bench.receiver.una() != Seq32(start) + static_cast<std::uint32_t>(segments.size()); ++step) {
      REQUIRE(step < 200'000);
      const auto index =
          static_cast<std::uint32_t>(bench.receiver.una().distance_from(Seq32(start)) + rng.between(-5, 60));
      if (index < segments.size() && bench.place(start + index) == Place::fresh) {
        REQUIRE(bench.fits(start + index, segments[index].second));
        REQUIRE(bench.store(start + index, segments[index].first, segments[index].second));
      }
      if (rng.below(20) == 0) got += bench.receive();
      if (rng.below(5) == 0) bench.receiver.keep(rng.below(4) == 0, bench.world.env);
    }
    got += bench.receive();
    INFO("seed " << seed);
    CHECK(got == expected);
  }
}

TEST_CASE("keep copies what is fresh into small blocks, and all of it when buffers are scarce") {
  Bench bench;
  REQUIRE(bench.store(1, "small"));
  REQUIRE(bench.store(2, std::string(2100, 'b')));
  CHECK(bench.world.pool.available() == 1022);
  bench.receiver.keep(false, bench.world.env);
  // Both save: 5 bytes and 2100 bytes each held a block of 9216.
  CHECK(bench.world.pool.whole());
  REQUIRE(bench.store(3, std::string(2177, 'c')));
  bench.receiver.keep(true, bench.world.env);
  CHECK(bench.world.pool.available() == 1023);
  REQUIRE(bench.store(0, "first"));
  CHECK(bench.receive() == "first|small|" + std::string(2100, 'b') + "|" + std::string(2177, 'c') + "|");
}

TEST_CASE("two segments of one datagram are copied only when buffers are scarce") {
  Bench bench;
  const Bytes bytes(200, 'x');
  Segment datagram = bench.world.datagram(bytes);
  REQUIRE(bench.receiver.store(Seq32(1), 0, datagram.share(0, 100), bench.world.env));
  REQUIRE(bench.receiver.store(Seq32(2), 0, std::move(datagram), bench.world.env));
  bench.receiver.keep(false, bench.world.env);
  CHECK(!bench.world.pool.whole());
  bench.receiver.keep(true, bench.world.env);
  CHECK(bench.world.pool.whole());
}

TEST_CASE("without ring memory a segment is not stored") {
  Bench bench({}, {}, {.memory_bytes = 1024});
  REQUIRE(bench.store(0, "a", 1));
  void* rest = bench.world.memory.take(512);
  REQUIRE(rest != nullptr);
  CHECK(!bench.store(20, "z"));
  CHECK(bench.place(20) == Place::fresh);
  REQUIRE(bench.store(1, "b", 0));
  CHECK(bench.receive() == "ab|");
  bench.world.memory.give(rest, 512);
}
