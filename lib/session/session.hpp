// Session: the hot record of one session, two cache lines that every datagram of it touches.
//
// The first line answers the look-up and takes a datagram in: the path and the conv, which make up the flow key, the
// state and the credit. The second is for time and the service. The protocol machine stands beside it, in SessionTable.
// The worker that owns the session reads and writes it; nobody else does.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "base/arena.hpp"
#include "base/assert.hpp"
#include "base/time.hpp"
#include "net/path.hpp"
#include "session/flow_key.hpp"
#include "session/session_id.hpp"

namespace penstock {

enum class SessionState : std::uint8_t {
  free,  // the place holds no session
  unproven,  // of a listener with challenge = false: the peer has not shown that it receives at its address; bytes out ≤ bytes in
  proven,  // the peer acknowledged what only its address could have seen
};

// The two timers of a session in the wheel.
enum class TimerKind : std::uint8_t {
  idle,     // coarse: half-open or idle timeout; stays put while the peer talks and is re-checked when it comes up
  machine,  // fine: the machine's next_deadline(), only while something is unacknowledged, unsent or owed
};
inline constexpr std::uint32_t timer_kinds = 2;

// Where a session's timers stand in the wheel. Only TimerWheel touches it.
struct TimerPlaces {
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
  std::array<std::uint64_t, timer_kinds> tick{};  // the tick for which the entry is placed, when there is one
  std::array<std::uint32_t, timer_kinds> position{none, none};  // the entry's place in the chunks, or `none`
  std::array<std::uint16_t, timer_kinds> slot{};                // the slot, of all levels, that the entry is in
};

struct alignas(cache_line_bytes) Session {
  static constexpr std::uint32_t path_asked_every_ms = 20;

  // --- look-up and intake
  net::Path path;                // where datagrams go; a proven new path replaces it (roaming)
  std::uint32_t conv = 0;        // conversation id on the wire, whatever the key mode; of a free place: SessionTable's
  std::uint32_t generation = 1;  // of this place, 1 … 2^24 − 1; counted by SessionTable only
  std::uint32_t credit_bytes = 0;  // bytes in since the last datagram out, while unproven; then for may_ask_path()
  std::uint16_t listener = 0;      // index into the ListenerTable
  SessionState state = SessionState::free;
  SessionKeyMode key_mode = SessionKeyMode::address_conv;  // as the listener had it when the session opened
  bool in_dirty_list = false;                              // waits in this turn's list of sessions to be polled
  bool readable = false;                                   // the service has not yet taken what was received
  bool announced : 1 = false;                              // the service was told of it
  bool replaced : 1 = false;         // its peer began anew from the same address: what comes is for the successor
  bool over : 1 = false;             // its machine is closed: the place is freed at the turn's end
  std::uint8_t life_probes : 4 = 0;  // times that the peer was asked for a sign of life since last_heard
  bool roams : 1 = false;            // its peer may move to another path
  bool conv_shared : 1 = false;      // … if no other session had its conv as well: nobody could tell whose peer moved

  // --- time and service
  alignas(cache_line_bytes) Instant last_heard;  // last datagram that the machine accepted
  Instant opened;                                // when the session was opened
  Instant deadline = Instant::never();           // the machine's next_deadline(), as last asked for
  std::uint64_t user_data = 0;                   // the service's own; not read here
  [[no_unique_address]] TimerPlaces timers;      // owned by the TimerWheel
  std::uint32_t dirty_place = 0;                 // where it stands in the DirtyList, while it is in it

  // Whether a path that has not proven itself may be asked for its proof now: once in 20 ms, whatever comes. Counts as asked.
  bool may_ask_path(Instant now) {
    PENSTOCK_ASSERT(state == SessionState::proven);
    const auto now_ms = static_cast<std::uint32_t>(now.count_ms());
    if (now_ms - credit_bytes < path_asked_every_ms) return false;
    credit_bytes = now_ms;
    return true;
  }

  FlowKey key() const { return flow_key(key_mode, path, conv); }
  // True for an open session to which a datagram by `by` with conversation id `conv_sought` belongs: whose key() is that
  // datagram's.
  bool is_of(const net::Path& by, std::uint32_t conv_sought) const {
    if (state == SessionState::free) return false;
    switch (key_mode) {
      case SessionKeyMode::address: return path == by && !replaced;
      case SessionKeyMode::address_conv: return conv == conv_sought && path == by;
      case SessionKeyMode::conv: return conv == conv_sought && path.local == by.local && path.interface == by.interface;
    }
    return false;
  }

  // A datagram of `bytes` came in: one of as many bytes at the most may go out to an address that has not proven itself.
  void add_credit(std::uint32_t bytes) {
    const std::uint32_t room = std::numeric_limits<std::uint32_t>::max() - credit_bytes;
    credit_bytes += bytes < room ? bytes : room;
  }
  // Pays for a datagram of `bytes` that goes out; false, and nothing changed, when it may not. It takes all that there is: a
  // second datagram would bring headers of its own, so that more bytes left the wire than came. A proven session pays nothing.
  bool spend_credit(std::uint32_t bytes) {
    if (state != SessionState::unproven) return true;
    if (bytes > credit_bytes) return false;
    credit_bytes = 0;
    return true;
  }
};
static_assert(sizeof(Session) == 2 * cache_line_bytes);

// Asks for both lines of a record.
inline void prefetch(const Session& session) {
  __builtin_prefetch(&session, 1);
  __builtin_prefetch(&session.last_heard, 1);
}

}  // namespace penstock
