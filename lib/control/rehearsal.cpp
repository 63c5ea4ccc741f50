#include "control/rehearsal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "control/impair_settings.hpp"

namespace penstock::control {

namespace {

using impair::Impairment;
using impair::ImpairReport;
using impair::LinkCounters;
using impair::Ways;

constexpr std::string_view no_impairment =
    "this port has no impairment in its path: [port.impair], be it empty, must be in the configuration at start";

struct CounterField {
  std::string_view name;
  std::uint64_t LinkCounters::*member;
};
constexpr std::array counter_fields = {
    CounterField{"offered", &LinkCounters::offered},
    CounterField{"forwarded", &LinkCounters::forwarded},
    CounterField{"lost", &LinkCounters::lost},
    CounterField{"burst_lost", &LinkCounters::burst_lost},
    CounterField{"bursts", &LinkCounters::bursts},
    CounterField{"partitioned", &LinkCounters::partitioned},
    CounterField{"blackholed", &LinkCounters::blackholed},
    CounterField{"queue_full", &LinkCounters::queue_full},
    CounterField{"duplicated", &LinkCounters::duplicated},
    CounterField{"reordered", &LinkCounters::reordered},
    CounterField{"corrupted", &LinkCounters::corrupted},
    CounterField{"ecn_marked", &LinkCounters::ecn_marked},
    CounterField{"held_back", &LinkCounters::held_back},
    CounterField{"no_copy", &LinkCounters::no_copy},
};
// A counter that is added to the links must be added here, too.
static_assert(sizeof(LinkCounters) == counter_fields.size() * sizeof(std::uint64_t));

std::string_view name_of(Ways ways) {
  static constexpr std::array names = {std::string_view("none"), std::string_view("receive"), std::string_view("send"),
                                       std::string_view("both")};
  return names[static_cast<std::size_t>(ways)];
}

std::uint64_t ms(Duration span) { return static_cast<std::uint64_t>(span.count_us() / 1000); }

void add_faults(Reply& reply, const Impairment& faults) {
  reply.integer("loss_ppm", faults.loss_ppm);
  reply.integer("burst_begin_ppm", faults.burst_begin_ppm);
  reply.integer("burst_end_ppm", faults.burst_end_ppm);
  reply.integer("burst_loss_ppm", faults.burst_loss_ppm);
  reply.integer("duplicate_ppm", faults.duplicate_ppm);
  reply.integer("reorder_ppm", faults.reorder_ppm);
  reply.integer("corrupt_ppm", faults.corrupt_ppm);
  reply.integer("blackhole_bytes", faults.blackhole_bytes);
  reply.integer("delay_ms", ms(faults.delay));
  reply.integer("jitter_ms", ms(faults.jitter));
  reply.integer("rate_mbit", faults.rate_bits_per_second / 1'000'000);
  reply.integer("queue_packets", faults.queue_frames);
  reply.integer("ecn_ms", ms(faults.ecn));
  reply.integer("hold_every_ms", ms(faults.hold_every));
  reply.integer("hold_ms", ms(faults.hold));
  reply.text("direction", name_of(faults.direction));
  reply.text("partition", name_of(faults.partition));
}

void add_counters(Reply& reply, std::string_view way, LinkCounters ImpairReport::*member,
                  std::span<const ImpairReport> workers) {
  for (const CounterField& field : counter_fields) {
    std::uint64_t sum = 0;
    for (const ImpairReport& worker : workers) sum += (worker.*member).*field.member;
    reply.integer(fmt::format("{}_{}", way, field.name), sum);
  }
}

Reply reply_of(std::span<const ImpairReport> workers) {
  Reply reply;
  add_faults(reply, workers.front().faults);
  const auto differs = [&](const ImpairReport& worker) { return worker.faults != workers.front().faults; };
  reply.integer("workers_that_differ", static_cast<std::uint64_t>(std::ranges::count_if(workers, differs)));
  add_counters(reply, "receive", &ImpairReport::receive, workers);
  add_counters(reply, "send", &ImpairReport::send, workers);
  return reply;
}

}  // namespace

Rehearsal::Outcome Rehearsal::report(std::size_t port) {
  PENSTOCK_ASSERT(port < configured_.size());
  if (!configured_[port]) return std::unexpected(std::string(no_impairment));
  Command command;
  command.kind = Command::Kind::impaired;
  command.argument = port;
  return ask(command);
}

Rehearsal::Outcome Rehearsal::change(std::size_t port, std::string_view words) {
  PENSTOCK_ASSERT(port < configured_.size());
  if (!configured_[port]) return std::unexpected(std::string(no_impairment));
  const auto changed = change_impair(*now_[port], *configured_[port], words);
  if (!changed) return std::unexpected(changed.error());
  now_[port] = *changed;
  Command command;
  command.kind = Command::Kind::impair;
  command.argument = port;
  command.impairment = impairment_of(*changed);
  return ask(command);
}

Rehearsal::Outcome Rehearsal::ask(const Command& command) {
  const auto answers = ask_all(workers_, command, wait_);
  if (!answers) return std::unexpected(answers.error());
  std::vector<ImpairReport> reports;
  for (const Answer& answer : *answers) reports.push_back(answer.impair);
  if (reports.front().impaired == 0) return std::unexpected(std::string(no_impairment));
  return reply_of(reports);
}

}  // namespace penstock::control
