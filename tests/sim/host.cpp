#include "sim/host.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "engine/world.hpp"
#include "sim/broken.hpp"
#include "sim/host_core.hpp"
#include "sim/work.hpp"

namespace penstock::sim {

namespace {

// A worker whose turn left work behind would run again at once; virtual time must move, and the longer it lasts the more.
constexpr Duration backlog_step = Duration::us(20);
constexpr std::uint32_t backlog_doublings = 6;
constexpr std::uint32_t rx_ring_healed = 1024;
// A frame leaves the host so long after its session wrote it at the most: the transmit ring was full, the port held it.
constexpr Duration port_waits_max = Duration::ms(700);
// By which a session may outlive its timeout: its place among the others, a stall, a turn of the wheel.
constexpr Duration silence_slack = Duration::seconds(2);
constexpr Duration freeze_max = Duration::seconds(11);

}  // namespace

bool Host::has_records(std::uint32_t worker) const {
  for (std::uint32_t from = 0; from < plan_.workers; ++from) {
    if (from != worker && handoff_->ring(from, worker).read_available() > 0) return true;
  }
  return false;
}

Instant Host::wake_of(const Core& core, Instant now) const {
  const auto index = static_cast<std::uint32_t>(core.worker->connections().worker_index());
  if (!core.last_run) return later(now, core.stalled_until);
  Instant due = clock_.world(core.worker->next_deadline());
  const bool waiting = port_->has_frames(static_cast<std::uint16_t>(index)) || has_records(index) ||
                       core.mailbox.commands.read_available() > 0;
  Duration step = plan_.turn;
  if (due <= *core.last_run && !waiting) {
    const std::uint32_t doublings = std::min(core.backlog_turns / 8, backlog_doublings);
    step = std::max(step, backlog_step * (std::int64_t{1} << doublings));
  }
  if (waiting) due = earlier(due, now);
  return later(later(due, *core.last_run + step), core.stalled_until);
}

Instant Host::next_deadline(Instant now) const {
  Instant next = Instant::never();
  for (const auto& core : cores_) next = earlier(next, wake_of(*core, now));
  return next;
}

void Host::run(Instant now) {
  for (const auto& core : cores_) {
    if (wake_of(*core, now) <= now) run(*core, now);
  }
}

void Host::run(Core& core, Instant now) {
  world_now_ = book_.now = now;
  const Instant local = clock_.local(now);
  const std::uint32_t queue = core.worker->connections().worker_index();
  const std::uint32_t refused_before = port_->refusals(queue);
  core.worker->run_once(local);
  core.last_run = now;
  core.backlog_turns = core.worker->next_deadline() <= local ? core.backlog_turns + 1 : 0;
  Answer answer;
  while (core.mailbox.answers.pop(answer)) {}
  require(book_.complaint().empty(), "{}", book_.complaint());
  check(core, local);
  check_work({.burst = node_.burst, .workers = plan_.workers, .port_holds = impaired_ != nullptr}, core.fresh->worker,
             core.seen->worker, port_->refusals(queue) - refused_before);
}

// What holds after every turn, of the counters that a worker would publish.
void Host::check(Core& core, Instant now) {
  StatsSnapshot& s = *core.fresh;
  core.worker->snapshot(s, now);
  std::uint64_t dropped = 0;
  for (std::size_t i = 0; i < net::drop_reason_count; ++i) {
    if (!net::is_transmit(static_cast<net::DropReason>(i))) dropped += s.drops[i];
    require(s.drops[i] >= core.seen->drops[i], "a drop counter went back");
  }
  const WorkerStats& w = s.worker;
  const std::uint64_t in = w.rx_packets + w.handed_in;
  const std::uint64_t out = w.delivered + w.handed_out + w.held_now + dropped;
  if (in != out) {
    throw Broken(
        fmt::format("host {}: {} received and {} handed in are not {} delivered, {} handed out, {} held and {} "
                    "dropped",
                    number_, w.rx_packets, w.handed_in, w.delivered, w.handed_out, w.held_now, dropped));
  }
  require(w.sessions_now <= node_.sessions_max, "more sessions than sessions_max");
  require(core.worker->world().wheel.count() <= timer_kinds * w.sessions_now, "more timers than the sessions can have");
  std::uint64_t closed = 0;
  for (std::uint32_t i = 0; i < s.listener_count; ++i) {
    const ListenerStats& listener = s.listeners[i];
    require(listener.half_open_now <= node_.listeners[i].admission.half_open_max,
            "more half-open sessions than half_open_max");
    require(listener.sessions_now <= node_.listeners[i].admission.sessions_max,
            "a listener holds more than its sessions_max");
    for (const std::uint64_t count : listener.closed) closed += count;
  }
  require(w.sessions_opened == w.sessions_now + closed,
          "sessions opened are not those that live and those that closed");
  require(w.rx_packets >= core.seen->worker.rx_packets && w.tx_packets >= core.seen->worker.tx_packets &&
              w.delivered >= core.seen->worker.delivered && w.sessions_opened >= core.seen->worker.sessions_opened,
          "a counter went back");
  std::swap(core.seen, core.fresh);
  std::uint64_t sessions = 0;
  for (const auto& each : cores_) sessions += each->seen->worker.sessions_now;
  sessions_peak_ = std::max(sessions_peak_, sessions);
}

void Host::stall(std::uint32_t worker, Instant until) {
  if (is_down()) return;
  Core& core = *cores_[worker % cores_.size()];
  core.stalled_until = later(core.stalled_until, until);
}

void Host::keep_back(std::uint32_t blocks) {
  for (const auto& pool : pools_) pool->keep_back(blocks);
}

void Host::jump_clock(Duration ahead, Instant now) {
  clock_.jump(ahead);
  jumped_at_ = clock_.local(now);
}

void Host::drain(Instant now) {
  for (const auto& core : cores_) core->worker->drain(clock_.local(now));
}

void Host::stop(Instant now) {
  for (const auto& core : cores_) core->worker->stop(clock_.local(now));
}

void Host::heal() {
  keep_back(0);
  port_->set_tx_room(~0u);
  port_->set_link(true);
  port_->set_rx_ring(rx_ring_healed);
  port_->steer_to(~0u);
  ask_all({.kind = Command::Kind::sessions});
  // Without delay nothing waits, so its small queue is no bottleneck any more.
  if (impaired_ != nullptr) ask_all({.kind = Command::Kind::impair});
}

void Host::ask_all(const Command& command) {
  for (const auto& core : cores_) require(core->mailbox.commands.push(command), "a mailbox was full");
}

void Host::cut_port(impair::Ways ways) {
  Command command{.kind = Command::Kind::impair};
  command.impairment = *plan_.port;
  command.impairment.partition = ways;
  ask_all(command);
}

void Host::leak_block() { leaked_ = Segment::adopt(pools_[0]->allocate(), 0, 0); }

// Calls `look(session, machine)` for each session of a conversation until it answers true.
template <class Look>
bool Host::any_session(std::uint32_t conv, Look&& look) const {
  for (std::size_t i = 0; i < cores_.size(); ++i) {
    const auto& sessions = cores_[i]->worker->world().sessions;
    for (std::uint32_t k = 0; k < sessions.capacity(); ++k) {
      if (!sessions.is_open(k) || sessions[k].conv != conv) continue;
      places_[conv] = {i, k};
      if (look(sessions[k], sessions.machine(k))) return true;
    }
  }
  return false;
}

bool Host::knows(std::uint32_t conv) const {
  return any_session(conv, [](const Session&, const kcp::Session&) { return true; });
}

bool Host::has_proven(std::uint32_t conv) const {
  return any_session(conv, [](const Session& s, const kcp::Session&) { return s.state == SessionState::proven; });
}

bool Host::has_received(std::uint32_t conv) const {
  return any_session(conv, [](const Session&, const kcp::Session& m) { return m.traffic().segments_received > 0; });
}

bool Host::lacks_acknowledged(std::uint32_t conv, const Host& peer) const {
  Seq32 acknowledged;
  const bool sends = peer.any_session(conv, [&](const Session&, const kcp::Session& machine) {
    acknowledged = machine.send_una();
    return true;
  });
  bool known = false;
  const bool has_it = any_session(conv, [&](const Session&, const kcp::Session& machine) {
    known = true;
    return !Seq32(machine.traffic().segments_received).before(acknowledged);
  });
  return sends && known && !has_it;
}

bool Host::has_stored(const net::Endpoint& peer, std::uint32_t conv, std::uint32_t sn, Instant now) const {
  if (is_down()) return true;
  bool known = false;
  const auto look = [&](const Session& session, const kcp::Session& machine) {
    if (!(session.path.remote == peer)) return false;
    known = true;
    // Whose service has closed delivers nothing any more, and throws away what it owes an ACK for.
    if (machine.closing()) return true;
    // A frame that waited for the port may be of the session before this one.
    const Instant opened = later(session.opened, jumped_at_);
    return machine.has_stored(Seq32(sn)) || (port_holds_ && clock_.local(now) - opened < port_waits_max);
  };
  if (const auto at = places_.find(conv); at != places_.end()) {
    const auto& sessions = cores_[at->second.first]->worker->world().sessions;
    const std::uint32_t place = at->second.second;
    const bool there = sessions.is_open(place) && sessions[place].conv == conv;
    if (there && look(sessions[place], sessions.machine(place))) return true;
  }
  return any_session(conv, look) || !known;
}

void Host::check_silence(Instant now) const {
  const Duration patience = silence_slack + (may_freeze_ ? freeze_max : Duration());
  for (const auto& core : cores_) {
    const auto& sessions = core->worker->world().sessions;
    for (std::uint32_t k = 0; k < sessions.capacity(); ++k) {
      if (!sessions.is_open(k) || sessions[k].over) continue;
      const Session& session = sessions[k];
      const bool proven = session.state == SessionState::proven;
      // A question that was asked late, by a worker that had stood still, leaves a quarter of the time for its answer.
      const Duration allowed = proven
                                   ? plan_.limits.idle_timeout + Duration::us(plan_.limits.idle_timeout.count_us() / 4)
                                   : plan_.limits.half_open_timeout;
      const Instant since = later(proven ? session.last_heard : session.opened, jumped_at_);
      if (clock_.local(now) - since <= allowed + patience) continue;
      throw Broken(fmt::format("host {} keeps conversation {:x}, whose peer has been silent for too long", number_,
                               session.conv));
    }
  }
}

std::uint64_t Host::unasked() const {
  std::uint64_t sum = unasked_before_;
  for (const auto& core : cores_) sum += core->seen->worker.timers_fired + core->seen->worker.sessions_opened;
  return sum;
}

bool Host::quiet() const {
  if (is_down()) return true;
  for (std::uint32_t i = 0; i < cores_.size(); ++i) {
    if (!cores_[i]->worker->quiet() || port_->has_frames(static_cast<std::uint16_t>(i)) || has_records(i)) return false;
    if (impaired_ != nullptr && !impaired_->next_deadline(static_cast<std::uint16_t>(i)).is_never()) return false;
  }
  return true;
}

std::uint64_t Host::segments_received() const {
  std::uint64_t count = segments_before_;
  for (const auto& core : cores_) count += core->worker->world().machine_counters.segments_received;
  return count;
}

std::string Host::leftovers() const {
  std::string text;
  for (std::uint32_t i = 0; i < cores_.size(); ++i) {
    const World& world = cores_[i]->worker->world();
    if (!cores_[i]->worker->quiet()) text += fmt::format(" host {} worker {}: not quiet", number_, i);
    for (std::uint32_t k = 0; k < world.sessions.capacity(); ++k) {
      if (!world.sessions.is_open(k)) continue;
      const Session& session = world.sessions[k];
      text +=
          fmt::format(" host {} worker {}: conversation {:x} of listener {} in state {}, last heard at {}, deadline {}",
                      number_, i, session.conv, session.listener, static_cast<int>(session.state),
                      session.last_heard.count_us(), session.deadline.count_us());
    }
    if (port_->has_frames(static_cast<std::uint16_t>(i)))
      text += fmt::format(" host {} queue {} has frames", number_, i);
    if (has_records(i)) text += fmt::format(" host {} worker {} has records", number_, i);
  }
  return text;
}

void Host::check_empty(Instant now) {
  for (const auto& core : cores_) {
    const World& world = core->worker->world();
    require(world.sessions.count() == 0, "a session is left over");
    require(world.flows.count() == 0, "the flow table is not empty");
    require(world.quota.prefix_count() == 0, "a prefix still holds a count");
    require(world.wheel.count() == 0 && world.wheel.chunks_used() == 0, "a timer of nobody is left over");
    require(world.windows.in_use_bytes() == 0, "window memory is left over");
    require(world.chunks.available() == world.chunks.capacity(), "a chunk is left over");
    for (std::uint32_t i = 0; i < 3; ++i) {
      require(world.small_blocks.pool(i).available() == world.small_blocks.pool(i).capacity(),
              "a small block is left over");
    }
    require(core->echo.held() == 0, "the echo service still holds a message");
    const Instant local = clock_.local(now);
    core->worker->snapshot(*core->seen, local);
    StatsSnapshot published;
    require(core->published.read(published) && published.taken_at_us <= local.count_us(), "no snapshot was published");
    book_.coverage.add(*core->seen);
  }
}

}  // namespace penstock::sim
