// Shows which datagrams are plain and what is read of them; all others are left to the way that judges each segment.
// How: by example for each shape, and one change of every byte of each shape's headers.
#include "proto/kcp/plain_datagram.hpp"

#include <catch2/catch.hpp>
#include <optional>
#include <vector>

using namespace penstock;
using namespace penstock::kcp;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t conv = 0x11223344;

Bytes segment(Command command, std::uint32_t stamp, std::uint32_t sn, const Bytes& data = {}) {
  Bytes bytes(header_bytes);
  encode({.conv = conv,
          .command = command,
          .window = 77,
          .stamp = Stamp32(stamp),
          .sn = Seq32(sn),
          .una = Seq32(5),
          .length = static_cast<std::uint32_t>(data.size())},
         bytes.data());
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Read {
  Plain kind;
  PlainDatagram plain;
};

std::optional<Read> read(const Bytes& bytes) {
  Read read{.kind = plain_kind(bytes, conv), .plain = {}};
  bool known = false;
  if (read.kind == Plain::ack) known = read_plain<Plain::ack>(bytes, conv, read.plain);
  if (read.kind == Plain::push) known = read_plain<Plain::push>(bytes, conv, read.plain);
  if (read.kind == Plain::ack_and_push) known = read_plain<Plain::ack_and_push>(bytes, conv, read.plain);
  if (!known) return std::nullopt;
  return read;
}

}  // namespace

TEST_CASE("an ACK, a PUSH, and an ACK with a PUSH behind it are plain") {
  const auto ack = read(segment(Command::ack, 900, 4));
  REQUIRE(ack);
  CHECK(ack->kind == Plain::ack);
  const PlainDatagram& a = ack->plain;
  CHECK((a.window == 77 && a.una == Seq32(5) && a.acked == Seq32(4) && a.echo == Stamp32(900)));

  const auto push = read(segment(Command::push, 901, 8, {1, 2, 3}));
  REQUIRE(push);
  CHECK(push->kind == Plain::push);
  const PlainDatagram& p = push->plain;
  CHECK((p.window == 77 && p.una == Seq32(5) && p.sn == Seq32(8) && p.stamp == Stamp32(901)));
  CHECK(payload_offset(Plain::push) == header_bytes);

  const auto both = read(segment(Command::ack, 900, 4) + segment(Command::push, 901, 8, {1, 2, 3}));
  REQUIRE(both);
  CHECK(both->kind == Plain::ack_and_push);
  const PlainDatagram& b = both->plain;
  CHECK((b.window == 77 && b.una == Seq32(5) && b.acked == Seq32(4) && b.echo == Stamp32(900)));
  CHECK((b.sn == Seq32(8) && b.stamp == Stamp32(901)));
  CHECK(payload_offset(Plain::ack_and_push) == 2 * header_bytes);
}

TEST_CASE("an empty PUSH is plain") {
  const auto push = read(segment(Command::push, 1, 2));
  REQUIRE(push);
  CHECK(push->kind == Plain::push);
}

TEST_CASE("other orders, commands and lengths are not plain") {
  const Bytes ack = segment(Command::ack, 1, 2);
  const Bytes push = segment(Command::push, 3, 4, {9});
  CHECK_FALSE(read({}));
  CHECK_FALSE(read(push + ack));
  CHECK_FALSE(read(ack + ack));
  CHECK_FALSE(read(push + push));
  CHECK_FALSE(read(ack + push + push));
  CHECK_FALSE(read(push + Bytes{0}));
  CHECK_FALSE(read(ack + Bytes(header_bytes - 1)));
  CHECK_FALSE(read(segment(Command::ack, 1, 2, {7})));
  CHECK_FALSE(read(segment(Command::wask, 1, 2)));
  CHECK_FALSE(read(segment(Command::wins, 1, 2)));
  for (std::size_t bytes = 0; bytes < push.size(); ++bytes)
    CHECK_FALSE(read(Bytes(push.begin(), push.begin() + static_cast<long>(bytes))));
}

TEST_CASE("any change of conv, command, frg, wnd, una or len that makes two headers differ is not plain") {
  const Bytes good = segment(Command::ack, 900, 4) + segment(Command::push, 901, 8, {1, 2, 3});
  for (std::size_t at = 0; at < 2 * header_bytes; ++at) {
    const std::size_t field = at % header_bytes;
    const bool free = field >= 8 && field < 16;  // ts and sn may be anything
    for (int bit = 0; bit < 8; ++bit) {
      Bytes changed = good;
      changed[at] = static_cast<std::uint8_t>(changed[at] ^ 1u << bit);
      INFO("byte " << at << ", bit " << bit);
      CHECK(read(changed).has_value() == free);
    }
  }
}
