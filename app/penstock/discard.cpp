#include "penstock/discard.hpp"

#include <optional>

namespace penstock {

namespace {

// Segments that one session may have taken in a turn.
constexpr int segments_per_turn = 64;

}  // namespace

void Discard::on_events(Connections&, std::span<const ConnectionEvent> events, Instant) {
  for (const ConnectionEvent& event : events) {
    if (event.kind != ConnectionEvent::Kind::readable) continue;
    Connection connection = event.connection;
    take(connection);
  }
}

void Discard::take(Connection& connection) {
  for (int i = 0; i < segments_per_turn; ++i) {
    const std::optional<Received> received = connection.receive();
    if (!received) return;
    bytes_ += received->bytes.length();
  }
  connection.again();
}

}  // namespace penstock
