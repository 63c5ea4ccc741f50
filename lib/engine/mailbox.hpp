// Mailbox: how control asks something of a worker: bounded rings of commands in and answers out.
//
// `control` is the only producer of a mailbox (it serialises its callers behind one mutex) and the only reader of the
// answers; the worker serves it once a turn. A full ring refuses: control then answers "busy".
#pragma once

#include <array>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "base/arena.hpp"
#include "base/time.hpp"
#include "engine/impairment.hpp"
#include "net/address.hpp"
#include "proto/congestion/controller.hpp"

namespace penstock {

// What sessions at the top are ordered by.
enum class TopBy : std::uint8_t { rate, rtt, retransmission };
inline constexpr std::array top_by_names = {std::string_view("rate"), std::string_view("rtt"),
                                            std::string_view("retransmission")};

struct Command {
  enum class Kind : std::uint8_t {
    sessions,  // a page of sessions from slab index `argument` on
    session,   // the one session whose id is `argument`
    top,       // the sessions that a survey found at the top by TopBy `argument`
    impaired,  // what is done on purpose on this worker's queue of port `argument`
    impair,    // the same, after it was changed to `impairment`
    // Congestion control by `controller`: of the one session whose id is `argument`, …
    switch_session,
    switch_listener,  // … or of the sessions that listener `argument` opens from now on
  } kind = Kind::sessions;
  std::uint64_t ticket = 0;  // comes back in the answer, so that a late answer to an abandoned question is told apart
  std::uint64_t argument = 0;
  impair::Impairment impairment{};                      // of Kind::impair
  congestion::Kind controller = congestion::Kind::kcp;  // of Kind::switch_session and switch_listener
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
  std::uint32_t segments_sent = 0;      // for the first time; both modulo 2^32
  std::uint32_t segments_received = 0;  // in order
  congestion::Kind congestion = congestion::Kind::none;
  std::uint32_t by_time = 0;         // 1 with recovery = "rack"
  std::uint32_t path_mtu = 0;        // bytes of a datagram that its path is known to carry
  std::uint64_t pacing_rate = 0;     // bytes a second; 0: its controller names none
  std::uint32_t segments_per_s = 0;  // of a session at the top: both, as the survey found
  std::uint32_t retransmitted_per_s = 0;
};

// How a survey came by the sessions at the top; all zero before its first round.
struct SurveyReport {
  std::uint64_t ready = 0;      // 1 from the first round on
  std::uint64_t looked_at = 0;  // sessions
  std::int64_t took_us = 0;     // the round
  std::int64_t ended_us = 0;    // since its end
};

struct Answer {
  static constexpr std::uint32_t sessions_per_page = 32;
  std::uint64_t ticket = 0;
  std::uint32_t count = 0;     // reports filled
  std::uint32_t switched = 0;  // of Command::Kind::switch_…: 1 when that was possible
  std::uint32_t more = 0;      // 1 when the walk goes on at `next_cursor`
  std::uint64_t next_cursor = 0;
  SurveyReport survey;          // of Command::Kind::top
  impair::ImpairReport impair;  // of Command::Kind::impaired and impair
  std::array<SessionReport, sessions_per_page> sessions{};
};
static_assert(std::is_trivially_copyable_v<Answer> && std::is_trivially_copyable_v<Command>);

// On cache lines of its own: control writes to it.
struct alignas(cache_line_bytes) Mailbox {
  boost::lockfree::spsc_queue<Command, boost::lockfree::capacity<16>> commands;  // control → worker
  boost::lockfree::spsc_queue<Answer, boost::lockfree::capacity<4>> answers;     // worker → control
};

}  // namespace penstock
