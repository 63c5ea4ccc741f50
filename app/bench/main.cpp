// penstock-bench: measures Penstock's parts, by the clock and in instructions, and tells which targets are met.
#include <fmt/format.h>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "bench/counting.hpp"
#include "bench/figure.hpp"
#include "bench/machine.hpp"
#include "bench/part.hpp"

namespace {

using namespace penstock::bench;

constexpr int exit_bad_arguments = 2;

struct Request {
  std::vector<std::string> names;
  std::string counted;  // the part to run as a child under callgrind
  Scale scale;
  std::uint32_t repeats = 7;
  bool json = false;
  bool clock = true;
  bool count = true;
  bool functions = false;
  bool rivals = false;
};

int refuse(const std::string& sentence) {
  fmt::print(stderr, "penstock-bench: {}\n", sentence);
  return exit_bad_arguments;
}

int list() {
  for (const std::string_view id : target_ids()) {
    fmt::print("{:<18} the parts", id);
    for (const Part* part : parts_of(id)) fmt::print(" {}", part->name);
    fmt::print("\n");
  }
  for (const Part& part : all_parts()) fmt::print("{:<18} {}\n", part.name, part.what);
  fmt::print("{:<18} a sender toward the original KCP over a path in virtual time; T10 by 'targets --only T10'\n",
             "path");
  return 0;
}

std::string build_directory() {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  return self.parent_path().parent_path().parent_path().string();
}

int become(std::vector<const char*> command, char** words) {
  for (; *words != nullptr; ++words) command.push_back(*words);
  command.push_back(nullptr);
  execvp(command[0], const_cast<char**>(command.data()));
  return refuse(fmt::format("{}: {}", command[0], std::strerror(errno)));
}

// Whole processes are measured by a script, which this process becomes. PENSTOCK_SOURCE comes from meson.build.
int become_script(const std::string& script, char** words) {
  const std::string build = build_directory();
  const std::string path = PENSTOCK_SOURCE "/app/bench/targets/" + script;
  return become({"python3", path.c_str(), "--build", build.c_str()}, words);
}

// Senders on a virtual path stand beside the tests: the rig is made of the simulator's oracle and the differential tests'
// ikcp, which no part of the app may know, and needs no DPDK.
int become_path(char** words) {
  const std::string program = build_directory() + "/tests/path/penstock-path";
  return become({program.c_str()}, words);
}

void print(const Machine& machine, bool json) { fmt::print("{}\n", json ? json_of(machine) : text_of(machine)); }

// A name is that of a part or of a target; nullptr stands for a name that is neither.
std::vector<const Part*> parts_named(const std::string& name) {
  std::vector<const Part*> parts = parts_of(name);
  if (parts.empty()) parts.push_back(find_part(name));
  return parts;
}

void print(std::span<const Result> results, const Request& request) {
  for (const Figure& figure : figures_of(results)) {
    fmt::print("{}\n", request.json ? json_of(figure) : text_of(figure));
  }
  if (request.functions && !request.json) {
    constexpr double worth_telling = 0.01;
    for (const Result& result : results) {
      for (const CountedReading& reading : by_label(result.counted)) {
        if (reading.dump.label.starts_with("echo-")) fmt::print("{}", stages_of(reading));
        fmt::print("{}", functions_of(reading, worth_telling));
      }
    }
  }
  std::fflush(stdout);
}

// Throws BenchError.
Result measure(const Part& part, const Request& request) {
  Result result{.part = &part, .timed = {}, .counted = {}};
  if (request.clock) {
    Meter meter(request.repeats);
    part.run(meter, request.scale);
    result.timed = meter.readings();
  }
  if (request.count) {
    auto counted = count(part, request.scale);
    if (!counted) throw BenchError(counted.error());
    result.counted = std::move(*counted);
  }
  return result;
}

int measure_all(const std::vector<const Part*>& parts, const Request& request) {
  print(this_machine(), request.json);
  std::vector<Result> results;
  for (const Part* part : parts) {
    std::vector<Result> pair;
    pair.push_back(measure(*part, request));
    const Part* rival = request.rivals ? find_part(rival_of(part->name)) : nullptr;
    if (rival != nullptr) pair.push_back(measure(*rival, request));
    print(pair, request);
    std::ranges::move(pair, std::back_inserter(results));
  }
  // What only several parts together tell comes last.
  for (const Figure& figure : figures_of(results)) {
    if (figure.name == flatness_name) fmt::print("{}\n", request.json ? json_of(figure) : text_of(figure));
  }
  return 0;
}

int run(const Request& request) {
  if (!request.counted.empty()) {
    const Part* part = find_part(request.counted);
    return part == nullptr ? refuse("--counted: there is no part '" + request.counted + "'")
                           : run_counted(*part, request.scale);
  }
  if (request.names.empty()) return refuse("name what to measure, or 'list'");
  if (request.names.size() == 1 && request.names.front() == "list") return list();
  if (request.names.size() == 1 && request.names.front() == "machine") {
    print(this_machine(), request.json);
    return 0;
  }
  if (!request.clock && !request.count) return refuse("--no-clock and --no-count leave nothing to measure");
  std::vector<const Part*> parts;
  for (const std::string& name : request.names) {
    for (const Part* part : parts_named(name)) {
      if (part == nullptr) return refuse("there is nothing called '" + name + "' (see 'list')");
      parts.push_back(part);
    }
  }
  return measure_all(parts, request);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "targets") return become_script("run.py", argv + 2);
  if (first == "scaling") return become_script("scaling.py", argv + 2);
  if (first == "overload") return become_script("overload.py", argv + 2);
  if (first == "path") return become_path(argv + 2);
  CLI::App app("Measures Penstock's parts, by the clock and in instructions under valgrind.");
  Request request;
  bool no_clock = false;
  bool no_count = false;
  app.add_option("NAME", request.names,
                 "'list', 'machine', parts, or T3, T4, T6; or first of all 'targets', 'scaling', 'overload' or 'path', "
                 "which have options of their own");
  app.add_flag("--json", request.json, "a line of JSON for each figure");
  app.add_flag("--functions", request.functions, "where the instructions go, function by function");
  app.add_flag("--rivals", request.rivals, "measure what does the same elsewhere (ikcp, rte_hash, rte_timer) as well");
  app.add_flag("--quick", request.scale.quick, "fewer sessions, where that does not change the work for each");
  app.add_option("--idle-sessions", request.scale.idle_sessions, "sessions of the part 'idle' (1048576)")
      ->check(CLI::Range(2048, 16'777'216));
  app.add_flag("--no-clock", no_clock, "instructions only");
  app.add_flag("--no-count", no_count, "nanoseconds only");
  app.add_option("--repeats", request.repeats, "readings by the clock, of which the median counts")
      ->check(CLI::Range(1, 1000));
  app.add_option("--counted", request.counted)->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? app.exit(error) : refuse(error.what());
  }
  request.clock = !no_clock;
  request.count = !no_count;
  try {
    return run(request);
  } catch (const BenchError& error) {
    fmt::print(stderr, "penstock-bench: {}\n", error.what());
    return 1;
  }
}
