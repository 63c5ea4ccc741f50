#include "sim/plan.hpp"

#include <algorithm>

#include "base/rng.hpp"

namespace penstock::sim {

namespace {

constexpr Duration faults_after = Duration::ms(500);     // sessions begin with faults, addresses are claimed without
constexpr Duration sessions_after = Duration::ms(2500);  // duplicate address detection is over
constexpr std::uint32_t percent = 10'000;                // ppm

bool one_in(Rng& rng, std::uint64_t n) { return rng.below(n) == 0; }
std::uint32_t draw(Rng& rng, std::uint32_t low, std::uint32_t high) {
  return static_cast<std::uint32_t>(rng.between(low, high));
}
Duration draw_ms(Rng& rng, std::int64_t low, std::int64_t high) { return Duration::ms(rng.between(low, high)); }

// A clock that starts a while before it wraps, on the wire or in its µs, or anywhere.
Instant draw_start(Rng& rng) {
  switch (rng.below(4)) {
    case 0: return Instant::at_us((std::int64_t{1} << 32) * 1000 - rng.between(3'000'000, 9'000'000));
    case 1: return Instant::at_us((std::int64_t{1} << 32) - rng.between(3'000'000, 9'000'000));
    case 2: return Instant::at_us(1'000'000);
    default: return Instant::at_us(rng.between(1'000'000, std::int64_t{1} << 45));
  }
}

// The kinds of faults that this world's links have; the intensity is drawn per link.
struct LinkSwarm {
  bool loss, duplicate, reorder, jitter, corrupt, rate;
  bool burst, blackhole, hold, ecn;
  explicit LinkSwarm(Rng& rng)
      : loss(one_in(rng, 2)),
        duplicate(one_in(rng, 3)),
        reorder(one_in(rng, 3)),
        jitter(one_in(rng, 3)),
        corrupt(one_in(rng, 3)),
        rate(one_in(rng, 4)) {
    Rng later = rng.child(7);
    burst = one_in(later, 4);
    blackhole = one_in(later, 6);
    hold = one_in(later, 5);
    ecn = one_in(later, 2);
  }
};

// What came to the swarm later draws from a stream of its own, so that the older faults stay what they were.
void draw_later_faults(Rng rng, const LinkSwarm& swarm, bool gentle, impair::Impairment& made) {
  if (swarm.burst) {
    made.burst_begin_ppm = draw(rng, 0, 3 * percent);
    made.burst_end_ppm = draw(rng, 10 * percent, 100 * percent);
    made.burst_loss_ppm = draw(rng, 50 * percent, 100 * percent);
  }
  // What is too long never passes before the heal, and a conversation may be given up by then.
  if (swarm.blackhole && !gentle) made.blackhole_bytes = draw(rng, 600, 1400);
  if (swarm.hold) {
    made.hold_every = draw_ms(rng, 50, 1000);
    made.hold = Duration::us(rng.between(1, made.hold_every.count_us() / 3));
  }
  if (swarm.ecn) made.ecn = Duration::us(rng.between(1, 2000));
}

impair::Impairment draw_impairment(Rng& rng, const LinkSwarm& swarm, Duration base_delay, bool gentle) {
  impair::Impairment made;
  made.delay = base_delay;
  // Both ways together stay within what the plan promises: 30 % loss of a link is 51 % of a round trip.
  if (swarm.loss) made.loss_ppm = draw(rng, 0, 30 * percent);
  if (swarm.duplicate) made.duplicate_ppm = draw(rng, 0, 20 * percent);
  if (swarm.reorder) made.reorder_ppm = draw(rng, 0, 20 * percent);
  if (swarm.corrupt) made.corrupt_ppm = draw(rng, 0, 3 * percent);
  if (swarm.jitter) made.jitter = draw_ms(rng, 1, 50);
  if (swarm.rate) {
    made.rate_bits_per_second = static_cast<std::uint64_t>(rng.between(2, 100)) * 1'000'000;
    // A window without congestion control that is many times the queue gets on by as many timeouts, each twice the last.
    made.queue_frames = draw(rng, 16, 256) * (gentle ? 4 : 1);
  } else {
    made.queue_frames = 1024;
  }
  made.seed = rng.next();
  draw_later_faults(Rng(made.seed).child(7), swarm, gentle, made);
  return made;
}

// Of an ImpairedPort around a host's port, besides what its links do.
void draw_port_faults(Rng rng, bool gentle, impair::Impairment& made) {
  if (one_in(rng, 2)) {
    made.burst_begin_ppm = draw(rng, 0, 2 * percent);
    made.burst_end_ppm = draw(rng, 20 * percent, 100 * percent);
  }
  if (gentle) return;
  if (one_in(rng, 3)) made.blackhole_bytes = draw(rng, 400, 1400);
  if (one_in(rng, 2)) made.direction = one_in(rng, 2) ? impair::Ways::receive : impair::Ways::send;
}

kcp::Options draw_options(Rng& rng, bool gentle) {
  kcp::Options options;
  options.nodelay = static_cast<std::uint8_t>(rng.below(3));
  options.resend = static_cast<std::uint8_t>(rng.below(4));
  options.no_congestion_window = one_in(rng, 2);
  options.fastack_conserve = one_in(rng, 2);
  options.mtu = static_cast<std::uint16_t>(rng.between(200, 1400));
  options.interval_ms = draw(rng, 10, 100);
  options.snd_wnd = one_in(rng, 3) ? draw(rng, 1, 16) : draw(rng, 32, 512);
  options.rcv_wnd = one_in(rng, 2) ? 128 : draw(rng, 128, 512);
  options.send_queue_segments_max = draw(rng, 256, 1024);
  options.probe_initial_ms = draw(rng, 500, 7000);
  options.stall_timeout_ms = draw(rng, 4000, 15'000);
  options.rto_max_ms = gentle ? 2000 : draw(rng, 1000, 60'000);
  // A client that only receives tells its new address by its sign of life: half an idle timeout, which has to come first.
  options.dead_link = gentle ? std::uint8_t{250} : static_cast<std::uint8_t>(rng.between(3, 30));
  // … and so does a server whose word on an open window was lost, and which asks at an address that its client has left.
  if (gentle) options.stall_timeout_ms = 300'000;
  // A window that is a hundred times the queue before it comes through some segments a timeout.
  if (gentle) options.linger_ms = 3'600'000;
  Rng later = rng.child(1);
  if (one_in(later, 4)) options.ack_delay_ms = draw(later, 1, 40);
  if (!gentle && one_in(later, 4)) options.linger_ms = draw(later, 0, 3000);
  Rng sender = rng.child(11);
  if (one_in(sender, 2)) {
    options.recovery = kcp::Recovery::rack;
    options.congestion = static_cast<congestion::Kind>(sender.below(congestion::kind_count));
    options.loss_percent = static_cast<std::uint8_t>(sender.between(1, 50));
    options.search_mtu = one_in(sender, 2);
  }
  return options;
}

ListenerConfig draw_limits(Rng& rng, bool gentle, bool tight, std::uint32_t sessions_max) {
  ListenerConfig limits;
  limits.sessions_max = tight && one_in(rng, 2) ? draw(rng, 1, 6) : sessions_max;
  limits.half_open_max = tight && one_in(rng, 2) ? draw(rng, 1, 3) : sessions_max;
  limits.per_prefix_max = tight && one_in(rng, 2) ? draw(rng, 1, 4) : sessions_max;
  // Longer than an address that ARP was told wrongly is believed, and the timeouts that doubled meanwhile.
  limits.idle_timeout = gentle ? Duration::seconds(400) : draw_ms(rng, 4'000, 30'000);
  limits.half_open_timeout = gentle ? Duration::seconds(60) : draw_ms(rng, 1'000, 8'000);
  limits.quarantine = draw_ms(rng, 200, 5'000);
  Rng later = rng.child(3);
  limits.challenge = !one_in(later, 3);
  limits.half_open_per_prefix_max = tight && one_in(later, 2) ? 1 : sessions_max;
  // A client that waits for an echo which went to its old address is the one to break the silence.
  limits.liveness_probes = gentle ? 3 : draw(later, 0, 3);
  return limits;
}

HostPlan draw_host(Rng rng, const Plan& plan, const LinkSwarm& swarm, bool is_server, bool tight, bool tiny) {
  HostPlan host;
  host.is_server = is_server;
  host.workers = one_in(rng, 3) ? 2 : 1;
  host.rss = one_in(rng, 2);
  host.missteer_ppm = host.workers > 1 && one_in(rng, 2) ? draw(rng, 1, 100 * percent) : 0;
  host.checksum_offload = one_in(rng, 3);
  host.multi_segment = one_in(rng, 2);
  host.rx_ring = one_in(rng, 4) ? draw(rng, 8, 64) : 512;
  host.blocks = 2048;
  host.turn = Duration::us(rng.between(5, 60));
  host.node.workers = host.workers;
  host.node.sessions_max = tight && is_server && one_in(rng, 2) ? draw(rng, 2, 8) : 256;
  host.node.burst = draw(rng, 1, 64);
  host.node.copy_break = one_in(rng, 2) ? draw(rng, 0, 600) : 0xffffffff;
  host.node.memory = {.small_blocks = {{2048, 512, 512}}, .window_bytes = 2 << 20, .chunks = 2048};
  if (tiny) host.node.memory = {.small_blocks = {{64, 48, 48}}, .window_bytes = 32 << 10, .chunks = 96};
  host.kcp = draw_options(rng, plan.gentle);
  host.limits = draw_limits(rng, plan.gentle, tight && is_server, host.node.sessions_max);
  const Duration delay = Duration::us(rng.between(10, 30'000));
  host.up = draw_impairment(rng, swarm, delay, plan.gentle);
  host.down = draw_impairment(rng, swarm, delay, plan.gentle);
  // Only one link of a frame's way corrupts: two flips may be such as the Internet sum cannot see, and a receiver would be
  // blamed for what it cannot notice.
  host.down.corrupt_ppm = 0;
  if (one_in(rng, 5)) {
    impair::Impairment port;
    port.loss_ppm = draw(rng, 0, 5 * percent);
    port.reorder_ppm = draw(rng, 0, 5 * percent);
    port.delay = draw_ms(rng, 0, 10);
    port.jitter = draw_ms(rng, 0, 5);
    port.queue_frames = one_in(rng, 2) ? draw(rng, 2, 16) * (plan.gentle ? 8 : 1) : 256;
    port.seed = rng.next();
    // A duplicate made behind the point where the wire is watched would look like amplification.
    if (!is_server) port.duplicate_ppm = draw(rng, 0, 5 * percent);
    draw_port_faults(Rng(port.seed).child(7), plan.gentle, port);
    host.port = port;
  }
  return host;
}

std::vector<std::uint32_t> draw_sizes(Rng& rng, std::uint32_t count, std::uint32_t mss_min) {
  // At most 40 fragments at the smaller mss, so that no peer finds a message too large.
  const std::uint32_t largest = 40 * mss_min;
  std::vector<std::uint32_t> sizes(count);
  const std::uint64_t style = rng.below(3);
  for (std::uint32_t& size : sizes) {
    if (style == 0 || (style == 1 && !one_in(rng, 4))) size = draw(rng, 1, 64);
    else if (style == 1 || one_in(rng, 2)) size = draw(rng, 1, std::min(1400u, largest));
    else size = draw(rng, 1, largest);
  }
  return sizes;
}

Conversation draw_conversation(Rng rng, const Plan& plan, std::uint32_t servers, std::uint32_t number, bool never) {
  Conversation c;
  // The number keeps it unique, the rest is chance; strangers have the top nibble 0xe.
  c.conv = (rng.next32() & 0x7fff0000) | (number << 4) | static_cast<std::uint32_t>(rng.below(16));
  c.key = rng.next();
  c.server = static_cast<std::uint32_t>(rng.below(servers));
  c.client = servers + static_cast<std::uint32_t>(rng.below(plan.hosts.size() - servers));
  // A second conversation of an address waits until the first one is forgotten, which excuses it.
  c.target = static_cast<Target>(rng.below(plan.gentle ? target_count - 1 : target_count));
  c.ip6 = one_in(rng, 2);
  c.start = plan.start + sessions_after + Duration::us(rng.between(0, 4'000'000));
  const std::uint32_t mss = std::min(plan.hosts[c.server].kcp.mss(), plan.hosts[c.client].kcp.mss());
  c.sizes = draw_sizes(rng, draw(rng, 1, 60), mss);
  c.outstanding_max = one_in(rng, 3) ? 1 : draw(rng, 2, 64);
  c.impatient = !is_echo(c.target) || (!plan.gentle && one_in(rng, 10));
  c.linger = draw_ms(rng, 0, 1000);
  c.reads_slowly = one_in(rng, 8);
  if (one_in(rng, 6)) {
    c.pause_after = draw(rng, 0, 10);
    c.pause = draw_ms(rng, 100, plan.gentle ? 2000 : 8000);
  }
  Rng later = rng.child(1);
  if (one_in(later, 5) && !is_stream(c.target)) c.sizes[later.below(c.sizes.size())] = 0;
  if (!plan.gentle && one_in(later, 8)) c.quits_after = draw(later, 1, static_cast<std::uint32_t>(c.sizes.size()));
  c.oversteps = !is_stream(c.target) && one_in(later, 12);
  if (never && one_in(rng, 3)) {
    // Enough small messages to fill both windows and the send queues.
    c.target = Target::echo_message;
    c.impatient = false;
    c.never_reads = true;
    c.quits_after = 0;
    c.pause_after = draw(rng, 0, 5);
    c.sizes.assign(2600, 20);
    c.outstanding_max = 4000;
  }
  return c;
}

class EpisodeWriter {
 public:
  EpisodeWriter(Rng rng, Plan& plan) : rng_(rng), plan_(plan) {}

  // `count_max` episodes of `shortest` to `longest` ms on hosts from `first` on, all over before the heal.
  void draw_some(Fault kind, std::uint32_t count_max, std::int64_t shortest, std::int64_t longest,
                 std::uint32_t first = 0) {
    const std::uint32_t count = draw(rng_, 1, count_max);
    for (std::uint32_t i = 0; i < count; ++i) {
      draw_at(kind, first + static_cast<std::uint32_t>(rng_.below(plan_.hosts.size() - first)), shortest, longest);
    }
  }
  void draw_at(Fault kind, std::uint32_t host, std::int64_t shortest, std::int64_t longest) {
    Episode e{.kind = kind, .host = host, .amount = rng_.next32()};
    const std::int64_t span = (plan_.heal - plan_.start - faults_after).count_us();
    e.begin = plan_.start + faults_after + Duration::us(rng_.between(0, span));
    e.end = earlier(e.begin + draw_ms(rng_, shortest, longest), plan_.heal);
    plan_.episodes.push_back(e);
  }
  // A link that comes and goes for seconds.
  void draw_flapping() {
    const auto host = static_cast<std::uint32_t>(rng_.below(plan_.hosts.size()));
    Instant at = plan_.start + sessions_after + draw_ms(rng_, 0, 4000);
    for (std::uint32_t times = draw(rng_, 10, 60); times > 0 && at < plan_.heal; --times) {
      Episode e{.kind = Fault::flap, .host = host, .amount = 0};
      e.begin = at;
      e.end = earlier(at + draw_ms(rng_, 5, 150), plan_.heal);
      at = e.end + draw_ms(rng_, 5, 150);
      plan_.episodes.push_back(e);
    }
  }
  Rng& rng() { return rng_; }

 private:
  Rng rng_;
  Plan& plan_;
};

void draw_episodes(Rng parent, Plan& plan, std::uint32_t servers) {
  EpisodeWriter writer(parent, plan);
  Rng& rng = writer.rng();
  if (one_in(rng, 3)) writer.draw_some(Fault::lcore_stall, 12, 1, 200);
  if (one_in(rng, 4)) writer.draw_some(Fault::tx_ring_full, 8, 1, 300);
  if (plan.dry_pools) writer.draw_some(Fault::pool_dry, 10, 1, 1500);
  EpisodeWriter moves(parent.child(1), plan);
  if (one_in(moves.rng(), 3)) moves.draw_some(Fault::rebind, 4, 1, 1, servers);
  if (plan.gentle) return;
  // An operator cuts a port, one way or both; only where it has an impairment.
  EpisodeWriter operators(parent.child(7), plan);
  for (std::uint32_t i = 0; i < plan.hosts.size(); ++i) {
    if (plan.hosts[i].port) operators.draw_at(Fault::impair_switched, i, 50, 4000);
  }
  EpisodeWriter processes(parent.child(9), plan);
  if (one_in(processes.rng(), 6)) processes.draw_some(Fault::client_crash, 3, 1, 4000, servers);
  if (one_in(processes.rng(), 8)) processes.draw_at(Fault::server_crash, 0, 1, 4000);
  if (one_in(processes.rng(), 8)) processes.draw_some(Fault::clock_jump, 3, 1, 1);
  if (plan.dry_pools && one_in(processes.rng(), 2)) processes.draw_some(Fault::pool_dry_long, 1, 2000, 10'000);
  if (one_in(processes.rng(), 4)) processes.draw_some(Fault::rx_burst, 6, 1, 1);
  EpisodeWriter others(parent.child(8), plan);
  if (one_in(others.rng(), 5)) others.draw_flapping();
  if (one_in(others.rng(), 6)) others.draw_some(Fault::freeze, 2, 500, 10'000);
  if (one_in(rng, 3)) writer.draw_some(Fault::partition, 4, 100, 8000);
  if (one_in(rng, 5)) writer.draw_some(Fault::port_down, 3, 50, 3000);
  if (one_in(rng, 4)) writer.draw_some(Fault::vanish, 1, 1, 1, servers);
  if (one_in(rng, 8)) writer.draw_some(one_in(rng, 2) ? Fault::drain : Fault::stop, 1, 1, 1);
}

}  // namespace

std::uint64_t Conversation::bytes() const {
  std::uint64_t sum = 0;
  for (const std::uint32_t size : sizes) sum += size;
  return sum;
}

bool Plan::has(Fault kind) const {
  return std::ranges::any_of(episodes, [kind](const Episode& e) { return e.kind == kind; });
}

Plan draw_plan(std::uint64_t seed) {
  const Rng root(seed);
  Rng rng = root.child(1);
  Plan plan;
  plan.seed = seed;
  plan.gentle = one_in(rng, 3);
  plan.dry_pools = one_in(rng, 4);
  plan.start = draw_start(rng);
  plan.heal = plan.start + sessions_after + draw_ms(rng, 6'000, 15'000);
  plan.give_up = plan.heal + Duration::seconds(120);
  plan.tags.count = static_cast<std::uint16_t>(rng.below(3));
  for (std::uint16_t i = 0; i < plan.tags.count; ++i)
    plan.tags.vlan[i] = static_cast<std::uint16_t>(rng.between(1, 4094));
  const std::uint32_t hosts = draw(rng, 2, 4);
  const std::uint32_t servers = hosts == 4 && one_in(rng, 2) ? 2 : 1;
  const std::uint32_t sessions = one_in(rng, 2) ? draw(rng, 2, 12) : draw(rng, 2, 64);
  const LinkSwarm swarm(rng);
  const bool tight = !plan.gentle && one_in(rng, 5);
  const bool tiny = !plan.gentle && one_in(rng, 6);
  const bool never = !plan.gentle && one_in(rng, 6);
  for (std::uint32_t i = 0; i < hosts; ++i) {
    plan.hosts.push_back(draw_host(root.child(100 + i), plan, swarm, i < servers, tight, tiny));
  }
  // Who never reads is alive and answers: only silence ends him where nothing waits for his window.
  if (never)
    for (HostPlan& host : plan.hosts) host.limits.liveness_probes = 0;
  for (std::uint32_t i = 0; i < sessions; ++i) {
    plan.conversations.push_back(draw_conversation(root.child(1000 + i), plan, servers, i, never));
  }
  Rng clocks = root.child(4);
  if (one_in(clocks, 3)) {
    for (HostPlan& host : plan.hosts) host.clock_ppm = clocks.between(-500, 500);
  }
  if (!plan.gentle && one_in(clocks, 8)) {
    for (HostPlan& host : plan.hosts) host.neighbors_max = draw(clocks, 2, 6);
  }
  draw_episodes(root.child(2), plan, servers);
  std::ranges::stable_sort(plan.episodes, {}, &Episode::begin);
  if (one_in(rng, 2)) plan.strangers = draw(rng, 50, 600);
  Rng meddling = root.child(3);
  if (one_in(meddling, 3)) plan.replay_ppm = draw(meddling, 0, 3 * percent);
  if (one_in(meddling, 3)) plan.mangle_ppm = draw(meddling, 0, 3 * percent);
  plan.flood = !plan.gentle && plan.hosts[0].workers > 1 && one_in(rng, 2);
  return plan;
}

net::MacAddress mac_of(std::uint32_t host) {
  return {{0x02, 0x5e, 0, 0, static_cast<std::uint8_t>(host >> 8), static_cast<std::uint8_t>(host + 1)}};
}

net::IpAddress address_of(std::uint32_t host, bool ip6) {
  const auto last = static_cast<std::uint8_t>(host + 1);
  if (!ip6) return net::IpAddress::v4(10, 7, 0, last);
  return net::IpAddress::v6({0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last});
}

}  // namespace penstock::sim
