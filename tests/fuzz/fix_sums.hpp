// fix_sums: writes the right checksums into a frame, so that a fuzzer gets past them.
//
// It finds its way by itself and believes what the frame says of lengths as far as there are bytes; what it does not
// understand it leaves alone.
#pragma once

#include <cstdint>
#include <span>

namespace penstock::fuzz {

void fix_sums(std::span<std::uint8_t> frame);

}  // namespace penstock::fuzz
