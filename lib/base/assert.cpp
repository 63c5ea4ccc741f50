#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace penstock {

void assertion_failed(const char* fact, const char* file, int line) noexcept {
  std::fprintf(stderr, "penstock: assertion failed: %s (%s:%d)\n", fact, file, line);
  std::abort();
}

}  // namespace penstock
