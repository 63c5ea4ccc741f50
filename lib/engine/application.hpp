// Application: what a service implements. It is told in bursts and answers through Connections; it knows no DPDK.
//
// Every worker has its own instance of each service, so a service needs no lock. All calls come from that worker's core,
// once a turn at most, between receiving and sending; what a service sends leaves in the same turn. A service must not
// block, allocate or make system calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/time.hpp"
#include "engine/connection.hpp"
#include "proto/protocol.hpp"
#include "session/session_id.hpp"

namespace penstock {

struct ConnectionEvent {
  enum class Kind : std::uint8_t {
    opened,    // a new session; it may already be readable, which a `readable` event then says
    readable,  // Connection::receivable() has something. Told again only after more arrived or again() was asked.
    writable,  // a send() that answered `full` may be tried again
    closed,    // the session is gone: its id is stale after this call, `reason` tells why
  };
  SessionId id;
  Kind kind = Kind::opened;
  CloseReason reason = CloseReason::service;
  Connection connection;  // valid during the call; of a session that is gone, too
};

// On cache lines of its own, since every worker has one.
class alignas(cache_line_bytes) Application {
 public:
  virtual ~Application() = default;
  // Called once before the first turn.
  virtual void on_start(Connections& connections, Instant now) {
    static_cast<void>(connections);
    static_cast<void>(now);
  }
  // The events of this turn for sessions of this service, in the order in which they happened.
  virtual void on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant now) = 0;
  // Called when now ≥ next_deadline().
  virtual void on_timeout(Connections& connections, Instant now) {
    static_cast<void>(connections);
    static_cast<void>(now);
  }
  virtual Instant next_deadline() const { return Instant::never(); }
  // The object's own bytes, for the map of what a worker writes to (engine/memory_map): std::as_bytes(std::span(this, 1)).
  virtual std::span<const std::byte> memory() const { return {}; }
};

}  // namespace penstock
