#include "engine/desk.hpp"

#include <algorithm>
#include <array>

namespace penstock {

namespace {

// Places of the session table that one page looks at, at the most: a nearly empty table must not hold up a turn.
constexpr std::uint32_t scan_max = 4096;

SessionReport report_of(World& world, SessionId id, Instant now) {
  const Session& session = world.sessions[id.index()];
  const kcp::Session& machine = world.sessions.machine(id.index());
  const kcp::Stats stats = machine.stats();
  return {.id = id.raw(),
          .local = session.path.local,
          .remote = session.path.remote,
          .conv = session.conv,
          .listener = session.listener,
          .proven = session.state == SessionState::unproven ? 0u : 1u,
          .closing = machine.closing() ? 1u : 0u,
          .age_us = (now - session.opened).count_us(),
          .silent_us = (now - session.last_heard).count_us(),
          .srtt_us = stats.srtt_us,
          .rto_us = stats.rto_us,
          .cwnd = stats.cwnd,
          .in_flight = stats.in_flight,
          .unsent = stats.unsent,
          .held = stats.undelivered,
          .peer_window = stats.peer_window,
          .retransmitted = stats.retransmissions,
          .segments_sent = stats.segments_sent,
          .segments_received = stats.segments_received,
          .congestion = stats.congestion,
          .by_time = stats.by_time ? 1u : 0u,
          .path_mtu = stats.path_mtu,
          .pacing_rate = stats.pacing_rate};
}

void answer_sessions(World& world, std::uint64_t cursor, Answer& answer, Instant now) {
  std::array<SessionId, Answer::sessions_per_page> ids;
  const auto first = static_cast<std::uint32_t>(std::min<std::uint64_t>(cursor, world.sessions.capacity()));
  const auto page = world.sessions.walk(first, ids, scan_max);
  for (std::uint32_t i = 0; i < page.count; ++i) answer.sessions[answer.count++] = report_of(world, ids[i], now);
  answer.more = page.cursor == SessionRecords::none ? 0 : 1;
  answer.next_cursor = answer.more != 0 ? page.cursor : 0;
}

// Sessions that closed since the survey found them are left out.
void answer_top(World& world, std::uint64_t by, Answer& answer, Instant now) {
  static_assert(Survey::found_max <= Answer::sessions_per_page);
  world.survey.ask(now);
  const Survey::Result& result = world.survey.result();
  if (!result.ready || by >= top_by_names.size()) return;
  answer.survey = {.ready = 1,
                   .looked_at = result.looked_at,
                   .took_us = result.took.count_us(),
                   .ended_us = (now - result.ended).count_us()};
  for (const Survey::Found& found : result.of(static_cast<TopBy>(by))) {
    if (world.sessions.find(found.id) == nullptr) continue;
    SessionReport& report = answer.sessions[answer.count++];
    report = report_of(world, found.id, now);
    report.segments_per_s = found.segments_per_s;
    report.retransmitted_per_s = found.retransmitted_per_s;
  }
}

// The faults change between two turns, of this worker's queue alone.
void answer_impair(World& world, const Command& command, Answer& answer) {
  if (command.argument >= world.parts.ports.size()) return;
  Port& port = *world.parts.ports[command.argument];
  const auto queue = static_cast<std::uint16_t>(world.index);
  if (command.kind == Command::Kind::impair && !port.impair(queue, command.impairment)) return;
  answer.impair = port.impair_report(queue);
}

void answer_switch_session(World& world, const Command& command, Answer& answer, Instant now) {
  const SessionId id = SessionId::from_raw(command.argument);
  if (world.sessions.find(id) == nullptr) return;
  answer.switched = world.sessions.machine(id.index()).switch_congestion(command.controller, now) ? 1 : 0;
  answer.sessions[answer.count++] = report_of(world, id, now);
}

void answer_switch_listener(World& world, const Command& command, Answer& answer) {
  if (command.argument >= world.environments.size()) return;
  kcp::Options& options = world.environments[command.argument].options;
  if (!options.by_time()) return;
  options.congestion = command.controller;
  answer.switched = 1;
}

MachineStats machine_stats(const kcp::Counters& from) {
  return {.segments_sent = from.segments_sent,
          .segments_received = from.segments_received,
          .segments_duplicate = from.duplicates,
          .segments_beyond_window = from.beyond_window,
          .retransmitted_timeout = from.retransmit_timeout,
          .retransmitted_fast = from.retransmit_fast,
          .retransmitted_spare = from.retransmit_spare,
          .retransmitted_spurious = from.retransmit_spurious,
          .acks_sent = from.acks_sent,
          .acks_unmatched = from.acks_forged,
          .probes_sent = from.probes_sent,
          .window_updates_sent = from.window_updates_sent,
          .proof_pings_sent = from.proof_pings_sent,
          .liveness_probes_sent = from.life_probes_sent,
          .path_probes_sent = from.path_probes_sent,
          .path_probes_answered = from.path_probes_answered,
          .messages_received = from.messages_received,
          .messages_sent = from.messages_sent,
          .bytes_received = from.bytes_received,
          .bytes_sent = from.bytes_sent};
}

LevelStats level_stats(const World& world) {
  LevelStats levels{.blocks_free = world.parts.blocks.available(),
                    .blocks_total = world.parts.blocks.capacity(),
                    .window_bytes_used = world.windows.in_use_bytes(),
                    .window_bytes_total = world.windows.capacity_bytes(),
                    .chunks_free = world.chunks.available(),
                    .chunks_total = world.chunks.capacity(),
                    .neighbor_frames_waiting = world.stack.pending_frames(),
                    .sessions_waiting = world.dirty.count()};
  for (const TxBatch& batch : world.batches) levels.tx_frames_waiting += batch.count();
  for (std::uint32_t other = 0; other < world.config.workers; ++other) {
    if (other != world.index)
      levels.handed_in_waiting += world.parts.handoff->ring(other, world.index).read_available();
  }
  for (std::uint32_t i = 0; i < 3; ++i) {
    levels.small_blocks_free[i] = world.small_blocks.pool(i).available();
    levels.small_blocks_total[i] = world.small_blocks.pool(i).capacity();
  }
  return levels;
}

// Rates are those of the last whole second: long enough to be steady, short enough to be watched.
constexpr Duration rate_window = Duration::seconds(1);

void roll_rates(WorkerStats& stats, RateWindow& window, Instant now) {
  if (!window.since.is_never()) {
    if (now - window.since < rate_window) return;
    const auto us = static_cast<std::uint64_t>((now - window.since).count_us());
    const std::uint64_t busy = stats.cycles_busy - window.cycles_busy;
    const std::uint64_t all = busy + stats.cycles_idle - window.cycles_idle;
    stats.busy_percent_now = all == 0 ? 0 : busy * 100 / all;
    stats.rx_packets_per_s_now = (stats.rx_packets - window.rx_packets) * 1'000'000 / us;
    stats.tx_packets_per_s_now = (stats.tx_packets - window.tx_packets) * 1'000'000 / us;
  }
  window = {.since = now,
            .cycles_busy = stats.cycles_busy,
            .cycles_idle = stats.cycles_idle,
            .rx_packets = stats.rx_packets,
            .tx_packets = stats.tx_packets};
}

ListenerStats listener_stats(const Listener& listener, const HalfOpenTable& half_open) {
  const ListenerCounters& from = listener.counters();
  return {.opened = from.opened,
          .refused = from.refused_full + from.refused_half_open_full + from.refused_prefix_full + from.withdrawn,
          .sessions_now = listener.sessions(),
          .half_open_now = listener.half_open() + half_open.count(),
          .stateless_now = half_open.stateless() ? 1u : 0u,
          .closed = from.closed};
}

}  // namespace

void serve_mail(World& world, Instant now) {
  Mailbox* mailbox = world.parts.mailbox;
  // With no room for an answer the question waits, so that none is lost.
  if (mailbox == nullptr || mailbox->commands.read_available() == 0 || mailbox->answers.write_available() == 0) return;
  Command command;
  if (!mailbox->commands.pop(command)) return;
  ++world.stats.mails;
  world.worked = true;
  Answer answer;
  answer.ticket = command.ticket;
  switch (command.kind) {
    case Command::Kind::sessions: answer_sessions(world, command.argument, answer, now); break;
    case Command::Kind::top: answer_top(world, command.argument, answer, now); break;
    case Command::Kind::impaired:
    case Command::Kind::impair: answer_impair(world, command, answer); break;
    case Command::Kind::switch_session: answer_switch_session(world, command, answer, now); break;
    case Command::Kind::switch_listener: answer_switch_listener(world, command, answer); break;
    case Command::Kind::session: {
      const SessionId id = SessionId::from_raw(command.argument);
      if (world.sessions.find(id) != nullptr) answer.sessions[answer.count++] = report_of(world, id, now);
      break;
    }
  }
  const bool pushed = mailbox->answers.push(answer);
  PENSTOCK_ASSERT(pushed);
}

void fill_snapshot(const World& world, StatsSnapshot& into, Instant now) {
  into.taken_at_us = now.count_us();
  into.sequence = world.snapshots;
  into.worker = world.stats;
  into.worker.sessions_now = world.sessions.count();
  into.worker.sessions_unproven_now = 0;
  into.worker.overload_windows = world.overload.crowded_windows();
  into.worker.overload_level_now = static_cast<std::uint64_t>(world.overload.level());
  into.machine = machine_stats(world.machine_counters);
  into.levels = level_stats(world);
  for (std::size_t i = 0; i < net::drop_reason_count; ++i)
    into.drops[i] = world.drops.of(static_cast<net::DropReason>(i));
  into.listener_count = world.listeners.count();
  for (std::uint16_t i = 0; i < world.listeners.count(); ++i) {
    const HalfOpenTable& half_open = *world.half_open[i];
    into.listeners[i] = listener_stats(world.listeners[i], half_open);
    into.worker.sessions_unproven_now += world.listeners[i].half_open();
    into.worker.half_open_now += half_open.count();
    into.worker.half_open_opened += half_open.counters().opened;
    into.worker.half_open_expired += half_open.counters().expired;
    into.worker.half_open_stateless += half_open.counters().stateless;
    into.worker.half_open_held += half_open.counters().held;
    into.worker.half_open_not_held += half_open.counters().not_held;
  }
  into.histograms = world.histograms;
  into.histograms[static_cast<std::size_t>(HistogramId::rtt_us)] = world.machine_counters.rtt_us;
}

void publish_when_due(World& world, Instant now) {
  if (world.parts.published == nullptr || now - world.last_snapshot < world.config.snapshot_interval) return;
  world.last_snapshot = now;
  ++world.snapshots;
  roll_rates(world.stats, world.rates, now);
  fill_snapshot(world, world.snapshot, now);
  world.parts.published->publish(world.snapshot);
}

}  // namespace penstock
