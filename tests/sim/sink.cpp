#include "sim/sink.hpp"

#include <algorithm>

#include "sim/payload.hpp"

namespace penstock::sim {

void Sink::on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant) {
  for (const ConnectionEvent& event : events) {
    if (event.kind == ConnectionEvent::Kind::closed) progress_.erase(event.id.raw());
    if (event.kind != ConnectionEvent::Kind::readable) continue;
    if (Connection connection = connections.get(event.id)) take(connection);
  }
}

void Sink::take(Connection connection) {
  Record* record = book_.find(connection.conv());
  if (record == nullptr || record->mixed) {
    if (record == nullptr && !is_stranger(connection.conv()))
      book_.fail("a sink got a conversation that nobody planned");
    while (connection.receive()) {}
    return;
  }
  Progress& progress = progress_[connection.id().raw()];
  while (const auto next = connection.receivable()) {
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < next->segments; ++i) {
      const auto received = connection.receive();
      if (!received) return book_.fail("receivable() promised more segments than receive() gave");
      if (!payload_matches(received->bytes.bytes(), record->plan.key, progress.bytes)) {
        return book_.fail("a sink got wrong bytes");
      }
      progress.bytes += received->bytes.length();
      bytes += received->bytes.length();
    }
    if (progress.messages >= record->plan.sizes.size() || bytes != record->plan.sizes[progress.messages]) {
      return book_.fail("a sink got a message with wrong borders");
    }
    ++progress.messages;
    book_.coverage.bytes_verified += bytes;
    book_.trace.event(book_.now, TraceKind::received, host_, record->plan.conv, bytes);
  }
  record->taken = std::max(record->taken, progress.bytes);
}

}  // namespace penstock::sim
