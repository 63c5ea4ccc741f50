// Shows that no bytes whatever crash the machine, make it assert, take memory for good or write beyond its bounds.
// How: 200,000 datagrams against sessions that send and receive at the same time: random bytes, valid ones mutated, and
// segments whose fields are drawn from the edges. The build with sanitizers is where this shows most.
#include <catch2/catch.hpp>

#include "proto/kcp/world.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

namespace {

std::uint32_t edge(Rng& rng, std::uint32_t near) {
  switch (rng.below(6)) {
    case 0: return near + static_cast<std::uint32_t>(rng.between(-3, 3));
    case 1: return near + static_cast<std::uint32_t>(rng.between(-200, 200));
    case 2: return near + 0x7fff'ffffu + static_cast<std::uint32_t>(rng.between(-2, 2));
    case 3: return rng.next32();
    case 4: return 0u - static_cast<std::uint32_t>(rng.below(3));
    default: return near;
  }
}

class Attacker {
 public:
  explicit Attacker(Rng& rng) : rng_(rng) {}

  Bytes datagram(const std::vector<Bytes>& heard) {
    const auto dice = rng_.below(10);
    Bytes bytes;
    if (dice == 0) {
      bytes.resize(rng_.below(200));
      for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng_.next());
    } else if (dice < 3 && !heard.empty()) {
      bytes = heard[rng_.below(heard.size())];
    } else {
      for (std::uint64_t i = 1 + rng_.below(6); i > 0; --i) append_segment(bytes);
    }
    if (rng_.below(4) == 0) mutate(bytes);
    return bytes;
  }
  // What the session told last: near it lie the interesting numbers.
  void hear(const Bytes& bytes) {
    for (const Parsed& segment : parse(bytes)) {
      una_ = segment.header.una.raw();
      if (segment.header.command != Command::push) continue;
      sn_ = segment.header.sn.raw();
      stamp_ = segment.header.stamp.raw();
    }
  }

 private:
  void append_segment(Bytes& bytes) {
    Wire segment;
    segment.command = static_cast<Command>(81 + rng_.below(4));
    if (rng_.below(50) == 0) segment.command = static_cast<Command>(rng_.below(256));
    segment.sn = segment.command == Command::ack ? edge(rng_, sn_) : edge(rng_, una_);
    segment.una = rng_.below(3) == 0 ? edge(rng_, sn_) : 0;
    segment.ts = edge(rng_, stamp_);
    segment.wnd = static_cast<std::uint16_t>(rng_.below(3) == 0 ? rng_.below(3) : rng_.below(65'536));
    segment.frg = static_cast<std::uint8_t>(rng_.below(3) == 0 ? rng_.below(256) : rng_.below(3));
    segment.payload = std::string(rng_.below(3) == 0 ? 0 : rng_.below(300), 'x');
    const Bytes one = wire({segment});
    bytes.insert(bytes.end(), one.begin(), one.end());
  }
  void mutate(Bytes& bytes) {
    for (std::uint64_t i = 1 + rng_.below(4); i > 0 && !bytes.empty(); --i) {
      const std::size_t at = rng_.below(bytes.size());
      if (rng_.below(4) == 0) bytes.resize(at);
      else bytes[at] = static_cast<std::uint8_t>(rng_.next());
    }
  }

  Rng& rng_;
  std::uint32_t una_ = 0;
  std::uint32_t sn_ = 0;
  std::uint32_t stamp_ = 0;
};

std::uint64_t attack(std::uint64_t seed, int datagrams) {
  Rng rng(seed);
  Options options;
  options.stream = rng.below(2) == 0;
  options.nodelay = static_cast<std::uint8_t>(rng.below(3));
  options.resend = static_cast<std::uint8_t>(rng.below(4));
  options.fastack_limit = static_cast<std::uint8_t>(rng.below(6));
  options.no_congestion_window = rng.below(2) == 0;
  options.dead_link = 255;
  World world(options, seed, {.memory_bytes = 1u << 16, .blocks = {{200, 100, 50}}, .chunks = 256, .datagrams = 600});
  Attacker attacker(rng);
  std::uint64_t refused = 0;
  std::int64_t us = 0;
  for (int left = datagrams; left > 0;) {
    Session session(world.env, conv, Instant(),
                    {.opening = rng.below(2) == 0 ? Opening::by_us : Opening::by_peer,
                     .send_first = Seq32(0u - static_cast<std::uint32_t>(rng.below(100))),
                     .receive_first = {},
                     .stamp_origin = std::nullopt});
    std::vector<Bytes> heard;
    for (std::uint64_t life = 500 + rng.below(1500); life > 0 && left > 0 && !session.closed(); --life, --left) {
      us += rng.between(0, 20'000);
      const Instant now = Instant::at_us(us);
      if (Bytes bytes = attacker.datagram(heard); world.pool.available() > 0) {
        refused += deliver(world, session, bytes, now) != Refusal::none;
      }
      if (now >= session.next_deadline()) session.on_timeout(now);
      while (session.poll_event()) {}
      if (rng.below(3) == 0) receive_all(session);
      if (rng.below(3) == 0 && world.pool.available() > 10) send(world, session, std::string(rng.below(400), 'y'), now);
      if (rng.below(2) == 0 && world.pool.available() > 0) {
        if (const auto out = transmit(world, session, now, static_cast<std::uint32_t>(rng.below(1500)))) {
          attacker.hear(*out);
          heard.push_back(*out);
          if (heard.size() > 8) heard.erase(heard.begin());
        }
      }
      session.keep(rng.below(3) == 0);
      if (rng.below(1000) == 0) session.close(CloseReason::service, now);
      const Stats stats = session.stats();
      REQUIRE(stats.undelivered <= options.receive_window());
      REQUIRE(stats.in_flight <= options.snd_wnd);
      REQUIRE(stats.unsent <= options.send_queue_segments_max);
      REQUIRE((stats.queued_bytes == 0 || stats.in_flight + stats.unsent > 0));
      REQUIRE(stats.rto_us <= options.rto_max_ms * 1000);
    }
    session.release();
    REQUIRE(world.memory.in_use_bytes() == 0);
  }
  world.check_whole();
  return refused;
}

}  // namespace

TEST_CASE("200,000 hostile datagrams leave the machine as sound as before") {
  std::uint64_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) refused += attack(seed, 10'000);
  CHECK(refused > 20'000);
  CHECK(refused < 180'000);
}
