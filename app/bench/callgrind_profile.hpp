// CallgrindProfile: what callgrind wrote, a dump a reading: instructions of each function, by itself and with its callees.
//
// Reads the "callgrind format, version 1" with one position (lines) and one event (Ir), as counting.cpp asks for it.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::bench {

struct FunctionCost {
  std::uint64_t self = 0;       // instructions of its own
  std::uint64_t inclusive = 0;  // with those of what it called; too high for functions that call themselves
  std::uint64_t calls = 0;      // from functions that were counted
};

struct Dump {
  std::string label;  // as given to Meter::end()
  std::uint64_t instructions = 0;
  std::map<std::string, FunctionCost> functions;

  // The sum over functions whose name begins with `prefix`; "penstock::" may be left out.
  FunctionCost of(std::string_view prefix) const;
};

// The dumps of a file in their order, or a sentence that says where it is not understood.
std::expected<std::vector<Dump>, std::string> parse_callgrind(std::string_view text);

}  // namespace penstock::bench
