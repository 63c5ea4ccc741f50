// Crew: the threads that run the workers: EAL's lcores, the main one included, or under strict bypass stand-ins for them.
//
// A thread behind the filter can never do anything else again: neither stop the node, as the main thread must, nor wait for
// EAL's next task, as its lcores do. So under strict bypass each worker has a thread of its own on its lcore's CPU, while the
// lcore sleeps in EAL and the main thread waits (docs/decisions/0004). Main thread.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "nic/tsc_clock.hpp"
#include "runtime/bypass.hpp"
#include "runtime/seat.hpp"

namespace penstock::runtime {

class Crew {
 public:
  // `bypass` is nullptr when workers may make system calls. What the arguments refer to outlives the crew.
  Crew(std::span<const std::unique_ptr<Seat>> seats, const nic::TscClock& clock, const std::atomic<Phase>& phase,
       const Bypass* bypass);

  // Starts the workers of all lcores but the main one; under strict bypass all, and returns when each is behind its filter.
  void start();
  // Runs the main lcore's worker, or waits, until every worker has left its loop.
  void work();

 private:
  // On cache lines of its own, as its thread sets the flags.
  struct alignas(cache_line_bytes) Task {
    Seat* seat = nullptr;
    const nic::TscClock* clock = nullptr;
    const std::atomic<Phase>* phase = nullptr;
    const Bypass* bypass = nullptr;
    std::atomic<bool> entered{false};  // behind its filter
    std::atomic<bool> left{false};     // its loop is over and it touches nothing any more
  };

  static int run(void* task);
  static void* stand_in(void* task);
  void start_stand_ins();
  void await(std::atomic<bool> Task::*fact) const;

  std::vector<std::unique_ptr<Task>> tasks_;
};

}  // namespace penstock::runtime
