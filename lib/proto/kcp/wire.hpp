// The KCP segment header on the wire: 24 bytes, little-endian, and the segments of a datagram one after the other.
//
// Layout (skywind3000/kcp, ikcp.c and protocol.txt): conv 4, cmd 1, frg 1, wnd 2, ts 4, sn 4, una 4, len 4, then `len`
// bytes of payload. Pure functions on bytes, callable from any core.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "base/assert.hpp"
#include "base/seq.hpp"
#include "base/time.hpp"
#include "proto/kcp/refusal.hpp"

namespace penstock::kcp {

static_assert(std::endian::native == std::endian::little, "headers are copied to and from little-endian words");

inline constexpr std::uint32_t header_bytes = 24;

enum class Command : std::uint8_t {
  push = 81,  // data
  ack = 82,   // acknowledges one sn and echoes its ts
  wask = 83,  // asks for the window
  wins = 84,  // tells the window
};

struct Header {
  std::uint32_t conv = 0;
  Command command = Command::push;
  std::uint8_t fragment = 0;  // frg: fragments of the message that follow this one
  std::uint16_t window = 0;   // wnd: segments that the sender of this header can still take
  Stamp32 stamp;              // ts: the sender's clock in ms; in an ACK the echo of the stamp acknowledged
  Seq32 sn;                   // sn: number of the segment, or of the one acknowledged
  Seq32 una;                  // una: every sn before it was received
  std::uint32_t length = 0;   // len: bytes of payload behind the header
};

// What the headers that we write into one datagram have in common.
struct Heading {
  Heading(std::uint32_t conv, std::uint16_t window, Seq32 first_expected)
      : conv_and_window(std::uint64_t{window} << 48 | conv), una(first_expected) {}
  Header header() const {
    Header header;
    header.conv = static_cast<std::uint32_t>(conv_and_window);
    header.window = static_cast<std::uint16_t>(conv_and_window >> 48);
    header.una = una;
    return header;
  }

  std::uint64_t conv_and_window;  // in the places that they have in the first eight bytes of a header
  Seq32 una;
};

// Writes the header to the 24 bytes at `target`.
void encode(const Header& header, std::uint8_t* target);
// The same for a header that has conv, wnd and una from `heading`.
void encode(const Heading& heading, Command command, std::uint8_t fragment, Stamp32 stamp, Seq32 sn,
            std::uint32_t length, std::uint8_t* target);
// The header in the 24 bytes at `bytes`. `command` is as received and may be none of the four.
Header decode(const std::uint8_t* bytes);
constexpr bool known(Command command) { return command >= Command::push && command <= Command::wins; }

// The conversation id of a datagram of at least header_bytes.
inline std::uint32_t conv_of(std::span<const std::uint8_t> datagram) {
  PENSTOCK_ASSERT(datagram.size() >= header_bytes);
  std::uint32_t conv = 0;
  std::memcpy(&conv, datagram.data(), sizeof(conv));
  return conv;
}

// Walks over the segments of a datagram. Fewer than 24 bytes behind the last one are ignored, as ikcp does.
class SegmentReader {
 public:
  explicit SegmentReader(std::span<const std::uint8_t> datagram) : bytes_(datagram) {}

  // Moves to the next segment. False at the end, or when the segment is longer than the rest: then malformed() tells.
  bool next();
  Header header() const { return decode(bytes_.data() + begin_); }
  // Moves to the next segment if it is a PUSH like the current one: with the same conv, cmd, frg, wnd and una, and the number
  // `sn`. False otherwise, or when it is malformed, and the reader stays.
  bool next_alike(Seq32 sn);
  // How many segments, of the rest of the datagram, are PUSHes like the current one with numbers that count on from its own;
  // nothing when there is another segment among them, or a malformed one.
  std::optional<std::uint32_t> all_alike() const;
  // Where the payload of the current segment begins in the datagram.
  std::uint32_t payload_offset() const { return begin_ + header_bytes; }
  // The current segment is the only one of the datagram.
  bool alone() const { return at_last() && begin_ == 0; }
  // No segment follows the current one.
  bool at_last() const { return bytes_.size() - end_ < header_bytes; }
  bool malformed() const { return malformed_; }

 private:
  std::span<const std::uint8_t> bytes_;
  std::uint32_t begin_ = 0;  // where the current segment's header begins …
  std::uint32_t end_ = 0;    // … and the next one's
  bool malformed_ = false;
};

// A moment as the machine uses it: the instant, and what the wire and the send record make of it.
struct Moment {
  Instant now;
  Stamp32 stamp;         // ms of the clock plus the session's secret origin
  std::uint16_t us = 0;  // µs within that millisecond, 0 … 999

  static Moment at(Instant now, Stamp32 origin) {
    const auto ms = static_cast<std::uint64_t>(now.count_us()) / 1000;
    return {now, origin + static_cast<std::uint32_t>(ms),
            static_cast<std::uint16_t>(static_cast<std::uint64_t>(now.count_us()) - ms * 1000)};
  }
};

inline void encode(const Heading& heading, Command command, std::uint8_t fragment, Stamp32 stamp, Seq32 sn,
                   std::uint32_t length, std::uint8_t* target) {
  // Three stores, as each word is made in a register of its own.
  const std::uint64_t words[] = {
      heading.conv_and_window | std::uint64_t{static_cast<std::uint8_t>(command)} << 32 | std::uint64_t{fragment} << 40,
      std::uint64_t{sn.raw()} << 32 | stamp.raw(), std::uint64_t{length} << 32 | heading.una.raw()};
  std::memcpy(target, &words[0], sizeof(words[0]));
  std::memcpy(target + 8, &words[1], sizeof(words[1]));
  std::memcpy(target + 16, &words[2], sizeof(words[2]));
}

inline void encode(const Header& header, std::uint8_t* target) {
  encode(Heading(header.conv, header.window, header.una), header.command, header.fragment, header.stamp, header.sn,
         header.length, target);
}

inline Header decode(const std::uint8_t* bytes) {
  const auto load = [bytes](std::size_t at) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes + at, sizeof(word));
    return word;
  };
  const std::uint32_t command_word = load(4);
  return {.conv = load(0),
          .command = static_cast<Command>(command_word & 0xff),
          .fragment = static_cast<std::uint8_t>(command_word >> 8),
          .window = static_cast<std::uint16_t>(command_word >> 16),
          .stamp = Stamp32(load(8)),
          .sn = Seq32(load(12)),
          .una = Seq32(load(16)),
          .length = load(20)};
}

inline bool SegmentReader::next() {
  const std::size_t rest = bytes_.size() - end_;
  if (rest < header_bytes) return false;
  const std::uint32_t length = decode(bytes_.data() + end_).length;
  if (length > rest - header_bytes) {
    malformed_ = true;
    return false;
  }
  begin_ = end_;
  end_ += header_bytes + length;
  return true;
}

inline std::optional<std::uint32_t> SegmentReader::all_alike() const {
  SegmentReader ahead = *this;
  const Seq32 first = header().sn;
  std::uint32_t count = 0;
  while (ahead.next_alike(first + count + 1)) ++count;
  return ahead.at_last() ? std::optional(count) : std::nullopt;
}

inline bool SegmentReader::next_alike(Seq32 sn) {
  const std::size_t rest = bytes_.size() - end_;
  if (rest < header_bytes) return false;
  const std::uint8_t* const here = bytes_.data() + begin_;
  const std::uint8_t* const there = bytes_.data() + end_;
  const Header header = decode(there);
  // The first eight bytes are conv, cmd, frg and wnd.
  if (std::memcmp(here, there, 8) != 0 || header.una != decode(here).una || header.sn != sn) return false;
  if (header.length > rest - header_bytes) return false;
  begin_ = end_;
  end_ += header_bytes + header.length;
  return true;
}

}  // namespace penstock::kcp
