#include "engine/connection.hpp"

#include "engine/worker.hpp"
#include "engine/world.hpp"

namespace penstock {

namespace {

// The way from a listener to the request's remote. Answers must come back to that very listener: it leaves from the
// address asked for, else from the listener's own if it has one, and no other listener may stand before it there.
std::optional<net::Path> path_of(World& world, const Listener& listener, const OpenRequest& request) {
  auto path = world.stack.path_to(request.remote, listener.config().port);
  if (!path) return std::nullopt;
  const auto& own = request.local ? request.local : listener.config().address;
  if (own) {
    const bool same_family = own->is_v4() == request.remote.address.is_v4();
    if (!same_family || !world.stack.owns(path->interface, *own)) return std::nullopt;
    path->local.address = *own;
  }
  if (world.listeners.find(path->local) != &listener) return std::nullopt;
  return path;
}

}  // namespace

SendResult Connection::send(SegmentQueue& message) {
  const SendResult result = machine_->send(message, context_->now);
  if (result == SendResult::accepted) mark_dirty();
  return result;
}

SendResult Connection::send_queued(Segment& message) {
  SegmentQueue queue(context_->chunks);
  const bool stored = queue.push_back(std::move(message));
  PENSTOCK_ASSERT(stored);
  const SendResult result = send(queue);
  if (result != SendResult::accepted) message = queue.pop_front();
  return result;
}

void Connection::again() {
  session_->readable = true;
  mark_dirty();
}

void Connection::close() {
  machine_->close(CloseReason::service, context_->now);
  mark_dirty();
}

std::uint32_t Connection::unacknowledged() const {
  const kcp::Stats stats = machine_->stats();
  return stats.in_flight + stats.unsent;
}

Connection Connections::get(SessionId id) {
  World& world = *worker_.world_;
  Session* session = world.sessions.find(id);
  return session != nullptr ? Connection(world.connection_context, *session, world.sessions.machine(id.index()), id)
                            : Connection();
}

std::optional<SessionId> Connections::open(const OpenRequest& request, Instant now) {
  World& world = *worker_.world_;
  PENSTOCK_ASSERT(request.listener < world.listeners.count());
  Listener& listener = world.listeners[static_cast<std::uint16_t>(request.listener)];
  const SessionKeyMode mode = listener.config().key_mode;
  const auto path = path_of(world, listener, request);
  if (!path || world.draining) return std::nullopt;
  if (world.config.workers > 1 &&
      world.ownership[world.port_of(*path)].owner(*path, listener.config().roams(), request.conv) != world.index) {
    return std::nullopt;
  }
  const FlowHash hashed = flow_hash(mode, *path, request.conv, world.parts.key);
  const SessionId present = world.flows.find(hashed, [&](SessionId id) {
    const Session* session = world.sessions.find(id);
    return session != nullptr && session->is_of(*path, request.conv);
  });
  if (present.is_valid()) return std::nullopt;
  net::DropReason why{};
  const auto id = world.open_session(listener, *path, request.conv, kcp::Opening::by_us, now, why);
  if (id) world.mark_dirty(id->index());
  return id;
}

SegmentQueue Connections::make_message() { return SegmentQueue(worker_.world_->chunks); }

bool Connections::has_room_for(std::uint32_t segments) const {
  return worker_.world_->connection_context.has_room_for(segments);
}

Segment Connections::allocate(std::uint32_t length) { return worker_.world_->small_blocks.allocate(length); }
Segment Connections::keep(Segment&& segment) { return worker_.world_->small_blocks.compact(std::move(segment)); }
std::uint32_t Connections::worker_index() const { return worker_.world_->index; }
std::uint32_t Connections::sessions_now() const { return worker_.world_->sessions.count(); }

TrafficCounts Connections::traffic() const {
  const World& world = *worker_.world_;
  const WorkerStats& stats = world.stats;
  return {.tx_packets = stats.tx_packets,
          .tx_bytes = stats.tx_bytes,
          .rx_packets = stats.rx_packets,
          .rx_bytes = stats.rx_bytes,
          .segments_resent = world.machine_counters.retransmit_timeout + world.machine_counters.retransmit_fast};
}

void Connections::count_mismatch() { ++worker_.world_->stats.mismatches; }

TrafficCounts TrafficCounts::since(const TrafficCounts& before) const {
  return {.tx_packets = tx_packets - before.tx_packets,
          .tx_bytes = tx_bytes - before.tx_bytes,
          .rx_packets = rx_packets - before.rx_packets,
          .rx_bytes = rx_bytes - before.rx_bytes,
          .segments_resent = segments_resent - before.segments_resent};
}

}  // namespace penstock
