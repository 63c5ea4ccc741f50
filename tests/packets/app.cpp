#include "packets/app.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace penstock::packets {

void App::on_events(Connections&, std::span<const ConnectionEvent> events, Instant) {
  for (const ConnectionEvent& event : events) {
    if (event.kind == ConnectionEvent::Kind::opened) sessions_.push_back(event.id);
    if (event.kind == ConnectionEvent::Kind::closed) std::erase(sessions_, event.id);
    if (event.kind == ConnectionEvent::Kind::writable) ++writable_events_;
  }
}

void App::on_timeout(Connections& connections, Instant) { std::exchange(job, nullptr)(*this, connections); }

Connection App::find(Connections& connections, std::optional<std::uint32_t> conv) const {
  for (const SessionId id : sessions_) {
    Connection connection = connections.get(id);
    if (connection && (!conv || connection.conv() == *conv)) return connection;
  }
  return {};
}

std::optional<sim::Bytes> read_message(Connection connection) {
  const auto there = connection.receivable();
  if (!there) return std::nullopt;
  sim::Bytes message;
  for (std::uint32_t i = 0; i < there->segments; ++i) {
    const auto received = connection.receive();
    if (!received) break;
    sim::append(message, received->bytes.bytes());
    if (received->message_ends) break;
  }
  return message;
}

SendResult send_message(Connections& connections, Connection connection, const sim::Bytes& bytes) {
  // What a segment of the usual MTU carries, so that messages are cut as ikcp cuts them.
  constexpr std::size_t piece_bytes_max = 1376;
  SegmentQueue message = connections.make_message();
  std::size_t at = 0;
  do {
    const std::size_t piece = std::min(bytes.size() - at, piece_bytes_max);
    Segment segment = connections.allocate(static_cast<std::uint32_t>(piece));
    if (!segment.holds()) throw std::runtime_error("the bench has no block for what the application sends");
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), piece, segment.writable().begin());
    if (!message.push_back(std::move(segment))) throw std::runtime_error("the bench has no chunk for a message");
    at += piece;
  } while (at < bytes.size());
  return connection.send(message);
}

}  // namespace penstock::packets
