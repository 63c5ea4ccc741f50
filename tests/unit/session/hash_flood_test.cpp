// Shows that flows which somebody computed beforehand to collide – under CRC-32, Jenkins' hash, xxHash, or our own hash with a key
// that is not ours – fill the tables no worse than random ones; and that tables hashed without a key would fall.
// How: collisions are looked for as an attacker does, by trying flows until enough have the same bits; then the second look-ups and
// refusals of a table of that size are counted. The same under the hash that was attacked is the control.
#include <array>
#include <bit>
#include <catch2/catch.hpp>
#include <functional>
#include <vector>

#include "base/rng.hpp"
#include "session/flow_table.hpp"
#include "session/half_open.hpp"
#include "session/prefix_quota.hpp"

using namespace penstock;
using net::IpAddress;

namespace {

constexpr SipKey ours{0x8f3c'2d91'74ba'06e5, 0x1d5e'90c7'3ba8'f264};

// What a stranger may choose of a flow: address, port and conversation.
struct Choice {
  std::uint32_t address = 0;
  std::uint16_t port = 0;
  std::uint32_t conv = 0;
};

net::Path path_of(const Choice& c) {
  return {
      .local = {IpAddress::v4(10, 0, 0, 1), 4000},
      .remote = {IpAddress::v4(static_cast<std::uint8_t>(c.address >> 24), static_cast<std::uint8_t>(c.address >> 16),
                               static_cast<std::uint8_t>(c.address >> 8), static_cast<std::uint8_t>(c.address)),
                 c.port}};
}
FlowKey key_of(const Choice& c) { return flow_key(SessionKeyMode::address_conv, path_of(c), c.conv); }

std::array<std::uint32_t, 3> words_of(const Choice& c) { return {c.address, c.port | 4000u << 16, c.conv}; }

// Reflected CRC-32 (IEEE 802.3), as rte_hash_crc's is with another polynomial: linear, whatever its first value is.
std::uint32_t crc32(const Choice& c) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t v = i;
      for (int bit = 0; bit < 8; ++bit) v = v >> 1 ^ (v & 1 ? 0xedb8'8320u : 0);
      made[i] = v;
    }
    return made;
  }();
  std::uint32_t crc = ~0u;
  for (const std::uint32_t word : words_of(c)) {
    for (int at = 0; at < 32; at += 8) crc = crc >> 8 ^ table[(crc ^ word >> at) & 0xff];
  }
  return ~crc;
}

// Jenkins' lookup3 of three words ("final"), as Linux and DPDK use it.
std::uint32_t jenkins(const Choice& choice) {
  const auto rot = [](std::uint32_t v, int by) { return std::rotl(v, by); };
  auto [a, b, c] = words_of(choice);
  a += 0xdead'beef + 12, b += 0xdead'beef + 12, c += 0xdead'beef + 12;
  c = (c ^ b) - rot(b, 14);
  a = (a ^ c) - rot(c, 11);
  b = (b ^ a) - rot(a, 25);
  c = (c ^ b) - rot(b, 16);
  a = (a ^ c) - rot(c, 4);
  b = (b ^ a) - rot(a, 14);
  c = (c ^ b) - rot(b, 24);
  return c;
}

// xxHash32 of 12 bytes with the seed 0 that everybody knows.
std::uint32_t xxh32(const Choice& choice) {
  constexpr std::uint32_t p2 = 2'246'822'519u, p3 = 3'266'489'917u, p4 = 668'265'263u, p5 = 374'761'393u;
  std::uint32_t h = p5 + 12;
  for (const std::uint32_t word : words_of(choice)) h = std::rotl(h + word * p3, 17) * p4;
  h = (h ^ h >> 15) * p2;
  h = (h ^ h >> 13) * p3;
  return h ^ h >> 16;
}

// Our own hash with a key that somebody guessed, such as none.
std::uint32_t sip_of_zero(const Choice& c) { return static_cast<std::uint32_t>(hash(key_of(c), SipKey{})); }

using Weak = std::uint32_t (*)(const Choice&);

constexpr std::uint32_t flows = 3'276;  // load 0.8 of 1,024 buckets
constexpr std::uint32_t bits = 10;      // so many that all of them have one bucket, were this the table's hash

std::vector<Choice> colliding(Weak weak) {
  Rng rng(2026);
  std::vector<Choice> found;
  while (found.size() < flows) {
    const Choice c{rng.next32(), static_cast<std::uint16_t>(1 + rng.below(65'535)), rng.next32()};
    if ((weak(c) & ((1u << bits) - 1)) == 0) found.push_back(c);
  }
  return found;
}

struct Fill {
  std::uint32_t refused = 0;
  std::uint32_t second = 0;  // flows that are found by a second look only
};

Fill fill(const std::vector<Choice>& choices, const std::function<FlowHash(const Choice&)>& hash_of) {
  HeapMemory memory(FlowTable::cost(flows));
  Arena arena(memory.bytes());
  FlowTable table(arena, flows);
  Fill result;
  for (std::uint32_t i = 0; i < choices.size(); ++i) {
    if (!table.insert(hash_of(choices[i]), SessionId(i, 1, 0))) ++result.refused;
  }
  result.second = table.displaced();
  return result;
}

FlowHash keyed(const Choice& c) { return hash(key_of(c), ours); }

}  // namespace

TEST_CASE("flows that collide under another hash, or another key, are as good as random ones", "[adversarial]") {
  Rng rng(7);
  const Fill random = fill(std::vector<Choice>(flows), [&](const Choice&) { return rng.next(); });
  REQUIRE(random.refused == 0);
  const std::array<Weak, 4> attacked{crc32, jenkins, xxh32, sip_of_zero};
  for (std::size_t i = 0; i < attacked.size(); ++i) {
    INFO("hash " << i);
    const std::vector<Choice> set = colliding(attacked[i]);
    const Fill keyed_fill = fill(set, keyed);
    CHECK(keyed_fill.refused == 0);
    // A probe is two buckets at most for anybody; how many need the second is a matter of chance alone.
    CHECK(keyed_fill.second < random.second * 13 / 10);
    // Who hashes without a key has one bucket, and the ones that its overflow may go to, for all of them.
    const Weak weak = attacked[i];
    const Fill bare = fill(set, [&](const Choice& c) { return std::rotr(std::uint64_t{weak(c)}, bits); });
    CHECK(bare.refused > flows / 2);
  }
}

TEST_CASE("half-open entries and prefix counts are no worse off than sessions", "[adversarial]") {
  HeapMemory memory(HalfOpenTable::cost(flows) + 2 * PrefixQuota::cost(flows));
  Arena arena(memory.bytes());
  PrefixQuota prefixes(arena, flows, ours), unused(arena, flows, ours);
  HalfOpenTable half_open(
      arena, {.listener = 0, .entries_max = flows, .per_prefix_max = flows, .timeout = Duration::seconds(1)}, unused,
      ours);
  // A bucket of either table is as small as one of sessions: whoever could aim would be refused long before the last place.
  for (const Choice& c : colliding(crc32)) {
    const net::Path path = path_of(c);
    REQUIRE(half_open.open(path, c.conv, Instant::at_us(1)) != nullptr);
    REQUIRE(half_open.find(path, c.conv) != nullptr);
    REQUIRE(prefixes.acquire(0, path.remote.address, flows));
  }
}
