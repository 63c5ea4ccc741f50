// Shows that a thread which entered the bypass ends the process by its first system call, with the call's name, the worker
// and status 3, whatever the call; that it may work in memory as long as it likes; and that other threads are free.
// How: each case is a child process with one thread behind the filter, whose exit status and standard error are read.
#include "runtime/bypass.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <functional>
#include <thread>

#include "base/assert.hpp"

using namespace penstock;
using namespace penstock::runtime;

// AddressSanitizer's own runtime makes system calls in a process that the filter ends, so these run without it.
#ifndef __SANITIZE_ADDRESS__

namespace {

constexpr int status_free = 40;  // of a child whose other threads went on to their end

struct Outcome {
  int status = -1;  // of exit; -1 when a signal ended it
  std::string said;
};

std::string read_all(int file) {
  std::string text;
  char buffer[512];
  for (ssize_t got = 0; (got = read(file, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

// A child whose worker 7 enters and then does `work`; meanwhile the child's main thread does `meanwhile`, which is told
// when the work is done.
Outcome run(
    const std::function<void()>& work,
    const std::function<void(std::atomic<bool>& done)>& meanwhile = [](auto&) { pause(); }) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    alarm(60);
    const auto bypass = Bypass::prepare();
    if (!bypass) _exit(99);
    static std::atomic<bool> done{false};
    std::thread worker([&] {
      (*bypass)->enter(7);
      work();
      done = true;
      for (;;) __builtin_ia32_pause();
    });
    meanwhile(done);
    _exit(status_free);
  }
  close(ends[1]);
  Outcome outcome;
  outcome.said = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) outcome.status = WEXITSTATUS(status);
  return outcome;
}

void check_breach(const Outcome& outcome, const std::string& call) {
  INFO(outcome.said);
  CHECK(outcome.status == exit_bypass_broken);
  CHECK(
      outcome.said.starts_with("penstock: worker 7 made the system call " + call + ", which --strict-bypass forbids"));
}

}  // namespace

TEST_CASE("the first system call ends the process and is named", "[bypass]") {
  check_breach(run([] { syscall(SYS_getpid); }), "getpid");
  check_breach(run([] { usleep(1); }), "clock_nanosleep");
  check_breach(run([] { syscall(SYS_sendto, 0, nullptr, 0, 0, nullptr, 0); }), "sendto");
  check_breach(run([] { mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }), "mmap");
  check_breach(run([] { syscall(SYS_futex, nullptr, 0, 0, nullptr, nullptr, 0); }), "futex");
}

TEST_CASE("ending the thread or the process is a system call as well", "[bypass]") {
  check_breach(run([] { syscall(SYS_exit, 0); }), "exit");
  check_breach(run([] { _exit(0); }), "exit_group");
  check_breach(run([] { _exit(exit_bypass_broken + 1); }), "exit_group");
}

TEST_CASE("a call without a name is told by its number", "[bypass]") {
  check_breach(run([] { syscall(509); }), "509");
  check_breach(run([] { syscall(100'000); }), "100000");
}

TEST_CASE("what a breach by write wanted to say is told, so an assertion keeps its words", "[bypass]") {
  const Outcome outcome = run([] { assertion_failed("the sum is right", "file.cpp", 12); });
  check_breach(outcome, "write");
  CHECK(outcome.said.find("assertion failed: the sum is right (file.cpp:12)") != std::string::npos);
  const Outcome elsewhere = run([] { static_cast<void>(write(STDOUT_FILENO, "to nobody\n", 10)); });
  check_breach(elsewhere, "write");
  CHECK(elsewhere.said.find("to nobody") != std::string::npos);
}

TEST_CASE("a thread may work in memory as long as it likes, and other threads may do what they want", "[bypass]") {
  const auto others = [](std::atomic<bool>& done) {
    while (!done) usleep(1000);
    std::fprintf(stderr, "pid %d\n", static_cast<int>(getpid()));
  };
  const Outcome outcome = run(
      [] {
        std::uint64_t sum = 1;
        for (std::uint64_t i = 0; i < 10'000'000; ++i) sum = sum * 31 + i;
        static std::atomic<std::uint64_t> kept{0};
        kept = sum;
      },
      others);
  CHECK(outcome.status == status_free);
  CHECK(outcome.said.starts_with("pid "));
}

TEST_CASE("a signal to the process does not reach a worker's thread", "[bypass]") {
  const auto signal_all = [](std::atomic<bool>& done) {
    std::signal(SIGTERM, [](int) {});
    while (!done) usleep(1000);
    // With the main thread deaf as well, the kernel would pick the worker if it listened.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    for (int i = 0; i < 20; ++i) {
      kill(getpid(), SIGTERM);
      usleep(1000);
    }
  };
  CHECK(run([] {}, signal_all).status == status_free);
}

#endif
