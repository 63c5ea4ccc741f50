// Shows that a message is cut at block borders without copying, gathered only where that would make too many fragments, and
// that frg counts down to 0.
// How: messages of many piece sizes, each compared byte by byte with what lies in the slots; blocks run dry on purpose.
#include "proto/kcp/fragmenter.hpp"

#include <catch2/catch.hpp>

#include "proto/kcp/world.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

namespace {

std::string text_of(std::size_t bytes) {
  std::string text(bytes, ' ');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 26) % 26);
  return text;
}

struct Cut {
  explicit Cut(World& owner) : world(owner) {}
  ~Cut() {
    clear();
    ring.release(world.memory);
  }
  bool run(SegmentQueue& message, std::uint32_t mss, std::uint32_t count_max, bool numbered = true) {
    plan = plan_fragments(message, mss, count_max);
    REQUIRE(plan.count <= count_max);
    REQUIRE(ring.reserve(world.memory, plan.count, first, first));
    return cut_fragments(message, plan, numbered, world.blocks, ring, first);
  }
  std::string joined() const {
    std::string all;
    for (std::uint32_t i = 0; i < plan.count; ++i) {
      const auto bytes = ring[first + i].payload.bytes();
      all.append(bytes.begin(), bytes.end());
    }
    return all;
  }
  void clear() {
    for (std::uint32_t i = 0; i < plan.count; ++i) ring[first + i].payload.reset();
  }
  World& world;
  FragmentPlan plan;
  SendRing ring;
  Seq32 first{0xffff'fffe};
};

}  // namespace

TEST_CASE("a message is cut at block borders and at the mss") {
  // rule: 4.A message-frg-counts-down
  World world;
  {
    Cut cut(world);
    const std::string text = text_of(3000);
    SegmentQueue message = world.message(text, 2000);
    REQUIRE(cut.run(message, 1376, 128));
    CHECK(!cut.plan.gathered);
    CHECK(message.empty());
    REQUIRE(cut.plan.count == 3);
    const std::uint32_t lengths[] = {1376, 624, 1000};
    for (std::uint32_t i = 0; i < 3; ++i) {
      CHECK(cut.ring[cut.first + i].payload.length() == lengths[i]);
      CHECK(cut.ring[cut.first + i].fragment == 2 - i);
      CHECK(cut.ring[cut.first + i].transmissions == 0);
    }
    CHECK(cut.joined() == text);
  }
  world.check_whole();
}

TEST_CASE("in a stream every frg is 0") {
  // rule: 4.A stream-frg-0
  World world;
  Cut cut(world);
  SegmentQueue message = world.message(text_of(3000), 1000);
  REQUIRE(cut.run(message, 1376, 256, false));
  for (std::uint32_t i = 0; i < 3; ++i) CHECK(cut.ring[cut.first + i].fragment == 0);
}

TEST_CASE("an empty message is one empty segment") {
  World world;
  Cut cut(world);
  SegmentQueue message(world.chunks);
  REQUIRE(message.push_back(Segment()));
  REQUIRE(cut.run(message, 1376, 1));
  CHECK(cut.plan.count == 1);
  CHECK(cut.joined().empty());
  CHECK(message.empty());
}

TEST_CASE("a small payload in a big block is kept in a small one") {
  World world;
  Cut cut(world);
  SegmentQueue message = world.message(text_of(64));
  REQUIRE(cut.run(message, 1376, 128));
  CHECK(world.pool.whole());
  CHECK(cut.ring[cut.first].payload.block()->size == 128);
}

TEST_CASE("too many small pieces are gathered, and only then") {
  World world;
  for (const std::size_t piece : {1u, 3u, 10u, 50u}) {
    Cut cut(world);
    const std::string text = text_of(500);
    SegmentQueue message = world.message(text, piece);
    REQUIRE(cut.run(message, 200, 128));
    CHECK(cut.plan.gathered == (500 / piece > 128));
    CHECK(cut.joined() == text);
    CHECK(message.empty());
    for (std::uint32_t i = 0; i < cut.plan.count; ++i)
      CHECK(cut.ring[cut.first + i].fragment == cut.plan.count - 1 - i);
  }
  world.check_whole();
}

TEST_CASE("any pieces and any limit give back the same bytes") {
  Rng rng(3);
  World world;
  for (int round = 0; round < 2000; ++round) {
    const std::string text = text_of(rng.below(4000));
    SegmentQueue message(world.chunks);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t part = std::min<std::size_t>(text.size() - at, rng.below(rng.below(2) == 0 ? 40 : 2500));
      REQUIRE(message.push_back(world.datagram({reinterpret_cast<const std::uint8_t*>(text.data()) + at, part})));
      at += part;
    }
    const auto mss = static_cast<std::uint32_t>(26 + rng.below(8950));
    const auto count_max = static_cast<std::uint32_t>(1 + rng.below(255));
    const FragmentPlan plan = plan_fragments(message, mss, count_max);
    if (plan.count > count_max) {
      // Not even gathered segments would do.
      REQUIRE(text.size() > std::size_t{count_max} * std::min(mss, 2176u));
      continue;
    }
    Cut cut(world);
    REQUIRE(cut.run(message, mss, count_max));
    REQUIRE(cut.joined() == text);
    for (std::uint32_t i = 0; i < plan.count; ++i) REQUIRE(cut.ring[cut.first + i].payload.length() <= mss);
  }
  world.check_whole();
}

TEST_CASE("without blocks to gather into nothing happens") {
  World world({}, 1, {.blocks = {{2, 2, 2}}});
  {
    Cut cut(world);
    const std::string text = text_of(400);
    SegmentQueue message = world.message(text, 2);
    CHECK(!cut.run(message, 26, 128));
    CHECK(message.bytes() == 400);
    for (std::uint32_t i = 0; i < cut.plan.count; ++i) CHECK(!cut.ring[cut.first + i].payload.holds());
  }
  world.check_whole();
}
