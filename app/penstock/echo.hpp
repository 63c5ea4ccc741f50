// Echo: the service that sends everything back: whole messages, or in stream mode the bytes as they come.
//
// One instance a worker, on its core. It loses nothing and holds little: what a session's send() refuses is kept, one
// message a session, and nothing more is received there until `writable`; so the receive window closes and the peer
// waits. When room for a message's segments is short it asks again in the next turn. A message that the session can never
// send back (more fragments than its options or its peer allow) ends the session, as a gap would be worse.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/arena.hpp"
#include "base/slab.hpp"
#include "buf/segment_queue.hpp"
#include "engine/application.hpp"
#include "engine/connection.hpp"

namespace penstock {

class Echo final : public Application {
 public:
  // `held_max` messages can wait: one a session, and each takes a chunk at least, so the smaller of the worker's
  // sessions_max and its chunks is enough. `stream` tells by listener index which are in stream mode, false beyond it.
  Echo(Arena& arena, std::uint32_t held_max, std::vector<bool> stream);
  // What the constructor takes of the arena.
  static std::size_t cost(std::uint32_t held_max) { return Slab<SegmentQueue>::cost(held_max); }

  void on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant now) override;
  std::span<const std::byte> memory() const override { return std::as_bytes(std::span(this, 1)); }

  // Messages held because their session refused them for now.
  std::uint32_t held() const { return held_.in_use(); }
  // Sessions ended because they could never send a message back.
  std::uint64_t too_large() const { return too_large_; }

 private:
  void serve(Connections& connections, Connection& connection);
  bool echo_one(Connections& connections, Connection& connection, Segment& payload);
  bool send(Connection& connection, SegmentQueue&& message);
  bool settle(Connection& connection, SendResult result, SegmentQueue&& message);
  bool send_held(Connection& connection);
  void forget(Connection& connection);

  Slab<SegmentQueue> held_;  // a session's user_data is the index of its refused message plus one, or 0
  std::vector<bool> stream_;
  std::uint64_t too_large_ = 0;
};

}  // namespace penstock
