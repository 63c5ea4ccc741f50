// Keeper: the control thread's round: signals, phases of the stop, link states, the clock, and words to the operator and to
// the service manager.
//
// It runs in one thread made by rte_ctrl_thread_create, wakes every 20 ms, and reads workers only through what they
// publish. Nothing here is on the data path.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "control/config.hpp"
#include "nic/dpdk_port.hpp"
#include "nic/tsc_clock.hpp"
#include "runtime/herald.hpp"
#include "runtime/node.hpp"
#include "runtime/notify.hpp"
#include "runtime/seat.hpp"

namespace penstock::runtime {

class Keeper {
 public:
  Keeper(const control::Config& config, const Program& program, nic::TscClock& clock,
         std::span<const std::unique_ptr<nic::DpdkPort>> ports, std::span<const std::unique_ptr<Seat>> seats,
         const Notify& notify, std::atomic<Phase>& phase);

  // Takes SIGINT and SIGTERM; call before the workers start.
  static void catch_signals();
  // How many of them came.
  static int signals();
  // The control thread's whole life: returns when the phase is `ended`.
  void run();

 private:
  void follow_signals(Instant now);
  void say(const std::string& sentence) const;
  void look_at_links();
  void look_at_mtus();
  void give_hints();
  void tell_manager(Instant now);

  const control::Config& config_;
  const Program& program_;
  nic::TscClock& clock_;
  std::span<const std::unique_ptr<nic::DpdkPort>> ports_;
  std::span<const std::unique_ptr<Seat>> seats_;
  const Notify& notify_;
  std::atomic<Phase>& phase_;
  Herald herald_;
  Instant drain_until_ = Instant::never();
  Instant stop_until_ = Instant::never();
  std::vector<bool> link_was_up_;
  Instant links_settle_at_;           // a link that is down then is down for good
  std::vector<std::uint64_t> turns_;  // by worker, as last read
  bool told_of_checksums_ = false;
  bool told_of_steering_ = false;
  bool told_of_stuck_ = false;
  std::uint64_t mismatches_told_ = 0;
  std::unique_ptr<StatsSnapshot> snapshot_ = std::make_unique<StatsSnapshot>();
};

}  // namespace penstock::runtime
