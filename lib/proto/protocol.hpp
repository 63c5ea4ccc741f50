// What every protocol machine promises: bytes and time in, bytes and events out; no I/O, no clock, no chance of its own.
//
// on_… takes what arrived, poll_… hands out one thing to do, next_deadline() says when to come back, and `now` is always
// an argument. Output is pulled: poll_transmit() is called while blocks and TX room exist, so a shortage is back-pressure
// and never loss. Input from a peer never asserts: a datagram is validated whole, then applied, and a refusal is a value.
// One core owns a machine; nobody else calls it.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/time.hpp"
#include "buf/out_datagram.hpp"
#include "buf/segment.hpp"
#include "buf/segment_queue.hpp"

namespace penstock {

// Why a session ended; the rows are in close_reason.def.
enum class CloseReason : std::uint8_t {
#define CLOSE(name, text) name,
#include "proto/close_reason.def"
#undef CLOSE
};
inline constexpr std::array close_reason_names = {
#define CLOSE(name, text) std::string_view{#name},
#include "proto/close_reason.def"
#undef CLOSE
};
inline constexpr std::array close_reason_texts = {
#define CLOSE(name, text) std::string_view{text},
#include "proto/close_reason.def"
#undef CLOSE
};
inline constexpr std::size_t close_reason_count = close_reason_names.size();
constexpr std::string_view name_of(CloseReason reason) { return close_reason_names[static_cast<std::size_t>(reason)]; }

// What became of send(): all or nothing.
enum class SendResult : std::uint8_t {
  accepted,   // the machine took the whole message; the queue passed in is empty now
  full,       // no room or memory now; nothing was taken, a `writable` event will tell when to try again
  too_large,  // the message can never be sent: more fragments than the protocol, or the peer, allows
  closed,     // the session is closing or closed
};

// Some bytes in order. In message mode only whole messages are handed out, segment by segment.
struct Received {
  Segment bytes;
  bool message_ends = false;  // the last segment of a message; always false in stream mode
};

// What poll_receive() can hand out right now: the next whole message, or in stream mode all bytes in order.
struct Receivable {
  std::uint32_t segments = 0;
  std::uint64_t bytes = 0;
};

struct SessionEvent {
  enum class Kind : std::uint8_t {
    proven,    // the peer acknowledged something that only its address could have seen
    writable,  // send() would take a message again, after it had answered `full`
    closed,    // the session is over; `reason` tells why. Nothing follows.
  };
  Kind kind = Kind::writable;
  CloseReason reason = CloseReason::service;
};

template <class S>
concept ReliableSession = requires(S s, const S& c, Segment seg, SegmentQueue& message, OutDatagram& out, Instant now) {
  s.on_datagram(std::move(seg), now);
  s.on_timeout(now);
  { s.send(message, now) } -> std::same_as<SendResult>;
  s.close(CloseReason{}, now);
  { s.poll_receive() } -> std::same_as<std::optional<Received>>;
  { c.receivable() } -> std::same_as<std::optional<Receivable>>;
  { s.poll_event() } -> std::same_as<std::optional<SessionEvent>>;
  { s.poll_transmit(out, now) } -> std::same_as<bool>;
  { c.next_deadline() } -> std::same_as<Instant>;
};

}  // namespace penstock
