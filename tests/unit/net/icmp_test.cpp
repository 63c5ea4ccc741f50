// ICMP: echo answers and port unreachables byte by byte against vectors made elsewhere, and how much of a packet is quoted.
#include <catch2/catch.hpp>

#include "net/headers.hpp"
#include "net/icmp.hpp"
#include "vectors.hpp"
#include "wire.hpp"

using namespace penstock;
using namespace penstock::net;

namespace {

// What follows the Ethernet and IP headers of a vector.
wire::Bytes message_of(std::string_view frame) {
  wire::Bytes bytes = wire::hex(frame);
  const std::ptrdiff_t headers = bytes[12] == 0x08 ? 34 : 54;
  bytes.erase(bytes.begin(), bytes.begin() + headers);
  return bytes;
}
IpHeader header(const wire::Ip& from) {
  IpHeader ip;
  ip.source = from.from;
  ip.destination = from.to;
  ip.is_v4 = from.to.is_v4();
  return ip;
}

}  // namespace

TEST_CASE("an echo answer differs in type and checksum only", "[net][icmp]") {
  const auto [ip, in, out_frame] = GENERATE(table<wire::Ip, std::string_view, std::string_view>(
      {{wire::to_us4, vectors::ping4_in, vectors::pong4_out}, {wire::to_us6, vectors::ping6_in, vectors::pong6_out}}));
  const wire::Bytes request = message_of(in);
  const auto icmp = parse_icmp(request, header(ip));
  REQUIRE(icmp);
  CHECK(is_echo_request(*icmp, ip.to.is_v4()));
  CHECK_FALSE(is_echo_request(*icmp, !ip.to.is_v4()));
  wire::Bytes reply(request.size(), 0xee);
  ByteWriter out(reply);
  write_echo_reply(out, request, ip.to, ip.from);
  CHECK(reply == message_of(out_frame));
}

TEST_CASE("an echo request with a code is none", "[net][icmp]") {
  CHECK_FALSE(is_echo_request({8, 1}, true));
  CHECK_FALSE(is_echo_request({128, 1}, false));
  CHECK_FALSE(is_echo_request({0, 0}, true));
  CHECK_FALSE(is_echo_request({129, 0}, false));
}

TEST_CASE("short messages and wrong sums are told apart", "[net][icmp]") {
  const wire::Ip ip = GENERATE(wire::to_us4, wire::to_us6);
  const unsigned type = ip.to.is_v4() ? 8 : 128;
  const wire::Bytes good = wire::icmp(ip, wire::echo(type, {}));
  REQUIRE(parse_icmp(good, header(ip)));
  for (std::size_t length = 0; length < 8; ++length) {
    CHECK(parse_icmp(Bytes(good).first(length), header(ip)).error() == DropReason::icmp_malformed);
  }
  wire::Bytes bad = good;
  bad[7] ^= 1;
  CHECK(parse_icmp(bad, header(ip)).error() == DropReason::icmp_bad_checksum);
}

TEST_CASE("ICMPv6 is bound to its addresses, ICMPv4 is not", "[net][icmp]") {
  IpHeader elsewhere = header(wire::to_us6);
  elsewhere.destination = wire::ip("fd77::3");
  CHECK(parse_icmp(wire::icmp(wire::to_us6, wire::echo(128, {})), elsewhere).error() == DropReason::icmp_bad_checksum);
  elsewhere = header(wire::to_us4);
  elsewhere.destination = wire::ip("10.0.0.3");
  CHECK(parse_icmp(wire::icmp(wire::to_us4, wire::echo(8, {})), elsewhere));
}

TEST_CASE("a port unreachable quotes the packet", "[net][icmp]") {
  const auto [ip, in, out_frame, headers] = GENERATE(table<wire::Ip, std::string_view, std::string_view, std::uint32_t>(
      {{wire::to_us4, vectors::closed4_in, vectors::unreach4_out, 28},
       {wire::to_us6, vectors::closed6_in, vectors::unreach6_out, 48}}));
  const wire::Bytes packet = [frame = wire::hex(in)] { return wire::Bytes(frame.begin() + 14, frame.end()); }();
  const std::uint32_t quote =
      unreachable_quote_bytes(ip.to.is_v4(), static_cast<std::uint32_t>(packet.size()), headers);
  wire::Bytes message(icmp_bytes + quote, 0xee);
  ByteWriter out(message);
  write_port_unreachable(out, Bytes(packet).first(quote), ip.to, ip.from);
  CHECK(message == message_of(out_frame));
}

TEST_CASE("an unreachable is never longer than its cause, nor than hosts must take", "[net][icmp]") {
  for (std::uint32_t packet = 28; packet < 3000; ++packet) {
    const std::uint32_t quote = unreachable_quote_bytes(true, packet, 28);
    CHECK((quote == 0) == (packet < 56));
    if (quote != 0) CHECK(20 + 8 + quote == std::min(packet, 576u));
  }
  for (std::uint32_t packet = 48; packet < 3000; ++packet) {
    const std::uint32_t quote = unreachable_quote_bytes(false, packet, 48);
    CHECK((quote == 0) == (packet < 96));
    if (quote != 0) CHECK(40 + 8 + quote == std::min(packet, 1280u));
  }
  // Headers that would not fit are not cut: the peer could not tell what it is about.
  CHECK(unreachable_quote_bytes(false, 9000, 1280) == 0);
  CHECK(unreachable_quote_bytes(true, 87, 60) == 0);
  CHECK(unreachable_quote_bytes(true, 88, 60) == 60);
}
