// FUZZ_CLAIM: what must hold whatever the input. A claim that fails says so and traps, which libFuzzer takes for a crash and
// keeps the input of.
#pragma once

#include <cstdio>

namespace penstock::fuzz {

[[noreturn, gnu::noinline]] inline void broken(const char* claim, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken claim: %s\n", file, line, claim);
  __builtin_trap();
}

}  // namespace penstock::fuzz

#define FUZZ_CLAIM(claim) \
  (__builtin_expect(!(claim), 0) ? ::penstock::fuzz::broken(#claim, __FILE__, __LINE__) : static_cast<void>(0))
