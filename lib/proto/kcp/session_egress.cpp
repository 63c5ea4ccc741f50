// The way out: what a datagram holds, in order: what is owed, resends, and what is new.
#include "proto/kcp/session.hpp"

namespace penstock::kcp {

bool Session::poll_transmit(OutDatagram& out, Instant now) {
  const bool ordinary = phase_ == Phase::open && proven_ && !probe_.owes() && sender_.quiet(now);
  if (!ordinary || env_->options.ack_delay_ms != 0) return transmit_other(out, now);
  out.limit_room(env_->options.mtu);
  const std::uint32_t before = out.room();
  const Heading common = heading();
  if (!acks_.empty()) write_acks(out, common);
  write_new(out, common, now);
  return out.room() != before;  // whatever is written begins with a header
}

// What most datagrams consist of besides ACKs: first transmissions.
inline void Session::write_new(OutDatagram& out, Heading common, Instant now) {
  const std::uint32_t count = sender_.sendable(congestion_, env_->options);
  if (count == 0) return;
  sender_.write_new(count, out, common, moment_at(now), rtt_, congestion_, *env_);
  if (sender_.take_room_again(env_->options)) writable_event_ = true;
}

// The same with all questions asked.
bool Session::transmit_other(OutDatagram& out, Instant now) {
  if (phase_ == Phase::closed) return false;
  if (searches() && write_path_probe(out, now)) return true;
  out.limit_room(datagram_max());
  if (proven_) write_in_order(out, now);
  else write_unproven(out, now);
  update_after_change(now);
  if (sender_.dead()) finish(CloseReason::dead_link);
  else finish_if_drained();
  return !out.empty();
}

void Session::write_in_order(OutDatagram& out, Instant now) {
  if (env_->options.ack_delay_ms != 0 && !wants_transmit(now)) return;
  const Heading common = heading();
  if (probe_.answer_owed()) write_answer(out, common);
  if (!acks_.empty()) write_acks(out, common);
  if (probe_.wask_owed() || probe_.wins_owed()) write_window_commands(out, common);
  if (probe_.life_ping_owed()) write_life_ping(out, common, now);
  if (!sender_.wants_write(now, congestion_, env_->options)) return;
  sender_.write(out, common, moment_at(now), rtt_, congestion_, *env_);
}

void Session::write_answer(OutDatagram& out, Heading heading) {
  if (!probe_.answer_owed() || out.room() < header_bytes) return;
  encode(probe_.make_answer(heading.header()), out.header(header_bytes));
  ++env_->counters.acks_sent;
}

inline void Session::write_acks(OutDatagram& out, Heading heading) {
  std::uint32_t count = acks_.count();
  if (count * header_bytes > out.room()) count = out.room() / header_bytes;
  for (const AckEntry& owed : acks_.owed().first(count)) {
    encode(heading, Command::ack, 0, owed.stamp, owed.sn, 0, out.header(header_bytes));
  }
  acks_.drop(count, env_->memory);
  env_->counters.acks_sent += count;
  if (env_->options.ack_delay_ms == 0 || !acks_.empty()) return;
  acks_overdue_ = false;
  if (phase_ == Phase::open && !retry_owed_) deadline_ = Instant::never();
}

void Session::write_window_commands(OutDatagram& out, Heading heading) {
  Header header = heading.header();
  if (probe_.wask_owed() && out.room() >= header_bytes) {
    header.command = Command::wask;
    if (searches()) path_mtu_.on_probe_void();  // its answer would look like the probe's
    encode(header, out.header(header_bytes));
    probe_.wask_written();
    ++env_->counters.probes_sent;
  }
  if (probe_.wins_owed() && out.room() >= header_bytes) {
    header.command = Command::wins;
    encode(header, out.header(header_bytes));
    probe_.wins_written();
    ++env_->counters.window_updates_sent;
  }
}

// Who is asked may be somebody else who drew the same conv. Were he told what we hold of our peer's, his KCP would take as much of
// its own for acknowledged, and never send it again.
Header Session::question(Seq32 sn, Stamp32 stamp) const {
  constexpr std::uint32_t long_past = std::uint32_t{1} << 30;
  Header header = heading().header();
  header.una = header.una - long_past;
  header.command = Command::push;
  header.sn = sn;
  header.stamp = stamp;
  return header;
}

void Session::write_life_ping(OutDatagram& out, Heading heading, Instant now) {
  if (out.room() < header_bytes) return;
  encode(probe_.make_life_ping(heading.header(), sender_.una(), ping_stamp(), now), out.header(header_bytes));
}

// `out.room()` is what the peer has paid for. Until it is proven nothing is acknowledged: una stays behind, so that the peer
// resends what it sent and thereby pays for, and triggers, another answer should this one or the reply to it be lost. Each
// answer carries a challenge: a data segment is one, since its ACK echoes a secret stamp; where none fits, the ping is.
void Session::write_unproven(OutDatagram& out, Instant now) {
  Heading common = heading();
  if (!acks_.empty() && acks_.front().sn.before(common.una)) common.una = acks_.front().sn;
  write_answer(out, common);
  const std::uint32_t before = out.size();
  sender_.write(out, common, moment_at(now), rtt_, congestion_, *env_);
  if (out.size() != before) {
    probe_.forbid_ping();
  } else if (probe_.ping_allowed() && out.room() >= header_bytes) {
    encode(probe_.make_ping(common.header(), sender_.una(), ping_stamp()), out.header(header_bytes));
    ++env_->counters.proof_pings_sent;
  }
}

}  // namespace penstock::kcp
