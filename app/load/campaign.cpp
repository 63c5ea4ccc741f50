// The phases of a run, and the turns of its shape: the part of Client that decides what is done next.
#include <algorithm>

#include "base/assert.hpp"
#include "load/client.hpp"

namespace penstock::load {

namespace {

// Sessions begun, asked or closed in one visit, so that the worker's turns stay short.
constexpr int steps_per_visit = 256;
// Sessions that a turn may name until it rests.
constexpr int picks_per_turn = 8;
// The phases look at the clock this often at least.
constexpr std::uint64_t tick_ns = 1'000'000;
// A request counts as late when it was begun so long after it was due.
constexpr std::uint64_t late_ns = 1'000'000;
constexpr std::uint64_t second_ns = 1'000'000'000;

}  // namespace

void Client::on_start(Connections& connections, Instant now) {
  read_clock();
  connect_pace_.begin(now_ns_);
  enter(is(ShapeKind::churn) ? Phase::warming : Phase::connecting, connections);
  due_ = now;
}

void Client::on_timeout(Connections& connections, Instant now) {
  read_clock();
  go_on(connections, now);
}

void Client::on_answer(Connections& connections, Connection& connection, std::uint32_t session, std::uint64_t bytes,
                       std::uint64_t due_ns) {
  heard_ns_ = now_ns_;
  ++answered_;
  const std::uint64_t rtt_ns = now_ns_ > due_ns ? now_ns_ - due_ns : 0;
  if (phase_ == Phase::connecting) {
    on_connected();
    if (results_.connected > pioneers()) results_.connect_rtt_ns.record(rtt_ns);
  } else if (phase_ == Phase::checking) {
    ++results_.checked;
    --remaining_;
  }
  if (phase_ == Phase::measuring || (phase_ == Phase::connecting && is(ShapeKind::connect))) {
    results_.rtt_ns.record(rtt_ns);
    results_.payload_bytes += bytes;
    if (!is(ShapeKind::churn)) ++results_.requests;
  }
  if (is(ShapeKind::churn)) return connection.close();
  if (shape_runs() && shape_.answered(session, now_ns_)) fill_up(connections, connection, session);
}

// The way is known once the pioneers were answered; from there on connecting is measured.
void Client::on_connected() {
  ++results_.connected;
  --remaining_;
  if (results_.connected != pioneers()) return;
  phase_ns_ = now_ns_;
  connect_pace_.begin(now_ns_);
}

void Client::go_on(Connections& connections, Instant now) {
  read_late(connections);
  look_for_acks(connections);
  const std::uint64_t passed_ns = now_ns_ - phase_ns_;
  switch (phase_) {
    case Phase::connecting:
      connect_some(connections, now);
      if (remaining_ == 0) end_connecting(connections);
      break;
    case Phase::checking:
      check_some(connections);
      if (remaining_ == 0) {
        results_.check_ns = passed_ns;
        enter(is(ShapeKind::connect) ? Phase::settling : Phase::warming, connections);
      }
      break;
    case Phase::warming:
      take_turns(connections, now);
      if (passed_ns >= plan_.warmup_s * second_ns || is(ShapeKind::disconnect)) enter(Phase::measuring, connections);
      break;
    case Phase::measuring:
      if (is(ShapeKind::disconnect)) close_some(connections);
      else take_turns(connections, now);
      if (measured_enough(passed_ns)) end_measuring(connections);
      break;
    case Phase::settling: settle(); break;
    case Phase::over: break;
  }
  lose_patience();
  set_deadline(now);
  publish();
}

void Client::enter(Phase phase, Connections& connections) {
  phase_ = phase;
  phase_ns_ = heard_ns_ = now_ns_;
  next_ = 0;
  remaining_ = plan_.sessions;
  switch (phase) {
    case Phase::warming: shape_.begin(now_ns_); break;
    case Phase::connecting:
    case Phase::measuring: traffic_ = connections.traffic(); break;
    case Phase::checking:
    case Phase::settling:
    case Phase::over: break;
  }
}

void Client::end_connecting(Connections& connections) {
  results_.connect_ns = now_ns_ - phase_ns_;
  if (is(ShapeKind::connect)) {
    results_.measured_ns = results_.connect_ns;
    results_.traffic = connections.traffic().since(traffic_);
  }
  if (plan_.check_all) enter(Phase::checking, connections);
  else enter(is(ShapeKind::connect) ? Phase::settling : Phase::warming, connections);
}

bool Client::measured_enough(std::uint64_t passed_ns) const {
  if (is(ShapeKind::disconnect)) return remaining_ == 0;
  return passed_ns >= plan_.seconds * second_ns || (plan_.requests > 0 && results_.requests >= plan_.requests);
}

void Client::end_measuring(Connections& connections) {
  results_.measured_ns = now_ns_ - phase_ns_;
  results_.traffic = connections.traffic().since(traffic_);
  enter(Phase::settling, connections);
}

// The last answers are still to be acknowledged, which may take the listener's ack_delay.
void Client::settle() {
  const auto linger_ns = static_cast<std::uint64_t>((setup_.ack_delay * 2 + Duration::ms(10)).count_us()) * 1'000;
  const bool quiet = roster_.in_flight() == 0 && late_reads_.empty();
  if (!quiet || now_ns_ - heard_ns_ < linger_ns) return;
  results_.complete = true;
  phase_ = Phase::over;
}

void Client::lose_patience() {
  const bool waits = phase_ == Phase::connecting || phase_ == Phase::checking || roster_.in_flight() > 0;
  if (phase_ == Phase::over || !waits || now_ns_ - heard_ns_ < plan_.patience_s * second_ns) return;
  give_up(results_.connected == 0 && !is(ShapeKind::churn)
              ? "nothing answered: is the peer there, and does it have a route to our local prefixes?"
              : "answers stopped coming");
}

void Client::give_up(const char* reason) {
  if (phase_ == Phase::over) return;
  phase_ = Phase::over;
  results_.lost += roster_.in_flight();
  results_.stopped_by = reason;
}

// The first session of each target goes ahead alone, as its first datagram waits until the next hop is known.
void Client::connect_some(Connections& connections, Instant now) {
  const bool known = results_.connected + results_.closed_early >= pioneers();
  const std::uint32_t end = known ? plan_.sessions : pioneers();
  for (int i = 0; i < steps_per_visit && next_ < end; ++i) {
    const std::uint32_t outstanding = next_ + remaining_ - plan_.sessions;
    if (outstanding >= plan_.connect_depth || connect_pace_.due_ns() > now_ns_) return;
    if (!roster_.connected(next_) && !open(connections, next_, now)) return rest();
    Connection connection = connections.get(roster_.id(next_));
    PENSTOCK_ASSERT(static_cast<bool>(connection));
    if (ask(connections, connection, next_, now_ns_) != Sent::sent) return rest();
    connect_pace_.advance();
    ++next_;
  }
}

void Client::check_some(Connections& connections) {
  for (int i = 0; i < steps_per_visit && next_ < plan_.sessions; ++i) {
    if (roster_.in_flight() >= plan_.connect_depth) return;
    Connection connection = connections.get(roster_.id(next_));
    if (!connection) --remaining_;
    else if (ask(connections, connection, next_, now_ns_) != Sent::sent) return rest();
    ++next_;
  }
}

void Client::close_some(Connections& connections) {
  for (int i = 0; i < steps_per_visit && next_ < plan_.sessions; ++i, ++next_) {
    Connection connection = connections.get(roster_.id(next_));
    if (connection) connection.close();
    else --remaining_;
  }
}

void Client::take_turns(Connections& connections, Instant now) {
  feed_the_hungry(connections);
  for (int i = 0; i < steps_per_visit && phase_ != Phase::over; ++i) {
    auto turn = shape_.next(now_ns_);
    if (!turn) return;
    bool taken = take_turn(connections, *turn, now);
    for (int picks = 1; !taken && picks < picks_per_turn && !shape_.loops(); ++picks) {
      taken = take_turn(connections, shape_.pick_again(), now);
    }
    if (!taken) {
      shape_.refused(now_ns_);
      continue;
    }
    shape_.sent();
    if (phase_ == Phase::measuring && now_ns_ - turn->due_ns > late_ns) ++results_.late;
  }
}

bool Client::take_turn(Connections& connections, const Shape::Turn& turn, Instant now) {
  const std::uint32_t session = turn.session;
  if (is(ShapeKind::churn) && !roster_.connected(session) && !open(connections, session, now)) return false;
  Connection connection = connections.get(roster_.id(session));
  if (!connection) return false;
  if (shape_.loops()) {
    fill_up(connections, connection, session);
    return true;
  }
  return roster_.outstanding(session) < plan_.per_session &&
         ask(connections, connection, session, turn.due_ns) == Sent::sent;
}

// Looping sessions that found no memory, or no room, and may have nothing on its way that would wake them.
void Client::feed_the_hungry(Connections& connections) {
  if (starved_ && hungry_ == 0) hungry_ = plan_.active;
  starved_ = false;
  for (int i = 0; i < steps_per_visit && hungry_ > 0 && !starved_; ++i) {
    const std::uint32_t session = shape_.session_of(hungry_ - 1);
    Connection connection = connections.get(roster_.id(session));
    if (connection && (plan_.one_way || roster_.outstanding(session) == 0)) fill_up(connections, connection, session);
    if (!starved_) --hungry_;
  }
  if (starved_) rest();
}

// What could not be done now is tried again a little later.
void Client::rest() { rest_until_ns_ = now_ns_ + Shape::retry_ns; }

void Client::set_deadline(Instant now) {
  std::uint64_t wake_ns = now_ns_ + tick_ns;
  const bool more = phase_ == Phase::connecting && next_ + remaining_ - plan_.sessions < plan_.connect_depth;
  if (more && next_ < plan_.sessions) wake_ns = std::min(wake_ns, connect_pace_.due_ns());
  if (phase_ == Phase::checking && roster_.in_flight() < plan_.connect_depth) wake_ns = now_ns_;
  if (shape_runs()) wake_ns = std::min(wake_ns, hungry_ > 0 ? now_ns_ : shape_.next_due_ns());
  if (phase_ == Phase::measuring && is(ShapeKind::disconnect)) wake_ns = now_ns_;
  if (!late_reads_.empty()) wake_ns = std::min(wake_ns, late_reads_.front().due_ns);
  wake_ns = std::max(wake_ns, rest_until_ns_);
  due_ = phase_ == Phase::over
             ? Instant::never()
             : now + Duration::us(static_cast<std::int64_t>((std::max(wake_ns, now_ns_) - now_ns_) / 1'000));
}

void Client::publish() {
  constexpr auto relaxed = std::memory_order_relaxed;
  progress_.connections.store(roster_.connections(), relaxed);
  progress_.answered.store(answered_, relaxed);
  progress_.in_flight.store(roster_.in_flight(), relaxed);
  progress_.mismatches.store(results_.mismatches, relaxed);
  progress_.phase.store(phase_, relaxed);
}

}  // namespace penstock::load
