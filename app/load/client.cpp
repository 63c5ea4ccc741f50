#include "load/client.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.hpp"

namespace penstock::load {

namespace {

// Messages of one session that are read or sent in one go; the rest takes its turn behind the other sessions.
constexpr int messages_per_visit = 64;
// … or sent where nothing comes back: more than a turn's ACKs can have made room for.
constexpr int posts_per_visit = 256;
// The largest segment that a service can allocate.
constexpr std::uint32_t piece_bytes_max = 2'176;
// user_data: the session's index, and whether a slow reader has this session on its list.
constexpr std::uint64_t reads_late = std::uint64_t{1} << 32;

// The address `count` behind `first`.
net::IpAddress plus(const net::IpAddress& first, std::uint64_t count) {
  std::array<std::uint8_t, 16> bytes = first.bytes();
  for (std::size_t i = bytes.size(); i-- > 0 && count > 0;) {
    count += bytes[i];
    bytes[i] = static_cast<std::uint8_t>(count);
    count >>= 8;
  }
  return net::IpAddress::v6(bytes);
}

}  // namespace

Client::Client(Arena& arena, const ClientSetup& setup, TickClock clock, Progress& progress, Results& results)
    : plan_(setup.plan),
      setup_(setup),
      clock_(clock),
      progress_(progress),
      results_(results),
      pattern_(plan_.seed, plan_.size_min, plan_.size_max),
      roster_(arena, plan_.sessions, plan_.requests_in_flight_max),
      shape_(arena, plan_, Rng(plan_.seed)),
      connect_pace_(plan_.connect_rate, 0),
      late_reads_(arena, late_reads_max(plan_)) {
  PENSTOCK_ASSERT(!setup_.targets.empty());
  PENSTOCK_ASSERT(setup_.segment_bytes > 0);
}

std::size_t Client::cost(const RunPlan& plan) {
  return Roster::cost(plan.sessions, plan.requests_in_flight_max) + Shape::cost(plan) +
         Ring<Shape::Turn>::cost(late_reads_max(plan));
}

void Client::on_events(Connections& connections, std::span<const ConnectionEvent> events, Instant now) {
  read_clock();
  for (const ConnectionEvent& event : events) {
    Connection connection = event.connection;
    const auto session = static_cast<std::uint32_t>(connection.user_data());
    if (session >= roster_.sessions() || roster_.id(session) != event.id) {
      // Somebody called us.
      connection.close();
      continue;
    }
    switch (event.kind) {
      case ConnectionEvent::Kind::opened: break;
      case ConnectionEvent::Kind::readable: on_readable(connections, connection, session); break;
      case ConnectionEvent::Kind::writable:
        if (shape_runs() && shape_.loops()) fill_up(connections, connection, session);
        break;
      case ConnectionEvent::Kind::closed: on_closed(session, event.reason); break;
    }
  }
  go_on(connections, now);
}

bool Client::open(Connections& connections, std::uint32_t session, Instant now) {
  const Target& target = setup_.targets[session % setup_.targets.size()];
  OpenRequest request{.remote = target.remote, .conv = session + 1, .local = local_of(session)};
  // A conversation that was closed rests in the peer's quarantine, so its successor has a number of its own.
  if (is(ShapeKind::churn)) request.conv += roster_.sent(session) * plan_.sessions;
  const auto id = connections.open(request, now);
  if (!id) return false;
  connections.get(*id).user_data() = session;
  roster_.connect(session, *id);
  return true;
}

std::optional<net::IpAddress> Client::local_of(std::uint32_t session) const {
  const auto targets = static_cast<std::uint32_t>(setup_.targets.size());
  const Target& target = setup_.targets[session % targets];
  if (!target.first) return std::nullopt;
  return plus(*target.first, session / targets % target.addresses);
}

Client::Sent Client::ask(Connections& connections, Connection& connection, std::uint32_t session,
                         std::uint64_t due_ns) {
  if (roster_.room() == 0 && !plan_.one_way) return Sent::busy;
  const std::uint64_t key = pattern_.key(session, roster_.sent(session));
  const std::uint32_t length = pattern_.length(key);
  const std::uint32_t pieces = pieces_of(length);
  if (!connections.has_room_for(pieces)) return Sent::starved;
  const auto result =
      pieces == 1 ? send_one(connections, connection, key, length) : send_many(connections, connection, key, length);
  if (!result) return Sent::starved;
  switch (*result) {
    case SendResult::accepted: break;
    case SendResult::full:
    case SendResult::closed: return Sent::busy;
    case SendResult::too_large: give_up("a message has more fragments than the peer takes"); return Sent::busy;
  }
  if (plan_.one_way) roster_.post(session);
  else roster_.send(session, due_ns);
  return Sent::sent;
}

std::uint32_t Client::piece_bytes() const { return std::min(setup_.segment_bytes, piece_bytes_max); }

std::uint32_t Client::pieces_of(std::uint32_t length) const {
  const std::uint32_t piece = piece_bytes();
  return length <= piece ? 1 : (length + piece - 1) / piece;
}

std::optional<SendResult> Client::send_one(Connections& connections, Connection& connection, std::uint64_t key,
                                           std::uint32_t length) {
  Segment bytes = connections.allocate(length);
  if (!bytes.holds()) return std::nullopt;
  Pattern::fill(bytes.writable(), key, 0);
  return connection.send(bytes);
}

std::optional<SendResult> Client::send_many(Connections& connections, Connection& connection, std::uint64_t key,
                                            std::uint32_t length) {
  const std::uint32_t piece = piece_bytes();
  SegmentQueue message = connections.make_message();
  for (std::uint32_t offset = 0; offset < length; offset += piece) {
    Segment bytes = connections.allocate(std::min(piece, length - offset));
    if (!bytes.holds()) return std::nullopt;
    Pattern::fill(bytes.writable(), key, offset);
    const bool stored = message.push_back(std::move(bytes));
    PENSTOCK_ASSERT(stored);
  }
  return connection.send(message);
}

void Client::fill_up(Connections& connections, Connection& connection, std::uint32_t session) {
  const int messages_max = plan_.one_way ? posts_per_visit : messages_per_visit;
  for (int i = 0; i < messages_max && roster_.outstanding(session) < plan_.per_session; ++i) {
    const Sent sent = ask(connections, connection, session, now_ns_);
    if (sent == Sent::sent) continue;
    // Nothing of this session may be on its way that would bring us back here.
    starved_ = starved_ || sent == Sent::starved;
    return;
  }
  // No answer brings us back either, and nothing was refused that `writable` could follow.
  starved_ = starved_ || plan_.one_way;
}

void Client::on_readable(Connections& connections, Connection& connection, std::uint32_t session) {
  if (!is(ShapeKind::slow) || !shape_runs()) return receive(connections, connection, session);
  std::uint64_t& data = connection.user_data();
  if ((data & reads_late) != 0) return;
  const bool stored = late_reads_.push({session, now_ns_ + plan_.think_us * 1'000});
  PENSTOCK_ASSERT(stored);
  data |= reads_late;
}

void Client::read_late(Connections& connections) {
  for (int i = 0; i < messages_per_visit && !late_reads_.empty(); ++i) {
    if (late_reads_.front().due_ns > now_ns_ && shape_runs()) return;
    const std::uint32_t session = late_reads_.pop().session;
    Connection connection = connections.get(roster_.id(session));
    if (!connection) continue;
    connection.user_data() &= ~reads_late;
    receive(connections, connection, session);
  }
}

void Client::receive(Connections& connections, Connection& connection, std::uint32_t session) {
  for (int i = 0; i < messages_per_visit; ++i) {
    std::uint64_t bytes = 0;
    bool good = false;
    if (const Segment message = connection.receive_lone(); message.holds()) {
      bytes = message.length();
      good = is_expected(session, bytes) && Pattern::matches(message.bytes(), expected_key(session), 0);
    } else {
      const auto next = connection.receivable();
      if (!next) return;
      bytes = next->bytes;
      good = compare(connection, session, *next);
    }
    good = good && !plan_.one_way;
    if (!good) ++results_.mismatches;
    if (plan_.one_way || roster_.outstanding(session) == 0) continue;  // it was no answer at all
    const std::uint64_t due_ns = roster_.answer(session);
    on_answer(connections, connection, session, good ? bytes : 0, due_ns);
  }
  connection.again();
}

std::uint64_t Client::expected_key(std::uint32_t session) const {
  return pattern_.key(session, roster_.answered(session));
}

bool Client::is_expected(std::uint32_t session, std::uint64_t bytes) const {
  return roster_.outstanding(session) > 0 && bytes == pattern_.length(expected_key(session));
}

// Takes the next message, and tells whether it is the answer that is expected: every byte, its length, and its end.
bool Client::compare(Connection& connection, std::uint32_t session, const Receivable& next) {
  const std::uint64_t key = expected_key(session);
  bool good = is_expected(session, next.bytes);
  std::uint32_t offset = 0;
  for (std::uint32_t i = 0; i < next.segments; ++i) {
    const auto received = connection.receive();
    PENSTOCK_ASSERT(received.has_value());
    good = Pattern::matches(received->bytes.bytes(), key, offset) && good;
    good = received->message_ends == (i + 1 == next.segments) && good;
    offset += received->bytes.length();
  }
  return good;
}

void Client::on_closed(std::uint32_t session, CloseReason reason) {
  const std::uint32_t given_up = roster_.disconnect(session);
  if (reason == CloseReason::drained || reason == CloseReason::stopped) return give_up("the run was interrupted");
  const bool asked_for = given_up == 0 && reason == CloseReason::service;
  results_.lost += given_up;
  if (!asked_for) ++results_.closed_early;
  // Connecting and checking wait for one answer of each session, disconnecting for its end.
  const bool answer_waited_for = phase_ == Phase::connecting || phase_ == Phase::checking;
  if (answer_waited_for ? given_up > 0 : is(ShapeKind::disconnect)) --remaining_;
  if (phase_ == Phase::measuring && asked_for) ++results_.requests;
  // The turns of what was given up go on elsewhere.
  const std::uint32_t turns = is(ShapeKind::churn) ? 1 : given_up;
  for (std::uint32_t i = 0; i < turns && shape_runs(); ++i) shape_.answered(session, now_ns_);
}

}  // namespace penstock::load
