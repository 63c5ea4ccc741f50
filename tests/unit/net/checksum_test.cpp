// Checksums: the worked examples of RFC 1071 and of a real header, the pseudo-headers against a sum made pair by pair in
// network order over random packets of every length and alignment, and the two zeros of UDP.
#include <catch2/catch.hpp>

#include "base/rng.hpp"
#include "net/checksum.hpp"
#include "wire.hpp"

using namespace penstock;
using namespace penstock::net;

namespace {

unsigned as_network(std::uint16_t field) { return static_cast<unsigned>((field & 0xff) << 8 | field >> 8); }

}  // namespace

TEST_CASE("the example of RFC 1071, 3 adds up", "[net][checksum]") {
  const wire::Bytes bytes = wire::hex("0001f203f4f5f6f7");
  CHECK(as_network(sum_fold(internet_sum(bytes))) == 0xddf2);
  CHECK(as_network(checksum_field(internet_sum(bytes))) == 0x220d);
}

TEST_CASE("a real IPv4 header holds, and one flipped bit breaks it", "[net][checksum]") {
  wire::Bytes header = wire::hex("450000730000400040110000c0a80001c0a800c7");
  CHECK(as_network(checksum_field(internet_sum(header))) == 0xb861);
  wire::put16(header, 10, 0xb861);
  CHECK(checksum_holds(internet_sum(header)));
  for (std::size_t bit = 0; bit < header.size() * 8; ++bit) {
    wire::Bytes flipped = header;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ 1u << bit % 8);
    CHECK_FALSE(checksum_holds(internet_sum(flipped)));
  }
}

TEST_CASE("pseudo-headers and data add up as a textbook says", "[net][checksum]") {
  Rng rng(0x5eed);
  for (int i = 0; i < 2000; ++i) {
    wire::Bytes data(rng.below(70), 0);
    for (auto& byte : data) byte = static_cast<std::uint8_t>(rng.next());
    const bool v4 = rng.below(2) == 0;
    std::array<std::uint8_t, 16> a{};
    std::array<std::uint8_t, 16> b{};
    for (std::size_t k = 0; k < 16; ++k) {
      a[k] = static_cast<std::uint8_t>(rng.next());
      b[k] = rng.below(4) == 0 ? 0xff : static_cast<std::uint8_t>(rng.next());
    }
    const auto make = [&](const auto& x) { return v4 ? IpAddress::v4(x[0], x[1], x[2], x[3]) : IpAddress::v6(x); };
    const wire::Ip header{make(a), make(b), static_cast<unsigned>(rng.below(256)), 64};
    const unsigned expected = wire::checksum(wire::join({wire::pseudo(header, data.size()), data}));
    const std::uint64_t sum = pseudo_header_sum(header.from, header.to, static_cast<std::uint8_t>(header.protocol),
                                                static_cast<std::uint32_t>(data.size()));
    REQUIRE(as_network(checksum_field(internet_sum(data, sum))) == expected);
  }
}

TEST_CASE("a length beyond 16 bits counts in the pseudo-header", "[net][checksum]") {
  const wire::Ip header{wire::ip("fd77::1"), wire::ip("fd77::2"), 17, 64};
  CHECK(as_network(checksum_field(pseudo_header_sum(header.from, header.to, 17, 0x12345))) ==
        wire::checksum(wire::pseudo(header, 0x12345)));
}

TEST_CASE("UDP never sends a zero checksum", "[net][checksum]") {
  CHECK(checksum_field(0xffff) == 0);
  CHECK(udp_checksum_field(0xffff) == 0xffff);
  CHECK(udp_checksum_field(0xfffe) == 1);
  CHECK(udp_checksum_field(0) == 0xffff);
}

TEST_CASE("fields are stored as they were summed", "[net][checksum]") {
  wire::Bytes place(4, 0xaa);
  field_write(std::span(place).subspan(1), 0x1234);
  CHECK(place[1] == 0x34);
  CHECK(place[2] == 0x12);
  CHECK(place[0] == 0xaa);
  CHECK(place[3] == 0xaa);
  CHECK(word_sum(0x1234) == 0x3412);
}
