// Counting: runs a part again in a process of its own under `valgrind --tool=callgrind` and brings its dumps home.
//
// The machine's counters are out of reach in a virtual machine, and instructions are what two runs agree on. The child is
// this very program with --counted, which nobody else calls.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "bench/callgrind_profile.hpp"
#include "bench/part.hpp"

namespace penstock::bench {

// The readings of a counted run: a dump, and how much work it holds.
struct CountedReading {
  Dump dump;
  std::uint64_t units = 0;
};

// Or a sentence: valgrind is missing, the part failed, or its output is not understood.
std::expected<std::vector<CountedReading>, std::string> count(const Part& part, const Scale& scale);

// Readings of the same label as one.
std::vector<CountedReading> by_label(const std::vector<CountedReading>& readings);

// What the child does: the part, and a line for each reading on its output. Exit status.
int run_counted(const Part& part, const Scale& scale);

}  // namespace penstock::bench
