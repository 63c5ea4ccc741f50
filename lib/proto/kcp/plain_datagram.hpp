// PlainDatagram: the datagram that nearly all traffic comes in: an ACK, a PUSH, or an ACK with a PUSH behind it.
//
// It is known by the words of its headers: our conv, both headers with the same una and wnd, no fragment, and not a byte too
// many or too few. plain_kind() tells by the first word what a datagram can be, read_plain() whether it is that. What is not
// plain, Session judges segment by segment. Pure functions, any core.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "base/seq.hpp"
#include "proto/kcp/wire.hpp"

namespace penstock::kcp {

enum class Plain : std::uint8_t { none, ack, push, ack_and_push };

struct PlainDatagram {
  std::uint16_t window;  // wnd
  Seq32 una;             // una
  Seq32 acked;           // of the ACK: sn …
  Stamp32 echo;          // … and ts
  Seq32 sn;              // of the PUSH: sn …
  Stamp32 stamp;         // … and ts
};

namespace detail {

inline std::uint64_t word_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::uint64_t word;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}
// The first word of a header with frg 0 and wnd 0.
constexpr std::uint64_t head_of(std::uint32_t conv, Command command) {
  return conv | std::uint64_t{static_cast<std::uint8_t>(command)} << 32;
}

}  // namespace detail

// What a datagram can only be by its first word and its size.
inline Plain plain_kind(std::span<const std::uint8_t> bytes, std::uint32_t conv) {
  if (bytes.size() < header_bytes) return Plain::none;
  const std::uint64_t head = detail::word_at(bytes, 0) & 0xffff'ffff'ffff;
  if (head == detail::head_of(conv, Command::push)) return Plain::push;
  if (head != detail::head_of(conv, Command::ack)) return Plain::none;
  if (bytes.size() == header_bytes) return Plain::ack;
  return bytes.size() >= 2 * header_bytes ? Plain::ack_and_push : Plain::none;
}

// Where the payload of a PUSH begins, which goes to the datagram's end.
constexpr std::uint32_t payload_offset(Plain kind) { return kind == Plain::push ? header_bytes : 2 * header_bytes; }

// Reads a datagram whose plain_kind() is `kind`; false when it is none of the kind. What the kind has no place for is left.
template <Plain kind>
bool read_plain(std::span<const std::uint8_t> bytes, std::uint32_t conv, PlainDatagram& plain) {
  static_assert(kind != Plain::none);
  const std::uint64_t head = detail::word_at(bytes, 0);
  const std::uint64_t una_and_length = detail::word_at(bytes, 16);
  plain.window = static_cast<std::uint16_t>(head >> 48);
  plain.una = Seq32(static_cast<std::uint32_t>(una_and_length));
  if constexpr (kind != Plain::push) {
    const std::uint64_t numbers = detail::word_at(bytes, 8);
    plain.echo = Stamp32(static_cast<std::uint32_t>(numbers));
    plain.acked = Seq32(static_cast<std::uint32_t>(numbers >> 32));
    if (una_and_length >> 32 != 0) return false;
  }
  if constexpr (kind == Plain::ack_and_push) {
    const std::uint64_t as_push = head ^ detail::head_of(conv, Command::ack) ^ detail::head_of(conv, Command::push);
    if (detail::word_at(bytes, header_bytes) != as_push) return false;
  }
  if constexpr (kind != Plain::ack) {
    constexpr std::uint32_t payload_at = payload_offset(kind);
    const std::uint64_t numbers = detail::word_at(bytes, payload_at - 16);
    plain.stamp = Stamp32(static_cast<std::uint32_t>(numbers));
    plain.sn = Seq32(static_cast<std::uint32_t>(numbers >> 32));
    // Its una is that of the ACK, and its length what is left.
    return detail::word_at(bytes, payload_at - 8) == (std::uint64_t{bytes.size() - payload_at} << 32 | plain.una.raw());
  }
  return true;
}

}  // namespace penstock::kcp
