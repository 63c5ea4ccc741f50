#include "diff/lockstep.hpp"

#include <algorithm>

namespace penstock::diff {

namespace {

kcp::Options draw_options(Rng& rng, bool stream) {
  kcp::Options options;
  options.nodelay = static_cast<std::uint8_t>(rng.below(3));
  options.resend = static_cast<std::uint8_t>(rng.below(2) == 0 ? 0 : 1 + rng.below(3));
  options.stream = stream;
  options.dead_link = 255;
  options.mtu = static_cast<std::uint16_t>(rng.below(3) == 0 ? rng.between(50, 100) : rng.between(100, 1400));
  options.interval_ms = static_cast<std::uint32_t>(rng.between(10, 30));
  options.snd_wnd = static_cast<std::uint32_t>(1 + rng.below(rng.below(2) == 0 ? 32 : 256));
  options.rcv_wnd = static_cast<std::uint32_t>(1 + rng.below(rng.below(2) == 0 ? 128 : 1024));
  options.send_queue_segments_max = static_cast<std::uint32_t>(rng.between(256, 1024));
  options.rto_max_ms = 60;  // 60,000 of ikcp's units
  options.rto_initial_ms = static_cast<std::uint32_t>(rng.between(10, 60));
  options.rto_min_ms = static_cast<std::uint32_t>(rng.between(1, 40));
  options.rto_min_nodelay_ms = static_cast<std::uint32_t>(rng.between(1, 40));
  options.probe_initial_ms = 7;  // 7,000 and 120,000 of ikcp's units
  options.probe_max_ms = 120;
  options.stall_timeout_ms = 3'600'000;
  return options;
}

void tune(Ikcp& kcp, const kcp::Options& options) {
  kcp.tune(options.interval_ms * 1000, options.rto_floor_ms() * 1000, options.rto_initial_ms * 1000, options.dead_link,
           options.stream);
}

kcp::Start start_of(const Origins& origins) {
  return {.opening = kcp::Opening::by_us,
          .send_first = origins.send_first,
          .receive_first = origins.receive_first,
          .stamp_origin = origins.stamp};
}

}  // namespace

LockstepPlan::LockstepPlan(std::uint64_t seed, bool congestion_window) {
  Rng rng(seed);
  const bool stream = rng.below(2) == 0;
  options = draw_options(rng, stream);
  options.no_congestion_window = !congestion_window;
  peer = draw_options(rng, stream);
  peer.no_congestion_window = rng.below(2) == 0;
  origins.twin_clock = rng.next32();
  origins.our_clock_us = static_cast<std::int64_t>(rng.below(1ull << 33)) * 1000;
  origins.stamp = Stamp32(rng.next32());
  const auto first = [&] { return Seq32(rng.below(2) == 0 ? 0u : 0u - static_cast<std::uint32_t>(rng.below(300))); };
  origins.send_first = first();
  origins.receive_first = first();
  flush_us_min = static_cast<std::uint32_t>(rng.between(1000, 10'000));
  flush_us_max = flush_us_min + static_cast<std::uint32_t>(rng.below(2) == 0 ? 0 : rng.between(0, 10'000));
  peer_flush_us = static_cast<std::uint32_t>(rng.between(1000, 15'000));
  loss_ppm = static_cast<std::uint32_t>(rng.below(3) == 0 ? 0 : rng.below(300'000));
  duplicate_ppm = static_cast<std::uint32_t>(rng.below(2) == 0 ? 0 : rng.below(200'000));
  delay_us = rng.between(100, rng.below(4) == 0 ? 45'000 : 10'000);
  jitter_us = rng.below(2) == 0 ? 0 : rng.between(0, 20'000);
  message_fragments_max = static_cast<std::uint32_t>(rng.below(4) == 0 ? 100 : 1 + rng.below(8));
  hostile = rng.below(2) == 0;
}

void Question::note(bool blocked, std::int64_t now_us, const kcp::Options& options) {
  if (!blocked) {
    at_us_ = -1;
  } else if (at_us_ < 0) {
    wait_ms_ = options.probe_initial_ms;
    at_us_ = now_us + wait_ms_ * 1000;
  }
}

bool Question::due(std::int64_t now_us, const kcp::Options& options) {
  if (at_us_ < 0 || now_us < at_us_) return false;
  wait_ms_ = std::min<std::int64_t>(wait_ms_ + wait_ms_ / 2, options.probe_max_ms);
  at_us_ = now_us + wait_ms_ * 1000;
  return true;
}

Lockstep::Lockstep(std::uint64_t seed, bool congestion_window, Memory& memory, Ledger& ledger)
    : seed_(seed),
      plan_(seed, congestion_window),
      rng_(Rng(seed).child(1)),
      ledger_(ledger),
      ours_(memory, plan_.options, seed, Instant::at_us(plan_.origins.our_clock_us), start_of(plan_.origins)),
      twin_(conv, plan_.options),
      peer_(conv, plan_.peer),
      translation_(plan_.options, plan_.origins, ledger) {
  tune(twin_, plan_.options);
  tune(peer_, plan_.peer);
  twin_.begin(plan_.origins.send_first.raw(), plan_.origins.receive_first.raw());
  peer_.begin(plan_.origins.receive_first.raw(), plan_.origins.send_first.raw());
  // Before its first flush ikcp's window is 0, and nothing would leave at that flush.
  if (congestion_window) {
    require(twin_.look().cwnd == 0, "ikcp's congestion window does not begin at 0");
    ledger_.count(Divergence::cwnd_start);
  }
  twin_.flush(twin_now());
  peer_.flush(0);
}

void Lockstep::run(std::uint64_t steps) {
  std::uint64_t step = 0;
  try {
    for (; step < steps; ++step) one_step();
  } catch (const Broken& broken) {
    const IkcpLook look = twin_.look();
    throw Broken(fmt::format("seed {} step {} at {} us, nc {}, resend {}, in flight {} to {}, cwnd {}, unsent {}: {}",
                             seed_, step, now_us_, plan_.options.no_congestion_window, plan_.options.resend,
                             look.snd_una, look.snd_nxt, look.cwnd, look.unsent, broken.what()));
  }
}

void Lockstep::one_step() {
  if (rng_.below(2) == 0) return act();
  advance();
}

// Goes on to whatever comes next: a flush of one side, or a datagram.
void Lockstep::advance() {
  std::int64_t next = std::min(flush_at_us_, peer_flush_at_us_);
  if (!to_us_.empty()) next = std::min(next, to_us_.begin()->first);
  if (!to_peer_.empty()) next = std::min(next, to_peer_.begin()->first);
  now_us_ = std::max(now_us_, next);
  if (!to_us_.empty() && to_us_.begin()->first <= now_us_) {
    const Bytes datagram = std::move(to_us_.begin()->second);
    to_us_.erase(to_us_.begin());
    // Ours keeps 512 owed ACKs at most.
    if (translation_.owed() > 400) return;
    hear(datagram);
  } else if (!to_peer_.empty() && to_peer_.begin()->first <= now_us_) {
    const Bytes datagram = std::move(to_peer_.begin()->second);
    to_peer_.erase(to_peer_.begin());
    peer_.set_clock(static_cast<std::uint32_t>(now_us_));
    require(peer_.input(datagram) == 0, "the peer refuses a datagram");
  } else if (flush_at_us_ <= now_us_) {
    flush();
  } else {
    flush_peer();
  }
}

void Lockstep::flush() {
  flush_at_us_ = now_us_ + rng_.between(plan_.flush_us_min, plan_.flush_us_max);
  const IkcpLook before = twin_.look();
  if (before.rmt_wnd == 0) {
    twin_.set_question(twin_now(), question_.due(now_us_, plan_.options));
    if (before.unsent == 0) ledger_.count(Divergence::window_question);
  }
  ledger_.count(Divergence::fastack_after_timeout, twin_.forget_skips(twin_now()));
  twin_.flush(twin_now());
  std::vector<Bytes> sent = twin_.take();
  if (twin_.look().cwnd > before.cwnd) flush_wider(sent);
  compare_datagrams(ours_.turn(now()), translation_.of_twin(sent, now_us_));
  for (const Bytes& datagram : sent) put_on_wire(to_peer_, datagram);
  compare_state("a flush");
}

// A fast resend may widen the congestion window. Ours goes by it as soon as the scan is through, ikcp at its next flush.
void Lockstep::flush_wider(std::vector<Bytes>& sent) {
  if (twin_.look().rmt_wnd == 0) return;
  twin_.flush(twin_now());
  const std::vector<Bytes> more = twin_.take();
  sent.insert(sent.end(), more.begin(), more.end());
  if (!more.empty()) ledger_.count(Divergence::window_at_once);
}

void Lockstep::flush_peer() {
  peer_flush_at_us_ = now_us_ + plan_.peer_flush_us;
  peer_.flush(static_cast<std::uint32_t>(now_us_));
  for (const Bytes& datagram : peer_.take()) put_on_wire(to_us_, datagram);
}

void Lockstep::put_on_wire(Wire& wire, const Bytes& datagram) {
  const int copies = 1 + rng_.chance_ppm(plan_.duplicate_ppm);
  for (int i = 0; i < copies; ++i) {
    if (rng_.chance_ppm(plan_.loss_ppm)) continue;
    wire.emplace(now_us_ + plan_.delay_us + rng_.between(0, plan_.jitter_us), datagram);
  }
}

void Lockstep::hear(const Bytes& datagram) {
  const IkcpLook before = twin_.look();
  const Bytes translated = translation_.for_twin(datagram, before, now_us_);
  twin_.set_clock(twin_now());
  require(twin_.input(translated) == 0, "ikcp refuses a datagram:" + tell({translated}));
  const IkcpLook after = twin_.look();
  if (after.snd_una != before.snd_una && !translation_.proven() && !plan_.options.no_congestion_window &&
      after.incr != before.incr) {
    twin_.set_congestion(before.cwnd, before.incr);
    ledger_.count(Divergence::cwnd_proof);
  }
  ours_.input(translation_.for_ours(datagram), now());
  question_.note(after.rmt_wnd == 0 && after.unsent > 0, now_us_, plan_.options);
  last_heard_ = datagram;
  compare_state("a datagram");
}

// Something that an application or a stranger does.
void Lockstep::act() {
  const auto draw = rng_.below(100);
  if (draw < 35) return send();
  if (draw < 60) return send_by_peer();
  if (draw < 78) return receive();
  if (draw < 96) return receive_by_peer();
  if (plan_.hostile) attack();
}

void Lockstep::compare_state(const char* after) {
  const kcp::Stats mine = ours_.session.stats();
  const IkcpLook look = twin_.look();
  const auto equal = [&](const char* what, std::uint64_t ours, std::uint64_t theirs) {
    if (ours != theirs) throw Broken(fmt::format("after {}: {} is {}, ikcp has {}", after, what, ours, theirs));
  };
  equal("srtt", mine.srtt_us, static_cast<std::uint32_t>(look.srtt));
  equal("rttvar", mine.rttvar_us, static_cast<std::uint32_t>(look.rttvar));
  equal("rto", mine.rto_us, look.rto);
  equal("peer's window", mine.peer_window, look.rmt_wnd);
  equal("in flight", mine.in_flight, look.snd_nxt - look.snd_una);
  equal("unsent", mine.unsent, look.unsent);
  equal("next sn", mine.segments_sent, look.snd_nxt);
  equal("next expected", mine.segments_received, look.rcv_nxt);
  equal("undelivered", mine.undelivered, look.rcv_queue);
  equal("model's window", translation_.peer_window(), look.rmt_wnd);
  if (plan_.options.no_congestion_window) return;
  equal("cwnd", mine.cwnd, look.cwnd);
  equal("ssthresh", mine.ssthresh, look.ssthresh);
}

void Lockstep::compare_datagrams(const std::vector<Bytes>& mine, const std::vector<Bytes>& expected) {
  for (const Bytes& datagram : mine) segments_ += take_apart(datagram).size();
  if (mine == expected) return;
  throw Broken("the datagrams differ; ours:" + tell(mine) + "\n  ikcp's, translated:" + tell(expected));
}

}  // namespace penstock::diff
