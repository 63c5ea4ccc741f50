#include "bench/machine.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <fstream>
#include <string_view>
#include <thread>

#include "bench/core_distance.hpp"

namespace penstock::bench {

namespace {

std::string cpu_name() {
  static constexpr std::string_view key = "model name\t: ";
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key)) return line.substr(key.size());
  }
  return "unknown";
}

}  // namespace

Machine this_machine() {
  utsname names{};
  uname(&names);
  return {.cpu = cpu_name(),
          .cores = std::thread::hardware_concurrency(),
          .core_round_trip_ns = core_round_trip_ns(),
          .kernel = fmt::format("{} {}", names.sysname, names.release),
          // PENSTOCK_FLAGS comes from meson.build.
          .compiler = fmt::format("g++ {}.{} {}", __GNUC__, __GNUC_MINOR__, PENSTOCK_FLAGS)};
}

std::string text_of(const Machine& machine) {
  return fmt::format("{}, {} cores, {} ns from core to core and back, {}; {}", machine.cpu, machine.cores,
                     machine.core_round_trip_ns, machine.kernel, machine.compiler);
}

std::string json_of(const Machine& machine) {
  return fmt::format(R"({{"machine":"{}","cores":{},"core_round_trip_ns":{},"kernel":"{}","compiler":"{}"}})",
                     machine.cpu, machine.cores, machine.core_round_trip_ns, machine.kernel, machine.compiler);
}

}  // namespace penstock::bench
