// Shows that half-open entries are found by their whole flow, leave by proof or by age in the order of opening, keep each number
// of an opening window once and only while small blocks are plenty, and that neither a full table nor a greedy prefix costs
// anybody an entry.
// How: by example, a random run against std::map, and a flood of a million flows.
#include "session/half_open.hpp"

#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"

using namespace penstock;

namespace {

net::Path path_of(std::uint32_t number, std::uint16_t port = 5000) {
  net::Path path;
  path.local = {net::IpAddress::v4(192, 0, 2, 1), 4000};
  path.remote = {net::IpAddress::v4(10, static_cast<std::uint8_t>(number >> 16), static_cast<std::uint8_t>(number >> 8),
                                    static_cast<std::uint8_t>(number)),
                 port};
  return path;
}

struct Bench {
  explicit Bench(std::uint32_t entries_max, std::uint32_t per_prefix_max = ~0u,
                 SmallBlocks::Counts counts = {{8, 8, 8}})
      : memory(HalfOpenTable::cost(entries_max) + PrefixQuota::cost(entries_max) + SmallBlocks::cost(counts)),
        arena(memory.bytes()),
        quota(arena, entries_max, SipKey{1, 2}),
        blocks(arena, counts),
        table(arena,
              {.listener = 3,
               .entries_max = entries_max,
               .per_prefix_max = per_prefix_max,
               .timeout = Duration::seconds(10)},
              quota, SipKey{3, 4}) {}
  HeapMemory memory;
  Arena arena;
  PrefixQuota quota;
  SmallBlocks blocks;
  HalfOpenTable table;
  Instant now = Instant::at_us(5'000'700);
};

OpeningNumbers only(std::uint32_t number) { return OpeningNumbers().set(number); }

// Another one for each number.
std::vector<std::uint8_t> datagram_of(std::uint32_t number) {
  return std::vector<std::uint8_t>(300 + number % 100, static_cast<std::uint8_t>(number));
}

}  // namespace

TEST_CASE("an entry is one cache line and its table costs little more", "[half_open]") {
  CHECK(sizeof(HalfOpen) == 64);
  // The index takes 16 bytes a slot at a load of 0.8 at the most.
  CHECK(HalfOpenTable::cost(1'000'000) < 1'000'000ull * (64 + 22));
}

TEST_CASE("an entry is found by its whole flow alone", "[half_open]") {
  Bench b(8);
  const net::Path path = path_of(1);
  CHECK(b.table.find(path, 7) == nullptr);
  HalfOpen* entry = b.table.open(path, 7, b.now);
  REQUIRE(entry != nullptr);
  CHECK(b.table.find(path, 7) == entry);
  CHECK(b.table.find(path, 8) == nullptr);
  CHECK(b.table.find(path_of(2), 7) == nullptr);
  CHECK(b.table.find(path_of(1, 5001), 7) == nullptr);
  net::Path other = path;
  other.interface = 1;
  CHECK(b.table.find(other, 7) == nullptr);
  other = path;
  other.local.port = 4001;
  CHECK(b.table.find(other, 7) == nullptr);
  b.table.prove(*entry);
  CHECK(b.table.find(path, 7) == nullptr);
  CHECK(b.table.count() == 0);
}

TEST_CASE("a window is kept whole, each number once, and the proof hands it over in the order in which it came",
          "[half_open]") {
  Bench b(8, ~0u, {{8, 300, 8}});
  HalfOpen* entry = b.table.open(path_of(1), 7, b.now);
  REQUIRE(entry != nullptr);
  std::vector<std::uint32_t> order(opening_window_max);
  std::iota(order.begin(), order.end(), 0u);
  Rng rng(4);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  for (int round = 0; round < 2; ++round) {
    for (const std::uint32_t number : order) CHECK(b.table.hold(*entry, datagram_of(number), only(number), b.blocks));
  }
  CHECK(entry->held_count == opening_window_max);
  CHECK(b.blocks.pool(1).available() == 300 - opening_window_max);
  CHECK(b.table.counters().held == opening_window_max);
  HeldChain chain = b.table.prove(*entry);
  for (const std::uint32_t number : order) {
    const Segment held = chain.take();
    REQUIRE(held.holds());
    CHECK(std::ranges::equal(held.bytes(), datagram_of(number)));
  }
  CHECK_FALSE(chain.take().holds());
  CHECK(b.blocks.pool(1).available() == 300);
  CHECK(b.table.counters().not_held == 0);
}

TEST_CASE("a datagram that brings one number more is kept, and one that brings none is not", "[half_open]") {
  Bench b(8);
  HalfOpen* entry = b.table.open(path_of(1), 7, b.now);
  const std::vector<std::uint8_t> bytes(30, 1);
  CHECK(b.table.hold(*entry, bytes, only(0) | only(1), b.blocks));
  CHECK(b.table.hold(*entry, bytes, only(1), b.blocks));
  CHECK(b.table.hold(*entry, bytes, {}, b.blocks));
  CHECK(entry->held_count == 1);
  CHECK(b.table.hold(*entry, bytes, only(1) | only(2), b.blocks));
  CHECK(entry->held_count == 2);
}

TEST_CASE("a chain that nobody takes apart gives its blocks back", "[half_open]") {
  Bench b(8);
  for (std::uint32_t i = 0; i < 3; ++i) {
    HalfOpen* entry = b.table.open(path_of(i), 7, b.now);
    b.table.hold(*entry, datagram_of(i), only(i), b.blocks);
  }
  CHECK(b.blocks.pool(1).available() == 5);
  b.table.prove(*b.table.find(path_of(0), 7)).take();
  CHECK(b.blocks.pool(1).available() == 6);
  b.table.expire(b.now + Duration::seconds(10), 2);
  CHECK(b.table.count() == 1);
  b.table.clear();
  CHECK(b.blocks.pool(1).available() == 8);
}

TEST_CASE("nothing is kept when half of its class is in use, or when it is too long for any", "[half_open]") {
  Bench b(64);
  // 32 bytes of each block are the chain's.
  const std::size_t length = GENERATE(1u, 96u, 97u, 480u, 481u, 2144u, 2145u);
  const std::vector<std::uint8_t> datagram(length, 1);
  for (std::uint32_t i = 0; i < 20; ++i) {
    CHECK(b.table.hold(*b.table.open(path_of(i), 7, b.now), datagram, only(0), b.blocks) == (i < 4 && length <= 2144));
  }
  const std::uint32_t pool = length <= 96 ? 0 : length <= 480 ? 1 : 2;
  CHECK(b.blocks.pool(pool).available() == (length > 2144 ? 8 : 4));
  CHECK(b.blocks.pool((pool + 1) % 3).available() == 8);
  CHECK(b.table.counters().not_held == (length > 2144 ? 20 : 16));
  CHECK(b.table.count() == 20);
  b.table.clear();
  CHECK(b.blocks.pool(pool).available() == 8);
}

TEST_CASE("entries leave when their time is up, not a moment before, within the budget", "[half_open]") {
  Bench b(64);
  CHECK(b.table.next_deadline(b.now).is_never());
  for (std::uint32_t i = 0; i < 10; ++i) {
    REQUIRE(b.table.open(path_of(i), 7, b.now + Duration::ms(i)) != nullptr);
  }
  // Ages are counted in whole milliseconds of the clock.
  const Instant due = Instant::at_us(5'000'000) + Duration::seconds(10);
  CHECK(b.table.next_deadline(b.now) == due);
  b.table.expire(due - Duration::us(1), 100);
  CHECK(b.table.count() == 10);
  b.table.expire(due, 100);
  CHECK(b.table.count() == 9);
  CHECK(b.table.find(path_of(0), 7) == nullptr);
  CHECK(b.table.next_deadline(due) == due + Duration::ms(1));
  // One of the middle has left by proof: the others keep their order.
  b.table.prove(*b.table.find(path_of(5), 7));
  b.table.expire(due + Duration::seconds(1), 3);
  CHECK(b.table.count() == 5);
  CHECK(b.table.next_deadline(due + Duration::seconds(1)) == due + Duration::seconds(1));
  b.table.expire(due + Duration::seconds(1), 100);
  CHECK(b.table.count() == 0);
  CHECK(b.table.counters().expired == 9);
  CHECK(b.table.counters().proven == 1);
  CHECK(b.table.next_deadline(b.now).is_never());
}

TEST_CASE("ages bear with the clock's milliseconds coming round", "[half_open]") {
  Bench b(4);
  b.now = Instant::at_us((std::int64_t{1} << 32) * 1000 - 3'000);
  REQUIRE(b.table.open(path_of(1), 7, b.now) != nullptr);
  b.table.expire(b.now + Duration::ms(9'999), 10);
  CHECK(b.table.count() == 1);
  CHECK(b.table.next_deadline(b.now + Duration::ms(9'999)) == b.now + Duration::seconds(10));
  b.table.expire(b.now + Duration::seconds(10), 10);
  CHECK(b.table.count() == 0);
}

TEST_CASE("a full table makes no entries until a quarter of it is free", "[half_open]") {
  Bench b(8);
  for (std::uint32_t i = 0; i < 8; ++i) REQUIRE(b.table.open(path_of(i), 7, b.now) != nullptr);
  CHECK_FALSE(b.table.stateless());
  CHECK(b.table.open(path_of(8), 7, b.now) == nullptr);
  CHECK(b.table.stateless());
  b.table.prove(*b.table.find(path_of(0), 7));
  CHECK(b.table.open(path_of(8), 7, b.now) == nullptr);
  CHECK(b.table.stateless());
  b.table.prove(*b.table.find(path_of(1), 7));
  CHECK_FALSE(b.table.stateless());
  CHECK(b.table.open(path_of(8), 7, b.now) != nullptr);
  CHECK(b.table.counters().stateless == 2);
  // Nobody was thrown out.
  for (std::uint32_t i = 2; i < 8; ++i) CHECK(b.table.find(path_of(i), 7) != nullptr);
}

TEST_CASE("a proof without an entry can be somebody's only for a while after one was refused an entry", "[half_open]") {
  const Duration span = Duration::seconds(8);
  Bench b(1);
  CHECK_FALSE(b.table.was_stateless(span, b.now));
  REQUIRE(b.table.open(path_of(1), 7, b.now) != nullptr);
  CHECK_FALSE(b.table.was_stateless(span, b.now));
  CHECK(b.table.open(path_of(2), 7, b.now) == nullptr);
  CHECK(b.table.was_stateless(span, b.now));
  CHECK(b.table.was_stateless(span, b.now + span));
  CHECK_FALSE(b.table.was_stateless(span, b.now + span + Duration::us(1)));
  CHECK(b.table.counters().stateless == 1);
}

TEST_CASE("a table of one place works as well", "[half_open]") {
  Bench b(1);
  REQUIRE(b.table.open(path_of(1), 7, b.now) != nullptr);
  CHECK(b.table.open(path_of(2), 7, b.now) == nullptr);
  b.table.prove(*b.table.find(path_of(1), 7));
  CHECK(b.table.open(path_of(2), 7, b.now) != nullptr);
}

TEST_CASE("a prefix that holds its share gets no more, and others do", "[half_open]") {
  Bench b(16, 3);
  for (std::uint32_t i = 0; i < 3; ++i) REQUIRE(b.table.open(path_of(i), 7, b.now) != nullptr);
  CHECK(b.table.open(path_of(3), 7, b.now) == nullptr);
  CHECK(b.table.open(path_of(0), 8, b.now) == nullptr);
  CHECK_FALSE(b.table.stateless());
  CHECK(b.table.counters().stateless == 2);
  CHECK(b.table.open(path_of(256), 7, b.now) != nullptr);
  b.table.prove(*b.table.find(path_of(1), 7));
  CHECK(b.table.open(path_of(3), 7, b.now) != nullptr);
  b.table.expire(b.now + Duration::seconds(11), 100);
  CHECK(b.quota.prefix_count() == 0);
}

TEST_CASE("a random run agrees with a map and a queue", "[half_open]") {
  struct Known {
    Instant opened;
    std::vector<std::uint8_t> held;
  };
  Rng rng(GENERATE(1u, 2u, 3u));
  Bench b(50, 20, {{40, 10, 10}});
  std::map<std::uint32_t, Known> model;  // by flow number; three prefixes
  std::deque<std::uint32_t> order;
  const auto flow = [](std::uint32_t number) { return path_of(number % 3 * 256 + number / 3); };
  const auto forget = [&](std::uint32_t number) {
    model.erase(number);
    std::erase(order, number);
  };
  bool stateless = false;
  for (int step = 0; step < 20'000; ++step) {
    b.now = b.now + Duration::us(static_cast<std::int64_t>(rng.next32() % 300'000));
    const std::uint32_t number = rng.next32() % 90;
    HalfOpen* const found = b.table.find(flow(number), number);
    REQUIRE((found != nullptr) == model.contains(number));
    if (found == nullptr) {
      if (model.size() == 50) stateless = true;
      const auto same = [&](const auto& known) { return known.first % 3 == number % 3; };
      const bool refused = stateless || std::ranges::count_if(model, same) >= 20;
      HalfOpen* const entry = b.table.open(flow(number), number, b.now);
      REQUIRE((entry == nullptr) == refused);
      if (entry == nullptr) continue;
      const std::vector<std::uint8_t> datagram(1 + rng.next32() % 999, static_cast<std::uint8_t>(number));
      const std::uint64_t not_held = b.table.counters().not_held;
      b.table.hold(*entry, datagram, only(0), b.blocks);
      const bool held = b.table.counters().not_held == not_held;
      model[number] = {b.now, held ? datagram : std::vector<std::uint8_t>{}};
      order.push_back(number);
    } else if (rng.next32() % 4 == 0) {
      HeldChain chain = b.table.prove(*found);
      const Segment held = chain.take();
      REQUIRE(std::ranges::equal(held.bytes(), model[number].held));
      forget(number);
    }
    if (rng.next32() % 8 == 0) {
      b.table.expire(b.now, 2);
      for (int spent = 0; spent < 2 && !order.empty();) {
        const Known& known = model[order.front()];
        if (b.now.count_ms() - known.opened.count_ms() < 10'000) break;
        spent += known.held.empty() ? 1 : 2;
        forget(order.front());
      }
    }
    if (model.size() <= 50 - 12) stateless = false;
    REQUIRE(b.table.count() == model.size());
    REQUIRE(b.table.stateless() == stateless);
  }
  b.table.clear();
  CHECK(b.quota.prefix_count() == 0);
  for (std::uint32_t i = 0; i < 3; ++i) CHECK(b.blocks.pool(i).available() == b.blocks.pool(i).capacity());
}

TEST_CASE("a million flows of nobody take no more than the table, and time clears it", "[half_open]") {
  Bench b(1000);
  const std::vector<std::uint8_t> datagram(100, 1);
  std::uint32_t entries = 0;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    HalfOpen* const entry = b.table.open(path_of(i), i, b.now);
    if (entry == nullptr) continue;
    ++entries;
    b.table.hold(*entry, datagram, only(0), b.blocks);
  }
  CHECK(entries == 1000);
  CHECK(b.table.counters().stateless == 999'000);
  CHECK(b.blocks.pool(1).available() == 4);
  b.table.expire(b.now + Duration::seconds(10), 1000 + 4);
  CHECK(b.table.count() == 0);
  CHECK_FALSE(b.table.stateless());
}

TEST_CASE("a table needs a place and a time that its stamps can tell", "[half_open]") {
  CHECK(test::aborts([] { Bench b(0); }));
  CHECK(test::aborts([] {
    HeapMemory memory(HalfOpenTable::cost(1) + PrefixQuota::cost(1));
    Arena arena(memory.bytes());
    PrefixQuota quota(arena, 1, SipKey{1, 2});
    HalfOpenTable table(arena, {.entries_max = 1, .per_prefix_max = 1, .timeout = Duration::seconds(3601)}, quota,
                        SipKey{1, 2});
  }));
}
