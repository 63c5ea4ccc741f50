#include "sim/trace.hpp"

#include <fmt/core.h>

#include <array>

#include "sim/frames.hpp"

namespace penstock::sim {

namespace {

constexpr std::array kind_names = {"frame_sent", "frame_arrived", "opened", "received",
                                   "sent",       "writable",      "closed", "fault"};
constexpr SipKey frame_key{0x70656e73746f636bu, 0x73696d756c617465u};

const char* name_of(TraceKind kind) { return kind_names[static_cast<std::size_t>(kind)]; }

}  // namespace

void Trace::mix(Instant now, TraceKind kind, std::uint32_t host, std::uint64_t a, std::uint64_t b) {
  const std::array<std::uint64_t, 6> words{
      hash_, static_cast<std::uint64_t>(now.count_us()), static_cast<std::uint64_t>(kind), host, a, b};
  hash_ = siphash13_words(frame_key, words);
  ++events_;
}

void Trace::frame(Instant now, TraceKind kind, std::uint32_t host, std::uint64_t a,
                  std::span<const std::uint8_t> bytes) {
  mix(now, kind, host, a, siphash13(frame_key, bytes));
  if (print_) fmt::print("{:>14} host {} {} {} {}\n", now.count_us(), host, name_of(kind), a, describe(bytes));
}

void Trace::event(Instant now, TraceKind kind, std::uint32_t host, std::uint64_t a, std::uint64_t b) {
  mix(now, kind, host, a, b);
  if (print_) fmt::print("{:>14} host {} {} {:x} {}\n", now.count_us(), host, name_of(kind), a, b);
}

void Trace::fault(Instant now, std::uint32_t host, std::string_view what, std::uint64_t amount) {
  mix(now, TraceKind::fault, host, amount, what.size());
  if (print_) fmt::print("{:>14} host {} {} {}\n", now.count_us(), host, what, amount);
}

}  // namespace penstock::sim
