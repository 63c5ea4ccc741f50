#include "runtime/keeper.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>
#include <utility>

namespace penstock::runtime {

namespace {

std::atomic<int> signal_count{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

constexpr auto round_time = std::chrono::milliseconds(20);
constexpr int rounds_a_second = 50;
// How long a stop may take before the node leaves its workers' sessions where they are.
constexpr Duration stop_patience = Duration::seconds(2);
// How long the ends of a link may negotiate before it is called down.
constexpr Duration link_patience = Duration::seconds(5);

}  // namespace

Keeper::Keeper(const control::Config& config, const Program& program, nic::TscClock& clock,
               std::span<const std::unique_ptr<nic::DpdkPort>> ports, std::span<const std::unique_ptr<Seat>> seats,
               const Notify& notify, std::atomic<Phase>& phase)
    : config_(config),
      program_(program),
      clock_(clock),
      ports_(ports),
      seats_(seats),
      notify_(notify),
      phase_(phase),
      herald_(notify.watchdog(), Duration::seconds(config.limits.drain_timeout_s)),
      links_settle_at_(clock.now() + link_patience),
      turns_(seats.size(), 0) {}

void Keeper::say(const std::string& sentence) const {
  fmt::print("{}: {}\n", program_.name, sentence);
  std::fflush(stdout);
}

void Keeper::catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { signal_count.fetch_add(1, std::memory_order_relaxed); };
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int Keeper::signals() { return signal_count.load(std::memory_order_relaxed); }

void Keeper::run() {
  for (int round = 0; phase_.load(std::memory_order_relaxed) != Phase::ended; ++round) {
    std::this_thread::sleep_for(round_time);
    follow_signals(clock_.now());
    if (round % (rounds_a_second / 10) == 0) clock_.discipline();
    if (round % (rounds_a_second / 5) == 0) look_at_links();
    if (round % rounds_a_second == 0) look_at_mtus();
    if (round % rounds_a_second == 0) give_hints();
    if (round % (rounds_a_second / 10) == 0) tell_manager(clock_.now());
  }
  tell_manager(clock_.now());
}

void Keeper::follow_signals(Instant now) {
  const Phase phase = phase_.load(std::memory_order_relaxed);
  const bool quiet = std::ranges::all_of(seats_, [](const auto& seat) { return seat->quiet(); });
  if (phase == Phase::serving && program_.finished && program_.finished(now)) {
    phase_.store(Phase::ended, std::memory_order_release);
  } else if (phase == Phase::serving && signals() > 0) {
    say(fmt::format("draining: sessions may finish within {} s, a second signal stops at once",
                    config_.limits.drain_timeout_s));
    drain_until_ = now + Duration::seconds(config_.limits.drain_timeout_s);
    phase_.store(Phase::draining, std::memory_order_release);
  } else if (phase == Phase::draining && quiet) {
    phase_.store(Phase::ended, std::memory_order_release);
  } else if (phase == Phase::draining && (signals() > 1 || now >= drain_until_)) {
    say(signals() > 1 ? "stopping at once" : "stopping: the time to drain is over");
    stop_until_ = now + stop_patience;
    phase_.store(Phase::stopping, std::memory_order_release);
  } else if (phase == Phase::stopping && (quiet || now >= stop_until_)) {
    phase_.store(Phase::ended, std::memory_order_release);
  }
}

void Keeper::look_at_links() {
  link_was_up_.resize(ports_.size(), true);
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    ports_[i]->poll_link();
    const bool up = ports_[i]->link_up();
    if (up == link_was_up_[i]) continue;
    link_was_up_[i] = up;
    say(fmt::format("port {}: link {}", ports_[i]->info().name, up ? "up" : "down"));
  }
}

void Keeper::look_at_mtus() {
  for (const auto& port : ports_) {
    const std::uint16_t before = port->mtu();
    port->poll_mtu();
    const std::uint16_t mtu = port->mtu();
    if (mtu == before) continue;
    const std::uint16_t configured = port->report().mtu;
    say(mtu == configured
            ? fmt::format("port {}: its MTU is {} again, as configured", port->info().name, mtu)
            : fmt::format(
                  "port {}: its MTU is {} now, and {} is configured: longer packets are dropped (mtu_exceeded); put "
                  "the interface's MTU back, or configure mtu and the listeners' mtu for it",
                  port->info().name, mtu, configured));
  }
}

void Keeper::tell_manager(Instant now) {
  const bool ending = phase_.load(std::memory_order_relaxed) != Phase::serving;
  if (!notify_.listens() || !herald_.due(now, ending)) return;
  Tidings tidings{.ending = ending, .turns = turns_};
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    // A worker that writes just now is looked at again in the next round.
    if (!seats_[i]->published().read(*snapshot_)) continue;
    turns_[i] = snapshot_->worker.turns;
    tidings.sessions += snapshot_->worker.sessions_now;
  }
  tidings.links_down = static_cast<std::uint32_t>(std::ranges::count(link_was_up_, false));
  tidings.links_settled = tidings.links_down == 0 || now >= links_settle_at_;
  const std::string lines = herald_.lines(now, tidings);
  if (!lines.empty() && notify_.send(lines)) herald_.sent();
  for (const std::size_t worker : herald_.stuck(now, tidings)) {
    if (std::exchange(told_of_stuck_, true)) break;
    say(fmt::format("worker {} makes no turns: the watchdog is not fed until it does", worker));
  }
}

void Keeper::give_hints() {
  std::uint64_t bad_sums = 0;
  std::uint64_t steered_wrong = 0;
  std::uint64_t mismatches = 0;
  for (const auto& seat : seats_) {
    if (!seat->published().read(*snapshot_)) continue;
    bad_sums += snapshot_->drops[static_cast<std::size_t>(net::DropReason::udp_bad_checksum)];
    steered_wrong += snapshot_->worker.steered_wrong;
    mismatches += snapshot_->worker.mismatches;
  }
  if (bad_sums > 0 && !told_of_checksums_) {
    told_of_checksums_ = true;
    say(fmt::format(
        "{} datagrams came with a wrong UDP checksum (udp_bad_checksum); if the sender is a veth or a guest of "
        "this machine that leaves sums to its NIC, run `ethtool -K IFACE tx off` there or set "
        "rx_checksum = \"trust_local\" for the port",
        bad_sums));
  }
  if (steered_wrong > 0 && !told_of_steering_) {
    told_of_steering_ = true;
    say("a port steers flows to other workers than their owners (steered_wrong): they are handed over, at the cost of "
        "a hop");
  }
  if (mismatches > mismatches_told_) {
    mismatches_told_ = mismatches;
    say(fmt::format("{} messages to a sink were not what penstock-load sends (mismatches)", mismatches));
  }
}

}  // namespace penstock::runtime
