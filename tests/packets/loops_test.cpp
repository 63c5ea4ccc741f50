// Talk loops: one packet of a stranger, answered to somebody who answers in turn, must come to silence.
//
// Two kinds of somebody: a reflector, which sends back whatever it gets with the addresses turned round, and another node of
// ours, which takes the first one for its client. The stranger's source is that of the victim.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <memory>

#include "packets/questions.hpp"

using namespace penstock;
using namespace penstock::packets;

namespace {

constexpr std::array<std::size_t, 9> sizes = {1, 24, 25, 48, 60, 100, 300, 900, 1400};
constexpr std::uint32_t frames_max = 60;  // of both sides together, for one question
constexpr Duration patience = Duration::seconds(120);
constexpr std::size_t ip_at = 14;

void swap_fields(Bytes& bytes, std::size_t a, std::size_t b, std::size_t count) {
  const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(a);
  std::swap_ranges(first, first + static_cast<std::ptrdiff_t>(count), bytes.begin() + static_cast<std::ptrdiff_t>(b));
}

// The same frame from whom it was sent to, back to whom it came from; empty for what never leaves the link. Sums hold, as
// they do not care for the order of what they add up.
Bytes turned_round(Bytes frame) {
  const bool ip6 = frame[12] == 0x86;
  if (frame[12] == 0x08 && frame[13] == 0x06) return {};
  if (ip6 && frame[ip_at + 6] == 58 && frame[ip_at + 40] >= 133 && frame[ip_at + 40] <= 137) return {};
  swap_fields(frame, 0, 6, 6);
  swap_fields(frame, ip_at + (ip6 ? 8 : 12), ip_at + (ip6 ? 24 : 16), ip6 ? 16 : 4);
  const std::size_t l4 = ip_at + (ip6 ? 40 : 20);
  if (sim::peek(frame)) swap_fields(frame, l4, l4 + 2, 2);
  return frame;
}

// Takes turns until nothing is said any more; how many frames were.
std::uint32_t talk(Bench& one, Bench& other) {
  std::uint32_t frames = 0;
  const Duration until = one.time() + patience;
  const auto carry = [&frames](Bench& from, Bench& to) {
    while (!from.sent().empty() && frames <= frames_max) {
      const Bytes back = turned_round(from.sent().front().bytes);
      from.sent().pop_front();
      ++frames;
      if (!back.empty()) to.bring(back);
    }
  };
  const bool alone = &one == &other;
  while (one.time() < until && frames <= frames_max) {
    if (one.sent().empty() && other.sent().empty()) {
      const Duration next = std::min(until, one.time() + Duration::ms(10));
      one.pass_until(next, true);
      if (!alone) other.pass_until(next, true);
    }
    carry(one, other);
    if (!alone) carry(other, one);
  }
  one.sent().clear();
  other.sent().clear();
  return frames;
}

template <class Number>
void ask_all(bool with_another, const Number& number_of) {
  const bool challenge = GENERATE(true, false);
  for (const Type& type : all_types()) {
    for (const bool ip6 : {false, true}) {
      if (ip6 ? !type.ip6 : !type.ip4) continue;
      Bench one(audited_node(challenge));
      std::unique_ptr<Bench> another = with_another ? std::make_unique<Bench>(audited_node(challenge)) : nullptr;
      std::uint32_t asked = 0;
      for (const std::size_t size : sizes) {
        const Bytes question =
            type.make({.ip6 = ip6, .listener = type.listener, .number = number_of(type, asked++)}, size);
        one.bring(question);
        INFO(type.name << (ip6 ? " over IPv6" : " over IPv4") << ", size " << size);
        CHECK(talk(one, with_another ? *another : one) <= frames_max);
      }
      CHECK(one.switch_off() == "");
    }
  }
}

}  // namespace

TEST_CASE("what a reflector sends back comes to silence") {
  ask_all(false, [](const Type&, std::uint32_t asked) { return asked; });
}

TEST_CASE("two nodes that were told of each other by a stranger come to silence") {
  // The stranger claims the address and port of a listener of the other node: of the same kind, or of an echo.
  ask_all(true, [](const Type& type, std::uint32_t asked) {
    const std::uint32_t port = asked % 2 == 0 ? type.listener : 4001;
    return port - 2000;
  });
}
