// penstock: the server. Composes the command line, the configuration, the services and the node; nothing else is here.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "control/admin_client.hpp"
#include "control/command_line.hpp"
#include "control/config.hpp"
#include "control/eal_arguments.hpp"
#include "nic/runtime_dir.hpp"
#include "penstock/discard.hpp"
#include "penstock/echo.hpp"
#include "penstock/sink.hpp"
#include "runtime/node.hpp"
#include "runtime/plan.hpp"

namespace {

using namespace penstock;

int refuse(const std::string& sentence) {
  fmt::print(stderr, "penstock: {}\n", sentence);
  return control::exit_bad_arguments;
}

std::uint32_t held_max(const runtime::Plan& plan) { return std::min(plan.node.sessions_max, plan.node.memory.chunks); }

// In the order of control::Service.
std::vector<std::unique_ptr<Application>> make_services(const runtime::Plan& plan, Arena& arena, TickClock) {
  std::vector<std::unique_ptr<Application>> services;
  services.push_back(std::make_unique<Echo>(arena, held_max(plan), plan.stream));
  services.push_back(std::make_unique<Discard>());
  services.push_back(std::make_unique<Sink>());
  return services;
}

std::size_t services_bytes(const runtime::Plan& plan) { return Echo::cost(held_max(plan)); }

// What --check-config and --capacity reckon with: a worker for each lcore that the words name, one when they name none.
int without_eal(const control::CommandLine& line, const control::Config& config,
                const std::vector<std::string>& eal_words) {
  const runtime::Plan plan = runtime::plan_node(config, control::lcore_count_of(eal_words).value_or(1));
  if (line.action == control::Action::capacity) {
    Capacity sum = capacity_of(plan.node, plan.buffers);
    sum.add_memory("messages that services hold back", services_bytes(plan), plan.node.workers);
    fmt::print("{}", sum.text(plan.node));
  }
  if (const auto sentence = runtime::shortfall(plan)) return refuse(fmt::format("{}: {}", config.file, *sentence));
  if (line.action == control::Action::check_config) fmt::print("penstock: {}: good\n", config.file);
  return 0;
}

int ask_running(const control::CommandLine& line) {
  const auto dir = nic::runtime_dir_for(line.file_prefix);
  if (!dir) return refuse(dir.error());
  const auto reply = control::ask_admin(dir->path + "/penstock_admin", line.admin_command);
  if (!reply) return refuse(reply.error());
  fmt::print("{}\n", *reply);
  return 0;
}

int run(const std::vector<std::string>& words) {
  const auto line = control::parse_command_line(words);
  if (!line) return refuse(line.error());
  if (line->action == control::Action::help) {
    fmt::print("{}", control::help_text());
    return 0;
  }
  if (line->action == control::Action::version) {
    fmt::print("{}", control::version_text(runtime::dpdk_version()));
    return 0;
  }
  if (line->action == control::Action::admin) return ask_running(*line);
  auto config = control::load_config(line->config_file);
  if (!config) return refuse(config.error().sentence());
  if (line->strict_bypass) {
    if (const auto possible = control::demand_strict_bypass(*config); !possible)
      return refuse(possible.error().sentence());
  }
  const auto eal_words = control::merge_eal_args(config->eal_args, line->eal_words);
  if (!eal_words) return refuse(eal_words.error());
  if (line->action != control::Action::run) return without_eal(*line, *config, *eal_words);
  runtime::Program program;
  program.services = {.make = make_services, .arena_bytes = services_bytes};
  return runtime::run(*config, *eal_words, program);
}

}  // namespace

int main(int argc, char** argv) { return run({argv + 1, argv + argc}); }
