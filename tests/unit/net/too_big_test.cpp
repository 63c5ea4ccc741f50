// Shows that of "fragmentation needed" and "packet too big" only that is read which a datagram of ours would have: its addresses and
// ports as we had them, and where its payload lies; and that whatever is cut short or of another kind says nothing.
// How: messages written by hand, cut at every byte, with every byte of the quoted headers changed.
#include "net/too_big.hpp"

#include <catch2/catch.hpp>

#include "wire.hpp"

using namespace penstock;
using namespace penstock::net;

namespace {

const wire::Ip ours4{wire::ip("10.0.0.2"), wire::ip("192.0.2.9")};
const wire::Ip ours6{wire::ip("fd77::2"), wire::ip("2001:db8::9")};

// What a router sends of a datagram from port 4000 to port 5000.
wire::Bytes message(const wire::Ip& quoted, const wire::Bytes& data) {
  const bool v4 = quoted.to.is_v4();
  wire::Ip udp = quoted;
  udp.protocol = 17;
  return wire::join({{static_cast<std::uint8_t>(v4 ? 3 : 2), static_cast<std::uint8_t>(v4 ? 4 : 0), 0, 0, 0, 0, 2, 88},
                     wire::packet(udp, wire::udp(quoted, data, 4000, 5000))});
}

}  // namespace

TEST_CASE("the two messages that say so are known", "[net]") {
  CHECK(is_too_big({3, 4}, true));
  CHECK(is_too_big({2, 0}, false));
  for (unsigned code = 0; code < 256; ++code) {
    CHECK(is_too_big({3, static_cast<std::uint8_t>(code)}, true) == (code == 4));
    CHECK_FALSE(is_too_big({1, static_cast<std::uint8_t>(code)}, false));
    CHECK_FALSE(is_too_big({2, static_cast<std::uint8_t>(code)}, true));
  }
}

TEST_CASE("a quoted datagram tells its path and where its payload lies", "[net]") {
  for (const wire::Ip& ip : {ours4, ours6}) {
    const wire::Bytes data{1, 2, 3, 4};
    const wire::Bytes whole = message(ip, data);
    const auto quoted = quoted_datagram(whole, ip.to.is_v4());
    REQUIRE(quoted.has_value());
    CHECK(quoted->path.local == Endpoint{ip.from, 4000});
    CHECK(quoted->path.remote == Endpoint{ip.to, 5000});
    CHECK(wire::Bytes(whole.begin() + quoted->payload_at, whole.end()) == data);
    CHECK_FALSE(quoted_datagram(whole, !ip.to.is_v4()).has_value());
  }
}

TEST_CASE("what is cut before the payload says nothing, and nothing is read behind it", "[net]") {
  for (const wire::Ip& ip : {ours4, ours6}) {
    const wire::Bytes whole = message(ip, {9});
    for (std::size_t length = 0; length <= whole.size(); ++length) {
      const wire::Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      CHECK(quoted_datagram(part, ip.to.is_v4()).has_value() == (length + 1 >= whole.size()));
    }
  }
}

TEST_CASE("what we never send is none of ours: options, parts, other protocols", "[net]") {
  const wire::Bytes v4 = message(ours4, {9});
  for (const auto& [at, value] : {std::pair{8u, 0x46u}, {8u, 0x65u}, {14u, 0x20u}, {15u, 0x01u}, {17u, 6u}}) {
    wire::Bytes other = v4;
    other[at] = static_cast<std::uint8_t>(value);
    CHECK_FALSE(quoted_datagram(other, true).has_value());
  }
  for (const auto& [at, value] : {std::pair{8u, 0x45u}, {14u, 44u}}) {
    wire::Bytes other = message(ours6, {9});
    other[at] = static_cast<std::uint8_t>(value);
    CHECK_FALSE(quoted_datagram(other, false).has_value());
  }
}
