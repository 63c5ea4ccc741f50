#include "sim/runner.hpp"

#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <vector>

#include "sim/broken.hpp"
#include "sim/shrink.hpp"
#include "sim/simulation.hpp"

namespace penstock::sim {

namespace {

// The seed in work, for the handler below.
volatile std::sig_atomic_t seed_in_work_low = 0;
volatile std::sig_atomic_t seed_in_work_high = 0;

// The assertion has printed its fact by now; what is missing is the seed. Only what a signal handler may call is called.
void on_abort(int) {
  char line[64] = "sim: seed ";
  std::size_t at = 10;
  std::uint64_t seed = static_cast<std::uint32_t>(seed_in_work_high);
  seed = seed << 32 | static_cast<std::uint32_t>(seed_in_work_low);
  char digits[20];
  std::size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + seed % 10);
    seed /= 10;
  } while (seed > 0);
  while (count > 0) line[at++] = digits[--count];
  for (const char* text = " broke: an assertion failed\n"; *text != 0; ++text) line[at++] = *text;
  static_cast<void>(!write(STDERR_FILENO, line, at));
  _exit(1);
}

// The lines that help with a world that broke.
void tell_replay(const Task& task, std::uint64_t seed) {
  fmt::print(stderr, "sim: replay: penstock-sim --seed {}{}\n", seed, task.overrides.options());
  if (!task.shrink) return;
  const Shrunk shrunk = shrink(apply(draw_plan(seed), task.overrides), verdict_of_child);
  fmt::print(stderr, "sim: smallest of {} worlds: penstock-sim --seed {}{}\nsim: it breaks: {}\n", shrunk.worlds, seed,
             shrunk.overrides.options(), shrunk.sentence);
}

// A long run tells now and then that it lives, by its first process, whose share is as long as any other's.
class Progress {
 public:
  Progress(const Task& task, bool tells) : task_(task), tells_(tells) {}

  void tell(std::uint64_t done) {
    const auto now = std::chrono::steady_clock::now();
    if (!tells_ || now - told_ < std::chrono::seconds(30)) return;
    told_ = now;
    fmt::print(stderr, "sim: some {} of {} worlds\n", done, task_.seeds);
  }

 private:
  const Task& task_;
  bool tells_;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

bool run_share(const Task& task, std::uint64_t first, std::uint64_t step, Coverage& total) {
  std::signal(SIGABRT, on_abort);
  Progress progress(task, first == 0);
  for (std::uint64_t i = first; i < task.seeds; i += step) {
    const std::uint64_t seed = task.seed + i;
    seed_in_work_low = static_cast<std::sig_atomic_t>(seed);
    seed_in_work_high = static_cast<std::sig_atomic_t>(seed >> 32);
    try {
      Simulation world(apply(draw_plan(seed), task.overrides), task.trace);
      total.add(world.run());
    } catch (const Broken& broken) {
      fmt::print(stderr, "sim: seed {} broke: {}\n", seed, broken.what());
      tell_replay(task, seed);
      return false;
    }
    progress.tell(i + step);
  }
  return true;
}

// One process's share, told to the parent as bytes.
struct Child {
  pid_t id = 0;
  int pipe = 0;
};

bool collect(const Child& child, Coverage& total) {
  Coverage part;
  std::size_t have = 0;
  while (have < sizeof(part)) {
    const ssize_t got = read(child.pipe, reinterpret_cast<char*>(&part) + have, sizeof(part) - have);
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  close(child.pipe);
  int status = 0;
  waitpid(child.id, &status, 0);
  if (have != sizeof(part) || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return false;
  total.add(part);
  return true;
}

}  // namespace

bool run_worlds(const Task& task, Coverage& total) {
  if (task.jobs <= 1) return run_share(task, 0, 1, total);
  std::vector<Child> children;
  for (std::uint64_t job = 0; job < task.jobs; ++job) {
    int ends[2];
    if (pipe(ends) != 0) return false;
    std::fflush(nullptr);
    const pid_t id = fork();
    if (id < 0) return false;
    if (id == 0) {
      close(ends[0]);
      Coverage part;
      const bool held = run_share(task, job, task.jobs, part);
      const bool told = write(ends[1], &part, sizeof(part)) == static_cast<ssize_t>(sizeof(part));
      std::fflush(nullptr);
      _exit(held && told ? 0 : 1);
    }
    close(ends[1]);
    children.push_back({id, ends[0]});
  }
  bool all = true;
  for (const Child& child : children) all = collect(child, total) && all;
  return all;
}

}  // namespace penstock::sim
