// Commands: the statistics commands by name, their parameters parsed strictly, answered from snapshots and mailboxes.
//
// run() may be called from any number of threads at once, as DPDK's telemetry does with a thread a client: a mutex lets one
// in at a time, which makes it the single producer of every mailbox. It never touches a worker's structures: counters come
// from what workers publish, and what only a worker knows is asked through its mailbox, which takes 100 ms at most and else
// answers {"error": "busy: …"}. run() is read only; what changes something is a verb of its own.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/controller_switch.hpp"
#include "control/inquiry.hpp"
#include "control/rehearsal.hpp"
#include "control/reply.hpp"
#include "control/stats_report.hpp"
#include "engine/mailbox.hpp"
#include "engine/stats.hpp"

namespace penstock::control {

// What others may see of one worker.
struct WorkerView {
  const Published<StatsSnapshot>* published = nullptr;
  Mailbox* mailbox = nullptr;
};

// A command as it is registered: "/penstock/worker" takes ",N" behind it.
struct CommandName {
  const char* name;
  const char* help;
};
inline constexpr std::array command_names = {
    CommandName{"/penstock/info", "What this node is: versions, ports, own addresses, listeners. No parameters"},
    CommandName{"/penstock/workers", "All workers side by side: load, rates, sessions, hand-over. No parameters"},
    CommandName{"/penstock/worker", "Counters and levels of a worker. Parameter: worker"},
    CommandName{"/penstock/memory", "What a worker writes to, by holder. Parameter: worker"},
    CommandName{"/penstock/port", "A port: link, MTU, their changes, what the device counts. Parameter: port"},
    CommandName{"/penstock/impair", "What a port does to frames on purpose, and what came of it. Parameter: port"},
    CommandName{"/penstock/listener", "Counters of a listener, all workers together. Parameter: listener"},
    CommandName{"/penstock/drops", "Dropped frames and datagrams by reason, all workers together. No parameters"},
    CommandName{"/penstock/sessions", "A page of sessions. Parameters: worker,cursor[,addresses]; begin with cursor 0"},
    CommandName{"/penstock/top",
                "Sessions at the top. Parameters: worker,order[,addresses]; rate, rtt, retransmission"},
    CommandName{"/penstock/session", "One session. Parameters: id[,addresses]"},
    CommandName{"/penstock/histogram",
                "A worker's histogram. Parameters: worker,name; rtt_us, burst_packets, turn_gap_us"},
};

class Commands {
 public:
  using Outcome = std::expected<Reply, std::string>;

  // What the views point to outlives the object. There is at least one worker. `wait` bounds how long a worker may take to
  // answer; only tests on a loaded machine have a reason to change it.
  Commands(NodeInfo info, std::span<const WorkerView> workers,
           std::chrono::milliseconds wait = std::chrono::milliseconds(100));

  // `command` is one of command_names; `parameters` is what stood behind its first comma, empty when there was none.
  Reply run(std::string_view command, std::string_view parameters);
  // What is done to the frames of a port from now on, for the admin socket alone: see Rehearsal::change().
  Outcome change_impairment(std::string_view port, std::string_view words);
  // For the admin socket alone: the congestion control of a "session", which is its id, or of those that a "listener", which is
  // its number, opens from now on. See ControllerSwitch.
  Outcome switch_congestion(std::string_view what, std::string_view which, std::string_view name);

 private:
  using Parameters = std::vector<std::string_view>;

  Outcome dispatch(std::string_view command, const Parameters& parameters);
  Outcome info(const Parameters& parameters);
  Outcome workers(const Parameters& parameters);
  Outcome worker(const Parameters& parameters);
  Outcome memory(const Parameters& parameters);
  Outcome port(const Parameters& parameters);
  Outcome impair(const Parameters& parameters);
  Outcome listener(const Parameters& parameters);
  Outcome drops(const Parameters& parameters);
  Outcome sessions(const Parameters& parameters);
  Outcome top(const Parameters& parameters);
  Outcome session(const Parameters& parameters);
  Outcome histogram(const Parameters& parameters);
  // Reads one worker's snapshot into snapshots_, or all of them.
  std::expected<void, std::string> read(std::size_t worker);
  std::expected<void, std::string> read_all();

  std::mutex mutex_;
  NodeInfo info_;
  std::chrono::milliseconds wait_;
  std::vector<WorkerView> workers_;
  std::vector<Inquiry> inquiries_;        // by worker
  std::vector<StatsSnapshot> snapshots_;  // by worker: the last that was read
  Rehearsal rehearsal_;
  ControllerSwitch controllers_;
};

}  // namespace penstock::control
