#include "sim/simulation.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "sim/broken.hpp"

namespace penstock::sim {

namespace {

// A world that had too few datagrams begins its conversations once more, so often at the most.
constexpr std::uint32_t refills_max = 600;
// Counted from the last time that conversations began or were seen to get on: longer than timeouts that double.
constexpr Duration patience = Duration::seconds(900);
// Who gets on is slow and not stuck, a window of one segment over a long way say; but not for ever.
constexpr Duration patience_with_slow = Duration::seconds(7200);
// A peer that stores nothing more and does not shut its window is given up by dead_link, after timeouts that double.
constexpr Duration patience_with_deaf = Duration::seconds(3600);
// Virtual time may stand still for so many steps, while several things happen in one microsecond.
constexpr std::uint32_t steps_per_instant_max = 10'000;
// What was overheard is said again so much later at the most.
constexpr Duration repeats_last = Duration::seconds(180);
constexpr Duration flood_lasts = Duration::ms(180);
constexpr std::uint32_t flood_step_frames = 24;
constexpr std::uint32_t rx_burst_max = 512;
constexpr Duration flood_step = Duration::us(500);

// Half of all jumps are of a second at the most, the others of an hour.
Duration jump_of(const Episode& e) {
  return e.amount % 2 == 0 ? Duration::us(1 + e.amount % 1'000'000) : Duration::ms(1 + e.amount % 3'600'000);
}

}  // namespace

Simulation::Simulation(const Plan& plan, bool print_trace, Sabotage sabotage)
    : plan_(plan),
      sabotage_(sabotage),
      trace_(print_trace),
      book_(trace_, coverage_),
      network_(plan_, trace_, [this](std::uint32_t host, auto frame, Instant now) { return arrive(host, frame, now); }),
      conduct_(static_cast<std::uint32_t>(plan_.hosts.size()),
               [this](std::uint32_t host, const net::Endpoint& peer, std::uint32_t conv, std::uint32_t sn,
                      Instant now) { return hosts_[host]->has_stored(peer, conv, sn, now); }),
      repeats_(
          [this](std::uint32_t host, const net::Endpoint& peer, std::uint32_t conv, std::uint32_t sn, Instant now) {
            return hosts_[host]->knows(conv) && hosts_[host]->has_stored(peer, conv, sn, now);
          }),
      strangers_(plan_, book_, conduct_),
      meddler_(plan_, coverage_),
      crashes_(plan_, book_, hosts_),
      vanished_(plan_.hosts.size(), false),
      nats_(plan_.hosts.size()),
      now_(plan_.start) {
  for (const Conversation& conversation : plan_.conversations) book_.add(conversation);
  for (std::uint32_t i = 0; i < plan_.hosts.size(); ++i) {
    hosts_.push_back(std::make_unique<Host>(
        plan_, i, book_, [this, i](std::span<const std::uint8_t> frame, Instant now) { transmit(i, frame, now); }));
  }
  for (std::size_t i = 0; i < plan_.episodes.size(); ++i) {
    turns_.push_back({plan_.episodes[i].begin, i, true});
    turns_.push_back({plan_.episodes[i].end, i, false});
  }
  std::ranges::stable_sort(turns_, {}, &Turn::at);
  if (plan_.flood) flood_at_ = plan_.start + Duration::seconds(4);
}

Simulation::~Simulation() = default;

// --- frames

void Simulation::transmit(std::uint32_t host, std::span<const std::uint8_t> frame, Instant now) {
  conduct_.on_departure(host, frame, now);
  Bytes translated;
  if (nats_[host].translates()) frame = translated = nats_[host].outward(frame);
  repeats_.on_departure(host, frame, now);
  const auto datagram = peek(frame);
  coverage_.datagrams += datagram ? 1U : 0U;
  const int copies = sabotage_ == Sabotage::doubled_answer && plan_.hosts[host].is_server ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (plan_.hosts[host].is_server) watch_.on_departure(frame);
    const auto changed = meddler_.pass(frame, now);
    network_.transmit(host, changed ? *changed : frame, now);
  }
}

std::uint64_t Simulation::arrive(std::uint32_t host, std::span<const std::uint8_t> frame, Instant now) {
  std::optional<Bytes> translated;
  if (nats_[host].translates()) {
    translated = nats_[host].inward(frame);
    if (!translated) return static_cast<std::uint64_t>(SimPort::Arrival::taken);
    frame = *translated;
  }
  Bytes changed;
  if (sabotage_ == Sabotage::wrong_byte) {
    // The last byte of a large datagram, and the checksum with it: as a fault of ours behind the checksum would.
    const auto datagram = peek(frame);
    if (datagram && datagram->payload.size() > 100 && datagram->source.address.is_v4() &&
        coverage_.datagrams % 50 == 0) {
      changed.assign(frame.begin(), frame.end());
      changed.back() ^= 0x40;
      const std::size_t segment = changed.size() - datagram->payload.size() - 8;
      write_checksum(changed, segment, segment + 6,
                     pseudo_sum(datagram->source.address, datagram->destination.address, 17,
                                static_cast<std::uint32_t>(changed.size() - segment)));
      frame = changed;
    }
  }
  if (hosts_[host]->is_down()) return static_cast<std::uint64_t>(SimPort::Arrival::link_down);
  conduct_.on_arrival(host, frame);
  const SimPort::Arrival arrival = hosts_[host]->port().arrive(frame);
  if (arrival == SimPort::Arrival::taken) {
    repeats_.on_arrival(host, frame, now);
    if (plan_.hosts[host].is_server) watch_.on_arrival(frame);
  }
  return static_cast<std::uint64_t>(arrival);
}

// --- time

Instant Simulation::next_event() const {
  Instant next = earlier(network_.next_deadline(), strangers_.next_deadline());
  next = earlier(next, earlier(meddler_.next_deadline(), crashes_.next_deadline()));
  for (const auto& host : hosts_) next = earlier(next, host->next_deadline(now_));
  if (next_turn_ < turns_.size()) next = earlier(next, turns_[next_turn_].at);
  if (!healed_) next = earlier(next, plan_.heal);
  return earlier(next, flood_at_);
}

// One instant of the world: what is due happens, in a fixed order.
void Simulation::step() {
  const Instant next = later(next_event(), now_);
  if (next.is_never())
    throw Broken("nothing will ever happen again in this world, though it is not over:" + leftovers());
  now_ = next;
  play_episodes();
  if (now_ >= flood_at_) flood();
  if (crashes_.act(now_)) plan_.give_up = later(plan_.give_up, now_ + patience);
  for (const Bytes& frame : strangers_.act(now_)) network_.inject(frame, now_);
  for (const Bytes& frame : meddler_.act(now_)) network_.inject(frame, now_);
  network_.run(now_);
  for (const auto& host : hosts_) host->run(now_);
  if (now_ < next_look_) return;
  next_look_ = now_ + Duration::seconds(1);
  for (const auto& host : hosts_) host->check_silence(now_);
}

// --- faults

void Simulation::play_episodes() {
  while (next_turn_ < turns_.size() && turns_[next_turn_].at <= now_) {
    const Turn& turn = turns_[next_turn_++];
    const Episode& episode = plan_.episodes[turn.episode];
    if (turn.begins) begin(episode);
    else end(episode);
  }
  if (!waiting_.empty() && !must_wait(*waiting_.front())) {
    for (const Episode* episode : std::exchange(waiting_, {})) begin(*episode);
  }
  if (!healed_ && now_ >= plan_.heal) heal();
}

// What ends conversations for good waits until the world has seen enough.
bool Simulation::must_wait(const Episode& e) const {
  const bool ends = e.kind == Fault::vanish || e.kind == Fault::drain || e.kind == Fault::stop;
  return ends && coverage_.datagrams < plan_.datagrams;
}

void Simulation::begin(const Episode& e) {
  if (must_wait(e)) {
    waiting_.push_back(&e);
    return;
  }
  Host& host = *hosts_[e.host];
  trace_.fault(now_, e.host, fault_names[static_cast<std::size_t>(e.kind)], e.amount);
  switch (e.kind) {
    case Fault::freeze:
      for (std::uint32_t i = 0; i < host.workers(); ++i) host.stall(i, e.end);
      break;
    case Fault::flap: network_.cut(e.host, true, true); break;
    case Fault::lcore_stall: host.stall(e.amount, e.end); break;
    case Fault::tx_ring_full: host.port().set_tx_room(e.amount % 3 == 0 ? e.amount % 5 : 0); return;
    case Fault::pool_dry:
    case Fault::pool_dry_long:
      host.keep_back(plan_.hosts[e.host].blocks - (e.amount % 3 == 0 ? e.amount % 16 : 0));
      break;
    case Fault::partition: network_.cut(e.host, e.amount % 3 != 1, e.amount % 3 != 2); return;
    case Fault::impair_switched: host.cut_port(static_cast<impair::Ways>(1 + e.amount % 3)); break;
    case Fault::port_down: host.port().set_link(false); break;
    case Fault::rebind: rebind(e.host); break;
    case Fault::rx_burst:
      for (const Bytes& frame : strangers_.flood(e.host, 1 + e.amount % rx_burst_max)) network_.inject(frame, now_);
      break;
    case Fault::clock_jump: host.jump_clock(jump_of(e), now_); break;
    case Fault::client_crash:
    case Fault::server_crash:
      repeats_.forget(e.host);
      if (plan_.hosts[e.host].is_server) watch_.forget(e.host);
      crashes_.crash(e.host, e.end, now_);
      return;
    case Fault::vanish:
      vanished_[e.host] = true;
      network_.cut(e.host, true, true);
      break;
    case Fault::drain:
    case Fault::stop:
      for (std::uint32_t i = 0; i < hosts_.size(); ++i) {
        if (!plan_.hosts[i].is_server) continue;
        if (e.kind == Fault::drain) hosts_[i]->drain(now_);
        else hosts_[i]->stop(now_);
      }
      break;
    default: throw Broken("an episode of a kind that has no beginning");
  }
  coverage_.count(e.kind);
}

// A client's router forgets its flows. A server follows who has proven himself before, and nobody else.
void Simulation::rebind(std::uint32_t host) {
  nats_[host].rebind();
  for (Record& record : book_.records()) {
    if (record.plan.client != host || !record.opened || record.closed || !is_roaming(record.plan.target)) continue;
    const std::uint32_t conv = record.plan.conv;
    // Who has received nothing begins anew by moving.
    const bool followed = hosts_[record.plan.server]->has_proven(conv) && hosts_[host]->has_received(conv);
    record.moved_unproven = record.moved_unproven || !followed;
  }
}

void Simulation::end(const Episode& e) {
  Host& host = *hosts_[e.host];
  switch (e.kind) {
    case Fault::tx_ring_full: host.port().set_tx_room(~0u); break;
    case Fault::pool_dry:
    case Fault::pool_dry_long: host.keep_back(0); break;
    case Fault::flap:
    case Fault::partition:
      if (!vanished_[e.host] && sabotage_ != Sabotage::endless_cut) network_.cut(e.host, false, false);
      break;
    case Fault::impair_switched: host.cut_port(impair::Ways::none); break;
    case Fault::port_down: host.port().set_link(true); break;
    case Fault::client_crash:
    case Fault::server_crash: host.restart(now_); break;
    default: break;
  }
}

// One worker of host 0 stands still while the other is given all frames, most of which belong to it.
void Simulation::flood() {
  const Instant over = plan_.start + Duration::seconds(4) + flood_lasts;
  if (now_ >= over || healed_) {
    flood_at_ = Instant::never();
    hosts_[0]->port().steer_to(~0u);
    return;
  }
  hosts_[0]->stall(1, over);
  hosts_[0]->port().steer_to(0);
  for (const Bytes& frame : strangers_.flood(0, flood_step_frames)) network_.inject(frame, now_);
  flood_at_ = now_ + flood_step;
}

void Simulation::heal() {
  healed_ = true;
  trace_.fault(now_, 0, "heal", 0);
  network_.heal();
  for (std::uint32_t i = 0; i < hosts_.size(); ++i) {
    hosts_[i]->heal();
    if (!vanished_[i] && sabotage_ != Sabotage::endless_cut) network_.cut(i, false, false);
  }
}

// --- the life of a world

// Begins all conversations once more under new numbers when too few datagrams were sent.
bool Simulation::refill() {
  if (coverage_.datagrams >= plan_.datagrams) return false;
  if (refills_ >= refills_max) {
    throw Broken(
        fmt::format("a world never came to enough datagrams, but to {} of {}", coverage_.datagrams, plan_.datagrams));
  }
  ++refills_;
  plan_.give_up = later(plan_.give_up, now_ + patience);
  for (Conversation again : plan_.conversations) {
    again.conv = (again.conv & 0xffff) | ((again.conv + (refills_ << 16)) & 0x7fff0000);
    if (book_.find(again.conv) != nullptr) continue;
    again.start = now_ + Duration::ms(1);
    book_.add(again);
  }
  return true;
}

// Whether more was carried than when patience ended last; then it begins anew.
bool Simulation::gets_on() {
  std::uint64_t carried = 0;
  for (const auto& host : hosts_) carried += host->segments_received();
  if (carried == carried_ || now_ > plan_.heal + patience_with_slow) return false;
  carried_ = carried;
  plan_.give_up = now_ + patience;
  return true;
}

// A server's session may have ended while its client went on, and begun anew in the midst of what late ACKs of the one before
// told the client had arrived. Each ACK was judged when it was sent, so nothing else explains what is missing now. Nobody on
// the wire can mend it; an application waits no longer. The same goes for who crashed and began anew under the number that its
// server still knew. True when one gave up.
bool Simulation::tear_what_began_anew() {
  if (plan_.gentle) return false;
  bool any = false;
  for (Record& record : book_.records()) {
    if (record.closed || record.torn || !record.opened) continue;
    const bool lacks = hosts_[record.plan.server]->lacks_acknowledged(record.plan.conv, *hosts_[record.plan.client]);
    if (!lacks && !record.mixed) continue;
    book_.tear(record);
    any = true;
  }
  if (any) plan_.give_up = now_ + patience;
  return any;
}

void Simulation::live_until_closed() {
  Instant last;
  std::uint32_t standing = 0;
  while (!healed_ || !book_.all_closed() || !crashes_.quiet() || refill()) {
    step();
    standing = now_ == last ? standing + 1 : 0;
    last = now_;
    require(standing < steps_per_instant_max, "virtual time stands still");
    if (now_ <= plan_.give_up || gets_on() || tear_what_began_anew()) continue;
    const bool also_deaf = now_ > plan_.give_up + patience_with_deaf;
    const auto open = std::ranges::find_if(
        book_.records(), [&](const Record& r) { return !r.closed && (also_deaf || !r.plan.never_reads); });
    if (open == book_.records().end()) continue;
    throw Broken(fmt::format(
        "conversation {:x} of host {} toward host {} had not closed long after the heal (opened {}, "
        "{} of {} B echoed)",
        open->plan.conv, open->plan.client, open->plan.server, open->opened, open->echoed, open->plan.bytes()));
  }
}

std::string Simulation::leftovers() const {
  std::string text;
  for (const auto& host : hosts_) text += host->leftovers();
  return text;
}

// The servers' sessions end by their timeouts, and what is under way arrives.
void Simulation::live_until_empty() {
  Duration longest = Duration::seconds(40);
  for (const HostPlan& host : plan_.hosts) {
    longest = std::max(longest, Duration::seconds(40) + host.limits.idle_timeout + host.limits.half_open_timeout);
  }
  bool stopped = false;
  Instant over = now_ + longest + (meddler_.quiet() ? Duration() : repeats_last);
  const auto quiet = [this] {
    return network_.held() == 0 && meddler_.quiet() &&
           std::ranges::all_of(hosts_, [](const auto& host) { return host->quiet(); });
  };
  while (!quiet()) {
    step();
    if (now_ <= over) continue;
    // Two hosts that somebody named to each other, or one's late repetition, or of which one crashed, answer each other's
    // questions for a sign of life for as long as both ask; only an operator ends that.
    const bool ask = std::ranges::any_of(plan_.hosts, [](const HostPlan& h) { return h.limits.liveness_probes > 0; });
    const bool named =
        plan_.strangers > 0 || plan_.replay_ppm > 0 || plan_.has(Fault::client_crash) || plan_.has(Fault::server_crash);
    if (!std::exchange(stopped, true) && ask && named) {
      for (const auto& host : hosts_) host->stop(now_);
      over = now_ + Duration::seconds(40);
      continue;
    }
    throw Broken("sessions or frames are left long after every client had closed:" + leftovers());
  }
}

// What the clients' reports promise of the servers.
// What came may wait, or be dropped, where a host stands still, lacks memory or does not know the peer's new address, and what
// came changed says nothing.
void Simulation::check_repeats() const {
  constexpr Fault excuses[] = {Fault::lcore_stall, Fault::freeze,        Fault::impair_switched, Fault::corrupt,
                               Fault::rebind,      Fault::mangled,       Fault::rx_ring_full,    Fault::rx_no_block,
                               Fault::pool_dry,    Fault::pool_dry_long, Fault::client_crash,    Fault::server_crash,
                               Fault::port_down};
  const auto occurred = [this](Fault fault) { return coverage_.faults[static_cast<std::size_t>(fault)] != 0; };
  const bool impaired = std::ranges::any_of(plan_.hosts, [](const HostPlan& host) { return host.port.has_value(); });
  if (impaired || plan_.flood || std::ranges::any_of(excuses, occurred)) return;
  for (std::uint32_t i = 0; i < plan_.hosts.size(); ++i) {
    const std::uint64_t answered = repeats_.counts(i).answered;
    require(answered == 0, "host {} sent {} segments again that it had been told of", i, answered);
  }
}

void Simulation::check_conversations() const {
  for (const Record& record : book_.records()) {
    const Conversation& c = record.plan;
    if (plan_.gentle && !record.moved_unproven) {
      require(record.completed, "conversation {:x} did not complete in a gentle world ({} of {} B, closed as {})",
              c.conv, record.echoed, c.bytes(), name_of(*record.closed));
    }
    if (record.completed && c.target == Target::sink_message && plan_.gentle) {
      require(record.taken == c.bytes(), "conversation {:x}: closed as delivered, but the sink took {} of {} B", c.conv,
              record.taken, c.bytes());
    }
  }
}

Coverage Simulation::run() {
  if (sabotage_ == Sabotage::leaked_block) hosts_[0]->leak_block();
  live_until_closed();
  check_conversations();
  live_until_empty();
  for (std::uint32_t i = 0; i < hosts_.size(); ++i) {
    hosts_[i]->check_empty(now_);
    conduct_.check_answers(i, hosts_[i]->unasked());
  }
  for (const auto& host : hosts_) host->switch_off();
  network_.count_faults(coverage_);
  require(network_.whole(), "a block of the wires did not come home");
  coverage_.worlds = 1;
  coverage_.dry_worlds = plan_.dry_pools ? 1 : 0;
  coverage_.virtual_us = static_cast<std::uint64_t>((now_ - plan_.start).count_us());
  coverage_.trace_hash = trace_.hash();
  check_repeats();
  for (std::uint32_t i = 0; i < plan_.hosts.size(); ++i) {
    coverage_.repeats[plan_.hosts[i].kcp.by_time() ? 1 : 0].add(repeats_.counts(i));
  }
  const auto passes = [this](std::int64_t wrap) { return plan_.start.count_us() < wrap && now_.count_us() >= wrap; };
  constexpr std::int64_t circle = std::int64_t{1} << 32;
  if (passes(circle) || passes(circle * 1000)) coverage_.count(Fault::clock_wrap);
  return coverage_;
}

}  // namespace penstock::sim
