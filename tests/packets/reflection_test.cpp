// Reflection audit: whatever a source that has proven nothing sends, no more comes back than went in.
//
// Every type of packet that the stack and the KCP listeners know, in every size from 1 to what a frame of 1,500 bytes holds,
// goes to a node of its own port and conversation. Summed are the frames that leave in the virtual minute behind it: at
// most one, no longer than the question, in UDP payload and on the wire, where Ethernet pads both to 60 bytes. The worst
// factor of each type is printed; docs/testing.md quotes it.
#include <fmt/core.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "packets/questions.hpp"

using namespace penstock;
using namespace penstock::packets;

namespace {

constexpr std::size_t packet_bytes_max = 1500;
constexpr std::size_t ethernet_header = 14;
constexpr std::size_t frame_bytes_min = 60;
constexpr Duration patience = Duration::seconds(60);

std::size_t wire_bytes(const Bytes& frame) { return std::max(frame.size(), frame_bytes_min); }
std::size_t udp_bytes(const Bytes& frame) {
  const auto view = sim::peek(frame);
  return view ? view->payload.size() : 0;
}

// What a type came to, over all its sizes.
struct Worst {
  std::uint32_t asked = 0;
  std::uint32_t answered = 0;
  double wire = 0;
  double udp = 0;
};

void audit(const Type& type, bool ip6, Bench& bench, Worst& worst, std::uint32_t& number) {
  for (std::size_t size = 1; size <= packet_bytes_max; ++size) {
    const Bytes question = type.make({.ip6 = ip6, .listener = type.listener, .number = ++number}, size);
    if (question.size() > packet_bytes_max + ethernet_header) break;
    bench.sent().clear();
    bench.bring(question);
    bench.pass_until(bench.time() + patience);
    ++worst.asked;
    std::size_t wire = 0;
    std::size_t udp = 0;
    for (const Sent& sent : bench.sent()) {
      wire += wire_bytes(sent.bytes);
      udp += udp_bytes(sent.bytes);
    }
    worst.answered += bench.sent().empty() ? 0U : 1U;
    worst.wire = std::max(worst.wire, static_cast<double>(wire) / static_cast<double>(wire_bytes(question)));
    worst.udp = std::max(
        worst.udp,
        udp == 0 ? 0 : static_cast<double>(udp) / static_cast<double>(std::max<std::size_t>(udp_bytes(question), 1)));
    INFO(type.name << (ip6 ? " over IPv6" : " over IPv4") << ", size " << size);
    REQUIRE(bench.sent().size() <= 1);
    REQUIRE(udp <= udp_bytes(question));
    if (!type.is_link_local) REQUIRE(wire <= wire_bytes(question));
    if (type.is_link_local) REQUIRE(wire <= wire_bytes(question) + 8);
  }
}

}  // namespace

TEST_CASE("no answer to an unproven source is longer than its question, and none comes twice", "[audit]") {
  const bool challenge = GENERATE(true, false);
  fmt::print("strangers {}\n", challenge ? "are challenged" : "come in at once");
  fmt::print("{:<52}{:>8}{:>10}{:>8}{:>8}\n", "type", "asked", "answered", "UDP", "wire");
  for (const Type& type : all_types()) {
    Worst worst;
    std::uint32_t number = 0;
    for (const bool ip6 : {false, true}) {
      if (ip6 ? !type.ip6 : !type.ip4) continue;
      Bench bench(audited_node(challenge));
      audit(type, ip6, bench, worst, number);
      CHECK(bench.switch_off() == "");
    }
    fmt::print("{:<52}{:>8}{:>10}{:>8.2f}{:>8.2f}\n", type.name, worst.asked, worst.answered, worst.udp, worst.wire);
    CHECK(worst.asked > 0);
  }
}
