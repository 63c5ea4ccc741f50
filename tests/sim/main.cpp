// penstock-sim: replays one world, or lives through many and tells what occurred in them.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "sim/coverage.hpp"
#include "sim/runner.hpp"

int main(int argc, char** argv) {
  using namespace penstock::sim;
  Task task;
  bool require_coverage = false;
  CLI::App app("Whole-network simulation in virtual time: one seed, one world");
  app.add_option("--seed", task.seed, "the (first) world")->required();
  app.add_option("--seeds", task.seeds, "how many worlds, from --seed on")->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--jobs", task.jobs, "processes to share them out over")->check(CLI::Range(1, 64));
  app.add_flag("--trace", task.trace, "print each frame on each link and each event of an application");
  app.add_flag("--shrink", task.shrink, "make the world that breaks as small as it gets, and print how to replay it");
  app.add_option("--without", task.overrides.without, "faults to leave out, such as loss,partition")->delimiter(',');
  app.add_option("--conversations", task.overrides.conversations, "the conversations to begin, such as 3,17")
      ->delimiter(',');
  double until = 0;
  const CLI::Option* has_until =
      app.add_option("--until", until, "s after which there are no faults")->check(CLI::Range(0.0, 1000.0));
  app.add_flag("--require-coverage", require_coverage, "fail when something that can occur never did");
  CLI11_PARSE(app, argc, argv);
  if (has_until->count() > 0)
    task.overrides.until = penstock::Duration::us(static_cast<std::int64_t>(until * 1e6 + 0.5));
  const std::string complaint = complaint_about(task.overrides, draw_plan(task.seed));
  if (!complaint.empty()) {
    fmt::print(stderr, "sim: {}\n", complaint);
    return 2;
  }

  Coverage total;
  if (!run_worlds(task, total)) return 1;
  fmt::print("{}", total.report());
  if (!require_coverage) return 0;
  const auto missing = total.missing();
  for (const std::string& what : missing) fmt::print(stderr, "sim: never occurred: {}\n", what);
  return missing.empty() ? 0 : 1;
}
