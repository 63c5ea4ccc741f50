#include "sim/client.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "sim/payload.hpp"

namespace penstock::sim {

namespace {

// How soon what could not be done for want of memory, an address or a free worker is tried again.
constexpr Duration retry_after = Duration::ms(5);
constexpr std::uint32_t segment_bytes_max = 2176;  // what Connections::allocate() gives
constexpr std::uint32_t pieces_per_message = 16;
constexpr std::uint32_t fragments_max = 255;
constexpr std::uint32_t overstep_bytes_max = 100'000;

// Messages that a conversation comes to.
std::size_t to_send(const Conversation& plan) { return plan.quits_after > 0 ? plan.quits_after : plan.sizes.size(); }

}  // namespace

void Client::on_start(Connections& connections, Instant) { worker_ = connections.worker_index(); }

// A moment that is not too late: to look at everything each time it is asked would cost a large world its speed.
Instant Client::next_deadline() const {
  if (seen_changes_ != book_.changes()) {
    seen_changes_ = book_.changes();
    begin_at_ = Instant::never();
    for (const Record& record : book_.records()) {
      if (is_mine(record)) begin_at_ = earlier(begin_at_, clock_.local(record.try_at));
    }
    if (std::ranges::any_of(live_, [](const auto& entry) { return is_torn(entry.second); })) begin_at_ = Instant();
  }
  return earlier(begin_at_, wake_at_);
}

void Client::on_timeout(Connections& connections, Instant now) {
  if (begin_at_ <= now) {
    begin_at_ = Instant::never();
    for (Record& record : book_.records()) {
      if (is_mine(record) && record.try_at <= book_.now) begin(connections, record, now);
      if (is_mine(record)) begin_at_ = earlier(begin_at_, clock_.local(record.try_at));
    }
    give_up_torn(connections);
  }
  if (wake_at_ > now) return;
  wake_at_ = Instant::never();
  for (auto& [id, live] : live_) {
    if (live.wake <= now) {
      live.wake = Instant::never();
      act(connections, live, now);
    }
    wake_at_ = earlier(wake_at_, live.wake);
  }
}

bool Client::is_mine(const Record& record) const {
  return !record.opened && record.plan.client == host_ && record.try_worker == worker_;
}

void Client::wake(Live& live, Instant at) {
  live.wake = earlier(live.wake, at);
  wake_at_ = earlier(wake_at_, at);
}

// Tries each of the ports that fit: the answers to one of them may belong to another worker.
void Client::begin(Connections& connections, Record& record, Instant now) {
  const Conversation& plan = record.plan;
  const auto target = static_cast<std::uint16_t>(plan.target);
  const net::Endpoint remote{address_of(plan.server, plan.ip6), static_cast<std::uint16_t>(server_port_first + target)};
  const std::uint32_t first = is_stream(plan.target) ? client_ports : 0;
  const std::uint32_t shift = plan.conv % client_ports;
  for (std::uint32_t i = 0; i < client_ports; ++i) {
    const std::uint32_t listener = first + (i + shift) % client_ports;
    const auto id = connections.open({.listener = listener, .remote = remote, .conv = plan.conv}, now);
    if (!id) continue;
    record.opened = true;
    record.port = static_cast<std::uint16_t>(client_port_first + listener);
    book_.coverage.conversations += 1;
    if (plan.never_reads) book_.coverage.count(Fault::never_reads);
    Live& live = live_[id->raw()];
    live.record = &record;
    live.id = *id;
    return;
  }
  book_.retry(record, (worker_ + 1) % workers_, book_.now + retry_after);
}

void Client::on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant now) {
  for (const ConnectionEvent& event : events) {
    const auto at = live_.find(event.id.raw());
    Connection connection = connections.get(event.id);
    if (!connection) {
      book_.fail("an event named a session that is gone");
      continue;
    }
    if (at == live_.end()) {
      // A stranger's, or what a server repeats of a conversation that ended here and whose quarantine is over, or that began
      // anew from another port after a crash.
      const Record* known = book_.find(connection.conv());
      const bool ended = known != nullptr && (known->closed || known->crashed);
      if (!ended && !is_stranger(connection.conv())) book_.fail("a client was told of a session that nobody began");
      while (connection.receive()) {}
      continue;
    }
    Live& live = at->second;
    switch (event.kind) {
      case ConnectionEvent::Kind::opened:
        book_.trace.event(book_.now, TraceKind::opened, host_, connection.conv(), worker_);
        act(connections, live, now);
        break;
      case ConnectionEvent::Kind::writable:
        book_.trace.event(book_.now, TraceKind::writable, host_, connection.conv(), 0);
        act(connections, live, now);
        break;
      case ConnectionEvent::Kind::readable: act(connections, live, now); break;
      case ConnectionEvent::Kind::closed:
        on_closed(live, event.reason);
        live_.erase(at);
        break;
    }
  }
}

void Client::give_up_torn(Connections& connections) {
  for (auto& [id, live] : live_) {
    if (!is_torn(live)) continue;
    live.closing = true;
    if (Connection connection = connections.get(live.id)) connection.close();
  }
}

// Reads, sends, and closes when all is done.
void Client::act(Connections& connections, Live& live, Instant now) {
  Connection connection = connections.get(live.id);
  if (!connection) return;
  receive(connection, live, now);
  if (live.closing) return;
  send(connections, connection, live, now);
  if (!is_done(live)) return;
  if (live.close_at.is_never()) {
    live.close_at = now + (live.record->plan.impatient ? Duration() : live.record->plan.linger);
  }
  if (now < live.close_at) {
    wake(live, live.close_at);
    return;
  }
  live.closing = true;
  if (live.record->plan.quits_after > 0) book_.coverage.count(Fault::quits);
  connection.close();
}

bool Client::may_read(Live& live, Instant now) {
  const Conversation& plan = live.record->plan;
  const bool wants_pause = plan.never_reads || plan.pause > Duration();
  if (wants_pause && !live.has_paused && live.received >= plan.pause_after) {
    live.has_paused = true;
    live.paused_until = plan.never_reads ? Instant::never() : now + plan.pause;
    book_.coverage.count(Fault::reading_pause);
  }
  if (now >= live.paused_until) return true;
  wake(live, live.paused_until);
  return false;
}

void Client::receive(Connection connection, Live& live, Instant now) {
  const bool slowly = live.record->plan.reads_slowly;
  for (std::uint32_t taken = 0;; ++taken) {
    const auto next = connection.receivable();
    if (!next || !may_read(live, now)) return;
    if (slowly && taken == 1) {
      book_.coverage.count(Fault::slow_reader);
      connection.again();
      return;
    }
    take_message(connection, live, next->segments);
    if (!book_.complaint().empty()) return;
  }
}

// One message, or what there is of a stream, compared with what was sent.
void Client::take_message(Connection connection, Live& live, std::uint32_t segments) {
  Record& record = *live.record;
  const bool stream = is_stream(record.plan.target);
  std::uint64_t bytes = 0;
  if (record.mixed) return take_unseen(connection, live, segments);
  for (std::uint32_t i = 0; i < segments; ++i) {
    const auto received = connection.receive();
    if (!received) return book_.fail("receivable() promised more segments than receive() gave");
    if (record.echoed + received->bytes.length() > live.sent_bytes)
      return book_.fail("more bytes came back than were sent");
    if (!payload_matches(received->bytes.bytes(), record.plan.key, record.echoed)) {
      return book_.fail(fmt::format("conversation {:x}: wrong bytes at offset {}", record.plan.conv, record.echoed));
    }
    record.echoed += received->bytes.length();
    bytes += received->bytes.length();
    const bool ends = !stream && i + 1 == segments;
    if (received->message_ends != ends) return book_.fail("a message ends where receivable() did not say so");
  }
  book_.coverage.bytes_verified += bytes;
  book_.trace.event(book_.now, TraceKind::received, host_, record.plan.conv, bytes);
  if (stream) {
    while (live.received < live.sent && live.pieces_end + record.plan.sizes[live.received] <= record.echoed) {
      live.pieces_end += record.plan.sizes[live.received++];
    }
    return;
  }
  if (bytes != record.plan.sizes[live.received]) {
    return book_.fail(fmt::format("conversation {:x}: message {} of {} B came back with {} B", record.plan.conv,
                                  live.received, record.plan.sizes[live.received], bytes));
  }
  ++live.received;
}

// What nobody can tell from the bytes of a conversation before it, of the same number.
void Client::take_unseen(Connection connection, Live& live, std::uint32_t segments) {
  for (std::uint32_t i = 0; i < segments; ++i) {
    const auto received = connection.receive();
    if (!received) return book_.fail("receivable() promised more segments than receive() gave");
    live.record->echoed += received->bytes.length();
  }
  live.received = std::min(live.received + 1, live.sent);
}

std::uint32_t Client::outstanding(const Live& live) const {
  const Conversation& plan = live.record->plan;
  if (!is_echo(plan.target) || plan.impatient) return 0;
  return live.sent - live.received;
}

void Client::send(Connections& connections, Connection connection, Live& live, Instant now) {
  const Conversation& plan = live.record->plan;
  if (plan.oversteps && !live.has_overstepped) overstep(connections, connection, live);
  while (live.sent < to_send(plan)) {
    if (outstanding(live) >= plan.outstanding_max) return;
    if (!live.ready && !build(connections, live)) {
      book_.coverage.count(Fault::no_room_to_send);
      wake(live, now + retry_after);
      return;
    }
    switch (connection.send(*live.ready)) {
      case SendResult::accepted:
        if (!live.ready->empty()) return book_.fail("send() accepted a message and left some of it");
        live.ready.reset();
        if (plan.sizes[live.sent] == 0) book_.coverage.count(Fault::empty_message);
        live.sent_bytes += plan.sizes[live.sent++];
        book_.trace.event(book_.now, TraceKind::sent, host_, plan.conv, live.sent);
        break;
      case SendResult::full:
      case SendResult::closed: return;
      case SendResult::too_large: return book_.fail("a message of at most 40 fragments was called too large");
    }
  }
}

// The next message in a few segments of drawn lengths; false when there is no memory for it now.
bool Client::build(Connections& connections, Live& live) {
  const Conversation& plan = live.record->plan;
  std::uint32_t left = plan.sizes[live.sent];
  const std::uint32_t shortest = std::min(left / pieces_per_message + 1, segment_bytes_max);
  if (!connections.has_room_for(left / shortest + 1)) return false;
  SegmentQueue message = connections.make_message();
  std::uint64_t offset = live.sent_bytes;
  while (left > 0) {
    const std::uint32_t longest = std::min(left, segment_bytes_max);
    const auto length = static_cast<std::uint32_t>(rng_.between(std::min(shortest, longest), longest));
    Segment segment = connections.allocate(length);
    if (!segment.holds()) return false;
    payload_fill(segment.writable(), plan.key, offset);
    offset += length;
    left -= length;
    if (!message.push_back(std::move(segment))) {
      book_.fail("has_room_for() promised room that was not there");
      return false;
    }
  }
  live.ready = std::move(message);
  return true;
}

// One message more than fits into the fragments that there can be, whatever windows the peer has.
void Client::overstep(Connections& connections, Connection connection, Live& live) {
  const std::uint32_t bytes = (fragments_max + 1) * mss_;
  if (bytes > overstep_bytes_max || !connections.has_room_for(bytes / segment_bytes_max + 1)) return;
  SegmentQueue message = connections.make_message();
  for (std::uint32_t left = bytes; left > 0;) {
    Segment segment = connections.allocate(std::min(left, segment_bytes_max));
    if (!segment.holds()) return;
    left -= std::min(left, segment_bytes_max);
    if (!message.push_back(std::move(segment))) return;
  }
  live.has_overstepped = true;
  book_.coverage.count(Fault::too_large);
  // A machine that stopped meanwhile says so, whatever is sent.
  const SendResult result = connection.send(message);
  if (result != SendResult::too_large && result != SendResult::closed)
    book_.fail("a message of more fragments than there can be was taken");
}

bool Client::is_done(const Live& live) const {
  const Conversation& plan = live.record->plan;
  if (live.sent < to_send(plan)) return false;
  return plan.quits_after > 0 || plan.impatient || live.record->echoed >= live.sent_bytes;
}

void Client::on_closed(Live& live, CloseReason reason) {
  Record& record = *live.record;
  book_.trace.event(book_.now, TraceKind::closed, host_, record.plan.conv, static_cast<std::uint64_t>(reason));
  book_.close(record, reason);
  record.completed = live.closing && reason == CloseReason::service && is_done(live) && record.plan.quits_after == 0;
  if (reason == CloseReason::service && !live.closing)
    book_.fail("a session was closed for a service that did not ask");
  book_.coverage.completed += record.completed ? 1 : 0;
}

}  // namespace penstock::sim
