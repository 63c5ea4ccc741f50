// ND: the messages we send against vectors made elsewhere, and for each demand of RFC 4861, 7.1.1 and 7.1.2 one that breaks it.
#include <catch2/catch.hpp>

#include "net/headers.hpp"
#include "net/nd.hpp"
#include "vectors.hpp"
#include "wire.hpp"

using namespace penstock;
using namespace penstock::net;

namespace {

const IpAddress our_ip = wire::ip("fd77::2");
const IpAddress their_ip = wire::ip("fd77::1");
const IpAddress our_group = wire::ip("ff02::1:ff00:2");

wire::Bytes message_of(std::string_view frame) {
  const wire::Bytes bytes = wire::hex(frame);
  return {bytes.begin() + 54, bytes.end()};
}
wire::Bytes written(const NdPacket& packet) {
  wire::Bytes bytes(nd_bytes(packet.message), 0xee);
  ByteWriter out(bytes);
  write_nd(out, packet);
  CHECK(out.remaining() == 0);
  return bytes;
}
IpHeader header(const IpAddress& from, const IpAddress& to, std::uint8_t hop_limit = 255) {
  IpHeader ip;
  ip.source = from;
  ip.destination = to;
  ip.hop_limit = hop_limit;
  return ip;
}
void malformed(const wire::Bytes& message, const IpHeader& ip) {
  const auto nd = parse_nd(message, ip);
  REQUIRE_FALSE(nd);
  CHECK(nd.error() == DropReason::nd_malformed);
}

}  // namespace

TEST_CASE("what we send is what others send", "[net][nd]") {
  CHECK(written(nd_question(wire::us, our_ip, their_ip, std::nullopt)) == message_of(vectors::ns_out));
  CHECK(nd_question(wire::us, our_ip, their_ip, std::nullopt).destination == wire::ip("ff02::1:ff00:1"));
  CHECK(nd_question(wire::us, our_ip, their_ip, their_ip).destination == their_ip);
  CHECK(written(nd_probe(our_ip)) == message_of(vectors::dad_probe));
  CHECK(written(nd_announcement(wire::us, our_ip)) == message_of(vectors::na_announce));
  const auto question = parse_nd(message_of(vectors::ns_in), header(their_ip, our_group));
  REQUIRE(question);
  CHECK(question->kind == NdMessage::Kind::solicitation);
  CHECK(question->target == our_ip);
  CHECK(question->mac == wire::them);
  CHECK(written(nd_answer(wire::us, *question, their_ip, false)) == message_of(vectors::na_out));
  const auto answer = parse_nd(message_of(vectors::na_in), header(their_ip, our_ip));
  REQUIRE(answer);
  CHECK(answer->kind == NdMessage::Kind::advertisement);
  CHECK(answer->target == their_ip);
  CHECK(answer->mac == wire::them);
  CHECK(answer->solicited);
  CHECK(answer->override_entry);
}

TEST_CASE("an answer to a probe goes to everybody, one to us alone is not longer than the question", "[net][nd]") {
  NdMessage question;
  question.target = our_ip;
  const NdPacket to_all = nd_answer(wire::us, question, IpAddress{}, false);
  CHECK(to_all.destination == wire::ip("ff02::1"));
  CHECK_FALSE(to_all.message.solicited);
  CHECK(to_all.message.mac == wire::us);
  CHECK(nd_bytes(nd_answer(wire::us, question, their_ip, true).message) == 24);
  // RFC 4861, 4.4: a question to the group is always answered with the MAC address.
  CHECK(nd_answer(wire::us, question, their_ip, false).message.mac == wire::us);
  question.mac = wire::them;
  CHECK(nd_answer(wire::us, question, their_ip, true).message.mac == wire::us);
}

TEST_CASE("unknown options are skipped", "[net][nd]") {
  const wire::Bytes nonce = {14, 1, 1, 2, 3, 4, 5, 6};
  const auto nd = parse_nd(wire::nd(135, 0, our_ip, wire::join({nonce, wire::nd_option(1, wire::them)})),
                           header(their_ip, our_group));
  REQUIRE(nd);
  CHECK(nd->mac == wire::them);
  // The option of the other kind is not ours to read.
  CHECK_FALSE(parse_nd(wire::nd(135, 0, our_ip, wire::nd_option(2, wire::them)), header(their_ip, our_group))->mac);
}

TEST_CASE("messages cut short are malformed", "[net][nd]") {
  const wire::Bytes good = message_of(vectors::ns_in);
  for (std::size_t length = 8; length < good.size(); ++length) {
    if (length == 24) continue;  // without the option it is whole
    malformed(wire::Bytes(good.begin(), good.begin() + static_cast<long>(length)), header(their_ip, our_group));
  }
}

TEST_CASE("what breaks a demand is malformed", "[net][nd]") {
  const wire::Bytes question = wire::nd(135, 0, our_ip);
  const wire::Bytes answer = wire::nd(136, 0x60000000, their_ip);
  REQUIRE(parse_nd(question, header(their_ip, our_group)));
  REQUIRE(parse_nd(answer, header(their_ip, our_ip)));
  SECTION("a router forwarded it") {
    malformed(question, header(their_ip, our_group, 254));
    malformed(answer, header(their_ip, our_ip, 254));
  }
  SECTION("code") {
    wire::Bytes bad = question;
    bad[1] = 1;
    malformed(bad, header(their_ip, our_group));
  }
  SECTION("target") {
    const IpAddress target = GENERATE(wire::ip("ff02::1"), IpAddress{}, wire::ip("10.0.0.2"));
    malformed(wire::nd(135, 0, target), header(their_ip, our_group));
    malformed(wire::nd(136, 0, target), header(their_ip, our_ip));
  }
  SECTION("an option of length zero, or longer than the message") {
    malformed(wire::nd(135, 0, our_ip, {14, 0, 0, 0, 0, 0, 0, 0}), header(their_ip, our_group));
    malformed(wire::nd(135, 0, our_ip, {14, 2, 0, 0, 0, 0, 0, 0}), header(their_ip, our_group));
    malformed(wire::nd(135, 0, our_ip, wire::join({{1, 2}, wire::Bytes(14, 2)})), header(their_ip, our_group));
  }
  SECTION("a MAC address that no node has") {
    const MacAddress mac = GENERATE(MacAddress{}, MacAddress::broadcast(), wire::mac("33:33:00:00:00:01"));
    malformed(wire::nd(135, 0, our_ip, wire::nd_option(1, mac)), header(their_ip, our_group));
    malformed(wire::nd(136, 0, their_ip, wire::nd_option(2, mac)), header(their_ip, our_ip));
  }
  SECTION("a probe to one node, to another group, or with a MAC address") {
    REQUIRE(parse_nd(question, header({}, our_group)));
    malformed(question, header({}, our_ip));
    malformed(question, header({}, wire::ip("ff02::1:ff00:3")));
    malformed(wire::nd(135, 0, our_ip, wire::nd_option(1, wire::them)), header({}, our_group));
  }
  SECTION("an advertisement to everybody that says it was asked for") {
    REQUIRE(parse_nd(wire::nd(136, 0x20000000, their_ip), header(their_ip, wire::ip("ff02::1"))));
    malformed(answer, header(their_ip, wire::ip("ff02::1")));
  }
}
