// Roster: what a load run remembers of each session: its id, how far it is, and when its requests in flight were due.
//
// 24 bytes a session, kept by index, and 16 a request in flight; all of it from the arena at construction. Answers come in
// the order of the requests of their session, so these form a queue. A run without answers (requests_max = 0) has no
// requests: its messages are counted alone, by post() and acknowledge(). One core.
#pragma once

#include <cstdint>
#include <span>

#include "base/arena.hpp"
#include "base/slab.hpp"
#include "engine/application.hpp"

namespace penstock::load {

class Roster {
 public:
  Roster(Arena& arena, std::uint32_t sessions, std::uint32_t requests_max)
      : entries_(arena.make<Entry>(sessions)), requests_(arena, requests_max) {}
  static std::size_t cost(std::uint32_t sessions, std::uint32_t requests_max) {
    return Arena::cost<Entry>(sessions) + Slab<Request>::cost(requests_max);
  }

  std::uint32_t sessions() const { return static_cast<std::uint32_t>(entries_.size()); }
  SessionId id(std::uint32_t session) const { return entries_[session].id; }
  bool connected(std::uint32_t session) const { return entries_[session].id.is_valid(); }
  // Messages sent so far, over all connections of the session: the number of the next one.
  std::uint32_t sent(std::uint32_t session) const { return entries_[session].sent; }
  // The number of the message whose answer comes next.
  std::uint32_t answered(std::uint32_t session) const { return entries_[session].answered; }
  std::uint32_t outstanding(std::uint32_t session) const { return entries_[session].sent - entries_[session].answered; }
  // Requests in flight, all sessions together, or messages that are not acknowledged; there is room for `room()` requests
  // more.
  std::uint32_t in_flight() const { return requests_.in_use() + posted_; }
  std::uint32_t room() const { return requests_.capacity() - requests_.in_use(); }
  std::uint32_t connections() const { return connected_; }

  void connect(std::uint32_t session, SessionId id);
  // The connection is over. Returns how many requests were still in flight: they are given up.
  std::uint32_t disconnect(std::uint32_t session);
  // One more request is in flight, due at `due_ns`; there must be room.
  void send(std::uint32_t session, std::uint64_t due_ns);
  // The oldest request in flight of the session is answered: when it was due. There must be one.
  std::uint64_t answer(std::uint32_t session);
  // One more message was sent that nobody answers …
  void post(std::uint32_t session);
  // … and `count` of the session's were acknowledged.
  void acknowledge(std::uint32_t session, std::uint32_t count);
  void prefetch(std::uint32_t session) const { __builtin_prefetch(&entries_[session]); }

 private:
  struct Request {
    std::uint64_t due_ns = 0;
    std::uint32_t next = 0;  // place of the one sent after it, when there is one
  };
  struct Entry {
    SessionId id;                // invalid while there is no connection
    std::uint32_t sent = 0;      // messages
    std::uint32_t answered = 0;  // … of these
    std::uint32_t oldest = 0;    // places of its requests in flight; valid while there are any
    std::uint32_t latest = 0;
  };
  static_assert(sizeof(Entry) == 24);

  std::span<Entry> entries_;
  Slab<Request> requests_;
  std::uint32_t connected_ = 0;
  std::uint32_t posted_ = 0;  // and not acknowledged, all sessions together
};

}  // namespace penstock::load
