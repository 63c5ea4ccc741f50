// Impairment: what is done to frames on purpose: [port.impair] of the configuration, or a fault drawn by the simulator;
// and what came of it, by cause.
//
// Plain values. `impair` does it; they stand here because a Port may be asked to change them while it runs, and control
// asks. Fractions are whole parts per million of the frames, so that no floating point is needed; each frame's fate is
// rolled independently, but for bursts, which have a memory of one state.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace penstock::impair {

// Directions of a port, from its worker's point of view.
enum class Ways : std::uint8_t { none = 0, receive = 1, send = 2, both = 3 };
constexpr bool covers(Ways ways, Ways one) {
  return (static_cast<unsigned>(ways) & static_cast<unsigned>(one)) == static_cast<unsigned>(one);
}

struct Impairment {
  std::uint32_t loss_ppm = 0;  // frames that vanish while no burst of losses lasts, 0 … 1,000,000
  // Bursts of losses (Gilbert and Elliott): each frame may begin one, or end the one that lasts.
  std::uint32_t burst_begin_ppm = 0;
  std::uint32_t burst_end_ppm = 0;
  std::uint32_t burst_loss_ppm = 1'000'000;  // frames that vanish while one lasts
  std::uint32_t duplicate_ppm = 0;           // frames that arrive twice
  std::uint32_t reorder_ppm = 0;             // frames that are held back further, so that later ones overtake them
  std::uint32_t corrupt_ppm = 0;             // frames of which one bit behind the Ethernet header is flipped
  std::uint32_t blackhole_bytes = 0;         // frames whose IP packet is longer vanish; 0 = none
  Duration delay{};                          // one way, not negative
  Duration jitter{};                         // up to so much is added to the delay; alone it never reorders
  std::uint64_t rate_bits_per_second = 0;    // of frame bytes without preamble and FCS; 0 = no limit
  std::uint32_t queue_frames = 1024;  // frames in the link at once, waiting for rate, delay or release; at least 1
  Duration ecn{};  // a frame that waits longer for the rate is marked, if its sender takes marks; zero = none
  // At the beginning of each `hold_every` of the clock nothing leaves for `hold`, and then all of it at once.
  Duration hold_every{};        // zero = never
  Duration hold{};              // shorter than hold_every
  Ways direction = Ways::both;  // … in which all this is done
  Ways partition = Ways::none;  // directions that are cut
  std::uint64_t seed = 1;       // of the chance it rolls

  bool operator==(const Impairment&) const = default;
  // What a link of one direction has to do of it; its partition is `both` when that direction is cut.
  Impairment toward(Ways way) const {
    Impairment made = *this;
    if (!covers(direction, way)) {
      made = {};
      made.queue_frames = queue_frames;
      made.seed = seed;
    }
    made.partition = covers(partition, way) ? Ways::both : Ways::none;
    return made;
  }
};

// What a link did so far: offered + duplicated = forwarded + lost + burst_lost + partitioned + blackholed + queue_full, and
// what it holds.
struct LinkCounters {
  std::uint64_t offered = 0;
  std::uint64_t forwarded = 0;  // handed out, duplicates included
  std::uint64_t lost = 0;
  std::uint64_t burst_lost = 0;
  std::uint64_t bursts = 0;       // times that a burst of losses began
  std::uint64_t partitioned = 0;  // lost because the line was cut
  std::uint64_t blackholed = 0;   // lost because they were too long
  std::uint64_t queue_full = 0;
  std::uint64_t duplicated = 0;  // copies that found a place
  std::uint64_t reordered = 0;
  std::uint64_t corrupted = 0;
  std::uint64_t ecn_marked = 0;
  std::uint64_t held_back = 0;  // frames that had to wait for a release
  std::uint64_t no_copy = 0;  // duplications, corruptions and marks that did not happen for want of a block or a place
};

// What a port says of its impairment on one queue.
struct ImpairReport {
  std::uint64_t impaired = 0;  // 0: there is none in its path
  Impairment faults{};         // in force
  LinkCounters receive{};
  LinkCounters send{};
};

}  // namespace penstock::impair
