#include "runtime/crew.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace penstock::runtime {

Crew::Crew(std::span<const std::unique_ptr<Seat>> seats, const nic::TscClock& clock, const std::atomic<Phase>& phase,
           const Bypass* bypass) {
  for (const auto& seat : seats) {
    tasks_.push_back(std::make_unique<Task>());
    tasks_.back()->seat = seat.get();
    tasks_.back()->clock = &clock;
    tasks_.back()->phase = &phase;
    tasks_.back()->bypass = bypass;
  }
}

int Crew::run(void* argument) {
  Task& task = *static_cast<Task*>(argument);
  if (task.bypass != nullptr) task.bypass->enter(task.seat->index());
  task.entered.store(true, std::memory_order_release);
  task.seat->loop(*task.clock, *task.phase);
  task.left.store(true, std::memory_order_release);
  return 0;
}

void* Crew::stand_in(void* argument) {
  // Gives the thread an lcore id of its own, and so the pools' caches. It does without them where that fails.
  static_cast<void>(rte_thread_register());
  run(argument);
  // A thread cannot even end without a system call: it stays here until the process exits.
  for (;;) rte_pause();
}

void Crew::start_stand_ins() {
  for (const auto& task : tasks_) {
    const rte_cpuset_t cpus = rte_lcore_cpuset(task->seat->lcore().id);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
    pthread_t thread{};
    const int made = pthread_create(&thread, &attributes, stand_in, task.get());
    PENSTOCK_ASSERT(made == 0);
    pthread_setname_np(thread, fmt::format("penstock-{}", task->seat->index()).c_str());
    pthread_attr_destroy(&attributes);
  }
  await(&Task::entered);
}

void Crew::start() {
  if (tasks_.front()->bypass != nullptr) return start_stand_ins();
  for (std::size_t i = 1; i < tasks_.size(); ++i) {
    const int launched = rte_eal_remote_launch(run, tasks_[i].get(), tasks_[i]->seat->lcore().id);
    PENSTOCK_ASSERT(launched == 0);
  }
}

void Crew::work() {
  if (tasks_.front()->bypass != nullptr) return await(&Task::left);
  run(tasks_.front().get());
  rte_eal_mp_wait_lcore();
}

void Crew::await(std::atomic<bool> Task::*fact) const {
  const auto holds = [fact](const auto& task) { return ((*task).*fact).load(std::memory_order_acquire); };
  while (!std::ranges::all_of(tasks_, holds)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace penstock::runtime
