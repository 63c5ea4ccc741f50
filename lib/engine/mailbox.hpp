// Mailbox: how control asks something of a worker: bounded rings of commands in and answers out.
//
// `control` is the only producer of a mailbox (it serialises its callers behind one mutex) and the only reader of the
// answers; the worker serves it once a turn. A full ring refuses: control then answers "busy".
#pragma once

#include <array>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstdint>
#include <type_traits>

#include "base/arena.hpp"
#include "base/time.hpp"
#include "net/address.hpp"

namespace penstock {

struct Command {
  enum class Kind : std::uint8_t {
    sessions,  // a page of sessions from slab index `argument` on
    session,   // the one session whose id is `argument`
  } kind = Kind::sessions;
  std::uint64_t ticket = 0;  // comes back in the answer, so that a late answer to an abandoned question is told apart
  std::uint64_t argument = 0;
};

// What a report tells of one session.
struct SessionReport {
  std::uint64_t id = 0;
  net::Endpoint local;
  net::Endpoint remote;
  std::uint32_t conv = 0;
  std::uint32_t listener = 0;
  std::uint32_t proven = 0;   // 1 once the address proved itself
  std::uint32_t closing = 0;  // 1 while it sends its last
  std::int64_t age_us = 0;
  std::int64_t silent_us = 0;  // since the last datagram from the peer
  std::uint32_t srtt_us = 0;
  std::uint32_t rto_us = 0;
  std::uint32_t cwnd = 0;       // segments
  std::uint32_t in_flight = 0;  // segments sent and not acknowledged
  std::uint32_t unsent = 0;     // segments waiting to be sent
  std::uint32_t held = 0;       // segments received and not taken by the service
  std::uint32_t peer_window = 0;
  std::uint32_t retransmitted = 0;
};

struct Answer {
  static constexpr std::uint32_t sessions_per_page = 32;
  std::uint64_t ticket = 0;
  std::uint32_t count = 0;  // reports filled
  std::uint32_t more = 0;   // 1 when the walk goes on at `next_cursor`
  std::uint64_t next_cursor = 0;
  std::array<SessionReport, sessions_per_page> sessions{};
};
static_assert(std::is_trivially_copyable_v<Answer> && std::is_trivially_copyable_v<Command>);

// On cache lines of its own: control writes to it.
struct alignas(cache_line_bytes) Mailbox {
  boost::lockfree::spsc_queue<Command, boost::lockfree::capacity<16>> commands;  // control → worker
  boost::lockfree::spsc_queue<Answer, boost::lockfree::capacity<4>> answers;     // worker → control
};

}  // namespace penstock
