#include "sim/coverage.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <span>

namespace penstock::sim {

namespace {

struct Exempt {
  std::string_view name;
  std::string_view why;
  bool never = true;  // else it may occur, but need not
};

// What cannot occur in the simulator, or hardly ever does, and where it is shown instead.
constexpr Exempt exempt[] = {
    {"rx_multi_segment", "made by lib/nic from mbuf chains only: tests/dpdk"},
    {"rx_copy_no_block", "made by lib/nic from mbuf chains only: tests/dpdk"},
    {"tx_refused", "made by lib/nic when a driver refuses a frame for good: tests/dpdk"},
    {"flow_table_full",
     "a bounded probe fails by a chance that keyed hashing puts beyond 10^9 worlds: tests/unit/session"},
    {"shed_newcomer", "two bad windows within a second, and a flood in the third: tests/sim/overload_test", false},
    {"mtu_exceeded", "the engine asks a machine for no more than its interface carries: tests/unit/net"},
};

bool is_exempt(std::string_view name) { return std::ranges::find(exempt, name, &Exempt::name) != std::end(exempt); }
bool is_impossible(std::string_view name) {
  return std::ranges::any_of(exempt, [name](const Exempt& row) { return row.never && row.name == name; });
}

template <class Counts>
void add_each(Counts& to, const Counts& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

void print(std::string& text, std::string_view title, std::span<const std::string_view> names,
           std::span<const std::uint64_t> counts) {
  text += fmt::format("{}\n", title);
  for (std::size_t i = 0; i < names.size(); ++i) {
    text +=
        fmt::format("  {:<26}{:>14}{}\n", names[i], counts[i], is_impossible(names[i]) ? "  (cannot occur here)" : "");
  }
}

std::string told(std::string_view law, const RepeatCounts& counts) {
  const auto share =
      static_cast<double>(counts.needless()) / static_cast<double>(std::max<std::uint64_t>(counts.repeats, 1));
  return fmt::format(
      "{}: {} segments sent again, {:.1f} % of them in vain: {} before the answer had left, {} with it under way or "
      "lost, {} "
      "with it there\n",
      law, counts.repeats, share * 100, counts.unanswered, counts.under_way, counts.answered);
}

void gather(std::vector<std::string>& absent, std::string_view title, std::span<const std::string_view> names,
            std::span<const std::uint64_t> counts) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (counts[i] == 0 && !is_exempt(names[i])) absent.push_back(fmt::format("{} {}", title, names[i]));
    if (counts[i] != 0 && is_impossible(names[i]))
      absent.push_back(fmt::format("{} {} occurred, but is listed as one that cannot", title, names[i]));
  }
}

}  // namespace

void Coverage::add(const StatsSnapshot& worker) {
  const MachineStats& machine = worker.machine;
  count(Cause::retransmitted_timeout, machine.retransmitted_timeout);
  count(Cause::retransmitted_fast, machine.retransmitted_fast);
  count(Cause::retransmitted_spare, machine.retransmitted_spare);
  count(Cause::retransmitted_spurious, machine.retransmitted_spurious);
  count(Cause::probe, machine.probes_sent);
  count(Cause::window_update, machine.window_updates_sent);
  count(Cause::challenge, worker.worker.challenges_sent);
  count(Cause::proof, worker.worker.challenges_proven);
  count(Cause::stateless_challenge, worker.worker.half_open_stateless);
  count(Cause::half_open_held, worker.worker.half_open_held);
  count(Cause::half_open_expired, worker.worker.half_open_expired);
  count(Cause::proof_ping, machine.proof_pings_sent);
  count(Cause::credit_wait, worker.worker.credit_waits);
  count(Cause::duplicate_segment, machine.segments_duplicate);
  count(Cause::unmatched_ack, machine.acks_unmatched);
  count(Cause::handed_over, worker.worker.handed_in);
  count(Cause::stall_noticed, worker.worker.stalls);
  count(Cause::tx_no_block, worker.worker.tx_no_block);
  count(Cause::life_probe, machine.liveness_probes_sent);
  count(Cause::path_asked, worker.worker.path_challenges_sent);
  count(Cause::roamed, worker.worker.sessions_roamed);
  count(Fault::steered_wrong, worker.worker.steered_wrong);
  add_each(drops, worker.drops);
  for (std::uint32_t i = 0; i < worker.listener_count; ++i) add_each(closes, worker.listeners[i].closed);
}

void Coverage::add(const Coverage& other) {
  add_each(faults, other.faults);
  add_each(causes, other.causes);
  add_each(drops, other.drops);
  add_each(closes, other.closes);
  worlds += other.worlds;
  dry_worlds += other.dry_worlds;
  conversations += other.conversations;
  completed += other.completed;
  datagrams += other.datagrams;
  bytes_verified += other.bytes_verified;
  virtual_us += other.virtual_us;
  for (std::size_t i = 0; i < repeats.size(); ++i) repeats[i].add(other.repeats[i]);
  trace_hash += other.trace_hash;
}

std::string Coverage::report() const {
  std::string text;
  print(text, "faults", fault_names, faults);
  print(text, "what was done about them", cause_names, causes);
  print(text, "drop reasons", net::drop_reason_names, drops);
  print(text, "close reasons", close_reason_names, closes);
  text += told("ikcp's law", repeats[0]) + told("by time", repeats[1]);
  text += fmt::format(
      "worlds {} ({} with dry pools), {} virtual s, {} datagrams, {} of {} conversations completed, {} B "
      "verified, trace {:016x}\n",
      worlds, dry_worlds, virtual_us / 1'000'000, datagrams, completed, conversations, bytes_verified, trace_hash);
  return text;
}

std::vector<std::string> Coverage::missing() const {
  std::vector<std::string> absent;
  gather(absent, "fault", fault_names, faults);
  gather(absent, "cause", cause_names, causes);
  gather(absent, "drop reason", net::drop_reason_names, drops);
  gather(absent, "close reason", close_reason_names, closes);
  return absent;
}

}  // namespace penstock::sim
