// penstock-load: the load generator. Composes options, configuration, client and node, and prints progress and the report.

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

#include "control/command_line.hpp"
#include "control/config.hpp"
#include "control/eal_arguments.hpp"
#include "load/client.hpp"
#include "load/flood.hpp"
#include "load/options.hpp"
#include "load/report.hpp"
#include "runtime/node.hpp"
#include "runtime/plan.hpp"

namespace {

using namespace penstock;

constexpr Duration progress_interval = Duration::seconds(1);
constexpr int exit_failed = 1;

int refuse(const std::string& sentence) {
  fmt::print(stderr, "penstock-load: {}\n", sentence);
  return control::exit_bad_arguments;
}

// The local prefixes of a family, the first that is long enough first; sessions of one target share one of them.
std::vector<net::Prefix> prefixes_of(const control::Config& config, bool v4) {
  std::vector<net::Prefix> prefixes;
  for (const control::PortConfig& port : config.ports) {
    for (const control::InterfaceConfig& interface : port.interfaces) {
      for (const net::Prefix& prefix : interface.local_prefixes) {
        if (prefix.address.is_v4() == v4) prefixes.push_back(prefix);
      }
    }
  }
  return prefixes;
}

// Each server from each local prefix of its family; from our own address where there is none.
std::vector<load::Target> targets_of(const control::Config& config, const std::vector<net::Endpoint>& to) {
  std::vector<load::Target> targets;
  for (const net::Endpoint& remote : to) {
    const bool v4 = remote.address.is_v4();
    const auto prefixes = prefixes_of(config, v4);
    for (const net::Prefix& prefix : prefixes) {
      const unsigned host_bits = (v4 ? 32u : 128u) - prefix.length;
      targets.push_back(
          {remote, prefix.address, host_bits > 32 ? std::uint64_t{1} << 32 : std::uint64_t{1} << host_bits});
    }
    if (prefixes.empty()) targets.push_back({.remote = remote});
  }
  return targets;
}

// Says how far the run is, once a second; true when it is over.
class Watch {
 public:
  explicit Watch(const load::RunPlan& plan, const load::Progress& progress) : plan_(plan), progress_(progress) {}

  bool look(Instant now) {
    constexpr auto relaxed = std::memory_order_relaxed;
    const load::Phase phase = progress_.phase.load(relaxed);
    if (phase == load::Phase::over) return true;
    if (next_.is_never()) next_ = now + progress_interval;
    if (now < next_) return false;
    const std::uint64_t answered = progress_.answered.load(relaxed);
    const double passed_s = static_cast<double>((now - last_).count_us()) / 1e6;
    const double rate = last_.is_never() ? 0 : static_cast<double>(answered - answered_before_) / passed_s;
    fmt::print("penstock-load: {}: {} of {} sessions, {} answered, {:.0f}/s, {} in flight, {} mismatches\n",
               load::phase_names[static_cast<std::size_t>(phase)], progress_.connections.load(relaxed), plan_.sessions,
               answered, rate, progress_.in_flight.load(relaxed), progress_.mismatches.load(relaxed));
    std::fflush(stdout);
    answered_before_ = answered;
    last_ = now;
    next_ = now + progress_interval;
    return false;
  }

 private:
  const load::RunPlan& plan_;
  const load::Progress& progress_;
  Instant next_ = Instant::never();
  Instant last_ = Instant::never();
  std::uint64_t answered_before_ = 0;
};

int run_load(const load::Options& options, const control::Config& config, const std::vector<std::string>& eal_words) {
  if (config.limits.sessions_max < options.plan.sessions)
    return refuse(fmt::format("--sessions: {} are more than {}: limits.sessions_max allows, {}", options.plan.sessions,
                              config.file, config.limits.sessions_max));
  load::Progress progress;
  load::Results results;
  Watch watch(options.plan, progress);
  runtime::Program program;
  program.name = "penstock-load";
  program.workers_max = 1;
  program.services.make = [&](const runtime::Plan& plan, Arena& arena, TickClock ticks) {
    const kcp::Options& kcp = plan.node.listeners[0].kcp;
    const load::ClientSetup setup{.plan = options.plan,
                                  .targets = targets_of(config, options.to),
                                  .segment_bytes = kcp.mss(),
                                  .ack_delay = Duration::ms(kcp.ack_delay_ms)};
    std::vector<std::unique_ptr<Application>> services;
    services.push_back(std::make_unique<load::Client>(arena, setup, ticks, progress, results));
    return services;
  };
  program.services.arena_bytes = [&](const runtime::Plan&) { return load::Client::cost(options.plan); };
  if (options.plan.flood != load::FloodKind::none) {
    program.wrap_port = [&](Port& inner, BlockPool& blocks) {
      return std::make_unique<load::FloodPort>(inner, blocks, options.plan, progress, results);
    };
  }
  program.finished = [&](Instant now) { return watch.look(now); };
  if (const int status = runtime::run(config, eal_words, program); status != 0) return status;
  fmt::print("{}", load::text_of(options.plan, results));
  if (options.json) fmt::print("{}\n", load::json_of(options.plan, results));
  return results.ok(options.plan) ? 0 : exit_failed;
}

int run(const std::vector<std::string>& words) {
  const auto options = load::parse_options(words);
  if (!options) return refuse(options.error());
  if (options->action == load::Action::help) {
    fmt::print("{}", load::help_text());
    return 0;
  }
  if (options->action == load::Action::version) {
    fmt::print("{}", control::version_text(runtime::dpdk_version()));
    return 0;
  }
  if (const auto words_ok = control::parse_eal_args(options->eal_words); !words_ok) return refuse(words_ok.error());
  const auto config = control::load_config(options->config_file, control::Role::load);
  if (!config) return refuse(config.error().sentence());
  const auto eal_words = control::merge_eal_args(config->eal_args, options->eal_words);
  if (!eal_words) return refuse(eal_words.error());
  return run_load(*options, *config, *eal_words);
}

}  // namespace

int main(int argc, char** argv) { return run({argv + 1, argv + argc}); }
