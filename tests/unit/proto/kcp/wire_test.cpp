// Shows the header's place of every byte, that encode and decode are inverse, and that the reader visits exactly the
// segments of a datagram and nothing beyond it.
// How: the published vectors byte for byte, random headers, and random and truncated datagrams against a naive walk.
#include "proto/kcp/wire.hpp"

#include <catch2/catch.hpp>

#include "aborts.hpp"
#include "proto/kcp/world.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

TEST_CASE("a header has its fields where ikcp puts them, little-endian") {
  // rule: 4.A header-layout
  Header header;
  header.conv = 0x11223344;
  header.command = Command::push;
  header.fragment = 0x56;
  header.window = 0x789a;
  header.stamp = Stamp32(0xbcdef012);
  header.sn = Seq32(0x3456789a);
  header.una = Seq32(0xdeadbeef);
  header.length = 0x01020304;
  Bytes bytes(header_bytes);
  encode(header, bytes.data());
  CHECK(bytes == hex("44332211 51 56 9a78 12f0debc 9a785634 efbeadde 04030201"));
}

TEST_CASE("the published first PUSH decodes to its fields") {
  const Bytes datagram = hex("44332211 51 00 8000 f2030000 00000000 00000000 02000000 6869");
  const Header header = decode(datagram.data());
  CHECK(conv_of(datagram) == 0x11223344);
  CHECK(header.conv == 0x11223344);
  CHECK(header.command == Command::push);
  CHECK(header.fragment == 0);
  CHECK(header.window == 128);
  CHECK(header.stamp.raw() == 1010);
  CHECK(header.sn.raw() == 0);
  CHECK(header.una.raw() == 0);
  CHECK(header.length == 2);
  CHECK(parse(datagram).at(0).payload == "hi");
}

TEST_CASE("the four commands are known and no other byte is") {
  std::uint32_t known_count = 0;
  for (unsigned value = 0; value < 256; ++value) known_count += known(static_cast<Command>(value));
  CHECK(known_count == 4);
  CHECK(static_cast<unsigned>(Command::push) == 81);
  CHECK(static_cast<unsigned>(Command::ack) == 82);
  CHECK(static_cast<unsigned>(Command::wask) == 83);
  CHECK(static_cast<unsigned>(Command::wins) == 84);
}

TEST_CASE("decode is the inverse of encode for any 24 bytes") {
  Rng rng(1);
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes(header_bytes);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.next());
    Bytes again(header_bytes);
    encode(decode(bytes.data()), again.data());
    REQUIRE(again == bytes);
  }
}

TEST_CASE("the reader walks over concatenated segments and ignores a rest shorter than a header") {
  // rule: 4.A several-segments
  Bytes datagram = wire({push(1, "one"), push(2, ""), push(3, "three")});
  for (int rest = 0; rest < 24; ++rest) {
    const auto segments = parse(datagram);
    REQUIRE(segments.size() == 3);
    CHECK(segments[0].payload == "one");
    CHECK(segments[1].payload.empty());
    CHECK(segments[2].payload == "three");
    datagram.push_back(0xff);
  }
  // One more byte makes a header of the rest, whose length lies.
  SegmentReader reader(datagram);
  for (int i = 0; i < 3; ++i) REQUIRE(reader.next());
  CHECK(!reader.next());
  CHECK(reader.malformed());
}

TEST_CASE("at_last tells whether another header follows") {
  const Bytes datagram = wire({push(1, "one"), push(2, "two")});
  SegmentReader reader(datagram);
  REQUIRE(reader.next());
  CHECK(!reader.at_last());
  REQUIRE(reader.next());
  CHECK(reader.at_last());
}

TEST_CASE("only a segment that differs in number, stamp and payload is alike") {
  const Wire first{.sn = 1, .una = 7, .ts = 10, .wnd = 99, .frg = 2, .payload = "one"};
  const auto alike = [&](const Wire& second, std::uint32_t sn = 2) {
    Bytes datagram = wire({first, second});
    SegmentReader reader(datagram);
    REQUIRE(reader.next());
    const bool taken = reader.next_alike(Seq32(sn));
    CHECK(reader.header().sn.raw() == (taken ? sn : 1));
    CHECK(reader.payload_offset() == (taken ? 51 : 24));
    CHECK(reader.next() == !taken);
    return taken;
  };
  Wire second{.sn = 2, .una = 7, .ts = 11, .wnd = 99, .frg = 2, .payload = ""};
  CHECK(alike(second));
  CHECK(!alike(second, 3));
  for (int field = 0; field < 5; ++field) {
    Wire other = second;
    if (field == 0) other.command = Command::ack;
    if (field == 1) other.una = 8;
    if (field == 2) other.wnd = 98;
    if (field == 3) other.frg = 1;
    if (field == 4) other.conversation = conv + 1;
    CHECK(!alike(other));
  }
  Bytes lies = wire({first, second});
  lies[27 + 20] = 1;  // its length, with nothing behind it
  SegmentReader reader(lies);
  REQUIRE(reader.next());
  CHECK(!reader.next_alike(Seq32(2)));
  CHECK(!reader.next());
  CHECK(reader.malformed());
}

TEST_CASE("all_alike counts the rest of a run, and finds whatever does not belong to it") {
  const auto count = [](const Bytes& datagram) {
    SegmentReader reader(datagram);
    REQUIRE(reader.next());
    return reader.all_alike();
  };
  const Bytes run = wire({push(1, "one"), push(2, ""), push(3, "three")});
  for (int rest = 0; rest < 24; ++rest) {
    Bytes longer = run;
    longer.insert(longer.end(), static_cast<std::size_t>(rest), std::uint8_t{0xff});
    CHECK(count(longer) == 2u);
  }
  CHECK(count(wire({push(1, "one")})) == 0u);
  CHECK(!count(wire({push(1, "one"), push(2, ""), push(4, "four")})));
  CHECK(!count(wire({push(1, "one"), push(2, ""), push(3, "three", 1)})));
  CHECK(!count(wire({push(1, "one"), ack(2, 0, 0)})));
  Bytes lies = run;
  lies[27 + 24 + 20] = 6;  // the last length, one more than there is
  CHECK(!count(lies));
}

TEST_CASE("no length leads the reader out of the datagram") {
  Rng rng(2);
  const std::uint32_t lengths[] = {0,           1,           23,          24,          25,         1000,
                                   0x7fff'ffff, 0x8000'0000, 0xffff'ffe7, 0xffff'ffe8, 0xffff'ffff};
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes(rng.below(120));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.next());
    for (std::size_t at = 20; at + 4 <= bytes.size(); at += 24) {
      const std::uint32_t length = lengths[rng.below(std::size(lengths))];
      for (unsigned byte = 0; byte < 4; ++byte) bytes[at + byte] = static_cast<std::uint8_t>(length >> (8 * byte));
    }
    SegmentReader reader(bytes);
    std::size_t end = 0;
    while (reader.next()) {
      REQUIRE(reader.payload_offset() == end + 24);
      end = reader.payload_offset() + std::size_t{reader.header().length};
      REQUIRE(end <= bytes.size());
    }
    REQUIRE(reader.malformed() == (bytes.size() - end >= 24));
  }
}

TEST_CASE("a moment splits microseconds into the stamp and the rest") {
  const Moment moment = Moment::at(Instant::at_us(1'234'567), Stamp32(0xffff'ffff));
  CHECK(moment.stamp.raw() == 1233);
  CHECK(moment.us == 567);
  // 49.7 days later the stamp has wrapped around.
  CHECK(Moment::at(Instant::at_us(4'294'967'296'000), Stamp32(5)).stamp.raw() == 5);
}
