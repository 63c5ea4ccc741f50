// Shows which parts of a datagram each key mode looks at, that every part of a key changes its hash, and that the hash
// sees no padding and no key it should not.
// How: by changing one field at a time, and by hashing keys that were built over dirty memory.
#include "session/flow_key.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <new>
#include <set>
#include <vector>

using namespace penstock;
using net::IpAddress;

namespace {

constexpr SipKey sip{0x0706050403020100, 0x0f0e0d0c0b0a0908};

IpAddress v6(std::uint8_t last) { return IpAddress::v6({0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}); }

net::Path path_v4() {
  return {.local = {IpAddress::v4(10, 0, 0, 1), 4000}, .remote = {IpAddress::v4(10, 0, 9, 2), 5000}, .interface = 3};
}
net::Path path_v6() { return {.local = {v6(1), 4000}, .remote = {v6(2), 5000}, .interface = 3}; }

// The key with each of its fields changed in turn, itself first.
std::vector<FlowKey> variations(const FlowKey& key, const IpAddress& other) {
  std::vector<FlowKey> all(8, key);
  all[1].conv += 1;
  all[2].conv ^= 0x80000000;
  all[3].interface += 1;
  all[4].local.port += 1;
  all[5].local.address = other;
  all[6].remote.port += 1;
  all[7].remote.address = other;
  return all;
}

}  // namespace

TEST_CASE("each mode looks at its own parts", "[flow_key]") {
  const net::Path path = path_v4();
  net::Path roamed = path;
  roamed.remote = {IpAddress::v4(192, 0, 2, 7), 777};

  const FlowKey by_address = flow_key(SessionKeyMode::address, path, 42);
  CHECK(by_address == flow_key(SessionKeyMode::address, path, 43));
  CHECK_FALSE(by_address == flow_key(SessionKeyMode::address, roamed, 42));
  CHECK(by_address.conv == 0);

  const FlowKey by_both = flow_key(SessionKeyMode::address_conv, path, 42);
  CHECK_FALSE(by_both == flow_key(SessionKeyMode::address_conv, path, 43));
  CHECK_FALSE(by_both == flow_key(SessionKeyMode::address_conv, roamed, 42));
  CHECK(by_both.conv == 42);
  CHECK(by_both.remote == path.remote);

  const FlowKey by_conv = flow_key(SessionKeyMode::conv, path, 42);
  CHECK(by_conv == flow_key(SessionKeyMode::conv, roamed, 42));
  CHECK(hash(by_conv, sip) == hash(flow_key(SessionKeyMode::conv, roamed, 42), sip));
  CHECK_FALSE(by_conv == flow_key(SessionKeyMode::conv, path, 43));
  CHECK(by_conv.remote == net::Endpoint{});
}

TEST_CASE("the hash of a path is that of its key, in each mode", "[flow_key]") {
  for (const net::Path& path : {path_v4(), path_v6()}) {
    for (const auto mode : {SessionKeyMode::address, SessionKeyMode::address_conv, SessionKeyMode::conv}) {
      CHECK(flow_hash(mode, path, 42, sip) == hash(flow_key(mode, path, 42), sip));
    }
  }
}

TEST_CASE("the hint of the next hop is no part of a key", "[flow_key]") {
  net::Path path = path_v4();
  const FlowKey before = flow_key(SessionKeyMode::address_conv, path, 1);
  path.next_hop_hint = 99;
  CHECK(before == flow_key(SessionKeyMode::address_conv, path, 1));
}

TEST_CASE("every field of a key changes its hash, and so does the SipKey", "[flow_key]") {
  std::set<FlowHash> hashes;
  std::size_t keys = 0;
  for (const FlowKey& key :
       variations(flow_key(SessionKeyMode::address_conv, path_v4(), 42), IpAddress::v4(1, 2, 3, 4))) {
    hashes.insert(hash(key, sip));
    ++keys;
  }
  for (const FlowKey& key : variations(flow_key(SessionKeyMode::address_conv, path_v6(), 42), v6(0xee))) {
    hashes.insert(hash(key, sip));
    hashes.insert(hash(key, {sip.k0, sip.k1 + 1}));
    keys += 2;
  }
  CHECK(hashes.size() == keys);
}

TEST_CASE("every byte of both IPv6 addresses counts", "[flow_key]") {
  const FlowKey key = flow_key(SessionKeyMode::address_conv, path_v6(), 42);
  std::set<FlowHash> hashes{hash(key, sip)};
  for (std::size_t i = 0; i < 16; ++i) {
    auto bytes = key.local.address.bytes();
    bytes[i] ^= 0x10;
    FlowKey other = key;
    other.local.address = IpAddress::v6(bytes);
    hashes.insert(hash(other, sip));
    other = key;
    bytes = key.remote.address.bytes();
    bytes[i] ^= 0x10;
    other.remote.address = IpAddress::v6(bytes);
    hashes.insert(hash(other, sip));
  }
  CHECK(hashes.size() == 33);
}

TEST_CASE("the hash is that of packed words", "[flow_key]") {
  const FlowKey key = flow_key(SessionKeyMode::address_conv, path_v4(), 0x11223344);
  const std::array<std::uint64_t, 3> words{std::uint64_t{3} | std::uint64_t{4000} << 16 | std::uint64_t{5000} << 32,
                                           0x0209000a0100000a, 0x11223344};
  CHECK(hash(key, sip) == siphash13_words(sip, words));
}

TEST_CASE("what lay in the memory of a key before does not reach its hash", "[flow_key]") {
  alignas(FlowKey) std::array<unsigned char, sizeof(FlowKey)> clean{};
  alignas(FlowKey) std::array<unsigned char, sizeof(FlowKey)> dirty;
  std::memset(dirty.data(), 0xa5, dirty.size());
  const FlowKey* a = new (clean.data()) FlowKey(flow_key(SessionKeyMode::address_conv, path_v6(), 42));
  const FlowKey* b = new (dirty.data()) FlowKey(flow_key(SessionKeyMode::address_conv, path_v6(), 42));
  CHECK(*a == *b);
  CHECK(hash(*a, sip) == hash(*b, sip));
}
