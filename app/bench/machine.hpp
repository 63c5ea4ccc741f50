// Machine: what the figures were measured on and compiled with, printed in front of them.
#pragma once

#include <string>

namespace penstock::bench {

struct Machine {
  std::string cpu;                  // as the kernel names it
  unsigned cores = 0;               // that this process may run on
  unsigned core_round_trip_ns = 0;  // of a cache line between two of them, as core_distance.hpp tells
  std::string kernel;               // "Linux 6.1.0"
  std::string compiler;             // with the options that decide instruction counts
};

Machine this_machine();
std::string text_of(const Machine& machine);
std::string json_of(const Machine& machine);

}  // namespace penstock::bench
