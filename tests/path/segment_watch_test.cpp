// Shows that payload is counted once as new, and again for each repetition and loss, by conversation; and that what is no KCP
// over UDP counts as nothing.
#include "path/segment_watch.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "proto/kcp/wire.hpp"

using namespace penstock;
using namespace penstock::path;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes push(std::uint32_t conv, std::uint32_t sn, std::uint32_t length) {
  Bytes bytes(kcp::header_bytes + length);
  kcp::encode(kcp::Heading(conv, 128, Seq32()), kcp::Command::push, 0, Stamp32(), Seq32(sn), length, bytes.data());
  return bytes;
}

Bytes frame_of(const Bytes& payload, bool v6 = false) {
  Bytes frame(14 + (v6 ? 40 : 20) + 8);
  const std::size_t udp_at = frame.size() - 8;
  frame[12] = v6 ? 0x86 : 0x08;
  frame[13] = v6 ? 0xdd : 0x00;
  frame[14] = v6 ? 0x60 : 0x45;
  frame[14 + (v6 ? 6 : 9)] = 17;
  const std::size_t length = 8 + payload.size();
  frame[udp_at + 4] = static_cast<std::uint8_t>(length >> 8);
  frame[udp_at + 5] = static_cast<std::uint8_t>(length);
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

}  // namespace

TEST_CASE("a copy is new once, and then a repetition, whatever became of it") {
  SegmentWatch watch;
  for (const bool v6 : {false, true}) {
    const std::uint32_t conv = v6 ? 7 : 6;
    Bytes two = push(conv, 0, 100);
    const Bytes second = push(conv, 1, 50);
    two.insert(two.end(), second.begin(), second.end());
    watch.on_fate(frame_of(two, v6), true, Instant());
    watch.on_fate(frame_of(push(conv, 0, 100), v6), false, Instant());
    watch.on_fate(frame_of(push(conv, 2, 10), v6), false, Instant());
  }
  CHECK(watch.first().count == 6);
  CHECK(watch.first().bytes == 2 * 160);
  CHECK(watch.resent().bytes == 2 * 100);
  CHECK(watch.lost().bytes == 2 * 150);
  CHECK(watch.lost().count == 4);
}

TEST_CASE("what a full queue refused is told before what waits in it, and all of it is new") {
  SegmentWatch watch;
  watch.on_fate(frame_of(push(6, 9, 100)), true, Instant());
  for (std::uint32_t sn = 0; sn < 9; ++sn) watch.on_fate(frame_of(push(6, sn, 100)), false, Instant());
  watch.on_fate(frame_of(push(6, 9, 100)), false, Instant());
  CHECK(watch.first().count == 10);
  CHECK(watch.resent().count == 1);
}

TEST_CASE("what is no data over UDP counts as nothing") {
  SegmentWatch watch;
  Bytes tcp = frame_of(push(1, 0, 9));
  tcp[14 + 9] = 6;
  Bytes cut = frame_of(push(1, 0, 9));
  cut.resize(cut.size() - 3);
  Bytes arp = frame_of(push(1, 0, 9));
  arp[13] = 0x06;
  for (const Bytes& frame : {tcp, cut, arp, Bytes(60, 0), Bytes(), frame_of({}), frame_of(push(1, 0, 0))})
    watch.on_fate(frame, true, Instant());
  for (std::size_t size = 0; size < 90; ++size) {
    Bytes part = frame_of(push(1, 0, 40));
    part.resize(std::min(size, part.size() - 1));
    watch.on_fate(part, true, Instant());
  }
  CHECK(watch.first().count == 0);
  CHECK(watch.lost().count == 0);
}
