// penstock-path: one sender toward an unmodified ikcp over a virtual path; what `penstock-bench path` becomes.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "diff/ikcp.hpp"
#include "path/option_names.hpp"
#include "path/summary.hpp"

namespace {

using namespace penstock;
using namespace penstock::path;

constexpr int exit_bad_arguments = 2;
constexpr double us_per_ms = 1000;
constexpr double ppm = 1e6;
constexpr std::uint64_t mega = 1'000'000;
// Blocks of a session beside what it may hold in flight and unsent: those of a turn.
constexpr std::uint32_t blocks_spare = 512;

struct Request {
  std::string sender = "ours", work = "bulk";
  double rate_mbit = 0, back_rate_mbit = 0;
  double rtt_ms = 20;
  double loss = 0, back_loss = 0;
  double queue_kb = 0;
  double bulk_mb = 100, game_minutes = 10;
  double phase_ms = 0;
  bool draw_phase = false;
  std::uint32_t window = 1024;
  std::vector<std::string> settings;
  std::uint64_t seed = 1;
  std::uint32_t seeds = 5;
  double sample_ms = 0;
  std::string library;
  bool json = false;
};

int refuse(const std::string& sentence) {
  fmt::print(stderr, "penstock-bench path: {}\n", sentence);
  return exit_bad_arguments;
}

constexpr std::array works = {Work::bulk, Work::game};

template <class Values>
std::vector<std::string> names_of(const Values& values) {
  std::vector<std::string> names;
  for (const auto value : values) names.emplace_back(name_of(value));
  return names;
}

// The value of this name, which is there.
template <class Values>
auto named(const Values& values, const std::string& name) {
  return *std::ranges::find_if(values, [&](auto value) { return name_of(value) == name; });
}

void declare(CLI::App& app, Request& request) {
  app.add_option(
         "--sender", request.sender,
         "ours, ikcp, the oracle, which knows of each loss after a round trip, ticked-oracle, after the receiver's "
         "next flush, or spare-oracle, which sends two copies of what was lost twice")
      ->check(CLI::IsMember(names_of(sender_kinds)));
  app.add_option("--work", request.work, "bulk: --mb in whole segments; game: 64 B each 20 ms")
      ->check(CLI::IsMember(names_of(works)));
  app.add_option("--rate", request.rate_mbit, "Mbit/s of the bottleneck, bytes of UDP payload counted; 0: none")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--back-rate", request.back_rate_mbit, "the same on the way back")->check(CLI::Range(0.0, 1e6));
  app.add_option("--rtt", request.rtt_ms, "ms, half of it each way")->check(CLI::Range(0.01, 60'000.0));
  app.add_option("--loss", request.loss, "of datagrams on the way there, 0.05 for 5 %")->check(CLI::Range(0.0, 1.0));
  app.add_option("--back-loss", request.back_loss, "of datagrams on the way back")->check(CLI::Range(0.0, 1.0));
  app.add_option("--queue", request.queue_kb, "KB that the bottleneck holds; 0: all that comes")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--window", request.window, "segments in flight, of both sides")->check(CLI::Range(1, 32'768));
  app.add_option("--set", request.settings, "nodelay=2: an option of the sender; the rest is turbo mode");
  app.add_option("--mb", request.bulk_mb, "bytes of bulk, in millions")->check(CLI::Range(0.001, 4000.0));
  app.add_option("--minutes", request.game_minutes, "of the game")->check(CLI::Range(0.01, 600.0));
  app.add_option("--phase", request.phase_ms, "ms by which the receiver's ticks come after the sender's")
      ->check(CLI::Range(0.0, 10.0));
  app.add_flag("--any-phase", request.draw_phase, "another phase for each seed, within the 10 ms of a flush");
  app.add_option("--seed", request.seed, "of the first run");
  app.add_option("--seeds", request.seeds, "runs, taken together")->check(CLI::Range(1, 10'000));
  app.add_option("--ikcp", request.library, "the shared object that tests/diff/build_ikcp.sh makes");
  app.add_option("--samples", request.sample_ms, "with --json: a look at the first seed each so many ms")
      ->check(CLI::Range(0.0, 60'000.0));
  app.add_flag("--json", request.json, "a line of JSON");
}

std::uint64_t bits(double mbit) { return static_cast<std::uint64_t>(std::llround(mbit * static_cast<double>(mega))); }
std::uint32_t ppm_of(double fraction) { return static_cast<std::uint32_t>(std::lround(fraction * ppm)); }

Trial trial_of(const Request& request) {
  Trial trial;
  trial.sender = named(sender_kinds, request.sender);
  trial.work = named(works, request.work);
  trial.options = turbo(request.window);
  trial.bulk_bytes = bits(request.bulk_mb);
  trial.game_time = Duration::us(std::llround(request.game_minutes * 60 * 1000 * us_per_ms));
  const Duration way = Duration::us(std::llround(request.rtt_ms * us_per_ms / 2));
  trial.there.rate_bits_per_second = bits(request.rate_mbit);
  trial.there.queue_bytes = static_cast<std::uint64_t>(request.queue_kb * 1000);
  trial.there.delay = way;
  trial.there.loss_ppm = ppm_of(request.loss);
  trial.back.rate_bits_per_second = bits(request.back_rate_mbit);
  trial.back.delay = way;
  trial.back.loss_ppm = ppm_of(request.back_loss);
  trial.receiver_phase = Duration::us(std::llround(request.phase_ms * us_per_ms));
  trial.seed = request.seed;
  trial.sample_every = Duration::us(std::llround(request.sample_ms * us_per_ms));
  return trial;
}

int measure(const Request& request) {
  Trial trial = trial_of(request);
  for (const std::string& setting : request.settings) {
    if (const auto fault = set_option(trial.options, setting)) return refuse("--set: " + *fault);
  }
  if (const auto fault = trial.options.validate()) {
    return refuse(fmt::format("--set {}: {}", fault->field, fault->sentence));
  }
  if (trial.options.mtu > diff::Memory::block_bytes - diff::Memory::headroom)
    return refuse("--set mtu: at most 2048 here");
  if (trial.messages() == 0) return refuse("--minutes: too short for a message");
  diff::load_ikcp(request.library);
  Summary summary(trial);
  diff::Memory memory(trial.options.snd_wnd + trial.options.send_queue_segments_max + blocks_spare);
  for (std::uint32_t i = 0; i < request.seeds; ++i, ++trial.seed) {
    constexpr std::int64_t flush_us = 10'000;
    if (request.draw_phase) trial.receiver_phase = Duration::us(Rng(trial.seed).child(4).between(0, flush_us - 1));
    summary.add(run(trial, memory));
  }
  fmt::print("{}\n", request.json ? summary.json() : summary.text());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("One sender toward an unmodified ikcp over a path in virtual time.", "penstock-bench path");
  Request request;
  request.library = diff::ikcp_library();
  declare(app, request);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? app.exit(error) : refuse(error.what());
  }
  try {
    return measure(request);
  } catch (const diff::Broken& broken) {
    fmt::print(stderr, "penstock-bench path: {}\n", broken.what());
    return 1;
  }
}
