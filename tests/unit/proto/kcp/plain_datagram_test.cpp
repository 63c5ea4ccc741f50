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

std::optional<PlainDatagram> read(const Bytes& bytes) {
  PlainDatagram plain;
  if (!read_plain(bytes, conv, plain)) return std::nullopt;
  return plain;
}

}  // namespace

TEST_CASE("an ACK, a PUSH, and an ACK with a PUSH behind it are plain") {
  const auto ack = read(segment(Command::ack, 900, 4));
  REQUIRE(ack);
  CHECK((ack->has_ack && !ack->has_push));
  CHECK((ack->window == 77 && ack->una == Seq32(5) && ack->acked == Seq32(4) && ack->echo == Stamp32(900)));

  const auto push = read(segment(Command::push, 901, 8, {1, 2, 3}));
  REQUIRE(push);
  CHECK((!push->has_ack && push->has_push));
  CHECK((push->window == 77 && push->una == Seq32(5) && push->sn == Seq32(8) && push->stamp == Stamp32(901)));
  CHECK(push->payload_at == header_bytes);

  const auto both = read(segment(Command::ack, 900, 4) + segment(Command::push, 901, 8, {1, 2, 3}));
  REQUIRE(both);
  CHECK((both->has_ack && both->has_push));
  CHECK((both->acked == Seq32(4) && both->echo == Stamp32(900) && both->sn == Seq32(8)));
  CHECK((both->stamp == Stamp32(901) && both->payload_at == 2 * header_bytes));
}

TEST_CASE("an empty PUSH is plain") {
  const auto push = read(segment(Command::push, 1, 2));
  REQUIRE(push);
  CHECK((push->has_push && push->payload_at == header_bytes));
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
