// Limits: what a script may ask of the node it plays on, so that a slip of the pen is told by its line instead of breaking
// an assertion of the engine, which takes such values from a checked configuration only.
#pragma once

#include "packets/bench.hpp"

namespace penstock::packets {

// The longest frame that fits a block of the bench's port.
inline constexpr std::size_t frame_bytes_max = 2048;

// Throws ScriptError with the setting that lies outside its range.
void check_setup(const BenchSetup& setup);
void check_frame(const Bytes& frame);

}  // namespace penstock::packets
