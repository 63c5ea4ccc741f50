// Impairment: what is done to frames on purpose: [port.impair] of the configuration, or a fault drawn by the simulator.
//
// Plain values, constant while a Link uses them. Fractions are whole parts per million of the frames, so that no floating
// point is needed; each frame's fate is rolled independently.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace penstock::impair {

struct Impairment {
  std::uint32_t loss_ppm = 0;              // frames that vanish, 0 … 1,000,000
  std::uint32_t duplicate_ppm = 0;         // frames that arrive twice
  std::uint32_t reorder_ppm = 0;           // frames that are held back further, so that later ones overtake them
  std::uint32_t corrupt_ppm = 0;           // frames of which one bit behind the Ethernet header is flipped
  Duration delay{};                        // one way, not negative
  Duration jitter{};                       // up to so much is added to the delay; alone it never reorders
  std::uint64_t rate_bits_per_second = 0;  // of frame bytes without preamble and FCS; 0 = no limit
  std::uint32_t queue_frames = 1024;       // frames in the link at once, waiting for rate or delay; at least 1
  std::uint64_t seed = 1;                  // of the chance it rolls
};

}  // namespace penstock::impair
