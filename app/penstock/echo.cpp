#include "penstock/echo.hpp"

#include <algorithm>
#include <utility>

namespace penstock {

namespace {

// Messages a session may have echoed in one turn; the rest takes its turn behind the other sessions.
constexpr int messages_per_turn = 16;
// Segments of a stream sent in one piece: small enough for any send queue, since a piece is taken whole or not at all.
constexpr std::uint32_t stream_piece_segments = 16;

}  // namespace

Echo::Echo(Arena& arena, std::uint32_t held_max, std::vector<bool> stream)
    : held_(arena, held_max), stream_(std::move(stream)) {}

void Echo::on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant) {
  for (const ConnectionEvent& event : events) {
    Connection connection = event.connection;
    switch (event.kind) {
      case ConnectionEvent::Kind::opened: break;
      case ConnectionEvent::Kind::readable:
      case ConnectionEvent::Kind::writable: serve(connections, connection); break;
      case ConnectionEvent::Kind::closed: forget(connection); break;
    }
  }
}

// Echoes until there is nothing more, or the session or memory has no room, or others should have their turn.
void Echo::serve(Connections& connections, Connection& connection) {
  if (!send_held(connection)) return;
  const bool stream = connection.listener() < stream_.size() && stream_[connection.listener()];
  for (int i = 0; i < messages_per_turn; ++i) {
    if (!connection.has_room_for(1)) break;
    if (Segment message = connection.receive_lone(); message.holds()) {
      if (!echo_one(connections, connection, message)) return;
      continue;
    }
    const std::optional<Receivable> next = connection.receivable();
    if (!next) return;
    const std::uint32_t count = stream ? std::min(next->segments, stream_piece_segments) : next->segments;
    if (!connection.has_room_for(count)) break;
    if (count == 1) {
      Segment message = std::move(connection.receive()->bytes);
      if (!echo_one(connections, connection, message)) return;
      continue;
    }
    SegmentQueue message = connections.make_message();
    for (std::uint32_t k = 0; k < count; ++k) {
      const bool stored = message.push_back(std::move(connection.receive()->bytes));
      PENSTOCK_ASSERT(stored);
    }
    if (!send(connection, std::move(message))) return;
  }
  connection.again();
}

// A message of one segment, which most are, needs no queue unless it has to wait.
inline bool Echo::echo_one(Connections& connections, Connection& connection, Segment& payload) {
  const SendResult result = connection.send(payload);
  if (result == SendResult::accepted) return true;
  SegmentQueue message = connections.make_message();
  const bool stored = message.push_back(std::move(payload));
  PENSTOCK_ASSERT(stored);
  return settle(connection, result, std::move(message));
}

// True when the session can take more.
bool Echo::send(Connection& connection, SegmentQueue&& message) {
  const SendResult result = connection.send(message);
  return settle(connection, result, std::move(message));
}

bool Echo::settle(Connection& connection, SendResult result, SegmentQueue&& message) {
  switch (result) {
    case SendResult::accepted: return true;
    case SendResult::full: {
      const std::uint32_t place = held_.take(std::move(message));
      PENSTOCK_ASSERT(place != Slab<SegmentQueue>::none);
      connection.user_data() = std::uint64_t{place} + 1;
      return false;
    }
    case SendResult::too_large:
      ++too_large_;
      connection.close();
      return false;
    case SendResult::closed: return false;
  }
  return false;
}

// True when no message is left waiting.
bool Echo::send_held(Connection& connection) {
  if (connection.user_data() == 0) return true;
  SegmentQueue& message = held_[static_cast<std::uint32_t>(connection.user_data() - 1)];
  const SendResult result = connection.send(message);
  if (result == SendResult::full) return false;
  forget(connection);
  return result == SendResult::accepted;
}

void Echo::forget(Connection& connection) {
  const std::uint64_t place = std::exchange(connection.user_data(), 0);
  if (place != 0) held_.give(static_cast<std::uint32_t>(place - 1));
}

}  // namespace penstock
