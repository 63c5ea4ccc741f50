// Random bytes of the operating system's, for keys and seeds at start. Never on the data path.
#pragma once

#include <sys/random.h>

#include <cstdint>
#include <span>

#include "base/assert.hpp"
#include "base/siphash.hpp"

namespace penstock::runtime {

inline void fill_random(std::span<std::uint8_t> bytes) {
  // Up to 256 bytes come whole (getrandom(2)).
  PENSTOCK_ASSERT(bytes.size() <= 256);
  const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
  PENSTOCK_ASSERT(got == static_cast<ssize_t>(bytes.size()));
}

template <class T>
T random_value() {
  T value;
  fill_random({reinterpret_cast<std::uint8_t*>(&value), sizeof(value)});
  return value;
}

inline SipKey random_key() { return {random_value<std::uint64_t>(), random_value<std::uint64_t>()}; }

}  // namespace penstock::runtime
