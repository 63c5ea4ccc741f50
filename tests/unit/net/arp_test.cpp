// ARP: messages byte by byte against vectors made elsewhere, in both directions, and every field wrong in turn.
#include <catch2/catch.hpp>

#include "net/arp.hpp"
#include "net/headers.hpp"
#include "vectors.hpp"
#include "wire.hpp"

using namespace penstock;
using namespace penstock::net;

namespace {

wire::Bytes written(const ArpMessage& message) {
  wire::Bytes bytes(arp_bytes, 0xee);
  ByteWriter out(bytes);
  write_arp(out, message);
  CHECK(out.remaining() == 0);
  return bytes;
}
wire::Bytes behind_ethernet(std::string_view frame) {
  wire::Bytes bytes = wire::hex(frame);
  bytes.erase(bytes.begin(), bytes.begin() + 14);
  return bytes;
}
const IpAddress our_ip = wire::ip("10.0.0.2");
const IpAddress their_ip = wire::ip("10.0.0.1");

}  // namespace

TEST_CASE("questions, answers and announcements are what others send", "[net][arp]") {
  CHECK(written(arp_question(wire::us, our_ip, their_ip)) == behind_ethernet(vectors::arp_question_out));
  CHECK(written(arp_announcement(wire::us, our_ip)) == behind_ethernet(vectors::arp_announce));
  const auto request = parse_arp(behind_ethernet(vectors::arp_request_in));
  REQUIRE(request);
  CHECK(request->operation == ArpMessage::Operation::request);
  CHECK(request->sender_mac == wire::them);
  CHECK(request->sender == their_ip);
  CHECK(request->target == our_ip);
  CHECK(written(arp_answer(wire::us, *request)) == behind_ethernet(vectors::arp_reply_out));
}

TEST_CASE("padding behind a message is ignored", "[net][arp]") {
  wire::Bytes padded = behind_ethernet(vectors::arp_request_in);
  padded.resize(46, 0);
  CHECK(parse_arp(padded));
}

TEST_CASE("ARP that is short or of another kind is malformed", "[net][arp]") {
  const wire::Bytes good = behind_ethernet(vectors::arp_request_in);
  for (std::size_t length = 0; length < good.size(); ++length) {
    const auto parsed = parse_arp(Bytes(good).first(length));
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error() == DropReason::arp_malformed);
  }
  // Hardware type, protocol type, both lengths, operations 0, 3 (RARP) and 65535.
  const auto [at, value] = GENERATE(table<std::size_t, unsigned>(
      {{0, 6}, {0, 0x0100}, {2, 0x86dd}, {2, 0x0806}, {4, 0x0804}, {4, 0x0610}, {6, 0}, {6, 3}, {6, 0xffff}}));
  wire::Bytes bad = good;
  wire::put16(bad, at, value);
  const auto parsed = parse_arp(bad);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error() == DropReason::arp_malformed);
}
