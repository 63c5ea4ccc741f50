// Connection and Connections: what a service may do with its sessions.
//
// Connections is a worker as its services see it; Connection a handle to one session, valid during the call that got it.
// Only the worker's core may use them. Received bytes are read in place; keeping a Segment holds its buffer, so a service
// that keeps bytes for long bounds how many, and compacts them with keep().
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/time.hpp"
#include "buf/segment.hpp"
#include "buf/segment_queue.hpp"
#include "engine/dirty_list.hpp"
#include "net/path.hpp"
#include "proto/kcp/session.hpp"
#include "proto/protocol.hpp"
#include "session/session.hpp"
#include "session/session_id.hpp"

namespace penstock {

class Worker;

// What every handle needs of its worker.
struct ConnectionContext {
  DirtyList& dirty;
  SegmentChunkPool& chunks;
  Instant now;  // of this turn
  // A message of `segments` Segments surely fits into a queue.
  bool has_room_for(std::uint32_t segments) const { return chunks.available() >= segments / SegmentChunk::places + 2; }
};

class Connection {
 public:
  Connection() = default;
  // Made by the worker: in events, and by Connections::get().
  Connection(ConnectionContext& context, Session& session, kcp::Session& machine, SessionId id)
      : context_(&context), session_(&session), machine_(&machine), id_(id) {}
  // False when the id was stale; nothing else may be called then.
  explicit operator bool() const { return context_ != nullptr; }
  SessionId id() const { return id_; }

  // The next whole message, or in stream mode all bytes in order, when there is any.
  std::optional<Receivable> receivable() const { return machine_->receivable(); }
  // The next segment of it.
  std::optional<Received> receive() {
    auto received = machine_->poll_receive();
    // Taking what was held may open the window again, which the peer must hear.
    if (received) mark_dirty();
    return received;
  }
  // The next message when it came alone and is one segment, as most are; holds nothing when there is none such, which says
  // nothing of others. Never of a stream.
  Segment receive_lone() { return machine_->poll_lone(); }
  // Sends a whole message (in stream mode: bytes) or nothing at all; `accepted` leaves `message` empty.
  SendResult send(SegmentQueue& message);
  // The same for a message that is one Segment, untouched unless accepted. Requires Connections::has_room_for(1).
  SendResult send(Segment& message) {
    if (!machine_->fits_one(message.length())) return send_queued(message);
    const SendResult result = machine_->send(message, context_->now);
    if (result == SendResult::accepted) mark_dirty();
    return result;
  }
  // The same as Connections::has_room_for().
  bool has_room_for(std::uint32_t segments) const { return context_->has_room_for(segments); }
  // Asks for another `readable` event in the next turn: the service had no room to take what is there.
  void again();
  // Ends the session when what is queued has been sent and acknowledged; a `closed` event follows.
  void close();

  // Eight bytes of the service's own, 0 at the start.
  std::uint64_t& user_data() { return session_->user_data; }
  const net::Path& path() const { return session_->path; }
  std::uint32_t conv() const { return session_->conv; }
  std::uint32_t listener() const { return session_->listener; }
  bool proven() const { return session_->state != SessionState::unproven; }
  // Segments accepted by send() and not acknowledged, unsent ones included. Walks over them: not for every turn.
  std::uint32_t unacknowledged() const;

 private:
  SendResult send_queued(Segment& message);
  void mark_dirty() { context_->dirty.mark(id_.index()); }

  ConnectionContext* context_ = nullptr;
  Session* session_ = nullptr;  // sessions never move
  kcp::Session* machine_ = nullptr;
  SessionId id_;
};

// What open() needs: a session that we begin. Options, service and local port are those of a listener of this worker.
struct OpenRequest {
  std::uint32_t listener = 0;  // its index
  net::Endpoint remote;
  std::uint32_t conv = 0;
  std::optional<net::IpAddress> local = {};  // which of our addresses it leaves from; without, the stack's choice
};

// What a worker has put on and taken off the wire so far, all its sessions together, for services that measure.
struct TrafficCounts {
  std::uint64_t tx_packets = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t rx_packets = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t segments_resent = 0;
  TrafficCounts since(const TrafficCounts& before) const;
};

class Connections {
 public:
  explicit Connections(Worker& worker) : worker_(worker) {}

  Connection get(SessionId id);
  // Begins a session toward `request.remote`; its first event is `opened`. Nothing when there is no route or no room,
  // `request.local` is not ours there, or the 4-tuple's answers would reach another worker or another listener.
  std::optional<SessionId> open(const OpenRequest& request, Instant now);

  SegmentQueue make_message();
  // True when a message of `segments` Segments surely fits into a queue from make_message().
  bool has_room_for(std::uint32_t segments) const;
  // A writable segment of `length` ≤ 2,176 bytes; holds nothing when memory is short.
  Segment allocate(std::uint32_t length);
  // The same bytes in the smallest block that holds them, as far as memory allows.
  Segment keep(Segment&& segment);

  std::uint32_t worker_index() const;
  std::uint32_t sessions_now() const;
  TrafficCounts traffic() const;
  // One more message was not what the service knows that it should be; told by the worker's statistics.
  void count_mismatch();

 private:
  Worker& worker_;
};

}  // namespace penstock
