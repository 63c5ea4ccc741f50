#include "penstock/sink.hpp"

#include <optional>

#include "load/pattern.hpp"

namespace penstock {

namespace {

using load::Pattern;

// Messages that one session may have taken in a turn.
constexpr int messages_per_turn = 256;

}  // namespace

void Sink::on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant) {
  for (const ConnectionEvent& event : events) {
    if (event.kind != ConnectionEvent::Kind::readable) continue;
    Connection connection = event.connection;
    take(connections, connection);
  }
}

void Sink::take(Connections& connections, Connection& connection) {
  for (int i = 0; i < messages_per_turn; ++i) {
    const std::optional<Receivable> next = connection.receivable();
    if (!next) return;
    if (!take_message(connection, *next)) connections.count_mismatch();
  }
  connection.again();
}

// True when every byte is right. A session's user_data is the origin of the message that comes next, or 0 before the first;
// that an origin is 0 as well would only make the sink learn it anew.
bool Sink::take_message(Connection& connection, const Receivable& next) {
  std::uint64_t& origin = connection.user_data();
  std::uint64_t key = Pattern::key_of(origin);
  std::uint32_t offset = 0;
  bool good = true;
  for (std::uint32_t i = 0; i < next.segments; ++i) {
    const std::optional<Received> received = connection.receive();
    PENSTOCK_ASSERT(received.has_value());
    const std::span<const std::uint8_t> bytes = received->bytes.bytes();
    if (origin == 0 && i == 0) {
      // What is too short to tell leaves the sink without an origin: the next message has another chance.
      if (bytes.size() < Pattern::origin_bytes) {
        good = false;
      } else {
        origin = Pattern::origin_of(bytes);
        key = Pattern::key_of(origin);
      }
    }
    good = Pattern::matches(bytes, key, offset) && good;
    offset += received->bytes.length();
  }
  if (origin != 0) origin = Pattern::next_origin(origin);
  return good;
}

}  // namespace penstock
