#include "engine/telling.hpp"

#include <span>

#include "session/liveness.hpp"

namespace penstock {

namespace {

// Timer entries looked at in one turn, cascaded ones included; one that fires counts for more, as a session that ends costs
// thirty times a look. So the longest turn, when a million sessions end together, stays below 200,000 instructions.
constexpr std::uint32_t timer_budget = 512;
constexpr std::uint32_t timer_fire_units = 8;
// Half-open entries of one listener that leave in one turn, together with the datagrams that they hold.
constexpr std::uint32_t half_open_budget = 256;

// A silent peer is asked for a sign of life, or given up when it was asked often enough.
void on_silence(World& world, std::uint32_t place, Instant now) {
  Session& session = world.sessions[place];
  kcp::Session& machine = world.sessions.machine(place);
  if (session.state == SessionState::unproven) return machine.close(CloseReason::unproven, now);
  const ListenerConfig& limits = world.config.listeners[session.listener].admission;
  if (session.life_probes >= limits.liveness_probes) return machine.close(CloseReason::idle, now);
  machine.ask_for_life(session.life_probes == 0);
  ++session.life_probes;
  const Instant earliest = now + answer_time_min(limits.idle_timeout, limits.liveness_probes);
  world.wheel.arm(place, TimerKind::idle, later(world.idle_deadline(place, session), earliest));
}

void fire(World& world, std::uint32_t place, TimerKind kind, Instant now) {
  ++world.stats.timers_fired;
  if (kind == TimerKind::machine) world.sessions.machine(place).on_timeout(now);
  else on_silence(world, place, now);
  world.mark_dirty(place);
}

// Gathers the events of one service and hands them over in bursts.
class Teller {
 public:
  Teller(Application& service, Connections& connections, std::span<ConnectionEvent> events, Instant now)
      : service_(service), connections_(connections), events_(events), now_(now) {}
  ~Teller() { flush(); }
  Teller(const Teller&) = delete;
  Teller& operator=(const Teller&) = delete;

  void tell(const Connection& connection, ConnectionEvent::Kind kind, CloseReason reason = CloseReason::service) {
    if (count_ == events_.size()) flush();
    events_[count_++] = {.id = connection.id(), .kind = kind, .reason = reason, .connection = connection};
  }
  void flush() {
    if (count_ == 0) return;
    const std::uint32_t count = count_;
    count_ = 0;
    service_.on_events(connections_, events_.first(count), now_);
  }

 private:
  Application& service_;
  Connections& connections_;
  std::span<ConnectionEvent> events_;
  Instant now_;
  std::uint32_t count_ = 0;
};

// Tells what happened to one session since it was last visited.
void tell_session(World& world, Session& session, SessionId id, Teller& teller) {
  kcp::Session& machine = world.sessions.machine(id.index());
  const Connection connection(world.connection_context, session, machine, id);
  Listener& listener = world.listeners[session.listener];
  if (!session.announced) {
    session.announced = true;
    teller.tell(connection, ConnectionEvent::Kind::opened);
  }
  if (session.readable && !session.over) {
    session.readable = false;
    if (machine.receivable()) teller.tell(connection, ConnectionEvent::Kind::readable);
  }
  while (const auto event = machine.poll_event()) {
    switch (event->kind) {
      case SessionEvent::Kind::proven:
        if (session.state == SessionState::unproven) world.prove_session(id);
        world.wheel.arm(id.index(), TimerKind::idle, world.idle_deadline(id.index(), session));
        break;
      case SessionEvent::Kind::writable: teller.tell(connection, ConnectionEvent::Kind::writable); break;
      case SessionEvent::Kind::closed:
        session.over = true;
        listener.on_closed(event->reason, session.state == SessionState::unproven, session.path.remote.address);
        teller.tell(connection, ConnectionEvent::Kind::closed, event->reason);
        break;
    }
  }
}

}  // namespace

bool fire_timers(World& world, Instant now) {
  const auto deadline_of = [&world](std::uint32_t place, TimerKind kind) {
    const Session& session = world.sessions[place];
    return kind == TimerKind::machine ? session.deadline : world.idle_deadline(place, session);
  };
  const std::uint32_t looked_at = world.wheel.advance(
      now, timer_budget, deadline_of,
      [&](std::uint32_t place, TimerKind kind) {
        world.worked = true;
        fire(world, place, kind, now);
      },
      timer_fire_units);
  for (const auto& table : world.half_open) table->expire(now, half_open_budget);
  return looked_at < timer_budget;
}

void tell_services(World& world, Connections& connections, Instant now) {
  const bool only_service = world.parts.services.size() == 1;
  for (std::uint32_t number = 0; number < world.parts.services.size(); ++number) {
    Application& service = *world.parts.services[number];
    if (now >= service.next_deadline()) {
      world.worked = true;
      service.on_timeout(connections, now);
    }
    if (world.dirty.count() == 0) continue;
    Teller teller(service, connections, world.events, now);
    // The list may grow while a service works on other sessions; those were not visited and come last.
    for (std::uint32_t place = world.dirty.settled(); place < world.dirty.count(); ++place) {
      if (world.dirty.waits(place)) continue;
      const std::uint32_t index = world.dirty[place];
      world.prefetch_dirty(place + dirty_ahead);
      Session& session = world.sessions[index];
      if (!only_service && world.config.listeners[session.listener].service != number) continue;
      tell_session(world, session, world.sessions.id_of(index), teller);
    }
  }
}

}  // namespace penstock
