// penstock-diff: our KCP beside the original ikcp, level by level; fails on any difference that the ledger does not name.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>

#include "diff/ikcp.hpp"
#include "diff/levels.hpp"
#include "diff/shown.hpp"

namespace {

using namespace penstock::diff;

struct Case {
  std::string name;
  std::function<std::string(const Bench&)> run;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases = {
      {"D1-headers", compare_headers},
      {"D1-defaults", compare_defaults},
      {"D2-lockstep", [](const Bench& bench) { return run_lockstep(bench, false); }},
      {"D2-lockstep-congestion-window", [](const Bench& bench) { return run_lockstep(bench, true); }},
      {"D3-schedules", compare_schedules},
      {"D4-across", talk_across},
  };
  for (const auto& all : {shown_attacks(), shown_habits()}) {
    for (const Shown& shown : all) cases.push_back({"shown-" + std::string(shown.name), shown.show});
  }
  return cases;
}

int run(const Order& order, const std::string& only) {
  Memory memory;
  Ledger ledger;
  const Bench bench{memory, ledger, order};
  int passed = 0, failed = 0;
  for (const Case& one : all_cases()) {
    if (one.name.find(only) == std::string::npos) continue;
    const auto started = std::chrono::steady_clock::now();
    try {
      const std::string figures = one.run(bench);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
      fmt::print("ok {}: {} ({:.1f} s)\n", one.name, figures, took.count());
      ++passed;
    } catch (const Broken& broken) {
      fmt::print("FAIL {}: {}\n", one.name, broken.what());
      ++failed;
    }
    std::fflush(stdout);
  }
  if (only.empty()) {
    fmt::print("how often each divergence of the ledger occurred\n{}", ledger.report());
    for (const std::string_view name : ledger.missing()) {
      fmt::print("FAIL ledger: {} never occurred\n", name);
      ++failed;
    }
  }
  fmt::print("diff: {} passed, {} failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Order order;
  std::string only;
  std::string library = ikcp_library();
  bool is_long = false;
  CLI::App app("Our KCP machine beside the original ikcp: equal, but for what docs/divergences.md names");
  app.add_option("--seed", order.seed, "the (first) run of each level");
  app.add_option("--only", only, "the cases whose name contains this; the ledger is then not judged");
  app.add_option("--ikcp", library, "the shared object that tests/diff/build_ikcp.sh makes");
  const auto size = [](std::uint64_t high) { return CLI::Range(std::uint64_t{1}, high); };
  auto* steps = app.add_option("--steps", order.steps, "steps of D2, each way")->check(size(1'000'000'000));
  auto* schedules = app.add_option("--schedules", order.schedules, "schedules of D3")->check(size(10'000'000));
  auto* talks = app.add_option("--conversations", order.conversations, "conversations of D4")->check(size(10'000'000));
  app.add_flag("--long", is_long, "100 times as many of each, unless told otherwise");
  CLI11_PARSE(app, argc, argv);
  if (is_long && steps->empty()) order.steps *= 100;
  if (is_long && schedules->empty()) order.schedules *= 100;
  if (is_long && talks->empty()) order.conversations *= 100;
  try {
    load_ikcp(library);
  } catch (const Broken& broken) {
    fmt::print(stderr, "penstock-diff: {}\n", broken.what());
    return 2;
  }
  return run(order, only);
}
