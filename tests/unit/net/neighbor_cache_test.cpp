// NeighborCache: the table of transitions printed and checked row by row, then the cache in virtual time: questions and
// retries, waiting frames and their bounds, ageing, what liars can and cannot do, eviction, and a long random run against its
// invariants.
#include <catch2/catch.hpp>

#include <sstream>

#include "buf/arena_pool.hpp"
#include "net/neighbor_cache.hpp"
#include "wire.hpp"

using namespace penstock;
using namespace penstock::net;
using State = NeighborState;

namespace {

const IpAddress hop = wire::ip("10.0.0.1");
const MacAddress other = wire::mac("02:00:00:00:00:99");

struct Cached {
  explicit Cached(NeighborLimits l = {8, 6, 3})
      : limits(l), memory(NeighborCache::cost(l)), arena(memory.bytes()), cache(arena, l, SipKey{3, 4}, Rng(1), drops) {
    CHECK(arena.used_bytes() <= NeighborCache::cost(l));
  }
  State state(const IpAddress& address = hop) const {
    const auto index = cache.find(0, address);
    return index == NeighborCache::none ? State::none : cache.state(index);
  }
  // Sends a frame marked `mark`: true when it left at once, as the caller is given the MAC address.
  std::optional<MacAddress> use(const IpAddress& address = hop) {
    auto index = cache.find(0, address);
    if (index == NeighborCache::none) index = cache.take(0, address, now);
    REQUIRE(index != NeighborCache::none);
    return cache.use(index, now);
  }
  bool wait_frame(std::uint8_t mark, const IpAddress& address = hop) {
    REQUIRE_FALSE(use(address));
    TxFrame frame;
    frame.head = Segment::adopt(pool.allocate(), 0, 60);
    frame.head.writable()[12] = mark;
    const bool waits = cache.wait(cache.find(0, address), frame);
    CHECK(waits == !frame.head.holds());
    return waits;
  }
  // Questions that are due now, all of them asked: "? 10.0.0.1", or "1 10.0.0.1" when the known MAC address is asked alone.
  std::vector<std::string> questions() {
    std::vector<std::string> all;
    while (const auto question = cache.next_question()) {
      all.push_back((question->mac ? "1 " : "? ") + to_string(question->address));
      cache.asked(now);
    }
    return all;
  }
  // Marks of the frames that were released, each with the right MAC address.
  std::vector<int> released(const MacAddress& mac = wire::them) {
    std::vector<int> marks;
    TxFrame frame;
    std::uint16_t interface = 9;
    while (cache.take_released(frame, interface)) {
      CHECK(interface == 0);
      CHECK(std::equal(mac.bytes.begin(), mac.bytes.end(), frame.head.bytes().begin()));
      marks.push_back(frame.head.bytes()[12]);
    }
    return marks;
  }
  void wait(Duration duration) {
    now = now + duration;
    cache.on_timeout(now);
  }
  // A confirmed entry.
  Cached& known(const IpAddress& address = hop, const MacAddress& mac = wire::them) {
    use(address);
    questions();
    CHECK(cache.on_answer(0, address, mac, now));
    return *this;
  }
  std::uint64_t unresolved() const { return drops.of(DropReason::neighbor_unresolved); }

  NeighborLimits limits;
  HeapPool pool{128, 64};
  DropCounters drops;
  HeapMemory memory;
  Arena arena;
  NeighborCache cache;
  Instant now = Instant::at_us(1);
};

using Asked = std::vector<std::string>;
using Marks = std::vector<int>;
constexpr Duration second = Duration::seconds(1);

}  // namespace

TEST_CASE("the transitions of a neighbour, as printed", "[net][neighbor]") {
  std::ostringstream table;
  for (std::size_t s = 0; s < neighbor_state_names.size(); ++s) {
    for (std::size_t e = 0; e < neighbor_event_names.size(); ++e) {
      const State next = after(static_cast<State>(s), static_cast<NeighborEvent>(e));
      if (next == static_cast<State>(s)) continue;
      table << neighbor_state_names[s] << " + " << neighbor_event_names[e] << " = "
            << neighbor_state_names[static_cast<std::size_t>(next)] << "\n";
    }
  }
  CHECK(table.str() ==
        "none + wanted = incomplete\n"
        "none + mentioned = stale\n"
        "incomplete + answered = reachable\n"
        "incomplete + mentioned = stale\n"
        "incomplete + unanswered = none\n"
        "reachable + contradicted = probe\n"
        "reachable + expired = stale\n"
        "reachable + link_down = stale\n"
        "stale + wanted = probe\n"
        "stale + answered = reachable\n"
        "stale + contradicted = probe\n"
        "probe + answered = reachable\n"
        "probe + unanswered = none\n");
}

TEST_CASE("a new neighbour is asked for at once and its frames follow in order", "[net][neighbor]") {
  Cached c;
  CHECK(c.wait_frame(1));
  CHECK(c.state() == State::incomplete);
  CHECK(c.questions() == Asked{"? 10.0.0.1"});
  CHECK(c.wait_frame(2));
  CHECK(c.questions().empty());
  CHECK(c.cache.pending_frames() == 2);
  CHECK(c.cache.on_answer(0, hop, wire::them, c.now));
  CHECK(c.state() == State::reachable);
  CHECK(c.released() == Marks{1, 2});
  CHECK(c.cache.pending_frames() == 0);
  CHECK(c.use() == wire::them);
  CHECK(c.cache.next_deadline().is_never());
  CHECK(c.pool.whole());
}

TEST_CASE("three questions a second apart, then the frames are dropped and counted", "[net][neighbor]") {
  Cached c;
  c.wait_frame(1);
  c.wait_frame(2);
  CHECK(c.questions() == Asked{"? 10.0.0.1"});
  for (int i = 0; i < 2; ++i) {
    CHECK(c.cache.next_deadline() == c.now + second);
    c.wait(Duration::us(999'999));
    CHECK(c.questions().empty());
    c.wait(Duration::us(1));
    CHECK(c.questions() == Asked{"? 10.0.0.1"});
  }
  CHECK(c.unresolved() == 0);
  c.wait(second);
  CHECK(c.questions().empty());
  CHECK(c.unresolved() == 2);
  CHECK(c.drops.total() == 2);
  CHECK(c.state() == State::none);
  CHECK(c.cache.count() == 0);
  CHECK(c.pool.whole());
  CHECK(c.cache.next_deadline().is_never());
  // It may be asked for again.
  CHECK(c.wait_frame(3));
  CHECK(c.questions() == Asked{"? 10.0.0.1"});
}

TEST_CASE("waiting frames are bounded for each hop and altogether", "[net][neighbor]") {
  Cached c({8, 6, 4});
  for (std::uint8_t i = 0; i < 4; ++i) CHECK(c.wait_frame(i));
  CHECK_FALSE(c.wait_frame(9));
  CHECK(c.wait_frame(4, wire::ip("10.0.0.3")));
  CHECK(c.wait_frame(5, wire::ip("10.0.0.3")));
  CHECK_FALSE(c.wait_frame(9, wire::ip("10.0.0.3")));
  CHECK(c.cache.pending_frames() == 6);
  // Released frames hold their places until they are taken.
  c.questions();
  CHECK(c.cache.on_answer(0, hop, wire::them, c.now));
  CHECK(c.cache.pending_frames() == 6);
  CHECK(c.released() == Marks{0, 1, 2, 3});
  CHECK(c.cache.pending_frames() == 2);
}

TEST_CASE("what was confirmed grows stale, is used at once and asked for again", "[net][neighbor]") {
  Cached c;
  c.known();
  c.wait(Duration::ms(14'999));
  CHECK(c.use() == wire::them);
  CHECK(c.state() == State::reachable);
  c.wait(Duration::seconds(31));
  CHECK(c.use() == wire::them);
  CHECK(c.state() == State::probe);
  // The known address is asked alone first.
  CHECK(c.questions() == Asked{"1 10.0.0.1"});
  c.wait(second);
  CHECK(c.use() == wire::them);
  CHECK(c.questions() == Asked{"? 10.0.0.1"});
  SECTION("it answers") {
    CHECK(c.cache.on_answer(0, hop, wire::them, c.now));
    CHECK(c.state() == State::reachable);
    c.wait(Duration::seconds(5));
    CHECK(c.questions().empty());
  }
  SECTION("another MAC address answers everybody's question: the neighbour moved") {
    CHECK(c.cache.on_answer(0, hop, other, c.now));
    CHECK(c.use() == other);
  }
  SECTION("nobody answers") {
    c.wait(second);
    CHECK(c.questions() == Asked{"? 10.0.0.1"});
    c.wait(second);
    CHECK(c.state() == State::none);
    CHECK(c.unresolved() == 0);
  }
}

TEST_CASE("an answer without a MAC address confirms what is known, and resolves nothing", "[net][neighbor]") {
  Cached c;
  c.wait_frame(1);
  c.questions();
  CHECK_FALSE(c.cache.on_answer(0, hop, std::nullopt, c.now));
  CHECK(c.state() == State::incomplete);
  CHECK(c.cache.on_answer(0, hop, wire::them, c.now));
  c.released();
  c.wait(Duration::seconds(46));
  c.use();
  c.questions();
  CHECK(c.cache.on_answer(0, hop, std::nullopt, c.now));
  CHECK(c.state() == State::reachable);
  CHECK(c.use() == wire::them);
}

TEST_CASE("an answer that nobody asked for creates and changes nothing", "[net][neighbor]") {
  Cached c;
  CHECK_FALSE(c.cache.on_answer(0, hop, wire::them, c.now));
  CHECK(c.cache.count() == 0);
  c.known();
  c.wait(second);
  CHECK_FALSE(c.cache.on_answer(0, hop, wire::them, c.now));
  CHECK(c.state() == State::reachable);
  // Another interface is another neighbour.
  CHECK_FALSE(c.cache.on_answer(1, hop, wire::them, c.now));
}

TEST_CASE("a liar makes us ask the known address, and loses when it answers", "[net][neighbor]") {
  Cached c;
  c.known();
  c.wait(Duration::seconds(2));
  const int way = GENERATE(0, 1, 2);
  const auto lie = [&] {
    if (way == 0) CHECK_FALSE(c.cache.on_answer(0, hop, other, c.now));
    if (way == 1) c.cache.on_mention(0, hop, other, true, c.now);
    if (way == 2) c.cache.on_mention(0, hop, other, false, c.now);
  };
  lie();
  CHECK(c.state() == State::probe);
  CHECK(c.questions() == Asked{"1 10.0.0.1"});
  lie();
  CHECK(c.use() == wire::them);
  CHECK(c.cache.on_answer(0, hop, wire::them, c.now));
  // It cannot make us chatter: one question a second.
  for (int i = 0; i < 100; ++i) {
    lie();
    CHECK(c.questions().empty());
  }
  CHECK(c.use() == wire::them);
  c.wait(second);
  lie();
  CHECK(c.questions() == Asked{"1 10.0.0.1"});
}

TEST_CASE("a neighbour that moved is found when the old address stays silent", "[net][neighbor]") {
  Cached c;
  c.known();
  c.wait(Duration::seconds(2));
  c.cache.on_mention(0, hop, other, false, c.now);
  CHECK(c.questions() == Asked{"1 10.0.0.1"});
  c.wait(second);
  CHECK(c.questions() == Asked{"? 10.0.0.1"});
  CHECK(c.cache.on_answer(0, hop, other, c.now));
  CHECK(c.use() == other);
}

TEST_CASE("who speaks to us becomes a stale entry, who speaks to others does not", "[net][neighbor]") {
  Cached c;
  c.cache.on_mention(0, hop, wire::them, false, c.now);
  CHECK(c.state() == State::none);
  c.cache.on_mention(0, hop, wire::them, true, c.now);
  CHECK(c.state() == State::stale);
  CHECK(c.questions().empty());
  c.cache.on_mention(0, hop, wire::them, true, c.now);
  CHECK(c.state() == State::stale);
  CHECK(c.use() == wire::them);
  CHECK(c.state() == State::probe);
  CHECK(c.questions() == Asked{"1 10.0.0.1"});
}

TEST_CASE("a neighbour we ask for that speaks to us ends the wait", "[net][neighbor]") {
  Cached c;
  c.wait_frame(7);
  c.questions();
  c.cache.on_mention(0, hop, wire::them, false, c.now);
  CHECK(c.state() == State::incomplete);
  c.cache.on_mention(0, hop, wire::them, true, c.now);
  CHECK(c.state() == State::stale);
  CHECK(c.released() == Marks{7});
  CHECK(c.cache.next_deadline().is_never());
}

TEST_CASE("news of another worker settles questions and confirms, but creates and overwrites nothing",
          "[net][neighbor]") {
  Cached c;
  c.cache.on_news(0, hop, wire::them, c.now);
  CHECK(c.cache.count() == 0);
  c.wait_frame(1);
  c.questions();
  c.cache.on_news(0, hop, wire::them, c.now);
  CHECK(c.state() == State::reachable);
  CHECK(c.released() == Marks{1});
  c.wait(Duration::seconds(2));
  c.cache.on_news(0, hop, other, c.now);
  CHECK(c.state() == State::probe);
  c.cache.on_news(0, hop, wire::them, c.now);
  CHECK(c.state() == State::reachable);
  c.wait(Duration::seconds(14));
  c.cache.on_news(0, hop, wire::them, c.now);
  c.wait(Duration::seconds(14));
  c.use();
  CHECK(c.state() == State::reachable);
}

TEST_CASE("a link that went down makes its neighbours stale", "[net][neighbor]") {
  Cached c;
  c.known();
  c.known(wire::ip("10.0.0.3"));
  const auto elsewhere = c.cache.take(1, hop, c.now);
  c.questions();
  CHECK(c.cache.on_answer(1, hop, wire::them, c.now));
  c.cache.on_link_down(0, c.now);
  CHECK(c.state() == State::stale);
  CHECK(c.state(wire::ip("10.0.0.3")) == State::stale);
  CHECK(c.cache.state(elsewhere) == State::reachable);
}

TEST_CASE("a hint is checked", "[net][neighbor]") {
  Cached c;
  c.known();
  const auto index = c.cache.find(0, hop);
  CHECK(c.cache.find(0, hop, index) == index);
  const NeighborCache::Index wrong = GENERATE(0u, 1u, 5u, 7u, 8u, 1000u, NeighborCache::none);
  CHECK(c.cache.find(0, hop, wrong) == index);
  CHECK(c.cache.find(1, hop, index) == NeighborCache::none);
  CHECK(c.cache.find(0, wire::ip("10.0.0.3"), index) == NeighborCache::none);
}

TEST_CASE("the short way serves what is confirmed now, and nothing else", "[net][neighbor]") {
  Cached c;
  c.known();
  const auto index = c.cache.find(0, hop);
  REQUIRE(c.cache.confirmed(0, hop, index, c.now) != nullptr);
  CHECK(*c.cache.confirmed(0, hop, index, c.now) == wire::them);
  CHECK(c.cache.confirmed(1, hop, index, c.now) == nullptr);
  CHECK(c.cache.confirmed(0, wire::ip("10.0.0.3"), index, c.now) == nullptr);
  for (const NeighborCache::Index wrong : {index + 1, 8u, 1000u, NeighborCache::none}) {
    CHECK(c.cache.confirmed(0, hop, wrong, c.now) == nullptr);
  }
  CHECK(c.cache.confirmed(0, hop, index, c.now + Duration::ms(14'999)) != nullptr);
  CHECK(c.cache.confirmed(0, hop, index, c.now + Duration::ms(45'001)) == nullptr);
  c.cache.on_link_down(0, c.now);
  CHECK(c.cache.confirmed(0, hop, index, c.now) == nullptr);
}

TEST_CASE("the longest stale entry gives way, confirmed and asked ones do not", "[net][neighbor]") {
  Cached c({4, 4, 4});
  const auto ip = [](int i) { return IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(i)); };
  for (int i = 1; i <= 4; ++i) {
    c.cache.on_mention(0, ip(i), wire::them, true, c.now);
    c.wait(Duration::ms(1));
  }
  CHECK(c.cache.count() == 4);
  c.known(ip(1));
  c.cache.on_mention(0, ip(5), wire::them, true, c.now);
  CHECK(c.state(ip(2)) == State::none);
  CHECK(c.state(ip(3)) == State::stale);
  for (int i = 3; i <= 5; ++i) c.known(ip(i));
  CHECK(c.cache.take(0, ip(6), c.now) == NeighborCache::none);
  c.cache.on_mention(0, ip(6), wire::them, true, c.now);
  CHECK(c.state(ip(6)) == State::none);
  // When their time is over, the one that was confirmed first goes.
  c.wait(Duration::seconds(46));
  CHECK(c.cache.take(0, ip(6), c.now) != NeighborCache::none);
  CHECK(c.state(ip(1)) == State::none);
  CHECK(c.cache.count() == 4);
}

TEST_CASE("addresses that nobody has take half of the table at most", "[net][neighbor]") {
  Cached c({8, 4, 4});
  int taken = 0;
  for (int i = 1; i <= 100; ++i) {
    if (c.cache.take(0, IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(i)), c.now) != NeighborCache::none) ++taken;
  }
  CHECK(taken == 5);
  c.cache.on_mention(0, wire::ip("10.0.0.200"), wire::them, true, c.now);
  CHECK(c.use(wire::ip("10.0.0.200")) == wire::them);
}

TEST_CASE("timeouts of a turn are bounded, and none is forgotten", "[net][neighbor]") {
  Cached c({2000, 4, 4});
  const auto ip = [](unsigned i) {
    return IpAddress::v4(10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i));
  };
  for (unsigned i = 1; i <= 900; ++i) REQUIRE(c.cache.take(0, ip(i), c.now) != NeighborCache::none);
  CHECK(c.questions().size() == 900);
  c.wait(second);
  CHECK(c.questions().size() == NeighborCache::timeouts_per_turn);
  CHECK(c.cache.next_deadline() <= c.now);
  std::size_t asked = NeighborCache::timeouts_per_turn;
  for (int i = 0; i < 10 && c.cache.next_deadline() <= c.now; ++i) {
    c.cache.on_timeout(c.now);
    asked += c.questions().size();
  }
  CHECK(asked == 900);
}

TEST_CASE("entries of a full table are all found, and their frames all come back", "[net][neighbor]") {
  Cached c({512, 4, 4});
  for (unsigned i = 1; i <= 512; ++i) {
    c.known(IpAddress::v4(10, 1, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)));
  }
  CHECK(c.cache.count() == 512);
  for (unsigned i = 1; i <= 512; ++i) {
    CHECK(c.state(IpAddress::v4(10, 1, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i))) ==
          State::reachable);
  }
}

TEST_CASE("a cache that ends lets go of the frames that wait", "[net][neighbor]") {
  HeapPool pool(128, 8);
  {
    DropCounters drops;
    HeapMemory memory(NeighborCache::cost({4, 4, 4}));
    Arena arena(memory.bytes());
    NeighborCache cache(arena, {4, 4, 4}, SipKey{}, Rng(1), drops);
    for (int i = 0; i < 4; ++i) {
      const Instant now = Instant::at_us(0);
      const IpAddress address = i < 2 ? hop : wire::ip("10.0.0.9");
      auto index = cache.find(0, address);
      if (index == NeighborCache::none) index = cache.take(0, address, now);
      TxFrame frame;
      frame.head = Segment::adopt(pool.allocate(), 0, 60);
      REQUIRE(cache.wait(index, frame));
      if (i == 2) cache.on_answer(0, hop, wire::them, now);
    }
    CHECK_FALSE(pool.whole());
  }
  CHECK(pool.whole());
}

TEST_CASE("a long random run keeps its bounds and loses no frame", "[net][neighbor]") {
  const std::uint64_t seed = 0xcac4e;
  INFO("seed " << seed);
  Rng rng(seed);
  Cached c({16, 12, 3});
  std::uint64_t waited = 0;
  std::uint64_t came_back = 0;
  for (int step = 0; step < 100'000; ++step) {
    const IpAddress address = IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(rng.below(40)));
    const MacAddress mac = rng.below(3) == 0 ? other : wire::them;
    switch (rng.below(8)) {
      case 0:
      case 1: {
        auto index = c.cache.find(0, address, static_cast<NeighborCache::Index>(rng.below(20)));
        if (index == NeighborCache::none) index = c.cache.take(0, address, c.now);
        if (index == NeighborCache::none || c.cache.use(index, c.now)) break;
        TxFrame frame;
        frame.head = Segment::adopt(c.pool.allocate(), 0, 60);
        if (c.cache.wait(index, frame)) ++waited;
        break;
      }
      case 2: c.cache.on_answer(0, address, rng.below(4) == 0 ? std::nullopt : std::optional(mac), c.now); break;
      case 3: c.cache.on_mention(0, address, mac, rng.below(2) == 0, c.now); break;
      case 4: c.cache.on_news(0, address, mac, c.now); break;
      case 5: c.questions(); break;
      case 6: {
        TxFrame frame;
        std::uint16_t interface = 0;
        while (c.cache.take_released(frame, interface)) ++came_back;
        break;
      }
      default:
        if (rng.below(50) == 0) c.cache.on_link_down(0, c.now);
        c.wait(Duration::ms(rng.between(0, rng.below(20) == 0 ? 20'000 : 400)));
    }
    REQUIRE(c.cache.count() <= 16);
    REQUIRE(c.cache.pending_frames() <= 12);
    REQUIRE(waited == came_back + c.unresolved() + c.cache.pending_frames());
    REQUIRE(c.pool.available() + c.cache.pending_frames() == c.pool.capacity());
  }
  CHECK(came_back > 1000);
  CHECK(c.unresolved() > 100);
}
