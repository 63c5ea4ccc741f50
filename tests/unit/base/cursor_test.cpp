// Shows that ByteReader never runs past its end and remembers that it failed, that ByteWriter fills exactly its bytes,
// and that both agree on byte order.
// How: by example, and by reading random field lists from buffers cut at every length.
#include "base/cursor.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"

using namespace penstock;

TEST_CASE("fields are read in the byte order asked for", "[cursor]") {
  const std::array<std::uint8_t, 13> bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
  ByteReader reader(bytes);
  CHECK(reader.u8() == 0x01);
  CHECK(reader.u16_be() == 0x0203);
  CHECK(reader.u16_le() == 0x0504);
  CHECK(reader.u32_be() == 0x06070809);
  CHECK(reader.u32_le() == 0x0d0c0b0a);
  CHECK(reader.ok());
  CHECK(reader.position() == 13);
  CHECK(reader.remaining() == 0);
}

TEST_CASE("a read that does not fit yields zero, moves nothing and spoils the reader for good", "[cursor]") {
  const std::array<std::uint8_t, 3> bytes{1, 2, 3};
  ByteReader reader(bytes);
  CHECK(reader.u32_be() == 0);
  CHECK_FALSE(reader.ok());
  CHECK(reader.position() == 0);
  CHECK(reader.remaining() == 3);
  // What would have fitted is refused as well: one question at the end covers the whole header.
  CHECK(reader.u8() == 0);
  CHECK(reader.bytes(1).empty());
  CHECK(reader.position() == 0);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("stretches and skips are bounded", "[cursor]") {
  const std::array<std::uint8_t, 6> bytes{1, 2, 3, 4, 5, 6};
  ByteReader reader(bytes);
  reader.skip(2);
  const auto two = reader.bytes(2);
  REQUIRE(two.size() == 2);
  CHECK(two[0] == 3);
  CHECK(reader.rest().size() == 2);
  CHECK(reader.rest()[0] == 5);
  CHECK(reader.bytes(0).empty());
  CHECK(reader.ok());
  CHECK(reader.bytes(SIZE_MAX).empty());
  CHECK_FALSE(reader.ok());

  ByteReader other(bytes);
  other.skip(7);
  CHECK_FALSE(other.ok());
  CHECK(other.position() == 0);
}

TEST_CASE("an empty reader fails on the first byte", "[cursor]") {
  ByteReader reader({});
  CHECK(reader.ok());
  CHECK(reader.rest().empty());
  CHECK(reader.bytes(0).empty());
  CHECK(reader.ok());
  CHECK(reader.u8() == 0);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("whatever is read from a buffer of any length, the reader stays inside", "[cursor]") {
  Rng rng(2026);
  for (int round = 0; round < 2'000; ++round) {
    std::vector<std::uint8_t> bytes(rng.below(40), 0xee);
    ByteReader reader(bytes);
    std::size_t wanted = 0;
    for (int field = 0; field < 12; ++field) {
      const std::uint64_t kind = rng.below(7);
      const std::size_t length = rng.below(9);
      const std::size_t size = kind == 0 ? 1 : kind <= 2 ? 2 : kind <= 4 ? 4 : length;
      switch (kind) {
        case 0: reader.u8(); break;
        case 1: reader.u16_be(); break;
        case 2: reader.u16_le(); break;
        case 3: reader.u32_be(); break;
        case 4: reader.u32_le(); break;
        case 5: reader.skip(length); break;
        default: CHECK(reader.bytes(length).size() <= length);
      }
      if (wanted + size > bytes.size()) {
        REQUIRE_FALSE(reader.ok());
        break;
      }
      wanted += size;
      REQUIRE(reader.ok());
      REQUIRE(reader.position() == wanted);
      REQUIRE(reader.remaining() == bytes.size() - wanted);
    }
  }
}

TEST_CASE("what is written is read back", "[cursor]") {
  std::array<std::uint8_t, 20> bytes{};
  bytes.fill(0xaa);
  ByteWriter writer(bytes);
  writer.u8(0x81);
  writer.u16_be(0x1234);
  writer.u16_le(0x1234);
  writer.u32_be(0xdeadbeef);
  writer.u32_le(0xdeadbeef);
  const std::array<std::uint8_t, 3> text{'k', 'c', 'p'};
  writer.bytes(text);
  writer.bytes({});
  writer.zeros(2);
  writer.zeros(0);
  CHECK(writer.position() == 18);
  CHECK(writer.remaining() == 2);
  const std::array<std::uint8_t, 18> expected{0x81, 0x12, 0x34, 0x34, 0x12, 0xde, 0xad, 0xbe, 0xef,
                                              0xef, 0xbe, 0xad, 0xde, 'k',  'c',  'p',  0,    0};
  CHECK(std::ranges::equal(writer.written(), expected));
  CHECK(bytes[18] == 0xaa);

  ByteReader reader(writer.written());
  CHECK(reader.u8() == 0x81);
  CHECK(reader.u16_be() == 0x1234);
  CHECK(reader.u16_le() == 0x1234);
  CHECK(reader.u32_be() == 0xdeadbeef);
  CHECK(reader.u32_le() == 0xdeadbeef);
}

TEST_CASE("a writer that overflows is our own mistake", "[cursor]") {
  std::array<std::uint8_t, 3> bytes{};
  CHECK(test::aborts([&] { ByteWriter(bytes).u32_be(1); }));
  CHECK(test::aborts([&] { ByteWriter(bytes).zeros(4); }));
  CHECK(test::aborts([&] { ByteWriter(bytes).bytes(std::array<std::uint8_t, 4>{}); }));
  CHECK_FALSE(test::aborts([&] { ByteWriter(bytes).zeros(3); }));
}

TEST_CASE("an empty writer takes nothing and gives nothing", "[cursor]") {
  ByteWriter writer({});
  writer.zeros(0);
  writer.bytes({});
  CHECK(writer.written().empty());
}
