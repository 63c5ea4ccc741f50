// PlainDatagram: the datagram that nearly all traffic comes in: an ACK, a PUSH, or an ACK with a PUSH behind it.
//
// read_plain() knows one by the words of its headers: our conv, both headers with the same una and wnd, no fragment, and
// not a byte too many or too few. What it says nothing of, Session judges segment by segment. Pure functions, any core.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "base/seq.hpp"
#include "proto/kcp/wire.hpp"

namespace penstock::kcp {

struct PlainDatagram {
  bool has_ack;
  bool has_push;
  std::uint16_t window;      // wnd
  Seq32 una;                 // una
  Seq32 acked;               // of the ACK: sn …
  Stamp32 echo;              // … and ts; valid when has_ack
  Seq32 sn;                  // of the PUSH: sn …
  Stamp32 stamp;             // … ts …
  std::uint32_t payload_at;  // … where its payload begins, which goes to the datagram's end; valid when has_push
};

inline bool read_plain(std::span<const std::uint8_t> bytes, std::uint32_t conv, PlainDatagram& plain) {
  const auto word_at = [&](std::size_t at) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    return word;
  };
  constexpr std::uint64_t without_window = 0xffff'ffff'ffff;
  const auto head_of = [conv](Command command) {
    return conv | std::uint64_t{static_cast<std::uint8_t>(command)} << 32;
  };
  if (bytes.size() < header_bytes) return false;
  std::uint64_t head = word_at(0);
  std::uint64_t numbers = word_at(8);
  std::uint64_t una_and_length = word_at(16);
  std::uint32_t end = header_bytes;
  plain.window = static_cast<std::uint16_t>(head >> 48);
  plain.una = Seq32(static_cast<std::uint32_t>(una_and_length));
  plain.has_ack = (head & without_window) == head_of(Command::ack);
  if (plain.has_ack) {
    if (una_and_length >> 32 != 0) return false;
    plain.echo = Stamp32(static_cast<std::uint32_t>(numbers));
    plain.acked = Seq32(static_cast<std::uint32_t>(numbers >> 32));
    plain.has_push = bytes.size() > header_bytes;
    if (!plain.has_push) return true;
    if (bytes.size() < 2 * header_bytes) return false;
    const std::uint64_t as_push = head ^ head_of(Command::ack) ^ head_of(Command::push);
    head = word_at(header_bytes);
    numbers = word_at(header_bytes + 8);
    una_and_length = word_at(header_bytes + 16);
    end = 2 * header_bytes;
    if (head != as_push || static_cast<std::uint32_t>(una_and_length) != plain.una.raw()) return false;
  }
  plain.has_push = true;
  plain.stamp = Stamp32(static_cast<std::uint32_t>(numbers));
  plain.sn = Seq32(static_cast<std::uint32_t>(numbers >> 32));
  plain.payload_at = end;
  return (head & without_window) == head_of(Command::push) && una_and_length >> 32 == bytes.size() - end;
}

}  // namespace penstock::kcp
