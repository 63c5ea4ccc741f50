// Shows that a datagram holds the bytes written and appended in order, that short payload is folded and long payload is
// linked without copying, that bounds hold, and that sum() is the Internet sum of all bytes, of copies made on the way too.
// How: random lists of headers and payloads, at odd and even places, against a flat vector and a naive sum.
#include "buf/out_datagram.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <vector>

#include "aborts.hpp"
#include "base/internet_sum.hpp"
#include "base/rng.hpp"
#include "buf/arena_pool.hpp"

using namespace penstock;

namespace {

constexpr std::uint32_t headroom = 128;
constexpr std::uint32_t everything = UINT32_MAX;  // a copy_break that folds all

// RFC 1071 by the book, over bytes as they stand.
std::uint16_t naive_sum(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += std::uint64_t{bytes[i]} << (i % 2 == 0 ? 0 : 8);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

std::vector<std::uint8_t> flatten(const OutDatagram& out) {
  std::vector<std::uint8_t> bytes(out.head().begin(), out.head().end());
  bytes.insert(bytes.end(), out.link().bytes().begin(), out.link().bytes().end());
  return bytes;
}

Segment random_payload(HeapPool& pool, Rng& rng, std::uint32_t length) {
  Segment segment = Segment::adopt(pool.allocate(), static_cast<std::uint32_t>(rng.below(8)), length);
  for (auto& byte : segment.writable()) byte = static_cast<std::uint8_t>(rng.next());
  return segment;
}

}  // namespace

TEST_CASE("a fresh datagram is empty and keeps its headroom", "[out_datagram]") {
  HeapPool pool(2176, 1);
  OutDatagram out(pool.allocate(), headroom, 1'400, 256);
  CHECK(out.empty());
  CHECK(out.size() == 0);
  CHECK(out.room() == 1'400);
  CHECK(sum_fold(out.sum()) == 0);
  const Segment head = out.take_head();
  CHECK(head.offset() == headroom);
  CHECK(head.length() == 0);
}

TEST_CASE("headers are consecutive stretches of the head", "[out_datagram]") {
  HeapPool pool(2176, 1);
  OutDatagram out(pool.allocate(), headroom, 100, 0);
  const std::uint8_t* first = out.header(24);
  const std::uint8_t* second = out.header(8);
  CHECK(first == out.head().data());
  CHECK(second == first + 24);
  CHECK(out.size() == 32);
  CHECK(out.room() == 68);
}

TEST_CASE("payload up to the copy break is folded, longer payload is linked", "[out_datagram]") {
  HeapPool pool(2176, 4);
  Rng rng(1);
  for (const std::uint32_t length : {1u, 255u, 256u, 257u, 1'000u}) {
    Segment payload = random_payload(pool, rng, length);
    OutDatagram out(pool.allocate(), headroom, 1'400, 256);
    std::memset(out.header(24), 0x51, 24);
    out.append(payload);
    INFO("length " << length);
    CHECK(out.size() == 24 + length);
    CHECK(out.link().holds() == (length > 256));
    CHECK(payload.unique() == (length <= 256));  // folding holds nothing, linking holds the block
    if (length > 256) {
      CHECK(out.link().bytes().data() == payload.bytes().data());
      CHECK(out.room() == 0);
    }
  }
  CHECK(pool.whole());
}

TEST_CASE("nothing follows a link", "[out_datagram]") {
  HeapPool pool(2176, 3);
  Rng rng(2);
  OutDatagram out(pool.allocate(), headroom, 1'400, 0);
  const Segment payload = random_payload(pool, rng, 10);
  out.append(payload);
  CHECK(test::aborts([&] { out.header(1); }));
  CHECK(test::aborts([&] { out.append(payload); }));
}

TEST_CASE("the sum is that of all bytes, whatever the order of headers and payloads", "[out_datagram]") {
  HeapPool pool(2176, 40);
  Rng rng(3);
  int linked = 0, summed = 0;
  for (int round = 0; round < 6'000; ++round) {
    const auto copy_break = rng.chance_ppm(500'000) ? everything : static_cast<std::uint32_t>(rng.below(200));
    OutDatagram out(pool.allocate(), headroom, 1'400, copy_break);
    const bool copies = rng.chance_ppm(500'000);
    if (copies) out.sum_copies();
    std::vector<std::uint8_t> expected;
    const std::uint64_t parts = rng.below(12);
    for (std::uint64_t part = 0; part < parts && out.room() > 0; ++part) {
      const auto length = static_cast<std::uint32_t>(rng.below(std::min(out.room(), 600u) + 1));
      if (rng.chance_ppm(500'000)) {
        std::uint8_t* to = out.header(length);
        for (std::uint32_t i = 0; i < length; ++i) expected.push_back(to[i] = static_cast<std::uint8_t>(rng.next()));
      } else {
        const Segment payload = random_payload(pool, rng, length);
        expected.insert(expected.end(), payload.bytes().begin(), payload.bytes().end());
        out.append(payload);
      }
    }
    linked += out.link().holds() ? 1 : 0;
    summed += copies && out.size() > 700 ? 1 : 0;
    REQUIRE(flatten(out) == expected);
    REQUIRE(out.size() == expected.size());
    // 0 and 0xffff are the same number in ones' complement.
    REQUIRE(sum_fold(out.sum()) % 0xffff == naive_sum(expected) % 0xffff);
  }
  CHECK(linked > 300);
  CHECK(summed > 300);
  CHECK(pool.whole());
}

TEST_CASE("a header behind a payload of odd length is summed too", "[out_datagram]") {
  HeapPool pool(2176, 2);
  OutDatagram out(pool.allocate(), headroom, 1'400, everything);
  Rng rng(4);
  std::memset(out.header(3), 0x11, 3);
  out.append(random_payload(pool, rng, 5));
  std::memset(out.header(7), 0x22, 7);
  CHECK(sum_fold(out.sum()) % 0xffff == naive_sum(flatten(out)) % 0xffff);
}

TEST_CASE("bounds are those of capacity and block", "[out_datagram]") {
  HeapPool pool(256, 1);
  Block* block = pool.allocate();
  CHECK(test::aborts([&] { OutDatagram(block, 128, 129, 0); }));
  CHECK(test::aborts([&] { OutDatagram(block, 257, 0, 0); }));
  OutDatagram out(block, 128, 128, 0);
  CHECK(test::aborts([&] { out.header(129); }));
  out.header(128);
  CHECK(out.room() == 0);
  CHECK(test::aborts([&] { out.header(1); }));
}

TEST_CASE("limit_room lowers the room and never raises it", "[out_datagram]") {
  HeapPool pool(2176, 1);
  OutDatagram out(pool.allocate(), headroom, 1'400, 0);
  out.header(100);
  out.limit_room(400);
  CHECK(out.room() == 400);
  out.limit_room(401);
  CHECK(out.room() == 400);
  out.limit_room(0);
  CHECK(out.room() == 0);
  CHECK(out.size() == 100);
}

TEST_CASE("taking the parts hands over every hold", "[out_datagram]") {
  HeapPool pool(2176, 2);
  Rng rng(5);
  Segment payload = random_payload(pool, rng, 900);
  Segment head, link;
  {
    OutDatagram out(pool.allocate(), headroom, 1'400, 512);
    out.header(24);
    out.append(payload);
    head = out.take_head();
    link = out.take_link();
    CHECK(out.empty());
  }
  CHECK(head.length() == 24);
  CHECK(head.unique());
  CHECK(link.block() == payload.block());
  CHECK(payload.block()->refs == 2);
  head.extend_front(headroom);  // where the lower headers go
  CHECK(head.offset() == 0);
  head.reset();
  link.reset();
  CHECK(payload.unique());
}

TEST_CASE("the head comes with the room for its headers when asked for as a frame", "[out_datagram]") {
  HeapPool pool(2176, 2);
  Rng rng(7);
  {
    OutDatagram out(pool.allocate(), headroom, 1'400, 1'400);
    const Segment payload = random_payload(pool, rng, 100);
    out.append(payload);
    const Segment frame = out.take_frame(42);
    CHECK(out.empty());
    CHECK(out.room() == 0);
    CHECK(frame.unique());
    CHECK(frame.offset() == headroom - 42);
    CHECK(frame.length() == 142);
    CHECK(std::ranges::equal(frame.bytes().subspan(42), payload.bytes()));
  }
  CHECK(pool.whole());
}

TEST_CASE("a datagram that is given up returns its blocks", "[out_datagram]") {
  HeapPool pool(2176, 2);
  Rng rng(6);
  {
    OutDatagram out(pool.allocate(), headroom, 1'400, 0);
    out.append(random_payload(pool, rng, 100));
    OutDatagram moved = std::move(out);
    CHECK(moved.size() == 100);
  }
  CHECK(pool.whole());
}
