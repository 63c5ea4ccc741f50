// Shows that the IP header of a frame is found behind up to two tags and nowhere else, and that a mark leaves a right IPv4
// checksum right, a wrong one wrong, and every other bit as it was. Frames are made by hand, cut short at every length.
#include "impair/ip_header.hpp"

#include <catch2/catch.hpp>
#include <numeric>
#include <vector>

#include "base/rng.hpp"

using namespace penstock;
using impair::Ecn;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes frame_of(int tags, const Bytes& type, const Bytes& packet) {
  Bytes made(12, 0x11);
  for (int i = 0; i < tags; ++i) {
    const Bytes tag = i == 0 && tags == 2 ? Bytes{0x88, 0xa8, 0, 7} : Bytes{0x81, 0, 0, 9};
    made.insert(made.end(), tag.begin(), tag.end());
  }
  made.insert(made.end(), type.begin(), type.end());
  made.insert(made.end(), packet.begin(), packet.end());
  return made;
}

std::uint32_t sum16(std::span<const std::uint8_t> header) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < header.size(); i += 2) sum += std::uint32_t{header[i]} << 8 | header[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

// A header of 20 bytes and a payload of 8, by its own word `total` long.
Bytes ip4(std::uint8_t tos, std::uint16_t total, std::uint16_t id = 0x1234) {
  Bytes made = {0x45, tos, static_cast<std::uint8_t>(total >> 8), static_cast<std::uint8_t>(total)};
  for (const int b : {id >> 8, id & 0xff, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2})
    made.push_back(static_cast<std::uint8_t>(b));
  const std::uint32_t sum = ~sum16(made);
  made[10] = static_cast<std::uint8_t>(sum >> 8);
  made[11] = static_cast<std::uint8_t>(sum);
  made.resize(28, 0x55);
  return made;
}

Bytes ip6(std::uint8_t traffic_class, std::uint16_t payload) {
  Bytes made(48, 0x66);
  made[0] = static_cast<std::uint8_t>(0x60 | traffic_class >> 4);
  made[1] = static_cast<std::uint8_t>(traffic_class << 4 | 0x0a);
  made[4] = static_cast<std::uint8_t>(payload >> 8);
  made[5] = static_cast<std::uint8_t>(payload);
  return made;
}

const Bytes type4 = {0x08, 0x00};
const Bytes type6 = {0x86, 0xdd};

}  // namespace

TEST_CASE("the header is found behind up to two tags, with the packet's own length") {
  for (const int tags : {0, 1, 2}) {
    const auto four = impair::ip_header_of(frame_of(tags, type4, ip4(0x02, 1400)));
    REQUIRE(four);
    CHECK(four->at == 14 + 4U * static_cast<unsigned>(tags));
    CHECK(four->bytes == 1400);
    CHECK(four->is_v4);
    CHECK(four->ecn == Ecn::ect0);
    const auto six = impair::ip_header_of(frame_of(tags, type6, ip6(0xf1, 1360)));
    REQUIRE(six);
    CHECK(six->bytes == 1400);
    CHECK_FALSE(six->is_v4);
    CHECK(six->ecn == Ecn::ect1);
  }
}

TEST_CASE("what is no IP, has three tags or is cut short has no header") {
  CHECK_FALSE(impair::ip_header_of(frame_of(0, {0x08, 0x06}, Bytes(28, 0))));
  CHECK_FALSE(impair::ip_header_of(frame_of(3, type4, ip4(0, 28))));
  CHECK_FALSE(impair::ip_header_of(frame_of(0, type4, ip6(0, 8))));
  CHECK_FALSE(impair::ip_header_of(frame_of(0, type6, ip4(0, 28))));
  for (const int tags : {0, 1, 2}) {
    const Bytes four = frame_of(tags, type4, ip4(0, 28));
    const Bytes six = frame_of(tags, type6, ip6(0, 8));
    const std::size_t head = 14 + 4U * static_cast<unsigned>(tags);
    for (std::size_t n = 0; n < four.size(); ++n)
      CHECK(impair::ip_header_of(std::span(four).first(n)).has_value() == (n >= head + 20));
    for (std::size_t n = 0; n < six.size(); ++n)
      CHECK(impair::ip_header_of(std::span(six).first(n)).has_value() == (n >= head + 40));
  }
}

TEST_CASE("a mark keeps a right IPv4 checksum right and a wrong one wrong") {
  Rng rng(1);
  for (int i = 0; i < 2'000; ++i) {
    const auto tos = static_cast<std::uint8_t>(rng.next());
    const Bytes before = frame_of(i % 3, type4, ip4(tos, 28, static_cast<std::uint16_t>(rng.next())));
    Bytes after = before;
    const auto header = impair::ip_header_of(after);
    REQUIRE(header);
    impair::mark_ce(after, *header);
    CHECK(sum16(std::span(after).subspan(header->at, 20)) == 0xffff);
    CHECK(impair::ip_header_of(after)->ecn == Ecn::ce);
    CHECK(after[header->at + 1] == (tos | 3));
    // Nothing else but the sum changed.
    after[header->at + 1] = before[header->at + 1];
    after[header->at + 10] = before[header->at + 10];
    after[header->at + 11] = before[header->at + 11];
    CHECK(after == before);
    Bytes wrong = before;
    wrong[header->at + 8] ^= 1;
    impair::mark_ce(wrong, *header);
    CHECK(sum16(std::span(wrong).subspan(header->at, 20)) != 0xffff);
  }
}

TEST_CASE("a mark touches two bits of an IPv6 header") {
  for (int traffic_class = 0; traffic_class < 256; ++traffic_class) {
    const Bytes before = frame_of(1, type6, ip6(static_cast<std::uint8_t>(traffic_class), 8));
    Bytes after = before;
    impair::mark_ce(after, *impair::ip_header_of(after));
    CHECK(impair::ip_header_of(after)->ecn == Ecn::ce);
    CHECK(after[19] == (before[19] | 0x30));
    after[19] = before[19];
    CHECK(after == before);
  }
}
